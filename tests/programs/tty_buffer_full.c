/* A full input buffer: bytes wait, a line being edited loses what does not fit, and the bell rings. */
#include "tty.h"
// needs: pty
// differs: 3.2 beeps for what does not fit into a line and drops it; later kernels say nothing, and limit flip buffers to 8 KiB

static char data[70000];
static long read_all(int fd) {
  long n = 0, got;
  while (ready(fd, POLLIN, SILENCE_MS) & POLLIN && (got = read(fd, data, sizeof data)) > 0) n += got;
  return n;
}

int main(void) {
  struct pty p = new_pty();
  must(fcntl(p.m, F_SETFL, O_NONBLOCK));
  flags(p.s, 'l', 0, ECHO);
  memset(data, 'a', 5000);
  show("a long line", write(p.m, data, 5000));
  settle();
  say("waiting %d", waiting(p.s));
  put(p.m, "\177\177\177end\n");
  settle();
  say("waiting %d", waiting(p.s));
  show("line", read(p.s, data, sizeof data));
  say("it ends in %s", quoted(data + 4090, 5));
  flags(p.s, 'l', ECHO, 0);
  memset(data, 'b', 4094);
  put_n(p.m, data, 4094);
  read_all(p.m);
  put(p.m, "cde");
  show_all("echo at the edge", p.m);
  put(p.m, "\n");
  show_all("newline", p.m);
  show("line", read(p.s, data, sizeof data));
  say("it ends in %s", quoted(data + 4093, 3));
  raw(p.s, 1, 0);
  memset(data, 'x', sizeof data);
  long total = 0, n;
  while ((n = write(p.m, data, sizeof data)) > 0) total += n;
  say("raw: %ld bytes, then %s", total, errname(errno));
  settle();
  say("waiting %d", waiting(p.s));
  show("one read", read(p.s, data, sizeof data));
  say("all: %ld", read_all(p.s));
  raw(p.s, 1, 0);
  flags(p.s, 'o', OPOST, 0);
  must(fcntl(p.s, F_SETFL, O_NONBLOCK));
  memset(data, 'y', sizeof data);
  total = 0;
  while ((n = write(p.s, data, sizeof data)) > 0) total += n;
  say("processed output: %ld bytes, then %s", total, errname(errno));
  say("all: %ld", read_all(p.m));
  return 0;
}
