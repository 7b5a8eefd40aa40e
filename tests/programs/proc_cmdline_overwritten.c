/* /proc/PID/cmdline shows the arguments as they are now in memory, over their end into the environment if no NUL stops it. */
#include "check.h"

static void tell(const char *name) {
  char text[300], out[600] = "";
  int fd = open("/proc/self/cmdline", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text);
  close(fd);
  for (ssize_t i = 0; i < n; i++) strncat(out, text[i] ? &text[i] : "|", 1);
  say("%s: %s", name, out);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    char *args[] = { "program", "first", "second", NULL }, *env[] = { "A=environment", "B=2", NULL };
    execve("/proc/self/exe", args, env);
    return 1;
  }
  tell("as given");
  strcpy(argv[1], "1ST");
  tell("shortened in place");
  argv[0] = "pointers do not count";
  tell("pointer changed");
  memset(argv[2], 'X', 6);
  tell("same length");
  pid_t child;
  CHILD(child) {
    memcpy(argv[1], "child", 5);
    tell("child");
    _exit(0);
  }
  wait_for(child);
  tell("parent");
  char text[100];
  int fd = open("/proc/self/environ", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text);
  close(fd);
  say("environ: %d bytes, %s", (int)n, text);
  setenv("C", "3", 1);
  fd = open("/proc/self/environ", O_RDONLY);
  say("not changed by setenv: %d", read(fd, text, sizeof text) == n);
  fd = open("/proc/self/cmdline", O_RDONLY);
  must(lseek(fd, 8, SEEK_SET));
  n = read(fd, text, 5);
  say("from the middle: %.*s", (int)n, text);
  return 0;
}
