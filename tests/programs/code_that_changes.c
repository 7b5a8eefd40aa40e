/* Code that is written while it runs, through whatever way: the CPU executes what is there, and LOCK with BT, BTS, BTR or
 * BTC of a register is an illegal instruction wherever it comes from, at its own address.
 */
#include "check.h"
// a real 3.2.4: [qemu crashed]: qemu 7.2 ends at LOCK with BT of a register
#include <ucontext.h>

static unsigned char *code;
static volatile uintptr_t wrong_at;
static const unsigned char bts[] = { 0xf0, 0x0f, 0xab, 0xc0 };
static const unsigned char ret42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

/* Return from the call that got here, with -1. */
static void on_sigill(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  wrong_at = (uintptr_t)info->si_addr;
  if (wrong_at != (uintptr_t)uc->uc_mcontext.gregs[REG_RIP]) say("si_addr is not rip");
  uintptr_t *sp = (uintptr_t *)uc->uc_mcontext.gregs[REG_RSP];
  uc->uc_mcontext.gregs[REG_RIP] = (long)*sp;
  uc->uc_mcontext.gregs[REG_RSP] += 8;
  uc->uc_mcontext.gregs[REG_RAX] = -1;
}

static int call(unsigned char *at) {
  wrong_at = 0;
  return ((int (*)(void))at)();
}

static void try(const char *what, unsigned char *at, int offset) {
  int result = call(at);
  if (wrong_at)
    say("%s: illegal instruction%s", what, wrong_at == (uintptr_t)(at + offset) ? "" : ", elsewhere");
  else
    say("%s: %d", what, result);
}

static unsigned char *map(int prot, int flags, int fd, int pages) {
  unsigned char *p = mmap(0, (size_t)pages * 4096, prot, flags, fd, 0);
  if (p == MAP_FAILED) say("mmap: %s", errname(errno));
  return p;
}

static void encodings(void) {
  static const struct { const char *name; unsigned char code[8]; int n; } all[] = {
    { "lock bt eax, eax", { 0xf0, 0x0f, 0xa3, 0xc0 }, 4 },
    { "lock bts", { 0xf0, 0x0f, 0xab, 0xd8 }, 4 },
    { "lock btr rax, rbx", { 0xf0, 0x48, 0x0f, 0xb3, 0xd8 }, 5 },
    { "lock btc", { 0xf0, 0x0f, 0xbb, 0xff }, 4 },
    { "lock bt eax, 1", { 0xf0, 0x0f, 0xba, 0xe0, 1 }, 5 },
    { "lock bts eax, 1", { 0xf0, 0x0f, 0xba, 0xe8, 1 }, 5 },
    { "lock btr eax, 1", { 0xf0, 0x0f, 0xba, 0xf0, 1 }, 5 },
    { "lock btc eax, 1", { 0xf0, 0x0f, 0xba, 0xf8, 1 }, 5 },
    { "prefixes before and behind", { 0x66, 0xf0, 0x2e, 0x0f, 0xab, 0xc0 }, 6 },
    { "without lock", { 0x0f, 0xba, 0xe0, 1 }, 4 },
    { "lock bts of memory", { 0xf0, 0x0f, 0xba, 0x6c, 0x24, 0xf8, 0 }, 7 },
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    unsigned char *p = code + 256 * i;
    memcpy(p, all[i].code, 8);
    memcpy(p + all[i].n, ret42, sizeof ret42);
    try(all[i].name, p, 0);
  }
  /* As data, and as the operand of something else. */
  memcpy(code, "\xb8\xf0\x0f\xab\xc0\xb8\x01\x00\x00\x00\xc3", 11);
  try("inside another instruction", code, 0);
}

static void borders(void) {
  for (int before = 1; before < 4; before++) {
    unsigned char *p = code + 4096 - before;
    memset(code + 4096 - 16, 0x90, 32);
    memcpy(p, bts, sizeof bts);
    memcpy(p + 4, ret42, sizeof ret42);
    try("across a page", code + 4096 - 16, 16 - before);
    memcpy(p, "\x90\x90\x90\x90", 4);
    try("and mended", code + 4096 - 16, 0);
  }
}

/* Each in turn: mov eax, IMM; ret, then the illegal one, then the first with another number. */
static void changed(const char *how, unsigned char *writable, unsigned char *executable) {
  memcpy(writable, ret42, sizeof ret42);
  try(how, executable, 0);
  memcpy(writable, bts, sizeof bts);
  try(how, executable, 0);
  memcpy(writable, ret42, sizeof ret42);
  writable[1] = 43;
  try(how, executable, 0);
}

static void files(void) {
  char name[] = "/tmp/codeXXXXXX";
  int fd = mkstemp(name);
  static unsigned char page[8192];
  if (write(fd, page, sizeof page) != sizeof page) say("write: %s", errname(errno));
  unsigned char *w = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2);
  unsigned char *x = map(PROT_READ | PROT_EXEC, MAP_SHARED, fd, 2);
  unsigned char *private = map(PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 2);
  changed("two mappings of a file", w, x);
  changed("a private mapping of it", w, private);
  memcpy(page, ret42, sizeof ret42);
  for (int i = 0; i < 3; i++) {
    memcpy(page, i == 1 ? bts : ret42, 4);
    if (pwrite(fd, page, 16, 0) != 16) say("pwrite: %s", errname(errno));
    try("written with write(2)", i & 1 ? x : private, 0);
  }
  memset(w, 0x90, 8192);
  memcpy(w + 8190, ret42 + 4, 2);
  memcpy(w + 4090, bts, 4);
  try("a page of a file", x, 4090);
  ftruncate(fd, 4092);
  memcpy(w, ret42, sizeof ret42);
  try("truncated", x, 0);
  close(fd);
  unlink(name);
}

static void processes(void) {
  memcpy(code, ret42, sizeof ret42);
  try("before fork", code, 0);
  pid_t pid = fork();
  if (!pid) {
    try("in the child", code, 0);
    memcpy(code, bts, sizeof bts);
    try("written by the child", code, 0);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  try("in the parent", code, 0);
  unsigned char *shared = map(7, MAP_SHARED | MAP_ANONYMOUS, -1, 1);
  memcpy(shared, ret42, sizeof ret42);
  try("shared", shared, 0);
  pid = fork();
  if (!pid) {
    memcpy(shared, bts, sizeof bts);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  try("shared, written by the child", shared, 0);
}

static void kernel_writes(void) {
  int p[2];
  if (pipe(p)) say("pipe: %s", errname(errno));
  for (int i = 0; i < 3; i++) {
    if (write(p[1], i == 1 ? bts : ret42, 4) != 4 || read(p[0], code, 4) != 4) say("pipe: %s", errname(errno));
    code[4] = 0, code[5] = 0xc3;
    try("read into", code, 0);
  }
  struct iovec from = { (void *)bts, 4 }, to = { code, 4 };
  mprotect(code, 4096, PROT_READ | PROT_EXEC);
  try("read only", code, 0);
  say("process_vm_writev: %s", process_vm_writev(getpid(), &from, 1, &to, 1, 0) < 0 ? errname(errno) : "done");
  int fd = open("/proc/self/mem", O_RDWR);
  (void)fd;
  close(fd);
  mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
  close(p[0]), close(p[1]);
}

static void own_page(void) {
  /* inc byte [the 0 below]; dec ecx; mov eax, 0; jnz back; ret */
  memcpy(code, "\xb9\xc8\0\0\0\xfe\x05\x03\0\0\0\xff\xc9\xb8\0\0\0\0\x75\xf1\xc3", 21);
  try("a loop that changes itself", code, 0);
  /* The same across a page. */
  memcpy(code + 4096 - 8, code, 21);
  code[4096 + 6] = 0;
  try("across a page", code + 4096 - 8, 0);
  /* mov dword [next], LOCK BTS: writes the instruction behind it. */
  memcpy(code + 64, "\xc7\x05\0\0\0\0\xf0\x0f\xab\xc0\x90\x90\x90\x90\xc3", 15);
  try("writes the next one", code + 64, 10);
  /* mov qword [rip - 4] across two pages, by an instruction that lies across them, too. */
  memset(code + 4096 - 32, 0x90, 64);
  memcpy(code + 4096 - 5, "\x48\x89\x05\xfa\xff\xff\xff\x90\x90\xb8\x05\0\0\0\xc3", 15);
  memcpy(code + 4096 - 32, "\x48\xb8\x90\x90\x90\x90\x90\x90\x90\x90", 10);
  try("writes itself", code + 4096 - 32, 0);
  /* On a stack in the same page: mov rcx, rsp; lea rsp, [code + 2048]; pushf; pop rax; and eax, 0x100; mov rsp, rcx; ret */
  memcpy(code, "\x48\x89\xe1\x48\x8d\x25\xf6\x07\0\0\x9c\x58\x25\0\1\0\0\x48\x89\xcc\xc3", 21);
  try("pushf into its page", code, 0);
  /* The same by call and ret. */
  memcpy(code, "\x48\x89\xe1\x48\x8d\x25\xf6\x07\0\0\xe8\4\0\0\0\x48\x89\xcc\xc3\xb8\7\0\0\0\xc3", 25);
  try("call with the stack in its page", code, 0);
  /* rep stosb over the page, itself and what follows included: the rest is nop */
  memset(code, 0x90, 4096);
  memcpy(code, "\x48\x8d\x3d\x10\0\0\0\xb9\x20\0\0\0\xb0\x90\xf3\xaa\xb8\x09\0\0\0\xc3", 22);
  memcpy(code + 4091, "\xb8\x0b\0\0\0", 5);
  code[4096] = 0xc3;
  try("rep stosb", code, 0);
  /* getppid() as a system call from a page that writes itself: inc byte [data]; mov eax, 110; syscall; pushf; pop rax */
  memcpy(code, "\xfe\x05\xf4\x01\0\0\xb8\x6e\0\0\0\x0f\x05\x9c\x58\x25\0\1\0\0\xc3", 21);
  try("a system call", code, 0);
}

static void protections(void) {
  unsigned char *p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 2);
  for (int i = 0; i < 3; i++) {
    memcpy(p, i == 1 ? bts : ret42, 4);
    p[4] = 0, p[5] = 0xc3;
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    try("mprotect", p, 0);
    mprotect(p, 4096, PROT_READ | PROT_WRITE);
  }
  memcpy(p, ret42, sizeof ret42);
  mprotect(p, 8192, PROT_READ | PROT_EXEC);
  try("before mremap", p, 0);
  memcpy(code + 4094, bts, 2);
  unsigned char *to = mremap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, code + 8192);
  try("moved", to, 0);
}

int main(void) {
  static char stack[65536];
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction sa = { .sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigaltstack(&ss, 0);
  sigaction(SIGILL, &sa, 0);
  code = map(7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 4);
  encodings();
  borders();
  changed("writable and executable", code, code);
  files();
  processes();
  kernel_writes();
  own_page();
  protections();
  return 0;
}
