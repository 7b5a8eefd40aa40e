/* exec throws pending signals of timers away; one of rt_sigqueueinfo that says SI_TIMER is none, and stays. */
#include "check.h"
// differs: since 4.14 the kernel's own SI_TIMER is the same number as user space's, and both go
#include <time.h>

static void look(const char *when) {
  sigset_t set;
  must(sigpending(&set));
  say("%s: USR1 %d, the first %d, the second %d", when, sigismember(&set, SIGUSR1), sigismember(&set, SIGRTMIN),
      sigismember(&set, SIGRTMIN + 1));
}

static void forge(int sig) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_TIMER;
  must(syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info));
}

int main(int argc, char **argv) {
  if (argc > 1) {
    look("after");
    return 0;
  }
  sigset_t set;
  sigfillset(&set);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
  struct itimerspec soon = { .it_value = { .tv_nsec = 1000 } };
  timer_t timer;
  must(timer_create(CLOCK_MONOTONIC, &event, &timer));
  must(timer_settime(timer, 0, &soon, NULL));
  sleep_ms(50);
  forge(SIGUSR1);
  forge(SIGRTMIN + 1);
  look("before");
  execl("/proc/self/exe", argv[0], "again", NULL);
  return 1;
}
