/* Who is told of a file's news: F_SETOWN and its kin keep a process, a thread or a group, and forget it when it is gone. */
#include "check.h"

struct owner { int type, pid; };

static const char *whose(int pid) {
  if (pid == getpid()) return "us";
  if (pid == -getpgrp()) return "our group";
  return pid == 0 ? "nobody" : "somebody else";
}

static void look(int fd) {
  struct owner now = { -1, -1 };
  int nr = (int)syscall(SYS_fcntl, fd, F_GETOWN);
  say("  F_GETOWN: %s", nr == -1 ? errname(errno) : whose(nr));
  show("  F_GETOWN_EX", syscall(SYS_fcntl, fd, 16, &now));
  say("  type %d, %s", now.type, whose(now.type == 2 ? -now.pid : now.pid));
}

static void set_ex(int fd, const char *what, int type, int pid) {
  struct owner wanted = { type, pid };
  show(what, syscall(SYS_fcntl, fd, 15, &wanted));
}

int main(void) {
  int ends[2];
  must(pipe(ends));
  int fd = ends[0];
  show("at first", fcntl(fd, F_GETOWN));
  show("the process", fcntl(fd, F_SETOWN, getpid()));
  look(fd);
  show("the group", fcntl(fd, F_SETOWN, -getpgrp()));
  look(fd);
  set_ex(fd, "by type: thread", 0, getpid());
  look(fd);
  set_ex(fd, "by type: process", 1, getpid());
  look(fd);
  set_ex(fd, "by type: group", 2, getpgrp());
  look(fd);
  set_ex(fd, "by type: an unknown one", 3, getpid());
  set_ex(fd, "by type: a negative one", -1, getpid());
  set_ex(fd, "by type: no such process", 1, 0x3fffffff);
  look(fd);
  set_ex(fd, "by type: nobody", 1, 0);
  look(fd);
  show("F_SETOWN_EX, bad pointer", syscall(SYS_fcntl, fd, 15, 8));
  show("F_GETOWN_EX, bad pointer", syscall(SYS_fcntl, fd, 16, 8));

  pid_t child;
  CHILD(child) _exit(0);
  show("a zombie", fcntl(fd, F_SETOWN, child));
  say("it: %s", whose(fcntl(fd, F_GETOWN)));
  say("%s", reap(child));

  int copy = must(dup(fd));
  show("F_GETSIG", fcntl(fd, 11));
  show("F_SETSIG SIGUSR1", fcntl(fd, 10, SIGUSR1));
  show("F_GETSIG of a copy", fcntl(copy, 11));
  show("F_SETSIG 65", fcntl(fd, 10, 65));
  show("F_SETSIG -1", fcntl(fd, 10, -1));
  show("F_GETSIG", fcntl(fd, 11));
  show("F_SETSIG 0", fcntl(ends[1], 10, 0));
  show("F_GETSIG of the other end", fcntl(ends[1], 11));
  show("F_GETLEASE", fcntl(fd, 1025));
  show("an unknown command", fcntl(fd, 999));
  return 0;
}
