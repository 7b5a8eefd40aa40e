/* A set-user-ID program run under trace does not change users, unless its tracer could trace anybody when it attached;
   a tracee that asked to be traced is never that. */
// needs: root
#include "trace.h"
#include <grp.h>

static struct gate go;
static char *program;
static void become_user(void) {
  must(setgroups(0, NULL));
  must(setresgid(1000, 1000, 1000));
  must(setresuid(1000, 1000, 1000));
}
static void run_it(int traceme, int wait) {
  if (wait) pass_gate(&go);
  become_user();
  must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); /* as it is of a program that has run since */
  if (traceme) must(trace(PTRACE_TRACEME, 0, 0, 0));
  if (wait) pass_gate(&go);
  execl(program, "x", "ids", (char *)NULL);
  say("exec: %s", errname(errno));
  _exit(1);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    say("uid %d, effective %d", (int)getuid(), (int)geteuid());
    return 0;
  }
  go_to_scratch();
  char path[300], here[200];
  must(getcwd(here, sizeof here) ? 0 : -1);
  snprintf(path, sizeof path, "%s/program", here);
  program = path;
  int in = (int)must(open("/proc/self/exe", O_RDONLY)), out = (int)must(open(path, O_WRONLY | O_CREAT, 0755));
  char buffer[65536];
  ssize_t n;
  while ((n = read(in, buffer, sizeof buffer)) > 0) must(write(out, buffer, (size_t)n));
  close(out);
  must(chmod(path, 04755));

  pid_t pid;
  say("nobody traces it");
  CHILD(pid) run_it(0, 0);
  wait_for(pid);

  say("TRACEME, the parent is root");
  CHILD(pid) run_it(1, 0);
  pass_stop(pid, SIGTRAP);
  must(trace(PTRACE_CONT, pid, 0, 0));
  wait_trace(pid);

  say("root has attached");
  go = new_gate();
  CHILD(pid) run_it(0, 1);
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  cont(pid, 0);
  open_gate(&go);
  open_gate(&go);
  pass_stop(pid, SIGTRAP);
  cont(pid, 0);
  wait_trace(pid);

  say("the user has attached");
  go = new_gate();
  CHILD(pid) run_it(0, 1);
  open_gate(&go);
  while (status_number(pid, "\nUid:") != 1000) sleep_ms(1);
  pid_t tracer;
  CHILD(tracer) {
    become_user();
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    cont(pid, 0);
    open_gate(&go);
    pass_stop(pid, SIGTRAP);
    cont(pid, 0);
    wait_trace(pid);
    _exit(0);
  }
  wait_for(tracer);
  wait_for(pid);
  return 0;
}
