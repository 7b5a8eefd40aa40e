/* climb: make one call again and again, as often as argv[2] says, and print what came of each.
 *
 * The test has the n-th call's n-th request refused. A call that fails must leave the caller as it was: what can be
 * seen of a process is compared before and after, and what differs is printed behind the errno.
 */
#include "check.h"
#include <grp.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

static char seen[2][1 << 16];
static int seen_len[2];
static char data[3 * 4096] = "contents";
static char *far_data;

static void add_file(int n, const char *path, const char *skip) {
  static char text[1 << 15];
  int fd = (int)syscall(SYS_open, path, O_RDONLY | O_CLOEXEC), len = 0, r;
  if (fd == -1) return;
  while ((r = (int)read(fd, text + len, sizeof text - 1 - (size_t)len)) > 0) len += r;
  close(fd);
  text[len] = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    int ignored = 0;
    for (const char *s = skip; *s; s += strlen(s) + 1) ignored |= !strncmp(line, s, strlen(s));
    if (!ignored) seen_len[n] += snprintf(seen[n] + seen_len[n], sizeof seen[n] - (size_t)seen_len[n], "%s\n", line);
  }
}
static void add(int n, const char *what, long value) {
  seen_len[n] += snprintf(seen[n] + seen_len[n], sizeof seen[n] - (size_t)seen_len[n], "%s %ld\n", what, value);
}

/* All that can be seen of this process, as lines of text. */
static void look(int n) {
  seen_len[n] = 0;
  add_file(n, "/proc/self/status", "State\0VmHWM\0VmPeak\0VmRSS\0VmPTE\0voluntary\0nonvoluntary\0");
  add_file(n, "/proc/self/maps", "");
  add_file(n, "/proc/self/limits", "");
  for (int fd = 0; fd < 20; fd++) {
    struct stat st;
    int flags = fcntl(fd, F_GETFD);
    add(n, "fd", flags == -1 || fstat(fd, &st) ? -1 : (long)(st.st_ino * 2 + (unsigned long)flags));
  }
  uint64_t mask = 0;
  syscall(SYS_rt_sigprocmask, 0, NULL, &mask, 8);
  add(n, "mask", (long)mask);
  for (int sig = 1; sig <= 64; sig++) {
    unsigned long act[4] = {0};
    syscall(SYS_rt_sigaction, sig, NULL, act, 8);
    add(n, "action", (long)(act[0] ^ act[1] ^ act[3]));
  }
  stack_t ss;
  syscall(SYS_sigaltstack, NULL, &ss);
  add(n, "altstack", (long)ss.ss_size);
  mode_t um = umask(0);
  umask(um);
  add(n, "umask", um);
  char cwd[256] = "";
  syscall(SYS_getcwd, cwd, sizeof cwd);
  add(n, cwd, getppid());
  add(n, "pgrp", getpgrp());
  add(n, "session", getsid(0));
  long sum = 0;
  for (unsigned i = 0; i < sizeof data; i++) sum = sum * 31 + data[i];
  if (far_data) for (int i = 0; i < 3 * 4096; i++) sum = sum * 31 + far_data[i];
  add(n, "memory", sum);
  int status;
  int r = (int)syscall(SYS_wait4, -1, &status, WNOHANG | __WALL, NULL);
  add(n, "children", r == -1 ? -errno : r);
}

/* The first line in which the two looks differ, "" if there is none. */
static const char *changed(void) {
  static char line[200];
  char *a = seen[0], *b = seen[1];
  if (seen_len[0] == seen_len[1] && !memcmp(a, b, (size_t)seen_len[0])) return "";
  int i = 0, start = 0;
  for (; i < seen_len[0] && a[i] == b[i]; i++) if (a[i] == '\n') start = i + 1;
  snprintf(line, sizeof line, " CHANGED %.*s / %.*s", (int)strcspn(a + start, "\n"), a + start,
           (int)strcspn(b + start, "\n"), b + start);
  for (char *c = line; *c; c++) if (*c == '\t') *c = ' ';
  return line;
}

/* libc's would go to the process that forked. */
static void raise_(int sig) { tgkill_(getpid(), gettid_(), sig); }
static long raw_fork(void) { return syscall(SYS_fork); }
static const char *raw_reap(long pid) {
  int status;
  while (syscall(SYS_wait4, pid, &status, __WALL, NULL) == -1) if (errno != EINTR) return "not there";
  return wait_str(status);
}

/* Processes and threads. */

static int ptid, ctid;
static int thread_fn(void *arg) { (void)arg; return 0; }

static void forks(const char *how) {
  unsigned long flags = strstr(how, "fork") ? 0 : strtoul(how, NULL, 16);
  int tids = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
  char *stack = flags & CLONE_VM ? new_stack() : NULL;
  ptid = ctid = 0;
  look(0);
  long pid;
  if (!strcmp(how, "fork")) pid = raw_fork();
  else if (!strcmp(how, "vfork")) pid = vfork();
  else if (!stack) pid = syscall(SYS_clone, flags | (unsigned)tids, 0, &ptid, &ctid, 0);
  else {
    if (!(flags & CLONE_VFORK)) ctid = 1;
    pid = raw_clone(flags | CLONE_PARENT_SETTID | (flags & CLONE_VFORK ? 0 : CLONE_CHILD_CLEARTID), stack, &ptid, &ctid,
                    NULL, thread_fn, NULL);
    if (pid < 0) errno = (int)-pid, pid = -1;
    else while (*(volatile int *)&ctid) sched_yield();
  }
  if (pid == 0) _exit(0);
  int e = errno;
  if (pid == -1) ctid = 0;
  if (flags & CLONE_PARENT && pid > 0) { say("ok"); return; }
  const char *end = pid > 0 && !(flags & CLONE_THREAD) ? raw_reap(pid) : "exited 0";
  look(1);
  if (stack) munmap(stack - 65536, 65536);
  if (pid == -1) say("%s%s", errname(e), changed());
  else say("%s%s", strcmp(end, "exited 0") ? end : "ok", ptid ? "" : flags ? " no ptid" : "");
}
static void sibling(const char *how) {
  long pid = raw_fork();
  if (pid == 0) {
    forks(how);
    _exit(0);
  }
  while (syscall(SYS_wait4, -1, NULL, __WALL, NULL) > 0) continue;
}

static int sleeper(void *arg) { (void)arg; for (;;) pause(); return 0; }
static void unshares(const char *how) {
  unsigned long flags = strtoul(how, NULL, 16);
  long pid = raw_fork();
  if (pid == 0) {
    long other = syscall(SYS_clone, CLONE_FS | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (other == 0) sleeper(NULL);
    look(0);
    int e = syscall(SYS_unshare, flags) ? errno : 0;
    look(1);
    say("%s%s", e ? errname(e) : "ok", e ? changed() : "");
    kill((pid_t)other, SIGKILL);
    _exit(0);
  }
  raw_reap(pid);
}

/* Executing. */

static char *exec_path, *exec_argv[300], *exec_envp[20];
static int run_exec(void *arg) {
  (void)arg;
  look(0);
  syscall(SYS_execve, exec_path, exec_argv, exec_envp);
  int e = errno;
  look(1);
  say("%s%s", errname(e), changed());
  syscall(SYS_exit_group, 0);
  return 0;
}
static void execs(const char *how) {
  long pid = raw_fork();
  if (pid == 0) {
    must(syscall(SYS_open, "/dev/null", O_RDONLY | O_CLOEXEC));
    if (strchr(how, 's')) {          /* somebody shares files, actions and memory */
      raw_clone(CLONE_VM | CLONE_SIGHAND | CLONE_FILES | SIGCHLD, new_stack(), NULL, NULL, NULL, sleeper, NULL);
    }
    if (strchr(how, 'p')) {          /* signals are pending */
      block(SIGUSR1);
      union sigval v = {.sival_int = 7};
      must(sigqueue(getpid(), SIGUSR1, v));
      must(kill(getpid(), SIGUSR1));
      on_signal(SIGUSR2, SIG_IGN);
    }
    unsigned long thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    if (strchr(how, 't')) raw_clone(thread, new_stack(), NULL, NULL, NULL, sleeper, NULL);
    if (strchr(how, 'T')) {          /* a thread executes, and the leader waits for its end */
      raw_clone(thread, new_stack(), NULL, NULL, NULL, run_exec, NULL);
      sleeper(NULL);
    }
    run_exec(NULL);
  }
  int status;
  must(syscall(SYS_wait4, pid, &status, 0, NULL));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;      /* it has said so itself */
  say("%s", wait_str(status));
}

/* Signals. */

static volatile int handled, segv, segv_ends;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  (void)info;
  if (sig == SIGSEGV) segv++;
  else handled = sig;
  if (segv && segv_ends) {
    say("%s SIGSEGV", handled ? "handled" : "lost");
    _exit(0);
  }
}
static void prepare_handlers(const char *how) {
  static char stack[65536];
  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
  must(sigaltstack(&ss, NULL));
  on_siginfo(SIGUSR1, handler, strchr(how, 'a') ? SA_ONSTACK : 0);
  if (strchr(how, 'v')) on_siginfo(SIGSEGV, handler, SA_ONSTACK);
}
/* A handler runs in a child of its own, since it may end it. */
static void handles(const char *how) {
  long pid = raw_fork();
  if (pid == 0) {
    prepare_handlers(how);
    segv_ends = !!strchr(how, 'e');     /* for where there is no way back */
    look(0);
    raise_(SIGUSR1);
    look(1);
    say("%s%s%s", handled ? "handled" : "lost", segv ? " SIGSEGV" : "", changed());
    _exit(0);
  }
  const char *end = raw_reap(pid);
  if (strcmp(end, "exited 0")) say("%s", end);
}
static void sends(const char *how) {
  int rt = how[1] == 'r';
  int sig = rt ? RT(1) : SIGUSR1;
  block(sig);
  siginfo_t info = {.si_code = SI_QUEUE};
  info.si_pid = getpid();
  info.si_value.sival_int = 99;
  long r = how[0] == 'k' ? kill(getpid(), sig) : how[0] == 't' ? tgkill_(getpid(), gettid_(), sig)
           : syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info);
  int e = errno;
  sigset_t set = set_of(sig, 0);
  struct timespec now = {0, 0};
  siginfo_t got;
  memset(&got, 0x55, sizeof got);
  int taken = sigtimedwait_(&set, &got, &now);
  if (taken == sig) say("%s, taken with code %d pid %s", r ? errname(e) : "ok", got.si_code,
                        relation(got.si_pid, getpid(), getppid(), -1));
  else say("%s, nothing pending", errname(e));
}

/* System V objects; all are removed again. */

static long objects(const char *how, int *e, int *done) {
  long r = 0;
  struct shm_info info;
  if (!strcmp(how, "shmget")) {
    r = syscall(SYS_shmget, 0, 5000L, 0600);
    *e = errno;
    must(shmctl(0, SHM_INFO, (void *)&info));
    *done = info.used_ids;
    if (r != -1) must(shmctl((int)r, IPC_RMID, NULL));
  } else if (!strcmp(how, "shmat")) {
    int id = (int)must(shmget(IPC_PRIVATE, 5000, 0600));
    r = syscall(SYS_shmat, id, NULL, 0);
    *e = errno;
    must(shmctl(id, IPC_RMID, NULL));
    must(shmctl(0, SHM_INFO, (void *)&info));
    *done = info.used_ids;      /* it is gone unless it is attached */
  } else if (!strcmp(how, "semop")) {
    int id = (int)must(semget(IPC_PRIVATE, 2, 0600)), fd = (int)must(open("/proc/sys/kernel/sem", O_WRONLY));
    must(write(fd, "250 32000 100 128", 17));
    struct sembuf ops[70];
    for (int i = 0; i < 70; i++) ops[i] = (struct sembuf){0, 1, SEM_UNDO};
    struct timespec second = {1, 0};
    r = syscall(SYS_semtimedop, id, ops, 70L, &second);
    *e = errno;
    *done = semctl(id, 0, GETVAL) == 70;
    must(semctl(id, 0, IPC_RMID));
  } else {
    static struct { long type; char text[8192]; } m = {1, "text"};
    memset(m.text, 1, sizeof m.text);
    int id = (int)must(msgget(IPC_PRIVATE, 0600));
    struct msqid_ds ds;
    if (!strcmp(how, "msgsnd")) r = syscall(SYS_msgsnd, id, &m, 8192L, 0);
    else must(msgsnd(id, &m, 8192, 0)), r = syscall(SYS_msgrcv, id, &m, 8192L, 0L, 0);
    *e = errno;
    must(msgctl(id, IPC_STAT, &ds));
    *done = how[3] == 's' ? ds.msg_qnum == 1 : ds.msg_qnum == 0;
    must(msgctl(id, IPC_RMID, NULL));
    if (how[3] == 'r' && r == 8192) r = 0;
  }
  return r;
}

/* Calls that copy: whether they have done it all the same. */

static void copies(const char *how) {
  int e = 0, done = 0;
  long r = 0;
  if (!strcmp(how, "sigprocmask")) {
    uint64_t set = 1 << (SIGUSR2 - 1), old = 0;
    r = syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, &old, 8);
    e = errno;
    FILE *f = fopen("/proc/self/status", "re");
    char line[200];
    while (f && fgets(line, sizeof line, f)) if (!strncmp(line, "SigBlk:", 7)) done = strtoull(line + 7, NULL, 16) == set;
    if (f) fclose(f);
  } else if (!strcmp(how, "sigaction")) {
    unsigned long act[4] = {(unsigned long)SIG_IGN, 0, 0, 0}, old[4];
    r = syscall(SYS_rt_sigaction, SIGUSR2, act, old, 8);
    e = errno;
    kill(getpid(), SIGUSR2);        /* kills unless it is ignored now */
    done = 1;
  } else if (!strcmp(how, "sigaltstack")) {
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;
    r = syscall(SYS_sigaltstack, &ss, &old);
    e = errno;
    on_siginfo(SIGUSR1, handler, SA_ONSTACK);
    memset(stack, 0, sizeof stack);
    raise_(SIGUSR1);
    for (unsigned i = 0; i < sizeof stack; i++) done |= stack[i];
    done = !!done;
  } else if (!strcmp(how, "sigpending")) {
    uint64_t set = 0;
    r = syscall(SYS_rt_sigpending, &set, 8);
    e = errno;
  } else if (!strcmp(how, "sigtimedwait")) {
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigset_t set = set_of(SIGUSR1, 0);
    struct timespec now = {0, 0};
    siginfo_t info;
    r = syscall(SYS_rt_sigtimedwait, &set, &info, &now, 8);
    e = errno;
    done = !is_pending(SIGUSR1);
  } else if (!strcmp(how, "sigsuspend")) {
    on_siginfo(SIGUSR1, handler, 0);
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    uint64_t none = 0;
    r = syscall(SYS_rt_sigsuspend, &none, 8);
    e = errno;
    done = handled;
    if (e == EINTR) r = 0;
  } else if (!strcmp(how, "wait4") || !strcmp(how, "waitid")) {
    long pid = raw_fork();
    if (pid == 0) _exit(3);
    int status;
    siginfo_t info;
    struct rusage ru;
    r = how[4] == '4' ? syscall(SYS_wait4, pid, &status, 0, &ru) : syscall(SYS_waitid, P_PID, pid, &info, WEXITED, &ru);
    e = errno;
    done = kill((pid_t)pid, 0) == -1;
  } else if (!strcmp(how, "pipe") || !strcmp(how, "socketpair")) {
    int fd[2];
    r = how[0] == 'p' ? syscall(SYS_pipe, fd) : syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fd);
    e = errno;
    int next = (int)must(dup(0));
    done = next != 3;
    must(close(next));
    if (r == 0) close(fd[0]), close(fd[1]);
  } else if (!strcmp(how, "timer")) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    int id = -1;
    r = syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id);
    e = errno;
    /* Each timer holds a queue entry of its own. */
    FILE *f = fopen("/proc/self/status", "re");
    char line[200];
    while (f && fgets(line, sizeof line, f)) if (!strncmp(line, "SigQ:", 5)) done = atoi(line + 5);
    if (f) fclose(f);
  } else if (!strcmp(how, "setgroups")) {
    gid_t groups[40], now[40];
    for (int i = 0; i < 40; i++) groups[i] = 100u + (unsigned)i;
    r = syscall(SYS_setgroups, 40, groups);
    e = errno;
    done = getgroups(40, now) == 40;
  } else if (!strcmp(how, "setuid")) {
    r = syscall(SYS_setuid, 4711);
    e = errno;
    done = getuid() == 4711;
  } else if (!strcmp(how, "nanosleep")) {
    struct timespec t = {0, 1000};
    r = syscall(SYS_nanosleep, &t, NULL);
    e = errno;
  } else {
    r = objects(how, &e, &done);
  }
  say("%s %s", r == -1 ? errname(e) : "ok", done ? "done" : "not done");
}
static void copies_in_child(const char *how) {
  if (!strncmp(how, "wait", 4)) {
    copies(how);        /* reaping a child that does it would be another such call */
    return;
  }
  long pid = raw_fork();
  if (pid == 0) {
    copies(how);
    _exit(0);
  }
  const char *end = raw_reap(pid);
  if (strcmp(end, "exited 0")) say("%s", end);
}

/* Ends. */

static int word;
static struct { void *next; long offset; void *pending; } robust = { &robust, 0, NULL };
static int ends_thread(void *arg) {
  syscall(SYS_set_robust_list, &robust, sizeof robust);
  return arg ? 0 : 0;
}
static void ends(const char *how) {
  const char *end = "";
  if (!strcmp(how, "thread")) {
    ctid = 1;
    unsigned long thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID;
    long pid = raw_clone(thread, new_stack(), NULL, &ctid, NULL, ends_thread, NULL);
    while (tgkill_(getpid(), (pid_t)pid, 0) == 0) sched_yield();
    say("gone");
    return;
  }
  if (!strcmp(how, "vfork")) {
    long pid = vfork();
    if (pid == 0) _exit(3);
    end = raw_reap(pid);
  } else {
    long pid = raw_fork();
    if (pid == 0) {
      struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
      if (!strcmp(how, "core")) {
        setrlimit(RLIMIT_CORE, &unlimited);
        raise_(SIGABRT);
      }
      syscall(SYS_set_tid_address, &word);
      syscall(SYS_set_robust_list, &robust, sizeof robust);
      raw_fork();
      syscall(SYS_exit_group, 3);
    }
    end = raw_reap(pid);
  }
  say("%s", end);
}

/* Memory is really used up, by a child that the killer may take; this process it may not. */

static void oom_score_adj(const char *text) {
  int fd = (int)must(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  must(write(fd, text, strlen(text)));
  close(fd);
}
static void hog(long spare) {
  oom_score_adj("0");
  volatile char *p = mmap(NULL, 1 << 26, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  struct sysinfo info;
  sysinfo(&info);
  for (long i = 0, n = (long)info.freeram / 4096 - spare; i < n; i++) p[i * 4096] = 1;
  for (;;) pause();
}
static void one_call(int which) {
  static char *argv[] = {"climb", NULL};
  int fd[2];
  if (which == 0) syscall(SYS_execve, exec_path, exec_argv, exec_envp);
  if (which == 1) prepare_handlers("a"), raise_(SIGUSR1);
  if (which == 2 && pipe(fd) == 0) (void)!write(fd[1], data, sizeof data);
  if (which == 3) syscall(SYS_execve, "/no/such", argv, environ);
}
static void dry(const char *how) {
  (void)how;
  oom_score_adj("-1000");
  long pid = raw_fork();
  if (pid == 0) hog(-1000);
  say("a hog: %s", raw_reap(pid));
  int good = 0, errnos = 0, killed = 0;
  for (int i = 0; i < 60; i++) {
    long spare = 40 + 2 * i;
    long hog_pid = raw_fork();
    if (hog_pid == 0) hog(spare);
    sleep_ms(5);
    pid = raw_fork();
    if (pid == 0) {
      oom_score_adj("0");
      one_call(i % 3 ? 0 : 1 + i / 3 % 3);
      _exit(7);
    }
    if (pid < 0) errnos++;
    else if (!strncmp(raw_reap(pid), "exited", 6)) good++;
    else killed++;
    kill((pid_t)hog_pid, SIGKILL);
    raw_reap(hog_pid);
  }
  say("%d of 60 ended", good + errnos + killed);
  fprintf(stderr, "good %d, errno %d, killed %d\n", good, errnos, killed);
  pid = raw_fork();
  if (pid == 0) one_call(0), _exit(1);
  say("afterwards: %s", raw_reap(pid));
}

int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "leaf")) {
    int n = 0;
    for (char **e = environ; *e; e++) n++;
    return strlen(argv[argc - 1]) == 5000 && n == 3 ? 7 : argc;
  }
  const char *mode = argv[1], *how = argv[3];
  int times = atoi(argv[2]);
  far_data = mmap((void *)0x7000000000, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memset(far_data, 'f', 3 * 4096);
  void (*step)(const char *) = !strcmp(mode, "fork") ? forks : !strcmp(mode, "sibling") ? sibling
    : !strcmp(mode, "unshare") ? unshares : !strcmp(mode, "exec") ? execs : !strcmp(mode, "handle") ? handles
    : !strcmp(mode, "send") ? sends : !strcmp(mode, "end") ? ends : !strcmp(mode, "dry") ? dry : copies_in_child;
  if (!strcmp(mode, "exec") || !strcmp(mode, "dry")) {
    static char text[5001], env1[4200] = "A=";
    memset(text, 'x', 5000);
    memset(env1 + 2, 'y', 4100);
    exec_path = argv[4];
    char **a = exec_argv, **e = exec_envp;
    *a++ = "climb", *a++ = "leaf", *a++ = "b", *a++ = text;
    *e++ = env1, *e++ = "PATH=/bin", *e++ = "C=3";
    if (strchr(how, 'u')) must(chown(exec_path, 1000, 1000)), must(chmod(exec_path, 06755));
  }
  data[4096] = 1;
  for (int i = 0; i < times; i++) step(how);
  return 0;
}
