/* The status word for every exit code that matters and every signal that kills. */
#include "check.h"

int main(void) {
  own_session();
  static const int codes[] = { 0, 1, 127, 128, 255, 256, 257, -1, 0x1234 };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    pid_t child;
    CHILD(child) _exit(codes[i]);
    int status = wait_for(child);
    say("_exit(%d): %04x %s", codes[i], (unsigned)status, wait_str(status));
  }
  for (int sig = 1; sig < 65; sig++) {
    if (sig == 32 || sig == 33 || sig == 34) continue; /* libc's own */
    pid_t child;
    CHILD(child) {
      setpgid(0, 0); /* else the group is orphaned, and would not stop */
      kill(getpid(), sig);
      _exit(0);
    }
    int status;
    must(waitpid(child, &status, WUNTRACED));
    say("signal %d: %s", sig, wait_str(status));
    if (WIFSTOPPED(status)) {
      kill(child, SIGKILL);
      say("  then %s", reap(child));
    }
  }
  return 0;
}
