/* PTRACE_SINGLEBLOCK ends behind a branch that is taken; system calls and signals end it earlier. */
// differs: a CPU that knows branches stops behind those; qemu's, which a real 3.2.4 ran on, steps by instruction
#include "ptrace.h"

extern char block_begin[], block_end[];
static void handler(int s) { (void)s; }
char buffer[8];
static void code(void) {
  signal(SIGUSR1, handler);
  __asm__ volatile("mov $62, %%eax; syscall;"
                   ".globl block_begin; block_begin:"
                   "nop; nop; xor %%eax, %%eax; jnz 1f; nop; jz 1f; nop; 1:"
                   "mov $3, %%ecx; lea buffer(%%rip), %%rdi; rep stosb;"
                   "mov $2, %%ecx; 2: loop 2b;"
                   "nop; call 3f; jmp 4f; 3: ret; 4:"
                   "nop; mov $39, %%eax; syscall; nop; nop; jmp 5f; nop; 5:"
                   "nop; nop;"
                   ".globl block_end; block_end: jmp block_end"
                   :
                   : "D"(getpid()), "S"((long)SIGSTOP)
                   : "rax", "rbx", "rcx", "r11", "memory", "cc");
}

int main(void) {
  pid_t pid = start_tracee(code);
  resume(pid, PTRACE_CONT, 0);
  for (int i = 0; i < 12; i++) {
    int s = resume(pid, PTRACE_SINGLEBLOCK, i == 10 ? SIGUSR1 : 0);
    long ip = peek_user(pid, REG(rip));
    siginfo_t info = info_of(pid);
    say("%s, code %d, dr6 %#lx, at %ld%s", wait_str(s), info.si_code, peek_user(pid, DR(6)) & 0x400f, ip == (long)handler ? -1 : ip - (long)block_begin,
        ip == (long)block_end ? ", the end" : "");
    if (ip == (long)handler) break;
  }
  end_tracee(pid);
  return 0;
}
