/* What a shell does: a pipeline in a group of its own, ^Z, bg, fg, ^C, ^\, and a job that wants input. */
#include "tty.h"
// needs: pty

static struct pty p;
static pid_t pipeline(int *first) {
  int fds[2];
  must(pipe(fds));
  pid_t a, b;
  struct gate g = new_gate();
  CHILD(a) {
    pass_gate(&g);
    on_signal(SIGTTOU, SIG_DFL);
    dup2(fds[1], 1);
    close(fds[0]);
    close(fds[1]);
    for (;;) pause();
  }
  must(setpgid(a, a));
  CHILD(b) {
    pass_gate(&g);
    on_signal(SIGTTOU, SIG_DFL);
    dup2(fds[0], 0);
    close(fds[0]);
    close(fds[1]);
    char c;
    while (read(0, &c, 1) > 0) continue;
    _exit(0);
  }
  must(setpgid(b, a));
  must(tcsetpgrp(p.s, a));
  open_gate(&g);
  open_gate(&g);
  close(fds[0]);
  close(fds[1]);
  wait_asleep(a);
  wait_asleep(b);
  *first = a;
  return b;
}
static void events(const char *what, pid_t pgrp, int count, int options) {
  int status[2];
  for (int i = 0; i < count; i++) {
    pid_t pid = (pid_t)must(waitpid(-pgrp, &status[i], options));
    (void)pid;
  }
  for (int i = 0; i < count; i++) say("%s: %s", what, wait_str(status[i]));
}

int main(void) {
  p = own_terminal();
  on_signal(SIGTTOU, SIG_IGN);
  pid_t middle;
  CHILD(middle) {
    must(setpgid(0, 0));
    must(tcsetpgrp(p.s, getpgrp()));
    pid_t a, b = pipeline(&a), shell = getpgrp();
    put(p.m, "\032");
    events("^Z", a, 2, WUNTRACED);
    must(tcsetpgrp(p.s, shell));
    show_all("on the screen", p.m);
    must(kill(-a, SIGCONT));
    events("bg", a, 2, WCONTINUED);
    put(p.m, "\003");
    settle();
    say("^C at the shell is none of its business: %c %c", state_of(a), state_of(b));
    _exit(0);
  }
  say("the shell %s", reap(middle));
  must(tcsetpgrp(p.s, getpgrp()));
  CHILD(middle) {
    must(setpgid(0, 0));
    on_signal(SIGINT, SIG_IGN);
    must(tcsetpgrp(p.s, getpgrp()));
    pid_t a, b = pipeline(&a), shell = getpgrp();
    on_signal(SIGINT, SIG_DFL);
    (void)b;
    put(p.m, "\034");
    events("^\\", a, 2, 0);
    b = pipeline(&a);
    must(tcsetpgrp(p.s, shell));
    must(kill(-a, SIGTSTP));
    events("stopped", a, 2, WUNTRACED);
    must(tcsetpgrp(p.s, a));
    must(kill(-a, SIGCONT));
    events("fg", a, 2, WCONTINUED);
    must(kill(-a, SIGTERM));
    events("killed", a, 2, 0);
    must(tcsetpgrp(p.s, shell));
    pid_t reader;
    struct gate g = new_gate();
    CHILD(reader) {
      pass_gate(&g);
      show_read("  it reads", p.s, 100);
      _exit(0);
    }
    must(setpgid(reader, reader));
    open_gate(&g);
    events("wants input", reader, 1, WUNTRACED);
    put(p.m, "for the job\n");
    settle();
    must(tcsetpgrp(p.s, reader));
    must(kill(-reader, SIGCONT));
    events("gets it", reader, 1, 0);
    must(tcsetpgrp(p.s, shell));
    b = pipeline(&a);
    must(tcsetpgrp(p.s, shell));
    must(kill(-a, SIGSTOP));
    events("left stopped", a, 2, WUNTRACED);
    _exit(0);
  }
  say("the shell %s", reap(middle));
  return 0;
}
