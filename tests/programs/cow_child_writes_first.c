/* Private memory after fork: the child writes first; grandchildren see the child's; the kernel's own writes copy too. */
#include "check.h"

int main(void) {
  char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(p, "parent");
  strcpy(p + 4096, "untouched");
  pid_t child;
  CHILD(child) {
    strcpy(p, "child");
    pid_t grandchild;
    CHILD(grandchild) {
      say("grandchild sees %s, %s", p, p + 4096);
      int fd = (int)must(open("/dev/zero", O_RDONLY));
      must(read(fd, p + 4096, 100)); /* written by the kernel, not by the program */
      say("grandchild read zeros: %d", p[4096] == 0);
      _exit(0);
    }
    wait_for(grandchild);
    say("child sees %s, %s", p, p + 4096);
    _exit(0);
  }
  wait_for(child);
  say("parent sees %s, %s", p, p + 4096);
  return 0;
}
