/* exec from a thread: the other threads end, the program goes on under the leader's PID, the old TID is gone. */
#include "check.h"

static char **args;

static void *other(void *arg) {
  for (;;) pause();
  return arg;
}
static void *executor(void *arg) {
  char tid[20];
  snprintf(tid, sizeof tid, "%d", gettid_());
  execl(args[0], args[0], (char *)arg, tid, NULL);
  say("exec failed: %s", errname(errno));
  return NULL;
}

int main(int argc, char **argv) {
  if (argc > 2) {
    say("pid kept: %d, tid is pid: %d", getpid() == atoi(argv[1]), gettid_() == getpid());
    show("old tid", tgkill_(getpid(), atoi(argv[2]), 0));
    char line[100];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
      if (!strncmp(line, "Threads", 7) || !strncmp(line, "Tgid", 4)) {
        int n = atoi(strchr(line, ':') + 1);
        say("%.7s%s", line[1] == 'h' ? "Threads" : "Tgid", n == 1 ? " 1" : n == getpid() ? " is pid" : " ?");
      }
    if (f) fclose(f);
    return 44;
  }
  args = argv;
  pid_t child;
  CHILD(child) {
    char pid[20];
    snprintf(pid, sizeof pid, "%d", getpid());
    pthread_t t;
    for (int i = 0; i < 3; i++) pthread_create(&t, NULL, other, NULL);
    pthread_create(&t, NULL, executor, pid);
    for (;;) pause();
  }
  say("%s", reap(child));
  return 0;
}
