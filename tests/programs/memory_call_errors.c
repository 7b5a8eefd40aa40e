/* Mistakes with mappings: ranges that wrap, are odd or empty, have holes; flags that contradict each other. */
#include "check.h"

#define PAGE 4096UL
#define FAR 0xfffffffffffff000UL

int main(void) {
  go_to_scratch();
  write_file("f", "text", 0644);
  int in = must(open("f", O_RDONLY)), fd = must(open("f", O_RDWR)), append = must(open("f", O_RDWR | O_APPEND));
  char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned long a = (unsigned long)p;

  show("mmap of nothing", syscall(SYS_mmap, 0UL, 0UL, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0UL));
  show("mmap, too much", syscall(SYS_mmap, 0UL, ~0UL, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0UL));
  show("mmap, neither shared nor private", syscall(SYS_mmap, 0UL, PAGE, 3, MAP_ANONYMOUS, -1, 0UL));
  show("mmap, odd offset", syscall(SYS_mmap, 0UL, PAGE, 3, MAP_PRIVATE, fd, 1UL));
  show("mmap, odd fixed address", syscall(SYS_mmap, 1UL, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0UL));
  show("mmap, no descriptor", syscall(SYS_mmap, 0UL, PAGE, 3, MAP_PRIVATE, 77, 0UL));
  show("mmap, shared and writable, only read", syscall(SYS_mmap, 0UL, PAGE, 3, MAP_SHARED, in, 0UL));
  show_ok("mmap, shared, appending", syscall(SYS_mmap, 0UL, PAGE, 3, MAP_SHARED, append, 0UL));
  show("mmap of a directory", syscall(SYS_mmap, 0UL, PAGE, 1, MAP_PRIVATE, must(open(".", O_RDONLY)), 0UL));
  show("mmap above everything", syscall(SYS_mmap, FAR, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0UL));
  must(munmap(p + 2 * PAGE, PAGE));
  must(munmap(p + 5 * PAGE, PAGE));
  show("munmap, odd", syscall(SYS_munmap, 1UL, PAGE));
  show("munmap of nothing", syscall(SYS_munmap, a, 0UL));
  show("munmap, a range that wraps", syscall(SYS_munmap, a, ~0UL));
  show("munmap of a hole", syscall(SYS_munmap, a + 2 * PAGE, PAGE));

  show("mprotect, odd", syscall(SYS_mprotect, a + 1, PAGE, 1));
  show("mprotect of nothing", syscall(SYS_mprotect, a, 0UL, 1));
  show("mprotect, a range that wraps", syscall(SYS_mprotect, a, ~0UL - PAGE, 1));
  show("mprotect, unknown bits", syscall(SYS_mprotect, a, PAGE, 0x100));
  show("mprotect over a hole", syscall(SYS_mprotect, a, 4 * PAGE, 1));
  show("mprotect of a hole", syscall(SYS_mprotect, a + 2 * PAGE, PAGE, 1));
  show("mprotect, grows down, of no stack", syscall(SYS_mprotect, a, PAGE, 1 | 0x01000000));
  show("mprotect, grows up", syscall(SYS_mprotect, a, PAGE, 1 | 0x02000000));
  show("mprotect, both", syscall(SYS_mprotect, a, PAGE, 1 | 0x03000000));
  char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, in, 0);
  show("mprotect of what may not be written", mprotect(shared, PAGE, PROT_READ | PROT_WRITE));
  must(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE));

  for (int advice = 0; advice < 3; advice++) show("madvise", syscall(SYS_madvise, a, PAGE, advice));
  show("madvise, unknown", syscall(SYS_madvise, a, PAGE, 99));
  show("madvise, odd", syscall(SYS_madvise, a + 1, PAGE, 0));
  show("madvise of nothing", syscall(SYS_madvise, a, 0UL, 0));
  show("madvise, a range that wraps", syscall(SYS_madvise, a, ~0UL - PAGE, 0));
  show("madvise over a hole", syscall(SYS_madvise, a, 4 * PAGE, 0));
  show("madvise remove, of no file", syscall(SYS_madvise, a, PAGE, 9));
  show("madvise remove, of what is not written", syscall(SYS_madvise, shared, PAGE, 9));

  show("msync, odd", syscall(SYS_msync, a + 1, PAGE, MS_SYNC));
  show("msync, unknown", syscall(SYS_msync, a, PAGE, 8));
  show("msync, both", syscall(SYS_msync, a, PAGE, MS_SYNC | MS_ASYNC));
  show("msync, a range that wraps", syscall(SYS_msync, a, ~0UL - PAGE, MS_SYNC));
  show("msync of nothing", syscall(SYS_msync, a, 0UL, MS_SYNC));
  show("msync over a hole", syscall(SYS_msync, a, 4 * PAGE, MS_SYNC));
  show("msync", syscall(SYS_msync, shared, PAGE, MS_SYNC));

  unsigned char seen[8];
  show("mincore, odd", syscall(SYS_mincore, a + 1, PAGE, seen));
  show("mincore, bad pointer", syscall(SYS_mincore, a, PAGE, 8UL));
  show("mincore over a hole", syscall(SYS_mincore, a, 4 * PAGE, seen));
  show("mincore, far away", syscall(SYS_mincore, FAR, PAGE, seen));
  show("mincore of nothing", syscall(SYS_mincore, a, 0UL, seen));

  show("mlock, a range that wraps", syscall(SYS_mlock, a, ~0UL - PAGE));
  show("mlock of nothing", syscall(SYS_mlock, a, 0UL));
  show("mlock over a hole", syscall(SYS_mlock, a, 4 * PAGE));
  show("munlock of a hole", syscall(SYS_munlock, a + 2 * PAGE, PAGE));
  show("mlockall of nothing", syscall(SYS_mlockall, 0));
  show("mlockall, unknown", syscall(SYS_mlockall, 0x100));

  show("mremap, odd", syscall(SYS_mremap, a + 1, PAGE, PAGE, 0, 0UL));
  show("mremap to nothing", syscall(SYS_mremap, a, PAGE, 0UL, 0, 0UL));
  show("mremap, unknown", syscall(SYS_mremap, a, PAGE, PAGE, 0x100, 0UL));
  show("mremap, fixed and may not move", syscall(SYS_mremap, a, PAGE, PAGE, 2, a + 2 * PAGE));
  show("mremap over a hole", syscall(SYS_mremap, a, 4 * PAGE, 5 * PAGE, 1, 0UL));
  show("mremap of a hole", syscall(SYS_mremap, a + 2 * PAGE, PAGE, 2 * PAGE, 1, 0UL));
  show("mremap onto itself", syscall(SYS_mremap, a, 2 * PAGE, PAGE, 3, a + PAGE));
  show("mremap to an odd address", syscall(SYS_mremap, a, PAGE, PAGE, 3, 1UL));
  show("mremap to far away", syscall(SYS_mremap, a, PAGE, PAGE, 3, FAR));
  show("mremap, no room to grow", syscall(SYS_mremap, a + 3 * PAGE, 2 * PAGE, 2000 * PAGE, 0, 0UL));
  show_ok("mremap, room to grow", syscall(SYS_mremap, a + 3 * PAGE, 2 * PAGE, 3 * PAGE, 0, 0UL));
  show_ok("mremap to a place", syscall(SYS_mremap, a, 2 * PAGE, 3 * PAGE, 3, a + 64 * PAGE));

  struct iovec own = { seen, 8 }, bad = { (void *)8, 8 }, negative = { seen, (size_t)-1 }, empty = { NULL, 0 };
  pid_t us = getpid();
  show("process_vm_readv, flags", syscall(SYS_process_vm_readv, us, &own, 1UL, &own, 1UL, 1UL));
  show("process_vm_readv of nobody", syscall(SYS_process_vm_readv, 0x3fffffff, &own, 1UL, &own, 1UL, 0UL));
  show("process_vm_readv, bad here", syscall(SYS_process_vm_readv, us, &bad, 1UL, &own, 1UL, 0UL));
  show("process_vm_readv, bad there", syscall(SYS_process_vm_readv, us, &own, 1UL, &bad, 1UL, 0UL));
  show("process_vm_readv, negative", syscall(SYS_process_vm_readv, us, &own, 1UL, &negative, 1UL, 0UL));
  show("process_vm_readv, nothing here", syscall(SYS_process_vm_readv, us, &empty, 1UL, &own, 1UL, 0UL));
  show("process_vm_readv, nothing there", syscall(SYS_process_vm_readv, us, &own, 1UL, &empty, 1UL, 0UL));
  show("process_vm_readv, none there", syscall(SYS_process_vm_readv, us, &own, 1UL, NULL, 0UL, 0UL));
  show("process_vm_writev", syscall(SYS_process_vm_writev, us, &own, 1UL, &own, 1UL, 0UL));
  show("brk, too low", syscall(SYS_brk, 0UL) == syscall(SYS_brk, PAGE) ? 0 : 1);
  return 0;
}
