/* Control characters that are signals: who gets them, from whom, what they flush, and what is echoed. */
#include "tty.h"
// needs: pty

static volatile sig_atomic_t got, code, from;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  got = sig;
  code = info->si_code;
  from = info->si_pid;
}
static void expect(const char *what, struct pty p, const char *text) {
  got = 0;
  put(p.m, text);
  for (int i = 0; i < 100 && !got; i++) sleep_ms(5);
  if (got) say("%s: signal %d, code %d, from %d", what, (int)got, (int)code, (int)from);
  else say("%s: no signal", what);
}

int main(void) {
  struct pty p = own_terminal();
  int sigs[] = { SIGINT, SIGQUIT, SIGTSTP };
  for (int i = 0; i < 3; i++) on_siginfo(sigs[i], handler, SA_RESTART);
  expect("interrupt", p, "\003");
  expect("quit", p, "\034");
  expect("suspend", p, "\032");
  show_all("echo", p.m);

  expect("interrupt after input", p, "line\nmore\003");
  say("to be read: %d", waiting(p.s));
  put(p.m, "next\n");
  show_read("flushed", p.s, 100);
  flags(p.s, 'l', NOFLSH, 0);
  expect("NOFLSH", p, "line\nmo\003re\n");
  show_read("kept", p.s, 100);
  show_read("and its end", p.s, 100);
  flags(p.s, 'l', 0, NOFLSH);

  expect("after literal next", p, "\026\003\n");
  show_read("is data", p.s, 100);
  flags(p.s, 'l', 0, ISIG);
  expect("without ISIG", p, "a\003\034\032\n");
  show_read("is data", p.s, 100);
  flags(p.s, 'l', ISIG, ICANON);
  expect("without ICANON", p, "ab\003c");
  show_read("flushes as well", p.s, 100);
  control(p.s, VINTR, 'x');
  expect("another character", p, "x");
  expect("the old one", p, "\003");
  control(p.s, VINTR, 0);
  put_n(p.m, "\0x", 2);
  settle();
  say("disabled: signal %d", got);
  show_ready("is data", p.s, 100);
  flags(p.s, 'i', 0, IXON);
  expect("suspend", p, "\032");
  return 0;
}
