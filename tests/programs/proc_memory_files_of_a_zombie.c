/* auxv and environ of a process that has no memory any more are empty, and gone when it is reaped. */
// differs: later kernels look for the memory when the file is opened and keep it; 3.2 looks at each read (mm_for_maps)
#include "check.h"

static void look(const char *name, int fd) {
  char text[9000];
  ssize_t n = read(fd, text, sizeof text);
  if (n == -1) show(name, -1);
  else say("%s: %s", name, n == 0 ? "empty" : "something");
}

int main(void) {
  pid_t child;
  CHILD(child) for (;;) pause();
  int fd[2];
  char path[80];
  static const char *const names[] = { "auxv", "environ" };
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "/proc/%d/%s", child, names[i]);
    fd[i] = (int)must(open(path, O_RDONLY));
  }
  kill(child, SIGKILL);
  wait_state(child, "Z");
  for (int i = 0; i < 2; i++) {
    look(names[i], fd[i]);
    snprintf(path, sizeof path, "/proc/%d/%s", child, names[i]);
    look("  opened now", open(path, O_RDONLY));
  }
  wait_for(child);
  for (int i = 0; i < 2; i++) look(names[i], fd[i]);
  return 0;
}
