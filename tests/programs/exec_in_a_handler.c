/* exec in a signal handler: the new program starts with the handler's mask, without its stack, and with what was pending. */
#include "check.h"

static char **args;
static char stack[65536];
static void handler(int sig) {
  (void)sig;
  raise(SIGUSR1); /* blocked while we are here */
  execl("/proc/self/exe", args[0], "x", NULL);
}

int main(int argc, char **argv) {
  args = argv;
  if (argc > 1) {
    sigset_t now;
    stack_t ss;
    sigprocmask(SIG_BLOCK, NULL, &now);
    sigaltstack(NULL, &ss);
    say("blocked: USR1 %d HUP %d TERM %d; pending USR1 %d; altstack off %d", sigismember(&now, SIGUSR1), sigismember(&now, SIGHUP), sigismember(&now, SIGTERM),
        is_pending(SIGUSR1), ss.ss_flags == SS_DISABLE);
    ss = (stack_t){ .ss_sp = stack, .ss_size = sizeof stack };
    show("and can be set anew", sigaltstack(&ss, NULL));
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    say("default again: %d", sa.sa_handler == SIG_DFL);
    unblock(SIGUSR1);
    return 1;
  }
  pid_t child;
  CHILD(child) {
    stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
    must(sigaltstack(&ss, NULL));
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sa.sa_flags = SA_ONSTACK;
    sigaddset(&sa.sa_mask, SIGHUP);
    must(sigaction(SIGUSR1, &sa, NULL));
    kill(getpid(), SIGUSR1);
    _exit(2);
  }
  say("%s", reap(child));
  return 0;
}
