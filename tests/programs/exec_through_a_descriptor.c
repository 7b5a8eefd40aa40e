/* exec of /proc/self/fd/N: a program runs even deleted or closed on exec; a script does not find itself any more. */
#include "check.h"

static void attempt(const char *name, int fd) {
  char path[40];
  pid_t child;
  CHILD(child) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char *args[] = { "x", "y", NULL };
    execve(path, args, args + 2);
    show(name, -1);
    _exit(99);
  }
  say("%s: %s", name, reap(child));
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    char text[300];
    ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    say("  exe: %s", strrchr(text, ' ') ? strrchr(text, ' ') : "plain");
    return 7;
  }
  go_to_scratch();
  int in = (int)must(open("/proc/self/exe", O_RDONLY)), out = (int)must(open("copy", O_WRONLY | O_CREAT, 0755));
  char buffer[65536];
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;) must(write(out, buffer, (size_t)n));
  close(out);
  attempt("program", in);
  int fd = (int)must(open("copy", O_RDONLY | O_CLOEXEC));
  attempt("close on exec", fd);
  must(unlink("copy"));
  attempt("deleted", fd);
  must(fchmod(fd, 0644));
  attempt("no x bit", fd);
  write_file("script", "#!/bin/sh\nexit 5\n", 0755);
  int s = (int)must(open("script", O_RDONLY));
  attempt("script", s);
  must(fcntl(s, F_SETFD, FD_CLOEXEC));
  attempt("script, close on exec", s);
  attempt("not open", 77);
  int p[2];
  must(pipe(p));
  attempt("pipe", p[0]);
  return 0;
}
