/* sigreturn() sets the alternate stack that the frame says, for the stack that it goes back to: a handler that runs on it may
 * change or disable it that way; what sigaltstack() would refuse is left out.
 */
#include "check.h"
#include <ucontext.h>
// differs: since 6.12 it is set while the handler's stack is still in use, which is EPERM if it is the alternate one

static char one[16384], two[16384];
static stack_t wanted;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  ((ucontext_t *)context)->uc_stack = wanted;
}
static void try(const char *what, stack_t stack, int flags) {
  stack_t start = { .ss_sp = one, .ss_size = sizeof one }, now;
  must(syscall(SYS_sigaltstack, &start, NULL));
  wanted = stack;
  on_siginfo(SIGUSR1, handler, flags);
  raise(SIGUSR1);
  must(syscall(SYS_sigaltstack, NULL, &now));
  say("%s%s: stack %d, flags %d, size %d", what, flags ? ", on it" : "", now.ss_sp == one ? 1 : now.ss_sp == two ? 2 : 0, now.ss_flags, (int)now.ss_size);
}

int main(void) {
  for (int flags = 0; flags <= SA_ONSTACK; flags += SA_ONSTACK) {
    try("another", (stack_t){ .ss_sp = two, .ss_size = sizeof two }, flags);
    try("another, SS_ONSTACK", (stack_t){ .ss_sp = two, .ss_size = sizeof two, .ss_flags = SS_ONSTACK }, flags);
    try("none", (stack_t){ .ss_flags = SS_DISABLE }, flags);
    try("too small", (stack_t){ .ss_sp = two, .ss_size = 2047 }, flags);
    try("bad flags", (stack_t){ .ss_sp = two, .ss_size = sizeof two, .ss_flags = 77 }, flags);
  }
  return 0;
}
