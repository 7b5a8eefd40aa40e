/* The signal that each of many single instructions brings, its code, where it says it was: privileged and undefined ones,
 * software interrupts, segment registers, far transfers, arithmetic, addresses that do not exist. What the engine answers
 * otherwise is in docs/differences.md, "There, but simpler".
 */
#include "check.h"
// a real 3.2.4: [qemu crashed]: qemu 7.2 ends at LOCK with BT of a register; its CPU does not know XSETBV
#include <ucontext.h>

struct test { const char *name; unsigned char n, code[40]; };
#define T(name, bytes) { name, sizeof bytes - 1, bytes }

/* di: memory; si: the same + 2048; dx: 0; cx: 0; r8: not canonical; r9: not mapped. Each is followed by RET. */
static const struct test tests[] = {
  T("nop", "\x90"), T("hlt", "\xf4"), T("cli", "\xfa"), T("sti", "\xfb"), T("in al, 0", "\xe4\0"), T("in eax, dx", "\xed"),
  T("out 0, al", "\xe6\0"), T("out dx, al", "\xee"), T("insb", "\x6c"), T("outsb", "\x6e"), T("rep insd", "\xff\xc1\xf3\x6d"),
  T("lgdt", "\x0f\x01\x17"), T("lidt", "\x0f\x01\x1f"), T("lldt", "\x0f\x00\xd0"), T("ltr", "\x0f\x00\xd8"),
  T("lmsw", "\x0f\x01\xf0"), T("clts", "\x0f\x06"), T("invd", "\x0f\x08"), T("wbinvd", "\x0f\x09"),
  T("invlpg", "\x0f\x01\x3f"), T("mov cr0, rax", "\x0f\x22\xc0"), T("mov rax, cr0", "\x0f\x20\xc0"),
  T("mov rax, cr2", "\x0f\x20\xd0"), T("mov rax, cr3", "\x0f\x20\xd8"), T("mov rax, cr4", "\x0f\x20\xe0"),
  T("mov rax, cr8", "\x44\x0f\x20\xc0"), T("mov cr3, rax", "\x0f\x22\xd8"), T("mov cr4, rax", "\x0f\x22\xe0"),
 T("mov dr0, rax", "\x0f\x23\xc0"), T("mov rax, dr0", "\x0f\x21\xc0"),
  T("mov dr7, rax", "\x0f\x23\xf8"), T("mov rax, dr7", "\x0f\x21\xf8"), T("rdmsr", "\x0f\x32"), T("wrmsr", "\x0f\x30"),
  T("swapgs", "\x0f\x01\xf8"), T("sysretq", "\x48\x0f\x07"), T("sysret", "\x0f\x07"), T("sysexit", "\x0f\x35"),
  T("rsm", "\x0f\xaa"), T("xsetbv", "\x0f\x01\xd1"),
  T("ud2", "\x0f\x0b"), T("ud1", "\x0f\xb9\xc0"), T("ud0", "\x0f\xff\xc0"), T("push es", "\x06"), T("pop es", "\x07"),
  T("push cs", "\x0e"), T("push ss", "\x16"), T("pop ss", "\x17"), T("push ds", "\x1e"), T("pop ds", "\x1f"),
  T("daa", "\x27"), T("das", "\x2f"), T("aaa", "\x37"), T("aas", "\x3f"), T("pusha", "\x60"), T("popa", "\x61"),
  T("82", "\x82\xc0\x01"), T("call far", "\x9a\0\0\0\0\x33\0"), T("jmp far", "\xea\0\0\0\0\x33\0"), T("aam", "\xd4\x0a"),
  T("aad", "\xd5\x0a"), T("salc", "\xd6"), T("into", "\xce"), T("0f 04", "\x0f\x04"), T("0f 0a", "\x0f\x0a"),
  T("0f 0c", "\x0f\x0c"), T("0f 24", "\x0f\x24\xc0"), T("0f 26", "\x0f\x26\xc0"), T("0f 36", "\x0f\x36"),
  T("0f a6", "\x0f\xa6\xff"), T("lock nop", "\xf0\x90"), T("lock add eax, eax", "\xf0\x01\xc0"),
  T("lock add [rdi], eax", "\xf0\x01\x07"), T("lock cmp [rdi], eax", "\xf0\x39\x07"),
  T("lock inc [rdi]", "\xf0\xff\x07"), T("lock not [rdi]", "\xf0\xf7\x17"),
  T("lock xchg [rdi], eax", "\xf0\x87\x07"), T("lock bts eax, eax", "\xf0\x0f\xab\xc0"),
  T("lock cmpxchg [rdi], eax", "\xf0\x0f\xb1\x07"),
  T("lea eax, eax", "\x8d\xc0"), T("mov cs, eax", "\x8e\xc8"), T("mov seg6, eax", "\x8e\xf0"), T("mov eax, seg7", "\x8c\xf8"),
  T("fe /2", "\xfe\xd0"), T("fe /7", "\xfe\xff"), T("ff /7", "\xff\xff"), T("c6 /1", "\xc6\xc8\0"), T("c7 /2", "\xc7\xd0\0\0\0\0"),
  T("cmpxchg8b eax", "\x0f\xc7\xc8"), T("fifteen bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
  T("sixteen bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
  T("int3", "\xcc"), T("int 0", "\xcd\0"), T("int 1", "\xcd\1"), T("int 2", "\xcd\2"), T("int 3", "\xcd\3"),
  T("int 4", "\xcd\4"), T("int 5", "\xcd\5"), T("int 6", "\xcd\6"), T("int 8", "\xcd\x08"), T("int 13", "\xcd\x0d"),
  T("int 14", "\xcd\x0e"), T("int 32", "\xcd\x20"), T("int 129", "\xcd\x81"), T("int 255", "\xcd\xff"),
  T("mov ds, 0", "\x31\xc0\x8e\xd8"), T("mov ds, 0x10", "\xb8\x10\0\0\0\x8e\xd8"),
  T("mov ds, 0x18", "\xb8\x18\0\0\0\x8e\xd8"), T("mov ds, 0xffff", "\xb8\xff\xff\0\0\x8e\xd8"),
 T("mov ss, 0", "\x31\xc0\x8e\xd0"),
  T("mov ss, 0x28", "\xb8\x28\0\0\0\x8e\xd0"), T("mov ss, 0x33", "\xb8\x33\0\0\0\x8e\xd0"), T("mov gs, 0", "\x31\xc0\x8e\xe8"),
  T("mov gs, 0x10", "\xb8\x10\0\0\0\x8e\xe8"), T("lss", "\x0f\xb2\x07"), T("pop gs", "\x6a\x10\x0f\xa9"),
  T("jmp far [rdi], selector 0", "\xff\x2f"), T("call far [rdi], selector 0", "\xff\x1f"),
  T("retfq to 0x10", "\x6a\x10\x6a\0\x48\xcb"), T("retfq to 0x2b", "\x6a\x2b\x6a\0\x48\xcb"),
  T("iretq to selector 0", "\x6a\0\x6a\0\x6a\0\x6a\0\x6a\0\x48\xcf"), T("iretq to 0x10", "\x6a\0\x6a\0\x6a\0\x6a\x10\x6a\0\x48\xcf"),
  T("div by 0", "\xf7\xf1"), T("idiv by 0", "\xf7\xf9"), T("div too large", "\xb8\0\0\0\0\xba\1\0\0\0\xb9\1\0\0\0\xf7\xf1"),
  T("idiv of the least", "\xb8\0\0\0\x80\x99\xb9\xff\xff\xff\xff\xf7\xf9"), T("div cl", "\xf6\xf1"),
  T("sse: masked", "\x68\x80\x1f\x00\x00\x0f\xae\x14\x24\x58\xb8\x00\x00\x80\x3f\x66\x0f\x6e\xc8\x0f\x57\xc0\xf3\x0f\x5e\xc8"),
  T("x87: 1 / 0, then fwait", "\x68\x7b\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd9\xee\xde\xf9\x9b"),
  T("x87: 1 / 0, then nothing", "\x68\x7b\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd9\xee\xde\xf9\xdb\xe2\x9b"),
  T("x87: masked", "\x68\x7f\x03\x00\x00\xd9\x2c\x24\x58\xd9\xe8\xd9\xee\xde\xf9\x9b"),
  T("movups, not aligned", "\x0f\x10\x47\x04"),
  T("load r9", "\x41\x8b\x01"), T("store r9", "\x41\x89\x01"), T("jmp r9", "\x41\xff\xe1"), T("call r9", "\x41\xff\xd1"),
  T("load r8", "\x41\x8b\x00"), T("store r8", "\x41\x89\x00"),

 T("push, sp not mapped", "\x4c\x89\xcc\x50"), T("load -8", "\x48\x8b\x04\x25\xf8\xff\xff\xff"),
  T("load the kernel's", "\x48\xb8\0\0\0\0\0\x80\xff\xff\x8b\0"), T("jmp to the kernel's", "\x48\xb8\0\0\0\0\0\x80\xff\xff\xff\xe0"),
  T("rep movsb from r9", "\x4c\x89\xce\xb9\5\0\0\0\xf3\xa4"), T("rep stosb to r8", "\x4c\x89\xc7\xb9\5\0\0\0\xf3\xaa"),
  T("rep stosb out of the memory", "\xb9\0\0\1\0\xf3\xaa"), T("rep stosb, a huge count", "\x48\x83\xc9\xff\xf3\xaa"),
  T("repne scasb, a huge count", "\xb0\7\x48\x83\xc9\xff\xf2\xae"), T("rep stosb, 0", "\x4c\x89\xc7\xf3\xaa"),
  T("xlat", "\x4c\x89\xc3\xd7"), T("enter", "\xc8\x10\0\0\xc9"), T("lods", "\x4c\x89\xce\xac"), T("fxsave, not aligned", "\x0f\xae\x47\1"),
  T("cmpxchg16b, not aligned", "\x48\x0f\xc7\x4f\x08"),
};

enum { SIZE = 3 * 4096 };
static unsigned char *code, *memory;

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  uintptr_t addr = (uintptr_t)info->si_addr, rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
  const char *where = !addr ? "0" : addr == rip ? "rip" : addr >= (uintptr_t)memory && addr <= (uintptr_t)memory + SIZE ? "memory" : "elsewhere";
  int at = rip >= (uintptr_t)code && rip < (uintptr_t)code + 64 ? (int)(rip - (uintptr_t)code) : -1;
  say("  signal %d, code %d, address %s, at %d, trap %d, error %x", sig, info->si_code, where, at,
      (int)uc->uc_mcontext.gregs[REG_TRAPNO], (unsigned)uc->uc_mcontext.gregs[REG_ERR]);
  _exit(0);
}

static void run(const struct test *t) {
  memcpy(code, t->code, t->n);
  code[t->n] = 0xc3;
  say("%s", t->name);
  pid_t pid = fork();
  if (!pid) {
    int sigs[] = { SIGILL, SIGSEGV, SIGFPE, SIGBUS, SIGTRAP };
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) sigaction(sigs[i], &sa, 0);
    ((void (*)(void *, void *, long, long, long, void *))code)(memory, memory + 2048, 0, 0, (long)(1ul << 63), memory + 8192);
    /* By the bare call, which a segment register of the C library's does not matter to. */
    static const char ran[] = "  ran\n";
    syscall(SYS_write, 1, ran, sizeof ran - 1);
    syscall(SYS_exit_group, 0);
  }
  int status;
  waitpid(pid, &status, 0);
  if (status) say("  %s", wait_str(status));
}

int main(void) {
  static char stack[65536];
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  sigaltstack(&ss, 0);
  code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(memory + 8192, 4096, PROT_NONE);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) run(tests + i);
  return 0;
}
