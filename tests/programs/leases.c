/* Leases: who holds one is told before others open the file, and has time to make it ready. */
// needs: root
// differs: later kernels give leases to write on tmpfs, too; a lease's request that failed leaves owner and signal alone there
#include "check.h"

#include <fcntl.h>
#include <sys/mount.h>

static sigset_t all;

static const char *kind(int lease) {
  return lease == F_RDLCK ? "read" : lease == F_WRLCK ? "write" : lease == F_UNLCK ? "none" : errname(errno);
}
static void got(const char *what, int fd) { say("%s: %s", what, kind(fcntl(fd, F_GETLEASE))); }
static void came(const char *what, int fd) {
  static const struct timespec now = { 0, 0 };
  siginfo_t i;
  int sig = sigtimedwait_(&all, &i, &now);
  if (sig <= 0) say("%s: nothing", what);
  else if (i.si_code == SI_KERNEL) say("%s: %s", what, sig == SIGIO ? "SIGIO" : "another");
  else say("%s: RT %d code %d band %#lx of it %d", what, sig - RT(0), i.si_code, (long)i.si_band, i.si_fd == fd);
}
static void show_locks(const char *what) {
  char text[4096], *line = text;
  int fd = must(open("/proc/locks", O_RDONLY));
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n < 0 ? 0 : n] = 0;
  say("%s:", what);
  for (char *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    char arrow[4] = "", a[12], b[12], c[12], file[32], from[24], to[24];
    int number, pid;
    if (sscanf(line, "%d: -> %11s %11s %11s %d %31s %23s %23s", &number, a, b, c, &pid, file, from, to) == 8)
      strcpy(arrow, "-> ");
    else if (sscanf(line, "%d: %11s %11s %11s %d %31s %23s %23s", &number, a, b, c, &pid, file, from, to) != 8) continue;
    say("  %s%s %s %s%s%s %s %s", arrow, a, b, c, pid == getpid() ? " of us" : " of another", file[0] == '<' ? " <none>:0" : "",
        from, to);
  }
}
static void sysctl_(const char *name, const char *value) {
  char path[64];
  snprintf(path, sizeof path, "/proc/sys/fs/%s", name);
  int fd = open(path, O_WRONLY);
  if (fd == -1 || write(fd, value, strlen(value)) == -1) say("%s: %s", name, errname(errno));
  close(fd);
}
static long elapsed(void) {
  static struct timespec before;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long s = now.tv_sec - before.tv_sec + (now.tv_nsec - before.tv_nsec + 500000000) / 1000000000;
  before = now;
  return s;
}

static void asking(void) {
  write_file("file", "0123456789", 0644);
  int fd = must(open("file", O_RDONLY));
  got("at first", fd);
  show("give up none", fcntl(fd, F_SETLEASE, F_UNLCK));
  show("a lease of no kind", fcntl(fd, F_SETLEASE, 3));
  must(fcntl(fd, F_SETOWN, 1));
  show("to read", fcntl(fd, F_SETLEASE, F_RDLCK));
  say("whom it had before owns it: %d", fcntl(fd, F_GETOWN) == 1);
  must(fcntl(fd, F_SETOWN, getpid()));
  got("then", fd);
  say("owner %d, O_ASYNC %d", fcntl(fd, F_GETOWN) == getpid(), !!(fcntl(fd, F_GETFL) & O_ASYNC));
  show_locks("locks");
  must(fcntl(fd, F_SETSIG, RT(0)));
  show("to write, on tmpfs", fcntl(fd, F_SETLEASE, F_WRLCK));
  got("then", fd);
  say("owner %d, signal %d", fcntl(fd, F_GETOWN), fcntl(fd, F_GETSIG));
  show("to read, again", fcntl(fd, F_SETLEASE, F_RDLCK));
  say("owner %d", fcntl(fd, F_GETOWN) == getpid());
  must(fcntl(fd, F_SETSIG, RT(0)));
  show("to read, for the third time", fcntl(fd, F_SETLEASE, F_RDLCK));
  say("signal %d", fcntl(fd, F_GETSIG));
  int copy = must(dup(fd)), other = must(open("file", O_RDONLY));
  got("a copy", copy);
  got("another open file", other);
  show("one for it", fcntl(other, F_SETLEASE, F_RDLCK));
  got("both", other);
  close(other);
  show("given up by the copy", fcntl(copy, F_SETLEASE, F_UNLCK));
  got("then", fd);
  say("owner %d, O_ASYNC %d", fcntl(fd, F_GETOWN), !!(fcntl(fd, F_GETFL) & O_ASYNC));
  other = must(open("file", O_WRONLY));
  show("while it is written", fcntl(fd, F_SETLEASE, F_RDLCK));
  show("by one who writes", fcntl(other, F_SETLEASE, F_RDLCK));
  close(other);
  sysctl_("leases-enable", "0");
  show("not enabled", fcntl(fd, F_SETLEASE, F_RDLCK));
  sysctl_("leases-enable", "1");
  int ends[2];
  must(pipe(ends));
  show("a pipe", fcntl(ends[0], F_SETLEASE, F_RDLCK));
  show("a pipe's", fcntl(ends[0], F_GETLEASE));
  show("a directory", fcntl(must(open(".", O_RDONLY)), F_SETLEASE, F_RDLCK));
  show("an O_PATH descriptor", fcntl(must(open("file", O_PATH)), F_SETLEASE, F_RDLCK));
  pid_t child;
  write_file("own", "x", 0600);
  must(chown("own", 1000, 1000));
  int foreign = must(open("own", O_RDONLY));
  show("root's of somebody else's", fcntl(foreign, F_SETLEASE, F_RDLCK));
  close(foreign);
  CHILD(child) {
    must(setresuid(1000, 1000, 1000));
    show("somebody else's file", fcntl(fd, F_SETLEASE, F_RDLCK));
    show("somebody else's, given up", fcntl(fd, F_SETLEASE, F_UNLCK));
    show("one's own", fcntl(must(open("own", O_RDONLY)), F_SETLEASE, F_RDLCK));
    _exit(0);
  }
  reap(child);
  show("a lease", fcntl(fd, F_SETLEASE, F_RDLCK));
  CHILD(child) {
    got("a child's", fd);
    _exit(0);
  }
  reap(child);
  close(fd);
  close(copy);
  show_locks("closed");
}

static void try_open(const char *what, const char *name, int flags) {
  int fd = open(name, flags);
  say("%s: %s", what, fd == -1 ? errname(errno) : "open");
  if (fd != -1) close(fd);
}

/* A child does what breaks a lease to read, while the parent has it. */
static void breaking(void) {
  static const char *const ways[] = { "open to write", "open to read", "open to empty it", "truncate", "unlink", "chmod",
                                      "open to read and empty it", "rename" };
  for (int i = 0; i < 8; i++) {
    write_file("file", "0123456789", 0644);
    int fd = must(open("file", O_RDONLY)), status;
    must(fcntl(fd, F_SETLEASE, F_RDLCK));
    must(fcntl(fd, F_SETSIG, RT(1)));
    pid_t child;
    CHILD(child) {
      close(fd);
      long r = -1;
      switch (i) {
      case 0: r = open("file", O_WRONLY); break;
      case 1: r = open("file", O_RDONLY); break;
      case 2: r = open("file", O_WRONLY | O_TRUNC); break;
      case 3: r = truncate("file", 4); break;
      case 4: r = unlink("file"); break;
      case 5: r = chmod("file", 0600); break;
      case 6: r = open("file", O_RDONLY | O_TRUNC); break;
      case 7: r = rename("file", "moved"); break;
      }
      _exit(r == -1 ? errno : 0);
    }
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && state_of(child) != 'S' && state_of(child) != 'Z')
      sleep_ms(1);
    sleep_ms(20);
    struct stat st;
    must(fstat(fd, &st));
    say("%s: %s, size %d", ways[i], state_of(child) == 'S' ? "it waits" : "it has not waited", (int)st.st_size);
    came("  the holder", fd);
    got("  its lease", fd);
    if (i == 0) show_locks("  locks");
    if (state_of(child) == 'S') {
      show("  to read, for a writer", fcntl(fd, F_SETLEASE, F_RDLCK));
      say("  owner %d", fcntl(fd, F_GETOWN));
      show("  given up", fcntl(fd, F_SETLEASE, F_UNLCK));
    }
    status = wait_for(child);
    must(fstat(fd, &st));
    say("  %s, size %d", wait_str(status), (int)st.st_size);
    close(fd);
  }
}

static void in_time(void) {
  write_file("file", "0123456789", 0644);
  int fd = must(open("file", O_RDONLY));
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  int copy = must(dup(fd));
  show("to read, by a copy", fcntl(copy, F_SETLEASE, F_RDLCK));
  must(fcntl(fd, F_SETSIG, RT(0)));
  try_open("our own, to write", "file", O_WRONLY);
  came("told by its number", copy);
  close(copy);
  got("it is going", fd);
  try_open("once more", "file", O_WRONLY);
  came("told once", fd);
  try_open("to read", "file", O_RDONLY);
  show_locks("locks");
  int late = must(open("file", O_RDONLY));
  show("another one, meanwhile", fcntl(late, F_SETLEASE, F_RDLCK));
  show("given up", fcntl(fd, F_SETLEASE, F_UNLCK));
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  try_open("to write, O_NONBLOCK", "file", O_WRONLY | O_NONBLOCK);
  sleep_ms(46000);
  show("another one, after the time", fcntl(late, F_SETLEASE, F_RDLCK));
  try_open("to write, O_NONBLOCK", "file", O_WRONLY | O_NONBLOCK);
  sleep_ms(46000);
  try_open("once more, after the time", "file", O_WRONLY | O_NONBLOCK);
  close(late);
  while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  pid_t child;
  CHILD(child) {
    try_open("O_NONBLOCK", "file", O_WRONLY | O_NONBLOCK);
    _exit(0);
  }
  reap(child);
  came("told", fd);
  got("it is going", fd);
  sleep_ms(44000);
  got("still", fd);
  sleep_ms(1100);
  got("gone by itself", fd);
  say("owner %d", fcntl(fd, F_GETOWN));
  show("give up what has gone", fcntl(fd, F_SETLEASE, F_UNLCK));

  sysctl_("lease-break-time", "7");
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  CHILD(child) {
    elapsed();
    try_open("to write", "file", O_WRONLY);
    say("after %ld s", elapsed());
    _exit(0);
  }
  reap(child);
  came("told", fd);
  got("the holder's", fd);

  sysctl_("lease-break-time", "0");
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  CHILD(child) {
    on_signal(SIGALRM, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    alarm(100);
    try_open("to write, without a limit", "file", O_WRONLY);
    _exit(0);
  }
  say("%s", reap(child));
  got("the holder's", fd);
  sysctl_("lease-break-time", "45");
  show("given up", fcntl(fd, F_SETLEASE, F_UNLCK));
  came("told", fd);

  /* Two holders; one signal that is caught in the meantime. */
  int other = must(open("file", O_RDONLY));
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  must(fcntl(other, F_SETLEASE, F_RDLCK));
  must(fcntl(fd, F_SETSIG, RT(2)));
  must(fcntl(other, F_SETSIG, RT(3)));
  CHILD(child) {
    close(fd), close(other);
    try_open("with two holders", "file", O_RDWR);
    _exit(0);
  }
  wait_asleep(child);
  came("the first", fd);
  came("the second", other);
  show("one gives up", fcntl(fd, F_SETLEASE, F_UNLCK));
  sleep_ms(20);
  say("it is %c", state_of(child));
  close(other);
  reap(child);
  close(fd);
}

/* Leases to write: of files of /proc, as tmpfs has none in 3.2. */
static void to_write(void) {
  const char *name = "/proc/version";
  int fd = must(open(name, O_RDONLY));
  show("to write", fcntl(fd, F_SETLEASE, F_WRLCK));
  got("then", fd);
  must(fcntl(fd, F_SETSIG, RT(4)));
  show_locks("locks");
  pid_t child;
  CHILD(child) {
    close(fd);
    try_open("O_PATH", name, O_PATH);
    try_open("to read", name, O_RDONLY);
    try_open("to read, again", name, O_RDONLY);
    _exit(0);
  }
  wait_asleep(child);
  came("the holder", fd);
  got("becomes", fd);
  show_locks("locks");
  show("to write", fcntl(fd, F_SETLEASE, F_WRLCK));
  show("to read", fcntl(fd, F_SETLEASE, F_RDLCK));
  reap(child);
  got("then", fd);
  int other = must(open(name, O_RDONLY));
  show("another one open", fcntl(fd, F_SETLEASE, F_WRLCK));
  show("for the other", fcntl(other, F_SETLEASE, F_WRLCK));
  close(other);
  show("nobody else", fcntl(fd, F_SETLEASE, F_WRLCK));
  try_open("our own, to read", name, O_RDONLY);
  came("told", fd);
  got("becomes", fd);
  CHILD(child) {
    close(fd);
    elapsed();
    try_open("to read", name, O_RDONLY);
    say("after %ld s", elapsed());
    _exit(0);
  }
  reap(child);
  came("told once", fd);
  got("by itself", fd);
  close(fd);
}

int main(void) {
  go_to_scratch();
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  sigdelset(&all, SIGALRM);
  sigprocmask(SIG_BLOCK, &all, NULL);
  say("- asking");
  asking();
  say("- breaking");
  breaking();
  say("- in time");
  in_time();
  say("- to write");
  to_write();
  return 0;
}
