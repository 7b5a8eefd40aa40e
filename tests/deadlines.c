/* Computes in ways drawn from a number while timers end at times drawn from it, and says where each has cut in: it
   tells two machines apart whose clocks do not count the same code alike. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static uint64_t state, places = 1469598103934665603u;
static volatile int cuts;
static volatile uint64_t work;
static char from[8192], to[8192];

static unsigned draw(unsigned n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)(state >> 11) % n;
}
static void note(uint64_t value) { places = (places ^ value) * 1099511628211u; }
static void arm(void) {
  static const int which[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
  struct itimerval timer = { { 0, 0 }, { 0, 1 + draw(900) } };
  setitimer(which[draw(3)], &timer, NULL);
}
static void on_timer(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)info;
  note((uint64_t)sig);
  note((uint64_t)uc->uc_mcontext.gregs[REG_RIP]);
  note((uint64_t)uc->uc_mcontext.gregs[REG_RCX]);
  note(work);
  cuts++;
  arm();
}
static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static int less(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void compute(void) {
  switch (draw(6)) {
  case 0:
    for (unsigned i = draw(20000); i; i--) work += i;
    break;
  case 1:
    work += fib(5 + draw(12));
    break;
  case 2: {
    void *d = to, *s = from;
    unsigned long n = draw(sizeof to);
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    break;
  }
  case 3: {
    int v[300];
    for (int i = 0; i < 300; i++) v[i] = (int)draw(1000);
    qsort(v, 300, sizeof v[0], less);
    work += (uint64_t)v[7];
    break;
  }
  case 4: {
    char *p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < 1 << 16; i += 512 + draw(4096)) p[i] = 1; /* faults in the middle of blocks */
    munmap(p, 1 << 16);
    break;
  }
  default:
    for (unsigned i = draw(200); i; i--) work += (uint64_t)getppid() & 1;
  }
}

int main(int argc, char **argv) {
  struct sigaction action;
  state = 88172645463325252u ^ (argc > 1 ? strtoull(argv[1], NULL, 10) * 2654435761u : 0);
  for (int i = 0; i < 20; i++) draw(2);
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_timer;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGVTALRM, &action, NULL);
  sigaction(SIGPROF, &action, NULL);
  arm();
  while (cuts < 8) compute();
  printf("%016llx\n", (unsigned long long)places);
  return 0;
}
