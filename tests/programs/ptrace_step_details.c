/* Steps: over an instruction that lies in two pages and loads the flags, after a step by branches that a signal has ended,
 * and into a handler.
 */
// differs: in later kernels a step into a handler leaves no trap flag behind
#include "ptrace.h"

static char *pages;
static long flag(pid_t pid) { return peek_user(pid, REG(eflags)) >> 8 & 1; }
static int step(pid_t pid) {
  int status = resume(pid, PTRACE_SINGLESTEP, 0);
  return WIFSTOPPED(status) ? WSTOPSIG(status) : -1;
}

/* rex.W popf, whose second byte is the first one of a page; what it loads is the program's own. */
static void loads_flags(void) {
  memset(pages, 0x90, 8192);
  memcpy(pages + 4094, "\x9c\x48\x9d", 3); /* pushf before it */
  memcpy(pages + 4099, "\xeb\xfe", 2);
  ((void (*)(void))(pages + 4094))();
}
static void across_pages(void) {
  pid_t pid = start_tracee(loads_flags);
  unsigned long begins = (unsigned long)pages + 4094;
  while ((unsigned long)peek_user(pid, REG(rip)) != begins)
    if (step(pid) != SIGTRAP) return;
  step(pid), say("pushf: %ld bytes, flag %ld, pushed %ld", peek_user(pid, REG(rip)) - (long)begins, flag(pid), ptrace(PTRACE_PEEKDATA, pid, peek_user(pid, REG(rsp)), 0) >> 8 & 1);
  step(pid), say("popf: %ld bytes, flag %ld", peek_user(pid, REG(rip)) - (long)begins, flag(pid));
  step(pid), say("nop: %ld bytes, flag %ld", peek_user(pid, REG(rip)) - (long)begins, flag(pid));
  int status = resume(pid, PTRACE_CONT, 0);
  say("it goes on: %s", wait_str(status));
  end_tracee(pid);
}

static void nops(void) {
  memset(pages, 0x90, 8192);
  memcpy(pages + 64, "\xeb\xfe", 2);
  ((void (*)(void))pages)();
}
static void by_branches(void) {
  pid_t pid = start_tracee(nops);
  while ((char *)peek_user(pid, REG(rip)) != pages)
    if (step(pid) != SIGTRAP) return;
  kill(pid, SIGUSR1);
  int status = resume(pid, PTRACE_SINGLEBLOCK, 0);
  say("a signal before a branch: %s, %ld bytes", wait_str(status), peek_user(pid, REG(rip)) - (long)pages);
  for (int i = 0; i < 2; i++) step(pid), say("a step: %ld bytes", peek_user(pid, REG(rip)) - (long)pages);
  end_tracee(pid);
}

static void handles(int sig) {
  for (int i = 0; i < 1000 * sig; i++) __asm__ volatile("");
}
static void waits(void) {
  on_signal(SIGUSR1, handles);
  __asm__ volatile("int3");
  for (;;) __asm__ volatile("pause");
}
static void into_a_handler(void) {
  pid_t pid = start_tracee(waits);
  resume(pid, PTRACE_CONT, 0);
  step(pid);
  must(ptrace(PTRACE_SINGLESTEP, pid, 0, SIGUSR1));
  int status = wait_for(pid);
  say("into it: %s, at its beginning %d, flag %ld", wait_str(status), peek_user(pid, REG(rip)) == (long)handles, flag(pid));
  for (int i = 0, sig; i < 2; i++) sig = step(pid), say("a step: signal %d, flag %ld", sig, flag(pid));
  status = resume(pid, PTRACE_CONT, 0);
  say("it goes on: %s", wait_str(status));
  end_tracee(pid);
}

int main(void) {
  pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  across_pages(), by_branches(), into_a_handler();
  return 0;
}
