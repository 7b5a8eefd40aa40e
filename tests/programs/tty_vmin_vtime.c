/* Raw reads: all four cases of VMIN and VTIME, with what has come before and what comes while waiting. */
#include "tty.h"
// needs: pty

static struct pty p;
static void later(const char *text, int ms) {
  pid_t pid;
  CHILD(pid) {
    sleep_ms(ms);
    put(p.m, text);
    _exit(0);
  }
}
static long ms_since(const struct timespec *a) {
  struct timespec b;
  clock_gettime(CLOCK_MONOTONIC, &b);
  return (b.tv_sec - a->tv_sec) * 1000 + (b.tv_nsec - a->tv_nsec) / 1000000;
}
static void timed(const char *what, size_t size, long least, long most) {
  struct timespec a;
  clock_gettime(CLOCK_MONOTONIC, &a);
  show_read(what, p.s, size);
  long ms = ms_since(&a);
  if (ms < least - 25 || ms > most) say("  took %ld ms, not %ld to %ld", ms, least, most);
}

int main(void) {
  signal(SIGCHLD, SIG_IGN);
  p = new_pty();
  raw(p.s, 1, 0);
  put(p.m, "abcdef");
  settle();
  show_read("MIN 1: part", p.s, 4);
  show_read("MIN 1: rest", p.s, 4);
  later("x", 100);
  timed("MIN 1: waits", 10, 100, 1000);

  raw(p.s, 3, 0);
  put(p.m, "abcd");
  settle();
  show_read("MIN 3: all there is", p.s, 10);
  put(p.m, "ab");
  settle();
  say("MIN 3, two bytes: %sready", ready(p.s, POLLIN, SILENCE_MS) ? "" : "not ");
  later("c", 100);
  timed("MIN 3: waits for the third", 10, 100, 1000);
  put(p.m, "ab");
  settle();
  show_read("MIN 3: no more than asked for", p.s, 2);
  later("a", 50);
  later("b", 100);
  later("cd", 150);
  timed("MIN 3: in three pieces", 10, 150, 1000);

  raw(p.s, 0, 0);
  timed("MIN 0: does not wait", 10, 0, 90);
  put(p.m, "abc");
  settle();
  timed("MIN 0: what there is", 10, 0, 90);

  raw(p.s, 0, 3);
  timed("MIN 0 TIME 3: nothing comes", 10, 300, 1200);
  later("a", 100);
  timed("MIN 0 TIME 3: something comes", 10, 100, 290);
  put(p.m, "abc");
  settle();
  timed("MIN 0 TIME 3: something was there", 10, 0, 90);

  raw(p.s, 4, 3);
  later("ab", 100);
  timed("MIN 4 TIME 3: the time runs from the first byte", 10, 400, 1500);
  later("a", 50);
  later("b", 200);
  later("c", 350);
  later("d", 500);
  timed("MIN 4 TIME 3: and anew from each", 10, 500, 790);
  put(p.m, "abcdefg");
  settle();
  timed("MIN 4 TIME 3: enough", 5, 0, 90);
  timed("MIN 4 TIME 3: not enough", 5, 300, 1200);

  raw(p.s, 0, 0);
  must(fcntl(p.s, F_SETFL, O_NONBLOCK));
  show_read("O_NONBLOCK, MIN 0", p.s, 10);
  raw(p.s, 1, 0);
  show_read("O_NONBLOCK, MIN 1", p.s, 10);
  raw(p.s, 0, 5);
  show_read("O_NONBLOCK, MIN 0 TIME 5", p.s, 10);
  raw(p.s, 5, 0);
  put(p.m, "ab");
  settle();
  show_read("O_NONBLOCK, MIN 5 and two bytes", p.s, 10);
  return 0;
}
