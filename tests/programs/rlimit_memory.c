/* Limits of memory: RLIMIT_AS for mmap, RLIMIT_DATA for brk, RLIMIT_STACK for the stack; kept by fork. */
#include "check.h"

static volatile int bottomless = 1;
static int deeper(volatile char *p, int n) {
  volatile char block[4096];
  block[0] = *p;
  if (!n || !bottomless) return 0;
  return deeper(block, n - 1) + block[0];
}
static int limit(int which, rlim_t soft) {
  struct rlimit r;
  must(getrlimit(which, &r));
  r.rlim_cur = soft;
  return setrlimit(which, &r);
}
static long mapping(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? -1 : 0;
}

int main(void) {
  pid_t child;
  CHILD(child) {
    must(limit(RLIMIT_AS, 64 << 20));
    show("mmap within", mapping(8 << 20));
    show("mmap beyond", mapping(64 << 20));
    void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("mremap beyond", mremap(p, 8192, 64 << 20, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    pid_t c;
    CHILD(c) {
      show("child: mmap beyond", mapping(64 << 20));
      _exit(0);
    }
    wait_for(c);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    uintptr_t end = (uintptr_t)syscall(SYS_brk, 0);
    must(limit(RLIMIT_DATA, 32 << 20));
    say("brk within: %d", (uintptr_t)syscall(SYS_brk, end + (1 << 20)) == end + (1 << 20));
    say("brk beyond stays: %d", (uintptr_t)syscall(SYS_brk, end + (64 << 20)) == end + (1 << 20));
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    char c = 0;
    must(limit(RLIMIT_STACK, 1 << 20));
    _exit(deeper(&c, 100));
  }
  say("stack within: %s", reap(child));
  CHILD(child) {
    char c = 0;
    struct rlimit core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &core);
    must(limit(RLIMIT_STACK, 1 << 20));
    _exit(deeper(&c, 1000));
  }
  say("stack beyond: %s", reap(child));
  CHILD(child) {
    must(limit(RLIMIT_STACK, 256 << 10));
    static char big[100000];
    memset(big, 'x', sizeof big - 1);
    char *args[] = { "true", big, NULL }, *none[] = { NULL };
    execve("/bin/true", args, none);
    show("exec with arguments beyond a quarter of the stack, but below 128 KiB", -1);
    _exit(1);
  }
  say("arguments up to 128 KiB always fit: %s", reap(child));
  return 0;
}
