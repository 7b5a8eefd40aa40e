/* The kernel threads of boot: how they look, and what one can do to them. */
#include "check.h"

#include <sys/ptrace.h>
// needs: root
// differs: today's kernels have others; recorded from a 3.2.4 with one CPU, a child of init

static char text[4096];

static const char *get(int pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY);
  if (fd < 0) return errname(errno);
  long n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n < 0) return errname(errno);
  text[n] = 0;
  return text;
}

/* The fields of stat, but for those that depend on addresses and times: 22 starttime, 26 to 30, 35 wchan, 39 cpu. */
static void stat_of(int pid) {
  char line[1024], *o = line;
  int field = 1;
  get(pid, "stat");
  for (char *word = strtok(text, " \n"); word; word = strtok(0, " \n"), field++) {
    if (field == 22 || (field >= 26 && field <= 30) || field == 35 || (field >= 10 && field <= 15)) continue;
    o += sprintf(o, "%s ", word);
  }
  say("%s", line);
}

static void status_of(int pid) {
  get(pid, "status");
  for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"))
    if (strncmp(line, "SigQ", 4) && !strstr(line, "ctxt") && strncmp(line, "Mems", 4) && strncmp(line, "FDSize", 6)
        && strncmp(line, "Cap", 3))
      say("  %s", line);
}

static void link_of(int pid, const char *name) {
  char path[64], to[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  long n = readlink(path, to, sizeof to);
  if (n < 0) say("%s: %s", name, errname(errno));
  else say("%s: %.*s", name, (int)n, to);
}

static void files_of(int pid) {
  static const char *const empty[] = {"cmdline", "environ", "auxv", "maps", "smaps", "statm", "limits", "comm"};
  for (size_t i = 0; i < 8; i++) {
    const char *what = get(pid, empty[i]);
    say("%s: %.*s", empty[i], (int)strcspn(what, "\n"), what);
  }
  link_of(pid, "exe");
  link_of(pid, "cwd");
  link_of(pid, "root");
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  int fd = open(path, O_WRONLY);
  show("write comm", write(fd, "x", 1));
  close(fd);
}

static void mask(const char *what, int pid, unsigned long cpus) {
  show(what, syscall(SYS_sched_setaffinity, pid, sizeof cpus, &cpus));
}

static void calls(int pid) {
  struct sched_param param = {0};
  say("calls about %s", get(pid, "comm"));
  show("kill", kill(pid, 0));
  show("SIGKILL", kill(pid, SIGKILL));
  show("SIGSTOP", kill(pid, SIGSTOP));
  sleep_ms(20);
  say("state %c", state_of(pid));
  show("getpgid", getpgid(pid));
  show("getsid", getsid(pid));
  show("setpgid", setpgid(pid, pid));
  show("attach", ptrace(PTRACE_ATTACH, pid, 0, 0));
  show("policy", syscall(SYS_sched_getscheduler, pid));
  show("parameter", syscall(SYS_sched_getparam, pid, &param));
  say("priority %d, nice %d", param.sched_priority, getpriority(PRIO_PROCESS, (id_t)pid));
  mask("the same CPUs", pid, 1);
  mask("no CPU", pid, 2);
  show("wait", waitpid(pid, 0, WNOHANG));
  struct iovec io = {text, 8};
  show("memory", syscall(SYS_process_vm_readv, pid, &io, 1L, &io, 1L, 0L));
}

int main(void) {
  /* who looks first */
  say("nice of 7 %d, of the user %d", getpriority(PRIO_PROCESS, 7), getpriority(PRIO_USER, 0));
  for (int pid = 2; pid < 17; pid++) stat_of(pid);
  int ids[] = {2, 3, 5, 7};
  for (int i = 0; i < 4; i++) status_of(ids[i]);
  files_of(2);
  files_of(4);
  files_of(7);
  calls(2);
  calls(4);
  calls(5);
  calls(7);
  calls(13);
  errno = 0;
  show("nice", setpriority(PRIO_PROCESS, 3, 5));
  say("nice of 3: %d", getpriority(PRIO_PROCESS, 3));
  show("nice", setpriority(PRIO_PROCESS, 3, 0));
  show("everybody", kill(-1, 0));
  return 0;
}
