/* A program that core_pattern names gets the core on its standard input. */
#include "check.h"

#include <sys/klog.h>
#include <sys/resource.h>
#include <sys/time.h>
// needs: root
// differs: the host's core_pattern is not ours to change; recorded from a 3.2.4, children of init there

#define SELF "/tmp/helper"
#define OUT "/tmp/core_pipe_out"

static char text[1 << 16];

static void put(const char *path, const char *value) {
  int fd = (int)must(open(path, O_WRONLY));
  if (write(fd, value, strlen(value)) < 0) say("write %s: %s", path, errname(errno));
  close(fd);
}

static void pattern(const char *value) { put("/proc/sys/kernel/core_pattern", value); }
static void limit(const char *value) { put("/proc/sys/kernel/core_pipe_limit", value); }

static char *get(const char *path) {
  int fd = open(path, O_RDONLY);
  long n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  if (fd >= 0) close(fd);
  return text;
}

/* The kernel's messages since the last time, with P for numbers of more than one digit: those of processes. */
static void messages(const char *what) {
  static char log[1 << 18], out[200];
  long n = klogctl(4, log, sizeof log - 1);
  log[n < 0 ? 0 : n] = 0;
  for (char *line = strtok(log, "\n"); line; line = strtok(0, "\n")) {
    char *o = out;
    for (char *p = strchr(line, ']') + 1; *p; p++) {
      size_t digits = strspn(p, "0123456789");
      if (digits > 1) p += digits - 1;
      *o++ = digits > 1 ? 'P' : *p;
    }
    *o = 0;
    say("%s: %.3s%s", what, line, out);
  }
}

static long drain(void) {
  long total = 0, n;
  while ((n = read(0, text, sizeof text)) > 0) total += n;
  return total;
}

static void show_itself(int argc, char **argv) {
  sleep_ms(20); /* until the crashed process writes */
  printf("arguments:");
  for (int i = 2; i < argc; i++) printf(" [%s]", argv[i]);
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/comm", getppid());
  printf("\nparent %s", get(name));
  printf("group %d session %d uid %d gid %d umask %o nice %d\n", getpgrp(), getsid(0), getuid(), getgid(),
         (unsigned)umask(0), getpriority(PRIO_PROCESS, 0));
  printf("cwd %s, environment %s\n", getcwd(name, sizeof name), environ[0] ? environ[0] : "empty");
  struct rlimit r;
  getrlimit(RLIMIT_CORE, &r);
  printf("core limit %ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
  for (int fd = 0; fd < 10; fd++)
    if (fcntl(fd, F_GETFD) >= 0) printf("descriptor %d: %d\n", fd, fcntl(fd, F_GETFL));
  get("/proc/self/status");
  for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"))
    if (!strncmp(line, "Sig", 3) && strncmp(line, "SigQ", 4)) printf("%s\n", line);
  snprintf(name, sizeof name, "/proc/%s/stat", argv[2]);
  char *stat = strchr(get(name), ')');
  printf("the crashed process: %c\n", stat ? stat[2] : '-');
  char magic[5] = "";
  if (read(0, magic, 4) == 4) printf("a core of %s%s\n", magic + 1, drain() > 40000 ? ", long" : "");
}

static int helper(int argc, char **argv) {
  if (!strcmp(argv[1], "quits")) return 0;
  if (!strcmp(argv[1], "reads")) return drain() > 0 ? 0 : 1;
  if (!strcmp(argv[1], "crashes")) abort();
  if (!strcmp(argv[1], "sleeps")) {
    drain();
    for (;;) pause();
  }
  dup2(open(OUT, O_WRONLY | O_CREAT | O_TRUNC, 0644), 9);
  for (int fd = 1; fd < 9; fd++) close(fd);
  FILE *f = stdout;
  dup2(9, 1);
  close(9);
  if (!strcmp(argv[1], "shows")) show_itself(argc, argv);
  else {
    get("/proc/self/status");
    for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"))
      if (!strncmp(line, "CapBnd", 6) || !strncmp(line, "CapEff", 6)) printf("%s\n", line);
    drain();
  }
  return fflush(f);
}

static pid_t crash(long core, int sig) {
  pid_t pid;
  CHILD(pid) {
    struct rlimit r = {(rlim_t)core, (rlim_t)core};
    setrlimit(RLIMIT_CORE, &r);
    umask(077);
    raise(sig);
    _exit(0);
  }
  return pid;
}

static void crashed(const char *what, pid_t pid) {
  int status;
  must(waitpid(pid, &status, 0));
  say("%s: signal %d, core %d", what, status & 0x7f, status >> 7 & 1);
  messages(what);
}

static void copy_self(void) {
  int from = (int)must(open("/proc/self/exe", O_RDONLY)), to = (int)must(open(SELF, O_WRONLY | O_CREAT, 0755));
  for (long n; (n = read(from, text, sizeof text)) > 0;) must(write(to, text, (size_t)n));
  close(from);
  close(to);
}

int main(int argc, char **argv) {
  if (argc > 1) return helper(argc, argv);
  copy_self();
  klogctl(5, 0, 0);
  must(setpriority(PRIO_PROCESS, 5, 7)); /* kworker/u:0, whose child the helper is */
  limit("1");
  pattern("|" SELF " shows %p %u %g %s %c x%ey%z%% \"a b\"\t%");
  pid_t pid = crash(0, SIGABRT);
  crashed("no limit matters", pid);
  char number[20];
  snprintf(number, sizeof number, "[%d]", pid);
  char *out = get(OUT), *at = strstr(out, number);
  if (at) {
    say("%.*s[P]%s", (int)(at - out), out, at + strlen(number));
  } else say("the helper did not say its piece: %s", out);

  pattern("|" SELF " reads");
  crashed("but one", crash(1, SIGSEGV));
  crashed("reads", crash(2, SIGFPE));
  pattern("|" SELF " quits");
  crashed("quits", crash(0, SIGABRT));
  pattern("|/nowhere/at/all %p");
  crashed("no such program", crash(0, SIGABRT));
  pattern("|/tmp x");
  crashed("a directory", crash(0, SIGABRT));
  pattern("|tmp/helper reads");
  crashed("from the root", crash(0, SIGABRT));

  pattern("|" SELF " crashes");
  crashed("the helper crashes", crash(0, SIGABRT));
  sleep_ms(100);
  klogctl(5, 0, 0);

  pattern("|" SELF " sleeps");
  pid_t first = crash(0, SIGABRT);
  sleep_ms(100);
  crashed("a second one", crash(0, SIGABRT));
  show("the first one still waits", waitpid(first, 0, WNOHANG));
  kill(first, SIGTERM);
  crashed("until a signal comes", first);
  limit("0");
  pattern("|" SELF " reads");
  crashed("nobody waits", crash(0, SIGABRT));
  get("/proc/sys/kernel/usermodehelper/bset");
  say("bset %.21s", text);
  put("/proc/sys/kernel/usermodehelper/bset", "5\n");
  put("/proc/sys/kernel/usermodehelper/bset", "255 1");
  say("bset %.5s", get("/proc/sys/kernel/usermodehelper/bset"));
  limit("1");
  pattern("|" SELF " bounded");
  crashed("bounded", crash(0, SIGABRT));
  say("%s", get(OUT));
  pattern("core");
  return 0;
}
