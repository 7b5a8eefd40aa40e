/* What a process finds out about itself in /proc. */
#include "check.h"
#include <dirent.h>

static void line_of(const char *path, const char *key) {
  char line[300];
  FILE *f = fopen(path, "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, key, strlen(key))) say("%.*s", (int)strcspn(line, "\n"), line);
  if (f) fclose(f);
}

int main(int argc, char **argv) {
  (void)argc;
  char text[4096], path[PATH_MAX];
  ssize_t n = readlink("/proc/self", text, sizeof text);
  say("self is the pid: %d", n > 0 && atoi(text) == getpid());
  n = readlink("/proc/self/exe", text, sizeof text);
  text[n > 0 ? n : 0] = 0;
  must(realpath(argv[0], path) ? 0 : -1);
  say("exe is the program: %d", !strcmp(text, path));
  must(chdir("/usr"));
  n = readlink("/proc/self/cwd", text, sizeof text);
  say("cwd %.*s", (int)n, text);
  n = readlink("/proc/self/root", text, sizeof text);
  say("root %.*s", (int)n, text);
  int fd = (int)must(open("/proc/self/cmdline", O_RDONLY));
  n = read(fd, text, sizeof text);
  say("cmdline is argv: %d", n == (ssize_t)strlen(argv[0]) + 1 && !strcmp(text, argv[0]));
  must(prctl(PR_SET_NAME, "new (name"));
  block(SIGUSR1);
  on_signal(SIGUSR2, SIG_IGN);
  on_signal(SIGHUP, exit);
  raise(SIGUSR1);
  static const char *const keys[] = { "Name:", "State:", "TracerPid:", "Uid:", "Gid:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:" };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) line_of("/proc/self/status", keys[i]);
  close(fd);
  struct dirent *e;
  DIR *d = opendir("/proc/self/fd");
  int fds = 0;
  while ((e = readdir(d)))
    if (e->d_name[0] != '.') fds += atoi(e->d_name) < 3;
  closedir(d);
  say("0, 1 and 2 are open: %d", fds);
  int p[2];
  must(pipe(p));
  snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
  n = readlink(path, text, sizeof text);
  say("a pipe looks like %.6s", text);
  FILE *f = fopen("/proc/self/maps", "r");
  int stack = 0, program = 0;
  while (f && fgets(text, sizeof text, f)) {
    stack += strstr(text, "[stack]") != NULL;
    program += strstr(text, argv[0]) != NULL && strstr(text, "r-xp") != NULL;
  }
  say("maps: stack %d, program text %d", stack, program);
  return 0;
}
