/* fork() in a thread: the child has that thread alone, and is the child of the process. */
#include "check.h"

static pid_t main_pid;
static struct gate forever;

static void *idle(void *arg) {
  pass_gate(&forever);
  return arg;
}

static int count_tasks(void) {
  char line[200];
  int threads = -1;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f)) sscanf(line, "Threads: %d", &threads);
  if (f) fclose(f);
  return threads;
}

static void *forker(void *arg) {
  say("thread: tid differs from pid: %d", gettid_() != getpid());
  pid_t child;
  CHILD(child) {
    say("child: threads %d, leader of its group: %d", count_tasks(), gettid_() == getpid());
    say("child: parent is the process: %d", getppid() == main_pid);
    _exit(6);
  }
  *(pid_t *)arg = child;
  return NULL;
}

int main(void) {
  pthread_t a, b;
  pid_t child;
  main_pid = getpid();
  forever = new_gate();
  pthread_create(&a, NULL, idle, NULL);
  pthread_create(&b, NULL, forker, &child);
  pthread_join(b, NULL);
  say("the leader may wait for it: %s", reap(child));
  open_gate(&forever);
  pthread_join(a, NULL);
  return 0;
}
