/* A raw socket plays a sender of many small segments: what becomes of them when the receive buffer is full. */
// needs: root
// differs: buffers are counted otherwise, and grow otherwise, since
#include "raw_peer.h"

static int last_ack, last_window, answers;
static void listen_to(void) {
  answers = 0;
  for (long n; (n = recv(raw, p, sizeof p, MSG_DONTWAIT)) > 0;) {
    unsigned char *t = p + 20;
    if (number(t + 2, 2) != (unsigned)own || number(t, 2) != PORT) continue;
    if (t[13] & SYN) theirs = number(t + 4, 4);
    last_ack = (int)(number(t + 8, 4) - isn), last_window = (int)number(t + 14, 2), answers++;
  }
}
static void buffers(int fd, const char *what) {
  int size;
  socklen_t n = sizeof size;
  must(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &n));
  say("%s: acknowledged %d, window %d, buffer %d", what, last_ack, last_window, size);
  state(fd);
}
static int with_buffer(const char *what, int size) {
  guard();
  say("-- %s", what);
  if (size) must(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
  put(0, 0, SYN, "");
  heard("a SYN");
  put(1, 1, ACK, "");
  return (int)must(accept(l, NULL, NULL));
}
static void many(int first, int n, int size) {
  static char data[1000];
  memset(data, 'x', sizeof data);
  for (int i = 0; i < n; i++) put_with(p, 0, (unsigned)(first + i * size), 1, ACK | PSH, 0, data, size), listen_to();
}
static void all_read(int fd) {
  static char b[100000];
  say("read %ld", recv(fd, b, sizeof b, MSG_DONTWAIT));
  listen_to();
  say("then a window of %d, %d answers", last_window, answers);
}

int main(void) {
  begin();
  int s = with_buffer("a small buffer, single bytes", 2048);
  for (int i = 0; i < 40; i += 4) many(1 + i, 4, 1), buffers(s, "more");
  all_read(s), close(s);
  s = with_buffer("out of order", 2048);
  for (int i = 0; i < 24; i += 4) many(3 + i, 4, 1), buffers(s, "early");
  many(1, 2, 1), buffers(s, "what was next"), all_read(s), close(s);
  s = with_buffer("larger ones", 8192);
  for (int i = 0; i < 20; i += 4) many(1 + i * 100, 4, 100), buffers(s, "more");
  all_read(s), close(s);
  return 0;
}
