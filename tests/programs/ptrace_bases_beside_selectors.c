/* What becomes of a base of fs or gs beside which a selector is set, by the program or its tracer: the base holds up to
 * the next switch to another task, and is forgotten then.
 */
// differs: since 4.7 selectors and bases are set each for itself
#include "ptrace.h"
#include <asm/ldt.h>
#include <asm/prctl.h>

/* What lies 64 KiB behind a base says which it is. */
enum { BEHIND = 0x10000, LOW = 0x10000000, TABLE = 0x20000000 };
#define HIGH 0x123456780000ul
static const struct { unsigned long base; const char *name; } bases[] = {{0, "flat"}, {LOW, "low"}, {HIGH, "high"}, {TABLE, "table"}};
static const char *name_of(unsigned long base) {
  static char number[4][20];
  static int next;
  for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
    if (bases[i].base == base) return bases[i].name;
  char *text = number[next++ % 4];
  snprintf(text, 20, "%#lx", base);
  return text;
}

/* What the program has met: of fs and of gs. */
static struct seen { unsigned long selector[2], through[2], got[2]; int looked; } *seen;

static unsigned long base_for(char letter) { return letter == 'H' ? HIGH : letter == 'L' ? LOW : 0; }
static unsigned long selector_for(char letter, int segment) {
  return letter == 't' ? (segment ? 0x6b : 0x63) : letter == 'd' ? 0x2b : letter == 'x' ? 0xf : 0;
}

/* Without a library, which would look for its own where fs is. A letter is a step: L, H, Z a base, 0, t, d, x a
 * selector, l a look, g a question, w a wait, f a child that looks and asks; between ! and . stands what the tracer does.
 */
static const char *script;
static long call(long nr, long a, long b) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
  return r;
}
static void look(struct seen *s) {
  __asm__ volatile("mov %%fs:0x10000, %0; mov %%gs:0x10000, %1; mov %%fs, %2; mov %%gs, %3"
                   : "=&r"(s->through[0]), "=&r"(s->through[1]), "=&r"(s->selector[0]), "=&r"(s->selector[1]) : : "memory");
  s->looked = 1;
}
static void ask(struct seen *s) { call(SYS_arch_prctl, ARCH_GET_FS, (long)&s->got[0]), call(SYS_arch_prctl, ARCH_GET_GS, (long)&s->got[1]); }
static void wait_for_any(void) {
  long r;
  __asm__ volatile("xor %%r10, %%r10; syscall" : "=a"(r) : "a"(SYS_wait4), "D"(-1l), "S"(0l), "d"((long)__WALL) : "rcx", "r10", "r11", "memory");
}
static void plays(void) {
  struct user_desc d = {.entry_number = 1, .base_addr = TABLE, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  static const struct timespec moment = {0, 1000};
  struct seen *s = seen - 1;
  for (const char *at = script; *at; at++)
    switch (*at) {
      case 'L': case 'H': case 'Z':
        call(SYS_arch_prctl, ARCH_SET_FS, (long)base_for(*at)), call(SYS_arch_prctl, ARCH_SET_GS, (long)base_for(*at));
        break;
      case 'l': look(++s); break;
      case 'g': ask(s); break;
      case 'f':
        if (!call(SYS_clone, 0, 0)) look(++s), ask(s), call(SYS_exit, 0, 0);
        s++, wait_for_any();
        break;
      case 'w': call(SYS_nanosleep, (long)&moment, 0); break;
      case '!':
        __asm__ volatile("int3" : : : "memory");
        while (*at != '.') at++;
        break;
      default:
        __asm__ volatile("mov %0, %%fs; mov %1, %%gs" : : "r"((unsigned)selector_for(*at, 0)), "r"((unsigned)selector_for(*at, 1)));
    }
  __asm__ volatile("int3" : : : "memory");
  for (;;) call(SYS_pause, 0, 0);
}

static char lines[2][400];
static void add(int segment, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  size_t n = strlen(lines[segment]);
  vsnprintf(lines[segment] + n, sizeof lines[0] - n, format, ap);
  va_end(ap);
}
static void do_to(pid_t pid, char letter) {
  struct user_regs_struct r;
  unsigned long base[2] = {0xdead, 0xdead};
  switch (letter) {
    case 'L': case 'H': case 'Z':
      must(poke_user(pid, REG(fs_base), base_for(letter))), must(poke_user(pid, REG(gs_base), base_for(letter)));
      break;
    case 'G':
      r = regs_of(pid);
      add(0, " {%llx %s", r.fs, name_of(r.fs_base)), add(1, " {%llx %s", r.gs, name_of(r.gs_base));
      must(ptrace(PTRACE_ARCH_PRCTL, pid, &base[0], ARCH_GET_FS)), must(ptrace(PTRACE_ARCH_PRCTL, pid, &base[1], ARCH_GET_GS));
      add(0, ", %s}", name_of(base[0])), add(1, ", %s}", name_of(base[1]));
      break;
    default:
      must(poke_user(pid, REG(fs), selector_for(letter, 0))), must(poke_user(pid, REG(gs), selector_for(letter, 1)));
  }
}
/* "2b flat (low)": a selector, what is read through it, and what arch_prctl(2) says. */
static void show_looks(int *shown) {
  for (; seen[*shown].looked; ++*shown)
    for (int i = 0; i < 2; i++) {
      struct seen *s = seen + *shown;
      add(i, " %lx %s", s->selector[i], name_of(s->through[i]));
      if (s->got[i] != 0xdead) add(i, " (%s)", name_of(s->got[i]));
    }
}
static void play(const char *text) {
  script = text;
  for (int i = 0; i < 16; i++) seen[i] = (struct seen){.got = {0xdead, 0xdead}};
  lines[0][0] = lines[1][0] = 0;
  pid_t pid = start_tracee(plays);
  int shown = 0;
  for (const char *at = text;; at++) {
    int status = resume(pid, PTRACE_CONT, 0);
    show_looks(&shown);
    if (status != 0x57f) say("FAILED: %s", wait_str(status));
    at = strchr(at, '!');
    if (!at) break;
    while (*++at != '.') do_to(pid, *at);
  }
  do_to(pid, 'G');
  end_tracee(pid);
  say("%s", text), say("  fs%s", lines[0]), say("  gs%s", lines[1]);
}

int main(void) {
  seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
    unsigned long *at = mmap((void *)(bases[i].base + BEHIND), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    *at = bases[i].base;
  }
  static const char *const forms[] = {"Z%c!%cG.lglwlg0lwlgtlwlg", "Z!%c%cG.lglwlg0lwlg", "Z%c%clglwlg0lwlg", "Z%c%c!G.lglwlg", "Z%c%c0lglwlg", "Z%c%cflg", "Z!%c%c.flg", "Z%c%c0flg"};
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
    for (const char *base = "ZLH"; *base; base++)
      for (const char *selector = "0tdx"; *selector; selector++) {
        char text[80];
        snprintf(text, sizeof text, forms[f], *base, *selector);
        play(text);
      }
  return 0;
}
