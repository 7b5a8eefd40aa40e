/* O_NONBLOCK: reads without a line, writes without room; one descriptor's flag is not another's. */
#include "tty.h"
// needs: pty

static char *volatile nowhere = (char *)8;

int main(void) {
  struct pty p = new_pty();
  int s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_NONBLOCK));
  show_read("nothing", s, 10);
  put(p.m, "part");
  settle();
  show_read("part of a line", s, 10);
  put(p.m, "\n");
  settle();
  show_read("a line", s, 10);
  show_read("nothing more", s, 10);
  show("read of nothing", read(s, NULL, 0));
  show("write of nothing", write(s, NULL, 0));
  show("read to a bad address without a line", read(s, nowhere, 10));
  show("write from a bad address", write(s, nowhere, 10));
  show_all("output", p.m);
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(page + 4096, 4096));
  raw(s, 1, 0);
  memset(page + 4090, 'w', 6);
  show("write up to the end of memory", write(s, page + 4090, 10));
  show_ready("output", p.m, 100);
  static char much[70000];
  memset(much, 'x', sizeof much);
  long total = 0, n;
  while ((n = write(s, much, sizeof much)) > 0) total += n;
  say("full: %s, after more than 4095: %d", errname(errno), total > 4095);
  say("not writable: %d", !ready(s, POLLOUT, 0));
  show("read", read(p.m, much, 4096) > 0);
  static char rest[70000];
  /* The host moves what was written in a worker, which may be late. */
  int writable = 0;
  for (int quiet = 0; quiet < 20 && !(quiet && (writable = ready(s, POLLOUT, 0))); quiet++)
    while (ready(p.m, POLLIN, SILENCE_MS)) total -= read(p.m, rest, sizeof rest);
  say("all has come: %d", total < 0 || total <= 4096);
  say("writable: %d", !!writable);
  return 0;
}
