/* Reading to bad addresses: what is lost. */
#include "tty.h"
// needs: pty
// differs: 3.2 loses no more than the byte it could not store; later kernels lose all they had taken

static char *volatile nowhere = (char *)8;

int main(void) {
  struct pty p = new_pty();
  put(p.m, "line\n");
  settle();
  show("read to a bad address", read(p.s, nowhere, 10));
  show_ready("the rest", p.s, 10);
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(page + 4096, 4096));
  put(p.m, "abcdef\n");
  settle();
  show("a line to the end of memory", read(p.s, page + 4093, 10));
  show_ready("the rest", p.s, 10);
  raw(p.s, 1, 0);
  put(p.m, "abcdef");
  settle();
  show("bytes to the end of memory", read(p.s, page + 4093, 6));
  show_ready("the rest", p.s, 10);
  show("nowhere at all", read(p.s, nowhere, 0));
  int on = 1;
  must(ioctl(p.m, TIOCPKT, &on));
  must(tcflush(p.s, TCIFLUSH));
  show("status", read(p.m, nowhere, 1));
  show("status of before", ready(p.m, POLLPRI, 0));
  return 0;
}
