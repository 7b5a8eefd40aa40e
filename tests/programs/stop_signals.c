/* TSTP, TTIN and TTOU stop by default, may be caught or ignored; SIGCONT removes pending stops and the other way round. */
#include "check.h"

static void handler(int sig) { say("  handler %d", sig); }
static void test(int sig, void (*disposition)(int)) {
  pid_t child;
  CHILD(child) {
    setpgid(0, 0);
    on_signal(sig, disposition);
    raise(sig);
    _exit(5);
  }
  int status;
  must(waitpid(child, &status, WUNTRACED));
  say("%d: %s", sig, wait_str(status));
  if (WIFSTOPPED(status)) {
    kill(child, SIGCONT);
    say("  then %s", reap(child));
  }
}

int main(void) {
  own_session();
  static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };
  for (int i = 0; i < 3; i++) test(stops[i], SIG_DFL), test(stops[i], handler), test(stops[i], SIG_IGN);
  block(SIGTSTP);
  block(SIGCONT);
  on_signal(SIGCONT, handler);
  raise(SIGTSTP);
  say("pending TSTP %d CONT %d", is_pending(SIGTSTP), is_pending(SIGCONT));
  raise(SIGCONT);
  say("pending TSTP %d CONT %d", is_pending(SIGTSTP), is_pending(SIGCONT));
  raise(SIGTSTP);
  say("pending TSTP %d CONT %d", is_pending(SIGTSTP), is_pending(SIGCONT));
  pid_t child;
  on_signal(SIGTSTP, handler);
  CHILD(child) {
    raise(SIGSTOP); /* with SIGCONT blocked it resumes all the same */
    say("resumed, CONT pending %d", is_pending(SIGCONT));
    _exit(6);
  }
  int status;
  must(waitpid(child, &status, WUNTRACED));
  say("%s", wait_str(status));
  kill(child, SIGCONT);
  say("%s", reap(child));
  return 0;
}
