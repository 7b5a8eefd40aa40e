/* A process group with a stopped member that becomes orphaned gets SIGHUP, then SIGCONT. */
#include "check.h"

static void handler(int sig) {
  say("member: %s", sig == SIGHUP ? "SIGHUP" : "SIGCONT");
}

int main(void) {
  struct gate done = new_gate();
  pid_t session;
  CHILD(session) {
    must(setsid());
    pid_t shell;
    CHILD(shell) {
      /* In the session, in another group than its child: as long as it lives the child's group is not orphaned. */
      pid_t member;
      CHILD(member) {
        setpgid(0, 0);
        struct sigaction sa;
        memset(&sa, 0, sizeof sa);
        sa.sa_handler = handler;
        sigfillset(&sa.sa_mask);
        must(sigaction(SIGHUP, &sa, NULL));
        must(sigaction(SIGCONT, &sa, NULL));
        sigset_t both = set_of(SIGHUP, SIGCONT, 0), none;
        sigemptyset(&none);
        sigprocmask(SIG_BLOCK, &both, NULL);
        raise(SIGSTOP);
        say("member: continued, pending HUP %d CONT %d", is_pending(SIGHUP), is_pending(SIGCONT));
        sigprocmask(SIG_UNBLOCK, &both, NULL);
        open_gate(&done);
        _exit(0);
      }
      int status;
      must(waitpid(member, &status, WUNTRACED));
      say("shell: member %s", wait_str(status));
      _exit(0);
    }
    wait_for(shell);
    pass_gate(&done);
    _exit(0);
  }
  say("%s", reap(session));
  return 0;
}
