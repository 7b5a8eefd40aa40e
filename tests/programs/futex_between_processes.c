/* A futex in shared memory: found by its page in all processes; private waits are not woken by shared wakes; WAKE_OP. */
#include "check.h"

static int *word;
static pid_t waiter(int op, int at, int code) {
  pid_t c;
  CHILD(c) {
    struct timespec day = { 86400, 0 };
    long r = futex(&word[at], op, 0, &day);
    _exit(r == 0 ? code : 90);
  }
  wait_asleep(c);
  return c;
}

int main(void) {
  go_to_scratch();
  int fd = (int)must(open("f", O_RDWR | O_CREAT, 0600));
  must(ftruncate(fd, 8192));
  word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
  int *alias = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  pid_t c = waiter(F_WAIT, 0, 1);
  show("wake through another mapping", futex(alias + 1024, F_WAKE, 9, NULL));
  say("%s", reap(c));
  c = waiter(F_WAIT, 0, 2);
  show("a private wake finds nobody", futex(word, F_WAKE | F_PRIVATE, 9, NULL));
  show("a shared one does", futex(word, F_WAKE, 9, NULL));
  say("%s", reap(c));
  pid_t a = waiter(F_WAIT, 0, 3), b = waiter(F_WAIT, 1, 4);
  word[1] = 7;
  show("wake op: set 5, other if it was 7", syscall(SYS_futex, word, 5, 1, 1L, word + 1, 0 << 28 | 0 << 24 | 5 << 12 | 7));
  say("second word %d, %s, %s", word[1], reap(a), reap(b));
  a = waiter(F_WAIT, 0, 5);
  word[1] = 0;
  b = waiter(F_WAIT, 1, 6);
  word[1] = 3;
  show("wake op: add 2, other if it was above 3", syscall(SYS_futex, word, 5, 1, 1L, word + 1, 1 << 28 | 4 << 24 | 2 << 12 | 3));
  say("second word %d, %s", word[1], reap(a));
  kill(b, SIGKILL);
  say("the other had to be killed: %s", reap(b));
  show("unaligned", futex((int *)((char *)word + 1), F_WAKE, 1, NULL));
  show("not mapped, shared", futex((int *)8, F_WAKE, 1, NULL));
  show("not mapped, private wake", futex((int *)8, F_WAKE | F_PRIVATE, 1, NULL));
  show("not mapped, private wait", futex((int *)8, F_WAIT | F_PRIVATE, 0, NULL));
  show("unknown operation", futex(word, 99, 0, NULL));
  show("bitset 0", syscall(SYS_futex, word, F_WAIT_BITSET, 0, NULL, NULL, 0));
  struct timespec bad = { 0, 1000000000 }, past = { 0, 1 };
  show("bad time", futex(word, F_WAIT, 0, &bad));
  show("other value and bad time", futex(word, F_WAIT, 55, &bad));
  show("other value", futex(word, F_WAIT, 55, NULL));
  show("absolute time that is over", syscall(SYS_futex, word, F_WAIT_BITSET, 0, &past, NULL, ~0u));
  pid_t m;
  int *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHILD(m) {
    struct timespec t = { 0, 30000000 };
    show("child: own copy of a private page", futex(private, F_WAIT, 0, &t));
    _exit(0);
  }
  wait_asleep(m);
  long r = futex(private, F_WAKE, 1, NULL);
  wait_for(m);
  show("parent's wake did not reach it", r);
  return 0;
}
