/* Segments of modify_ldt(2) in a 32-bit program: data at another base and code of 16 bits live through signals. */
// needs: i386
// differs: later kernels keep ss, and may allow no segments of 16 bits
#include "trace.h"
#include <asm/ldt.h>
#include <ucontext.h>

extern char spin16[], end16[];
__asm__(".text\n"
        "spin16: .code16\n"
        "1: incw %es:4\n  decw %cx\n  jnz 1b\n  movw %cs, %dx\n  movw %es, %bx\n  data32 lret\n"
        "end16: .code32\n");

static char *page;
static unsigned short *data;
static unsigned segment(unsigned entry, void *base, unsigned limit, int contents, int wide, int absent) {
  struct user_desc d = {.entry_number = entry, .base_addr = (unsigned)base, .limit = limit, .seg_32bit = wide & 1, .contents = contents & 3, .seg_not_present = absent & 1, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  return entry << 3 | 7;
}

static volatile int ticks;
static volatile unsigned seen_ds, seen_cs, seen_es, inside;
static void on_alarm(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)sig, (void)info;
  unsigned ds;
  __asm__ volatile("mov %%ds, %0" : "=r"(ds));
  if (u->uc_mcontext.gregs[REG_ES] & 4) seen_es = u->uc_mcontext.gregs[REG_ES] & 0xffff, seen_ds = ds, inside++;
  if (u->uc_mcontext.gregs[REG_CS] & 4) seen_cs = u->uc_mcontext.gregs[REG_CS] & 0xffff;
  ticks++;
}

static void alarms(int usec) {
  struct itimerval often = {{0, usec}, {0, usec}};
  must(setitimer(ITIMER_REAL, &often, NULL));
}

int main(void) {
  page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  data = (unsigned short *)(page + 8192);
  memcpy(page, spin16, end16 - spin16);
  unsigned d = segment(1, data, 0xfff, 0, 1, 0), c = segment(2, page, 0xfff, 2, 0, 0);
  on_siginfo(SIGALRM, on_alarm, SA_RESTART);
  /* Data at another base: the handler has flat segments, and what was interrupted its own again. */
  alarms(1000);
  unsigned rounds = 0, es = 0;
  while (inside < 3 && rounds++ < 100000)
    __asm__ volatile("push %%es; mov %2, %%es; mov $20000, %%ecx; 1: incl %%es:8; loop 1b; mov %%es, %0; pop %%es" : "=r"(es), "+m"(rounds) : "r"(d) : "ecx", "memory");
  say("data: seen %x in the frame, handler's ds %x, es after it %x, all counted %d", seen_es, seen_ds, es & 0xffff, *(unsigned *)(data + 4) == rounds * 20000);
  /* ds itself: everything the code does without a prefix goes there. */
  inside = 0;
  unsigned sum = 0;
  *(unsigned *)(data + 8) = 0;
  for (int i = 0; i < 300; i++)
    __asm__ volatile("push %%ds; mov %1, %%ds; mov $2000, %%ecx; 1: incl 16; loop 1b; mov 16, %0; pop %%ds" : "=r"(sum) : "r"(d) : "ecx", "memory");
  say("ds: %u %u", sum, *(unsigned *)(data + 8));
  /* Code of 16 bits. */
  struct { unsigned offset; unsigned short selector; } __attribute__((packed)) to = {0, (unsigned short)c};
  unsigned dx = 0, bx = 0;
  seen_cs = 0, rounds = 0, data[2] = 0;
  while (!seen_cs && rounds++ < 100000)
    __asm__ volatile("push %%es; mov %3, %%es; push %%ebx; mov $60000, %%ecx; lcall *(%%eax); mov %%ebx, %%ecx; pop %%ebx; pop %%es" : "=d"(dx), "=c"(bx), "+m"(rounds) : "r"(d), "a"(&to) : "memory");
  alarms(0);
  say("code: seen %x, cs %x es %x, all counted %d", seen_cs, dx & 0xffff, bx & 0xffff, data[2] == (unsigned short)(rounds * 60000));
  /* A handler that gives another cs, or segments that are not there. */
  pid_t pid;
  segment(3, page, 0xfff, 0, 1, 1);
  CHILD(pid) {
    __asm__ volatile("mov %0, %%fs" : : "r"(d));
    segment(1, data, 0xfff, 0, 1, 1);
    unsigned fs;
    must(raise(SIGALRM) ? -1 : 0);
    __asm__ volatile("mov %%fs, %0" : "=r"(fs));
    _exit((int)fs & 0xff);
  }
  say("a segment that has gone away: %s", reap(pid));
  return 0;
}
