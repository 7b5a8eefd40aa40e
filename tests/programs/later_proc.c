/* What came after 3.2 into /proc/PID/stat and status: where memory begins and ends, the exit code, numbers in all pid
 * namespaces, the umask. */
// later: all
// needs: root
#include "check.h"

extern char **environ;

/* Field n of /proc/PID/stat, counted from 1. */
static unsigned long field(const char *who, int n) {
  char path[64], text[2048];
  snprintf(path, sizeof path, "/proc/%s/stat", who);
  int fd = (int)must(open(path, O_RDONLY));
  long size = must(read(fd, text, sizeof text - 1));
  close(fd);
  text[size] = 0;
  char *at = strrchr(text, ')') + 1;
  for (int i = 2; i < n - 1 && at; i++) at = strchr(at + 1, ' ');
  return at ? strtoul(at, NULL, 10) : 12345;
}
static int fields(const char *who) {
  int n = 0;
  while (field(who, n + 1) != 12345 && n < 100) n++;
  return n;
}

/* The lines of /proc/PID/status that begin so; relative: numbers are shown as equal to this one or not. */
static void lines(const char *who, const char *begin, pid_t relative) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%s/status", who);
  int fd = (int)must(open(path, O_RDONLY));
  long size = must(read(fd, text, sizeof text - 1));
  close(fd);
  text[size] = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (!strncmp(line, begin, strlen(begin))) {
      char shown[200], *to = shown;
      for (char *at = line; *at;) {
        if (*at == '\t' && relative) {
          long nr = strtol(at + 1, &at, 10);
          to += nr == relative ? sprintf(to, " it") : nr < 10 ? sprintf(to, " %ld", nr) : sprintf(to, " other");
        } else *to++ = *at++;
      }
      *to = 0;
      say("%s", shown);
    }
}

int main(int argc, char **argv) {
  static int data = 7;
  char who[24];
  (void)argc;
  say("%d fields", fields("self"));
  unsigned long start_data = field("self", 45), end_data = field("self", 46), start_brk = field("self", 47);
  say("data %d, heap %d", start_data <= (uintptr_t)&data && (uintptr_t)&data < end_data + 4096, start_brk <= (uintptr_t)sbrk(0));
  unsigned long arg_start = field("self", 48), arg_end = field("self", 49), env_start = field("self", 50), env_end = field("self", 51);
  say("arguments %d %d, environment %d", arg_start == (uintptr_t)argv[0], arg_end == env_start, !environ[0] || env_start == (uintptr_t)environ[0]);
  say("its end %d, exit code %lu", env_end >= env_start, field("self", 52));
  umask(027);
  lines("self", "Umask", 0);
  lines("self", "NS", getpid());
  pid_t pid, tracer;
  CHILD(pid) _exit(3);
  siginfo_t info;
  must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
  snprintf(who, sizeof who, "%d", (int)pid);
  say("a zombie: exit code %#lx, addresses %lu", field(who, 52), field(who, 48));
  lines(who, "Umask", 0);
  lines(who, "NSpid", pid);
  CHILD(tracer) {
    must(setuid(1000));
    say("of root's: arguments %lu, exit code %lu", field(who, 48), field(who, 52));
    _exit(0);
  }
  wait_for(tracer);
  wait_for(pid);
  CHILD(pid) raise(SIGKILL);
  must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
  snprintf(who, sizeof who, "%d", (int)pid);
  say("killed: exit code %#lx", field(who, 52));
  wait_for(pid);
  CHILD(pid) for (;;) pause();
  kill(pid, SIGSTOP);
  must(waitid(P_PID, (id_t)pid, &info, WSTOPPED));
  snprintf(who, sizeof who, "%d", (int)pid);
  say("stopped: exit code %#lx", field(who, 52));
  kill(pid, SIGKILL);
  wait_for(pid);
  pid = (pid_t)must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (!pid) for (;;) pause();
  snprintf(who, sizeof who, "%d", (int)pid);
  lines(who, "NS", pid);
  kill(pid, SIGKILL);
  wait_for(pid);
  return 0;
}
