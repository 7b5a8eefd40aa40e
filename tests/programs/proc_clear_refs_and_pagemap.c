/* clear_refs makes page table entries old, by hand what a fork does for its child; smaps counts the young ones; pagemap. */
#include "check.h"
// needs: root
// differs: later kernels know more kinds of clearing, count what the page itself knows, and hide where pages are

static char *anon, *file;

static void put(pid_t pid, const char *name, const char *text) {
  char path[60], shown[40];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  snprintf(shown, sizeof shown, "%s \"%s\"", name, *text == '\n' || text[strlen(text) - 1] == '\n' ? "with a newline" : text);
  int fd = (int)must(open(path, O_WRONLY));
  show(shown, write(fd, text, strlen(text)));
  if (lseek(fd, 0, SEEK_CUR)) say("the position has moved");
  close(fd);
}

/* Rss and Referenced of the mapping at address, in kB. */
static void smaps(const char *what, char *address) {
  char line[256];
  unsigned long start, end;
  int here = 0, rss = -1, young = -1;
  FILE *f = fopen("/proc/self/smaps", "r");
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2) here = start <= (unsigned long)address && (unsigned long)address < end;
    if (here) sscanf(line, "Rss: %d", &rss), sscanf(line, "Referenced: %d", &young);
  }
  fclose(f);
  say("%s: %d of %d", what, young, rss);
}

static void both(const char *what) {
  char text[80];
  snprintf(text, sizeof text, "%s, anonymous", what);
  smaps(text, anon);
  snprintf(text, sizeof text, "%s, file", what);
  smaps(text, file);
}

static void entries(const char *what, int fd, char *address, size_t count, off_t at) {
  uint64_t words[8] = {0};
  ssize_t n = pread(fd, words, count, address ? (off_t)((uintptr_t)address / 4096 * 8) : at);
  if (n < 0) { show(what, n); return; }
  char line[300], *p = line;
  for (int i = 0; i < n / 8; i++)
    p += sprintf(p, " %s%lx%s", words[i] >> 63 ? "there " : "", words[i] << 1 >> 56, words[i] & ((1ul << 55) - 1) ? "+frame" : "");
  *p = 0;
  say("%s: %zd%s", what, n, line);
}

int main(void) {
  static const char *const kinds[] = { "0", "1", "2", "3", "4", "0x1", "01", "1\n", " 1", "-1", "1x" };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) put(getpid(), "clear_refs", kinds[i]);
  int fd = (int)must(open("/proc/self/clear_refs", O_RDWR));
  show("read", read(fd, &fd, 1));
  show("seek", lseek(fd, 7, SEEK_SET));
  show("nothing", write(fd, "", 0));

  int exe = (int)must(open("/proc/self/exe", O_RDONLY)), null = (int)must(open("/dev/null", O_WRONLY));
  anon = mmap(0, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  file = mmap(0, 2 * 4096, PROT_READ, MAP_PRIVATE, exe, 0);
  for (int i = 0; i < 8; i++) anon[i * 4096] = 1;
  volatile char got = file[0];
  got = file[4096];
  both("touched");
  put(getpid(), "clear_refs", "1");
  both("all cleared");
  anon[0] = 2, got = anon[3 * 4096], got = file[4096];
  both("some touched");
  put(getpid(), "clear_refs", "2");
  both("anonymous ones cleared");
  anon[0] = 2;
  put(getpid(), "clear_refs", "3");
  both("files cleared");
  int zero = (int)must(open("/dev/zero", O_RDONLY));
  must(read(zero, anon + 5 * 4096, 10));
  must(write(null, file, 10));
  both("touched by the kernel");
  must(mprotect(anon, 8 * 4096, PROT_READ));
  must(mprotect(anon, 8 * 4096, PROT_READ | PROT_WRITE));
  both("protected otherwise");
  pid_t pid;
  CHILD(pid) {
    smaps("in a child", anon);
    anon[0] = 3, got = anon[2 * 4096];
    smaps("where it wrote and read", anon);
    must(read(zero, anon + 4096, 10));
    smaps("and the kernel for it", anon);
    _exit(got & 0);
  }
  reap(pid);
  smaps("in the parent", anon);

  int map = (int)must(open("/proc/self/pagemap", O_RDONLY));
  entries("half an entry", map, anon, 4, 0);
  entries("from amidst one", map, 0, 8, 4);
  entries("no entry", map, anon, 0, 0);
  entries("pages that are there, and are not", map, anon + 6 * 4096, 32, 0);
  entries("behind all tables", map, 0, 16, 0x100000000000ul / 4096 * 8);
  uint64_t words[8];
  show("up to the end", pread(map, words, sizeof words, 0x7fffffff0000l / 4096 * 8 + 14 * 8));
  entries("behind it", map, 0, 64, 0x900000000000ul / 4096 * 8);
  errno = 0;
  lseek(map, -8, SEEK_SET);
  say("a negative position: %s", errno ? errname(errno) : "yes");
  show("read there", read(map, words, 8));
  show("seek from the end", lseek(map, 0, SEEK_END));

  CHILD(pid) _exit(0);
  siginfo_t info;
  must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
  put(pid, "clear_refs", "1");
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
  fd = (int)must(open(path, O_RDONLY));
  entries("a zombie's", fd, anon, 8, 0);
  entries("half an entry of it", fd, anon, 4, 0);
  reap(pid);
  entries("of nobody", fd, anon, 8, 0);
  CHILD(pid) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pause();
  }
  must(setuid(1000));
  snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
  fd = (int)must(open(path, O_RDONLY));
  entries("another one's", fd, anon, 8, 0);
  entries("half an entry of it", fd, anon, 4, 0);
  entries("nothing of it", fd, anon, 0, 0);
  return 0;
}
