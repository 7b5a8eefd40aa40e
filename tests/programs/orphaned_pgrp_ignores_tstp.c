/* In an orphaned process group the terminal's stop signals do nothing; SIGSTOP still stops. */
#include "check.h"

int main(void) {
  own_session();
  pid_t session;
  struct gate done = new_gate();
  CHILD(session) {
    must(setsid()); /* a group whose only member's parent is in another session */
    raise(SIGTSTP);
    say("not stopped by TSTP");
    raise(SIGTTIN);
    raise(SIGTTOU);
    say("nor by TTIN and TTOU");
    open_gate(&done);
    raise(SIGSTOP);
    say("continued");
    _exit(0);
  }
  pass_gate(&done);
  int status;
  must(waitpid(session, &status, WUNTRACED));
  say("%s", wait_str(status));
  kill(session, SIGCONT);
  say("%s", reap(session));
  return 0;
}
