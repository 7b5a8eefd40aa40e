/* Who holds the pages in pipes: tee() and splice() between pipes, vmsplice(), what is stored later, fork, and munmap. */
// differs: 3.2 puts more into pages that two pipes share, and decides on copies by who maps a page, not by who holds it: one
// differs: that was given to a pipe is written to in place by the last who maps it; it takes unknown flags
#include "check.h"

#include <sys/ioctl.h>

static int p[2], q[2];
static char *page;
static const char filler[65536];

static long sp(int in, int out, size_t n, unsigned flags) { return syscall(SYS_splice, in, 0, out, 0, n, flags); }
static long tee_(int in, int out, size_t n, unsigned flags) { return syscall(SYS_tee, in, out, n, flags); }
static long vms(int fd, void *base, size_t n, unsigned flags) {
  struct iovec v = {base, n};
  return syscall(SYS_vmsplice, fd, &v, 1ul, flags);
}
static void on_alarm(int sig) { (void)sig; }
static void on_pipe(int sig) { (void)sig; say("SIGPIPE"); }
static void shut(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}
static void renew(void) {
  shut(&p[0]), shut(&p[1]), shut(&q[0]), shut(&q[1]);
  must(pipe(p)), must(pipe(q));
  must(fcntl(p[0], F_SETFL, O_NONBLOCK)), must(fcntl(q[0], F_SETFL, O_NONBLOCK));
}
static void got(const char *what, int fd) {
  static char buf[70000];
  int n = read(fd, buf, sizeof buf);
  if (n < 0) say("%s: %s", what, errname(errno));
  else say("%s: %d \"%.*s\"", what, n, n > 40 ? 40 : n, buf);
}
static void fill(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while (write(fd, filler, 4096) > 0) continue;
  fcntl(fd, F_SETFL, 0);
}
static void put(int fd, const char *s) { must(write(fd, s, strlen(s))); }

static void tees(void) {
  int file = must(open("/tmp/splice_pages", O_CREAT | O_RDWR | O_TRUNC, 0600)), n;
  renew();
  show("tee nothing", tee_(-1, -1, 0, 0));
  show("tee, no input", tee_(-1, q[1], 1, 0));
  show("tee from an output", tee_(p[1], q[1], 1, 0));
  show("tee to an input", tee_(p[0], q[0], 1, 0));
  show("tee to itself", tee_(p[0], p[1], 1, 0));
  show("tee of a file", tee_(file, q[1], 1, 0));
  show("tee to a file", tee_(p[0], file, 1, 0));
  show("tee of an empty pipe", tee_(p[0], q[1], 1, SPLICE_F_NONBLOCK));
  put(p[1], "abc");
  show("tee", tee_(p[0], q[1], 100, 0));
  put(p[1], "X");
  put(q[1], "Y");
  got("p", p[0]), got("q", q[0]);
  put(p[1], "abcdef");
  show("tee of a part", tee_(p[0], q[1], 2, 0));
  put(q[1], "--");
  put(p[1], "gh");
  got("p", p[0]), got("q", q[0]);
  must(write(p[1], filler, 4090));
  put(p[1], "0123456789");
  show("tee of two buffers", tee_(p[0], q[1], 5000, 0));
  ioctl(p[0], FIONREAD, &n);
  say("still there: %d", n);
  renew();
  put(p[1], "woken");
  pid_t pid;
  for (int move = 0; move < 2; move++) {
    CHILD(pid) {
      char buf[8];
      fcntl(q[0], F_SETFL, 0);
      _exit((int)read(q[0], buf, 8));
    }
    sleep_ms(30);
    if (move) show("a reader waits, move", sp(p[0], q[1], 3, 0));
    else show("a reader waits, tee", tee_(p[0], q[1], 4, 0));
    say("%s", reap(pid));
  }
  shut(&q[0]);
  show("tee, nobody reads", tee_(p[0], q[1], 1, 0));
  renew();
  fill(q[1]);
  put(p[1], "x");
  show("tee to a full pipe", tee_(p[0], q[1], 1, SPLICE_F_NONBLOCK));
  shut(&p[1]);
  got("p", p[0]);
  show("tee of an empty pipe nobody writes to, to a full one", tee_(p[0], q[1], 1, SPLICE_F_NONBLOCK));
  got("q", q[0]);
  show("tee of an empty pipe nobody writes to", tee_(p[0], q[1], 1, 0));
  fill(q[1]);
  shut(&p[0]);
  must(pipe(p));
  put(p[1], "x");
  shut(&q[0]);
  show("tee to a full pipe nobody reads", tee_(p[0], q[1], 1, 0));
  close(file);
}

static void moves(void) {
  pid_t pid;
  struct itimerval soon = {{0, 0}, {0, 50000}};
  renew();
  put(p[1], "abcdef");
  show("move a part", sp(p[0], q[1], 3, 0));
  put(q[1], "ZZZ");
  got("p", p[0]), got("q", q[0]);
  put(p[1], "abcdef");
  must(read(p[0], page, 1));
  show("move the rest of a buffer", sp(p[0], q[1], 100, 0));
  put(q[1], "g");
  got("q", q[0]);
  show("an empty pipe", sp(p[0], q[1], 1, SPLICE_F_NONBLOCK));
  setitimer(ITIMER_REAL, &soon, 0);
  show("an empty pipe, and a signal", sp(p[0], q[1], 1, 0));
  fill(q[1]);
  put(p[1], "x");
  show("to a full pipe", sp(p[0], q[1], 1, SPLICE_F_NONBLOCK));
  setitimer(ITIMER_REAL, &soon, 0);
  show("to a full pipe, and a signal", sp(p[0], q[1], 1, 0));
  CHILD(pid) {
    sleep_ms(30);
    must(read(q[0], page, 4096));
    _exit(0);
  }
  show("woken by a reader", sp(p[0], q[1], 1, 0));
  say("%s", reap(pid));
  renew();
  CHILD(pid) {
    sleep_ms(30);
    put(p[1], "late");
    _exit(0);
  }
  show("woken by a writer", sp(p[0], q[1], 100, 0));
  say("%s", reap(pid));
  got("q", q[0]);
  fill(p[1]);
  show("sixteen buffers", sp(p[0], q[1], 1 << 20, 0));
  CHILD(pid) {
    fcntl(p[1], F_SETFL, 0);
    fill(p[1]);
    put(p[1], "the last");
    _exit(0);
  }
  sleep_ms(30);
  while (read(q[0], page, 8192) > 0) continue;
  show("a writer waits", sp(p[0], q[1], 1 << 20, 0));
  say("%s", reap(pid));
  must(fcntl(q[1], F_SETPIPE_SZ, 131072));
  must(fcntl(p[1], F_SETPIPE_SZ, 131072));
  show("smaller than what is there", fcntl(q[1], F_SETPIPE_SZ, 4096));
  shut(&p[1]), shut(&q[0]);
  show("nobody writes, nobody reads", sp(p[0], q[1], 1, 0));
  renew();
  shut(&p[1]);
  show("nobody writes", sp(p[0], q[1], 1, 0));
}

static void gifts(void) {
  struct iovec v[3] = {{page, 3}, {page + 8, 2}, {(void *)8, 1}};
  int file = open("/tmp/splice_pages", O_RDWR);
  renew();
  strcpy(page, "0123456789");
  show("too many pieces", syscall(SYS_vmsplice, p[1], v, 1025ul, 0));
  show("no pieces", syscall(SYS_vmsplice, -1, v, 0ul, 0));
  show("no descriptor", vms(-1, page, 1, 0));
  show("no pipe", vms(file, page, 1, 0));
  show("bad address", vms(p[1], (void *)8, 1, 0));
  show("kernel address", vms(p[1], (void *)-4096, 1, 0));
  show("bad address of the pieces", syscall(SYS_vmsplice, p[1], 8l, 1ul, 0));
  show("an empty piece", vms(p[1], (void *)8, 0, 0));
  show("a gift of less than a page", vms(p[1], page, 100, SPLICE_F_GIFT));
  show("a gift not aligned", vms(p[1], page + 1, 4096, SPLICE_F_GIFT));
  show("the third piece is bad", syscall(SYS_vmsplice, p[1], v, 3ul, 0));
  got("p", p[0]);
  v[1].iov_len = 0;
  show("an empty piece in between", syscall(SYS_vmsplice, p[1], v, 3ul, 0));
  show("unknown flags", vms(p[1], page, 1, 0xff0));
  put(p[1], "behind");
  got("p", p[0]);
  show("a gift", vms(p[1], page, 4096, SPLICE_F_GIFT));
  strcpy(page, "stored later");
  got("p", p[0]);
  show("across the end of the mapping", vms(p[1], page + 4 * 4096 - 10, 20, 0));
  got("p", p[0]);
  char *big = mmap(0, 20 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("more pages than slots", vms(p[1], big, 20 * 4096, 0));
  show("a full pipe", vms(p[1], page, 1, SPLICE_F_NONBLOCK));
  struct itimerval soon = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &soon, 0);
  show("a full pipe, and a signal", vms(p[1], page, 1, 0));
  strcpy(big, "not the zero page any more");
  got("untouched memory", p[0]);
  renew();
  strcpy(big, "gone");
  must(vms(p[1], big, 4, 0));
  must(munmap(big, 20 * 4096));
  got("after munmap", p[0]);
  char *only = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("memory nobody may read", vms(p[1], only, 1, 0));
  must(pwrite(file, "of a file", 9, 0));
  char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  must(vms(p[1], map, 9, 0));
  strcpy(map, "of my own");
  must(vms(p[1], map, 9, 0));
  must(pwrite(file, "OF", 2, 0));
  got("a private mapping", p[0]);
  map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  must(vms(p[1], map, 9, 0));
  strcpy(map, "is shared");
  got("a shared mapping", p[0]);
  shut(&p[0]);
  show("nobody reads", vms(p[1], page, 1, 0));
  close(file);
}

static void to_user(void) {
  struct iovec v[3] = {{page, 3}, {page + 100, 3}, {(void *)8, 1}};
  renew();
  memset(page, '.', 200);
  put(p[1], "0123456789");
  show("read in pieces", syscall(SYS_vmsplice, p[0], v, 2ul, 0));
  say("%.3s %.3s", page, page + 100);
  show("the third is bad", syscall(SYS_vmsplice, p[0], v, 3ul, 0));
  show("a bad one", vms(p[0], (void *)8, 4, SPLICE_F_NONBLOCK));
  put(p[1], "still here");
  show("a bad one", vms(p[0], (void *)8, 4, SPLICE_F_NONBLOCK));
  got("p", p[0]);
  show("no address", vms(p[0], 0, 4, 0));
  show("empty", vms(p[0], page, 4, SPLICE_F_NONBLOCK));
  put(p[1], "short");
  show("more than there is", vms(p[0], page, 100, 0));
  shut(&p[1]);
  show("nobody writes", vms(p[0], page, 100, 0));
}

static void forks(void) {
  pid_t pid;
  int sync[2];
  char c;
  renew();
  must(pipe(sync));
  strcpy(page, "before fork");
  must(vms(p[1], page, 12, 0));
  CHILD(pid) {
    strcpy(page, "the child's");
    _exit(0);
  }
  say("%s", reap(pid));
  got("the child has stored", p[0]);
  must(vms(p[1], page, 12, 0));
  CHILD(pid) {
    must(read(sync[0], &c, 1));
    _exit(0);
  }
  strcpy(page, "the parent's copy");
  must(write(sync[1], "x", 1));
  say("%s", reap(pid));
  got("the parent has stored while two mapped it", p[0]);
  /* The child gives a page to the pipe and lets go of it; the parent alone maps it then, and writes in place. */
  strcpy(page, "public");
  CHILD(pid) {
    must(vms(p[1], page, 12, 0));
    must(munmap(page, 4096));
    must(read(sync[0], &c, 1));
    got("what the child reads", p[0]);
    _exit(0);
  }
  sleep_ms(30);
  strcpy(page, "secret");
  must(write(sync[1], "x", 1));
  say("%s", reap(pid));
  strcpy(page, "of the dead");
  CHILD(pid) {
    strcpy(page, "of a dead");
    must(vms(p[1], page, 12, 0));
    _exit(0);
  }
  say("%s", reap(pid));
  got("a page of one who has ended", p[0]);
  CHILD(pid) {
    strcpy(page, "given before exec");
    must(vms(p[1], page, 18, 0));
    execl("/proc/self/exe", "pages", "done", (char *)0);
    _exit(1);
  }
  say("%s", reap(pid));
  got("after exec", p[0]);
  must(vms(p[1], page, 4096, 0));
  must(tee_(p[0], q[1], 4096, 0));
  must(tee_(p[0], q[1], 10, 0));
  strcpy(page, "seen twice");
  got("q", q[0]);
  must(madvise(page, 4096, MADV_DONTNEED));
  strcpy(page, "a new page");
  got("p", p[0]);
  close(sync[0]), close(sync[1]);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 3;
  struct sigaction sa = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &sa, 0);
  signal(SIGPIPE, on_pipe);
  page = mmap(0, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(page + 4 * 4096, 4096));
  memset(p, -1, sizeof p), memset(q, -1, sizeof q);
  tees();
  moves();
  gifts();
  to_user();
  forks();
  return 0;
}
