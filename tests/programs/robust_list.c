/* The robust list: a dying thread's locks are marked, one waiter is woken; not inherited by fork. */
#include "check.h"

struct list { struct list *next; };
struct head { struct list list; long offset; struct list *pending; };
struct lock { struct list list; int word; };

static struct { struct head head; struct lock a, b, foreign; } *s;

static void die_holding(int how) {
  s->head.offset = offsetof(struct lock, word);
  s->head.list.next = &s->a.list;
  s->a.list.next = &s->foreign.list;
  s->foreign.list.next = &s->head.list;
  s->head.pending = &s->b.list;
  s->a.word = s->b.word = gettid_();
  s->foreign.word = 12345;
  must(syscall(SYS_set_robust_list, &s->head, sizeof s->head));
  if (how == 1) raise(SIGKILL);
  if (how == 2) {
    char *args[] = { "true", NULL };
    execv("/bin/true", args);
  }
  _exit(0);
}
static int without_owner(int w) { return (int)((unsigned)w & 0xc0000000u) >> 30 & 3; }

int main(void) {
  s = shared_memory(4096);
  static const char *const names[] = { "exit", "SIGKILL", "exec" };
  for (int how = 0; how < 3; how++) {
    pid_t child;
    CHILD(child) die_holding(how);
    wait_for(child);
    say("%s: a %x, b %x, not its own %d", names[how], without_owner(s->a.word), without_owner(s->b.word), s->foreign.word);
  }
  show("bad length", syscall(SYS_set_robust_list, &s->head, 20));
  must(syscall(SYS_set_robust_list, &s->head, sizeof s->head));
  void *head;
  size_t len;
  must(syscall(SYS_get_robust_list, 0, &head, &len));
  say("get: %d %d", head == &s->head, (int)len);
  pid_t child;
  CHILD(child) {
    must(syscall(SYS_get_robust_list, 0, &head, &len));
    say("the child's is empty or libc's own: %d", head != &s->head);
    _exit(0);
  }
  wait_for(child);
  show("of nobody", syscall(SYS_get_robust_list, 30000, &head, &len));
  must(syscall(SYS_set_robust_list, NULL, sizeof s->head));

  /* A waiter is woken with the bit set. */
  s->a.word = 0;
  struct gate held = new_gate(), go = new_gate();
  CHILD(child) {
    s->head.offset = offsetof(struct lock, word);
    s->head.list.next = &s->a.list;
    s->a.list.next = &s->head.list;
    s->head.pending = NULL;
    s->a.word = gettid_() | (int)0x80000000;
    must(syscall(SYS_set_robust_list, &s->head, sizeof s->head));
    open_gate(&held);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&held);
  pid_t waiter;
  CHILD(waiter) {
    futex(&s->a.word, F_WAIT, s->a.word, NULL);
    _exit(((unsigned)s->a.word & 0x40000000u) != 0);
  }
  wait_asleep(waiter);
  open_gate(&go);
  wait_for(child);
  say("waiter sees the owner died: %s", reap(waiter));
  return 0;
}
