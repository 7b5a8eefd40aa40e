/* Opening a FIFO waits for the other end; with O_NONBLOCK it does not. */
#include "check.h"

int main(void) {
  go_to_scratch();
  show("mkfifo", mkfifo("f", 0600));
  show("again", mkfifo("f", 0600));
  show("write end alone", open("f", O_WRONLY | O_NONBLOCK));
  int r = open("f", O_RDONLY | O_NONBLOCK);
  show_ok("read end alone", r);
  char c;
  show("no writer yet: end", read(r, &c, 1));
  int w = open("f", O_WRONLY | O_NONBLOCK);
  show_ok("write end now", w);
  show("writer, nothing there", read(r, &c, 1));
  close(w);
  close(r);
  pid_t child;
  CHILD(child) {
    int fd = (int)must(open("f", O_WRONLY));
    must(write(fd, "from the child", 14));
    _exit(0);
  }
  wait_asleep(child);
  int fd = (int)must(open("f", O_RDONLY));
  char text[20] = "";
  ssize_t n = read(fd, text, 20);
  say("%d: %s", (int)n, text);
  wait_for(child);
  show("end", read(fd, text, 20));
  struct stat st;
  must(stat("f", &st));
  say("is a fifo: %d", S_ISFIFO(st.st_mode));
  return 0;
}
