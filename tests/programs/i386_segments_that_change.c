/* The segment that a selector stands for changes: what was loaded before holds up to the next switch to another task,
 * and for the stack up to the end of the call.
 */
// needs: i386
// differs: since 4.3 a change holds at once
#include "check.h"
#include <asm/ldt.h>

static unsigned *page[2];
static int in_table;
static struct user_desc segment_at(int n, int absent) {
  return (struct user_desc){.entry_number = in_table ? 1 : 13, .base_addr = (unsigned)page[n], .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .seg_not_present = absent & 1, .useable = 1};
}
static unsigned set(int n, int absent) {
  struct user_desc d = segment_at(n, absent);
  must(in_table ? syscall(SYS_modify_ldt, 0x11, &d, sizeof d) : syscall(SYS_set_thread_area, &d));
  return in_table ? 0xf : 0x6b;
}
#define THROUGH(segment) ({ unsigned v_; __asm__ volatile("mov %%" #segment ":0, %0" : "=r"(v_)); v_; })
#define AT(segment) ({ unsigned v_; __asm__ volatile("mov %%" #segment ", %0" : "=r"(v_)); v_ & 0xffff; })
static void look(const char *what) {
  say("%s: fs %x %u, es %x %u", what, AT(fs), AT(fs) ? THROUGH(fs) : 0, AT(es) & 4 ? AT(es) : 0, AT(es) & 4 ? THROUGH(es) : 0);
}

/* Change it while it is the stack's, without a use of the stack. */
static unsigned in_ss(unsigned selector, int n) {
  struct user_desc d = segment_at(n, 0);
  unsigned v = 0, w, nr = in_table ? SYS_modify_ldt : SYS_set_thread_area;
  __asm__ volatile("mov %%ss, %%esi; mov %%edi, %%ss; int $0x80; mov %%ss:0, %%eax; mov %%ss, %%edi; mov %%esi, %%ss"
    : "=a"(v), "=D"(w) : "a"(nr), "D"(selector), "b"(in_table ? 0x11 : (unsigned)&d), "c"(&d), "d"(sizeof d) : "esi", "memory");
  return v;
}

int main(void) {
  for (int n = 0; n < 2; n++) page[n] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *page[n] = n + 1;
  for (in_table = 0; in_table < 2; in_table++) {
    say("%s", in_table ? "in the table" : "in a slot");
    unsigned selector = set(0, 0);
    __asm__ volatile("mov %0, %%fs" : : "r"(selector));
    if (in_table) __asm__ volatile("mov %0, %%es" : : "r"(selector)); /* a slot is not there when 3.2 loads es */
    look("loaded");
    set(1, 0);
    look("changed");
    usleep(1);
    look("after a switch");
    set(0, 0), look("and back"), usleep(1), look("after another");
    set(0, 1);
    look("gone");
    usleep(1);
    look("after a switch");
    set(0, 0);
    say("in ss: %u", in_ss(selector, 1));
  }
  return 0;
}
