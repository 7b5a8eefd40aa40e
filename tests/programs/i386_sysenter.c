/* SYSENTER elsewhere than in the vdso: in a page that stores into itself, from segments of a program's own; the time. */
// needs: i386
// differs: CPUs of AMD have no SYSENTER in compatibility mode, and later kernels no use for it
#include "check.h"
#include <asm/ldt.h>

/* What the vdso has before it: the three words that its return takes back. Before that, a store at edi. */
extern char begins[], ends[];
__asm__(".text\n"
        "begins: push %ecx\n push %edx\n push %ebp\n mov %esp, %ebp\n incl (%edi)\n sysenter\n"
        "ends:\n");
static char *page;
static long by_sysenter(int nr, int *count) {
  long r;
  __asm__ volatile("call *%2" : "=a"(r) : "a"(nr), "r"(page), "D"(count) : "memory");
  return r;
}
#define GET(segment) ({ unsigned s_; __asm__ volatile("mov %%" #segment ", %0" : "=r"(s_)); s_ & 0xffff; })
static unsigned segment(unsigned entry, int contents) {
  struct user_desc d = {.entry_number = entry, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .contents = (unsigned)contents & 3, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  return entry << 3 | 7;
}
static long long cpu_time(void) {
  struct timespec t;
  must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void) {
  page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, begins, (size_t)(ends - begins));
  int *count = (int *)(page + 2048), right = 0;
  unsigned flags;
  for (int i = 0; i < 5; i++) right += by_sysenter(SYS_getpid, count) == getpid();
  __asm__ volatile("pushf; pop %0" : "=r"(flags));
  say("in a page that stores into itself: %d of %d, trap flag %u", right, *count, flags >> 8 & 1);

  long r;
  unsigned cs, ss;
  __asm__ volatile("mov %4, %%ss; call *%3; mov %%ss, %1; push %%ds; pop %%ss" : "=a"(r), "=r"(ss) : "a"(SYS_getppid), "r"(page), "r"(segment(1, 0)), "D"(count) : "memory");
  say("from a stack of its own: %d, ss %x", r == getppid(), ss & 0xffff);
  __asm__ volatile("push %3; push $1f; lret; 1: call *%2; mov %%cs, %1" : "=a"(r), "=&r"(cs) : "r"(page), "r"(segment(2, 2)), "a"(SYS_getppid), "D"(count) : "memory");
  say("from code of its own: %d, cs %x", r == getppid(), cs & 0xffff);
  say("and then: cs %x ss %x", GET(cs), GET(ss));

  long long before = cpu_time();
  for (int i = 0; i < 1000; i++) {
    for (int j = 0; j < 10000; j++) __asm__ volatile("");
    by_sysenter(SYS_getpid, count);
  }
  say("what runs between calls takes time: %d", cpu_time() - before > 2000000);
  return 0;
}
