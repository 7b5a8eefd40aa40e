/* A zombie keeps its /proc entry, its PID and its group, and takes signals; it has no memory, files or command line. */
#include "check.h"

static long size_of(pid_t pid, const char *name) {
  char path[60], text[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY);
  if (fd == -1) return -1;
  long n = read(fd, text, sizeof text);
  close(fd);
  return n;
}

int main(void) {
  own_session();
  pid_t child;
  CHILD(child) {
    setpgid(0, 0);
    prctl(PR_SET_NAME, "the (dead) one");
    _exit(5);
  }
  wait_state(child, "Z");
  char path[60], line[300];
  snprintf(path, sizeof path, "/proc/%d/status", child);
  FILE *f = fopen(path, "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "Name", 4) || !strncmp(line, "State", 5) || !strncmp(line, "VmSize", 6) || !strncmp(line, "Threads", 7))
      say("%.*s", (int)strcspn(line, "\n"), line);
  if (f) fclose(f);
  say("cmdline %ld, maps %ld", size_of(child, "cmdline"), size_of(child, "maps"));
  show("kill 0", kill(child, 0));
  show("SIGKILL", kill(child, SIGKILL));
  say("still a zombie: %c", state_of(child));
  say("getpgid is its own: %d, getsid ours: %d", getpgid(child) == child, getsid(child) == getsid(0));
  show("its group takes a signal", kill(-child, SIGTERM));
  say("%s", reap(child));
  say("entry gone: %c", state_of(child));
  show("kill 0", kill(child, 0));
  show("getpgid", getpgid(child));
  return 0;
}
