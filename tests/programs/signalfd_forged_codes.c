/* A siginfo of another process's making, read from a signalfd: pid, uid and value, whatever kind its code claims. */
// differs: since 4.14 the code says which members are copied; in 3.2 it has a class only if the kernel made it
#include "check.h"
#include <sys/signalfd.h>

int main(void) {
  static const int codes[] = { -1, -2, -3, -4, -5, -7, -60 };
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int fd = signalfd(-1, &set, 0);
  for (int i = 0; i < 7; i++) {
    pid_t child = fork();
    if (child == 0) {
      siginfo_t info;
      memset(&info, 0, sizeof info);
      info.si_code = codes[i];
      info.si_pid = 11;
      info.si_uid = 22;
      info.si_value.sival_ptr = (void *)0x100000033;
      _exit(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info) != 0);
    }
    wait(NULL);
    struct signalfd_siginfo got;
    if (read(fd, &got, sizeof got) != sizeof got) return 1;
    say("code %d: pid %u uid %u int %d ptr %llx tid %u overrun %u band %u fd %d", got.ssi_code, got.ssi_pid, got.ssi_uid, got.ssi_int,
        (unsigned long long)got.ssi_ptr, got.ssi_tid, got.ssi_overrun, got.ssi_band, got.ssi_fd);
  }
  return 0;
}
