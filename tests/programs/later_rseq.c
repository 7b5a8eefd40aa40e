/* rseq(): what can be registered, what the kernel writes, and how a critical section is left. */
// later: all
// needs: root
#include "check.h"

#include <sys/auxv.h>

enum { NR_RSEQ = 334, NR_MEMBARRIER = 324, UNREGISTER = 1, SIG = 0x53053053 };

struct area {
  uint32_t cpu_id_start, cpu_id;
  uint64_t cs;
  uint32_t flags, node_id, mm_cid, end;
} __attribute__((aligned(32)));
struct section { uint32_t version, flags; uint64_t start, length, abort; } __attribute__((aligned(32)));

static struct area area, other;
static struct section section;
static volatile int stop, handled;

/* Waits in a critical section for *stop; returns 0 then, 1 if it was aborted. */
int spin(struct area *area, struct section *section, volatile int *stop);
extern char cs_start[], cs_end[], cs_abort[], unsigned_abort[];
__asm__(
  ".text\n.globl spin, cs_start, cs_end, cs_abort, unsigned_abort\n"
  "spin: mov %rsi, 8(%rdi)\n"
  "cs_start: cmpl $0, (%rdx)\n je cs_start\n"
  "cs_end: xor %eax, %eax\n ret\n"
  ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
  "cs_abort: mov $1, %eax\n ret\n"
  ".long 0x12345678\n"
  "unsigned_abort: mov $2, %eax\n ret\n");

static long rseq(void *at, uint32_t size, int flags, uint32_t sig) { return syscall(NR_RSEQ, at, size, flags, sig); }

static void good(void) {
  section = (struct section){ 0, 0, (uint64_t)(uintptr_t)cs_start, (uint64_t)(cs_end - cs_start), (uint64_t)(uintptr_t)cs_abort };
}

static void registering(void) {
  memset(&area, 0xee, sizeof area);
  area.cs = 0;
  area.flags = 0;
  char *place = (char *)&area;
  show("flags", rseq(&area, 32, 2, SIG));
  show("too small", rseq(&area, 31, 0, SIG));
  show("not aligned", rseq(place + 8, 32, 0, SIG));
  show("larger, not aligned", rseq(place + 16, 48, 0, SIG));
  show("the kernel's", rseq((void *)(uintptr_t)0x8000000000000000, 32, 0, SIG));
  show("nowhere", rseq((void *)32, 32, 0, SIG));
  show("unregistered before it is registered", rseq(&area, 32, UNREGISTER, SIG));
  section.start = 1;
  area.cs = (uint64_t)(uintptr_t)&section;
  show("registered", rseq(&area, 32, 0, SIG));
  say("cpu %d, the same at the start %d, node %u, cid %d, section %d, the rest %x", area.cpu_id == (uint32_t)sched_getcpu(),
      area.cpu_id == area.cpu_id_start, area.node_id, area.mm_cid < 1024, area.cs != 0, area.end);
  show("again", rseq(&area, 32, 0, SIG));
  show("with another signature", rseq(&area, 32, 0, 1));
  show("another size", rseq(&area, 64, 0, SIG));
  show("elsewhere", rseq(&other, 32, 0, SIG));
  show("unregistered: other flags", rseq(&area, 32, UNREGISTER | 2, SIG));
  show("elsewhere", rseq(&other, 32, UNREGISTER, SIG));
  show("another size", rseq(&area, 64, UNREGISTER, SIG));
  show("another signature", rseq(&area, 32, UNREGISTER, 1));
  show("unregistered", rseq(&area, 32, UNREGISTER, SIG));
  say("cpu %d, at the start %u, node %u, cid %u", (int)area.cpu_id, area.cpu_id_start, area.node_id, area.mm_cid);
  show("again", rseq(&area, 32, UNREGISTER, SIG));
  show("a larger one", rseq(&area, 64, 0, SIG));
  must(rseq(&area, 64, UNREGISTER, SIG));
}

/* On each CPU there is, one after the other. */
static void moved(void) {
  cpu_set_t all, one;
  int wrong = 0;
  must(sched_getaffinity(0, sizeof all, &all));
  must(rseq(&area, 32, 0, SIG));
  for (int round = 0; round < 2; round++)
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
      if (CPU_ISSET(cpu, &all)) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        must(sched_setaffinity(0, sizeof one, &one));
        wrong += area.cpu_id != cpu || area.cpu_id_start != cpu;
      }
  must(sched_setaffinity(0, sizeof all, &all));
  must(rseq(&area, 32, UNREGISTER, SIG));
  say("moved: wrong %d times", wrong);
}

static int in_thread(void *its) {
  show("of who shares the memory: the same", rseq(&area, 32, 0, SIG));
  must(rseq(&area, 32, UNREGISTER, SIG));
  show("another", rseq(its, 32, 0, 7));
  return 0;
}

static void inherited(char *self) {
  static char stack[65536];
  pid_t pid;
  area.cs = 0;
  must(rseq(&area, 32, 0, SIG));
  CHILD(pid) {
    show("a child's: again", rseq(&area, 32, 0, SIG));
    area.cpu_id = 12345;
    sched_yield();
    sleep_ms(1);
    say("written %d", area.cpu_id != 12345);
    show("unregistered", rseq(&area, 32, UNREGISTER, SIG));
    _exit(0);
  }
  wait_for(pid);
  pid = (pid_t)must(clone(in_thread, stack + sizeof stack, CLONE_VM | SIGCHLD, &other));
  wait_for(pid);
  CHILD(pid) {
    setenv("AFTER_EXEC", "1", 1);
    execl(self, self, NULL);
    _exit(99);
  }
  wait_for(pid);
  must(rseq(&area, 32, 0, SIG) == -1 && errno == EBUSY ? 0 : -1);
  must(rseq(&area, 32, UNREGISTER, SIG));
}

static void handler(int sig) {
  (void)sig;
  handled++;
  say("in the handler: section %d", area.cs != 0);
}
static void stopping(int sig) {
  (void)sig;
  handled++;
  stop = 1;
}

static void alarm_soon(void) {
  struct itimerval soon = { { 0, 0 }, { 0, 2000 } };
  must(setitimer(ITIMER_REAL, &soon, NULL));
}

static void aborted(void) {
  must(rseq(&area, 32, 0, SIG));
  good();
  stop = 1;
  say("committed: %d", spin(&area, &section, &stop));
  stop = 0;
  on_signal(SIGALRM, handler);
  alarm_soon();
  int times = 0, all = 0;
  for (; !handled; times++) all += spin(&area, &section, &stop);     /* others may take the CPU before */
  say("a signal: %d", all == times);
  say("handled %d, section %d", handled, area.cs != 0);
  /* Outside: the section is forgotten, and nothing else happens. */
  section.start = 0x1000;
  on_signal(SIGALRM, stopping);
  alarm_soon();
  say("outside of it: %d, section %d", spin(&area, &section, &stop), area.cs != 0);
  stop = 0;
  good();
  pid_t pid, parent = getpid();
  struct gate gate = new_gate();
  cpu_set_t cpus, one;
  must(sched_getaffinity(0, sizeof cpus, &cpus));
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  must(sched_setaffinity(0, sizeof one, &one));
  CHILD(pid) {
    pass_gate(&gate);
    while (getppid() == parent) continue;
    _exit(0);
  }
  open_gate(&gate);
  say("preempted: %d, section %d", spin(&area, &section, &stop), area.cs != 0);
  kill(pid, SIGKILL);
  wait_for(pid);
  must(sched_setaffinity(0, sizeof cpus, &cpus));
  must(rseq(&area, 32, UNREGISTER, SIG));
}

static void wrong(const char *what, struct section with, uint32_t flags) {
  pid_t pid;
  CHILD(pid) {
    must(rseq(&area, 32, 0, SIG));
    area.flags = flags;
    section = with;
    alarm_soon();
    spin(&area, with.version == 77 ? (struct section *)(uintptr_t)0x8000000000000000 : with.version == 78 ? (struct section *)16 : &section, &stop);
    _exit(1);
  }
  say("%s: %s", what, reap(pid));
}

static void all_wrong(void) {
  stop = 0;
  good();
  struct section with = section;
  on_signal(SIGALRM, handler);
  with.abort = (uint64_t)(uintptr_t)unsigned_abort;
  wrong("another signature", with, 0);
  with = section, with.abort = (uint64_t)(uintptr_t)cs_start;
  wrong("aborts in the section", with, 0);
  with = section, with.version = 1;
  wrong("a version", with, 0);
  with = section, with.version = 77;
  wrong("a section of the kernel's", with, 0);
  with.version = 78;
  wrong("a section nowhere", with, 0);
  with = section, with.start = 0x8000000000000000;
  wrong("begins in the kernel", with, 0);
  with = section, with.length = 0x8000000000000000;
  wrong("ends in the kernel", with, 0);
  with = section, with.abort = 0x8000000000000000;
  wrong("aborts in the kernel", with, 0);
  wrong("flags", section, 8);
  with = section, with.flags = 1;
  wrong("flags of the section", with, 0);
  pid_t pid;
  CHILD(pid) {
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(rseq(page, 32, 0, SIG));
    must(munmap(page, 4096));
    sleep_ms(1);
    _exit(1);
  }
  say("unmapped: %s", reap(pid));
}

static long membarrier(int cmd, unsigned flags, int cpu) { return syscall(NR_MEMBARRIER, cmd, flags, cpu); }

static volatile int begun, ended;
static void *spinner(void *unused) {
  cpu_set_t one;
  for (int cpu = CPU_SETSIZE; cpu--;) {     /* the last there is */
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (!sched_setaffinity(0, sizeof one, &one)) break;
  }
  must(rseq(&other, 32, 0, SIG));
  begun = 1;
  int r = spin(&other, &section, &stop);
  must(rseq(&other, 32, UNREGISTER, SIG));
  ended = 1 + r;
  return unused;
}

/* On another CPU, where there is one, nothing else ends it. */
static void restarted(void) {
  pthread_t thread;
  stop = 0;
  good();
  must(pthread_create(&thread, NULL, spinner, NULL) ? -1 : 0);
  while (!begun) sched_yield();
  while (!ended) must(membarrier(128, 0, 0));
  must(pthread_join(thread, NULL) ? -1 : 0);
  say("another thread's section: %d", ended - 1);
}

static void barriers(void) {
  show("not registered", membarrier(128, 0, 0));
  show("registered", membarrier(256, 0, 0));
  show("all", membarrier(128, 0, 0));
  show("of a CPU", membarrier(128, 1, 0));
  restarted();
  show("other flags", membarrier(128, 2, 0));
  show("flags of another command", membarrier(8, 1, 0));
  say("offered %lx", (unsigned long)membarrier(0, 0, 0) & 0x180);
}

int main(int argc, char **argv) {
  (void)argc;
  if (!getenv("GLIBC_TUNABLES")) {
    setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
    execv(argv[0], argv);
  }
  if (getenv("AFTER_EXEC")) {
    show("after exec: unregistered", rseq(&area, 32, UNREGISTER, SIG));
    show("registered", rseq(&area, 32, 0, SIG));
    return 0;
  }
  say("auxiliary vector: %lu, %lu", getauxval(27), getauxval(28));
  registering();
  moved();
  inherited(argv[0]);
  aborted();
  all_wrong();
  barriers();
  return 0;
}
