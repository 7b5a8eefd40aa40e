/* Canonical input: lines, editing by erase, word erase and kill, literal next, end of file, other line ends. */
#include "tty.h"
// needs: pty

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "one\ntwo\npart");
  settle();
  say("to be read: %d", waiting(p.s));
  show_read("line", p.s, 100);
  say("to be read: %d", waiting(p.s));
  show_read("piece", p.s, 2);
  show_read("rest", p.s, 100);
  show_ready("unfinished line", p.s, 100);
  put(p.m, "ial\n");
  show_read("finished", p.s, 100);

  put(p.m, "abc\177\177d\n");
  show_read("erase", p.s, 100);
  put(p.m, "\177\177x\n");
  show_read("nothing to erase", p.s, 100);
  put(p.m, "first second_word3  \027more\n");
  show_read("word erase", p.s, 100);
  put(p.m, "a.b-c,,\027z\n");
  show_read("word erase over punctuation", p.s, 100);
  put(p.m, "all of this\025that\n");
  show_read("kill", p.s, 100);
  put(p.m, "done\nline\025\n");
  show_read("kill leaves finished lines", p.s, 100);
  show_read("and the empty one", p.s, 100);
  put(p.m, "\026\003\026\004\026\177\026\026\n");
  show_read("literal next", p.s, 100);
  put(p.m, "a\026\nb\n");
  show_read("literal newline", p.s, 100);

  put(p.m, "\004");
  show_read("end of file", p.s, 100);
  put(p.m, "abc\004");
  show_read("end of file pushes", p.s, 100);
  put(p.m, "abc\004\004");
  show_read("pushed", p.s, 100);
  show_read("and at an end", p.s, 100);
  put(p.m, "x\004y\004\004z\n");
  settle();
  say("to be read without ends: %d", waiting(p.s));
  show_read("x", p.s, 100);
  show_read("y", p.s, 100);
  show_read("end", p.s, 100);
  show_read("z", p.s, 100);

  control(p.s, VEOL, ';');
  control(p.s, VEOL2, '/');
  put(p.m, "a;b/c\n");
  show_read("line end character", p.s, 100);
  show_read("second line end character", p.s, 100);
  show_read("newline still", p.s, 100);
  flags(p.s, 'l', 0, IEXTEN);
  put(p.m, "a/b\027\026c\n");
  show_read("without IEXTEN", p.s, 100);
  control(p.s, VERASE, '#');
  put(p.m, "ab#c\177\n");
  show_read("another erase character", p.s, 100);
  control(p.s, VERASE, 0);
  put_n(p.m, "a\0b\177c\n", 6);
  show_read("no erase character, and NUL is data", p.s, 100);
  return 0;
}
