/* What waits on a local socket, and what ends the wait: a full backlog, a full receiver, an empty queue, a peer that goes. */
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un name = { AF_UNIX, "\0unix_socket_waits" };
static const socklen_t length = sizeof(sa_family_t) + 18;
static char data[4096];

static void *connects(void *fd) { return (void *)(long)connect(*(int *)fd, (struct sockaddr *)&name, length); }
static void *sends(void *fd) { return (void *)(long)send(*(int *)fd, data, sizeof data, 0); }
static void *receives(void *fd) { return (void *)(long)recv(*(int *)fd, data, sizeof data, 0); }
static void *accepts(void *fd) { return (void *)(long)accept(*(int *)fd, NULL, NULL); }
static pthread_t begin(void *(*what)(void *), int *fd) {
  pthread_t t;
  pthread_create(&t, NULL, what, fd);
  usleep(20000);
  return t;
}
static void ended(const char *what, pthread_t t) {
  void *result;
  pthread_join(t, &result);
  say("%s: %ld", what, (long)result);
}
static void fill(int fd) {
  while (send(fd, data, sizeof data, MSG_DONTWAIT) > 0) ;
  show("full", send(fd, data, sizeof data, MSG_DONTWAIT));
}

int main(void) {
  int s[2];
  int listener = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), client[2];
  must(bind(listener, (struct sockaddr *)&name, length));
  must(listen(listener, 0));
  for (int i = 0; i < 2; i++) client[i] = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("first connect", connect(client[0], (struct sockaddr *)&name, length));
  pthread_t t = begin(connects, &client[1]);
  must(accept(listener, NULL, NULL));
  ended("connect after an accept", t);
  must(accept(listener, NULL, NULL));
  t = begin(accepts, &listener);
  must(shutdown(listener, SHUT_RDWR));
  ended("accept after a shutdown", t);

  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  t = begin(receives, &s[0]);
  must(send(s[1], "abc", 3, 0));
  ended("receive", t);
  fill(s[1]);
  t = begin(sends, &s[1]);
  while (recv(s[0], data, sizeof data, MSG_DONTWAIT) > 0) usleep(1000);
  ended("send", t);
  t = begin(receives, &s[1]);
  close(s[0]);
  ended("receive from a peer that goes", t);

  int receiver = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), sender = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  name.sun_path[1] = 'U';
  must(bind(receiver, (struct sockaddr *)&name, length));
  must(connect(sender, (struct sockaddr *)&name, length));
  fill(sender);
  t = begin(sends, &sender);
  must(recv(receiver, data, sizeof data, 0));
  ended("datagram", t);
  return 0;
}
