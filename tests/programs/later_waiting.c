/* What came after 3.2 for waiting, scheduling and memory: futex_waitv, epoll_pwait2, EPOLLEXCLUSIVE, locks of an open file,
 * sched_setattr, membarrier, kcmp, mlock2, MADV_FREE, MAP_FIXED_NOREPLACE, getrandom. */
// later: all
// needs: root
#include "check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

enum {
  NR_KCMP = 312, NR_SETATTR = 314, NR_GETATTR = 315, NR_GETRANDOM = 318, NR_MEMBARRIER = 324, NR_MLOCK2 = 325,
  NR_EPOLL_PWAIT2 = 441, NR_FUTEX_WAITV = 449, OFD_GETLK = 36, OFD_SETLK = 37, OFD_SETLKW = 38, FREE = 8,
};
#define EXCLUSIVE (1U << 28)
#define FIXED_NOREPLACE 0x100000

struct attr {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
  uint32_t util_min, util_max;
};
static long setattr(struct attr *attr) { return syscall(NR_SETATTR, 0, attr, 0); }

static void scheduling(void) {
  struct attr attr = { .size = 48, .nice = 5 };
  show("nice 5", setattr(&attr));
  memset(&attr, 0, sizeof attr);
  show("asked", syscall(NR_GETATTR, 0, &attr, sizeof attr, 0));
  say("size %u policy %u nice %d priority %u", attr.size, attr.policy, attr.nice, attr.priority);
  attr = (struct attr){ .size = 48, .policy = SCHED_BATCH, .nice = 7, .flags = 1 };
  show("batch, reset by fork", setattr(&attr));
  say("policy %x nice %d", (unsigned)syscall(SYS_sched_getscheduler, 0), getpriority(PRIO_PROCESS, 0));
  attr = (struct attr){ .size = 48, .policy = SCHED_BATCH, .nice = 7 };
  show("not any more", setattr(&attr));
  say("policy %x", (unsigned)syscall(SYS_sched_getscheduler, 0));
  attr = (struct attr){ .size = 48, .policy = 77, .flags = 8, .nice = 9 };
  show("another nice value, the same policy", setattr(&attr));
  say("policy %x nice %d", (unsigned)syscall(SYS_sched_getscheduler, 0), getpriority(PRIO_PROCESS, 0));
  attr = (struct attr){ .size = 40 };
  show("too small", setattr(&attr));
  say("it should be %u", attr.size);
  struct { struct attr attr; uint64_t more; } large = { { .size = 64, .nice = 9 }, 0 };
  show("larger, with nothing in it", setattr(&large.attr));
  large.attr.size = 64;
  large.more = 1;
  show("with something", setattr(&large.attr));
  attr = (struct attr){ .size = 48, .policy = 99 };
  show("no policy", setattr(&attr));
  attr = (struct attr){ .size = 48, .priority = 1 };
  show("a priority for a fair one", setattr(&attr));
  attr = (struct attr){ .size = 48, .policy = SCHED_RR, .priority = 200 };
  show("a priority too high", setattr(&attr));
  show("flags", syscall(NR_SETATTR, 0, &attr, 1));
  show("nothing", syscall(NR_SETATTR, 0, NULL, 0));
  attr = (struct attr){ .size = 48 };
  show("nobody", syscall(NR_SETATTR, 999999, &attr, 0));
  show("no room", syscall(NR_GETATTR, 0, &attr, 40, 0));
}

static void not_allowed(void) {
  pid_t pid;
  CHILD(pid) {
    must(setuid(1000));
    struct attr attr = { .size = 48, .nice = -5 };
    show("a nice value that costs others", setattr(&attr));
    attr.policy = SCHED_FIFO, attr.priority = 1;
    show("a real-time priority", setattr(&attr));
    attr = (struct attr){ .size = 48, .nice = 15 };
    show("a nice one", setattr(&attr));
    _exit(0);
  }
  wait_for(pid);
}

static void barriers(void) {
  pid_t pid;
  say("barriers: %d", (int)syscall(NR_MEMBARRIER, 0, 0, 0) & 0x7f);
  show("private, not registered", syscall(NR_MEMBARRIER, 8, 0, 0));
  show("registered", syscall(NR_MEMBARRIER, 16, 0, 0));
  show("private", syscall(NR_MEMBARRIER, 8, 0, 0));
  CHILD(pid) _exit((int)syscall(NR_MEMBARRIER, 8, 0, 0));
  say("a child: %s", reap(pid));
  show("global", syscall(NR_MEMBARRIER, 1, 0, 0));
  show("two at once", syscall(NR_MEMBARRIER, 3, 0, 0));
  show("flags", syscall(NR_MEMBARRIER, 0, 7, 0));
  show("registrations", syscall(NR_MEMBARRIER, 512, 0, 0));
}

static void compared(void) {
  pid_t me = getpid(), pid;
  CHILD(pid) for (;;) pause();
  say("memory: %d", syscall(NR_KCMP, me, pid, 1, 0, 0) != 0);
  show("one's own", syscall(NR_KCMP, me, me, 1, 0, 0));
  show("a file", syscall(NR_KCMP, me, pid, 0, 1, 1));
  say("two files: %d", syscall(NR_KCMP, me, me, 0, 0, 99) != 0);
  show("no descriptor", syscall(NR_KCMP, me, pid, 0, 1, 99));
  show("no type", syscall(NR_KCMP, me, pid, 77, 0, 0));
  show("nobody", syscall(NR_KCMP, me, 999999, 1, 0, 0));
  kill(pid, SIGKILL);
  wait_for(pid);
}

static const char *map_at(void *at, int flags) {
  void *p = mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return p == MAP_FAILED ? errname(errno) : p == at ? "there" : "elsewhere";
}

static void memory(void) {
  char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("where something is: %s", map_at(p, FIXED_NOREPLACE));
  must(munmap(p, 4096));
  say("where nothing is: %s", map_at(p, FIXED_NOREPLACE));
  p[0] = 1;
  show("may go", madvise(p, 4096, FREE));
  p[0] = 2;
  say("written again: %d", p[0]);
  int fd = (int)must(open("file", O_RDWR | O_CREAT, 0600));
  must(ftruncate(fd, 4096));
  void *of_file = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  show("a file's", madvise(of_file, 4096, FREE));
  char *fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char there = 9;
  must(syscall(NR_MLOCK2, fresh, 4096, 1));
  must(mincore(fresh, 4096, &there));
  say("locked, when it comes: there %d", there);
  must(syscall(NR_MLOCK2, fresh, 4096, 0));
  must(mincore(fresh, 4096, &there));
  say("locked now: there %d", there);
  show("locked as they come", syscall(NR_MLOCK2, p, 4096, 1));
  show("locked", madvise(p, 4096, FREE));
  show("unknown flags", syscall(NR_MLOCK2, p, 4096, 2));
  char bytes[64] = { 0 };
  show("random", syscall(NR_GETRANDOM, bytes, sizeof bytes, 0));
  int differ = 0;
  for (size_t i = 1; i < sizeof bytes; i++) differ |= bytes[i] != bytes[0];
  say("differ: %d", differ);
  show("none", syscall(NR_GETRANDOM, bytes, 0, 0));
  show("nowhere", syscall(NR_GETRANDOM, (char *)1, 4, 0));
  show("unknown flags", syscall(NR_GETRANDOM, bytes, 4, 8));
  show("both kinds", syscall(NR_GETRANDOM, bytes, 4, 6));
}

static void events(void) {
  int ep = (int)must(epoll_create1(0)), inner = (int)must(epoll_create1(0)), counter = (int)must(eventfd(0, 0));
  struct epoll_event event = { .events = EPOLLIN | EXCLUSIVE };
  show("exclusive", epoll_ctl(ep, EPOLL_CTL_ADD, counter, &event));
  show("changed to that", epoll_ctl(ep, EPOLL_CTL_MOD, counter, &event));
  event.events = EPOLLIN;
  show("changed from that", epoll_ctl(ep, EPOLL_CTL_MOD, counter, &event));
  must(epoll_ctl(ep, EPOLL_CTL_DEL, counter, NULL));
  event.events = EPOLLIN | EXCLUSIVE | EPOLLONESHOT;
  show("and once", epoll_ctl(ep, EPOLL_CTL_ADD, counter, &event));
  event.events = EPOLLIN | EXCLUSIVE;
  show("of another epoll", epoll_ctl(ep, EPOLL_CTL_ADD, inner, &event));
  struct timespec short_time = { 0, 1000 }, no_time = { 0, -1 };
  show("a microsecond", syscall(NR_EPOLL_PWAIT2, ep, &event, 1, &short_time, NULL, 8));
  show("no time", syscall(NR_EPOLL_PWAIT2, ep, &event, 1, &no_time, NULL, 8));
  show("no room", syscall(NR_EPOLL_PWAIT2, ep, &event, 0, NULL, NULL, 8));
  event.events = EPOLLOUT | EXCLUSIVE;
  must(epoll_ctl(ep, EPOLL_CTL_ADD, counter, &event));
  event.events = EPOLLIN | EXCLUSIVE;
  must(epoll_ctl(inner, EPOLL_CTL_ADD, counter, &event));
  pid_t pid[2];
  for (int i = 0; i < 2; i++) {
    CHILD(pid[i]) {
      int mine = (int)must(epoll_create1(0));
      must(epoll_ctl(mine, EPOLL_CTL_ADD, counter, &event));
      _exit(epoll_wait(mine, &event, 1, 500));
    }
    wait_asleep(pid[i]);
  }
  uint64_t one = 1;
  must(write(counter, &one, sizeof one));
  say("behind one who wants something else and one who does not sleep: the first %d, the second %d",
      WEXITSTATUS(wait_for(pid[0])), WEXITSTATUS(wait_for(pid[1])));
}

static void locks(void) {
  int a = (int)must(open("file", O_RDWR)), b = (int)must(open("file", O_RDWR));
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10 };
  const struct flock wanted = lock;
  show("locked by one open file", fcntl(a, OFD_SETLK, &lock));
  show("by another", fcntl(b, OFD_SETLK, &lock));
  show("whose is it", fcntl(b, OFD_GETLK, &lock));
  say("type %d, pid %d", lock.l_type, (int)lock.l_pid);
  lock.l_pid = 5;
  show("a pid", fcntl(a, OFD_SETLK, &lock));
  lock = wanted;
  show("by the process", fcntl(b, F_SETLK, &lock));
  close(b);
  b = (int)must(open("file", O_RDWR));
  close(dup(a));
  show("closing another does not unlock", fcntl(b, OFD_SETLK, &lock));
  pid_t pid;
  CHILD(pid) _exit(fcntl(b, OFD_SETLKW, &lock) ? 1 : 0);
  wait_asleep(pid);
  lock.l_type = F_UNLCK;
  show("unlocked", fcntl(a, OFD_SETLK, &lock));
  say("who waited: %s", reap(pid));
  lock = wanted;
  show("it is locked by what both have open", fcntl(a, OFD_SETLK, &lock));
  close(b);
  show("and not after the last close", fcntl(a, OFD_SETLK, &lock));
}

struct word { uint64_t value, address; uint32_t flags, reserved; };
static void words(void) {
  uint32_t *shared = shared_memory(4096);
  shared[0] = 1, shared[1] = 2;
  struct word word[2] = { { 1, (uintptr_t)shared, 2, 0 }, { 2, (uintptr_t)(shared + 1), 2, 0 } };
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  show("until now", syscall(NR_FUTEX_WAITV, word, 2, 0, &now, CLOCK_MONOTONIC));
  show("another clock", syscall(NR_FUTEX_WAITV, word, 2, 0, &now, CLOCK_BOOTTIME));
  word[1].value = 9;
  show("another value", syscall(NR_FUTEX_WAITV, word, 2, 0, NULL, 0));
  word[1].value = 2, word[1].flags = 3;
  show("another size", syscall(NR_FUTEX_WAITV, word, 2, 0, NULL, 0));
  word[1].flags = 2;
  show("of none", syscall(NR_FUTEX_WAITV, word, 0, 0, NULL, 0));
  show("flags", syscall(NR_FUTEX_WAITV, word, 2, 1, NULL, 0));
  pid_t pid;
  CHILD(pid) _exit((int)syscall(NR_FUTEX_WAITV, word, 2, 0, NULL, 0));
  wait_asleep(pid);
  show("woken", futex((int *)shared + 1, F_WAKE, 1, NULL));
  say("the second: %s", reap(pid));
  CHILD(pid) _exit((int)syscall(NR_FUTEX_WAITV, word, 2, 0, NULL, 0));
  wait_asleep(pid);
  kill(pid, SIGTERM);
  say("by a signal: %s", reap(pid));
}

int main(void) {
  go_to_scratch();
  scheduling();
  not_allowed();
  barriers();
  compared();
  memory();
  events();
  locks();
  words();
  return 0;
}
