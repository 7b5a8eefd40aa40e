/* /proc/PID/status: the lines of 3.2 in their order, and what identifies, groups and signals look like in it. */
// needs: root
#include "check.h"
#include <grp.h>

static const char *const known[] = { "Name", "State", "Tgid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups",
  "VmPeak", "VmSize", "VmLck", "VmHWM", "VmRSS", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "VmSwap", "Threads", "SigQ", "SigPnd",
  "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "Cpus_allowed", "Cpus_allowed_list",
  "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches" };

static void keys(void) {
  char line[600], all[1000] = "";
  FILE *f = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, f)) {
    line[strcspn(line, ":")] = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (!strcmp(line, known[i])) strcat(strcat(all, " "), line);
  }
  fclose(f);
  say("%s", all);
}
static void values(const char *path, const char *const *wanted) {
  char line[600];
  FILE *f = fopen(path, "r");
  while (fgets(line, sizeof line, f))
    for (const char *const *w = wanted; *w; w++)
      if (!strncmp(line, *w, strlen(*w)) && line[strlen(*w)] == ':') say("%.*s", (int)strcspn(line, "\n"), line);
  fclose(f);
}

int main(void) {
  keys();
  pid_t child;
  CHILD(child) {
    gid_t groups[] = { 300, 100, 200 };
    must(setgroups(3, groups));
    must(setresgid(11, 12, 13));
    must(setresuid(21, 22, 23));
    static const char *const ids[] = { "Uid", "Gid", "Groups", "FDSize", "TracerPid", "Threads", NULL };
    values("/proc/self/status", ids);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    sigset_t all = set_of(1, 2, 3, RT(0), 64, 0);
    must(sigprocmask(SIG_SETMASK, &all, NULL));
    kill(getpid(), 2);
    tgkill_(getpid(), getpid(), 3);
    tgkill_(getpid(), getpid(), 64);
    on_signal(SIGCHLD, SIG_IGN);
    on_signal(SIGUSR1, exit);
    on_signal(63, exit);
    static const char *const sigs[] = { "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", NULL };
    values("/proc/self/status", sigs);
    _exit(0);
  }
  wait_for(child);
  return 0;
}
