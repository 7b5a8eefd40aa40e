/* PI futexes: an owner of several locks, waiters who leave, locks that are nobody's for a moment, words that somebody has changed. */
// needs: root
// differs: a lock that has no owner for a moment may be taken by who is more urgent than its next one
// a real 3.2.4: crashes in passed_on()
#include "cgroup.h"

enum { WAIT = 0, WAKE = 1, LOCK_PI = 6, UNLOCK_PI = 7, TRYLOCK_PI = 8, WAIT_REQUEUE_PI = 11, CMP_REQUEUE_PI = 12 };
#define OWNER_DIED 0x40000000
#define WAITERS ((int)0x80000000)
static int *word;
static volatile int *note;

static int prio_of(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = (int)must(open(path, O_RDONLY)), prio = 999;
  text[must(read(fd, text, sizeof text - 1))] = 0, close(fd);
  sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &prio);
  return prio;
}
static void be(pid_t pid, int priority) {
  struct sched_param p = { .sched_priority = priority };
  must(syscall(SYS_sched_setscheduler, pid, priority ? SCHED_FIFO : SCHED_OTHER, &p));
}
static long call(int i, int op, long val, void *timeout) { return syscall(SYS_futex, &word[i], op, val, timeout, NULL, 0); }
static long lock(int i) { return call(i, LOCK_PI, 0, NULL); }
static long unlock(int i) { return call(i, UNLOCK_PI, 0, NULL); }
static long requeue(int from, int to, long nr, int val) { return syscall(SYS_futex, &word[from], CMP_REQUEUE_PI, 1, nr, &word[to], val); }
static const char *who(int value, pid_t pid) {
  static char text[60];
  snprintf(text, sizeof text, "%s%s%s", value & WAITERS ? "waiters " : "", value & OWNER_DIED ? "died " : "", !(value & 0x3fffffff) ? "nobody" : (value & 0x3fffffff) == pid ? "mine" : "another's");
  return text;
}

/* Somebody who waits for a lock of that priority, ms at most; tells how that ended. */
static pid_t waiter(const char *name, int priority, int wants, long ms) {
  pid_t pid;
  CHILD(pid) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now), now.tv_nsec += ms * 1000000 % 1000000000, now.tv_sec += ms / 1000 + now.tv_nsec / 1000000000, now.tv_nsec %= 1000000000;
    be(0, priority);
    long r = call(wants, LOCK_PI, 0, ms ? &now : NULL);
    if (r) say("%s: %s", name, errname(errno));
    else say("%s has it, priority %d", name, prio_of(getpid())), must(unlock(wants));
    _exit(0);
  }
  wait_asleep(pid);
  return pid;
}

static void several_locks(void) {
  say("-- two locks of one owner");
  pid_t me = getpid(), p[5];
  must(lock(0)), must(lock(1));
  p[0] = waiter("FIFO 10", 10, 0, 0), say("%d", prio_of(me));
  p[1] = waiter("FIFO 30", 30, 1, 300), say("%d", prio_of(me));
  p[2] = waiter("FIFO 20", 20, 1, 0), say("%d", prio_of(me));
  p[3] = waiter("FIFO 5", 5, 1, 100), say("%d", prio_of(me));
  reap(p[3]), say("the last has left: %d", prio_of(me));
  reap(p[1]), say("the first has left: %d", prio_of(me));
  p[4] = waiter("FIFO 15", 15, 0, 0), say("%d", prio_of(me));
  must(unlock(1)), reap(p[2]), say("one lock less: %d", prio_of(me));
  must(unlock(0)), reap(p[4]), reap(p[0]), say("none left: %d", prio_of(me));
}

/* The owner is running while the one whom it has handed the lock to is not. */
static void of_nobody(void) {
  say("-- of nobody for a moment");
  pid_t a, b;
  be(0, 50);
  must(lock(0)), a = waiter("FIFO 50", 50, 0, 0);
  must(unlock(0)), show("again, as one of several", lock(0)), must(unlock(0)), reap(a);
  must(lock(0)), a = waiter("FIFO 20", 20, 0, 0);
  must(unlock(0)), say("%s", who(word[0], getpid())), show("again, before it", lock(0)), say("%s", who(word[0], getpid())), must(unlock(0)), reap(a);
  must(lock(0)), a = waiter("FIFO 20", 20, 0, 0);
  must(unlock(0)), show("by trying", call(0, TRYLOCK_PI, 0, NULL)), say("%s", who(word[0], getpid())), must(unlock(0)), reap(a);
  must(lock(0)), a = waiter("FIFO 20", 20, 0, 0), b = waiter("FIFO 10", 10, 0, 0);
  must(unlock(0)), be(b, 40), sleep_ms(20), reap(a), reap(b);
  must(lock(0)), a = waiter("FIFO 20", 20, 0, 0), b = waiter("FIFO 10", 10, 0, 0);
  must(unlock(0)), be(b, 15), sleep_ms(20), reap(a), reap(b);

  /* A condition's waiter is given the lock at once. */
  must(lock(0)), a = waiter("FIFO 20", 20, 0, 0);
  CHILD(b) {
    be(0, 30);
    long r = syscall(SYS_futex, &word[2], WAIT_REQUEUE_PI, 0, NULL, &word[0], 0);
    say("requeued: %ld, %s", r, who(word[0], getpid())), must(unlock(0));
    _exit(0);
  }
  wait_asleep(b);
  must(unlock(0)), show("requeue", requeue(2, 0, 1, 0)), reap(b), reap(a);
  be(0, 0);
}

static void circles(void) {
  say("-- circles");
  pid_t a, b;
  struct gate go = new_gate();
  must(lock(0));
  CHILD(a) {
    must(lock(1));
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end), end.tv_sec += 1;
    open_gate(&go);
    long r = syscall(SYS_futex, &word[2], WAIT_REQUEUE_PI, 0, &end, &word[0], 0);
    say("the condition's waiter: %s", r ? errname(errno) : "0"), must(unlock(1));
    _exit(0);
  }
  pass_gate(&go), wait_asleep(a);
  CHILD(b) sleep_ms(50), show("requeue to who waits for it", requeue(2, 0, 1, 0)), _exit(0);
  show("what it has", lock(1)), must(unlock(1)), must(unlock(0)), reap(b), reap(a);

  /* A circle that is closed where somebody else lends more. */
  must(lock(0)), must(lock(3));
  CHILD(a) {
    must(lock(1)), open_gate(&go), show("the second", lock(0)), must(unlock(1));
    _exit(0);
  }
  pass_gate(&go), wait_asleep(a), b = waiter("FIFO 30", 30, 3, 0);
  show("closed", lock(1)), must(unlock(3)), reap(b), must(unlock(0)), reap(a);
  word[0] = word[1] = word[2] = word[3] = 0;
}

static void changed_words(void) {
  say("-- words that were changed");
  pid_t a, b;
  CHILD(b) pause();
  word[0] = OWNER_DIED, show("its owner died", lock(0)), say("%s", who(word[0], getpid())), show("unlock", unlock(0)), say("%s", who(word[0], getpid()));
  word[0] = b;
  CHILD(a) call(0, WAIT, word[0], NULL), _exit(0);
  wait_asleep(a), show("somebody waits without a lock", lock(0)), word[0] = getpid() | WAITERS, show("unlock", unlock(0)), call(0, WAKE, 1, NULL), reap(a);
  word[0] = 0, must(lock(0)), a = waiter("FIFO 10", 10, 0, 0);
  int value = word[0];
  word[0] = b | WAITERS;
  pid_t c;
  CHILD(c) show("another owner's", lock(0)), word[0] = getpid() | WAITERS, show("unlock by another", unlock(0)), _exit(0);
  reap(c), word[0] = value, must(unlock(0)), reap(a);

  word[0] = 0;
  CHILD(a) syscall(SYS_futex, &word[2], WAIT_REQUEUE_PI, 0, NULL, &word[0], 0), _exit(0);
  wait_asleep(a);
  CHILD(c) call(2, WAIT, 0, NULL), _exit(0);
  wait_asleep(c), must(lock(0)), show("requeue one who waits for something else", requeue(2, 0, 5, 0)), say("%s", who(word[0], getpid()));
  kill(a, SIGKILL), kill(b, SIGKILL), kill(c, SIGKILL), reap(a), reap(b), reap(c), must(unlock(0));
}

/* An owner who has begun to exit: a namespace's init, whose child is frozen for a while. */
static void about_to_exit(const char *what, int condition) {
  struct gate ready = new_gate(), go = new_gate(), inside = new_gate();
  struct timespec from, to;
  pid_t helper, waits = 0;
  word[0] = word[2] = 0;
  if (condition) {
    CHILD(waits) syscall(SYS_futex, &word[2], WAIT_REQUEUE_PI, 0, NULL, &word[0], 0), _exit(0);
    wait_asleep(waits);
  }
  CHILD(helper) {
    pid_t init = (pid_t)must(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL));
    if (!init) {
      if (!fork()) for (put("c/a/tasks", "0"), open_gate(&inside);;) pause();
      pass_gate(&go), _exit(0);
    }
    pass_gate(&inside), must(put("c/a/freezer.state", "FROZEN")), word[0] = init, open_gate(&go), sleep_ms(20), open_gate(&ready);
    sleep_ms(100), must(put("c/a/freezer.state", "THAWED")), reap(init);
    _exit(0);
  }
  pass_gate(&ready), clock_gettime(CLOCK_MONOTONIC, &from);
  long r = condition ? requeue(2, 0, 1, 0) : lock(0);
  int e = errno;
  clock_gettime(CLOCK_MONOTONIC, &to), errno = e, show(what, r), say("it took a while %d", (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 > 50);
  reap(helper);
  if (waits) kill(waits, SIGKILL), reap(waits);
  word[0] = 0;
}

static struct gate *gates[2];
static void *cut_off(void *unused) { return pass_gate(gates[0]), must(mprotect(word, 4096, PROT_READ)), open_gate(gates[1]), unused; }

static void passed_on(void) {
  say("-- an owner who cannot say so");
  pid_t a, c;
  be(0, 50);
  must(lock(0)), a = waiter("FIFO 20", 20, 0, 0);
  struct gate cut = new_gate(), is_cut = new_gate();
  CHILD(c) {
    pthread_t thread;
    gates[0] = &cut, gates[1] = &is_cut, pthread_create(&thread, NULL, cut_off, NULL);
    be(0, 10), say("without a word: %s", lock(0) ? errname(errno) : "0");
    _exit(0);
  }
  wait_asleep(c), open_gate(&cut), pass_gate(&is_cut), must(unlock(0)), be(c, 40), sleep_ms(20), reap(c), reap(a), say("%s", who(word[0], 0));
  be(0, 0);
}

int main(void) {
  word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), note = (int *)word + 100;
  alarm(20), working_directory(), must(mount("none", "c", "cgroup", 0, "freezer")), must(mkdir("c/a", 0755));
  several_locks(), of_nobody(), circles(), changed_words(), about_to_exit("lock of who exits", 0), about_to_exit("requeue to it", 1), passed_on();
  rmdir("c/a"), must(umount("c"));
  return 0;
}
