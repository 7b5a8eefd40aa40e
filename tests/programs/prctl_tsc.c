/* PR_SET_TSC: who reads the time stamp counter, or gets SIGSEGV for it, by thread. */
#include "check.h"

#include <sys/prctl.h>

static unsigned long rdtsc(void) {
  unsigned lo, hi;
  __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
  return (unsigned long)hi << 32 | lo;
}
static int mode(void) {
  int value = -1;
  must(prctl(PR_GET_TSC, &value));
  return value;
}
static void segv(int sig, siginfo_t *info, void *context) {
  (void)context;
  say("signal %d, code %d, address %lx", sig, info->si_code, (long)info->si_addr);
  _exit(3);
}
static void child(const char *name, void (*fn)(void)) {
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    fn();
    _exit(0);
  }
  int status = wait_for(pid);
  say("%s: %s", name, wait_str(status & ~0x80));
}
static void read_it(void) { rdtsc(); }
static void handled(void) {
  on_siginfo(SIGSEGV, segv, 0);
  rdtsc();
}
static void *thread(void *arg) {
  (void)arg;
  say("a new thread's mode: %d", mode());
  must(prctl(PR_SET_TSC, PR_TSC_ENABLE));
  rdtsc();
  return NULL;
}
static void by_thread(void) {
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  say("the first thread's mode: %d", mode());
}
static void executed(void) { execl("/proc/self/exe", "exec", "mode", NULL); }

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    say("executed: mode %d", mode());
    return 0;
  }
  say("at first: mode %d, goes on %d", mode(), rdtsc() != rdtsc() + 1);
  show("mode 0", prctl(PR_SET_TSC, 0));
  show("mode 3", prctl(PR_SET_TSC, 3));
  show("get at a bad address", prctl(PR_GET_TSC, 8));
  show("not any more", prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
  say("mode %d", mode());
  child("a child reads it", read_it);
  child("a child with a handler", handled);
  child("threads", by_thread);
  child("another program", executed);
  show("again", prctl(PR_SET_TSC, PR_TSC_ENABLE));
  rdtsc();
  say("mode %d", mode());
  child("a child reads it", read_it);
  return 0;
}
