/* The errors of execve(). After each the caller goes on as before. */
#include "check.h"

static char *const args[] = { "x", NULL };
static void attempt(const char *name, const char *path) {
  int r = execve(path, args, args + 1);
  show(name, r);
}

int main(void) {
  go_to_scratch();
  write_file("text", "just text\n", 0755);
  write_file("noexec", "#!/bin/sh\n", 0644);
  write_file("empty", "", 0755);
  write_file("nointerp", "#!/no/such/interpreter\n", 0755);
  write_file("dirinterp", "#!/\n", 0755);
  write_file("blank", "#!  \t \n", 0755);
  write_file("badelf", "\177ELF\2\1\1", 0755);
  must(mkdir("dir", 0755));
  must(symlink("loop", "loop"));
  char name[PATH_MAX + 10];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = 0;

  attempt("missing", "missing");
  attempt("empty path", "");
  attempt("NULL path", NULL);
  attempt("bad pointer", (char *)8);
  attempt("path too long", name);
  name[300] = 0;
  attempt("component too long", name);
  attempt("through a file", "text/x");
  attempt("directory", "dir");
  attempt("symlink loop", "loop");
  attempt("no x bit", "noexec");
  attempt("not a program", "text");
  attempt("empty file", "empty");
  attempt("no such interpreter", "nointerp");
  attempt("interpreter is a directory", "dirinterp");
  attempt("blank interpreter", "blank");
  attempt("truncated ELF", "badelf");
  show("bad argv", syscall(SYS_execve, "/bin/sh", 8L, args + 1));
  show("bad envp", syscall(SYS_execve, "/bin/sh", args, 8L));
  char *bad[] = { "x", (char *)8, NULL };
  show("bad string", syscall(SYS_execve, "/bin/sh", bad, args + 1));
  return 0;
}
