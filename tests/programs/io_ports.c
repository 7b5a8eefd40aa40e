/* iopl(2) and ioperm(2): who may, what is refused, what is inherited. */
// differs: in 3.2 IOPL 3 allows cli and sti (not since 5.5)
#include "check.h"
#include <sys/io.h>

static volatile sig_atomic_t faults;
static void on_segv(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  faults += sig == SIGSEGV && info->si_code == SI_KERNEL;
  u->uc_mcontext.gregs[REG_RIP] += (*(unsigned char *)u->uc_mcontext.gregs[REG_RIP] & 0xfc) == 0xe4 ? 2 : *(unsigned char *)u->uc_mcontext.gregs[REG_RIP] == 0x66 ? 2 : 1;
}
/* Ports that nothing answers at. */
#define PORT 0x9100
static int reads(unsigned port) {
  unsigned char value = 0x55;
  int before = faults;
  __asm__ volatile("in %%dx, %%al" : "+a"(value) : "d"(port));
  return faults != before ? -1 : value;
}
static long reads4(unsigned port) {
  unsigned value = 0x55;
  int before = faults;
  __asm__ volatile("in %%dx, %%eax" : "+a"(value) : "d"(port));
  return faults != before ? -1 : value != 0x55;
}
static int reads_imm(void) {
  unsigned char value = 0x55;
  int before = faults;
  __asm__ volatile("in $0xec, %%al" : "+a"(value));
  return faults != before ? -1 : value == 0x55 ? 0 : 1;
}
static unsigned level(void) {
  unsigned long flags;
  __asm__ volatile("pushf; pop %0" : "=r"(flags));
  return flags >> 12 & 3;
}
static void *in_thread(void *arg) {
  (void)arg;
  say("a thread: %x, level %u", reads(PORT), level());
  must(ioperm(PORT, 8, 0));
  say("it gives them back: %x", reads(PORT));
  return NULL;
}

static void try_all(const char *who) {
  say("%s: %x %x %lx %d level %u", who, reads(PORT), reads(PORT + 8), reads4(PORT + 6), reads_imm(), level());
}

int main(int argc, char **argv) {
  on_siginfo(SIGSEGV, on_segv, 0);
  if (argc > 1) {
    try_all(argv[1]);
    return 0;
  }
  pid_t pid;
  try_all("nothing asked for");
  show("ioperm of none", ioperm(PORT, 0, 1));
  show("beyond the end", ioperm(65535, 2, 1));
  show("around", ioperm(~0ul, 2, 1));
  show("iopl 4", iopl(4));
  CHILD(pid) {
    must(setresuid(1000, 1000, 1000));
    show("ioperm without the right", ioperm(PORT, 8, 1));
    show("beyond the end, without", ioperm(65535, 2, 1));
    show("turning off", ioperm(PORT, 8, 0));
    show("iopl 0", iopl(0));
    show("iopl 1", iopl(1));
    show("iopl 4", iopl(4));
    return 0;
  }
  reap(pid);
  show("ioperm", ioperm(PORT, 8, 1));
  try_all("eight ports");
  show("ioperm", ioperm(0xec, 1, 1));
  say("an immediate: %d", reads_imm());
  show("ioperm", ioperm(0xec, 1, 0));
  pthread_t t;
  pthread_create(&t, NULL, in_thread, NULL);
  pthread_join(t, NULL);
  try_all("after the thread");
  CHILD(pid) {
    try_all("a child");
    must(setresuid(1000, 1000, 1000));
    try_all("as another user");
    must(execl("/proc/self/exe", "io_ports", "after exec", NULL));
  }
  reap(pid);
  must(ioperm(PORT, 8, 0));
  show("iopl 3", iopl(3));
  try_all("all");
  CHILD(pid) {
    try_all("a child");
    must(setresuid(1000, 1000, 1000));
    try_all("as another user");
    show("the same level", iopl(3));
    show("a lower one", iopl(1));
    show("and back", iopl(3));
    try_all("level 1");
    return 0;
  }
  reap(pid);
  CHILD(pid) {
    must(execl("/proc/self/exe", "io_ports", "after exec", NULL));
  }
  reap(pid);
  int before = faults;
  __asm__ volatile("cli; nop; sti");
  say("cli and sti: %d faults", faults - before);
  show("iopl 0", iopl(0));
  before = faults;
  __asm__ volatile("cli; nop; sti");
  say("cli and sti: %d faults", faults - before);
}
