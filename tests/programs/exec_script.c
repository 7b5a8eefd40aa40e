/* A script: interpreter, one optional argument with its inner blanks, the script's path, then the arguments. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "run")) {
    say("interpreter run with %d arguments", argc - 1);
    for (int i = 1; i < argc; i++) say("  '%s'", argv[i]);
    char name[17] = "";
    must(prctl(PR_GET_NAME, name));
    say("  comm %s", name);
    return 3;
  }
  char self[PATH_MAX], text[PATH_MAX + 100];
  must(realpath(argv[0], self) ? 0 : -1);
  must(chdir(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"));
  static const char *const formats[] = { "#!%s\n", "#! %s \t\n", "#!%s -a b  c \nrest", "#!%s\tx", "#!%s 'q \"r\n" };
  for (int i = 0; i < 5; i++) {
    must(symlink(self, "interp") == 0 || errno == EEXIST ? 0 : -1);
    snprintf(text, sizeof text, formats[i], "./interp");
    write_file("script", text, 0755);
    pid_t child;
    CHILD(child) {
      execl("./script", "argv0-is-dropped", "one", "", NULL);
      say("failed: %s", errname(errno));
      _exit(1);
    }
    say("%s", reap(child));
  }
  unlink("script");
  unlink("interp");
  return 0;
}
