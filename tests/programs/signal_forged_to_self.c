/* rt_sigqueueinfo() with a code that only the kernel may use is refused even to oneself. */
// differs: since 3.11 a process may send itself any siginfo; 3.2 says EPERM (sys_rt_sigqueueinfo)
#include "check.h"

int main(void) {
  static const struct { const char *name; int code; } codes[] = {
    { "SI_USER", SI_USER }, { "SI_KERNEL", SI_KERNEL }, { "SI_TKILL", SI_TKILL }, { "SI_QUEUE", SI_QUEUE }, { "SI_TIMER", SI_TIMER },
  };
  on_signal(SIGUSR1, SIG_IGN);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = codes[i].code;
    show(codes[i].name, syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
  }
  return 0;
}
