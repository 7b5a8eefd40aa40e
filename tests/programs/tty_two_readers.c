/* Several readers: one after the other; O_NONBLOCK does not wait for its turn; each line goes to one. */
#include "tty.h"
// needs: pty

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  int results[2];
  must(pipe(results));
  for (int i = 0; i < 3; i++) {
    pid_t pid;
    CHILD(pid) {
      char c[20];
      ssize_t n = read(p.s, c, sizeof c);
      must(write(results[1], c, (size_t)n));
      _exit(0);
    }
    wait_asleep(pid);
  }
  int s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_NONBLOCK));
  show_read("without waiting", s, 10);
  char c[20];
  for (int i = 0; i < 3; i++) {
    char line[] = "line0\n";
    line[4] = (char)('0' + i);
    put(p.m, line);
    must(read(results[0], c, sizeof c));
    say("somebody has read %.5s", c);
  }
  for (int i = 0; i < 3; i++) must(wait(NULL));
  put(p.m, "for us\n");
  settle();
  show_read("nobody else reads", s, 10);
  return 0;
}
