/* Several threads execute a program at once: one wins, the others are gone, the process has one thread and its PID. */
#include "check.h"

static char **args;
static pthread_barrier_t barrier;
static void *executor(void *number) {
  pthread_barrier_wait(&barrier);
  execl("/proc/self/exe", args[0], (char *)number, NULL);
  return NULL;
}
static void *exiter(void *code) {
  pthread_barrier_wait(&barrier);
  _exit(*(int *)code);
}

int main(int argc, char **argv) {
  args = argv;
  if (argc > 1) {
    char line[100];
    int threads = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f)) sscanf(line, "Threads: %d", &threads);
    return threads == 1 && gettid_() == getpid() ? 40 : 41;
  }
  int won = 0, exited = 0, other = 0;
  for (int round = 0; round < 20; round++) {
    pid_t child;
    CHILD(child) {
      pthread_t t;
      int code = 40;
      pthread_barrier_init(&barrier, NULL, 4);
      for (int i = 0; i < 3; i++) pthread_create(&t, NULL, executor, "x");
      if (round % 2) pthread_create(&t, NULL, exiter, &code);
      else pthread_create(&t, NULL, executor, "x");
      for (;;) pause();
    }
    int s = wait_for(child);
    if (WIFEXITED(s) && WEXITSTATUS(s) == 40) round % 2 ? exited++ : won++;
    else other++;
  }
  say("exec against exec %d, exec against exit %d, anything else %d", won, exited, other);
  return 0;
}
