/* A running interval timer goes on through exec; its signal finds the new program's disposition. POSIX timers are gone. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    struct itimerspec now;
    show("POSIX timer", syscall(SYS_timer_gettime, atoi(argv[1]), &now));
    for (;;) pause();
  }
  pid_t child;
  CHILD(child) {
    int t;
    char number[20];
    must(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &t));
    snprintf(number, sizeof number, "%d", t);
    struct itimerval soon = { { 0, 0 }, { 0, 50000 } };
    on_signal(SIGALRM, exit);
    must(setitimer(ITIMER_REAL, &soon, NULL));
    execl(argv[0], argv[0], number, NULL);
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
