/* LOCK with BTS of a register is illegal, but its bytes may lie among others: as data, within an instruction that is
 * executed a million times, across two pages. They are an illegal instruction only for who jumps there, whichever way
 * the page came to be where it is.
 */
#include "check.h"
// a real 3.2.4: [qemu crashed]: qemu 7.2 ends at LOCK with BT of a register
#include <ucontext.h>

enum { PAGE = 4096, HOT = 64, ILLEGAL = HOT + 8, BORDER = PAGE - 2 };
static volatile uintptr_t wrong_at;
/* mov ecx, N; (66 90) mov eax, 0xc0ab0ff0; dec ecx; jnz there; ret */
static const unsigned char loop[] = "\xb9\x40\x42\x0f\0\x66\x90\xb8\xf0\x0f\xab\xc0\xff\xc9\x75\xf7\xc3";
static const unsigned char bts[] = { 0xf0, 0x0f, 0xab, 0xc0, 0xc3 };

static void on_sigill(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  wrong_at = (uintptr_t)info->si_addr;
  if (wrong_at != (uintptr_t)uc->uc_mcontext.gregs[REG_RIP]) say("si_addr is not rip");
  uintptr_t *sp = (uintptr_t *)uc->uc_mcontext.gregs[REG_RSP];
  uc->uc_mcontext.gregs[REG_RIP] = (long)*sp;
  uc->uc_mcontext.gregs[REG_RSP] += 8;
}

static void try(const char *what, unsigned char *at) {
  wrong_at = 0;
  static long cell;
  unsigned result = ((unsigned (*)(long *))at)(&cell);
  if (wrong_at)
    say("%s: illegal%s", what, wrong_at == (uintptr_t)at ? "" : ", elsewhere");
  else
    say("%s: %x", what, result);
}

/* Everything in two pages that try() can call. */
static void both(const char *what, unsigned char *code) {
  say("- %s", what);
  try("a hot loop", code + HOT);
  try("into its operand", code + ILLEGAL);
  try("behind a prefix", code + ILLEGAL - 2 + 256);
  try("across the border", code + BORDER);
  try("the loop again", code + HOT);
}

static unsigned char *map(int prot, int flags, int fd) {
  unsigned char *p = mmap(0, 3 * PAGE, prot, flags, fd, 0);
  if (p == MAP_FAILED) say("mmap: %s", errname(errno));
  return p;
}

static int file(void) {
  char name[] = "/tmp/codeXXXXXX";
  int fd = mkstemp(name);
  if (fd < 0 || ftruncate(fd, 3 * PAGE)) say("file: %s", errname(errno));
  unlink(name);
  return fd;
}

static void fill(unsigned char *code) {
  memset(code, 0x90, 2 * PAGE);
  memcpy(code + HOT, loop, sizeof loop - 1);
  memcpy(code + ILLEGAL + 256 - 2, "\x66\x2e\xf0\x0f\xbb\xf9\xc3", 7);
  memcpy(code + BORDER, bts, sizeof bts);
}

static void processes(unsigned char *code) {
  pid_t pid = fork();
  if (!pid) {
    both("in a child", code);
    unsigned char *to = mremap(code, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, code + 64 * PAGE);
    if (to == MAP_FAILED) say("mremap: %s", errname(errno));
    both("moved by the child", to);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  both("after it, in the parent", code);
  int go[2];
  if (pipe(go)) say("pipe: %s", errname(errno));
  pid = fork();
  if (!pid) {
    char c;
    if (read(go[0], &c, 1) == 1) try("child, while the parent runs", code + ILLEGAL);
    _exit(0);
  }
  if (write(go[1], "", 1) != 1) say("write: %s", errname(errno));
  waitpid(pid, 0, 0);
  try("parent", code + ILLEGAL);
}

static void next_page(unsigned char *code, int fd, int page) {
  if (mmap(code + PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, page * PAGE) == MAP_FAILED)
    say("mmap: %s", errname(errno));
}

/* What begins at the end of the first page is illegal with one page behind it, and lock xadd [rdi], eax with another. */
static void neighbours(unsigned char *code) {
  int fd = file();
  unsigned char *other = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
  memcpy(other, "\xc1\x07\xb8\x07\0\0\0\xc3", 8);
  memcpy(other + PAGE, bts + 2, 3);
  for (int i = 0; i < 4; i++) {
    next_page(code, fd, i & 1);
    try("with another next page", code + BORDER);
  }
  for (int i = 0; i < 3; i++) {
    pid_t pid = fork();
    if (!pid) {
      next_page(code, fd, i & 1);
      try("child with another next page", code + BORDER);
      _exit(0);
    }
    waitpid(pid, 0, 0);
    try("its parent", code + BORDER);
  }
  next_page(code, fd, 0);
  try("legal", code + BORDER);
  int go[2], done[2];
  char c;
  if (pipe(go) || pipe(done)) say("pipe: %s", errname(errno));
  pid_t pid = fork();
  if (!pid) {
    for (int i = 0; i < 3 && read(go[0], &c, 1) == 1; i++) {
      try("still legal in the child", code + BORDER);
      if (write(done[1], "", 1) != 1) say("write: %s", errname(errno));
    }
    _exit(0);
  }
  for (int i = 0; i < 3; i++) {
    next_page(code, fd, 1);
    try("illegal", code + BORDER);
    if (write(go[1], "", 1) != 1 || read(done[0], &c, 1) != 1) say("pipe: %s", errname(errno));
  }
  waitpid(pid, 0, 0);
  munmap(code + PAGE, PAGE);
  try("without a next page", code + ILLEGAL);
  close(fd);
}

static void ticks(int sig) { (void)sig; }

int main(void) {
  static char stack[65536];
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction sa = { .sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigaltstack(&ss, 0);
  sigaction(SIGILL, &sa, 0);
  int fd = file();
  unsigned char *w = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
  fill(w);
  unsigned char *a = map(PROT_READ | PROT_EXEC, MAP_SHARED, fd), *b = map(PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
  both("a file", a);
  both("the same elsewhere", b);
  both("and again", a);
  w[ILLEGAL + 1] = 0x1f;
  try("made legal", a + HOT);
  w[ILLEGAL + 1] = 0x0f;
  both("and illegal", b);
  unsigned char *own = map(7, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  fill(own);
  both("writable", own);
  mprotect(own, 2 * PAGE, PROT_READ);
  mprotect(own, 2 * PAGE, PROT_READ | PROT_EXEC);
  both("read only", own);
  processes(own);
  processes(a);
  signal(SIGALRM, ticks);
  setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 1000 }, { 0, 1000 } }, 0);
  both("with a timer", a);
  both("with a timer", b);
  setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, 0);
  neighbours(a);
  return 0;
}
