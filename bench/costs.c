// What the kernel's work costs by this machine's own clock: one line "NAME NS" for each entry of bench/costs.py.
// argv[1]: how often each is measured; the median is printed. Run on the host and inside (see costs.py). With "busy" and
// the name of a loop: do that for a second.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define TABLE (512 * PAGE) // what one table of the lowest level maps
#define MOST 1001

static int rounds = 15;
static char *self;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Each measurement gives the time of n times the same thing.
static double median(double (*measure)(long), long n) {
    static double all[MOST];
    usleep(50000); // what the kernel has put off is done now
    for (int i = 0; i < rounds; i++)
        all[i] = measure(n);
    qsort(all, rounds, sizeof *all, by_size);
    return all[rounds / 2];
}

static void print(const char *name, double ns) { printf("%s %.1f\n", name, ns); }

static void die(const char *what) {
    perror(what);
    exit(1);
}

static char *pages(unsigned long n, int fd) {
    char *p = mmap(0, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (p == MAP_FAILED)
        die("mmap");
    madvise(p, n * PAGE, 15 /* MADV_NOHUGEPAGE */);
    return p;
}

static void touch(char *p, unsigned long n) {
    for (unsigned long i = 0; i < n; i++)
        p[i * PAGE] = 1;
}

static void reap(pid_t pid) {
    if (pid < 0 || waitpid(pid, 0, 0) != pid)
        die("fork");
}

// Ways in.

static double traps(long n) {
    double t = now();
    for (long i = 0; i < n; i++)
        syscall(SYS_getppid);
    return (now() - t) / n;
}

static double write_faults(long n) {
    char *p = pages(n, -1);
    touch(p, 1); // the tables are there
    double t = now();
    touch(p + PAGE, n - 1);
    t = now() - t;
    munmap(p, n * PAGE);
    return t / (n - 1);
}

static double read_faults(long n) {
    char *p = pages(n, -1);
    touch(p, 1);
    volatile char sum = 0;
    double t = now();
    for (long i = 1; i < n; i++)
        sum += p[i * PAGE];
    t = now() - t;
    munmap(p, n * PAGE);
    return t / (n - 1);
}

static double cow_faults(long n) {
    char *p = pages(n, -1);
    touch(p, n);
    int fds[2];
    if (pipe(fds))
        die("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(fds[1]);
        _exit(read(fds[0], &c, 1) != 0);
    }
    close(fds[0]);
    touch(p, 1);
    double t = now();
    touch(p + PAGE, n - 1);
    t = now() - t;
    close(fds[1]);
    reap(pid);
    munmap(p, n * PAGE);
    return t / (n - 1);
}

// A page each in n regions of 2 MiB.
static double sparse_faults(long n) {
    char *p = pages(n * 512, -1);
    double t = now();
    for (long i = 0; i < n; i++)
        p[i * TABLE] = 1;
    t = now() - t;
    munmap(p, n * 512 * PAGE);
    return t / n;
}

static double unmap(long n) {
    char *p = pages(n, -1);
    touch(p, n);
    double t = now();
    munmap(p, n * PAGE);
    return now() - t;
}

// n areas of a page, as every second one of them is read-only; made and unmapped again.
static double areas(long n) {
    double t = now();
    char *p = pages(n, -1);
    for (long i = 0; i < n; i += 2)
        mprotect(p + i * PAGE, PAGE, PROT_READ);
    double made = now() - t;
    munmap(p, n * PAGE);
    return made / (n / 2);
}

static double map_pairs(long n) {
    double t = now();
    for (long i = 0; i < n; i++)
        munmap(mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
    return (now() - t) / n;
}

// Processes.

static double forks_took, exits_took;

static void fork_once(void) {
    double t = now();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    double made = now();
    reap(pid);
    forks_took = made - t;
    exits_took = now() - made;
}

static double fork_pages(long n) {
    char *p = pages(n, -1);
    touch(p, n);
    fork_once();
    munmap(p, n * PAGE);
    return forks_took;
}

static double exit_pages(long n) {
    fork_pages(n);
    return exits_took;
}

static double fork_areas(long n) {
    char *p = pages(n, -1);
    for (long i = 0; i < n; i += 2)
        mprotect(p + i * PAGE, PAGE, PROT_READ);
    fork_once();
    munmap(p, n * PAGE);
    return forks_took;
}

static double fork_cycles(long n) {
    double t = now();
    for (long i = 0; i < n; i++) {
        fork_once();
    }
    return (now() - t) / n;
}

static char *no_args[] = {"", "nothing", 0};

static double vfork_pages(long n) {
    char *p = pages(n, -1);
    touch(p, n);
    double t = now();
    for (int i = 0; i < 20; i++) {
        pid_t pid = vfork();
        if (pid == 0)
            _exit(0);
        reap(pid);
    }
    t = now() - t;
    munmap(p, n * PAGE);
    return t / 20;
}

static double execs(long n) {
    double t = now();
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execve(self, no_args, 0);
            _exit(1);
        }
        reap(pid);
    }
    return (now() - t) / n;
}

static void *nothing(void *arg) { return arg; }

static double threads(long n) {
    double t = now();
    for (long i = 0; i < n; i++) {
        pthread_t thread;
        if (pthread_create(&thread, 0, nothing, 0))
            die("pthread_create");
        pthread_join(thread, 0);
    }
    return (now() - t) / n;
}

// A wait that looks at n children before it finds the one in a group of its own.
static double wait_looks(long n) {
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid < 0)
            die("fork");
    }
    pid_t last = fork();
    if (last == 0) {
        setpgid(0, 0);
        _exit(0);
    }
    siginfo_t info;
    setpgid(last, last);
    while (waitid(P_PID, last, &info, WEXITED | WNOWAIT) != 0)
        ;
    double t = now();
    for (int i = 0; i < 20; i++)
        waitid(P_PGID, last, &info, WEXITED | WNOWAIT | WNOHANG);
    t = now() - t;
    while (wait(0) > 0)
        ;
    return t / 20;
}

// Data.

static char data[65536];

static double pipe_bytes(long n) {
    memset(data, 1, sizeof data); // nobody's first touch
    int fds[2];
    if (pipe(fds))
        die("pipe");
    double t = now();
    for (int i = 0; i < 20; i++)
        if (write(fds[1], data, n) != n || read(fds[0], data, n) != n)
            die("pipe");
    t = now() - t;
    close(fds[0]);
    close(fds[1]);
    return t / 20;
}

static double socket_bytes(long n) {
    memset(data, 1, sizeof data);
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
        die("socketpair");
    double t = now();
    for (int i = 0; i < 20; i++)
        if (write(fds[1], data, n) != n || read(fds[0], data, n) != n)
            die("socket");
    t = now() - t;
    close(fds[0]);
    close(fds[1]);
    return t / 20;
}

static double file_bytes(long n) {
    int fd = open(self, O_RDONLY);
    if (pread(fd, data, n, 0) != n)
        die("pread");
    double t = now();
    for (int i = 0; i < 20; i++)
        if (pread(fd, data, n, 0) != n)
            die("pread");
    t = now() - t;
    close(fd);
    return t / 20;
}

static double descriptors(long n) {
    double t = now();
    for (long i = 0; i < n; i++) {
        int fds[2];
        if (pipe(fds))
            die("pipe");
        close(fds[0]);
        close(fds[1]);
    }
    return (now() - t) / n;
}

// Switches: a byte goes there and back through two pipes.

static int there[2], back[2];

static void *echo(void *arg) {
    char c;
    while (read(there[0], &c, 1) == 1 && c)
        if (write(back[1], &c, 1) != 1)
            die("write");
    return arg;
}

static double round_trips(long n) {
    double t = now();
    for (long i = 0; i < n; i++) {
        char c = 1;
        if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
            die("round trip");
    }
    return (now() - t) / n;
}

static void stop_echo(void) {
    char c = 0;
    if (write(there[1], &c, 1) != 1)
        die("write");
}

static double switch_tasks(long n) {
    pthread_t thread;
    if (pthread_create(&thread, 0, echo, 0))
        die("pthread_create");
    round_trips(1);
    double t = round_trips(n);
    stop_echo();
    pthread_join(thread, 0);
    return t;
}

static double switch_processes(long n) {
    pid_t pid = fork();
    if (pid == 0) {
        echo(0);
        _exit(0);
    }
    round_trips(1);
    double t = round_trips(n);
    stop_echo();
    reap(pid);
    return t;
}

// Signals.

static void handler(int sig) { (void)sig; }

static double signals(long n) {
    signal(SIGUSR1, handler);
    pid_t pid = getpid();
    double t = now();
    for (long i = 0; i < n; i++)
        kill(pid, SIGUSR1);
    return (now() - t) / n;
}

static double queued(long n) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, 0);
    pid_t pid = getpid();
    siginfo_t info = {0};
    info.si_code = SI_QUEUE;
    info.si_pid = pid;
    info.si_uid = getuid();
    double t = now();
    for (long i = 0; i < n; i++)
        syscall(SYS_rt_sigqueueinfo, pid, SIGRTMIN, &info);
    t = now() - t;
    while (sigtimedwait(&set, 0, &(struct timespec){0, 0}) > 0)
        ;
    return t / n;
}

// n processes that sleep, in a group of their own.

static pid_t group;

static void sleepers(long n) {
    int fds[2];
    if (pipe(fds))
        die("pipe");
    group = 0;
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGUSR2, SIG_IGN);
            close(fds[0]);
            close(fds[1]);
            for (;;)
                pause();
        }
        if (pid < 0)
            die("fork");
        if (!group)
            group = pid;
        setpgid(pid, group);
    }
    close(fds[1]);
    char c;
    if (read(fds[0], &c, 1) != 0) // all have closed it
        die("read");
    close(fds[0]);
}

static void end_sleepers(void) {
    kill(-group, SIGKILL);
    while (wait(0) > 0)
        ;
}

static double kill_group(long n) {
    double t = now();
    for (int i = 0; i < 20; i++)
        kill(-group, SIGUSR2);
    return (now() - t) / 20;
    (void)n;
}

static long entries;

static double list_proc(long n) {
    int fd = open("/proc", O_RDONLY | O_DIRECTORY);
    double t = now();
    long got;
    while ((got = syscall(SYS_getdents64, fd, data, sizeof data)) > 0)
        for (long at = 0; at < got; at += *(unsigned short *)(data + at + 16))
            entries++;
    t = now() - t;
    close(fd);
    return t;
    (void)n;
}

static double read_stat(long n) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/stat", group);
    double t = now();
    for (long i = 0; i < n; i++) {
        int fd = open(name, O_RDONLY);
        if (read(fd, data, sizeof data) <= 0)
            die(name);
        close(fd);
    }
    return (now() - t) / n;
}

// What may be done for a second by this clock: the host shall not need much longer.

static void ask_times(void) {
    struct tms t;
    clock_t a = times(&t);
    while (times(&t) - a < sysconf(_SC_CLK_TCK) / 10)
        ;
}

static void ask_time(void) {
    struct timeval a, b;
    gettimeofday(&a, 0);
    do
        gettimeofday(&b, 0);
    while ((b.tv_sec - a.tv_sec) * 1000000 + b.tv_usec - a.tv_usec < 100000);
}

static void compute(void) {
    static volatile unsigned long sum;
    for (unsigned long i = 0; i < 1000000; i++)
        sum += i * i;
}

static void fork_some(void) { fork_cycles(10); }

static void exec_some(void) { execs(10); }

static const struct {
    const char *name;
    void (*work)(void);
} loops[] = {
    {"times", ask_times}, {"gettimeofday", ask_time}, {"fork", fork_some}, {"exec", exec_some}, {"compute", compute},
};

static int be_busy(const char *name) {
    for (unsigned i = 0; i < sizeof loops / sizeof *loops; i++)
        if (!strcmp(loops[i].name, name)) {
            double start = now();
            while (now() - start < 1e9)
                loops[i].work();
            return 0;
        }
    return 2;
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1 && !strcmp(argv[1], "nothing"))
        return 0;
    if (argc > 2 && !strcmp(argv[1], "busy"))
        return be_busy(argv[2]);
    if (argc > 1)
        rounds = atoi(argv[1]);
    if (rounds < 1 || rounds > MOST)
        return 2;

    print("trap", median(traps, 2000));
    print("fault_write", median(write_faults, 1000));
    print("fault_read", median(read_faults, 1000));
    print("fault_cow", median(cow_faults, 1000));
    print("fault_table", median(sparse_faults, 64));
    print("unmap_page", (median(unmap, 5100) - median(unmap, 100)) / 5000);
    print("mmap_munmap", median(map_pairs, 500));
    print("area", median(areas, 1000));

    double few = median(fork_pages, 20);
    print("fork", few);
    print("fork_200", median(fork_pages, 200));
    print("fork_2000", median(fork_pages, 2000));
    double many = median(fork_pages, 20000);
    print("fork_20000", many);
    print("fork_page", (many - few) / 19980);
    print("exit_page", (median(exit_pages, 20000) - median(exit_pages, 20)) / 19980);
    print("fork_area", (median(fork_areas, 4000) - median(fork_areas, 20)) / 3980);
    print("fork_exit_wait", median(fork_cycles, 20));
    print("vfork_exit_wait", median(vfork_pages, 20));
    print("vfork_20000", median(vfork_pages, 20000));
    print("fork_exec_exit_wait", median(execs, 20));
    print("thread", median(threads, 20));
    print("wait_look", (median(wait_looks, 1000) - median(wait_looks, 1)) / 999);

    double byte = median(pipe_bytes, 1);
    print("pipe_byte", byte);
    print("pipe_kib", (median(pipe_bytes, 65536) - byte) / 64);
    byte = median(socket_bytes, 1);
    print("socket_byte", byte);
    print("socket_kib", (median(socket_bytes, 65536) - byte) / 64);
    print("read_kib", (median(file_bytes, 32768) - median(file_bytes, 1)) / 32);
    print("pipe_close", median(descriptors, 100));

    if (pipe(there) || pipe(back))
        die("pipe");
    print("switch_task", median(switch_tasks, 200));
    print("switch_mm", median(switch_processes, 200));
    print("signal", median(signals, 500));
    print("sigqueue", median(queued, 500));

    sleepers(10);
    double ten = median(kill_group, 10);
    double tens = (entries = 0, median(list_proc, 10));
    long ten_entries = entries / rounds;
    print("read_stat", median(read_stat, 100));
    end_sleepers();
    sleepers(510);
    print("kill_member", (median(kill_group, 510) - ten) / 500);
    entries = 0;
    tens = median(list_proc, 510) - tens;
    print("proc_entry", tens / (entries / rounds - ten_entries));
    end_sleepers();
    return 0;
}
