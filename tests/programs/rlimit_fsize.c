/* RLIMIT_FSIZE: SIGXFSZ or EFBIG. */
#include "check.h"

int main(void) {
  pid_t child;
  go_to_scratch();
  struct rlimit r = { 1000, 1000 };
  static char data[3000];
  CHILD(child) {
    must(setrlimit(RLIMIT_FSIZE, &r));
    int fd = (int)must(open("f", O_RDWR | O_CREAT, 0644));
    show("up to the limit", write(fd, data, 600));
    show("over it: short", write(fd, data, 600));
    on_signal(SIGXFSZ, SIG_IGN);
    show("at it", write(fd, data, 1));
    show("truncate over it", ftruncate(fd, 2000));
    show("truncate to it", ftruncate(fd, 1000));
    on_signal(SIGXFSZ, SIG_DFL);
    show("at it", write(fd, data, 1));
    _exit(0);
  }
  say("%s", reap(child));
  return 0;
}
