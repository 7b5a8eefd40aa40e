/* Who waits for a PI futex lends its owner his priority: chains, who is woken first, what changes and what does not. */
// needs: root
#include "check.h"

enum { LOCK_PI = 6, UNLOCK_PI = 7 };
static int *word; /* three locks */
static volatile int *note;

static int prio_of(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = must(open(path, O_RDONLY));
  text[must(read(fd, text, sizeof text - 1))] = 0;
  close(fd);
  char *at = strrchr(text, ')') + 2;
  int prio = 999;
  sscanf(at, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &prio);
  return prio;
}
static void be(pid_t pid, int policy, int priority) {
  struct sched_param p = { .sched_priority = priority };
  must(syscall(SYS_sched_setscheduler, pid, policy, &p));
}
static long lock(int i) { return futex(&word[i], LOCK_PI, 0, NULL); }
static long unlock(int i) { return futex(&word[i], UNLOCK_PI, 0, NULL); }

struct waiter { pid_t pid; struct gate go; };
/* Somebody who locks some, and then one more, when told to. */
static struct waiter new_waiter(const char *name, int policy, int priority, int has, int wants) {
  struct waiter w = { 0, new_gate() };
  struct gate ready = new_gate();
  CHILD(w.pid) {
    if (has >= 0) must(lock(has));
    be(0, policy, priority);
    open_gate(&ready);
    pass_gate(&w.go);
    long r = lock(wants);
    int e = errno;
    if (r) say("%s: %s", name, errname(e));
    else say("%s has it, priority %d", name, prio_of(getpid()));
    if (!r) must(unlock(wants));
    if (has >= 0) must(unlock(has));
    if (policy != SCHED_OTHER) say("%s is done, priority %d", name, prio_of(getpid()));
    _exit(0);
  }
  pass_gate(&ready);
  return w;
}
static void let_wait(struct waiter *w) {
  open_gate(&w->go);
  wait_asleep(w->pid);
}

static void lends_and_takes_back(void) {
  say("-- one lock");
  pid_t me = getpid();
  be(0, SCHED_OTHER, 0);
  must(lock(0));
  struct waiter a = new_waiter("FIFO 5", SCHED_FIFO, 5, -1, 0), b = new_waiter("FIFO 50", SCHED_FIFO, 50, -1, 0),
                c = new_waiter("FIFO 20", SCHED_FIFO, 20, -1, 0);
  say("own priority %d", prio_of(me));
  let_wait(&a);
  say("with FIFO 5: %d", prio_of(me));
  let_wait(&b);
  say("with FIFO 50: %d", prio_of(me));
  let_wait(&c);
  say("with FIFO 20: %d", prio_of(me));
  struct sched_param p;
  syscall(SYS_sched_getparam, 0, &p);
  say("policy %ld, real-time priority %d, nice %d", syscall(SYS_sched_getscheduler, 0), p.sched_priority, getpriority(PRIO_PROCESS, 0));
  be(b.pid, SCHED_FIFO, 10);
  say("FIFO 50 is 10 now: %d", prio_of(me));
  be(a.pid, SCHED_FIFO, 60);
  say("FIFO 5 is 60 now: %d", prio_of(me));
  setpriority(PRIO_PROCESS, 0, 5);
  say("nice 5: %d", prio_of(me));
  pid_t child;
  CHILD(child) {
    say("a child has %d", prio_of(getpid()));
    _exit(0);
  }
  wait_for(child);
  must(unlock(0));
  say("unlocked: %d", prio_of(me));
  wait_for(a.pid);
  wait_for(b.pid);
  wait_for(c.pid);
  setpriority(PRIO_PROCESS, 0, 0);
}
static void along_a_chain(void) {
  say("-- a chain");
  pid_t me = getpid();
  must(lock(0));
  struct waiter a = new_waiter("second", SCHED_OTHER, 0, 1, 0), b = new_waiter("third", SCHED_OTHER, 0, 2, 1),
                c = new_waiter("FIFO 30", SCHED_FIFO, 30, -1, 2);
  let_wait(&a);
  let_wait(&b);
  say("no boost yet: %d %d %d", prio_of(me), prio_of(a.pid), prio_of(b.pid));
  let_wait(&c);
  say("all boosted: %d %d %d", prio_of(me), prio_of(a.pid), prio_of(b.pid));
  be(c.pid, SCHED_FIFO, 7);
  say("less: %d %d %d", prio_of(me), prio_of(a.pid), prio_of(b.pid));
  kill(c.pid, SIGKILL);
  waitpid(c.pid, NULL, 0);
  say("killed: %d %d %d", prio_of(me), prio_of(a.pid), prio_of(b.pid));
  must(unlock(0));
  wait_for(a.pid);
  wait_for(b.pid);
}
static void in_a_circle(void) {
  say("-- a circle");
  must(lock(0));
  struct waiter a = new_waiter("one", SCHED_OTHER, 0, 1, 0), b = new_waiter("two", SCHED_OTHER, 0, 2, 1);
  let_wait(&a);
  show("wait for one who waits for us", lock(1));
  let_wait(&b);
  show("or for one further away", lock(2));
  struct waiter c = new_waiter("FIFO 9", SCHED_FIFO, 9, -1, 0);
  let_wait(&c);
  say("boosted %d", prio_of(getpid()));
  show("still a circle", lock(2));
  must(unlock(0));
  wait_for(a.pid);
  wait_for(b.pid);
  wait_for(c.pid);
}
static void gives_up(void) {
  say("-- times out");
  must(lock(0));
  pid_t child;
  struct gate ready = new_gate();
  CHILD(child) {
    be(0, SCHED_FIFO, 40);
    open_gate(&ready);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 1;
    show("wait for a second", futex(&word[0], LOCK_PI, 0, &t));
    _exit(0);
  }
  pass_gate(&ready);
  wait_asleep(child);
  say("boosted: %d", prio_of(getpid()));
  wait_for(child);
  say("not any more: %d", prio_of(getpid()));
  say("waiters bit stays: %d", (unsigned)word[0] >> 31);
  must(unlock(0));
  say("word %d", word[0]);
}
static void matters(void) {
  say("-- what it is for");
  pid_t low, mid;
  struct gate locked = new_gate(), go = new_gate();
  volatile int *stop = shared_memory(4096);
  be(0, SCHED_FIFO, 30);
  CHILD(low) {
    be(0, SCHED_OTHER, 0);
    must(lock(0));
    open_gate(&locked);
    pass_gate(&go);
    for (volatile int i = 0; i < 100000; i++) continue;
    must(unlock(0));
    _exit(0);
  }
  pass_gate(&locked);
  CHILD(mid) {
    be(0, SCHED_FIFO, 10);
    while (!*stop) continue;
    say("the one in the middle ends");
    _exit(0);
  }
  open_gate(&go);
  show("high: lock", lock(0));
  *stop = 1;
  must(unlock(0));
  wait_for(low);
  wait_for(mid);
  be(0, SCHED_OTHER, 0);
}

int main(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  must(sched_setaffinity(0, sizeof one, &one));
  word = shared_memory(4096);
  note = shared_memory(4096);
  lends_and_takes_back();
  along_a_chain();
  in_a_circle();
  gives_up();
  matters();
  return 0;
}
