/* /proc/sched_debug, /proc/schedstat and /proc/PID/schedstat: their lines, and numbers that must rise. */
// differs: today's kernels print other lines
#include "check.h"

static char *whole(const char *path) {
  static char text[65536];
  size_t n = 0;
  ssize_t got;
  int fd = must(open(path, O_RDONLY));
  while ((got = must(read(fd, text + n, sizeof text - 1 - n))) > 0) n += got;
  close(fd);
  text[n] = 0;
  return text;
}
/* Numbers become N. Of the groups and of who can run there are as many as there are. */
static void lines_of(const char *path) {
  int skip = 0;
  for (char *line = strtok(whole(path), "\n"); line; line = strtok(NULL, "\n")) {
    if (!strncmp(line, "cfs_rq", 6)) skip = strcmp(strchr(line, ':'), ":/") != 0;
    if (skip || strstr(line, " /")) continue;
    char masked[256], *to = masked;
    for (char *from = line; *from; from++) {
      if (*from < '0' || *from > '9') *to++ = *from;
      else if (to == masked || to[-1] != 'N') *to++ = 'N';
    }
    *to = 0;
    say("%s", masked);
  }
}
static unsigned long long ran, waited;
static unsigned long turns;
static void own(void) {
  if (sscanf(whole("/proc/self/schedstat"), "%llu %llu %lu", &ran, &waited, &turns) != 3) say("not three numbers");
}

int main(void) {
  lines_of("/proc/sched_debug");
  lines_of("/proc/schedstat");
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  must(sched_setaffinity(0, sizeof one, &one));
  own();
  unsigned long long ran0 = ran, waited0 = waited;
  unsigned long turns0 = turns;
  struct timespec t = { 0, 1000000 };
  for (int i = 0; i < 10; i++) nanosleep(&t, NULL);
  own();
  say("ten sleeps are ten turns %d", turns - turns0 == 10);
  pid_t child;
  volatile int *stop = shared_memory(4096);
  CHILD(child) {
    while (!*stop) continue;
    _exit(0);
  }
  own();
  waited0 = waited;
  for (struct timespec a, b = { 0, 0 }; ; ) {
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (!b.tv_sec && !b.tv_nsec) b = a;
    for (volatile int i = 0; i < 1000; i++) continue;
    if ((a.tv_sec - b.tv_sec) * 1000 + (a.tv_nsec - b.tv_nsec) / 1000000 >= 100) break;
  }
  own();
  *stop = 1;
  wait_for(child);
  say("ran %d, and waited for the CPU for about half of 100 ms %d", ran > ran0, waited - waited0 > 30000000 && waited - waited0 < 70000000);
  show("of a thread", open("/proc/self/task/1/schedstat", O_RDONLY) >= 0 ? 0 : -1);
  return 0;
}
