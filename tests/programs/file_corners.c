/* Files at their corners: what ioctl, ustat and access say of a file system, FIFOs that are given up, times, timers and epoll that nobody waits for, siginfo from a tracer, titles. */
// needs: root
// differs: a title within the arguments ends before its NUL; a tracer's siginfo is read by signalfd as one of kill or sigqueue
#include "check.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

enum { GET_BLOCK = 1, GET_BLOCK_SIZE = 2, QUOTA_SIZE = 0x5460 }; /* FIBMAP, FIGETBSZ, FIOQSIZE */

static void number(const char *what, int fd, unsigned long request) {
  long value = 0;
  long r = ioctl(fd, request, &value);
  if (r == -1) show(what, r);
  else say("%s: %ld", what, request == QUOTA_SIZE ? value : (long)(int)value);
}

static void of_the_file_system(void) {
  struct { int tfree; unsigned long tinode; char names[12]; } u;
  struct stat st;
  int p[2], fd = (int)must(open("file", O_CREAT | O_RDWR, 0600)), dir = (int)must(open(".", O_RDONLY)), path = (int)must(open("file", O_PATH));
  must(pipe(p)), must(write(fd, "0123456789", 10)), must(lseek(fd, 3, SEEK_SET));
  number("FIONREAD", fd, FIONREAD), must(lseek(fd, 20, SEEK_SET)), number("beyond the end", fd, FIONREAD), number("of a directory", dir, FIONREAD);
  number("FIBMAP", fd, GET_BLOCK), number("FIGETBSZ", fd, GET_BLOCK_SIZE), number("of a directory", dir, GET_BLOCK_SIZE), number("FIOQSIZE", fd, QUOTA_SIZE), number("of a pipe", p[0], QUOTA_SIZE), number("of a path", path, GET_BLOCK_SIZE);
  show("to nowhere", ioctl(fd, GET_BLOCK_SIZE, 8UL)), show("to nowhere", ioctl(fd, FIONREAD, 8UL));
  must(stat(".", &st)), memset(&u, 'x', sizeof u);
  show("ustat", syscall(SYS_ustat, (unsigned)st.st_dev, &u)), say("%d blocks free, %ld inodes, %d %d", u.tfree, (long)u.tinode, u.names[0], u.names[11]);
  show("of no device", syscall(SYS_ustat, 0xfe12U, &u)), show("to nowhere", syscall(SYS_ustat, (unsigned)st.st_dev, 8UL));
  close(fd), close(dir), close(path), close(p[0]), close(p[1]);
}

static void rights(void) {
  pid_t pid;
  write_file("script", "#!/nowhere\n", 0755), write_file("closed", "", 0600);
  show("to execute", access("script", X_OK));
  must(mount("none", ".", NULL, MS_REMOUNT | MS_NOEXEC, NULL)), must(chdir("."));
  show("without exec", access("script", X_OK)), show("to search", access(".", X_OK)), show("to read", access("script", R_OK));
  show("execve", execl("./script", "script", NULL));
  must(mount("none", ".", NULL, MS_REMOUNT, NULL)), show("execve with it", execl("./script", "script", NULL));
  must(chmod(".", 0755));
  CHILD(pid) {
    must(syscall(SYS_setresuid, 5, 0, 0)), show("another user's right", access("closed", R_OK)), show("the right of all", access("script", X_OK)), must(setuid(0)), _exit(0);
  }
  reap(pid);
  CHILD(pid) must(prctl(PR_SET_SECUREBITS, 4)), must(syscall(SYS_setresuid, 5, 0, 0)), show("with the capability kept", access("closed", R_OK)), must(prctl(PR_SET_SECUREBITS, 0)), show("and by the user", access("closed", R_OK)), _exit(0);
  reap(pid);
  CHILD(pid) must(syscall(SYS_setresuid, 5, 5, 5)), show_ok("another's memory", open("/proc/1/mem", O_RDONLY)), show("the OOM killer's mind", open("/proc/1/oom_adj", O_RDWR)), _exit(0);
  reap(pid);
}

static int told;
static void tell(int sig) { told += sig; }
static void fifos(void) {
  pid_t pid;
  int fd;
  must(mkfifo("fifo", 0600));
  show("a FIFO for nothing", open("fifo", 3)), show("nobody reads", open("fifo", O_WRONLY | O_NONBLOCK));
  for (int reads = 0; reads < 2; reads++) {
    CHILD(pid) {
      on_signal(SIGUSR1, tell);
      show(reads ? "interrupted reader" : "interrupted writer", open("fifo", reads ? O_RDONLY : O_WRONLY)), say("told %d", told == SIGUSR1), _exit(0);
    }
    wait_asleep(pid), must(kill(pid, SIGUSR1)), reap(pid);
    if (reads) show("no reader is left", open("fifo", O_WRONLY | O_NONBLOCK));
    else fd = (int)must(open("fifo", O_RDONLY | O_NONBLOCK)), show("no writer is left", read(fd, &told, 1)), close(fd);
  }
  CHILD(pid) { /* A writer that is interrupted while another one is there. */
    on_signal(SIGUSR1, tell), show("the first of two writers", open("fifo", O_WRONLY)), _exit(0);
  }
  wait_asleep(pid);
  pid_t other;
  CHILD(other) show_ok("the second", fd = open("fifo", O_WRONLY)), show("writes", write(fd, "xy", 2)), _exit(0);
  wait_asleep(other), must(kill(pid, SIGUSR1)), reap(pid);
  char text[4];
  fd = (int)must(open("fifo", O_RDONLY)), reap(other), show("read", read(fd, text, sizeof text)), show("read", read(fd, text, sizeof text)), close(fd);
}

static void times_of_files(void) {
  struct stat a, b;
  struct timespec set[2] = { { 1000, 5 }, { 2000, 6 } }, now[2] = { { 7, UTIME_NOW }, { 8, UTIME_NOW } }, omit[2] = { { 7, UTIME_OMIT }, { 8, UTIME_OMIT } }, half[2] = { { 7, UTIME_OMIT }, { 8, 9 } };
  pid_t pid;
  must(utimensat(AT_FDCWD, "script", set, 0)), must(stat("script", &a));
  show("neither", utimensat(AT_FDCWD, "nowhere", omit, 0)), show("not looked at", utimensat(99, "", omit, 77)), show("one", utimensat(AT_FDCWD, "script", half, 0)), must(stat("script", &b)), say("%d %ld.%ld", a.st_atime == b.st_atime, (long)b.st_mtime, (long)b.st_mtim.tv_nsec);
  show("flags", utimensat(AT_FDCWD, "script", set, 0x200)), show("flags without a name", (int)syscall(SYS_utimensat, 0, NULL, set, AT_SYMLINK_NOFOLLOW));
  must(chmod("script", 0777));
  CHILD(pid) must(setuid(5)), show("another's file, some time", utimensat(AT_FDCWD, "script", set, 0)), show("now", utimensat(AT_FDCWD, "script", now, 0)), _exit(0);
  reap(pid), must(stat("script", &a)), say("both now %d", a.st_mtime > 2000 && a.st_atime > 2000);
}

static void timers(void) {
  struct itimerspec soon = { { 1000, 0 }, { 0, 1000000 } }, old;
  uint64_t ticks = 0;
  int fd = (int)must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  must(timerfd_settime(fd, 0, &soon, NULL)), sleep_ms(30), must(timerfd_gettime(fd, &old));
  say("expired: %ld s of %ld left", (long)old.it_value.tv_sec, (long)old.it_interval.tv_sec), show("read", read(fd, &ticks, 8)), say("%d ticks", (int)ticks), show("again", read(fd, &ticks, 8));
  must(timerfd_settime(fd, 0, &soon, NULL)), sleep_ms(30), soon.it_value.tv_sec = 500, must(timerfd_settime(fd, 0, &soon, &old));
  say("what was set: %ld s of %ld left", (long)old.it_value.tv_sec, (long)old.it_interval.tv_sec), show("read", read(fd, &ticks, 8)), must(timerfd_gettime(fd, &old)), say("%ld s left", (long)old.it_value.tv_sec), close(fd);
}

static void ready(const char *what, int ep, int outer) {
  struct epoll_event event[4];
  int n = epoll_wait(ep, event, 4, 0), m = epoll_wait(outer, event + 1, 1, 0);
  say("%s: %d, first %d, seen from outside %d", what, n, n > 0 ? (int)event->data.u32 : -1, m);
}
static void polls(void) {
  int p[2], q[2], ep = (int)must(epoll_create1(0)), outer = (int)must(epoll_create1(0));
  char c, *edge = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
  struct epoll_event a = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = 1 }, b = { .events = EPOLLIN, .data.u32 = 2 }, in = { .events = EPOLLIN, .data.u32 = 3 };
  must(munmap(edge, 4096)), must(pipe(p)), must(pipe(q)), must(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &a)), must(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &b)), must(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &in));
  must(write(p[1], "x", 1)), ready("one", ep, outer), must(write(p[1], "x", 1)), ready("fired once", ep, outer), must(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &a)), ready("armed again", ep, outer);
  must(write(q[1], "x", 1)), must(read(q[0], &c, 1));
  struct epoll_event none;
  show("what seemed ready, from outside", epoll_wait(outer, &none, 1, 0)), ready("and inside", ep, outer);
  must(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &a)), must(write(q[1], "x", 1));
  show("the second where none can be stored", epoll_wait(ep, (struct epoll_event *)(edge - sizeof a), 2, 0)), memcpy(&none, edge - sizeof a, sizeof a), say("the first is %d", (int)none.data.u32), ready("the other stays", ep, outer);
  show("nor any", epoll_wait(ep, (struct epoll_event *)edge, 2, 0)), ready("it stays", ep, outer);
}

/* A tracer's siginfo of a signal that is blocked is queued as it stands. */
static void siginfos(void) {
  pid_t pid;
  static const struct { int signo, code; } kinds[] = { { SIGSEGV, 1 }, { SIGIO, 1 }, { SIGCHLD, 1 }, { SIGUSR2, 1 }, { SIGUSR2, -2 }, { SIGUSR2, -1 }, { SIGTRAP, 2 } };
  CHILD(pid) {
    sigset_t all = set_of(SIGSEGV, SIGIO, SIGCHLD, SIGUSR2, SIGTRAP, 0);
    must(sigprocmask(SIG_BLOCK, &all, NULL));
    int fd = (int)must(signalfd(-1, &all, SFD_NONBLOCK));
    must(ptrace(PTRACE_TRACEME, 0, 0, 0));
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
      struct signalfd_siginfo s;
      memset(&s, 0, sizeof s), raise(SIGUSR1);
      if (read(fd, &s, sizeof s) != sizeof s) { say("nothing"); continue; }
      say("%d %d: errno %d pid %x uid %x fd %x band %x tid %x overrun %x status %x int %x ptr %lx addr %lx utime %lx", (int)s.ssi_signo, s.ssi_code, s.ssi_errno, s.ssi_pid, s.ssi_uid, (unsigned)s.ssi_fd, s.ssi_band, s.ssi_tid, s.ssi_overrun, s.ssi_status, (unsigned)s.ssi_int, (long)s.ssi_ptr, (long)s.ssi_addr, (long)s.ssi_utime);
    }
    _exit(0);
  }
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int status, words[32];
    must(waitpid(pid, &status, 0));
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGUSR1) say("%s", wait_str(status));
    for (int w = 0; w < 32; w++) words[w] = 0x100 + w;
    words[0] = kinds[i].signo, words[1] = 0, words[2] = kinds[i].code;
    must(ptrace(PTRACE_SETSIGINFO, pid, 0, words)), must(ptrace(PTRACE_CONT, pid, 0, (long)kinds[i].signo));
  }
  say("%s", reap(pid));
  timer_t timer;
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 77 };
  struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } };
  struct signalfd_siginfo s;
  sigset_t set = set_of(SIGUSR2, 0);
  block(SIGUSR2);
  int fd = (int)must(signalfd(-1, &set, 0));
  must(timer_create(CLOCK_MONOTONIC, &event, &timer)), must(timer_settime(timer, 0, &soon, NULL)), must(read(fd, &s, sizeof s));
  say("a timer: %d %d, %d %d", (int)s.ssi_signo, s.ssi_code, s.ssi_int, (int)s.ssi_overrun), timer_delete(timer), close(fd);
}

static void cmdline(const char *what) {
  char text[200], out[300] = "";
  int fd = (int)must(open("/proc/self/cmdline", O_RDONLY));
  ssize_t n = must(read(fd, text, sizeof text));
  close(fd);
  for (ssize_t i = 0; i < n; i++) strncat(out, text[i] ? &text[i] : "|", 1);
  say("%s: %s", what, out);
}
static void titles(char **argv, char **envp) {
  size_t length = strlen(argv[1]);
  cmdline("as given"), argv[1][length] = '+', cmdline("into the environment"), envp[0][strlen(envp[0])] = '-', cmdline("and further"), strcpy(argv[0], "short"), cmdline("with an end within"), argv[1][length] = 0, cmdline("with its end again"), memset(argv[0], 'x', (size_t)(argv[1] - argv[0]) + length + 1), cmdline("one long title"), memset(argv[0], 'y', (size_t)(envp[1] - argv[0])), cmdline("a longer one");
}

int main(int argc, char **argv, char **envp) {
  if (argc < 2) {
    char *args[] = { "a title", "second", NULL }, *env[] = { "A=environment", "B=2", NULL };
    execve("/proc/self/exe", args, env);
    return 1;
  }
  char place[] = "/tmp/file_corners_XXXXXX";
  titles(argv, envp);
  must(mkdtemp(place) ? 0 : -1), must(mount("none", place, "tmpfs", 0, "size=64K,nr_inodes=20")), must(chdir(place));
  of_the_file_system(), rights(), fifos(), times_of_files(), timers(), polls(), siginfos();
  must(chdir("/")), must(umount2(place, MNT_DETACH)), rmdir(place);
  return 0;
}
