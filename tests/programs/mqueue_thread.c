/* mq_notify(2) by a thread: a cookie through a netlink socket; libc's own way of using it. */
#include "check.h"

#include <mqueue.h>
#include <semaphore.h>
#include <sys/socket.h>

struct event { const void *value; int signo, notify, pad[12]; };

static int q, sock;
static char cookie[33] = "0123456789abcdefghijklmnopqrstuv";
static long notify(const void *with, int fd) {
  struct event e = { .value = with, .signo = fd, .notify = 2 };
  return syscall(SYS_mq_notify, q, &e);
}
static long send_(void) { return syscall(SYS_mq_timedsend, q, "x", 1, 0, NULL); }
static void receive(void) {
  char text[16];
  must(syscall(SYS_mq_timedreceive, q, text, 16, NULL, NULL));
}
static void told(const char *name) {
  char got[100];
  struct { unsigned short family, pad; unsigned pid, groups; } from;
  socklen_t len = sizeof from;
  ssize_t n = recvfrom(sock, got, sizeof got, MSG_DONTWAIT, (void *)&from, &len);
  if (n < 0) show(name, n);
  else say("%s: %zd bytes, %.31s, %d; from %u of family %d", name, n, got, got[31], from.pid, from.family);
}
static void status(const char *name) {
  char text[100];
  ssize_t n = pread(q, text, 99, 0);
  text[n < 0 ? 0 : n] = 0;
  int qsize, how, signo, pid;
  sscanf(text, "QSIZE:%d NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &qsize, &how, &signo, &pid);
  say("%s: %d bytes, notify %d, signal %d, %s", name, qsize, how, signo, relation(pid, getpid(), getppid(), -1));
}

static void cookies(void) {
  show("register", notify(cookie, sock));
  status("registered");
  told("nothing yet");
  show("again", notify(cookie, sock));
  show("message", send_());
  told("woken");
  status("over");
  show("another message", send_());
  told("not told");
  receive(), receive();
  show("register", notify(cookie, sock));
  show("not any more", syscall(SYS_mq_notify, q, NULL));
  told("removed");
  show("register", notify(cookie, sock));
  int copy = dup(q);
  close(copy);
  told("a copy closed");
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    must(notify(cookie, sock));
    _exit(0);
  }
  reap(pid);
  told("its process has ended");
  show("no descriptor of a queue", syscall(SYS_mq_notify, sock, &(struct event){ .value = cookie, .signo = sock, .notify = 2 }));
  show("a bad cookie", notify((void *)8, sock));
  show("a part of a cookie", notify((void *)-8L, sock));
  show("the queue as a socket", notify(cookie, q));
}

static void without_a_socket(void) {
  int other = (int)must(socket(AF_NETLINK, SOCK_RAW, 0));
  show("register", notify(cookie, other));
  close(other);
  status("its socket is closed");
  show("message", send_());
  status("over");
  receive();
}

static void no_room(void) {
  struct event many = { .value = cookie, .signo = sock, .notify = 2 };
  int small = 0;
  must(setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
  int told_of = 0;
  for (; told_of < 1000; told_of++) {
    pid_t pid = (pid_t)must(fork());
    if (pid == 0) {
      alarm(1);
      must(syscall(SYS_mq_notify, q, &many));
      _exit(0);
    }
    if (WIFSIGNALED(wait_for(pid))) break;
  }
  say("some have room, then one waits: %d", told_of > 0 && told_of < 1000);
  struct gate go = new_gate();
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    show("waited for room", syscall(SYS_mq_notify, q, &many));
    pass_gate(&go);
    _exit(0);
  }
  wait_asleep(pid);
  char got[100];
  while (recv(sock, got, sizeof got, MSG_DONTWAIT) > 0) continue;
  open_gate(&go);
  say("%s", reap(pid));
  told("its end");
}

static sem_t done;
static void on_message(union sigval value) {
  char text[16];
  unsigned prio;
  ssize_t n = mq_receive(q, text, sizeof text, &prio);
  say("a thread: value %d, \"%.*s\" of priority %u", value.sival_int, (int)n, text, prio);
  sem_post(&done);
}
static void by_libc(void) {
  struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 16 };
  q = mq_open("/libc", O_CREAT | O_RDWR, 0600, &attr);
  sem_init(&done, 0, 0);
  for (int i = 0; i < 2; i++) {
    struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 17 + i };
    e.sigev_notify_function = on_message;
    show("mq_notify", mq_notify(q, &e));
    mq_send(q, i ? "again" : "hello", 5, 6);
    sem_wait(&done);
  }
  mq_close(q);
  show("mq_unlink", mq_unlink("/libc"));
}

int main(void) {
  struct { long flags, maxmsg, msgsize, curmsgs, reserved[4]; } attr = { .maxmsg = 3, .msgsize = 16 };
  must(unshare(CLONE_NEWIPC));
  q = (int)must(syscall(SYS_mq_open, "thread", O_CREAT | O_RDWR, 0600, &attr));
  sock = (int)must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  cookies();
  without_a_socket();
  no_room();
  by_libc();
  return 0;
}
