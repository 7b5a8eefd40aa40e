/* Mistakes with futexes: pointers, operations, comparisons, numbers of waiters. */
#include "check.h"

static int word[4];

static long call(void *at, int op, long val, long timeout, void *other, int val3) {
  return syscall(SYS_futex, at, op, val, timeout, other, val3);
}

#define OP(op, arg, cmp, cmparg) ((op) << 28 | (cmp) << 24 | ((arg) & 0xfff) << 12 | ((cmparg) & 0xfff))

int main(void) {
  struct timespec odd = { 0, 1000000000 };
  show("an unknown operation", call(word, 99, 0, 0, NULL, 0));
  show("wait, odd address", call((char *)word + 1, 0, 0, 0, NULL, 0));
  show("wait, bad pointer", call((void *)8, 0, 0, 0, NULL, 0));
  show("wait, another value", call(word, 0, 5, 0, NULL, 0));
  show("wait, bad time", call(word, 0, 0, (long)&odd, NULL, 0));
  show("wait, bad pointer to a time", call(word, 0, 0, 8, NULL, 0));
  show("wait for no bits", call(word, 9, 0, 0, NULL, 0));
  show("wake of no bits", call(word, 10, 1, 0, NULL, 0));
  show("wake, odd address", call((char *)word + 1, 1, 1, 0, NULL, 0));
  show("wake of none there", call(word, 1, 1, 0, NULL, 0));
  show("requeue, bad pointer", call(word, 3, 1, 1, (void *)9, 0));
  show("compare and requeue, another value", call(word, 4, 1, 1, word + 1, 5));
  show("compare and requeue", call(word, 4, 1, 1, word + 1, 0));
  show("compare and requeue to itself", call(word, 4, 1, 1, word, 0));
  for (int op = 0; op < 5; op++) {
    word[1] = 12;
    show("wake and do", call(word, 5, 1, 1, word + 1, OP(op, 10, 0, 0)));
    say("  makes %d", word[1]);
  }
  for (int cmp = 0; cmp < 6; cmp++) show("wake and compare", call(word, 5, 1, 1, word + 1, OP(1, 0, cmp, 5)));
  word[1] = 0;
  show("wake and set, shifted", call(word, 5, 1, 1, word + 1, OP(8, 5, 0, 0)));
  say("  makes %d", word[1]);
  show("wake and do, an unknown operation", call(word, 5, 1, 1, word + 1, OP(7, 0, 0, 0)));
  show("wake and do, bad pointer", call(word, 5, 1, 1, (void *)8, OP(0, 0, 0, 0)));
  show("lock of nobody's", call(word + 2, 6, 0, 0, NULL, 0));
  show("lock again", call(word + 2, 6, 0, 0, NULL, 0));
  show("try again", call(word + 2, 8, 0, 0, NULL, 0));
  show("unlock", call(word + 2, 7, 0, 0, NULL, 0));
  show("unlock again", call(word + 2, 7, 0, 0, NULL, 0));
  word[2] = 0x3fffffff;
  show("lock of somebody's who is not there", call(word + 2, 6, 0, 0, NULL, 0));
  show("lock, bad pointer", call((void *)8, 6, 0, 0, NULL, 0));
  show("set_robust_list, size", syscall(SYS_set_robust_list, word, 8UL));
  show("get_robust_list of nobody", syscall(SYS_get_robust_list, 0x3fffffff, word, word));
  show("get_robust_list, bad pointer", syscall(SYS_get_robust_list, 0, 8UL, 8UL));
  return 0;
}
