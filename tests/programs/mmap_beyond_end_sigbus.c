/* Touching a page of a mapping that lies wholly behind the end of the file is SIGBUS; the rest of the last page is zero. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static char *p;
static void handler(int sig, siginfo_t *i, void *context) {
  (void)context;
  say("signal %d code %d page %d", sig, i->si_code, (int)(((char *)i->si_addr - p) >> 12));
  siglongjmp(back, 1);
}

int main(void) {
  on_siginfo(SIGBUS, handler, 0);
  on_siginfo(SIGSEGV, handler, 0);
  go_to_scratch();
  write_file("file", "short", 0644);
  int fd = (int)must(open("file", O_RDWR));
  p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  say("'%.5s' then %d", p, p[5]);
  if (!sigsetjmp(back, 1)) (void)*(volatile char *)(p + 4096);
  if (!sigsetjmp(back, 1)) *(volatile char *)(p + 8192) = 1;
  must(ftruncate(fd, 8192));
  if (!sigsetjmp(back, 1)) say("after growing: %d", p[4096]);
  p[4096] = 'g';
  must(ftruncate(fd, 2));
  if (!sigsetjmp(back, 1)) (void)*(volatile char *)(p + 4096);
  say("'%c%c' then %d", p[0], p[1], p[2]);
  return 0;
}
