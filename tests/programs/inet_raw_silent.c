/* A raw socket plays another end that does not answer: what is sent again, when, and when the kernel gives up. */
// needs: root
// differs: later kernels have other times, numbers of tries and windows
#include "raw_peer.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static int whole;       /* seconds are told: who has called is looked after a few times a second only */

/* Timers of a minute may be late by a quarter of a second, those of hours by some. */
static const char *seconds(double d) {
  static char text[20];
  if (whole || d >= 1000) snprintf(text, 20, "%d", d < 1000 ? (int)(d + 0.05) : (int)(d / 1000) * 1000);
  else snprintf(text, 20, "%.*f", d < 1.9, d < 1.9 ? d : d * 0.996);
  return text;
}
/* What the kernel sends within a time, and how long after what came before. */
static void wait_for_segments(const char *what, double length) {
  double last = now(), end = last + length;
  say("%s:", what);
  for (;;) {
    struct pollfd f = { raw, POLLIN, 0 };
    double left = end - now();
    if (left <= 0 || must(poll(&f, 1, (int)(left * 1000) + 1)) == 0) break;
    long n = recv(raw, p, sizeof p, MSG_DONTWAIT);
    unsigned char *t = p + 20;
    if (n < 40 || number(t + 2, 2) != (unsigned)own || number(t, 2) != PORT) continue;
    if (t[13] & SYN) theirs = number(t + 4, 4);
    say("  %s s: flags %02x seq %d ack %d, %ld bytes", seconds(now() - last), t[13], number(t + 4, 4) ? (int)(number(t + 4, 4) - theirs) : 0,
        t[13] & ACK ? (int)(number(t + 8, 4) - isn) : 0, n - 20 - (t[12] >> 4) * 4);
    last = now();
  }
}
static void set(int fd, int option, int value) { must(setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value)); }
static void alive(int fd) {
  int one = 1;
  must(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
}
#ifndef TCP_USER_TIMEOUT
#define TCP_USER_TIMEOUT 18
#endif

static void half_open(void) {
  whole = 1;
  guard();
  say("-- half open");
  put(0, 0, SYN, "");
  wait_for_segments("a SYN", 100);
  put(1, 1, ACK, "");
  heard("its end");
  guard();
  say("-- deferred");
  set(l, TCP_DEFER_ACCEPT, 5);
  put(0, 0, SYN, "");
  heard("a SYN");
  put(1, 1, ACK, "");
  wait_for_segments("an ACK without data", 20);
  struct pollfd f = { l, POLLIN, 0 };
  show("somebody to accept", poll(&f, 1, 0));
  put(1, 1, ACK, "data");
  wait_for_segments("data", 1);
  int s = (int)must(accept(l, NULL, NULL));
  state(s);
  put(5, 1, RST, "");
  close(s);
  guard();
  put(0, 0, SYN, "");
  heard("a SYN");
  put(1, 1, ACK, "");
  sleep_ms(100);
  put(1, 1, ACK, "at once");
  heard("data");
  s = (int)must(accept(l, NULL, NULL));
  state(s);
  put(8, 1, RST, "");
  close(s);
  set(l, TCP_DEFER_ACCEPT, 0);
  guard();
  say("-- fewer tries");
  set(l, TCP_SYNCNT, 2);
  put(0, 0, SYN, "");
  wait_for_segments("a SYN", 30);
  guard();
  say("-- many callers, of whom the old are given up sooner");
  set(l, TCP_SYNCNT, 5);
  for (int i = 0; i < 9; i++) {
    put(0, 0, SYN, "");
    if (i < 8) guard();
    if (i == 3) sleep_ms(4000);
  }
  wait_for_segments("the last", 60);
  whole = 0;
}

static void data(void) {
  int s = opened("sent");
  must(send(s, "hello", 5, 0));
  wait_for_segments("hello", 1500);
  state(s);
  show("sent", send(s, "x", 1, MSG_NOSIGNAL));
  close(s);
  s = opened("with a limit");
  set(s, TCP_USER_TIMEOUT, 5000);
  must(send(s, "hello", 5, 0));
  wait_for_segments("hello", 60);
  state(s);
  close(s);
  s = opened("acknowledged late");
  must(send(s, "hello", 5, 0));
  wait_for_segments("hello", 2);
  put(1, 6, ACK, "");
  must(send(s, "again", 5, 0));
  wait_for_segments("again", 2);
  put(1, 11, RST, "");
  close(s);
  s = opened("closed");
  must(send(s, "hello", 5, 0));
  close(s);
  wait_for_segments("hello", 300);
  put(1, 6, ACK, "");
  heard("nobody");
  s = opened("no window behind what was sent");
  must(send(s, "hello", 5, 0));
  heard("hello");
  window = 0;
  put(1, 1, ACK, "");
  wait_for_segments("no window", 400);
  state(s);
  window = 4096;
  close(s);
  wait_for_segments("closed", 400);
}

static void windows(void) {
  window = 0;
  int s = opened("no window");
  must(send(s, "hello", 5, 0));
  wait_for_segments("hello", 3000);
  state(s);
  close(s);
  s = opened("no window, and closed");
  must(send(s, "hello", 5, 0));
  close(s);
  wait_for_segments("hello", 2000);
  put(1, 1, ACK, "");
  heard("nobody");
  s = opened("no window, answered");
  must(send(s, "hello", 5, 0));
  for (int i = 0; i < 3; i++) wait_for_segments("hello", 1), put(1, 1, ACK, "");
  window = 3;
  put(1, 1, ACK, "");
  wait_for_segments("a window of 3", 1);
  window = 4096;
  put(1, 4, ACK, "");
  wait_for_segments("a window", 1);
  put(1, 6, RST, "");
  close(s);
  window = 4096;
}

static void keepalive(void) {
  int s = opened("keepalive");
  alive(s);
  set(s, TCP_KEEPIDLE, 10), set(s, TCP_KEEPINTVL, 3), set(s, TCP_KEEPCNT, 2);
  wait_for_segments("asked", 12);
  put(1, 1, ACK, "");
  wait_for_segments("answered", 40);
  state(s);
  close(s);
  s = opened("keepalive with a limit");
  alive(s);
  set(s, TCP_KEEPIDLE, 10), set(s, TCP_KEEPINTVL, 3), set(s, TCP_USER_TIMEOUT, 15000);
  wait_for_segments("asked", 60);
  state(s);
  close(s);
  s = opened("by default");
  alive(s);
  wait_for_segments("asked", 9000);
  state(s);
  close(s);
  s = opened("turned off");
  alive(s);
  set(s, TCP_KEEPIDLE, 10);
  must(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &(int){ 0 }, sizeof(int)));
  wait_for_segments("nothing", 60);
  alive(s);
  must(send(s, "hello", 5, 0));
  heard("hello");
  put(1, 1, ACK, "");
  wait_for_segments("hello", 12);
  put(1, 6, RST, "");
  close(s);
}

static void orphans(void) {
  int s = opened("FIN_WAIT2 for longer");
  set(s, TCP_LINGER2, 120);
  close(s);
  heard("closed");
  put(1, 2, ACK, "");
  wait_for_segments("acknowledged", 90);
  put(1, 2, ACK | FIN, "");
  wait_for_segments("its end", 1);
  s = opened("FIN_WAIT2 for long enough");
  set(s, TCP_LINGER2, 100);
  close(s);
  put(1, 2, ACK, "");
  wait_for_segments("acknowledged", 105);
  put(1, 2, ACK | FIN, "");
  heard("nobody");
  s = opened("acknowledged later");
  close(s);
  wait_for_segments("closed", 2);
  put(1, 2, ACK, "");
  wait_for_segments("acknowledged", 59);
  put(1, 2, ACK | FIN, "");
  heard("its end");
  s = opened("what has come is told later");
  put(1, 1, ACK | PSH, "one");
  wait_for_segments("one", 1);
  must(send(s, "answer", 6, 0));
  put(4, 7, ACK | PSH, "two");
  wait_for_segments("two", 1);
  put(7, 7, RST, "");
  close(s);
}

static void calls_(void) {
  close(l);
  int c = calling("called");
  wait_for_segments("no answer", 70);
  state(c);
  close(c);
  c = calling("called, fewer tries");
  set(c, TCP_SYNCNT, 1);
  wait_for_segments("no answer", 70);
  state(c);
  close(c);
}

int main(void) {
  begin();
  half_open();
  data();
  windows();
  keepalive();
  orphans();
  calls_();
  return 0;
}
