/* O_NONBLOCK: EAGAIN from an empty or full pipe; up to PIPE_BUF all or nothing, beyond it as much as fits. */
#include "check.h"

int main(void) {
  int p[2];
  static char block[70000];
  must(pipe2(p, O_NONBLOCK));
  show("empty", read(p[0], block, 1));
  show("too much at once", write(p[1], block, sizeof block));
  show("full", write(p[1], block, 1));
  show("read a page", read(p[0], block, 4096));
  show("room for a page", write(p[1], block, 4096));
  show("read half a page", read(p[0], block, 2048));
  show("no whole page free", write(p[1], block, 1));
  show("read the other half", read(p[0], block, 2048));
  show("PIPE_BUF and one more", write(p[1], block, 4097));
  show("all", read(p[0], block, sizeof block));
  for (int i = 0; i < 15; i++) must(write(p[1], block, 4096));
  must(write(p[1], block, 100));
  show("a page does not fit", write(p[1], block, 4096));
  show("what is left of the last one does", write(p[1], block, 3996));
  show("now it is full", write(p[1], block, 1));
  int n = 0;
  while (read(p[0], block, sizeof block) > 0) continue;
  while (write(p[1], "x", 1) == 1) n++;
  say("single bytes: %d", n);
  close(p[1]);
  while (read(p[0], block, sizeof block) > 0) continue;
  show("end, not EAGAIN", read(p[0], block, 1));
  return 0;
}
