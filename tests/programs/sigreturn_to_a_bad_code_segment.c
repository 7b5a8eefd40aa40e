/* A handler that changes CS in its frame: there is no way back to such code, which is a protection fault where it would go on. */
#include "check.h"
#include <ucontext.h>

static unsigned segment;
static volatile long long resumes_at;
static void changes(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  r[REG_CSGSFS] = (r[REG_CSGSFS] & ~0xffffLL) | segment;
  resumes_at = r[REG_RIP];
}
static void faulted(int sig, siginfo_t *info, void *context) {
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  say("  signal %d, code %d, address %#lx, trap %lld, error code %lld, %s", sig, info->si_code, (unsigned long)info->si_addr,
      (long long)r[REG_TRAPNO], (long long)r[REG_ERR], r[REG_RIP] == resumes_at ? "where it was" : "elsewhere");
  _exit(3);
}

int main(void) {
  static const unsigned segments[] = { 0x33, 0x30, 0x0, 0x3 };
  for (int i = 0; i < 4; i++)
    for (int handler = 0; handler < 2; handler++) {
      pid_t child;
      CHILD(child) {
        segment = segments[i];
        on_siginfo(SIGUSR1, changes, 0);
        if (handler) on_siginfo(SIGSEGV, faulted, 0);
        raise(SIGUSR1);
        _exit(0);
      }
      say("%#x%s: %s", segments[i], handler ? ", with a handler" : "", reap(child));
    }
  return 0;
}
