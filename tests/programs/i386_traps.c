/* What single instructions of a 32-bit program bring: the signal with its frame, and the line in the kernel's log if
 * nobody handles it.
 */
// needs: i386
// needs: root
// differs: later kernels show the code and the CPU in the log
#include "check.h"
#include <asm/ldt.h>
#include <sys/klog.h>
#include <ucontext.h>

struct test { const char *name; unsigned char n, code[24]; };
#define T(name, bytes) { name, sizeof bytes - 1, bytes }

/* di: memory, in which there are 10 and 20; cx, dx: 0; si: nothing is there. Each is followed by RET. */
static const struct test tests[] = {
  T("nop", "\x90"), T("bound", "\x62\x0f"), T("bound, within", "\xb9\x0f\0\0\0\x62\x0f"), T("into without", "\x31\xc0\xce"),
  T("into", "\xb8\xff\xff\xff\x7f\x40\xce"), T("int 4", "\xcd\4"), T("int 3", "\xcd\3"), T("int3", "\xcc"),
  T("div", "\xf7\xf1"), T("aam 0", "\xd4\0"), T("aam", "\xd4\x0a"), T("daa", "\x27"), T("pusha", "\x60\x61"), T("salc", "\xd6"),
  T("ud2", "\x0f\x0b"), T("push es, pop es", "\x06\x07"), T("push cs, pop ds", "\x0e\x1f"), T("push cs, pop ss", "\x0e\x17"), T("82", "\x82\xc0\1"), T("arpl", "\x63\xc1"),
  T("hlt", "\xf4"), T("cli", "\xfa"), T("in", "\xe4\x60"), T("mov cr0", "\x0f\x20\xc0"), T("rdmsr", "\x0f\x32"), T("lgdt", "\x0f\x01\x17"), T("clts", "\x0f\x06"), T("sysret", "\x0f\x07"), T("sysexit", "\x0f\x35"), T("swapgs", "\x0f\x01\xf8"),
  T("mov ds, 0", "\x31\xc0\x8e\xd8\xb8\x2b\0\0\0\x8e\xd8"), T("mov ds, 0x10", "\xb8\x10\0\0\0\x8e\xd8"), T("mov es, 0x1234", "\xb8\x34\x12\0\0\x8e\xc0"), T("mov ss, 0", "\x31\xc0\x8e\xd0"), T("mov ss, 0x23", "\xb8\x23\0\0\0\x8e\xd0"), T("mov ss, 0x28", "\xb8\x28\0\0\0\x8e\xd0"),
  T("fs of what is absent", "\xb8\x0f\0\0\0\x8e\xe0"), T("ss of what is absent", "\xb8\x0f\0\0\0\x8e\xd0"), T("es of code that cannot be read", "\xb8\x17\0\0\0\x8e\xc0"), T("ss of what cannot be written", "\xb8\x1f\0\0\0\x8e\xd0"), T("fs that can be loaded", "\xb8\x27\0\0\0\x8e\xe0"),
  T("mov cs", "\x8e\xc8"), T("ljmp 0", "\xea\0\0\0\0\0\0"), T("ljmp 0x10", "\xea\0\0\0\0\x10\0"), T("ljmp 0x2b", "\xea\0\0\0\0\x2b\0"), T("lcall to what is absent", "\x9a\0\0\0\0\x2f\0"), T("lret to 0", "\x6a\0\x6a\0\xcb"), T("lret to 0x2b", "\x6a\x2b\x6a\0\xcb"), T("iret to 0x2b", "\x6a\0\x6a\x2b\x6a\0\xcf"), T("iret to 0", "\x6a\0\x6a\0\x6a\0\xcf"),
  T("read of nothing", "\x8b\x06"), T("write to nothing", "\x89\x06"), T("read of 8", "\xa1\x08\0\0\0"), T("write to code that cannot be written", "\xa2\0\0\0\0"), T("jump to nothing", "\xff\xe6"), T("read above all", "\xa1\0\xf0\xff\xff"), T("write above all", "\xa3\0\xf0\xff\xff"), T("jump above all", "\xb8\0\xf0\xff\xff\xff\xe0"), T("push on nothing", "\x31\xe4\x50"),
  T("cmpxchg8b eax", "\x0f\xc7\xc8"), T("lea eax, eax", "\x8d\xc0"), T("lock nop", "\xf0\x90"), T("fifteen bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), T("sixteen bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
  T("vm86", "\xb8\xa6\0\0\0\xcd\x80"), T("fwait", "\x9b"),
};

static unsigned char *code, *memory;
static char log_[1 << 16];

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  unsigned a = (unsigned)info->si_addr, ip = (unsigned)uc->uc_mcontext.gregs[REG_EIP];
  const char *where = !a ? "0" : a == ip ? "ip" : a - (unsigned)memory < 12288 ? "memory" : a >= 0xfffff000 ? "top" : a < 4096 ? "low" : "elsewhere";
  say("  signal %d, code %d, address %s, at %d, trap %d, error %x", sig, info->si_code, where, ip - (unsigned)code < 64 ? (int)(ip - (unsigned)code) : -1, (int)uc->uc_mcontext.gregs[REG_TRAPNO], (unsigned)uc->uc_mcontext.gregs[REG_ERR]);
  _exit(0);
}

static void go(void) {
  __asm__ volatile("push %%ebp; call *%0; pop %%ebp" : : "a"(code), "D"(memory), "S"(memory + 8192), "c"(0), "d"(0) : "ebx", "memory", "cc");
}

/* Numbers of the log that are the program's own are not told. */
static void tell(void) {
  long n = must(klogctl(4, log_, sizeof log_ - 1));
  log_[n] = 0;
  for (char *line = strtok(log_, "\n"); line; line = strtok(NULL, "\n")) {
    char *text = strchr(line, ']') + 2, what[64] = "";
    unsigned pid, error = 0;
    char *e = strstr(text, "error:"), *p = strchr(text, ']');
    if (!e) e = strstr(text, "error ");
    if (!p || sscanf(text, "test[%u]", &pid) != 1) {
      say("  log: %.60s", text);
      continue;
    }
    if (e) sscanf(e + 6, "%x", &error);
    char *end = strstr(p, " ip");
    snprintf(what, sizeof what, "%.*s", end ? (int)(end - p - 2) : 40, p + 2 + (p[1] == ':'));
    char *at = strstr(what, "at ");
    if (at) at[3] = 0;
    say("  log: %s error %x%s", what, error, strstr(text, " in ") ? ", in a file" : "");
  }
}

int main(void) {
  static char stack[65536];
  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
  must(sigaltstack(&ss, 0));
  code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(mprotect(memory + 8192, 4096, PROT_NONE));
  ((int *)memory)[0] = 10, ((int *)memory)[1] = 20;
  struct user_desc segments[] = {{.entry_number = 1, .base_addr = 4096, .limit = 1, .seg_32bit = 1, .seg_not_present = 1}, {.entry_number = 2, .base_addr = 4096, .limit = 1, .seg_32bit = 1, .contents = 2, .read_exec_only = 1}, {.entry_number = 3, .base_addr = 4096, .limit = 1, .seg_32bit = 1, .read_exec_only = 1}, {.entry_number = 4, .base_addr = 4096, .limit = 1, .seg_32bit = 1}, {.entry_number = 5, .base_addr = 4096, .limit = 1, .seg_32bit = 1, .contents = 2, .seg_not_present = 1}};
  for (int i = 0; i < 5; i++) must(syscall(SYS_modify_ldt, 0x11, segments + i, sizeof *segments));
  must(klogctl(5, NULL, 0));
  int fd = (int)must(open("/proc/sys/kernel/printk_ratelimit", O_WRONLY));
  must(write(fd, "0", 1)), close(fd);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    const struct test *t = tests + i;
    memset(code, 0xc3, 64), memcpy(code, t->code, t->n);
    say("%s", t->name);
    for (int handled = 1; handled >= 0; handled--) {
      pid_t pid;
      CHILD(pid) {
        int sigs[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS, SIGTRAP};
        for (int s = 0; s < 5 && handled; s++) on_siginfo(sigs[s], handler, SA_ONSTACK);
        prctl(PR_SET_NAME, "test");
        go();
        if (handled) say("  ran");
        _exit(0);
      }
      int status = wait_for(pid);
      if (status) say("  %s", wait_str(status));
      tell();
    }
    must(klogctl(5, NULL, 0));
  }
  return 0;
}
