/* System calls with arguments of every shape, whose results are the same on 3.2 and on today's kernels: what strace
   says of them must be the same, too. Most go past the library, which would change the arguments. */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define S(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD ((void *)1)
#define NOBODY 0x7ffffff

static long z[512];

static void handler(int sig) { (void)sig; }

static void soon(void)
{
    struct itimerval it = { { 0, 0 }, { 0, 20000 } };

    setitimer(ITIMER_REAL, &it, 0);
}

/* Flags and constants: known ones, unknown ones, both. */
static void constants(void)
{
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } sa = { handler, 4, 0, 0x1234567812345678 };

    S(openat, -1, "x", 0x7ff8, 0);
    S(open, "/", 3 | O_DSYNC);
    S(open, "/nope", O_PATH | O_SYNC);
    S(open, "/nope/x", O_CREAT | O_EXCL | O_WRONLY | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    S(openat, AT_FDCWD, "/nope", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_DIRECTORY);
    S(mmap, 0x1000L, 0L, 0L, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK, -1L, 0x2000L);
    S(mprotect, 0L, 0L, 0x01000000L);
    S(unshare, 0x10L);
    S(rt_sigaction, 0, &sa, 0, 8);
    S(rt_sigaction, 33, &sa, 0, 4);
    S(umount2, "zz", 0);
    S(umount2, "zz", 2);
    S(access, "/nope", R_OK | W_OK | X_OK);
    S(access, BAD, F_OK);
    S(faccessat, -5, "x", F_OK);
    S(newfstatat, AT_FDCWD, "/nope", 0L, AT_SYMLINK_NOFOLLOW);
    S(unlinkat, AT_FDCWD, "/nope", AT_REMOVEDIR);
    S(linkat, -1, "a", -2, "b", AT_SYMLINK_FOLLOW);
    S(fchownat, -1, "a", -1, 5, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    S(lseek, -1, -5L, 7);
    S(lseek, -1, 5L, SEEK_END);
    S(fcntl, -1, 77, 5L);
    S(fcntl, -1, F_SETFL, O_APPEND | O_NONBLOCK | 2L);
    S(fcntl, -1, F_SETFD, -1L);
    S(fcntl, -1, F_SETOWN, -5L);
    S(fcntl, -1, F_SETSIG, 10L);
    S(fcntl, -1, F_DUPFD_CLOEXEC, 10L);
    S(fcntl, -1, F_GETLEASE);
    S(fcntl, -1, F_SETLK, z);
    S(fcntl, -1, F_GETLK, BAD);
    S(flock, -1, 6);
    S(ioctl, -1, 0x5401, z);
    S(ioctl, -1, 0x5410, z);
    S(ioctl, -1, 0xdead, 5L);
    S(ioctl, -1, 0x5451, 0L);
    S(kill, NOBODY, 99);
    S(kill, NOBODY, 0);
    S(tgkill, -1, -1, 64);
    S(rt_sigprocmask, 5, z, z, 8);
    S(rt_sigprocmask, 0, z, z, 7);
    S(waitid, 9, 5, z, 0, z);
    S(wait4, -1, 0L, 0x10, 0L);
    S(getrusage, 5, z);
    S(getrlimit, 33, z);
    S(prlimit64, NOBODY, 7, (long[]){ 4096, 1000 }, 0L);
    S(getitimer, 5, z);
    S(setpriority, 7, -1, -5);
    S(clock_gettime, 33, z);
    S(clock_nanosleep, 99, 1, z, z);
    S(timerfd_create, 77, 0);
    S(eventfd2, 1, 1 << 5);
    S(madvise, 1L, 0L, 4);
    S(mremap, 1L, 1L, 1L, 1L);
    S(mremap, 0L, 0L, 0L, 3L, 0L);
    S(msync, 1L, 1L, 4);
    S(fadvise64, -1, 5L, 5L, 3);
    S(sched_setscheduler, NOBODY, 2, z);
    S(sched_get_priority_max, 9);
    S(prctl, 99, 1L, 2L, 3L, 4L);
    S(prctl, 4, 7L);
    S(prctl, 24, 99L);
    S(futex, 1L, 1, 1, 1L, 1L, 1);
    S(futex, 1L, 3, 1, 1L, 1L, 1);
    S(futex, 1L, 5, 1, 1L, 1L, 1);
    S(futex, 1L, 0x189, 1, z, 1L, -1);
    S(personality, 0xffffffffL);
    S(arch_prctl, 99, 5L);
    S(mknod, "/nope/y", S_IFIFO | 0600, 5L);
    S(mknod, "/nope/y", S_IFCHR | 0600, 0x501L);
    S(chmod, "/nope", 0);
    S(umask, 022);
    S(utimensat, -1, "a", (long[]){ 1700000000, 0x3fffffff, 5, 0x3ffffffe }, AT_SYMLINK_NOFOLLOW);
    S(utime, "/nope", (long[]){ 1700000000, 0 });
}

/* Terminals: what is read from the program is printed even if the call fails, what is written to it needs a master. */
static void terminals(void)
{
    unsigned all[9] = { ~0u, ~0u, ~0u, ~0u };
    int number = 5, master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    static const unsigned in[] = { 0x5402, 0x5403, 0x5404, 0x5406, 0x5407, 0x5408, 0x402c542b, 0x402c542c, 0x402c542d, 0x5457,
                                   0x5414, 0x5420, 0x5423, 0x40045431, 0x5418, 0x541a };
    static const unsigned out[] = { 0x5401, 0x5405, 0x802c542a, 0x5456, 0x5413, 0x5411, 0x541b, 0x5424, 0x5419, 0x540f };
    static const unsigned bare[] = { 0x540c, 0x540d, 0x541d, 0x5422, 0x5427, 0x5428, 0x5437 };

    for (int i = 0; i < 16; i++) S(ioctl, -1, in[i], i < 11 ? (void *)all : (void *)&number);
    for (int i = 0; i < 16; i++) S(ioctl, -1, in[i], BAD);
    for (int i = 0; i < 10; i++) S(ioctl, master, out[i], all);
    for (int i = 0; i < 10; i++) S(ioctl, -1, out[i], all);
    for (int i = 0; i < 7; i++) S(ioctl, -1, bare[i], 0L);
    for (long i = 0; i < 4; i++) S(ioctl, -1, 0x540b, i);
    for (long i = 0; i < 5; i++) S(ioctl, -1, 0x540a, i);
    S(ioctl, -1, 0x5409, 1L);
    S(ioctl, -1, 0x5425, 3L);
    S(ioctl, -1, 0x540e, 1L);
    S(ioctl, -1, 0x5412, "\n");
    S(ioctl, -1, 0x40045436, 2L);
    all[2] = 0xf | 2u << 16;
    S(ioctl, -1, 0x5402, all);
    S(close, master);
}

/* Strings, buffers, pointers that lead nowhere. */
static void memory(void)
{
    char *argv[50];
    struct iovec iov[2] = { { "ab", 2 }, { "cde\n", 4 } };

    S(open, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b", 0);
    S(open, 0L, 0);
    S(open, BAD, 0);
    S(open, "a\x01" "7\x7f\"\\\n\t", 0);
    S(write, -1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 50L);
    S(write, -1, BAD, 5L);
    S(write, -1, z, 0L);
    S(read, -1, z, 5L);
    S(writev, -1, iov, 2L);
    S(readv, -1, iov, 2L);
    S(pwritev, -1, BAD, 2L, 5L, 0L);
    S(execve, BAD, BAD, BAD);
    S(execve, "/nope", 0L, 0L);
    S(execve, "/nope", (long[]){ (long)"a", 1, 0 }, (long[]){ (long)"a", 0 });
    for (int i = 0; i < 49; i++)
        argv[i] = "ab";
    argv[3] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    argv[49] = 0;
    S(execve, "/nope", argv, argv);
    S(nanosleep, BAD, z);
    S(poll, BAD, 1, 0);
    S(select, 5, z, BAD, 0L, BAD);
    S(uname, BAD);
    S(pipe, BAD);
    S(sigaltstack, BAD, 0L);
    S(getcwd, z, 1L);
}

static void files(void)
{
    struct iovec in[2] = { { z, 5 }, { z + 1, 40 } };
    int fd = S(open, "/etc/passwd", O_RDONLY);
    int p[2], d;

    S(fcntl, fd, F_GETFL);
    S(fcntl, fd, F_GETFD);
    S(fcntl, fd, F_SETFD, 1);
    S(fcntl, fd, F_GETFD);
    S(fcntl, fd, F_GETLK, (struct flock[]){ { .l_type = 1 } });
    S(fcntl, fd, F_GETOWN);
    S(fstat, fd, z);
    S(stat, "/dev/null", z);
    S(lstat, "/proc/self/exe", z);
    S(stat, "/var/tmp", z);
    S(readv, fd, in, 2L);
    S(preadv, fd, in, 2L, 3L, 0L);
    S(read, fd, z, 100L);
    S(pread64, fd, z, 5L, 0L);
    S(lseek, fd, 0L, 0);
    S(sendfile, -1, fd, (long[]){ 3 }, 4L);
    S(readlink, "/proc/self/exe", z, 3L);
    S(getdents64, fd, z, 100L);
    S(flock, fd, 1);
    d = S(open, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    S(getdents64, d, z, 1000L);
    S(getdents64, d, z, 1000L);
    S(pipe, p);
    S(pipe2, p, O_CLOEXEC | O_NONBLOCK);
    S(read, p[0], z, 5L);
    S(write, p[1], "x", 1L);
    S(fcntl, p[0], F_GETFL);
    S(ioctl, p[0], 0x541b, z);
    S(dup3, fd, d, O_CLOEXEC);
}

static void readiness(void)
{
    int p[2], e, t;
    unsigned ev[3] = { 1, 7, 0 };
    struct pollfd fds[3] = { { -1, -1, 0 }, { 0, 1, 0 }, { 1, 4, 0 } };
    unsigned long set[16] = { 0 }, sigs = 0x200;
    long tv[2] = { 5, 0 };

    S(pipe2, p, O_CLOEXEC);
    fds[1].fd = p[0];
    fds[2].fd = p[1];
    S(poll, fds, 3, 0);
    S(poll, fds, 0, 0);
    S(write, p[1], "x", 1L);
    S(poll, fds, 3, -1);
    S(ppoll, fds, 3, (long[]){ 5, 0 }, &sigs, 8L);
    set[0] = 1UL << p[0] | 1UL << p[1];
    S(select, p[1] + 1, set, 0L, 0L, tv);
    set[0] = 1UL << p[1];
    S(select, p[1] + 1, 0L, set, 0L, 0L);
    S(pselect6, 0, 0L, 0L, 0L, (long[]){ 0, 1 }, (long[]){ (long)&sigs, 8 });
    e = S(epoll_create1, 0x80000);
    S(epoll_ctl, e, 1, p[0], ev);
    S(epoll_wait, e, z, 5, 0);
    S(epoll_ctl, e, 2, p[0], 0L);
    S(epoll_pwait, e, z, 5, 0, &sigs, 8L);
    S(epoll_wait, -1, z, 5, -1);
    e = S(eventfd2, 7, O_NONBLOCK);
    S(read, e, z, 8L);
    S(signalfd4, -1, &sigs, 8L, 0x80000);
    t = S(timerfd_create, 1, 0x800);
    S(timerfd_settime, t, 0, (long[]){ 0, 0, 5, 6 }, z);
}

static void signals(void)
{
    unsigned long set = 1 << 11;
    union sigval value = { .sival_int = 7 };
    int timer;

    signal(SIGUSR1, handler);
    signal(SIGALRM, handler);
    S(rt_sigaction, 10, 0L, z, 8L);
    kill(getpid(), SIGUSR1);
    raise(SIGUSR1);
    raise(SIGWINCH);
    S(rt_sigprocmask, 0, &set, &set, 8L);
    set = 1 << 11;
    kill(getpid(), SIGUSR2);
    S(rt_sigpending, z, 8L);
    S(rt_sigtimedwait, &set, z, 0L, 8L);
    sigqueue(getpid(), SIGUSR2, value);
    S(rt_sigtimedwait, &set, z, 0L, 8L);
    S(rt_sigtimedwait, &set, 0L, (long[]){ 0, 5 }, 8L);
    soon();
    S(nanosleep, (long[]){ 5, 0 }, z);
    soon();
    S(clock_nanosleep, 1, 0, (long[]){ 50, 0 }, z);
    soon();
    S(clock_nanosleep, 1, 1, (long[]){ 500000000, 0 }, z);
    soon();
    S(pause);
    soon();
    S(poll, 0, 0, 1000);
    soon();
    S(select, 0, 0, 0, 0, (long[]){ 9, 9 });
    soon();
    S(rt_sigsuspend, (long[]){ 0 }, 8L);
    soon();
    S(futex, z + 500, 0, 0, (long[]){ 9, 0 });
    S(timer_create, 1, 0L, &timer);
    S(timer_settime, timer, 0, (long[]){ 0, 0, 1, 0 }, z);
    S(timer_getoverrun, timer);
    S(timer_delete, timer);
    S(sigaltstack, 0L, z);
    S(sigaltstack, (long[]){ 0x1000, 0, 8192 }, 0L);
    S(sigaltstack, 0L, z);
}

static void properties(void)
{
    S(getrusage, 0, z);
    S(prlimit64, 0, 4, 0L, z);
    S(getpriority, 0, 0);
    S(sched_getparam, 0, z);
    S(sched_getscheduler, 0);
    S(sched_get_priority_max, 1);
    S(capget, (int[]){ 0x20080522, 0 }, 0L);
    S(prctl, 15, "name");
    S(prctl, 16, z);
    S(prctl, 3);
    S(prctl, 1, 9L);
    S(prctl, 2, z);
    S(prctl, 7);
    S(prctl, 23, 5L);
    S(personality, 0L);
    S(get_robust_list, 0, z, z + 1);
    S(arch_prctl, 0x1004, z);
    S(getresuid, z, z, z);
    S(setresuid, -1, -1, -1);
    S(setgroups, -1, z);
    S(gettimeofday, z, 0L);
    S(time, 0L);
}

static void sockets(void)
{
    int pair[2], length = 110, one = 1;
    char control[64] = { 0 };
    struct iovec iov = { "hi", 2 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 24 };

    S(socket, 1, 0x80801, 0);
    S(socketpair, 1, 1, 0, pair);
    S(sendto, pair[0], "hello", 5L, 0x4000, 0L, 0);
    S(recvfrom, pair[1], z, 100L, 0, 0L, 0L);
    *(long *)control = 20;
    ((int *)control)[2] = ((int *)control)[3] = 1;
    S(sendmsg, pair[0], &msg, 0);
    iov = (struct iovec){ z, 50 };
    msg.msg_controllen = 64;
    S(recvmsg, pair[1], &msg, 0);
    S(recvmsg, -1, &msg, 0);
    S(shutdown, pair[0], 2);
    S(getsockopt, pair[0], 1, 3, z, (int[]){ 4 });
    S(setsockopt, pair[0], 1, 16, &one, 4);
    S(getsockname, pair[0], z, &length);
    S(bind, -1, "\1\0abc", 5);
    S(connect, -1, "\1\0\0abc", 6);
    S(connect, -1, "\2\0\0\1\1\2\3\4", 8);
    S(accept4, -1, z, &length, 0x80000);
    S(socketpair, 1, 1, 0, 0L);
}

/* A child ends when it likes, before its parent waits or after; SIGCHLD comes when the parent has waited. */
static void sigchld(int how)
{
    unsigned long set = 1UL << (SIGCHLD - 1);

    S(rt_sigprocmask, how, &set, 0L, 8L);
}

static void children(void)
{
    pid_t child;

    sigchld(SIG_BLOCK);
    child = fork();
    if (!child)
        _exit(3);
    S(wait4, -1, z, 0, 0L);
    sigchld(SIG_UNBLOCK), sigchld(SIG_BLOCK);
    child = fork();
    if (!child)
        kill(getpid(), SIGTERM);
    S(waitid, 0, 0, z, WEXITED | WNOWAIT, 0L);
    S(wait4, -1, z, WNOHANG | WUNTRACED | WCONTINUED, z + 50);
    sigchld(SIG_UNBLOCK), sigchld(SIG_BLOCK);
    child = vfork();
    if (!child)
        _exit(256 + 7);
    S(wait4, child, 0L, 0, 0L);
    sigchld(SIG_UNBLOCK), sigchld(SIG_BLOCK);
    S(wait4, -1, z, 0, 0L);
    child = fork();
    if (!child)
        raise(SIGSTOP), _exit(0);
    S(wait4, child, z, WUNTRACED, 0L);
    sigchld(SIG_UNBLOCK), sigchld(SIG_BLOCK);
    kill(child, SIGKILL);
    S(wait4, child, z, 0, 0L);
    sigchld(SIG_UNBLOCK);
}

/* What a tracer asks of somebody who is not there. */
static void tracing(void)
{
    static const int requests[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 21, 24, 25, 26, 30, 31, 32, 33, 34, 0x4200, 0x4201, 0x4202, 0x4203,
        0x4204, 0x4205, 0x4206, 0x4207, 0x4208, 0x1234, -1,
    };
    static const int places[] = { 4, 112, 144, 160, 168, 208, 216, 224, 272, 784, 792, 848, 904, 905, 912, 928 };
    static siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
    static struct iovec vec = { (void *)0x1000, 64 };

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        S(ptrace, (long)requests[i], NOBODY, 0L, 0L);
        S(ptrace, (long)requests[i], NOBODY, 0x10L, 10L);
        S(ptrace, (long)requests[i], NOBODY, 0x1000L, 0x2001L);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        S(ptrace, 3L, NOBODY, (long)places[i], 5L);
    S(ptrace, 0x4203L, NOBODY, 0L, &info);
    S(ptrace, 0x4205L, NOBODY, 1L, &vec);
    S(ptrace, 0x4204L, NOBODY, 0x202L, &vec);
    S(ptrace, 13L, NOBODY, 0L, z);
    S(ptrace, 0x4200L, NOBODY, 0L, 0x7fL);
    S(ptrace, 0x4200L, NOBODY, 0L, 0x180L);
    S(ptrace, 0x4206L, NOBODY, 0L, 0x80000003L);
    S(ptrace, 7L, NOBODY, 1L, 65L);
    S(ptrace, 7L, NOBODY, 0L, 34L);
    S(ptrace, 17L, NOBODY, 0L, 19L);
    S(ptrace, 24L, NOBODY, 0L, -1L);
}

/* Objects that are not there: what is given is printed, what is answered is not. */
static void objects(void)
{
    static struct { unsigned short num; short op, flg; } ops[] = { { 0, 1, 0x1000 }, { 1, 0, 04000 }, { 65535, -1, 0x1803 }, { 2, 3, 2 } };
    static struct { long type; char text[100]; } message = { 7, "a message that is longer than what is shown of it" };
    static struct timespec second = { 1, 5 };
    static const int commands[] = { 0, 1, 2, 3, 11, 12, 13, 14, 18, 99, 0x102, -1 };

    S(shmget, 0x7654321, 4096L, 0);
    S(shmget, -5, -1L, 0777);
    S(shmget, 0x7654321, 0L, 0x100000);
    S(shmget, 0x7654321, 0L, 037000);
    S(semget, 0x7654321, 3, 06007);
    S(semget, 0, -3, 01000);
    S(msgget, 0x7654321, 04000);
    S(shmat, -1, 0L, 010000 | 0100000);
    S(shmat, -1, 0x1001L, 0x2);
    S(shmat, -1, -1L, 0x3001);
    S(shmdt, 1L);
    S(semop, -1, ops, 4L);
    S(semop, -1, ops, 0L);
    S(semtimedop, -1, ops, 1L, &second);
    S(semtimedop, -1, ops, 1L, 0L);
    S(msgsnd, -1, &message, 5L, 0);
    S(msgsnd, -1, &message, 60L, 04000);
    S(msgsnd, -1, &message, 0L, 030001);
    S(msgsnd, -1, BAD, 5L, 2);
    S(msgrcv, -1, &message, 10L, -9L, 034000);
    ((volatile long *)z)[0] = ((volatile long *)z)[15] = 0; /* in memory */
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        S(shmctl, -1, commands[i], z);
        S(semctl, -1, -1, commands[i], z);
        S(msgctl, -1, commands[i], 0L);
    }
}

static void requests(void)
{
    char buf[16] = "";
    struct iovec v[2] = { { "abc", 3 }, { "defg", 4 } };
    struct iocb write_it = { .aio_data = 0x1234, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (long)"hello", .aio_nbytes = 5 };
    struct iocb read_it = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (long)buf, .aio_nbytes = 4, .aio_offset = 1,
                            .aio_flags = IOCB_FLAG_RESFD };
    struct iocb pieces = { .aio_lio_opcode = IOCB_CMD_PWRITEV, .aio_buf = (long)v, .aio_nbytes = 2, .aio_offset = 7 };
    struct iocb odd = { .aio_lio_opcode = 99, .aio_reqprio = -3, .aio_key = 4 }, noop = { .aio_lio_opcode = IOCB_CMD_NOOP };
    struct iocb *list[] = { &write_it, &read_it, &pieces, &odd, &noop, (void *)8 };
    struct io_event e[4];
    aio_context_t ctx = 0;
    loff_t off = 0;
    int p[2], q[2], fd = open("/tmp/strace_shapes", O_CREAT | O_RDWR | O_TRUNC, 0600);

    unlink("/tmp/strace_shapes");
    write_it.aio_fildes = read_it.aio_fildes = pieces.aio_fildes = odd.aio_fildes = noop.aio_fildes = fd;
    read_it.aio_resfd = S(eventfd2, 0, 0);
    S(io_setup, 0, &ctx);
    S(io_setup, 10, 8L);
    S(io_setup, 10, &ctx);
    S(io_submit, ctx, 3L, list);
    S(io_submit, ctx, 3L, list + 3);
    S(io_submit, ctx, 0L, list);
    S(io_submit, ctx, -1L, list);
    S(io_submit, ctx, 1L, 8L);
    S(io_getevents, ctx, 1L, 2L, e, 0L);
    S(io_getevents, ctx, 0L, 4L, e, (long[]){ 0, 5 });
    S(io_getevents, ctx, 0L, 4L, e, 0L);
    S(io_cancel, ctx, 8L, e);
    S(io_destroy, ctx);
    S(io_destroy, 0L);
    pipe(p);
    pipe(q);
    S(vmsplice, p[1], v, 2L, SPLICE_F_MORE);
    S(tee, p[0], q[1], 100L, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    S(splice, p[0], 0L, q[1], 0L, 3L, 0);
    S(splice, p[0], 0L, fd, &off, 100L, SPLICE_F_MOVE);
    S(splice, fd, &off, q[1], 0L, 2L, SPLICE_F_NONBLOCK);
    S(splice, fd, 8L, q[1], 0L, 2L, SPLICE_F_GIFT);
}

static void news_handler(int sig)
{
    (void)sig;
}

/* What a directory tells its owner: the caller of F_NOTIFY, whose number need not be printed. */
static void news(void)
{
    static const int by[] = { 0, SIGIO, SIGUSR1, 40 };
    int d, fd;

    mkdir("/tmp/strace_shapes.d", 0700);
    d = open("/tmp/strace_shapes.d", O_RDONLY);
    for (int i = 0; i < 4; i++) {
        if (by[i]) signal(by[i], news_handler);
        else signal(SIGIO, news_handler);
        S(fcntl, d, F_SETSIG, by[i]);
        S(fcntl, d, F_GETSIG, 0);
        S(fcntl, d, F_NOTIFY, DN_CREATE | DN_ATTRIB);
        close(open("/tmp/strace_shapes.d/f", O_CREAT | O_WRONLY, 0600));
        unlink("/tmp/strace_shapes.d/f");
    }
    S(fcntl, d, F_NOTIFY, 0);
    S(fcntl, d, F_NOTIFY, DN_MULTISHOT | 0x100);
    close(d);
    fd = open("/tmp/strace_shapes.d/f", O_CREAT | O_RDONLY, 0600);
    S(fcntl, fd, F_SETLEASE, F_RDLCK);
    S(fcntl, fd, F_GETLEASE, 0);
    S(fcntl, fd, F_SETLEASE, F_UNLCK);
    S(fcntl, fd, F_SETLEASE, 7);
    close(fd);
    unlink("/tmp/strace_shapes.d/f");
    rmdir("/tmp/strace_shapes.d");
    signal(SIGIO, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
    news();
    objects();
    constants();
    tracing();
    memory();
    files();
    readiness();
    signals();
    properties();
    sockets();
    terminals();
    requests();
    children();
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)8 = 1;
    return 0;
}
