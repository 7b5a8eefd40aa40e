/* What is echoed at once, and what waits, when a line is longer than the other end has room for: its flip buffers are
   8 KiB, less what the last segments have left over, and they are emptied only after the line discipline of this end has
   taken all that came in one piece. */
#include "tty.h"
// needs: pty
// differs: later kernels keep an echo that has no room for longer, and account for flip buffers otherwise

static struct pty p;

static void type(const char *what, const char *keys) {
  static char data[8192];
  put(p.m, keys);
  settle();
  long sum = 0, n;
  char last = ' ';
  while ((n = read(p.m, data, sizeof data)) > 0) {
    sum += n;
    last = data[n - 1];
  }
  say("%s: %ld bytes, the last is %s", what, sum, quoted(&last, 1));
  settle();
}

int main(void) {
  p = new_pty();
  must(fcntl(p.m, F_SETFL, O_NONBLOCK));
  char keys[251] = "";
  for (int i = 0; i < 16; i++) {
    memset(keys, 'a' + i, sizeof keys - 1);
    type("keys", keys);
  }
  type("shown again", "\022");
  type("twice", "\022\022");
  type("a key", "x");
  type("four times", "y\022\022\022\022");
  type("a key", "z");
  type("two keys", "<>");
  type("all erased", "\025");
  type("a line", "end\n");
  return 0;
}
