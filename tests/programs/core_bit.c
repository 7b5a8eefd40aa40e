/* A core is dumped only if the limit lets it, the process is dumpable and the signal asks for it. */
// needs: core pattern "core"
#include "check.h"

static void attempt(const char *name, rlim_t limit, int dumpable, int sig) {
  struct rlimit r = { limit, RLIM_INFINITY };
  pid_t child;
  CHILD(child) {
    must(setrlimit(RLIMIT_CORE, &r));
    must(prctl(PR_SET_DUMPABLE, dumpable));
    kill(getpid(), sig);
    _exit(0);
  }
  int status = wait_for(child);
  struct stat st;
  int there = stat("core", &st) == 0;
  if (!there) {
    char with_pid[40];
    snprintf(with_pid, sizeof with_pid, "core.%d", child);
    there = stat(with_pid, &st) == 0;
    unlink(with_pid);
  }
  say("%s: %s, core bit %d, file %d", name, wait_str(status), !!WCOREDUMP(status), there);
  unlink("core");
}

int main(void) {
  go_to_scratch();
  attempt("limit 0", 0, 1, SIGSEGV);
  attempt("unlimited", RLIM_INFINITY, 1, SIGSEGV);
  attempt("unlimited, ABRT", RLIM_INFINITY, 1, SIGABRT);
  attempt("not dumpable", RLIM_INFINITY, 0, SIGSEGV);
  attempt("SIGTERM", RLIM_INFINITY, 1, SIGTERM);
  attempt("SIGKILL", RLIM_INFINITY, 1, SIGKILL);
  return 0;
}
