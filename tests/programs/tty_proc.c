/* /proc/PID/stat: the terminal's number and its foreground group; fork and exec keep the terminal, setsid does not. */
#include "tty.h"
#include <sys/sysmacros.h>
// needs: pty

static void stat_of(const char *what, pid_t pid, pid_t leader) {
  char path[40], text[1000];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = (int)must(open(path, O_RDONLY)), ppid, pgrp, session, tty, tpgid;
  text[must(read(fd, text, sizeof text - 1))] = 0;
  close(fd);
  char state;
  sscanf(strrchr(text, ')') + 2, "%c %d %d %d %d %d", &state, &ppid, &pgrp, &session, &tty, &tpgid);
  say("%s: terminal %d:%d, foreground %s", what, major((unsigned)tty), minor((unsigned)tty),
      tpgid == leader ? "the leader's" : tpgid == pid ? "its own" : tpgid == -1 ? "-1" : tpgid == 0 ? "0" : "another");
}

int main(int argc, char **argv) {
  if (argc > 1) {
    stat_of("after exec", getpid(), getsid(0));
    return 0;
  }
  own_session();
  pid_t me = getpid();
  stat_of("no terminal", me, me);
  struct pty unused = new_pty(), p = new_pty();
  must(ioctl(p.s, TIOCSCTTY, 0));
  stat_of("a terminal", me, me);
  on_signal(SIGTTOU, SIG_IGN);
  pid_t pid;
  struct gate g = new_gate(), go = new_gate();
  CHILD(pid) {
    stat_of("a child", getpid(), me);
    must(setpgid(0, 0));
    must(tcsetpgrp(p.s, getpid()));
    stat_of("in the foreground", getpid(), me);
    open_gate(&g);
    pass_gate(&go);
    must(tcsetpgrp(p.s, me));
    must(setpgid(0, me));
    must(setsid());
    stat_of("after setsid", getpid(), me);
    _exit(0);
  }
  pass_gate(&g);
  stat_of("the leader now", me, pid);
  open_gate(&go);
  wait_for(pid);
  CHILD(pid) {
    execl("/proc/self/exe", argv[0], "again", NULL);
    _exit(9);
  }
  wait_for(pid);
  must(ioctl(p.s, TIOCNOTTY, 0));
  stat_of("given up", me, me);
  close(unused.m);
  return 0;
}
