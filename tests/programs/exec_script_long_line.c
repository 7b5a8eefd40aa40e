/* Only the first 127 bytes of a script's first line count; the rest is cut off without a word. */
// differs: later kernels read 256 bytes and refuse a cut interpreter name; 3.2 takes 127 bytes as they are (load_script)
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    say("%d arguments, the first has %d bytes", argc - 1, (int)strlen(argv[1]));
    return 0;
  }
  char self[PATH_MAX], text[400] = "#!./s0 ";
  must(realpath(argv[0], self) ? 0 : -1);
  go_to_scratch();
  must(symlink(self, "s0"));
  memset(text + 7, 'x', 150);
  strcpy(text + 157, "\n");
  write_file("s1", text, 0755);
  pid_t child;
  CHILD(child) {
    execl("./s1", "s1", NULL);
    say("failed: %s", errname(errno));
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
