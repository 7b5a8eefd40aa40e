/* On 3.2 nothing answers that came after it: calls are ENOSYS, flags and options EINVAL or without effect. */
// differs: a kernel that has them takes flags that 3.2 refuses, or does not know
#include "check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
  static const struct { int first, last; } calls[] = { { 312, 319 }, { 322, 322 }, { 324, 328 }, { 332, 332 }, { 334, 334 },
                                                       { 424, 424 }, { 434, 439 }, { 441, 441 }, { 449, 449 }, { 452, 452 } };
  int there = 0, all = 0;
  char room[256] = { 0 };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    for (int nr = calls[i].first; nr <= calls[i].last; nr++, all++)
      if (syscall(nr, 99, room, 88, 0, 0, 0) != -1 || errno != ENOSYS) say("call %d: %s", nr, errname(errno)), there++;
  say("of %d calls %d are there", all, there);

  for (int option = 35; option < 60; option++)
    if (prctl(option, 1, 0, 0, 0) != -1 || errno != EINVAL) say("prctl %d", option);
  show("a seccomp filter", prctl(PR_SET_SECCOMP, 2, room, 0, 0));
  show("waitid by pidfd", syscall(SYS_waitid, 3, 0, NULL, WEXITED, NULL));
  for (int cmd = 36; cmd < 39; cmd++) show("locks of an open file", fcntl(1, cmd, room));
  show("seals", fcntl(1, 1034));
  go_to_scratch();
  show("O_TMPFILE", open(".", 020200000 | O_RDWR, 0600));
  char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("MADV_FREE", madvise(p, 4096, 8));
  void *q = mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0);
  say("MAP_FIXED_NOREPLACE: somewhere else %d", q != MAP_FAILED && q != p);
  int ep = (int)must(epoll_create1(0)), counter = (int)must(eventfd(0, 0));
  struct epoll_event event = { .events = EPOLLIN | 1U << 28 };
  must(epoll_ctl(ep, EPOLL_CTL_ADD, counter, &event));
  show("EPOLLEXCLUSIVE is nothing", epoll_ctl(ep, EPOLL_CTL_MOD, counter, &event));
  int fd = -1;
  pid_t pid = (pid_t)must(syscall(SYS_clone, 0x1000 | SIGCHLD, 0, &fd, 0, 0));
  if (!pid) _exit(0);
  say("CLONE_PIDFD: %d, %s", fd, reap(pid));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  show("children", access(path, F_OK));
  show("thread-self", access("/proc/thread-self", F_OK));
  return 0;
}
