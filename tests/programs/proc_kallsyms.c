/* /proc/kallsyms: the kernel's functions by address, and with zeros in its place for who may not know it. */
// needs: root
// differs: later kernels have no kptr_restrict of 0 by default, and know more kinds of symbols
#include "check.h"

static char text[4 << 20];
static void restrict_(const char *value) {
  int fd = (int)must(open("/proc/sys/kernel/kptr_restrict", O_WRONLY));
  must(write(fd, value, 1)), close(fd);
}
static void look(const char *who, size_t most) {
  int fd = (int)must(open("/proc/kallsyms", O_RDONLY)), lines = 0, bad = 0, unordered = 0, zeros = 0, found = 0;
  size_t n = 0;
  ssize_t r;
  while (n < most && (r = must(read(fd, text + n, sizeof text - 1 - n))) > 0) n += (size_t)r;
  text[n] = 0, close(fd);
  unsigned long before = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
    unsigned long address = strtoul(line, NULL, 16);
    if (strspn(line, "0123456789abcdef") != 16 || line[16] != ' ' || !strchr("tTwWdDbBrRvVA", line[17]) || line[18] != ' ' || strchr(line + 19, ' ')) bad++;
    unordered += address < before, zeros += !address, before = address;
    static const char *const known[] = {"do_fork", "do_exit", "sys_getppid", "schedule", "_stext", "_etext", "sys_ptrace"};
    if (address >= 0xffffffff81000000 && address < 0xffffffffa0000000 && line[17] == 'T' && strchr("ds_", line[19]))
      for (int i = 0; i < 7; i++) found += !strcmp(line + 19, known[i]);
  }
  say("%s: many %d, bad %d, unordered %d, found %s, zeros %s", who, lines > 50, bad, unordered, found == 7 ? "all" : "not all", !zeros ? "none" : zeros == lines ? "all" : "some");
}

int main(void) {
  struct stat s;
  must(stat("/proc/kallsyms", &s));
  say("mode %o, size %ld", s.st_mode, (long)s.st_size);
  look("root", sizeof text);
  pid_t pid;
  CHILD(pid) must(setuid(1000)), look("a user, unrestricted", 1), _exit(0);
  reap(pid);
  restrict_("1"), look("root, restricted", 1);
  CHILD(pid) must(setuid(1000)), look("a user, restricted", 1), _exit(0);
  reap(pid);
  restrict_("2"), look("nobody", 1), restrict_("0");
  show("write", open("/proc/kallsyms", O_WRONLY) == -1 ? -1 : write(open("/proc/kallsyms", O_WRONLY), "", 1));
  return 0;
}
