/* abort() ends the process with SIGABRT, whether that is blocked, ignored or handled. */
#include "check.h"

static void handler(int sig) { say("  handler %d", sig); }

int main(void) {
  static const char *const names[] = { "default", "blocked", "ignored", "handled", "handled in a grandchild" };
  for (int i = 0; i < 5; i++) {
    pid_t child;
    CHILD(child) {
      struct rlimit none = { 0, 0 };
      setrlimit(RLIMIT_CORE, &none);
      if (i == 1) block(SIGABRT);
      if (i == 2) on_signal(SIGABRT, SIG_IGN);
      if (i >= 3) on_signal(SIGABRT, handler);
      if (i == 4) {
        pid_t c;
        CHILD(c) abort();
        _exit(WTERMSIG(wait_for(c)));
      }
      abort();
    }
    say("%s: %s", names[i], reap(child));
  }
  return 0;
}
