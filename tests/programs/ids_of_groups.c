/* setregid and setfsgid: which group IDs a process may take, and what it has then. */
// needs: root
#include "check.h"

static void ids(const char *what) {
  char text[4096];
  int fd = must(open("/proc/self/status", O_RDONLY));
  text[must(read(fd, text, sizeof text - 1))] = 0;
  must(close(fd));
  char *line = strstr(text, "Gid:");
  *strchr(line, '\n') = 0;
  say("%s: %s", what, line);
}

int main(void) {
  ids("at first");
  show("setfsgid 7", syscall(SYS_setfsgid, 7));
  ids("then");
  show("setregid 1000 1001", syscall(SYS_setregid, 1000, 1001));
  ids("then");
  show("setregid -1 1002", syscall(SYS_setregid, -1, 1002));
  ids("then");
  show("setresgid 1000 1001 1002", syscall(SYS_setresgid, 1000, 1001, 1002));
  ids("then");
  must(setresuid(1000, 1000, 1000));
  show("setregid to a stranger", syscall(SYS_setregid, 5, -1));
  show("setregid to the saved one", syscall(SYS_setregid, 1002, -1));
  show("effective to a stranger", syscall(SYS_setregid, -1, 5));
  show("effective to the saved one", syscall(SYS_setregid, -1, 1002));
  ids("then");
  show("setregid swaps", syscall(SYS_setregid, 1002, 1000));
  ids("then");
  show("setresgid to a stranger", syscall(SYS_setresgid, -1, -1, 5));
  show("setfsgid to a stranger", syscall(SYS_setfsgid, 5));
  ids("then");
  show("setfsgid to the real one", syscall(SYS_setfsgid, 1002));
  ids("then");
  show("getresgid, bad pointers", syscall(SYS_getresgid, 8, 8, 8));
  return 0;
}
