/* getpriority() and setpriority() of a process, a group and a user: the highest counts; who may lower, and by how much. */
// needs: root
#include "check.h"

static long get(int which, id_t who) { return syscall(SYS_getpriority, which, who); }

int main(void) {
  own_session();
  must(setpriority(PRIO_PROCESS, 0, 0));
  struct gate go = new_gate(), ready = new_gate();
  pid_t child;
  CHILD(child) {
    setpgid(0, 0);
    pass_gate(&go);
    _exit(0);
  }
  setpgid(child, child);
  show("child", get(PRIO_PROCESS, (id_t)child));
  show("set 7", setpriority(PRIO_PROCESS, (id_t)child, 7));
  show("child", get(PRIO_PROCESS, (id_t)child));
  show("its group", get(PRIO_PGRP, (id_t)child));
  show("group to -5", setpriority(PRIO_PGRP, (id_t)child, -5));
  show("child", get(PRIO_PROCESS, (id_t)child));
  show("beyond the end", setpriority(PRIO_PROCESS, (id_t)child, -100));
  show("child", get(PRIO_PROCESS, (id_t)child));
  show("no such group", setpriority(PRIO_PGRP, 30000, 1));
  show("get of no such group", get(PRIO_PGRP, 30000));
  show("no such user", setpriority(PRIO_USER, 3999999999u, 1));
  show("get of nobody", get(PRIO_PROCESS, 30000));
  show("bad which", get(3, 0));
  show("negative which", get(-1, 0));
  pid_t user;
  CHILD(user) {
    uid_t uid = fresh_uid();
    must(setresuid(uid, uid, uid));
    show("user: up to 3", setpriority(PRIO_PROCESS, 0, 3));
    show("user: down to 0", setpriority(PRIO_PROCESS, 0, 0));
    show("user: down to -1", setpriority(PRIO_PROCESS, 0, -1));
    show("user: another's", setpriority(PRIO_PROCESS, (id_t)child, 19));
    show("nice(5)", nice(5));
    pid_t c;
    CHILD(c) {
      show("child inherits", get(PRIO_PROCESS, 0));
      setpriority(PRIO_PROCESS, 0, 9);
      open_gate(&ready);
      for (;;) pause();
    }
    pass_gate(&ready);
    show("the user's best", get(PRIO_USER, 0));
    show("by number", get(PRIO_USER, uid));
    show("all of the user", setpriority(PRIO_USER, uid, 11));
    show("child", get(PRIO_PROCESS, (id_t)c));
    show("self", get(PRIO_PROCESS, 0));
    kill(c, SIGKILL);
    wait_for(c);
    _exit(0);
  }
  wait_for(user);
  open_gate(&go);
  wait_for(child);
  return 0;
}
