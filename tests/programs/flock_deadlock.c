/* Two processes that wait for each other's record locks: the second one is told EDEADLK. */
#include "check.h"

static int lock(int fd, int cmd, short type, off_t at) {
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
  return fcntl(fd, cmd, &l);
}
static void handler(int sig) { (void)sig; }

int main(void) {
  go_to_scratch();
  write_file("f", "text", 0644);
  int fd = (int)must(open("f", O_RDWR));
  must(lock(fd, F_SETLK, F_WRLCK, 0));
  pid_t child, me = getpid();
  CHILD(child) {
    must(lock(fd, F_SETLK, F_WRLCK, 1));
    show("child gets the first when the parent lets go", lock(fd, F_SETLKW, F_WRLCK, 0));
    _exit(0);
  }
  wait_asleep(child);
  show("parent", lock(fd, F_SETLKW, F_WRLCK, 1));
  must(lock(fd, F_SETLK, F_UNLCK, 0));
  wait_for(child);
  must(lock(fd, F_SETLK, F_WRLCK, 0));
  on_signal(SIGUSR1, handler);
  CHILD(child) {
    on_signal(SIGUSR1, handler);
    show("interrupted", lock(fd, F_SETLKW, F_WRLCK, 0));
    _exit(0);
  }
  wait_asleep(child);
  kill(child, SIGUSR1);
  say("%s", reap(child));
  (void)me;
  return 0;
}
