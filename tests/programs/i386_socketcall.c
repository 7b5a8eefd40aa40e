/* Sockets of a 32-bit program go through one call, and their messages have short words. */
// needs: i386
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

static long call(int number, void *arguments) { return syscall(SYS_socketcall, number, arguments); }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  long arguments[6] = {AF_UNIX, SOCK_STREAM, 0, 0, 0, 0};
  int pair[2];
  show("call 0", call(0, arguments));
  show("call 21", call(21, arguments));
  show("arguments at 1", call(1, (void *)1));
  show("arguments at NULL", call(1, NULL));
  int s = must(call(1, arguments));
  long bad[3] = {s, 1, 4};
  show("bind to a bad address", call(2, bad));
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  int on = 1;
  must(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));

  char text[] = "in pieces", control[64] = {0};
  struct iovec out[2] = {{text, 3}, {text + 3, 6}};
  struct msghdr message = {.msg_iov = out, .msg_iovlen = 2, .msg_control = control, .msg_controllen = CMSG_LEN(8)};
  struct cmsghdr *head = (struct cmsghdr *)control;
  head->cmsg_len = CMSG_LEN(8);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  ((int *)CMSG_DATA(head))[0] = 0;
  ((int *)CMSG_DATA(head))[1] = s;
  printf("a header of %zu bytes\n", sizeof *head);
  printf("sent %zd\n", sendmsg(pair[0], &message, 0));

  char got[2][5] = {{0}};
  struct iovec in[2] = {{got[0], 4}, {got[1], 4}};
  memset(control, 0, sizeof control);
  message = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
  printf("received %zd '%s' '%s'\n", recvmsg(pair[1], &message, 0), got[0], got[1]);
  printf("flags %x, controls %d\n", message.msg_flags, (int)message.msg_controllen);
  for (char *at = control; at < control + message.msg_controllen; at += (head->cmsg_len + 3) & ~3) {
    head = (struct cmsghdr *)at;
    printf("type %d, %d bytes\n", head->cmsg_type, (int)head->cmsg_len);
    if (head->cmsg_type == SCM_CREDENTIALS) printf("from me: %d\n", ((int *)CMSG_DATA(head))[0] == getpid());
  }

  must(send(pair[0], "x", 1, 0));
  message = (struct msghdr){.msg_iov = in, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 20};
  printf("received %zd", recvmsg(pair[1], &message, 0));
  printf(", cut %d, controls %d\n", !!(message.msg_flags & MSG_CTRUNC), (int)message.msg_controllen);
  head = (struct cmsghdr *)control;
  head->cmsg_len = 5;
  message = (struct msghdr){.msg_iov = out, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 20};
  show("sendmsg", sendmsg(pair[0], &message, 0));
  message.msg_iovlen = 1025;
  message.msg_controllen = 0;
  show("sendmsg", sendmsg(pair[0], &message, 0));
  show("a message at 8", sendmsg(pair[0], (void *)8, 0));

  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0short words"};
  must(bind(s, (struct sockaddr *)&name, 14));
  must(listen(s, 1));
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect(c, (struct sockaddr *)&name, 14));
  socklen_t length = sizeof name;
  int a = must(accept(s, (struct sockaddr *)&name, &length));
  printf("accepted, a name of %d bytes\n", (int)length);
  must(write(c, "hello", 5));
  must(shutdown(c, SHUT_WR));
  char buffer[8] = {0};
  printf("%d", (int)recv(a, buffer, 8, 0));
  printf(" '%s' %d\n", buffer, (int)recv(a, buffer, 8, 0));
  int type;
  length = sizeof type;
  must(getsockopt(a, SOL_SOCKET, SO_TYPE, &type, &length));
  printf("type %d\n", type);
  return 0;
}
