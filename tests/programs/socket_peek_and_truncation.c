/* How much a look at a stream shows, and what is said of a datagram that was cut. */
// differs: since 3.4 MSG_TRUNC asks for a datagram's whole length, and later a look goes on beyond the first buffer; in 3.2 neither
#include "check.h"
#include <sys/socket.h>

int main(void) {
  int pair[2];
  char bytes[32];
  struct iovec iov = { bytes, 1 };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  must(write(pair[0], "abc", 3));
  must(write(pair[0], "de", 2));
  show("look at less than the first", recv(pair[1], bytes, 2, MSG_PEEK));
  show("look at all", recv(pair[1], bytes, 9, MSG_PEEK));
  show("look, and wait for all", recv(pair[1], bytes, 5, MSG_PEEK | MSG_WAITALL));
  show("take all", recv(pair[1], bytes, 9, 0));
  for (int type = 0; type < 2; type++) {
    must(socketpair(AF_UNIX, type ? SOCK_SEQPACKET : SOCK_DGRAM, 0, pair));
    must(write(pair[0], "abc", 3));
    must(write(pair[0], "de", 2));
    show("look at one byte", recv(pair[1], bytes, 1, MSG_PEEK | MSG_TRUNC));
    show("take one byte", recv(pair[1], bytes, 1, MSG_TRUNC));
    show("recvmsg of one byte", recvmsg(pair[1], &msg, MSG_TRUNC));
    say("flags: %#x", (unsigned)msg.msg_flags);
  }
  return 0;
}
