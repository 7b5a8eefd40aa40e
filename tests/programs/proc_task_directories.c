/* /proc/PID/task/TID: each thread's own state, number, mask and name; the ids are the process's; a thread that ends goes. */
#include "check.h"

static struct gate ready, go;
static pid_t tid;
static void *thread(void *arg) {
  tid = gettid_();
  prctl(PR_SET_NAME, "second");
  block(SIGHUP);
  tgkill_(getpid(), tid, SIGHUP);
  open_gate(&ready);
  pass_gate(&go);
  return arg;
}
static void tell(const char *name, const char *path) {
  char line[200];
  FILE *f = fopen(path, "r");
  if (!f) {
    show(name, -1);
    return;
  }
  static const char *const keys[] = { "Name:", "State:", "Threads:", "SigPnd:", "SigBlk:", "PPid:" };
  while (fgets(line, sizeof line, f)) {
    line[strcspn(line, "\n")] = 0;
    for (int i = 0; i < 6; i++)
      if (!strncmp(line, keys[i], strlen(keys[i]))) say("%s: %s", name, i == 5 ? atoi(line + 5) == getppid() ? "PPid ok" : "PPid?" : line);
    if (!strncmp(line, "Tgid:", 5)) say("%s: Tgid is the process: %d", name, atoi(line + 5) == getpid());
    if (!strncmp(line, "Pid:", 4)) say("%s: Pid is the thread: %d", name, atoi(line + 4) == tid);
  }
  fclose(f);
}

int main(void) {
  char path[80];
  must(prctl(PR_SET_NAME, "first"));
  ready = new_gate();
  go = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pass_gate(&ready);
  wait_asleep(tid);
  snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
  tell("task", path);
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  tell("by its number", path);
  snprintf(path, sizeof path, "/proc/%d/task/%d/status", tid, getpid());
  show_ok("the leader in the thread's directory", access(path, R_OK));
  snprintf(path, sizeof path, "/proc/self/task/%d/status", getppid());
  show_ok("another process", access(path, R_OK));
  snprintf(path, sizeof path, "/proc/self/task/%d/task", tid);
  show_ok("no task directory below", access(path, R_OK));
  struct stat st;
  must(stat("/proc/self/task", &st));
  say("links %d", (int)st.st_nlink);
  snprintf(path, sizeof path, "/proc/self/task/%d", tid);
  int dir = (int)must(open(path, O_RDONLY | O_DIRECTORY));
  open_gate(&go);
  pthread_join(t, NULL);
  for (int i = 0; i < 1000 && access(path, F_OK) == 0; i++) sleep_ms(1);
  show_ok("ended", access(path, F_OK));
  show_ok("below an open directory", openat(dir, "status", O_RDONLY));
  return 0;
}
