/* POSIX message queues of a 32-bit program: attributes, times and notifications have short words. */
// needs: i386
#include "check.h"

struct attr { int flags, maxmsg, msgsize, curmsgs, reserved[4]; };
struct event { int value, signo, notify, pad[13]; };
static volatile int told, value;
static void tell(int sig, siginfo_t *info, void *context) { (void)sig, (void)context, told++, value = info->si_value.sival_int; }

int main(void) {
  struct attr attr = {0, 3, 8, 0, {0}}, got, zero = {0};
  char name[] = "i386_mqueue", text[9] = "";
  unsigned prio = 0;
  syscall(278, name);
  show("no queue", syscall(277, name, O_RDWR, 0, 8)), show("bad attributes", syscall(277, name, O_RDWR | O_CREAT, 0600, 8)), show("none", syscall(277, name, O_RDWR | O_CREAT, 0600, &zero));
  int q = (int)must(syscall(277, name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr));
  show("again", syscall(277, name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr));
  show("getattr", syscall(282, q, NULL, &got)), say("  %d %d %d %d", got.flags, got.maxmsg, got.msgsize, got.curmsgs);
  struct event event = {77, SIGUSR1, SIGEV_SIGNAL, {0}};
  struct sigaction sa = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
  must(sigaction(SIGUSR1, &sa, NULL));
  show("notify, bad memory", syscall(281, q, 8)), event.notify = 9, show("notify, no kind", syscall(281, q, &event)), event.notify = SIGEV_SIGNAL, event.signo = 65, show("notify, no signal", syscall(281, q, &event)), event.signo = SIGUSR1;
  show("notify", syscall(281, q, &event)), show("notify again", syscall(281, q, &event));
  show("send", syscall(279, q, "hello", 5, 3, NULL)), say("told %d, %d", told, value);
  show("too long", syscall(279, q, "hello, all", 10, 3, NULL)), show("priority", syscall(279, q, "x", 1, 32768, NULL));
  show("send", syscall(279, q, "first", 5, 9, NULL)), show("send", syscall(279, q, "x", 1, 0, NULL));
  int past[2] = {1, 0}, wrong[2] = {1, 1000000000};
  show("full", syscall(279, q, "x", 1, 0, past)), show("a wrong time", syscall(279, q, "x", 1, 0, wrong)), show("a bad time", syscall(279, q, "x", 1, 0, 8));
  got.flags = O_NONBLOCK, show("setattr", syscall(282, q, &got, &attr)), say("  %d %d", attr.flags, attr.curmsgs), got.flags = 1, show("setattr", syscall(282, q, &got, NULL));
  show("full", syscall(279, q, "x", 1, 0, NULL));
  show("receive, short", syscall(280, q, text, 7, &prio, NULL)), show("receive", syscall(280, q, text, 8, &prio, NULL)), say("  %s %u", text, prio);
  show("receive", syscall(280, q, text, 9, &prio, past)), say("  %s %u", text, prio), show("receive", syscall(280, q, text, 8, NULL, NULL));
  show("empty", syscall(280, q, text, 8, &prio, NULL)), show("receive, wrong time", syscall(280, q, text, 8, &prio, wrong));
  show("unlink", syscall(278, name)), show("no file", syscall(282, 99, NULL, &got)), show("no queue", syscall(282, 0, NULL, &got));
  return 0;
}
