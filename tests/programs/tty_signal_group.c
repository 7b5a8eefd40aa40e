/* A control character's signal goes to the foreground group, all of it and nobody else. */
#include "tty.h"
// needs: pty

static int out[2];
static const char *who;
static void handler(int sig) {
  char line[40];
  int n = snprintf(line, sizeof line, "%s:%d ", who, sig);
  if (write(out[1], line, (size_t)n) != n) _exit(9);
}
static pid_t member(const char *name, pid_t pgrp) {
  pid_t pid;
  struct gate g = new_gate();
  CHILD(pid) {
    who = name;
    on_signal_flags(SIGINT, handler, SA_RESTART);
    open_gate(&g);
    for (;;) pause();
  }
  setpgid(pid, pgrp ? pgrp : pid);
  pass_gate(&g);
  return pid;
}
static void interrupt(const char *what, struct pty p) {
  char text[200];
  put(p.m, "\003");
  settle();
  ssize_t n = read(out[0], text, sizeof text - 1);
  if (n <= 0) {
    say("%s: nobody", what);
    return;
  }
  text[n] = 0;
  int a = !!strstr(text, "a1:"), b = !!strstr(text, "a2:"), c = !!strstr(text, "b:"), d = !!strstr(text, "leader:");
  say("%s:%s%s%s%s", what, a ? " a1" : "", b ? " a2" : "", c ? " b" : "", d ? " leader" : "");
}

int main(void) {
  struct pty p = own_terminal();
  must(pipe2(out, O_NONBLOCK));
  who = "leader";
  on_signal_flags(SIGINT, handler, SA_RESTART);
  on_signal(SIGTTOU, SIG_IGN);
  pid_t a1 = member("a1", 0), a2 = member("a2", a1), b = member("b", 0);
  interrupt("the leader's group", p);
  must(tcsetpgrp(p.s, a1));
  interrupt("group a", p);
  must(tcsetpgrp(p.s, b));
  interrupt("group b", p);
  kill(b, SIGKILL);
  say("b %s", reap(b));
  interrupt("a group without members", p);
  say("foreground is still %s", tcgetpgrp(p.s) == b ? "b" : "another");
  kill(-a1, SIGKILL);
  say("a1 %s", reap(a1));
  say("a2 %s", reap(a2));
  must(tcsetpgrp(p.s, getpgrp()));
  interrupt("the leader's group again", p);
  return 0;
}
