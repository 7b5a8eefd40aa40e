/* What some values of /proc/sys change, or are changed by: 16-bit users, reboot(2), the place of mappings, terminals. */
#include "check.h"
#include <sys/reboot.h>
// needs: root
// differs: a host's machine is not to be changed for a test

static void put(const char *name, const char *text) {
  char path[80];
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  int fd = (int)must(open(path, O_WRONLY));
  must(write(fd, text, strlen(text)));
  close(fd);
}

static void is(const char *what, const char *name) {
  char path[80], now[80] = "";
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  int fd = (int)must(open(path, O_RDONLY));
  ssize_t n = must(read(fd, now, sizeof now - 1));
  now[n - 1] = 0;
  say("%s: %s", what, now);
  close(fd);
}

/* A call of i386's table. */
static long old_call(long nr) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr) : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static void place(void) {
  char *area = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *next = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("mappings go %s, in the %s part", next > area ? "up" : "down",
      (unsigned long)area < 0x500000000000ul ? "lower" : "upper");
}

int main(int argc, char **argv) {
  if (argc > 1) {
    place();
    return 0;
  }
  pid_t pid;
  CHILD(pid) {
    put("kernel/overflowuid", "7");
    put("kernel/overflowgid", "8");
    must(syscall(SYS_setregid, 70000, 71000));
    must(syscall(SYS_setreuid, 70000, 71000));
    say("getuid16 %ld, geteuid16 %ld, getgid16 %ld, getegid16 %ld", old_call(24), old_call(49), old_call(47), old_call(50));
    say("getuid32 %ld", old_call(199));
    _exit(0);
  }
  reap(pid);
  show("reboot() disables", reboot(RB_DISABLE_CAD));
  is("ctrl-alt-del", "kernel/ctrl-alt-del");
  show("reboot() enables", reboot(RB_ENABLE_CAD));
  is("ctrl-alt-del", "kernel/ctrl-alt-del");
  for (int i = 0; i < 2; i++) {
    put("vm/legacy_va_layout", i ? "0" : "1");
    CHILD(pid) execl("/proc/self/exe", argv[0], "again", NULL);
    reap(pid);
  }
  is("ptys", "kernel/pty/nr");
  int master = (int)must(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  is("ptys", "kernel/pty/nr");
  put("kernel/pty/max", "1");
  show("one more", open("/dev/ptmx", O_RDWR | O_NOCTTY));
  put("kernel/pty/max", "4096");
  close(master);
  is("ptys", "kernel/pty/nr");
  return 0;
}
