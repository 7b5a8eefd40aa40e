/* Numbers in text: kstrtoint() for oom_score_adj, proc_get_long() for sysctls. */
#include "check.h"
// needs: root
// differs: 3.2 refuses -0 as out of range; later kernels look at the position of a write to a sysctl, and bound more

static char *volatile nowhere = (char *)8;

static void put(const char *path, const char *text) {
  char shown[64], now[64] = "", *p = shown;
  for (const char *t = text; *t && p < shown + 60; t++)
    p += snprintf(p, 5, *t < ' ' ? "\\%o" : "%c", (unsigned char)*t);
  *p = 0;
  int fd = (int)must(open(path, O_WRONLY));
  long n = write(fd, text, strlen(text));
  const char *result = n < 0 ? errname(errno) : "taken";
  must(close(fd));
  fd = (int)must(open(path, O_RDONLY));
  ssize_t got = must(read(fd, now, sizeof now - 1));
  must(close(fd));
  if (got > 0) now[got - 1] = 0;
  for (p = now; *p; p++) if (*p == '\t') *p = ' ';
  say("%s '%s': %s %ld, now %s", strrchr(path, '/') + 1, shown, result, n, now);
}

#define EACH(path, ...) do { const char *all[] = {__VA_ARGS__}; \
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) put(path, all[i]); } while (0)

int main(void) {
  EACH("/proc/self/oom_score_adj", "-0", "+5", "010", "0x10", " 7 ", "1_0", "0o7", "0b1", "08", "0x", "-", "+-1", "",
       "99999999999", "99999999999999999999", "3\n", "3\n\n", "12345678901234", "0000000000000000123", "-010", "0XfF");
  EACH("/proc/sys/kernel/panic", "-0", "+5", "010", "0x10", " 7 ", "1_0", "0o7", "0b1", "08", "99999999999", "5 6",
       "-5", "- 5", "18446744073709551615", "184467440737095516150", "0x", "1\f2", "\v\f3", "5x", "5,6", "1.5", "--1",
       "0000000000000000000005", "000000000000000000005", "00000000000000000005", "", "-", " ", "\n", "0");
  int fd = (int)must(open("/proc/sys/kernel/panic", O_WRONLY));
  show("a NUL behind it", write(fd, "6\0", 2));
  show("twice on one descriptor", write(fd, "8", 1));
  show("no memory", write(fd, nowhere, 1));
  show("nothing of no memory", write(fd, nowhere, 0));
  put("/proc/sys/kernel/panic", "0");
  put("/proc/sys/fs/file-max", "12345");
  EACH("/proc/sys/fs/file-max", "-5", "99999999999999999999", " ", "10000 2", "0x8000", "-", "1e5");
  EACH("/proc/sys/kernel/printk", "6 5", "7 x", "4 4 1 7 9", "0x7 4 1 7\n");
  EACH("/proc/sys/fs/pipe-max-size", "5000", "100", "1048576");
  EACH("/proc/sys/kernel/dmesg_restrict", "2", "1", "0");
  EACH("/proc/sys/vm/overcommit_memory", "3", "0 ", "-1");
  return 0;
}
