/* The first line of a script in all shapes: blanks, tabs, carriage return, NUL, no newline, blanks behind the argument. */
#include "check.h"

static char self[PATH_MAX];
static int number;
static void attempt(const char *name, const char *format) {
  char text[400], file[20];
  snprintf(file, sizeof file, "s%d", number++);
  int n = snprintf(text, sizeof text, format, self);
  for (char *p = text; p < text + n; p++)
    if (*p == '@') *p = 0;
  int fd = (int)must(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
  must(write(fd, text, (size_t)n));
  close(fd);
  pid_t child;
  say("%s:", name);
  CHILD(child) {
    char *args[] = { "zero", "one", NULL }, *env[] = { NULL };
    execve(file, args, env);
    _exit(errno);
  }
  int s = wait_for(child);
  if (WIFEXITED(s) && WEXITSTATUS(s)) say("  %s", errname(WEXITSTATUS(s)));
}

int main(int argc, char **argv) {
  if (argc > 1) {
    char line[900] = "";
    for (int i = 1; i < argc; i++) {
      strcat(line, "[");
      for (char *p = argv[i]; *p; p++) strncat(line, *p == '\t' ? "\\t" : *p == '\r' ? "\\r" : (char[]){ *p, 0 }, 2);
      strcat(line, "]");
    }
    say("  %s", line);
    return 0;
  }
  go_to_scratch();
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[n] = 0;
  must(symlink(self, "me"));
  strcpy(self, "me");
  attempt("plain", "#!%s\n");
  attempt("no newline", "#!%s");
  attempt("no newline, argument", "#!%s arg");
  attempt("blanks before", "#! \t %s\n");
  attempt("blanks behind", "#!%s  \t\n");
  attempt("argument", "#!%s -x\n");
  attempt("argument with blanks", "#!%s -x  -y\tz\n");
  attempt("blanks behind the argument", "#!%s -x \t \n");
  attempt("tab before the argument", "#!%s\t\t-x\n");
  attempt("carriage return in the argument", "#!%s -x\r\n");
  attempt("carriage return in the name", "#!%s\r\n");
  attempt("NUL behind the name", "#!%s@ junk\n");
  attempt("NUL in the argument", "#!%s -x@y\n");
  attempt("empty", "#!\n");
  attempt("only blanks", "#!   \n");
  attempt("blank before the mark", " #!%s\n");
  attempt("one byte", "#");
  attempt("interpreter is a directory", "#!.\n");
  attempt("empty second line", "#!%s\n\n\n");
  return 0;
}
