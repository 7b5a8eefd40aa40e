/* signalfd: queued real-time signals come out one by one, lowest number first, with their payloads. */
#include "check.h"
#include <sys/signalfd.h>

int main(void) {
  sigset_t set = set_of(RT(0), RT(2), SIGUSR1, 0);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  int fd = (int)must(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  struct signalfd_siginfo i[8];
  show("nothing yet", read(fd, i, sizeof i));
  for (int n = 0; n < 3; n++) must(sigqueue(getpid(), RT(2), (union sigval){ .sival_int = n }));
  must(sigqueue(getpid(), RT(0), (union sigval){ .sival_ptr = (void *)0x123456789abcdef }));
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  show("too small a buffer", read(fd, i, sizeof *i - 1));
  ssize_t got = read(fd, i, 3 * sizeof *i);
  say("%d at once", (int)(got / (ssize_t)sizeof *i));
  got += read(fd, i + 3, sizeof i - 3 * sizeof *i);
  for (int n = 0; n < (int)(got / (ssize_t)sizeof *i); n++)
    say("signo %d code %d pid ok %d uid ok %d int %d ptr %llx", (int)i[n].ssi_signo, i[n].ssi_code, i[n].ssi_pid == (unsigned)getpid(), i[n].ssi_uid == getuid(), i[n].ssi_int,
        (unsigned long long)i[n].ssi_ptr);
  show("empty again", read(fd, i, sizeof i));
  pid_t child;
  must(sigqueue(getpid(), RT(0), (union sigval){ .sival_int = 5 }));
  CHILD(child) {
    show("a child reads its own queue", read(fd, i, sizeof i));
    kill(getpid(), SIGUSR1);
    say("child: %d", read(fd, i, sizeof i) == sizeof *i && i->ssi_signo == SIGUSR1);
    _exit(0);
  }
  wait_for(child);
  say("parent's is still there: %d", read(fd, i, sizeof i) == sizeof *i && i->ssi_int == 5);
  sigset_t chld = set_of(SIGCHLD, 0);
  must(sigprocmask(SIG_BLOCK, &chld, NULL));
  int cfd = (int)must(signalfd(-1, &chld, 0));
  CHILD(child) _exit(9);
  must(read(cfd, i, sizeof *i));
  say("SIGCHLD: code %d status %d pid ok %d", i->ssi_code, i->ssi_status, i->ssi_pid == (unsigned)child);
  wait_for(child);
  return 0;
}
