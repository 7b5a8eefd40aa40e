/* A signal while reading and writing: EINTR, restart, and what has been read so far. */
#include "tty.h"
// needs: pty

static volatile sig_atomic_t seen;
static void handler(int sig) {
  (void)sig;
  seen++;
}
static struct pty p;
static void poke(int ms, const char *then) {
  pid_t pid;
  CHILD(pid) {
    pid_t parent = getppid();
    sleep_ms(ms);
    kill(parent, SIGUSR1);
    sleep_ms(ms);
    if (then) put(p.m, then);
    _exit(0);
  }
}

int main(void) {
  signal(SIGCHLD, SIG_IGN);
  p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  on_signal_flags(SIGUSR1, handler, 0);
  poke(50, NULL);
  show_read("interrupted", p.s, 10);
  on_signal_flags(SIGUSR1, handler, SA_RESTART);
  poke(50, "line\n");
  show_read("restarted", p.s, 10);
  put(p.m, "part");
  poke(50, "of it\n");
  show_read("restarted with a part of a line", p.s, 20);
  raw(p.s, 5, 0);
  put(p.m, "abc");
  settle();
  poke(50, "de");
  show_read("raw, after some bytes", p.s, 10);
  sleep_ms(400);
  raw(p.s, 1, 0);
  show_ready("what came later", p.s, 10);
  on_signal_flags(SIGUSR1, handler, 0);
  raw(p.s, 0, 20);
  poke(50, NULL);
  show_read("raw, waiting for the time", p.s, 10);
  must(tcflow(p.s, TCOOFF));
  poke(50, NULL);
  show("writing", write(p.s, "x", 1));
  say("signals %d", (int)seen);
  must(tcflow(p.s, TCOON));
  signal(SIGCHLD, SIG_DFL);
  pid_t pid;
  CHILD(pid) {
    show_read("after a stop", p.s, 1);
    _exit(0);
  }
  wait_asleep(pid);
  kill(pid, SIGSTOP);
  wait_state(pid, "T");
  kill(pid, SIGCONT);
  wait_asleep(pid);
  put(p.m, "z");
  say("stopped and continued: %s", reap(pid));
  CHILD(pid) {
    show_read("killed", p.s, 1);
    _exit(0);
  }
  wait_asleep(pid);
  kill(pid, SIGKILL);
  say("killed: %s", reap(pid));
  return 0;
}
