/* A pair of connected sockets: both ways, end of file, shutdown, fork. */
#include "check.h"
#include <sys/socket.h>

int main(void) {
  int s[2];
  char buffer[100];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(write(s[0], "there", 5));
  must(write(s[1], "and back", 8));
  ssize_t n = read(s[1], buffer, sizeof buffer);
  say("%.*s", (int)n, buffer);
  n = read(s[0], buffer, sizeof buffer);
  say("%.*s", (int)n, buffer);
  pid_t child;
  CHILD(child) {
    close(s[0]);
    n = read(s[1], buffer, sizeof buffer);
    must(write(s[1], buffer, (size_t)n));
    show("child: end", read(s[1], buffer, 1));
    _exit(0);
  }
  close(s[1]);
  must(write(s[0], "echo", 4));
  n = read(s[0], buffer, sizeof buffer);
  say("%.*s", (int)n, buffer);
  must(shutdown(s[0], SHUT_WR));
  show("end", read(s[0], buffer, 1));
  say("%s", reap(child));
  on_signal(SIGPIPE, SIG_IGN);
  show("no reader", write(s[0], "x", 1));
  show("seek", lseek(s[0], 0, SEEK_SET));
  return 0;
}
