/* /proc/PID/mem of somebody else: who may trace may read and write, without tracing; the file keeps the memory, behind exec and of the dead. */
// differs: today a descriptor is worth nothing behind the end of the process
#include "check.h"
#include <sys/ptrace.h>

static volatile long value = 1;

static int open_mem(pid_t pid, int flags) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  return open(path, flags);
}
static void tell(const char *what, int fd) {
  long got = -1;
  ssize_t n = pread(fd, &got, sizeof got, (off_t)(unsigned long)&value);
  if (n == -1) show(what, -1);
  else say("%s: %zd bytes, %ld", what, n, got);
}
static void lives(void) { for (;;) pause(); }

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "lives")) lives();
  pid_t child;
  int ready[2], go[2];
  must(pipe(ready));
  must(pipe(go));
  CHILD(child) {
    value = 2;
    must(write(ready[1], "x", 1));
    char c;
    must(read(go[0], &c, 1));
    must(fcntl(ready[1], F_SETFD, FD_CLOEXEC));
    execl("/proc/self/exe", argv[0], "lives", NULL);
    _exit(1);
  }
  char c;
  must(read(ready[0], &c, 1));
  close(ready[1]);
  int fd = must(open_mem(child, O_RDWR));
  tell("not traced", fd);
  long three = 3;
  show("written", pwrite(fd, &three, sizeof three, (off_t)(unsigned long)&value));
  tell("reads", fd);
  say("ours is still %ld", value);
  show("where nothing is", pread(fd, &three, sizeof three, 16));
  static const volatile long constant = 4;
  show("to where it may only read", pwrite(fd, &three, sizeof three, (off_t)(unsigned long)&constant));
  must(ptrace(PTRACE_ATTACH, child, 0, 0));
  must(waitpid(child, NULL, __WALL));
  tell("traced", fd);
  must(ptrace(PTRACE_DETACH, child, 0, 0));
  must(write(go[1], "x", 1));
  show("it has executed a program", read(ready[0], &c, 1));
  tell("the memory of before", fd);
  must(kill(child, SIGKILL));
  siginfo_t info;
  must(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
  tell("of a zombie", fd);
  must(waitpid(child, NULL, 0));
  tell("of one that is gone", fd);
  close(fd);
  CHILD(child) {
    must(setresuid(1000, 1000, 1000));
    show("root's, by a user", open_mem(getppid(), O_RDONLY));
    _exit(0);
  }
  must(waitpid(child, NULL, 0));
  return 0;
}
