/* What a plan of random_models.py says, on a host: random_model RUNS MILLISECONDS OURS CHILD…
 *
 * Prints a line for each run: "exit" or "signal", its number, and the output; or "stuck" if the run has taken longer
 * than it may. Calls are made as there, one for one, on one CPU, behind waits that differ from run to
 * run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { QUEUED = 40 };
static volatile int state = 1;
static int nonblocking[2], waits[2], fd, duplicate = -1;
static pid_t first, leader;
static unsigned seed;

static long set_of(int a, int b) { return (a ? 1L << (a - 1) : 0) | (b ? 1L << (b - 1) : 0); }
static void mask(int how, long set) { syscall(SYS_rt_sigprocmask, how, &set, NULL, 8); }
static void saw(int value) { state = (state * 7 + value) % 251; }
static void handler(int sig) { (void)sig; saw(5); }

static int act(int sig, void (*what)(int)) {
  struct sigaction sa = {.sa_handler = what, .sa_flags = SA_RESTART};
  return sigaction(sig, &sa, NULL);
}

static int queue(pid_t pid, int n) {
  siginfo_t info = {.si_signo = QUEUED, .si_code = SI_QUEUE, .si_pid = getpid(), .si_uid = getuid()};
  info.si_value.sival_int = n;
  return (int)syscall(SYS_rt_sigqueueinfo, pid, QUEUED, &info);
}

static int taken(long set, int now) {
  siginfo_t info;
  struct timespec none = {0, 0};
  memset(&info, 0, sizeof info);
  if (syscall(SYS_rt_sigtimedwait, &set, &info, now ? &none : NULL, 8) < 0) return -1;
  return info.si_signo == QUEUED ? info.si_value.sival_int + 1 : info.si_signo;
}

static int waited(pid_t pid, int options) {
  int status = 0;
  return waitpid(pid, &status, options) < 0 ? -1 : status % 251;
}

static int lock(int command, int n) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = n, .l_len = 1};
  return fcntl(fd, command, &lock) < 0 ? -1 : 1;
}

static int yes(long result) { return result < 0 ? -1 : 1; }

/* Returns what was seen, or -1 with errno. */
static int one(const char *what, int n) {
  char f[] = {'f', "ab"[n], 0}, g[] = {'g', "ab"[n], 0}, other[] = {'g', "ba"[n], 0}, text[8];
  int sig = n ? SIGUSR2 : SIGUSR1, got;
  pid_t who = first ? first : leader;
  struct stat st;
#define IS(name) (!strcmp(what, name))
  if (IS("write")) return yes(write(nonblocking[1], "x", 1));
  if (IS("read")) return (int)read(nonblocking[0], text, (size_t)(1 + n));
  if (IS("close")) return yes(close(nonblocking[n]));
  if (IS("dup")) return yes(duplicate = dup(nonblocking[n]));
  if (IS("close_dup")) return yes(close(duplicate));
  if (IS("poll_in")) {
    struct pollfd one = {nonblocking[0], POLLIN, 0};
    return poll(&one, 1, 0) < 0 ? -1 : one.revents;
  }
  if (IS("wait_read")) return n ? yes(write(waits[1], "x", 1)) : (int)read(waits[0], text, 1);
  if (IS("read_on")) return (got = (int)read(fd, text, 1)) < 0 ? -1 : got ? text[0] % 16 : 0;
  if (IS("kill_first")) return yes(kill(who, sig));
  if (IS("kill_parent")) return yes(kill(leader, sig));
  if (IS("queue_first")) return yes(queue(who, n));
  if (IS("queue_parent")) return yes(queue(leader, n));
  if (IS("kill_all")) return yes(kill(0, sig));
  if (IS("kill_group")) return yes(kill(-who, sig));
  if (IS("stop_first")) return yes(kill(who, first ? SIGSTOP : 0));
  if (IS("go_on_first")) return yes(kill(who, SIGCONT));
  if (IS("alive")) return yes(kill(who, 0));
  if (IS("handle")) return yes(act(sig, handler));
  if (IS("ignore")) return yes(act(sig, SIG_IGN));
  if (IS("chld_ignore")) return yes(act(SIGCHLD, SIG_IGN));
  if (IS("chld_handle")) return yes(act(SIGCHLD, handler));
  if (IS("block")) { mask(SIG_BLOCK, set_of(sig, 0)); return 1; }
  if (IS("unblock")) { mask(SIG_UNBLOCK, set_of(sig, 0)); return 1; }
  if (IS("block_queued")) { mask(SIG_BLOCK, set_of(QUEUED, 0)); return 1; }
  if (IS("pending")) {
    long pending = 0;
    syscall(SYS_rt_sigpending, &pending, 8);
    return __builtin_popcountl((unsigned long)pending);
  }
  if (IS("take_signal")) return taken(set_of(SIGUSR1, SIGUSR2), 1);
  if (IS("take_queued")) return taken(set_of(QUEUED, 0), 1);
  if (IS("wait_signal")) return taken(set_of(SIGUSR1, SIGUSR2), 0);
  if (IS("pause")) return (int)syscall(SYS_pause);
  if (IS("suspend")) {
    long set = set_of(n ? SIGUSR1 : SIGUSR2, 0);
    return (int)syscall(SYS_rt_sigsuspend, &set, 8);
  }
  if (IS("append")) return (got = open(f, O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0 ? -1 : yes(write(got, "y", 1));
  if (IS("look")) return stat(f, &st) < 0 ? -1 : (int)st.st_size;
  if (IS("list")) return stat(f, &st) < 0 ? -1 : (int)st.st_nlink;
  if (IS("truncate")) return yes(open(f, O_WRONLY | O_TRUNC));
  if (IS("create")) return yes(open(g, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (IS("unlink")) return yes(unlink(g));
  if (IS("rename")) return yes(rename(g, other));
  if (IS("link")) return yes(link(f, g));
  if (IS("group")) return yes(setpgid(0, 0));
  if (IS("groups")) return (got = getpgid(who)) < 0 ? -1 : got == who;
  if (IS("group_of")) return yes(setpgid(who, leader));
  if (IS("parent")) return getppid() == leader;
  if (IS("wait_any") || IS("poll")) return waited(-1, WNOHANG);
  if (IS("wait_first")) return waited(who, WNOHANG);
  if (IS("wait_child")) return waited(-1, 0);
  if (IS("wait_stopped")) return waited(-1, WNOHANG | WUNTRACED | WCONTINUED);
  if (IS("look_first")) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)who, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? -1 : info.si_pid != 0;
  }
  if (IS("fork_child")) {
    if (!(got = (int)syscall(SYS_fork))) _exit(n + 1);
    return yes(got);
  }
  if (IS("leave")) _exit(state);
  if (IS("flock")) return (got = open(f, O_RDWR | O_CREAT, 0600)) < 0 ? -1 : yes(flock(got, LOCK_EX | LOCK_NB));
  if (IS("lock")) return lock(F_SETLK, n);
  if (IS("lock_wait")) return lock(F_SETLKW, n);
  fprintf(stderr, "random_model: %s?\n", what);
  _exit(99);
}

static void follow(char *plan) {
  char *rest = plan, *what;
  while (*plan != '-' && (what = strsep(&rest, ","))) {
    size_t size = strlen(what);
    int n = what[size - 1] - '0', value;
    long all = -1, old;
    what[size - 1] = '\0';
    if (seed) {
      seed = seed * 1103515245 + 12345;
      if ((seed >> 16) % 3 == 0) sched_yield();
      if ((seed >> 16) % 3 == 1) usleep(1 + (seed >> 20) % 50);
    }
    errno = 0;
    value = one(what, n);
    if (value < 0) value = errno;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &old, 8); /* a handler may not come in the midst of it */
    saw(value);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
  }
}

static int play(int argc, char **argv) {
  pid_t children[8];
  setsid();
  leader = getpid();
  if (pipe2(nonblocking, O_NONBLOCK) || pipe(waits)) return 98;
  fd = open("s", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (write(fd, "abcdef", 6) != 6) return 98;
  lseek(fd, 0, SEEK_SET);
  for (int i = 1; i < argc; i++) {
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (!pid) {
      if (seed) seed = seed * 31 + (unsigned)i;
      follow(argv[i]);
      _exit(state);
    }
    if (!first) first = pid;
    children[i - 1] = pid;
  }
  follow(argv[0]);
  char text[200];
  int size, status, statuses[8];
  for (int i = 1; i < argc; i++) {
    status = 0;
    statuses[i - 1] = waitpid(children[i - 1], &status, 0) < 0 ? -errno : status;
  }
  size = sprintf(text, "%d", state);
  for (int i = 1; i < argc; i++) size += sprintf(text + size, " %d", statuses[i - 1]);
  text[size++] = '\n';
  return write(1, text, (size_t)size) < 0;
}

/* Kill whoever is left of a run: they are all our children by now, or will be when their parents are gone. */
static void sweep(void) {
  char path[64], text[512];
  do {
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    int list = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = list < 0 ? 0 : read(list, text, sizeof text - 1);
    if (list >= 0) close(list);
    text[size > 0 ? size : 0] = '\0';
    char *rest = text, *one;
    while ((one = strsep(&rest, " "))) {
      if (atoi(one) > 1) kill(atoi(one), SIGKILL);
    }
  } while (waitpid(-1, NULL, 0) > 0);
}

int main(int argc, char **argv) {
  int runs = atoi(argv[1]), patience_ms = atoi(argv[2]), out[2], status;
  cpu_set_t one;
  CPU_ZERO(&one); /* a call is one step there: on two CPUs they would overlap, an exit above all */
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (int run = 0; run < runs; run++) {
    char where[] = "runXXXXXX", text[256];
    if (!mkdtemp(where) || pipe2(out, O_CLOEXEC)) return 98;
    pid_t pid = fork();
    if (!pid) {
      seed = (unsigned)run;
      dup2(out[1], 1);
      close(out[0]);
      close(out[1]);
      if (chdir(where)) _exit(98);
      _exit(play(argc - 3, argv + 3));
    }
    close(out[1]);
    int over = 0;
    for (int waited_us = 0; !over && waited_us < patience_ms * 1000; waited_us += 200) {
      if (waited_us) usleep(200);
      over = waitpid(pid, &status, WNOHANG) == pid;
    }
    sweep();
    ssize_t size = read(out[0], text, sizeof text);
    close(out[0]);
    if (!over) printf("stuck 0\n");
    else if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
    else printf("exit %d %.*s\n", WEXITSTATUS(status), size > 0 ? (int)size - 1 : 0, text);
  }
  return 0;
}
