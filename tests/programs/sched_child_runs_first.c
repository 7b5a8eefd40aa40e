/* kernel.sched_child_runs_first: who shares the parent's memory runs first; a copy of it takes so long that the parent
 * has had its next turn before the child is there. */
// needs: root
// differs: today's kernels have no such file
// order: it is about the order
#include "check.h"

static volatile int order;
static int thread(void *arg) {
  (void)arg;
  order = order ? order : 'c';
  return 0;
}
static void set(const char *value) {
  int fd = must(open("/proc/sys/kernel/sched_child_runs_first", O_WRONLY));
  must(write(fd, value, strlen(value)));
  close(fd);
}
static int threads_first(void) {
  static char stack[16384] __attribute__((aligned(16)));
  int first = 0;
  for (int i = 0; i < 10; i++) {
    order = 0;
    pid_t child = must(clone(thread, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
    order = order ? order : 'p';
    must(waitpid(child, NULL, 0));
    first += order == 'c';
  }
  return first;
}
static int children_first(void) {
  int first = 0;
  volatile int *shared = shared_memory(4096);
  for (int i = 0; i < 10; i++) {
    pid_t child;
    *shared = 0;
    CHILD(child) {
      *shared = *shared ? *shared : 'c';
      _exit(0);
    }
    *shared = *shared ? *shared : 'p';
    wait_for(child);
    first += *shared == 'c';
  }
  return first;
}
static void tell(const char *value) {
  set(value);
  int threads = threads_first();
  say("%s: threads first %d of 10, most children first %d", value, threads, children_first() > 5);
}

int main(void) {
  tell("0");
  tell("1");
  tell("-5");
  tell("0");
  return 0;
}
