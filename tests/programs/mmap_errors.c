/* mmap(), munmap(), mprotect(): what they refuse, and fixed mappings replace what was there. */
#include "check.h"

static void attempt(const char *name, void *addr, size_t len, int prot, int flags, int fd, off_t off) {
  void *p = (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);
  show_ok(name, p == MAP_FAILED ? -1 : 0);
}

int main(void) {
  go_to_scratch();
  write_file("file", "text", 0644);
  int ro = (int)must(open("file", O_RDONLY)), wo = (int)must(open("file", O_WRONLY)), rw = (int)must(open("file", O_RDWR));
  int RW = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
  attempt("length 0", NULL, 0, RW, anon, -1, 0);
  attempt("no sharing given", NULL, 4096, RW, MAP_ANONYMOUS, -1, 0);
  attempt("bad fd", NULL, 4096, RW, MAP_PRIVATE, 99, 0);
  attempt("odd offset", NULL, 4096, PROT_READ, MAP_PRIVATE, ro, 100);
  attempt("fixed, odd address", (void *)0x10000001, 4096, RW, anon | MAP_FIXED, -1, 0);
  attempt("fixed, beyond user space", (void *)0x7ffffffff000, 8192, RW, anon | MAP_FIXED, -1, 0);
  attempt("too long", NULL, ~0UL - 8192, RW, anon, -1, 0);
  attempt("write-only file", NULL, 4096, PROT_READ, MAP_PRIVATE, wo, 0);
  attempt("shared writable of a read-only file", NULL, 4096, RW, MAP_SHARED, ro, 0);
  attempt("private writable of a read-only file", NULL, 4096, RW, MAP_PRIVATE, ro, 0);
  attempt("shared writable", NULL, 4096, RW, MAP_SHARED, rw, 0);
  int dir = (int)must(open(".", O_RDONLY));
  attempt("directory", NULL, 4096, PROT_READ, MAP_PRIVATE, dir, 0);
  char *p = mmap(NULL, 3 * 4096, RW, anon, -1, 0);
  p[0] = 'a', p[4096] = 'b', p[8192] = 'c';
  say("fixed over the middle: %d", mmap(p + 4096, 4096, RW, anon | MAP_FIXED, -1, 0) == p + 4096);
  say("%c %d %c", p[0], p[4096], p[8192]);
  show("munmap the middle", munmap(p + 4096, 4096));
  show("again", munmap(p + 4096, 4096));
  show("odd address", munmap(p + 1, 4096));
  show("length 0", munmap(p, 0));
  show("mprotect over a hole", mprotect(p, 3 * 4096, PROT_READ));
  show("mprotect odd", syscall(SYS_mprotect, p + 1, 4096, PROT_READ));
  show("msync of a hole", msync(p, 3 * 4096, MS_ASYNC));
  show("mprotect nothing", mprotect(p, 0, PROT_READ));
  show("mprotect read-only file shared", mprotect(mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0), 4096, RW));
  show("madvise bad", madvise(p + 8192, 4096, 999));
  return 0;
}
