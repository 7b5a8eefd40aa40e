/* Work that was done is seen by every clock that tells of it, and they agree: getrusage, times, the CPU-time clocks,
   /proc/PID/stat, /proc/stat, what a parent is told of its children; each wait is a voluntary switch. */
#include "check.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

static long us(struct timeval t) { return t.tv_sec * 1000000L + t.tv_usec; }
static long clock_us(clockid_t id) {
  struct timespec t;
  must(clock_gettime(id, &t));
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}
static long used_us(int who) {
  struct rusage u;
  must(getrusage(who, &u));
  return us(u.ru_utime) + us(u.ru_stime);
}
static void compute(long user_us) {
  struct rusage u;
  volatile unsigned n = 0;
  do {
    for (int i = 0; i < 50000; i++) n += (unsigned)i;
    must(getrusage(RUSAGE_SELF, &u));
  } while (us(u.ru_utime) < user_us);
}
/* Fields from..to of a file's first line, added up; a name in parentheses is one field. */
static long fields(const char *path, int from, int to) {
  static char line[4096];
  int fd = (int)must(open(path, O_RDONLY));
  long n = must(read(fd, line, sizeof line - 1)), sum = 0;
  close(fd);
  line[n] = 0;
  char *at = strrchr(line, ')'), *word;
  int field = at ? 2 : 0;
  if (!strncmp(path, "/proc/stat", 10)) at = NULL, field = 0;
  for (word = strtok(at ? at + 1 : line, " \n"); word; word = strtok(NULL, " \n"))
    if (++field >= from && field <= to) sum += atol(word);
  return sum;
}
static int near(long a, long b, long by) { return a - b <= by && b - a <= by; }

int main(void) {
  long hz = sysconf(_SC_CLK_TCK), tick = 1000000 / hz;
  long before = fields("/proc/stat", 2, 4) * tick, wall = clock_us(CLOCK_MONOTONIC);
  struct tms t;
  compute(300000);
  wall = clock_us(CLOCK_MONOTONIC) - wall;
  long used = used_us(RUSAGE_SELF);
  times(&t);
  say("getrusage: at least what was asked for %d", used >= 300000);
  say("times: the same %d", near((t.tms_utime + t.tms_stime) * tick, used, 4 * tick));
  say("clock: the same %d", near(clock_us(CLOCK_PROCESS_CPUTIME_ID), used, 4 * tick));
  say("the thread's clock: the same %d", near(clock_us(CLOCK_THREAD_CPUTIME_ID), used, 4 * tick));
  say("/proc/PID/stat: the same %d", near(fields("/proc/self/stat", 14, 15) * tick, used, 4 * tick));
  say("/proc/stat: no less %d", fields("/proc/stat", 2, 4) * tick - before >= 300000 - 4 * tick);
  say("no more than has passed %d", used <= wall + 50000);

  pid_t child;
  CHILD(child) {
    compute(100000);
    _exit(0);
  }
  struct rusage told;
  must(wait4(child, NULL, 0, &told));
  long of_child = us(told.ru_utime) + us(told.ru_stime);
  times(&t);
  say("a child's: what wait4 tells %d", of_child >= 100000);
  say("RUSAGE_CHILDREN: the same %d", near(used_us(RUSAGE_CHILDREN), of_child, tick));
  say("times: the same %d", near((t.tms_cutime + t.tms_cstime) * tick, of_child, 4 * tick));
  say("/proc/PID/stat: the same %d", near(fields("/proc/self/stat", 16, 17) * tick, of_child, 4 * tick));

  struct rusage a, b;
  must(getrusage(RUSAGE_SELF, &a));
  for (int i = 0; i < 5; i++) sleep_ms(2);
  must(getrusage(RUSAGE_SELF, &b));
  say("voluntary switches of five sleeps: %ld", b.ru_nvcsw - a.ru_nvcsw);
  say("they cost next to nothing: %d", us(b.ru_utime) - us(a.ru_utime) < 10000);
  return 0;
}
