/* tcsetpgrp() from the background: whoever gets SIGTTOU for it changes nothing; only its own bit of the mask counts. */
#include "tty.h"
// needs: pty

static struct pty p;
static pid_t shell;
static volatile sig_atomic_t handled;
static void handler(int sig) { handled = sig; }

static const char *foreground(void) {
  pid_t pgrp = must(tcgetpgrp(p.s));
  return pgrp == shell ? "the shell's" : pgrp == getpgrp() ? "its own" : "another";
}
static void take(void) {
  show("  tcsetpgrp", tcsetpgrp(p.s, getpgrp()));
  say("  foreground: %s, handled: %d, pending: %d", foreground(), (int)handled, is_pending(SIGTTOU));
}
static void nothing_done(void) { on_signal(SIGTTOU, SIG_DFL); }
static void handled_once(void) { on_signal_flags(SIGTTOU, handler, (int)SA_RESETHAND); }
static void handled_and_restarted(void) { on_signal_flags(SIGTTOU, handler, (int)(SA_RESTART | SA_RESETHAND)); }
static void blocked_alone(void) {
  on_signal(SIGTTOU, SIG_DFL);
  block(SIGTTOU);
}
static void blocked_with_others(void) {
  blocked_alone();
  block(SIGUSR1);
  block(SIGINT);
}
static void others_blocked(void) {
  on_signal(SIGTTOU, handler);
  block(SIGUSR1);
  block(SIGTTIN);
}
static void *blocks_it(void *unused) {
  block(SIGTTOU);
  pause();
  return unused;
}
static void blocked_in_another_thread(void) {
  pthread_t thread;
  on_signal(SIGTTOU, handler);
  must(-pthread_create(&thread, NULL, blocks_it, NULL));
  sleep_ms(5);
}

int main(void) {
  static const struct { const char *name; void (*prepare)(void); } ways[] = {
    { "default", nothing_done }, { "handled", handled_once }, { "handled, SA_RESTART", handled_and_restarted },
    { "blocked", blocked_alone }, { "blocked with others", blocked_with_others }, { "others blocked", others_blocked },
    { "blocked in another thread", blocked_in_another_thread },
  };
  p = own_terminal();
  shell = getpgrp();
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    struct gate go = new_gate();
    pid_t child;
    int status;
    say("%s:", ways[i].name);
    on_signal(SIGTTOU, SIG_IGN);
    CHILD(child) {
      pass_gate(&go);
      ways[i].prepare();
      take();
      _exit(0);
    }
    must(setpgid(child, child));
    open_gate(&go);
    must(waitpid(child, &status, WUNTRACED));
    say("  %s, foreground: %s", wait_str(status), foreground());
    if (WIFSTOPPED(status)) {
      must(tcsetpgrp(p.s, child));
      kill(child, SIGCONT);
      say("  %s", reap(child));
    }
    must(tcsetpgrp(p.s, shell));
  }
  return 0;
}
