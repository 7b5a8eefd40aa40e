/* Asynchronous input and output: contexts, requests, events, the ring, eventfd, limits, fork, exec and exit with them. */
// differs: 3.2 does all of it within io_submit(), counts what was asked for against aio-max-nr, knows no IOCB_CMD_POLL and no
// differs: FSYNC, takes other flag bits, and the event of a bad buffer, of which today's io_submit() says so itself
#include "check.h"

#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

struct ring { unsigned id, nr, head, tail, magic, compat, incompat, length; struct io_event events[]; };

static aio_context_t ctx;
static int file, p[2];
static char data[8192];

static long setup(unsigned nr, aio_context_t *c) { return syscall(SYS_io_setup, nr, c); }
static long destroy(aio_context_t c) { return syscall(SYS_io_destroy, c); }
static long submit(aio_context_t c, long nr, struct iocb **list) { return syscall(SYS_io_submit, c, nr, list); }
static long events(aio_context_t c, long min, long nr, struct io_event *e, struct timespec *t) {
  return syscall(SYS_io_getevents, c, min, nr, e, t);
}
static struct iocb request(int op, int fd, void *buf, size_t n, long long offset) {
  struct iocb i;
  memset(&i, 0, sizeof i);
  i.aio_data = 0x1234, i.aio_lio_opcode = op, i.aio_fildes = fd;
  i.aio_buf = (uintptr_t)buf, i.aio_nbytes = n, i.aio_offset = offset;
  return i;
}
static void on_alarm(int sig) { (void)sig; }
static const char *res_text(long long res) {
  static char text[40];
  if (res < 0 && res > -4096) return errname((int)-res);
  snprintf(text, sizeof text, "%lld", res);
  return text;
}

/* Submits one request, and says what comes of it. */
static void one(const char *what, struct iocb i) {
  struct iocb *list[1] = {&i};
  struct io_event e;
  i.aio_key = 77;
  long n = submit(ctx, 1, list);
  if (n != 1) {
    say("%s: refused: %s", what, n == -1 ? errname(errno) : "0");
    return;
  }
  struct timespec none = {0, 0};
  n = events(ctx, 0, 1, &e, &none);
  if (n != 1) say("%s: no event: %ld", what, n);
  else
    say("%s: %s, res2 %lld, obj %d, data %llx, key %u", what, res_text(e.res), (long long)e.res2,
        e.obj == (uintptr_t)&i, (unsigned long long)e.data, i.aio_key);
}

static long number(const char *path) {
  char text[32] = "";
  int fd = open(path, O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text - 1) < 0) return -1;
  close(fd);
  return atol(text);
}

static void contexts(void) {
  aio_context_t c = 0, other = 0, bad = 5;
  long before = number("/proc/sys/fs/aio-nr");
  show("aio-max-nr", number("/proc/sys/fs/aio-max-nr"));
  show("bad address", setup(1, (aio_context_t *)8));
  show("none", setup(0, &c));
  show("there already", setup(1, &bad));
  show("far too many", setup(0x10000000, &c));
  show("too many", setup(65537, &c));
  show("ten", setup(10, &c));
  say("aio-nr +%ld", number("/proc/sys/fs/aio-nr") - before);
  struct ring *r = (struct ring *)c;
  say("nr %u head %u tail %u magic %x compat %u incompat %u length %u id %d", r->nr, r->head, r->tail, r->magic,
      r->compat, r->incompat, r->length, r->id == (unsigned)c);
  show("200 more", setup(200, &other));
  say("nr %u, aio-nr +%ld", ((struct ring *)other)->nr, number("/proc/sys/fs/aio-nr") - before);
  char line[256], want[32];
  FILE *maps = fopen("/proc/self/maps", "r");
  snprintf(want, sizeof want, "%lx-", (long)c);
  while (fgets(line, sizeof line, maps))
    if (strtoul(line, 0, 16) <= c && strtoul(strchr(line, '-') + 1, 0, 16) > c)
      say("in maps: %.4s %s", strchr(line, ' ') + 1, strchr(line, '/') || strchr(line, '[') ? "named" : "anonymous");
  fclose(maps);
  show("the rest is not enough", (bad = 0, setup(65536 - 209, &bad)));
  show("the rest", setup(65536 - 210 - before, &bad));
  show("one more", (ctx = 0, setup(1, &ctx)));
  show("destroy", destroy(bad));
  show("destroy again", destroy(bad));
  show("destroy nothing", destroy(0));
  must(destroy(other));
  sleep_ms(20);
  say("aio-nr +%ld", number("/proc/sys/fs/aio-nr") - before);
  char vec;
  must(destroy(c));
  show("the ring is gone", mincore((void *)c, 4096, (unsigned char *)&vec));
  char *read_only = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("nowhere to put it", setup(1, (aio_context_t *)read_only));
  sleep_ms(20);
  say("aio-nr +%ld", number("/proc/sys/fs/aio-nr") - before);
  struct rlimit old, small = {1 << 20, RLIM_INFINITY};
  getrlimit(RLIMIT_AS, &old);
  setrlimit(RLIMIT_AS, &small);
  show("no room for the ring", (bad = 0, setup(60000, &bad)));
  setrlimit(RLIMIT_AS, &old);
}

static void requests(void) {
  struct iovec v[2] = {{data, 3}, {data + 10, 4}};
  int s[2], e = must(eventfd(0, EFD_NONBLOCK)), null = open("/dev/null", O_RDWR), append = open("/tmp/aio_append", O_CREAT | O_RDWR | O_APPEND | O_TRUNC, 0600);
  int wo = open("/tmp/aio_file", O_WRONLY);
  struct iocb i;
  uint64_t n = 0;
  one("write", request(IOCB_CMD_PWRITE, file, "0123456789", 10, 0));
  one("read", request(IOCB_CMD_PREAD, file, data, 100, 4));
  say("%.6s, position %d", data, (int)lseek(file, 0, SEEK_CUR));
  one("read at the end", request(IOCB_CMD_PREAD, file, data, 100, 10));
  one("read nothing", request(IOCB_CMD_PREAD, file, data, 0, 0));
  one("negative offset", request(IOCB_CMD_PREAD, file, data, 1, -1));
  one("readv", request(IOCB_CMD_PREADV, file, v, 2, 1));
  say("%.3s %.4s", data, data + 10);
  one("readv of no pieces", request(IOCB_CMD_PREADV, file, v, 0, 1));
  one("readv of too many", request(IOCB_CMD_PREADV, file, v, 1025, 1));
  one("readv, bad address", request(IOCB_CMD_PREADV, file, (void *)8, 1, 1));
  v[1].iov_len = -1;
  one("readv, negative length", request(IOCB_CMD_PREADV, file, v, 2, 1));
  v[1].iov_len = 4, v[1].iov_base = (void *)8;
  one("readv, the second is bad", request(IOCB_CMD_PREADV, file, v, 2, 1));
  v[1].iov_base = data + 10;
  one("writev", request(IOCB_CMD_PWRITEV, file, v, 2, 20));
  one("append", request(IOCB_CMD_PWRITE, append, "abc", 3, 0));
  one("append again", request(IOCB_CMD_PWRITE, append, "abc", 3, 0));
  say("size %d", (int)lseek(append, 0, SEEK_END));
  one("bad buffer", request(IOCB_CMD_PREAD, file, (void *)8, 10, 0));
  one("kernel buffer", request(IOCB_CMD_PREAD, file, (void *)-4096, 10, 0));
  one("negative size", request(IOCB_CMD_PREAD, file, data, -1, 0));
  one("no descriptor", request(IOCB_CMD_PREAD, -1, data, 1, 0));
  one("not open for reading", request(IOCB_CMD_PREAD, wo, data, 1, 0));
  one("not open for writing", request(IOCB_CMD_PWRITE, open("/tmp/aio_file", O_RDONLY), data, 1, 0));
  one("fsync", request(IOCB_CMD_FSYNC, file, 0, 0, 0));
  one("fdsync", request(IOCB_CMD_FDSYNC, file, 0, 0, 0));
  one("poll", request(5, file, (void *)POLLIN, 0, 0));
  one("noop", request(6, file, 0, 0, 0));
  one("operation 99", request(99, file, 0, 0, 0));
  one("/dev/null", request(IOCB_CMD_PREAD, null, data, 1, 0));
  one("eventfd", request(IOCB_CMD_PREAD, e, data, 8, 0));
  one("a directory", request(IOCB_CMD_PREAD, open("/tmp", O_RDONLY), data, 8, 0));
  i = request(IOCB_CMD_PREAD, file, data, 1, 0), i.aio_reserved2 = 1;
  one("a reserved field", i);
  i.aio_reserved2 = 0, i.aio_reqprio = -5, i.aio_flags = 0xf0;
  one("a priority, other flags", i);
  i.aio_flags = 1, i.aio_resfd = e;
  one("eventfd told", i);
  show("counter", read(e, &n, 8) == 8 ? (long)n : -1);
  i.aio_resfd = 999;
  one("eventfd of no descriptor", i);
  i.aio_resfd = file;
  one("eventfd of a file", i);
  must(write(p[1], "pipe", 4));
  one("a pipe", request(IOCB_CMD_PREAD, p[0], data, 100, 50));
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  one("an empty pipe, O_NONBLOCK", request(IOCB_CMD_PREAD, p[0], data, 100, 0));
  fcntl(p[0], F_SETFL, 0);
  one("a pipe written to", request(IOCB_CMD_PWRITE, p[1], "written", 7, 0));
  say("%ld of it", (long)read(p[0], data, 100));
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  static char much[100000];
  one("a pipe written to, more than fits", request(IOCB_CMD_PWRITE, p[1], much, 100000, 0));
  one("a full pipe", request(IOCB_CMD_PWRITE, p[1], much, 1, 0));
  fcntl(p[1], F_SETFL, 0);
  say("%ld of it", (long)read(p[0], much, 100000));
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  one("a datagram", request(IOCB_CMD_PWRITE, s[0], "gram", 4, 0));
  show("received", recv(s[1], data, 100, MSG_DONTWAIT));
  show("received", recv(s[1], data, 100, MSG_DONTWAIT));
  close(s[0]), close(s[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  one("a socket", request(IOCB_CMD_PWRITE, s[0], "sock", 4, 0));
  one("a socket at a position", request(IOCB_CMD_PREAD, s[1], data, 4, 1));
  one("a socket read", request(IOCB_CMD_PREAD, s[1], data, 100, 0));
  struct itimerval soon = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &soon, 0);
  one("an empty pipe, and a signal", request(IOCB_CMD_PREAD, p[0], data, 100, 0));
  struct rlimit old, small = {15, RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &old);
  setrlimit(RLIMIT_FSIZE, &small);
  signal(SIGXFSZ, SIG_IGN);
  one("up to RLIMIT_FSIZE", request(IOCB_CMD_PWRITE, file, "0123456789", 10, 10));
  one("beyond RLIMIT_FSIZE", request(IOCB_CMD_PWRITE, file, "0123456789", 10, 20));
  setrlimit(RLIMIT_FSIZE, &old);
  close(e), close(null), close(append), close(wo), close(s[0]), close(s[1]);
}

static void lists(void) {
  struct iocb good = request(IOCB_CMD_PREAD, file, data, 1, 0), bad = request(IOCB_CMD_PREAD, -1, data, 1, 0);
  struct iocb *mixed[4] = {&good, &good, &bad, &good}, *nowhere[2] = {&good, (struct iocb *)8}, *many[200];
  struct io_event e[200];
  struct timespec none = {0, 0}, soon = {0, 20000000}, odd = {0, -1};
  show("none of them", submit(ctx, 0, mixed));
  show("fewer than none", submit(ctx, -1, mixed));
  show("a bad list", submit(ctx, 1, (struct iocb **)8));
  show("a list in the kernel", submit(ctx, 1, (struct iocb **)-4096));
  show("no context", submit(12345, 1, mixed));
  show("no context, none", submit(12345, 0, mixed));
  show("the third is wrong", submit(ctx, 4, mixed));
  show("the second is nowhere", submit(ctx, 2, nowhere));
  show("more wanted than room", events(ctx, 2, 1, e, &none));
  show("fewer than none", events(ctx, -1, 1, e, &none));
  show("of no context", events(12345, 0, 1, e, &none));
  show("one", events(ctx, 1, 1, e, 0));
  show("bad address, none wanted", events(ctx, 0, 1, (struct io_event *)8, &none));
  show("bad address, one wanted", events(ctx, 1, 1, (struct io_event *)8, &none));
  show("nothing left", events(ctx, 1, 1, e, &none));
  show("after a while", events(ctx, 1, 1, e, &soon));
  show("a bad time", events(ctx, 1, 1, e, (struct timespec *)8));
  show("a bad time, not needed", events(ctx, 0, 1, e, (struct timespec *)8));
  show("an odd time", events(ctx, 1, 1, e, &odd));
  struct itimerval alarm_ = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &alarm_, 0);
  show("a signal", events(ctx, 1, 1, e, 0));
  struct timespec before = {-1, 0};
  setitimer(ITIMER_REAL, &alarm_, 0);
  show("a time before now, and a signal", events(ctx, 1, 1, e, &before));
  must(submit(ctx, 2, mixed));
  setitimer(ITIMER_REAL, &alarm_, 0);
  show("two, and a signal", events(ctx, 3, 3, e, 0));
  for (int i = 0; i < 200; i++) many[i] = &good;
  show("as many as the ring has", submit(ctx, 200, many));
  show("full", submit(ctx, 1, many));
  struct ring *r = (struct ring *)ctx;
  say("head %d tail behind it %d", r->head < r->nr, (r->tail + 1) % r->nr == r->head);
  show("five", events(ctx, 1, 5, e, 0));
  show("five more fit", submit(ctx, 10, many));
  r->head = (r->head + 20) % r->nr;
  show("read from the ring itself", submit(ctx, 100, many));
  show("all", events(ctx, 0, 200, e, &none));
  say("empty %d", r->head == r->tail);
  show("cancel", syscall(SYS_io_cancel, ctx, &good, e));
  show("cancel, bad address", syscall(SYS_io_cancel, ctx, 8l, e));
  show("cancel, no context", syscall(SYS_io_cancel, 12345l, &good, e));
}

static void *reader(void *arg) {
  struct iocb i = request(IOCB_CMD_PREAD, p[0], data, 10, 0), *list[2] = {&i, &i};
  (void)arg;
  long n = submit(ctx, 2, list);
  return (void *)(n == -1 ? -(long)errno : n);
}
static void *waiter(void *arg) {
  struct io_event e[4];
  (void)arg;
  long n = events(ctx, 1, 4, e, 0);
  return (void *)(n == -1 ? -(long)errno : n);
}
static volatile int destroyed;
static void *destroyer(void *arg) {
  long n = destroy((aio_context_t)arg);
  destroyed = 1;
  return (void *)n;
}

static void threads(void) {
  pthread_t r, w, d;
  void *result;
  must(-pthread_create(&w, 0, waiter, 0));
  sleep_ms(20);
  must(-pthread_create(&r, 0, reader, 0));
  sleep_ms(20);
  must(write(p[1], "first", 5));
  sleep_ms(20);
  must(write(p[1], "second", 6));
  pthread_join(r, &result);
  say("submitted: %ld", (long)result);
  pthread_join(w, &result);
  say("waited: %ld", (long)result);
  struct io_event e;
  show("the second", events(ctx, 1, 1, &e, 0));
  /* Destroyed while a request is under way: that is waited for, leaves no event, and what waits for events is told. */
  must(-pthread_create(&w, 0, waiter, 0));
  must(-pthread_create(&r, 0, reader, 0));
  sleep_ms(20);
  must(-pthread_create(&d, 0, destroyer, (void *)ctx));
  sleep_ms(20);
  show("is being destroyed", submit(ctx, 0, 0));
  say("and is not yet: %d", destroyed);
  must(write(p[1], "last", 4));
  pthread_join(r, &result);
  say("submitted: %ld", (long)result);
  pthread_join(d, &result);
  say("destroyed: %ld", (long)result);
  pthread_join(w, &result);
  say("waiting: %s", errname(-(int)(long)result));
  must((ctx = 0, setup(100, &ctx)));
  must(-pthread_create(&w, 0, waiter, 0));
  sleep_ms(20);
  show("destroyed while nothing is under way", destroy(ctx));
  pthread_join(w, &result);
  say("waiting: %s", errname(-(int)(long)result));
  must((ctx = 0, setup(127, &ctx)));
  show("events in the ring of 127", ((struct ring *)ctx)->nr);
}

static void processes(void) {
  pid_t pid;
  struct iocb i = request(IOCB_CMD_PREAD, file, data, 1, 0), *list[1] = {&i};
  struct io_event e;
  struct ring *r = (struct ring *)ctx;
  long before = number("/proc/sys/fs/aio-nr");
  CHILD(pid) {
    show("a child", submit(ctx, 1, list));
    say("but it has the ring: %x", r->magic);
    aio_context_t mine = 0;
    must(setup(5, &mine));
    show("its own", submit(mine, 1, list));
    _exit(0);
  }
  say("%s", reap(pid));
  sleep_ms(20);
  show("aio-nr after its end", number("/proc/sys/fs/aio-nr") - before);
  CHILD(pid) {
    aio_context_t mine = 0;
    must(setup(5, &mine));
    show("aio-nr", number("/proc/sys/fs/aio-nr") - before);
    execl("/proc/self/exe", "aio", "after exec", (char *)0);
    _exit(1);
  }
  say("%s", reap(pid));
  CHILD(pid) {
    aio_context_t mine = 0;
    must(setup(5, &mine));
    struct iocb k = request(IOCB_CMD_PREAD, p[0], data, 1, 0), *wait_[1] = {&k};
    submit(mine, 1, wait_);
    _exit(1);
  }
  sleep_ms(20);
  kill(pid, SIGKILL);
  say("%s", reap(pid));
  sleep_ms(20);
  show("aio-nr after a kill", number("/proc/sys/fs/aio-nr") - before);
  /* The ring's pages are the kernel's, wherever the mapping leads. */
  must(submit(ctx, 1, list));
  must(mmap(r, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)r ? 0 : -1);
  say("another page there: %x", r->magic);
  show("events all the same", events(ctx, 1, 1, &e, 0));
  must(munmap(r, 4096));
  must(submit(ctx, 1, list));
  show("and without any", events(ctx, 1, 1, &e, 0));
  char *in_its_place = mmap((void *)ctx, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  show("destroy", destroy(ctx));
  char vec;
  show("takes what is in its place", mincore(in_its_place, 4096, (unsigned char *)&vec));
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("%s", argv[1]);
    return 0;
  }
  struct sigaction sa = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &sa, 0);
  file = must(open("/tmp/aio_file", O_CREAT | O_RDWR | O_TRUNC, 0600));
  must(pipe(p));
  contexts();
  ctx = 0;
  must(setup(100, &ctx));
  requests();
  lists();
  threads();
  processes();
  return 0;
}
