/* What may be written into debug registers, and what they read then. */
// differs: in 3.2 dr6 and dr7 read as they were written or copied, and a refused address is what the register reads
#include "ptrace.h"

static char watched[16] __attribute__((aligned(16)));
static void spin(void) {
  for (;;) __asm__ volatile("pause");
}
static void forks(void) {
  if (fork() == 0) spin();
  spin();
}
static pid_t pid;
static void poke(const char *what, int n, unsigned long value) {
  show(what, poke_user(pid, DR(n), value));
}
static unsigned long peek(int n) { return (unsigned long)peek_user(pid, DR(n)); }
static void at(const char *what, int n, unsigned long want) {
  unsigned long is = peek(n);
  if (is == want) say("%s: as wanted", what);
  else if (is - (unsigned long)watched < sizeof watched) say("%s: watched + %lu", what, is - (unsigned long)watched);
  else say("%s: %#lx", what, is);
}
#define ENABLE(n, type, len) (1UL << (n)*2 | (unsigned long)((len) << 2 | (type)) << (16 + (n)*4))

int main(void) {
  unsigned long a = (unsigned long)watched;
  pid = start_tracee(spin);
  poke("dr7: enabled without an address", 7, ENABLE(0, 1, 0));
  poke("dr7: nothing", 7, 0);
  poke("dr7: reserved bits", 7, 0xffffffff0000fc00);
  say("reads %#lx", peek(7));
  poke("dr6: all bits", 6, ~0UL);
  say("reads %#lx", peek(6));
  poke("dr4", 4, 1);
  poke("dr5", 5, 1);
  say("dr4, dr5 read %#lx, %#lx", peek(4), peek(5));
  poke("dr0: the kernel's", 0, 0x7ffffffff000);
  at("reads", 0, 0);
  poke("dr0", 0, a);
  at("reads", 0, a);
  poke("dr0: the kernel's now", 0, 0xffff800000000000);
  at("reads still", 0, a);
  poke("dr7: enabled there", 7, ENABLE(0, 1, 0));
  at("dr0 reads", 0, 0);
  say("dr7 reads %#lx", peek(7));
  poke("dr0: back", 0, a + 1);
  at("reads", 0, 0);
  poke("dr7: a byte", 7, ENABLE(0, 1, 0));
  at("dr0 reads", 0, a + 1);
  poke("dr7: two bytes, not aligned", 7, ENABLE(0, 1, 1));
  say("dr7 reads %#lx", peek(7));
  poke("dr0: aligned, while enabled", 0, a + 8);
  poke("dr7: eight bytes", 7, ENABLE(0, 3, 2));
  poke("dr0: to where it is not aligned", 0, a + 4);
  at("dr0 reads", 0, 0);
  poke("dr7: the same again", 7, ENABLE(0, 3, 2));
  at("dr0 reads", 0, 0);
  poke("dr7: i/o", 7, ENABLE(0, 2, 0));
  poke("dr7: an instruction of two bytes", 7, ENABLE(0, 0, 1));
  say("dr7 reads %#lx", peek(7));
  poke("dr1", 1, a);
  poke("dr7: one good, one bad", 7, ENABLE(0, 1, 0) | ENABLE(1, 2, 0));
  say("dr7 reads %#lx", peek(7));
  poke("dr7: i/o, not enabled", 7, 2 << 20);
  say("dr7 reads %#lx", peek(7));
  poke("dr7: by the other bit", 7, 2 | 1 << 16);
  say("dr7 reads %#lx", peek(7));
  poke("dr3: nothing there before", 3, 0);
  poke("dr7: at address 0", 7, ENABLE(3, 1, 3));
  end_tracee(pid);

  pid = start_tracee(forks);
  poke("dr0", 0, a);
  poke("dr6", 6, 0x1234);
  poke("dr7", 7, ENABLE(0, 1, 3));
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  wait_for(pid);
  unsigned long child;
  must(ptrace(PTRACE_GETEVENTMSG, pid, 0, &child));
  pid_t parent = pid;
  must(waitpid((pid_t)child, NULL, __WALL));
  pid = (pid_t)child;
  say("the child: dr0 %#lx, dr6 %#lx, dr7 %#lx", peek(0), peek(6), peek(7));
  end_tracee(pid);
  end_tracee(parent);
  return 0;
}
