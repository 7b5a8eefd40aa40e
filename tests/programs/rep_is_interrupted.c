/* A signal comes in the midst of a repeated string instruction: rip is the instruction's, the registers say how much is
 * left, and it goes on from there.
 */
#include "check.h"
#include <ucontext.h>

enum { SIZE = 512 << 20 };
static unsigned char *code, *memory;
static volatile int signals;

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *g = uc->uc_mcontext.gregs;
  (void)sig, (void)info;
  if ((unsigned char *)g[REG_RIP] != code || signals++) return;
  /* How far it is, by whichever register moves; then let it do three more. */
  long done = SIZE - 64 - g[REG_RCX];
  long moved = g[REG_RDI] != (greg_t)memory ? g[REG_RDI] - (greg_t)memory : g[REG_RSI] - (greg_t)(memory + 1);
  say("  in the midst: %s, registers %s", done > 0 && g[REG_RCX] > 0 ? "yes" : "no", done == moved ? "agree" : "differ");
  g[REG_RCX] = 3;
}

static void run(const char *name, const char *bytes) {
  memcpy(code, bytes, 3);
  say("%s", name);
  signals = 0;
  setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 3000 }, { 0, 3000 } }, 0);
  void *di = memory, *si = memory + 1;
  long count = SIZE - 64;
  __asm__ volatile("call *%3" : "+D"(di), "+S"(si), "+c"(count) : "r"(code), "a"(7L) : "memory", "cc");
  setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, 0);
  say("  left: %ld, interrupted: %s", count, signals ? "yes" : "no");
}

int main(void) {
  struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
  sigaction(SIGALRM, &sa, 0);
  code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) say("mmap: %s", errname(errno));
  run("rep lodsb", "\xf3\xac\xc3");
  run("repne scasb", "\xf2\xae\xc3");
  run("repe cmpsb", "\xf3\xa6\xc3");
  run("rep stosb", "\xf3\xaa\xc3");
  run("rep movsb", "\xf3\xa4\xc3");
  return 0;
}
