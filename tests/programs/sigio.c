/* SIGIO: a file tells its owner that it can be read or written. Of pipes, FIFOs, sockets and terminals; who may be told,
   by which signal, and what else changes the flag O_ASYNC. */
// needs: root
// differs: later kernels refuse a number that nobody has (ESRCH), say ENOTTY of a pipe and of a terminal that was hung
// differs: up, tell writers when the pipe was full, and not those who have an end open twice
#include "check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/un.h>
#include <termios.h>

static sigset_t all;
static int fds[2];

static const char *name_of(int sig) {
  static char text[16];
  if (sig == SIGIO) return "SIGIO";
  if (sig == SIGUSR1) return "SIGUSR1";
  if (sig == SIGURG) return "SIGURG";
  snprintf(text, sizeof text, "RT %d", sig - RT(0));
  return text;
}
/* Say what has come. */
static void came(const char *what) {
  static const struct timespec now = { 0, 0 };
  siginfo_t i;
  int any = 0, sig;
  memset(&i, 0, sizeof i);
  while ((sig = sigtimedwait_(&all, &i, &now)) > 0) {
    any = 1;
    if (i.si_code == SI_KERNEL) say("%s: %s, pid %d uid %d", what, name_of(sig), i.si_pid, i.si_uid);
    else
      say("%s: %s code %d band %#lx of %s", what, name_of(sig), i.si_code, (long)i.si_band,
          i.si_fd == fds[0] ? "the first" : i.si_fd == fds[1] ? "the second" : "another");
    memset(&i, 0, sizeof i);
  }
  if (!any) say("%s: nothing", what);
}
static void put(int fd, size_t n) {
  static char bytes[65536];
  if (write(fd, bytes, n) != (ssize_t)n) say("write: %s", errname(errno));
}
static void take(int fd, size_t n) {
  static char bytes[65536];
  ssize_t got = read(fd, bytes, n);
  if (got != (ssize_t)n) say("read: %zd", got);
}
static void both_ends(int sig) {
  for (int i = 0; i < 2; i++) {
    if (fcntl(fds[i], F_GETFD) == -1) continue;
    must(fcntl(fds[i], F_SETOWN, getpid()));
    must(fcntl(fds[i], F_SETSIG, sig));
    must(fcntl(fds[i], F_SETFL, O_ASYNC | O_NONBLOCK));
  }
}

static void the_flag(void) {
  must(pipe(fds));
  show("O_ASYNC of a pipe", fcntl(fds[0], F_SETFL, O_ASYNC));
  say("there %d", !!(fcntl(fds[0], F_GETFL) & O_ASYNC));
  put(fds[1], 1);
  came("nobody owns it");
  must(fcntl(fds[0], F_SETOWN, getpid()));
  put(fds[1], 1);
  came("a byte");
  put(fds[1], 1);
  put(fds[1], 1);
  came("two, told once");
  take(fds[0], 4);
  came("read");
  int copy = must(dup(fds[0]));
  say("of a copy %d", !!(fcntl(copy, F_GETFL) & O_ASYNC));
  must(fcntl(fds[0], F_SETSIG, RT(0)));
  put(fds[1], 1);
  put(fds[1], 1);
  came("two, told twice");
  close(fds[0]);
  put(fds[1], 1);
  came("by the descriptor that was closed");
  show("off by the copy", fcntl(copy, F_SETFL, 0));
  put(fds[1], 1);
  came("off");
  show("on by the copy", fcntl(copy, F_SETFL, O_ASYNC));
  put(fds[1], 1);
  came("by the copy");
  int on = 1, off = 0;
  show("FIOASYNC off", ioctl(copy, FIOASYNC, &off));
  say("there %d", !!(fcntl(copy, F_GETFL) & O_ASYNC));
  show("FIOASYNC on", ioctl(copy, FIOASYNC, &on));
  say("there %d", !!(fcntl(copy, F_GETFL) & O_ASYNC));
  show("FIOASYNC, bad pointer", ioctl(copy, FIOASYNC, 8));
  show("FIOSETOWN of a pipe", ioctl(copy, 0x8901, &on));
  must(fcntl(copy, F_SETSIG, SIGUSR1));
  put(fds[1], 1);
  put(fds[1], 1);
  came("a standard signal");
  fds[0] = copy;
  close(fds[1]);
  came("the writer has gone");
  close(fds[0]);
  came("closed");
}

static void no_news(const char *what, int fd) {
  int on = 1, off = 0;
  char text[80];
  snprintf(text, sizeof text, "%s: F_SETFL O_ASYNC", what);
  show(text, fcntl(fd, F_SETFL, O_ASYNC));
  int there = !!(fcntl(fd, F_GETFL) & O_ASYNC);
  ioctl(fd, FIOASYNC, &off);
  int set = ioctl(fd, FIOASYNC, &on);
  say("  there %d; FIOASYNC %s, FIOASYNC off %s", there, set ? errname(errno) : "0",
      ioctl(fd, FIOASYNC, &off) ? errname(errno) : "0");
  close(fd);
}
static void who_has_news(void) {
  no_news("a file", must(open("file", O_RDWR | O_CREAT, 0600)));
  int fd = must(open("file", O_RDWR | O_ASYNC));
  say("opened with it: %d", !!(fcntl(fd, F_GETFL) & O_ASYNC));
  must(fcntl(fd, F_SETFL, 0));
  say("cleared: %d", !!(fcntl(fd, F_GETFL) & O_ASYNC));
  close(fd);
  no_news("a directory", must(open(".", O_RDONLY)));
  no_news("/dev/null", must(open("/dev/null", O_RDWR)));
  no_news("/dev/urandom", must(open("/dev/urandom", O_RDONLY)));
  no_news("/dev/ptmx", must(open("/dev/ptmx", O_RDWR | O_NOCTTY)));
  no_news("an eventfd", must(eventfd(0, 0)));
  no_news("a timerfd", must(timerfd_create(CLOCK_MONOTONIC, 0)));
  no_news("a signalfd", must(signalfd(-1, &all, 0)));
  no_news("an inotify instance", must(inotify_init()));
  no_news("a socket", must(socket(AF_UNIX, SOCK_DGRAM, 0)));
  no_news("a netlink socket", must(socket(AF_NETLINK, SOCK_RAW, 0)));
  show("an O_PATH descriptor", fcntl(must(open("file", O_PATH)), F_SETFL, O_ASYNC));
}

static void empty(int fd) {
  static char bytes[65536];
  while (read(fd, bytes, sizeof bytes) > 0) continue;
}
static void pipes(void) {
  must(pipe(fds));
  both_ends(RT(1));
  put(fds[1], 1);
  came("a byte");
  take(fds[0], 1);
  came("the page is empty");
  put(fds[1], 8192);
  came("two pages");
  take(fds[0], 100);
  came("a part of one is read");
  take(fds[0], 5000);
  came("the rest of it");
  put(fds[1], 61440);
  came("full");
  char c = 0;
  show("one more", write(fds[1], &c, 1));
  came("it does not fit");
  int third = must(dup(fds[1]));
  close(third);
  came("a copy is closed");
  empty(fds[0]);
  while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
  int other[2];
  must(pipe(other));
  must(write(other[1], "1234", 4));
  show("spliced there", splice(other[0], NULL, fds[1], NULL, 2, 0));
  came("two bytes");
  show("and away", splice(fds[0], NULL, other[1], NULL, 2, 0));
  came("no more");
  show("doubled", tee(other[0], fds[1], 2, 0));
  came("two bytes");
  struct iovec piece = { "56", 2 };
  show("mapped", vmsplice(fds[1], &piece, 1, 0));
  came("two more");
  show("to a file", splice(fds[0], NULL, must(open("/dev/null", O_WRONLY)), NULL, 4, 0));
  came("the pages are empty");
  close(other[0]), close(other[1]);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fds[0]);
  third = must(open(path, O_RDONLY));
  came("opened once more");
  close(third);
  came("and closed");
  close(fds[0]);
  came("the reader has gone");
  close(fds[1]);
  came("all have");

  must(mkfifo("fifo", 0600));
  fds[0] = must(open("fifo", O_RDWR | O_NONBLOCK));
  fds[1] = must(open("fifo", O_WRONLY));
  both_ends(RT(1));
  put(fds[1], 1);
  came("a byte to a FIFO, read and written by one");
  take(fds[0], 1);
  came("and read");
  close(fds[1]);
  came("its writer has gone");
  close(fds[0]);
  came("all have");
}

static void full(int fd) {
  static char bytes[4096];
  must(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
  while (write(fd, bytes, sizeof bytes) > 0) continue;
}
static void sockets(void) {
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  both_ends(RT(2));
  put(fds[1], 1);
  came("a stream: a byte");
  take(fds[0], 1);
  came("read");
  full(fds[1]);
  while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
  empty(fds[0]);
  came("there was no room, and is");
  put(fds[1], 1);
  empty(fds[0]);
  came("there was");
  shutdown(fds[1], SHUT_WR);
  came("shut for writing");
  shutdown(fds[1], SHUT_RD);
  came("shut for reading");
  close(fds[1]);
  came("closed");
  close(fds[0]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  both_ends(RT(2));
  shutdown(fds[1], SHUT_RDWR);
  came("shut for both");
  close(fds[0]), close(fds[1]);
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
  both_ends(RT(2));
  put(fds[1], 1);
  came("a datagram");
  take(fds[0], 1);
  came("read");
  full(fds[1]);
  while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
  empty(fds[0]);
  came("there was no room, and is");
  close(fds[1]);
  came("closed");
  close(fds[0]);
  for (int asks = 0; asks < 2; asks++) {
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    int room = 1 << 17;
    must(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room));
    both_ends(RT(2));
    for (int i = 0; i < 8; i++) put(fds[1], 8000);
    struct pollfd p = { fds[1], POLLOUT, 0 };
    if (asks) show("writable", poll(&p, 1, 0));
    while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
    empty(fds[0]);
    came(asks ? "one who has asked is told" : "one who has not is not");
    close(fds[0]), close(fds[1]);
  }

  struct sockaddr_un name = { AF_UNIX, "listener" };
  fds[0] = must(socket(AF_UNIX, SOCK_SEQPACKET, 0));
  must(bind(fds[0], (struct sockaddr *)&name, sizeof name));
  must(listen(fds[0], 5));
  fds[1] = must(socket(AF_UNIX, SOCK_SEQPACKET, 0));
  both_ends(RT(2));
  must(fcntl(fds[1], F_SETFL, O_ASYNC));
  show_ok("connect", connect(fds[1], (struct sockaddr *)&name, sizeof name));
  came("connected");
  int end = must(accept(fds[0], NULL, NULL));
  came("accepted");
  say("its flags %#o, owner %d", fcntl(end, F_GETFL), fcntl(end, F_GETOWN));
  close(end);
  came("closed");
  int owner = -getpgrp(), now = 0;
  show("FIOSETOWN", ioctl(fds[0], 0x8901, &owner));
  show("FIOGETOWN", ioctl(fds[0], 0x8903, &now));
  say("the group %d", now == -getpgrp());
  owner = getpid();
  show("SIOCSPGRP", ioctl(fds[0], 0x8902, &owner));
  show("SIOCGPGRP", ioctl(fds[0], 0x8904, &now));
  say("the process %d", now == getpid());
  show("FIOSETOWN, bad pointer", ioctl(fds[0], 0x8901, 8));
  close(fds[0]), close(fds[1]);
}

/* Who sleeps in a stream's read gets its data without a signal; not so with datagrams. */
static void readers(int type) {
  must(socketpair(AF_UNIX, type, 0, fds));
  both_ends(RT(2));
  must(fcntl(fds[0], F_SETFL, O_ASYNC));
  pid_t child, parent = getpid();
  CHILD(child) {
    wait_asleep(parent);
    put(fds[1], 1);
    _exit(0);
  }
  take(fds[0], 1);
  reap(child);
  came("read by one who slept");
  put(fds[1], 1);
  came("and another byte");
  close(fds[0]), close(fds[1]);
}

static void drop(void) {
  sleep_ms(5);
  while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
}
/* Of both ends of a connection: fds[0] has connected, fds[1] was accepted. */
static void internet(void) {
  struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  socklen_t size = sizeof name;
  int listener = must(socket(AF_INET, SOCK_STREAM, 0));
  must(bind(listener, (struct sockaddr *)&name, size));
  must(listen(listener, 5));
  must(getsockname(listener, (struct sockaddr *)&name, &size));
  fds[0] = must(socket(AF_INET, SOCK_STREAM, 0));
  fds[1] = listener;
  both_ends(RT(2));
  int r = connect(fds[0], (struct sockaddr *)&name, size);
  say("connect: %s", r == 0 || errno == EINPROGRESS ? "under way" : errname(errno));
  sleep_ms(5);
  came("connected, and can be accepted");
  fds[1] = must(accept(listener, NULL, NULL));
  both_ends(RT(2));
  put(fds[0], 3);
  came("data");
  take(fds[1], 3);
  must(send(fds[0], "u", 1, MSG_OOB));
  came("urgent");
  must(fcntl(fds[1], F_SETSIG, 0));
  must(fcntl(fds[1], F_SETFL, O_NONBLOCK));
  must(send(fds[0], "v", 1, MSG_OOB));
  came("urgent, without O_ASYNC");
  must(fcntl(fds[1], F_SETFL, O_ASYNC | O_NONBLOCK));
  must(send(fds[0], "w", 1, MSG_OOB));
  came("urgent, without F_SETSIG");
  must(fcntl(fds[1], F_SETOWN, 0));
  must(send(fds[0], "x", 1, MSG_OOB));
  came("urgent, to nobody");
  both_ends(RT(2));
  empty(fds[1]);
  drop();
  shutdown(fds[0], SHUT_WR);
  came("the end");
  shutdown(fds[1], SHUT_WR);
  came("the other end's");
  close(fds[0]), close(fds[1]), close(listener);
  came("closed");

  fds[0] = must(socket(AF_INET, SOCK_STREAM, 0));
  both_ends(RT(2));
  name.sin_port = htons(1);
  connect(fds[0], (struct sockaddr *)&name, size);
  sleep_ms(5);
  came("refused");
  close(fds[0]);
  fds[0] = must(socket(AF_INET, SOCK_DGRAM, 0));
  name.sin_port = 0;
  must(bind(fds[0], (struct sockaddr *)&name, size));
  must(getsockname(fds[0], (struct sockaddr *)&name, &size));
  fds[1] = must(socket(AF_INET, SOCK_DGRAM, 0));
  must(connect(fds[1], (struct sockaddr *)&name, size));
  both_ends(RT(2));
  put(fds[1], 1);
  came("a datagram");
  close(fds[0]);
  put(fds[1], 1);
  sleep_ms(5);
  came("nobody is there");
  close(fds[1]);
}

static void terminals(void) {
  int master = must(open("/dev/ptmx", O_RDWR | O_NOCTTY)), zero = 0, number;
  char path[40];
  must(ioctl(master, TIOCSPTLCK, &zero));
  must(ioctl(master, TIOCGPTN, &number));
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  fds[0] = master;
  fds[1] = must(open(path, O_RDWR | O_NOCTTY));
  must(fcntl(fds[1], F_SETFL, O_ASYNC | O_NONBLOCK));
  say("without a foreground group the caller owns it: %d", fcntl(fds[1], F_GETOWN) == getpid());
  both_ends(RT(3));
  must(fcntl(master, F_SETFL, O_NONBLOCK));
  must(fcntl(fds[1], F_SETFL, O_ASYNC | O_NONBLOCK));
  struct termios t;
  must(tcgetattr(fds[1], &t));
  t.c_lflag &= ~(tcflag_t)ECHO;
  must(tcsetattr(fds[1], TCSANOW, &t));
  came("the settings");
  put(master, 3);
  came("no line yet");
  must(write(master, "\n", 1));
  came("a line");
  must(write(master, "\4", 1));
  came("an end of file");
  empty(fds[1]);
  t.c_lflag &= ~(tcflag_t)ICANON;
  t.c_cc[VMIN] = 1;
  t.c_cc[VTIME] = 0;
  must(tcsetattr(fds[1], TCSANOW, &t));
  empty(fds[1]);
  came("no lines");
  put(master, 1);
  came("a byte");
  put(fds[1], 5);
  came("written");
  empty(master);
  came("and taken");
  put(fds[1], 5);
  came("once more");
  t.c_cc[VMIN] = 5;
  must(tcsetattr(fds[1], TCSANOW, &t));
  empty(fds[1]);
  put(master, 1);
  came("a byte of five, of which one who read has said so");
  must(fcntl(fds[1], F_SETFL, O_NONBLOCK));
  must(fcntl(fds[1], F_SETFL, O_ASYNC | O_NONBLOCK));
  put(master, 1);
  came("a byte, O_ASYNC being new");
  close(master);
  came("hung up");
  say("after it O_ASYNC is there: %d", !!(fcntl(fds[1], F_GETFL) & O_ASYNC));
  show("F_SETFL", fcntl(fds[1], F_SETFL, O_ASYNC));
  say("and then: %d", !!(fcntl(fds[1], F_GETFL) & O_ASYNC));
  int on = 1;
  show("FIOASYNC", ioctl(fds[1], FIOASYNC, &on));
  close(fds[1]);

  fds[0] = must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  must(ioctl(fds[0], TIOCSPTLCK, &zero));
  must(ioctl(fds[0], TIOCGPTN, &number));
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  pid_t child;
  CHILD(child) {
    must(setsid());
    fds[1] = must(open(path, O_RDWR));
    must(fcntl(fds[1], F_SETFL, O_ASYNC));
    say("with one, that does: %d", (int)syscall(SYS_fcntl, fds[1], F_GETOWN) == -getpgrp() || errno == getpgrp());
    _exit(0);
  }
  reap(child);
  close(fds[0]);
}

static void owners(void) {
  must(pipe(fds));
  show("nobody's number", fcntl(fds[0], F_SETOWN, 0x3fffffff));
  say("owner: %d", fcntl(fds[0], F_GETOWN));
  pid_t child;
  struct gate set = new_gate(), go = new_gate();
  must(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK));
  CHILD(child) {
    must(fcntl(fds[0], F_SETOWN, getpid()));
    must(fcntl(fds[0], F_SETSIG, RT(4)));
    open_gate(&set);
    pass_gate(&go);
    came("the child, by an owner that it set itself");
    _exit(0);
  }
  pass_gate(&set);
  put(fds[1], 1);
  came("the parent");
  open_gate(&go);
  reap(child);
  put(fds[1], 1);
  came("its owner has died");
  say("its number is known: %d", fcntl(fds[0], F_GETOWN) == child);

  must(fcntl(fds[0], F_SETOWN, -getpgrp()));
  CHILD(child) {
    open_gate(&set);
    pass_gate(&go);
    came("a child of the group");
    _exit(0);
  }
  pass_gate(&set);
  put(fds[1], 1);
  came("the group's leader");
  open_gate(&go);
  reap(child);

  struct { int type, pid; } ex = { 0, getpid() };
  struct idle_thread thread;
  begin_idle(&thread);
  ex.pid = thread.tid;
  show("a thread owns it", syscall(SYS_fcntl, fds[0], 15, &ex));
  put(fds[1], 1);
  came("another thread");
  say("the thread has it pending: %d", state_of(thread.tid) != '-');
  end_idle(&thread);
  must(fcntl(fds[0], F_SETOWN, getpid()));
  must(fcntl(fds[0], F_SETSIG, 0));
  struct rlimit none = { 0, 0 };
  must(fcntl(fds[0], F_SETSIG, RT(4)));
  CHILD(child) {
    must(fcntl(fds[0], F_SETOWN, getpid()));
    must(setrlimit(RLIMIT_SIGPENDING, &none));
    put(fds[1], 1);
    came("no room in the queue");
    must(fcntl(fds[0], F_SETSIG, SIGUSR1));
    put(fds[1], 1);
    came("a standard signal needs none");
    _exit(0);
  }
  reap(child);
}

/* The permission is of who made it the owner, when he did. */
static void permissions(void) {
  pid_t child;
  struct gate set = new_gate(), go = new_gate(), told = new_gate();
  must(fcntl(fds[0], F_SETSIG, RT(5)));
  for (int who = 0; who < 3; who++) {
    CHILD(child) {
      if (who == 0) must(setresuid(1000, 1000, 1000));
      if (who == 1) must(setresuid(1001, 1000, 1000));
      must(fcntl(fds[0], F_SETOWN, getppid()));
      must(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK));
      _exit(0);
    }
    reap(child);
    put(fds[1], 1);
    came(who == 2 ? "root has set it" : "another has, for root");
  }
  CHILD(child) {
    must(setresuid(1001, 0, 1002));
    open_gate(&set);
    pass_gate(&go);
    came("with uid 1001, suid 1002");
    open_gate(&told);
    _exit(0);
  }
  pass_gate(&set);
  static const struct { int uid, euid; } by[] = { { 1001, 1003 }, { 1003, 1002 }, { 1003, 1004 }, { 1003, 0 } };
  for (int i = 0; i < 4; i++) {
    pid_t setter;
    CHILD(setter) {
      must(setresuid(by[i].uid, by[i].euid, -1));
      must(fcntl(fds[0], F_SETSIG, RT(i)));
      must(fcntl(fds[0], F_SETOWN, child));
      _exit(0);
    }
    reap(setter);
    put(fds[1], 1);
  }
  open_gate(&go);
  pass_gate(&told);
  reap(child);
}

static void by_signalfd(void) {
  struct signalfd_siginfo info;
  int sfd = must(signalfd(-1, &all, SFD_NONBLOCK));
  must(fcntl(fds[0], F_SETOWN, getpid()));
  must(fcntl(fds[0], F_SETSIG, RT(6)));
  put(fds[1], 1);
  memset(&info, 0, sizeof info);
  show("read", read(sfd, &info, sizeof info));
  say("code %d band %#x of the first %d; pid %d", info.ssi_code, info.ssi_band, info.ssi_fd == fds[0], info.ssi_pid);
}

int main(void) {
  go_to_scratch();
  own_session();
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all, NULL);
  say("- the flag");
  the_flag();
  say("- who has news");
  who_has_news();
  say("- pipes");
  pipes();
  say("- sockets");
  sockets();
  readers(SOCK_STREAM);
  readers(SOCK_DGRAM);
  say("- internet");
  internet();
  say("- terminals");
  terminals();
  say("- owners");
  owners();
  say("- permissions");
  permissions();
  by_signalfd();
  return 0;
}
