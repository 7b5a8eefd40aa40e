/* Who has sent a message: SCM_CREDENTIALS and SO_PEERCRED name processes and users, as the one who asks knows them. */
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
// needs: root
// needs: glibc
// differs: later kernels keep the credentials of a server's end, and map the users of namespaces by tables

static int sv[2];

static void passcred(int fd, int on) { must(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on)); }

/* Send a byte, with credentials and a descriptor unless they are NULL and -1. */
static long send_(int fd, const struct ucred *cred, size_t credlen, int passed) {
  char control[100] = { 0 };
  struct iovec v = { (char[]){ 'x' }, 1 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
  struct cmsghdr *h = (struct cmsghdr *)control;
  if (cred) {
    *h = (struct cmsghdr){ CMSG_LEN(credlen), SOL_SOCKET, SCM_CREDENTIALS };
    memcpy(CMSG_DATA(h), cred, sizeof *cred);
    m.msg_controllen += CMSG_SPACE(credlen);
    h = (struct cmsghdr *)(control + m.msg_controllen);
  }
  if (passed >= 0) {
    *h = (struct cmsghdr){ CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(h), &passed, 4);
    m.msg_controllen += CMSG_SPACE(4);
  }
  if (!m.msg_controllen) m.msg_control = NULL;
  return sendmsg(fd, &m, MSG_DONTWAIT);
}
static long send_as(pid_t pid, uid_t uid, gid_t gid) {
  return send_(sv[1], &(struct ucred){ pid, uid, gid }, sizeof(struct ucred), -1);
}

static const char *who(pid_t pid, pid_t child) {
  if (pid == getpid()) return "self";
  if (pid && pid == child) return "child";
  if (pid == getppid()) return "parent";
  return pid == 0 ? "0" : pid == 1 ? "1" : "another";
}

/* Receive everything there is, and say from whom. */
static void receive(const char *what, int fd, pid_t child) {
  for (;;) {
    char data[100], control[200];
    struct iovec v = { data, sizeof data };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
    if (n <= 0) return;
    say("%s: %zd bytes, flags %x", what, n, m.msg_flags);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
      if (h->cmsg_type == SCM_CREDENTIALS) {
        struct ucred c;
        memcpy(&c, CMSG_DATA(h), sizeof c);
        say("  by %s, %d, %d", who(c.pid, child), (int)c.uid, (int)c.gid);
      } else {
        int passed;
        memcpy(&passed, CMSG_DATA(h), sizeof passed);
        say("  a descriptor: %s", fcntl(passed, F_GETFD) == 0 ? "open" : "not open");
        close(passed);
      }
    }
  }
}

/* What is stored of credentials and a descriptor in little room. */
static void little_room(void) {
  static const size_t rooms[] = { 0, 8, 15, 16, 17, 20, 24, 27, 28, 30, 32, 40, 47, 48, 51, 52, 55, 56 };
  for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
    must(send_(sv[1], &(struct ucred){ getpid(), 0, 0 }, sizeof(struct ucred), 0));
    char data[8], control[200];
    memset(control, 0x55, sizeof control);
    struct iovec v = { data, sizeof data };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = rooms[i] };
    must(recvmsg(sv[0], &m, MSG_DONTWAIT));
    struct cmsghdr *h = (struct cmsghdr *)control;
    int next = (int)must(dup(0));
    say("room for %zu: %zu used, flags %x, first is %s of %zu, next descriptor + %d", rooms[i], m.msg_controllen,
        m.msg_flags, m.msg_controllen < 16 ? "none" : h->cmsg_type == SCM_RIGHTS ? "rights" : "credentials",
        m.msg_controllen < 16 ? 0 : h->cmsg_len, next - sv[1]);
    close(next);
    if (next != sv[1] + 1) close(sv[1] + 1);
  }
}

static void pairs(int type) {
  say("type %d", type);
  must(socketpair(AF_UNIX, type, 0, sv));
  must(write(sv[1], "x", 1));
  passcred(sv[0], 1);
  receive("sent when nobody wanted to know", sv[0], 0);
  must(write(sv[1], "x", 1));
  receive("plain", sv[0], 0);
  show("own", send_as(getpid(), 0, 0));
  receive("own", sv[0], 0);
  show("parent's number", send_as(getppid(), 0, 0));
  receive("parent's number", sv[0], 0);
  show("number 0", send_as(0, 0, 0));
  show("number -1", send_as(-1, 0, 0));
  show("a free number", send_as(31999, 0, 0));
  show("other users", send_as(getpid(), 5, 7));
  receive("other users", sv[0], 0);
  show("too short", send_(sv[1], &(struct ucred){ getpid(), 0, 0 }, 11, -1));
  show("too long", send_(sv[1], &(struct ucred){ getpid(), 0, 0 }, 13, -1));
  little_room();

  pid_t pid;
  CHILD(pid) {
    must(setresgid(3, 4, 5));
    must(setresuid(1, 2, 3));
    must(write(sv[1], "x", 1));
    show("saved ids", send_as(getpid(), 3, 5));
    show("unprivileged, parent's number", send_as(getppid(), 1, 3));
    show("unprivileged, a free number", send_as(31999, 1, 3));
    show("unprivileged, root", send_as(getpid(), 0, 3));
    show("unprivileged, root's group", send_as(getpid(), 1, 0));
    _exit(0);
  }
  reap(pid);
  receive("of the dead", sv[0], pid);

  if (type == SOCK_STREAM) {
    /* What different senders write does not come together; neither does what was sent with credentials made for it. */
    must(write(sv[1], "a", 1));
    must(write(sv[1], "b", 1));
    must(send_as(getpid(), 0, 0));
    must(send_as(getpid(), 0, 0));
    receive("two plain, two claimed", sv[0], 0);
    CHILD(pid) {
      must(write(sv[1], "x", 1));
      must(setuid(0));
      must(write(sv[1], "y", 1));
      _exit(0);
    }
    reap(pid);
    receive("before and after a setuid() that changes nothing", sv[0], pid);
  }
  int path = (int)must(open("/", O_PATH));
  show("an O_PATH descriptor", send_(sv[1], NULL, 0, path));
  receive("an O_PATH descriptor", sv[0], 0);
  close(path);
}

static void namespaces(void) {
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
  passcred(sv[0], 1);
  passcred(sv[1], 1);
  struct gate go = new_gate();
  pid_t pid = (pid_t)must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (pid == 0) {
    must(write(sv[1], "x", 1));
    show("in a pid namespace, 1", send_as(1, 0, 0));
    show("in a pid namespace, 0", send_as(0, 0, 0));
    show("in a pid namespace, 77", send_as(77, 0, 0));
    pass_gate(&go);
    receive("in a pid namespace, from outside", sv[1], 0);
    struct ucred peer;
    socklen_t len = sizeof peer;
    must(getsockopt(sv[1], SOL_SOCKET, SO_PEERCRED, &peer, &len));
    say("in a pid namespace, the peer: %d", peer.pid);
    _exit(0);
  }
  must(write(sv[0], "x", 1));
  open_gate(&go);
  reap(pid);
  receive("from the pid namespace", sv[0], pid);

  pid = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
  if (pid == 0) {
    struct ucred peer;
    socklen_t len = sizeof peer;
    must(getsockopt(sv[1], SOL_SOCKET, SO_PEERCRED, &peer, &len));
    say("in a user namespace, the peer, who made it: %d, %d", (int)peer.uid, (int)peer.gid);
    must(write(sv[1], "x", 1));
    pass_gate(&go);
    receive("in a user namespace, from user 1000 outside", sv[1], 0);
    _exit(0);
  }
  pid_t other;
  CHILD(other) {
    must(setgid(1000));
    must(setuid(1000));
    must(write(sv[0], "x", 1));
    _exit(0);
  }
  reap(other);
  open_gate(&go);
  reap(pid);
  receive("from the user namespace", sv[0], pid);
}

static void peer(const char *what, int fd, pid_t child) {
  struct ucred c;
  socklen_t len = sizeof c;
  must(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len));
  say("%s: %s, %d, %d", what, who(c.pid, child), (int)c.uid, (int)c.gid);
}

static void servers(void) {
  go_to_scratch();
  struct sockaddr_un name = { AF_UNIX, "server" };
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  peer("fresh", s, -1);
  must(bind(s, (struct sockaddr *)&name, sizeof name));
  pid_t pid;
  CHILD(pid) {
    must(setegid(9));
    must(listen(s, 5));
    _exit(0);
  }
  reap(pid);
  passcred(s, 1);
  int c = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect(c, (struct sockaddr *)&name, sizeof name));
  peer("the server, who listened", c, pid);
  must(write(c, "x", 1));
  int n = (int)must(accept(s, NULL, NULL)), on = -1;
  socklen_t len = sizeof on;
  must(getsockopt(n, SOL_SOCKET, SO_PASSCRED, &on, &len));
  say("the option is inherited: %d", on);
  passcred(n, 1);
  receive("written before it was accepted", n, 0);
  peer("the client", n, 0);

  /* Who wants to know gets a name, so that one can answer. */
  int d = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), e = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  strcpy(name.sun_path, "receiver");
  must(bind(e, (struct sockaddr *)&name, sizeof name));
  passcred(d, 1);
  must(sendto(d, "x", 1, 0, (struct sockaddr *)&name, sizeof name));
  struct sockaddr_un from = { 0 };
  len = sizeof from;
  must(recvfrom(e, &on, sizeof on, 0, (struct sockaddr *)&from, &len));
  say("a name of %d bytes that begins with %d", (int)len, from.sun_path[0]);
}

int main(void) {
  pairs(SOCK_STREAM);
  pairs(SOCK_DGRAM);
  namespaces();
  servers();
  return 0;
}
