/* flock() belongs to the open file: dup and fork share it, another open() does not; fcntl() locks belong to the process. */
#include "check.h"
#include <sys/file.h>

static void record(const char *name, int fd, int cmd, short type, off_t from, off_t len) {
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = len };
  int r = fcntl(fd, cmd, &l);
  if (cmd == F_GETLK && r == 0) say("%s: type %d from %d len %d pid %s", name, l.l_type, (int)l.l_start, (int)l.l_len,
                                    l.l_type == F_UNLCK ? "-" : relation(l.l_pid, getpid(), getppid(), -1));
  else show(name, r);
}

int main(void) {
  go_to_scratch();
  write_file("f", "text", 0644);
  int a = (int)must(open("f", O_RDWR)), b = (int)must(open("f", O_RDWR)), c = dup(a);
  show("exclusive", flock(a, LOCK_EX));
  show("through a dup", flock(c, LOCK_EX | LOCK_NB));
  show("through another open", flock(b, LOCK_SH | LOCK_NB));
  pid_t child;
  CHILD(child) {
    show("child, inherited", flock(a, LOCK_EX | LOCK_NB));
    show("child unlocks for both", flock(a, LOCK_UN));
    _exit(0);
  }
  wait_for(child);
  show("now free", flock(b, LOCK_SH | LOCK_NB));
  show("shared twice", flock(a, LOCK_SH | LOCK_NB));
  show("no upgrade", flock(a, LOCK_EX | LOCK_NB));
  close(b);
  show("closed: upgrade", flock(a, LOCK_EX | LOCK_NB));
  show("bad operation", flock(a, 0));

  record("set 0-10", a, F_SETLK, F_WRLCK, 0, 10);
  record("set 20-30", a, F_SETLK, F_RDLCK, 20, 10);
  CHILD(child) {
    record("child sees", a, F_GETLK, F_WRLCK, 5, 1);
    record("child sees", a, F_GETLK, F_RDLCK, 25, 1);
    record("child sees", a, F_GETLK, F_WRLCK, 0, 0);
    record("child cannot", a, F_SETLK, F_RDLCK, 9, 1);
    record("child can", a, F_SETLK, F_RDLCK, 25, 1);
    record("child can beyond", a, F_SETLK, F_WRLCK, 10, 10);
    _exit(0);
  }
  wait_for(child);
  record("child's locks are gone", a, F_GETLK, F_WRLCK, 10, 10);
  record("split", a, F_SETLK, F_UNLCK, 3, 2);
  CHILD(child) {
    record("first part", a, F_GETLK, F_WRLCK, 0, 0);
    record("hole", a, F_SETLK, F_WRLCK, 3, 2);
    record("second part", a, F_GETLK, F_WRLCK, 5, 0);
    record("waits", a, F_SETLKW, F_WRLCK, 0, 3);
    say("got it");
    _exit(0);
  }
  wait_asleep(child);
  sleep_ms(2);
  close(c); /* closing any descriptor of the file drops all locks */
  say("%s", reap(child));
  record("bad type", a, F_SETLK, 9, 0, 1);
  return 0;
}
