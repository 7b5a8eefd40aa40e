/* host32: let the host's kernel play Linux 3.2 for one program, so that its answers can be compared with Procession's.
 *
 *   host32 [-u] [-s DIR]... [-t SECONDS] PROGRAM [ARG]...  run PROGRAM
 *   host32 [-u] -p                                         only try whether it could
 *   host32 [-u] -l ... PROGRAM [ARG]...                    the same, but with all that the host's kernel has
 *
 * PROGRAM is PID 2 in PID, mount, IPC and UTS namespaces of its own; PID 1, a session leader, does nothing but reap, so
 * orphans, kill(-1) and process groups stay inside. -s puts an empty tmpfs on each DIR. -u starts with a user namespace, for
 * hosts where one is not root. Limits are those that 3.2 gives to its init. A seccomp filter, made from the table
 * below, answers calls, flags and options that came later as 3.2 did, and uname(2) reports release 3.2.0.
 * What changed inside a call since 3.2 cannot be hidden; the tests name those places.
 *
 * Exit status: that of PROGRAM, 128 + n after signal n; 124 out of time; 125 the host does not let us; 127 no program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT_OF_TIME = 124, NOT_PERMITTED = 125, NO_PROGRAM = 127, LAST_CALL_OF_3_2 = 311 };

/* --- What 3.2 did not have. A rule refuses a call when all its tests hold. --- */

enum op { NEVER, ABOVE, BETWEEN, EQUAL, BITS_OUTSIDE };
struct test { enum op op; int arg; unsigned a, b; };
struct rule { int nr; int error; struct test test[2]; };

#define NAMESPACES_3_2 (0x20000u | 0x4000000u | 0x8000000u | 0x40000000u) /* mnt uts ipc net */

static const struct rule later[] = {
  { SYS_prctl, EINVAL, { { ABOVE, 0, 34, 0 } } },                                   /* child subreaper, no_new_privs... */
  { SYS_prctl, EINVAL, { { EQUAL, 0, PR_SET_SECCOMP, 0 }, { EQUAL, 1, 2, 0 } } },   /* seccomp filters */
  { SYS_ptrace, EIO, { { ABOVE, 0, 0x4205, 0 } } },
  { SYS_ptrace, EINVAL, { { EQUAL, 0, 0x4200, 0 }, { BITS_OUTSIDE, 3, 0x7f, 0 } } },
  { SYS_unshare, EINVAL, { { BITS_OUTSIDE, 0, NAMESPACES_3_2 | 0x10000 | 0x700 | 0x800 | 0x40000, 0 } } },
  { SYS_setns, EINVAL, { { BITS_OUTSIDE, 1, NAMESPACES_3_2 & ~0x20000u, 0 } } },
  { SYS_fcntl, EINVAL, { { ABOVE, 1, 1032, 0 } } },                                 /* seals, rw hints */
  { SYS_fcntl, EINVAL, { { BETWEEN, 1, 36, 38 } } },                                /* open file description locks */
  { SYS_pipe2, EINVAL, { { BITS_OUTSIDE, 1, O_CLOEXEC | O_NONBLOCK, 0 } } },        /* packet mode */
  { SYS_waitid, EINVAL, { { ABOVE, 0, 2, 0 } } },                                   /* P_PIDFD */
  { SYS_waitid, EINVAL, { { BITS_OUTSIDE, 3, 0x0100000f, 0 } } },                   /* __WALL and relatives */
  { SYS_timerfd_create, EINVAL, { { ABOVE, 0, 1, 0 } } },
  { SYS_madvise, EINVAL, { { BETWEEN, 2, 16, 99 } } },
};

#define MOST_INSNS 512
static struct sock_filter code[MOST_INSNS];
static unsigned short length;

static unsigned short emit(unsigned short op, unsigned k, unsigned char yes, unsigned char no) {
  code[length] = (struct sock_filter)BPF_JUMP(op, k, yes, no);
  return length++;
}
static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0); }
static void answer(unsigned verdict) { emit(BPF_RET | BPF_K, verdict, 0, 0); }

/* Each emitted jump that means "this rule does not apply" is remembered and later aimed behind the rule. */
struct misses { unsigned short at[8]; int on_true[8]; int count; };
static void miss_if(struct misses *m, unsigned short op, unsigned k, int truth) {
  m->on_true[m->count] = truth;
  m->at[m->count++] = emit(BPF_JMP | BPF_K | op, k, 0, 0);
}
static void aim(const struct misses *m) {
  for (int i = 0; i < m->count; i++) {
    unsigned char distance = (unsigned char)(length - m->at[i] - 1);
    if (m->on_true[i]) code[m->at[i]].jt = distance;
    else code[m->at[i]].jf = distance;
  }
}

static void emit_rule(const struct rule *rule) {
  struct misses m = { .count = 0 };
  load(offsetof(struct seccomp_data, nr));
  miss_if(&m, BPF_JEQ, (unsigned)rule->nr, 0);
  for (int i = 0; i < 2 && rule->test[i].op != NEVER; i++) {
    const struct test *t = &rule->test[i];
    load(offsetof(struct seccomp_data, args) + 8 * (size_t)t->arg);
    if (t->op == ABOVE) miss_if(&m, BPF_JGT, t->a, 0);
    if (t->op == EQUAL) miss_if(&m, BPF_JEQ, t->a, 0);
    if (t->op == BITS_OUTSIDE) miss_if(&m, BPF_JSET, ~t->a, 0);
    if (t->op == BETWEEN) {
      miss_if(&m, BPF_JGE, t->a, 0);
      miss_if(&m, BPF_JGT, t->b, 1);
    }
  }
  answer(SECCOMP_RET_ERRNO | (unsigned)rule->error);
  aim(&m);
}

static void emit_filter(void) {
  struct misses m = { .count = 0 };
  load(offsetof(struct seccomp_data, arch));
  miss_if(&m, BPF_JEQ, AUDIT_ARCH_X86_64, 1);
  answer(SECCOMP_RET_ALLOW); /* i386's numbers are others: what came later is not left out there */
  aim(&m);
  m.count = 0;
  load(offsetof(struct seccomp_data, nr));
  miss_if(&m, BPF_JGT, LAST_CALL_OF_3_2, 0);
  answer(SECCOMP_RET_ERRNO | ENOSYS);
  aim(&m);
  m.count = 0;
  miss_if(&m, BPF_JEQ, SYS_uname, 0);
  answer(SECCOMP_RET_USER_NOTIF);
  aim(&m);
  for (size_t i = 0; i < sizeof later / sizeof *later; i++) emit_rule(&later[i]);
  answer(SECCOMP_RET_ALLOW);
}

static int install_filter(void) {
  emit_filter();
  struct sock_fprog program = { length, code };
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* A host name is its namespace's: the answering thread has to be in the same one. */
static void enter_uts_namespace_of(pid_t pid) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/ns/uts", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return;
  setns(fd, CLONE_NEWUTS);
  close(fd);
}

/* A thread of PID 1 that answers every uname(2). */
static void *answer_uname(void *arg) {
  int listener = (int)(long)arg;
  for (;;) {
    struct seccomp_notif request;
    memset(&request, 0, sizeof request);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) == -1) {
      if (errno == EINTR || errno == ENOENT) continue;
      return NULL;
    }
    struct utsname name;
    enter_uts_namespace_of((pid_t)request.pid);
    uname(&name);
    strcpy(name.release, "3.2.0");
    strcpy(name.version, "#1 SMP");
    struct iovec ours = { &name, sizeof name }, theirs = { (void *)request.data.args[0], sizeof name };
    struct seccomp_notif_resp response = { .id = request.id };
    if (process_vm_writev((pid_t)request.pid, &ours, 1, &theirs, 1, 0) != (ssize_t)sizeof name) response.error = -EFAULT;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}

/* --- The world of the program. --- */

static void refuse(const char *what) {
  fprintf(stderr, "host32: %s: %s\n", what, strerror(errno));
  _exit(NOT_PERMITTED);
}

static void put_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1 || write(fd, text, strlen(text)) == -1) refuse(path);
  close(fd);
}

static void enter_user_namespace(void) {
  char map[64];
  unsigned uid = getuid(), gid = getgid();
  if (unshare(CLONE_NEWUSER)) refuse("user namespace");
  put_text("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "0 %u 1", uid);
  put_text("/proc/self/uid_map", map);
  snprintf(map, sizeof map, "0 %u 1", gid);
  put_text("/proc/self/gid_map", map);
}

static void set_limits_of_3_2(void) {
  static const struct { int resource; rlim_t soft, hard; } limits[] = {
    { RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY },  { RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
    { RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY }, { RLIMIT_STACK, 8 << 20, RLIM_INFINITY },
    { RLIMIT_CORE, 0, RLIM_INFINITY },             { RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY },
    { RLIMIT_NOFILE, 1024, 4096 },                 { RLIMIT_MEMLOCK, 65536, 65536 },
    { RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },   { RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY },
    { RLIMIT_MSGQUEUE, 819200, 819200 },           { RLIMIT_NICE, 0, 0 },
    { RLIMIT_RTPRIO, 0, 0 },                       { RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY },
  };
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    struct rlimit r = { limits[i].soft, limits[i].hard };
    setrlimit(limits[i].resource, &r); /* without privilege some stay as they are */
  }
}

static void close_inherited(void) {
  if (syscall(SYS_close_range, 3, ~0u, 0) == 0) return;
  for (int fd = 3; fd < 1024; fd++) close(fd);
}

/* Past the C library, which keeps the two lowest real-time signals to itself: whoever started us may ignore them. */
static void default_signals(void) {
  struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } dfl = { 0 };
  unsigned long none = 0;
  for (int sig = 1; sig < 65; sig++) syscall(SYS_rt_sigaction, sig, &dfl, NULL, 8);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

struct options { int user, probe, later, seconds, nr_scratch; const char *scratch[4]; char **argv; };

static void run_program(const struct options *o, int to_init, int from_init) {
  int listener = o->later ? 0 : install_filter();
  if (listener < 0) refuse("seccomp");
  char go;
  if (write(to_init, &listener, sizeof listener) == -1 || read(from_init, &go, 1) != 1) _exit(NOT_PERMITTED);
  if (!o->later) close(listener);
  execvp(o->argv[0], o->argv);
  fprintf(stderr, "host32: %s: %s\n", o->argv[0], strerror(errno));
  _exit(NO_PROGRAM);
}

static void serve_uname(pid_t program, int listener) {
  int pidfd = (int)syscall(SYS_pidfd_open, program, 0);
  int mine = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
  if (mine == -1) refuse("pidfd_getfd");
  fcntl(mine, F_SETFD, FD_CLOEXEC);
  close(pidfd);
  pthread_t thread;
  if (pthread_create(&thread, NULL, answer_uname, (void *)(long)mine)) refuse("thread");
}

static int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/* Pseudo-terminals of its own, so that numbers begin at 0; a host that will not is left as it is. */
static void mount_ptys(void) {
  if (mount("devpts", "/dev/pts", "devpts", 0, "newinstance,gid=5,mode=620,ptmxmode=666") &&
      mount("devpts", "/dev/pts", "devpts", 0, "newinstance,mode=620,ptmxmode=666"))
    return;
  mount("/dev/pts/ptmx", "/dev/ptmx", NULL, MS_BIND, NULL);
}

static void be_init(const struct options *o) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) refuse("private mounts");
  if (mount("proc", "/proc", "proc", 0, NULL)) refuse("/proc");
  mount_ptys();
  for (int i = 0; i < o->nr_scratch; i++)
    if (mount("tmpfs", o->scratch[i], "tmpfs", 0, "mode=1777")) refuse(o->scratch[i]);
  setsid();
  umask(022);
  set_limits_of_3_2();
  if (chdir("/")) refuse("/");

  int up[2], down[2];
  if (pipe2(up, O_CLOEXEC) || pipe2(down, O_CLOEXEC)) refuse("pipe");
  pid_t program = fork();
  if (program == -1) refuse("fork");
  if (program == 0) run_program(o, up[1], down[0]);
  close(up[1]);
  int listener;
  if (read(up[0], &listener, sizeof listener) != sizeof listener) _exit(NOT_PERMITTED);
  if (!o->later) serve_uname(program, listener);
  if (o->probe) _exit(0);
  if (write(down[1], "", 1) != 1) _exit(NOT_PERMITTED);

  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (pid == program) _exit(status_of(status));
    if (pid == -1 && errno != EINTR) _exit(NOT_PERMITTED);
  }
}

static pid_t init;
static void out_of_time(int sig) {
  (void)sig;
  kill(init, SIGKILL);
  _exit(OUT_OF_TIME);
}

int main(int argc, char **argv) {
  static char *nothing[] = { "/bin/true", NULL };
  struct options o = { 0 };
  for (int c; (c = getopt(argc, argv, "+upls:t:")) != -1;) {
    if (c == 'u') o.user = 1;
    else if (c == 'p') o.probe = 1;
    else if (c == 'l') o.later = 1;
    else if (c == 's' && o.nr_scratch < 4) o.scratch[o.nr_scratch++] = optarg;
    else if (c == 't') o.seconds = atoi(optarg);
    else return NOT_PERMITTED;
  }
  o.argv = o.probe ? nothing : argv + optind;
  if (!o.argv[0]) {
    fprintf(stderr, "usage: host32 [-u] [-s DIR]... [-t SECONDS] PROGRAM [ARG]... | host32 [-u] -p\n");
    return NOT_PERMITTED;
  }

  default_signals();
  close_inherited();
  if (o.user) enter_user_namespace();
  if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)) refuse("namespaces");
  init = fork();
  if (init == -1) refuse("fork");
  if (init == 0) be_init(&o);
  signal(SIGALRM, out_of_time);
  alarm((unsigned)o.seconds);
  int status;
  while (waitpid(init, &status, 0) == -1 && errno == EINTR) continue;
  return status_of(status);
}
