/* A program that is being written cannot be executed, and one that is running cannot be written. */
#include "check.h"

int main(void) {
  go_to_scratch();
  char buffer[65536];
  int in = (int)must(open("/proc/self/exe", O_RDONLY)), out = (int)must(open("copy", O_WRONLY | O_CREAT, 0755));
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;) must(write(out, buffer, (size_t)n));
  pid_t child;
  if (getenv("STAGE")) return 0;
  CHILD(child) {
    show("open for writing", execl("./copy", "copy", NULL));
    _exit(1);
  }
  wait_for(child);
  close(out);
  must(unlink("copy"));
  show("write the running program", open("/proc/self/exe", O_WRONLY));
  return 0;
}
