/* splice() between pipes and files, sockets, terminals, devices; what sendfile() does by it; blocking, errors. */
// differs: 3.2 takes unknown flags, looks only at SPLICE_F_NONBLOCK, not at a pipe's O_NONBLOCK, does not copy what is in
// differs: that very page of the file already, and looks at no limit on a file's size; it reads no AF_UNIX socket this way
// differs: and loses what it has read of a stream and the pipe has no room for; later kernels do otherwise
#include "check.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <termios.h>

static int p[2], q[2], file;
static char data[300000];

static long sp(int in, loff_t *oin, int out, loff_t *oout, size_t n, unsigned flags) {
  return syscall(SYS_splice, in, oin, out, oout, n, flags);
}
static void on_alarm(int sig) { (void)sig; }
static void on_pipe(int sig) { (void)sig; say("SIGPIPE"); }
static int fill(void) {
  int n = 0, r;
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  while ((r = write(p[1], data, 4096)) > 0) n += r;
  fcntl(p[1], F_SETFL, 0);
  return n;
}
static void drain(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while (read(fd, data + 200000, 65536) > 0) continue;
  fcntl(fd, F_SETFL, 0);
}
static void peek(const char *what, int fd, int n) {
  char buf[64] = "";
  int r = pread(fd, buf, n, 0);
  say("%s: %.*s", what, r > 0 ? r : 0, buf);
}
static void read_it(const char *what, int fd, int n) {
  char buf[64] = "";
  int r = read(fd, buf, n);
  say("%s: %d %.*s", what, r, r > 0 ? r : 0, buf);
}

static void errors(void) {
  loff_t off = 5, *bad = (loff_t *)8;
  int a = open("/tmp/splice_a", O_CREAT | O_RDWR | O_APPEND, 0600), w = open("/tmp/splice_file", O_WRONLY);
  int dir = open("/tmp", O_RDONLY), s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  show("nothing of nothing", sp(-1, bad, -1, bad, 0, 0));
  show("no input", sp(-1, 0, p[1], 0, 1, 0));
  show("input is an output", sp(p[1], 0, p[1], 0, 1, 0));
  show("no output", sp(file, 0, -1, 0, 1, 0));
  show("output is an input", sp(file, 0, p[0], 0, 1, 0));
  show("input only written to", sp(w, 0, p[1], 0, 1, 0));
  show("no pipe", sp(file, 0, file, 0, 1, 0));
  show("a pipe to itself", sp(p[0], 0, p[1], 0, 1, 0));
  show("offset of a pipe, in", sp(p[0], &off, file, 0, 1, 0));
  show("offset of a pipe, out", sp(file, 0, p[1], &off, 1, 0));
  show("offsets of two pipes", sp(p[0], &off, q[1], 0, 1, 0));
  show("bad address of an offset", sp(file, bad, p[1], 0, 1, 0));
  off = -1;
  show("negative offset", sp(file, &off, p[1], 0, 1, 0));
  off = 0;
  show("offset of a socket", sp(s[0], &off, p[1], 0, 1, 0));
  show("a directory", sp(dir, 0, p[1], 0, 1, 0));
  show("a socket", sp(s[0], 0, p[1], 0, 1, SPLICE_F_NONBLOCK));
  must(write(p[1], "abcdef", 6));
  show("O_APPEND", sp(p[0], 0, a, 0, 3, 0));
  off = 2;
  show("O_APPEND with an offset", sp(p[0], 0, a, &off, 3, 0));
  show("out with an offset of a socket", sp(p[0], 0, s[0], &off, 3, 0));
  show("negative length", sp(p[0], 0, file, 0, -1, 0));
  show("unknown flags", sp(p[0], 0, file, 0, 6, 0xff00));
  off = 1 << 30;
  show("beyond the end", sp(file, &off, p[1], 0, 10, 0));
  say("offset: %d", (int)off);
  close(a), close(dir), close(w), close(s[0]), close(s[1]);
}

static void files(void) {
  loff_t off = 3;
  must(ftruncate(file, 0));
  must(pwrite(file, "0123456789", 10, 0));
  lseek(file, 2, SEEK_SET);
  show("from the position", sp(file, 0, p[1], 0, 3, 0));
  show("from an offset", sp(file, &off, p[1], 0, 100, 0));
  say("position %d, offset %d", (int)lseek(file, 0, SEEK_CUR), (int)off);
  must(pwrite(file, "abcdefghij", 10, 0));
  read_it("what was written later", p[0], 64);
  show("at the end", sp(file, &off, p[1], 0, 100, 0));
  off = 0;
  must(sp(file, &off, p[1], 0, 4, 0));
  must(ftruncate(file, 2));
  read_it("after truncation", p[0], 64);
  must(pwrite(file, "ABCDEFGHIJ", 10, 0));
  off = 0;
  must(sp(file, &off, p[1], 0, 4, 0));
  off = 6;
  show("into the same page", sp(p[0], 0, file, &off, 4, 0));
  peek("the file", file, 20);
  must(write(p[1], "xyz", 3));
  lseek(file, 1, SEEK_SET);
  show("into the file", sp(p[0], 0, file, 0, 100, 0));
  say("position %d", (int)lseek(file, 0, SEEK_CUR));
  peek("the file", file, 20);
  struct rlimit old, small = {2, RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &old);
  setrlimit(RLIMIT_FSIZE, &small);
  signal(SIGXFSZ, SIG_IGN);
  must(write(p[1], "limit", 5));
  show("beyond RLIMIT_FSIZE", sp(p[0], 0, file, 0, 5, 0));
  setrlimit(RLIMIT_FSIZE, &old);
  drain(p[0]);
  peek("the file", file, 20);
  must(fchmod(file, 06755));
  if (setresuid(1, 1, 0) == 0) {
    must(write(p[1], "x", 1));
    must(sp(p[0], 0, file, 0, 1, 0));
    must(setresuid(0, 0, 0));
  }
  struct stat st;
  fstat(file, &st);
  say("mode after a splice: %o", (unsigned)st.st_mode & 07777);
  struct timespec old_times[2] = {{1, 0}, {1, 0}};
  futimens(file, old_times);
  off = 0;
  must(sp(file, &off, p[1], 0, 1, 0));
  fstat(file, &st);
  say("read by a splice: atime %s, mtime %s", st.st_atime > 1 ? "now" : "old", st.st_mtime > 1 ? "now" : "old");
  must(sp(p[0], 0, file, 0, 1, 0));
  fstat(file, &st);
  say("written by a splice: mtime %s", st.st_mtime > 1 ? "now" : "old");
}

static void big(void) {
  loff_t off = 100;
  for (int i = 0; i < 200000; i++) data[i] = i % 251;
  must(pwrite(file, data, 200000, 0));
  show("as much as the pipe has slots for", sp(file, &off, p[1], 0, 150000, 0));
  say("offset %d", (int)off);
  show("a full pipe", sp(file, &off, p[1], 0, 10, SPLICE_F_NONBLOCK));
  say("offset %d", (int)off);
  off = 0;
  int other = must(open("/tmp/splice_b", O_CREAT | O_RDWR, 0600));
  show("all of it to a file", sp(p[0], 0, other, &off, 1 << 20, 0));
  must(pread(other, data + 200000, 65436, 0));
  say("the same: %d", !memcmp(data + 100, data + 200000, 65436));
  off = 4000;
  show("unaligned in", sp(file, &off, p[1], 0, 200, 0));
  off = 4090;
  show("unaligned out", sp(p[0], 0, other, &off, 200, 0));
  must(pread(other, data + 200000, 200, 4090));
  say("the same: %d", !memcmp(data + 4000, data + 200000, 200));
  must(fcntl(p[1], F_SETPIPE_SZ, 4096));
  off = 10;
  show("a pipe of one slot", sp(file, &off, p[1], 0, 10000, 0));
  show("another", sp(file, &off, p[1], 0, 10000, SPLICE_F_NONBLOCK));
  drain(p[0]);
  must(fcntl(p[1], F_SETPIPE_SZ, 65536));
  close(other);
}

static void devices(void) {
  int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
  int proc = open("/proc/self/comm", O_RDWR), e = eventfd(5, 0), s[2], d[2];
  uint64_t n = 0;
  show("/dev/null in", sp(null, 0, p[1], 0, 10, 0));
  show("/dev/zero in", sp(zero, 0, p[1], 0, 5000, 0));
  must(read(p[0], data, 6000));
  say("zero: %d", !data[0] && !data[4999]);
  must(write(p[1], "abc", 3));
  show("/dev/full out", sp(p[0], 0, full, 0, 3, 0));
  show("/dev/zero out", sp(p[0], 0, zero, 0, 2, 0));
  show("/dev/null out", sp(p[0], 0, null, 0, 100, SPLICE_F_NONBLOCK));
  show("/dev/null, empty pipe", sp(p[0], 0, null, 0, 100, SPLICE_F_NONBLOCK));
  must(write(p[1], "renamed", 7));
  show("a file of /proc out", sp(p[0], 0, proc, 0, 100, SPLICE_F_NONBLOCK));
  close(proc);
  proc = open("/proc/self/comm", O_RDWR);
  show("a file of /proc in", sp(proc, 0, p[1], 0, 100, 0));
  read_it("comm", p[0], 7);
  drain(p[0]);
  show("eventfd in", sp(e, 0, p[1], 0, 100, 0));
  must(read(p[0], &n, 8));
  say("counter %d", (int)n);
  show("eventfd in, too short", sp(e, 0, p[1], 0, 7, 0));
  n = 7;
  must(write(p[1], &n, 8));
  show("eventfd out", sp(p[0], 0, e, 0, 8, 0));
  must(read(e, &n, 8));
  say("counter %d", (int)n);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, d));
  must(write(p[1], "stream", 6));
  show("a socket out", sp(p[0], 0, s[0], 0, 100, SPLICE_F_NONBLOCK));
  read_it("received", s[1], 64);
  loff_t off = 0;
  must(pwrite(file, "abc", 3, 0));
  must(sp(file, &off, p[1], 0, 2, 0));
  must(sp(file, &off, p[1], 0, 1, 0));
  show("datagrams out", sp(p[0], 0, d[0], 0, 3, 0));
  read_it("received", d[1], 64);
  read_it("received", d[1], 64);
  must(close(s[1]));
  must(write(p[1], "lost", 4));
  show("a socket nobody reads", sp(p[0], 0, s[0], 0, 4, 0));
  drain(p[0]);
  close(null), close(zero), close(full), close(proc), close(e), close(s[0]), close(d[0]), close(d[1]);
}

static void terminals(void) {
  int master = must(posix_openpt(O_RDWR | O_NOCTTY));
  must(grantpt(master)), must(unlockpt(master));
  int slave = must(open(ptsname(master), O_RDWR | O_NOCTTY));
  struct termios t;
  tcgetattr(slave, &t);
  cfmakeraw(&t);
  tcsetattr(slave, TCSANOW, &t);
  must(write(p[1], "to a tty", 8));
  show("a terminal out", sp(p[0], 0, slave, 0, 8, 0));
  read_it("master", master, 64);
  must(write(master, "from a tty", 10));
  show("a terminal in", sp(slave, 0, p[1], 0, 100, 0));
  read_it("pipe", p[0], 64);
  must(fcntl(p[1], F_SETPIPE_SZ, 4096));
  must(write(p[1], data, 4096));
  must(write(master, "too much", 8));
  show("a full pipe", sp(slave, 0, p[1], 0, 100, SPLICE_F_NONBLOCK));
  drain(p[0]);
  must(write(master, "later", 5));
  show("again", sp(slave, 0, p[1], 0, 100, SPLICE_F_NONBLOCK));
  read_it("pipe", p[0], 64);
  must(fcntl(p[1], F_SETPIPE_SZ, 65536));
  close(slave), close(master);
}

static void blocking(void) {
  struct sigaction sa = {.sa_handler = on_alarm};
  struct itimerval soon = {{0, 0}, {0, 50000}};
  pid_t pid;
  sigaction(SIGALRM, &sa, 0);
  show("empty", sp(p[0], 0, file, 0, 1, SPLICE_F_NONBLOCK));
  setitimer(ITIMER_REAL, &soon, 0);
  show("empty, and a signal", sp(p[0], 0, file, 0, 1, 0));
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  setitimer(ITIMER_REAL, &soon, 0);
  show("empty, O_NONBLOCK", sp(p[0], 0, file, 0, 1, 0));
  fcntl(p[0], F_SETFL, 0);
  CHILD(pid) {
    sleep_ms(30);
    must(write(p[1], "child", 5));
    sleep_ms(30);
    _exit(0);
  }
  show("woken by a write", sp(p[0], 0, file, 0, 100, 0));
  say("%s", reap(pid));
  fill();
  loff_t off = 0;
  setitimer(ITIMER_REAL, &soon, 0);
  show("full, and a signal", sp(file, &off, p[1], 0, 1, 0));
  CHILD(pid) {
    sleep_ms(30);
    must(read(p[0], data, 8192));
    _exit(0);
  }
  show("woken by a read", sp(file, &off, p[1], 0, 100, 0));
  say("%s", reap(pid));
  CHILD(pid) {
    sleep_ms(30);
    drain(p[0]);
    say("the reader has all");
    sleep_ms(30);
    _exit(0);
  }
  fill();
  must(write(p[1], data, 3000));
  say("%s", reap(pid));
  /* A writer waits for room, a splice to /dev/null makes it. */
  fill();
  CHILD(pid) {
    must(write(p[1], "after", 5));
    say("the writer is through");
    _exit(0);
  }
  sleep_ms(30);
  int null = open("/dev/null", O_WRONLY);
  say("%ld went", sp(p[0], 0, null, 0, 65541, 0));
  say("%s", reap(pid));
  CHILD(pid) {
    char buf[8];
    _exit((int)read(p[0], buf, 8));
  }
  sleep_ms(30);
  loff_t start = 0;
  show("a reader waits", sp(file, &start, p[1], 0, 7, 0));
  say("%s", reap(pid));
  drain(p[0]);
  int r[2];
  must(pipe(r));
  close(r[0]);
  off = 0;
  show("nobody reads", sp(file, &off, r[1], 0, 1, 0));
  show("nobody reads, and the end of the file", (off = 1 << 20, sp(file, &off, r[1], 0, 1, 0)));
  close(r[1]);
  must(pipe(r));
  must(write(r[1], "rest", 4));
  close(r[1]);
  show("nobody writes, something is left", sp(r[0], 0, null, 0, 100, 0));
  show("nobody writes", sp(r[0], 0, null, 0, 100, 0));
  close(r[0]), close(null);
}

/* The pipe's mutex is held while a terminal or socket has no room: another reader does not get past. */
static void mutex_held(void) {
  int s[2], fd[2];
  char state = '-', path[64], line[256];
  pid_t pid, reader;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(pipe(fd));
  fcntl(s[0], F_SETFL, O_NONBLOCK);
  while (write(s[0], data, 1000) > 0) continue;
  fcntl(s[0], F_SETFL, 0);
  must(write(fd[1], "first", 5));
  CHILD(pid) {
    signal(SIGALRM, SIG_DFL);
    sp(fd[0], 0, s[0], 0, 5, 0);
    _exit(0);
  }
  sleep_ms(30);
  CHILD(reader) {
    char buf[8];
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    int n = read(fd[0], buf, 8);
    _exit(n == 5 ? 5 : 77);
  }
  sleep_ms(30);
  snprintf(path, sizeof path, "/proc/%d/stat", reader);
  int stat = open(path, O_RDONLY);
  int n = stat < 0 ? 0 : read(stat, line, sizeof line - 1);
  if (n > 0) line[n] = 0, state = strrchr(line, ')')[2];
  close(stat);
  say("another reader: %c", state);
  kill(pid, SIGKILL);
  say("%s", reap(pid));
  say("%s", reap(reader));
  close(s[0]), close(s[1]), close(fd[0]), close(fd[1]);
}

static void sendfiles(void) {
  off_t off = 2;
  int a = open("/tmp/splice_a", O_RDWR | O_APPEND), other = open("/tmp/splice_b", O_RDWR | O_TRUNC), zero = open("/dev/zero", O_RDWR);
  struct rlimit old, small = {2, RLIM_INFINITY};
  must(ftruncate(file, 0));
  must(pwrite(file, "0123456789", 10, 0));
  lseek(file, 1, SEEK_SET);
  show("sendfile", sendfile(other, file, &off, 3));
  show("sendfile from the position", sendfile(other, file, 0, 100));
  say("offset %d, position %d, of the other %d", (int)off, (int)lseek(file, 0, SEEK_CUR), (int)lseek(other, 0, SEEK_CUR));
  peek("the other", other, 20);
  show("sendfile at the end", sendfile(other, file, 0, 100));
  off = 0;
  show("sendfile to O_APPEND", sendfile(a, file, &off, 1));
  off = 100;
  show("sendfile to O_APPEND at the end", sendfile(a, file, &off, 1));
  show("sendfile of a device", sendfile(other, zero, 0, 1));
  show("sendfile of a pipe", sendfile(other, p[0], 0, 1));
  show("sendfile of a pipe at an offset", sendfile(other, p[0], &off, 1));
  show("sendfile, bad address", sendfile(other, file, (off_t *)8, 1));
  off = -1;
  show("sendfile, negative offset", sendfile(other, file, &off, 1));
  off = 0;
  show("sendfile to a pipe", sendfile(p[1], file, &off, 5));
  must(pwrite(file, "abcdefghij", 10, 0));
  read_it("a copy", p[0], 20);
  fill();
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  off = 0;
  show("sendfile to a full pipe", sendfile(p[1], file, &off, 5));
  say("offset %d", (int)off);
  drain(p[0]);
  must(pwrite(file, data, 200000, 0));
  show("sendfile of more than fits", sendfile(p[1], file, &off, 200000));
  say("offset %d", (int)off);
  fcntl(p[1], F_SETFL, 0);
  drain(p[0]);
  off = 0;
  show("sendfile of much", sendfile(other, file, &off, 1 << 20));
  getrlimit(RLIMIT_FSIZE, &old);
  setrlimit(RLIMIT_FSIZE, &small);
  off = 0;
  show("sendfile beyond RLIMIT_FSIZE", sendfile(other, file, &off, 10));
  setrlimit(RLIMIT_FSIZE, &old);
  const char *read_only = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  lseek(other, 0, SEEK_SET);
  show("sendfile, an offset that cannot be stored", sendfile(other, file, (off_t *)read_only, 10));
  say("but sent: %d", (int)lseek(other, 0, SEEK_CUR));
  close(a), close(other), close(zero);
}

int main(void) {
  signal(SIGPIPE, on_pipe);
  must(pipe(p));
  must(pipe(q));
  file = must(open("/tmp/splice_file", O_CREAT | O_RDWR | O_TRUNC, 0600));
  errors();
  drain(p[0]);
  files();
  big();
  devices();
  terminals();
  blocking();
  mutex_held();
  sendfiles();
  return 0;
}
