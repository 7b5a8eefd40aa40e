/* /proc/PID/syscall: the call that a task is in with its arguments, also one's own; /proc/PID/sched can be written. */
#include "check.h"
// differs: later kernels forget what a dead task was in, and draw a longer line

static char text[4096], *volatile nowhere = (char *)8;

static const char *file(pid_t pid, const char *name) {
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (n < 0) return errname(errno);
  close(fd);
  text[n] = 0;
  return text;
}

static void call(const char *what, pid_t pid, void *buffer) {
  unsigned long a[9] = {0};
  file(pid, "syscall");
  int n = sscanf(text, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx", a, a + 1, a + 2, a + 3, a + 4, a + 5, a + 6,
                 a + 7, a + 8);
  if (n < 9) say("%s: %s", what, text);
  else say("%s: call %lu, first %lu, buffer %s, third %lu, stack %s, behind %s", what, a[0], a[1],
           a[2] == (unsigned long)buffer ? "right" : "wrong", a[3], a[7] > a[8] ? "above" : "below",
           *(unsigned short *)(a[8] - 2) == 0x050f ? "a syscall" : "something else");
}

int main(void) {
  int p[2];
  char b[10];
  /* The descriptor is 3: nothing else is open. */
  call("own", getpid(), text);
  must(pipe(p));
  pid_t child;
  CHILD(child) {
    if (read(p[0], b, 7) != 0) _exit(1);
    _exit(0);
  }
  sleep_ms(30);
  call("a sleeping reader", child, b);
  must(kill(child, SIGKILL));
  must(waitid(P_PID, child, NULL, WEXITED | WNOWAIT));
  call("killed in it", child, b);
  reap(child);

  CHILD(child) for (;;) pause();
  sleep_ms(30);
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/sched", child);
  int fd = (int)must(open(path, O_RDWR));
  show("write to sched", write(fd, "0", 1));
  show("from nowhere", write(fd, nowhere, 100000));
  file(child, "sched");
  char *colon = strchr(text, ':'), *end = strchr(text, '\n');
  say("head: %.*s", (int)(end - colon), colon);
  say("57 dashes: %d", (int)strspn(end + 1, "-"));
  say("clock-delta: %d", strstr(text, "\nclock-delta   ") != NULL);
  must(kill(child, SIGKILL));
  say("%s", reap(child));
  return 0;
}
