/* coredump_filter: how it is written and shown, that fork and exec keep it, and what is in a core by it. */
#include "check.h"
#include <elf.h>
// needs: root, core pattern
// differs: later kernels know more bits, and refuse more of what is written

static void put(const char *text) {
  char now[20] = "", name[60];
  int fd = (int)must(open("/proc/self/coredump_filter", O_RDWR));
  errno = 0;
  long n = write(fd, text, strlen(text));
  int e = errno;
  ssize_t got = must(pread(fd, now, sizeof now - 1, 0));
  now[got > 0 ? got - 1 : 0] = 0;
  snprintf(name, sizeof name, *text == '\n' ? "a newline" : "\"%.*s\"", (int)strcspn(text, "\n"), text);
  if (n < 0) say("%s: %s, %s", name, errname(e), now);
  else say("%s: %ld, %s", name, n, now);
  close(fd);
}

static void is(const char *what, const char *path) {
  char now[20] = "";
  int fd = (int)must(open(path, O_RDONLY));
  ssize_t n = must(read(fd, now, sizeof now - 1));
  say("%s: %zd %.*s", what, n, n > 0 ? (int)n - 1 : 0, now);
  close(fd);
}

static char *areas[5];

/* Which of the areas are in the core of a child with that filter. */
static void core(const char *filter) {
  pid_t pid;
  unlink("core");
  CHILD(pid) {
    struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
    must(setrlimit(RLIMIT_CORE, &all));
    int fd = (int)must(open("/proc/self/coredump_filter", O_WRONLY));
    must(write(fd, filter, strlen(filter)));
    abort();
  }
  wait_for(pid);
  FILE *f = fopen("core", "r");
  if (!f) { say("no core"); return; }
  Elf64_Ehdr head;
  Elf64_Phdr part;
  char line[200] = "";
  must(fread(&head, sizeof head, 1, f));
  for (int i = 0; i < head.e_phnum; i++) {
    must(fread(&part, sizeof part, 1, f));
    for (int a = 0; a < 5; a++)
      if (part.p_type == PT_LOAD && part.p_vaddr == (unsigned long)areas[a])
        sprintf(line + strlen(line), " %s %ld", (const char *[]){ "private", "shared", "file", "shared file", "elf" }[a],
                (long)part.p_filesz / 4096);
  }
  fclose(f);
  unlink("core");
  say("filter %s:%s", filter, line);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    is("after exec", "/proc/self/coredump_filter");
    return 0;
  }
  is("at first", "/proc/self/coredump_filter");
  static const char *const texts[] = {
    "0x1ff z", "33", "\n", "z", "-1", "0x7f\n", " 5", "0x", "077", "99999999999999", "1234567890123456", "0x21\n\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put(texts[i]);
  put("");
  pid_t pid;
  CHILD(pid) {
    is("in a child", "/proc/self/coredump_filter");
    put("3");
    execl("/proc/self/exe", argv[0], "again", NULL);
  }
  reap(pid);
  is("in the parent", "/proc/self/coredump_filter");
  CHILD(pid) _exit(0);
  siginfo_t info;
  must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/coredump_filter", pid);
  is("a zombie's", path);
  int zombie = (int)must(open(path, O_RDWR));
  show("written", write(zombie, "1", 1));
  reap(pid);
  show("of nobody", write(zombie, "1", 1));
  show("read", read(zombie, path, 1));

  go_to_scratch();
  int fd = (int)must(open("a file", O_RDWR | O_CREAT | O_TRUNC, 0600));
  must(ftruncate(fd, 8192));
  int exe = (int)must(open("/proc/self/exe", O_RDONLY));
  areas[0] = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  areas[1] = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  areas[2] = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  areas[3] = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  areas[4] = mmap(0, 8192, PROT_READ, MAP_PRIVATE, exe, 0);
  areas[0][0] = areas[1][0] = areas[3][0] = 1;
  static const char *const filters[] = { "0", "1", "2", "4", "8", "0x10", "0x33", "0x7f" };
  for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) core(filters[i]);
  areas[2][0] = 1;
  core("1");
  core("0x32");
  unlink("a file");
  core("2");
  core("8");
  return 0;
}
