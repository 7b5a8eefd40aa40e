/* Protection: what each access to a page of each protection does, and the SIGSEGV code it brings. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile int code, right_address;
static char *page;
static void handler(int sig, siginfo_t *i, void *context) {
  (void)context;
  code = i->si_code + (sig == SIGBUS ? 100 : 0);
  right_address = (char *)i->si_addr == page + 8;
  siglongjmp(back, 1);
}
static void check(const char *name) {
  char line[100];
  int n = snprintf(line, sizeof line, "%s:", name);
  for (int access = 0; access < 3; access++) {
    code = 0;
    if (!sigsetjmp(back, 1)) {
      if (access == 0) (void)*(volatile char *)(page + 8);
      if (access == 1) *(volatile char *)(page + 8) = (char)0xc3;
      if (access == 2) ((void (*)(void))(page + 8))();
    }
    n += snprintf(line + n, sizeof line - (size_t)n, " %s", access == 0 ? "read" : access == 1 ? "write" : "exec");
    n += snprintf(line + n, sizeof line - (size_t)n, code ? " %d%s" : " ok", code, right_address ? "" : "?");
  }
  say("%s", line);
}

int main(void) {
  on_siginfo(SIGSEGV, handler, 0);
  on_siginfo(SIGBUS, handler, 0);
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[8] = (char)0xc3;
  check("rw");
  must(mprotect(page, 4096, PROT_READ));
  check("r");
  must(mprotect(page, 4096, PROT_READ | PROT_EXEC));
  check("rx");
  must(mprotect(page, 4096, PROT_NONE));
  check("none");
  must(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
  check("rwx");
  must(munmap(page, 4096));
  check("unmapped");
  pid_t child;
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[8] = (char)0xc3;
  must(mprotect(page, 4096, PROT_READ));
  CHILD(child) {
    check("r after fork");
    must(mprotect(page, 4096, PROT_READ | PROT_WRITE));
    check("rw after fork");
    _exit(0);
  }
  wait_for(child);
  return 0;
}
