/* shutdown(2) with a way that is none. */
// differs: since 3.7 EINVAL; 3.2 adds one and looks at the two lowest bits
#include "check.h"
#include <signal.h>
#include <sys/socket.h>

int main(void) {
  char byte;
  signal(SIGPIPE, SIG_IGN);
  for (int how = -3; how < 8; how++) {
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    say("way %d", how);
    show("  shutdown", shutdown(pair[0], how));
    show("  write", write(pair[0], "x", 1));
    show("  write to it", write(pair[1], "x", 1));
    show("  read", recv(pair[0], &byte, 1, MSG_DONTWAIT));
    close(pair[0]);
    close(pair[1]);
  }
  return 0;
}
