/* exec of a process that shares its descriptors takes a copy: what closes on exec stays open for the others. */
#include "check.h"

int main(void) {
  int fd = (int)must(open("/dev/null", O_RDONLY | O_CLOEXEC)), p[2], cloexec = fd;
  must(pipe(p));
  long c = must(clone_fork(CLONE_FILES | SIGCHLD));
  if (c == 0) {
    must(dup2(p[1], 9)); /* seen by both */
    char cmd[100];
    snprintf(cmd, sizeof cmd, "exec 9>&-; test -e /proc/self/fd/%d && exit 4; exit 3", cloexec);
    execl("/bin/sh", "sh", "-c", cmd, NULL);
    _exit(1);
  }
  say("closed in the program: %s", reap((pid_t)c));
  show_ok("still open here", fcntl(fd, F_GETFD));
  show_ok("made before the exec", fcntl(9, F_GETFD));
  c = must(clone_fork(CLONE_FILES | SIGCHLD));
  if (c == 0) {
    char *args[] = { "x", NULL };
    execve("/no/such/program", args, args + 1);
    close(9);
    _exit(2);
  }
  say("%s", reap((pid_t)c));
  show_ok("a failed exec leaves them shared", fcntl(9, F_GETFD));
  return 0;
}
