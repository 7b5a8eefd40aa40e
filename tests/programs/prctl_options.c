/* prctl(): names, dumpable, keepcaps, timer slack; options that 3.2 does not know are EINVAL. */
#include "check.h"

int main(void) {
  char name[17] = "", path[40], text[40] = "";
  must(prctl(PR_SET_NAME, "a name that is too long"));
  must(prctl(PR_GET_NAME, name));
  say("name '%s'", name);
  snprintf(path, sizeof path, "/proc/%d/comm", getpid());
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  say("comm '%.*s'", (int)n - 1, text);
  show("dumpable", prctl(PR_GET_DUMPABLE));
  show("set 0", prctl(PR_SET_DUMPABLE, 0));
  show("dumpable", prctl(PR_GET_DUMPABLE));
  show("set 2", prctl(PR_SET_DUMPABLE, 2));
  show("keepcaps", prctl(PR_GET_KEEPCAPS));
  show("set keepcaps 1", prctl(PR_SET_KEEPCAPS, 1));
  show("set keepcaps 2", prctl(PR_SET_KEEPCAPS, 2));
  show("keepcaps", prctl(PR_GET_KEEPCAPS));
  show("timer slack", prctl(PR_GET_TIMERSLACK));
  show("set slack", prctl(PR_SET_TIMERSLACK, 1234));
  show("timer slack", prctl(PR_GET_TIMERSLACK));
  pid_t child;
  CHILD(child) {
    show("child's slack", prctl(PR_GET_TIMERSLACK));
    prctl(PR_SET_TIMERSLACK, 99);
    prctl(PR_SET_TIMERSLACK, 0);
    show("child's default", prctl(PR_GET_TIMERSLACK));
    _exit(0);
  }
  wait_for(child);
  show("child subreaper", prctl(36, 1, 0, 0, 0));
  show("no new privileges", prctl(38, 1, 0, 0, 0));
  show("unknown", prctl(999, 0, 0, 0, 0));
  show("cap in bounding set", prctl(PR_CAPBSET_READ, 999));
  return 0;
}
