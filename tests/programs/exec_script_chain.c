/* A script whose interpreter is a script whose interpreter is a script. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    for (int i = 0; i < argc; i++) say("  %s", i ? argv[i] : "argv[0]");
    return 0;
  }
  char self[PATH_MAX], text[PATH_MAX + 100];
  must(realpath(argv[0], self) ? 0 : -1);
  go_to_scratch();
  must(symlink(self, "s0"));
  for (int i = 1; i <= 4; i++) {
    char name[8];
    snprintf(name, sizeof name, "s%d", i);
    snprintf(text, sizeof text, "#!./s%d opt%d\n", i - 1, i);
    write_file(name, text, 0755);
    pid_t child;
    CHILD(child) {
      execl(name, name, "arg", NULL);
      say("failed: %s", errname(errno));
      _exit(1);
    }
    say("%d levels: %s", i, reap(child));
  }
  return 0;
}
