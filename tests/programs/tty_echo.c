/* Echoes, byte for byte: ECHO and its relatives while a line is edited. */
#include "tty.h"
// needs: pty

static struct pty p;
static void type(const char *what, const char *text) {
  put(p.m, text);
  show_all(what, p.m);
}
static void fresh(tcflag_t on, tcflag_t off) {
  close(p.s);
  close(p.m);
  p = new_pty();
  flags(p.s, 'l', on, off);
}

int main(void) {
  p.s = p.m = -1;
  fresh(0, 0);
  type("plain", "abc");
  type("erase", "\177");
  type("erase to the beginning", "\177\177\177");
  type("control characters", "\001\002\033");
  type("erase one", "\177");
  type("kill", "x\025");
  type("newline", "line\n");
  type("carriage return", "line\r");
  type("end of file", "x\004");
  type("literal next", "\026\003");
  type("erase it", "\177");
  type("word erase", "two words\027");
  type("reprint", "a\001\022");
  type("line end", "\n");
  type("tab", "ab\tc");
  type("erase over a tab", "\177\177\177");
  type("erase tabs", "\t\t\177\177");
  type("tab after a control character", "\001\t\177");
  type("kill all", "\025");
  put(p.s, "prompt>");
  show_all("a prompt", p.m);
  type("tab after it", "x\t\177");
  type("tabs after it", "\t\t\177\177\n");
  type("high bytes", "\344\377");
  type("erase them", "\177\177");

  fresh(0, ECHOCTL);
  type("no ECHOCTL", "a\001b");
  type("erase", "\177\177\177");
  type("literal next", "\026\003\177");
  type("interrupt", "\003");
  fresh(0, ECHOE);
  type("no ECHOE: erase", "ab\177");
  type("kill", "\025");
  fresh(0, ECHOKE);
  type("no ECHOKE: kill", "ab\025");
  fresh(0, ECHOKE | ECHOK);
  type("no ECHOK: kill", "ab\025");
  fresh(0, ECHOK);
  type("ECHOKE alone: kill", "ab\025");
  fresh(ECHOPRT, 0);
  type("ECHOPRT: erase", "abc\177\177");
  type("go on", "d");
  type("all erased", "\177\177");
  type("word", "one two\027");
  type("newline", "\n");
  fresh(ECHONL, ECHO);
  type("ECHONL alone", "ab\n");
  type("carriage return", "cd\r");
  fresh(0, ECHO);
  type("no echo", "ab\n\001\177");
  fresh(0, ICANON);
  type("no ICANON: newline", "a\nb\rc\001\177");
  fresh(0, ICANON | ISIG | IEXTEN);
  type("nor signals", "\003\034\032\025\026");
  flags(p.s, 'o', 0, OPOST);
  type("nor OPOST", "a\nb\r");
  return 0;
}
