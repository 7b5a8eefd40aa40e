/* exec replaces the program in the same process: PID, parent, group, session, cwd, umask, nice and limits stay. */
#include "check.h"

int main(int argc, char **argv) {
  char cwd[100], name[17] = "";
  if (argc > 1) {
    say("pid kept: %d, ppid kept: %d, pgrp kept: %d, sid kept: %d", getpid() == atoi(argv[1]), getppid() == atoi(argv[2]),
        getpgrp() == atoi(argv[3]), getsid(0) == atoi(argv[4]));
    mode_t mask = umask(0);
    struct rlimit r;
    struct itimerval t;
    must(getrlimit(RLIMIT_NOFILE, &r));
    must(getitimer(ITIMER_REAL, &t));
    must(prctl(PR_GET_NAME, name));
    say("cwd %s umask %03o nice %d nofile %d alarm %d", getcwd(cwd, sizeof cwd), mask, getpriority(PRIO_PROCESS, 0),
        (int)r.rlim_cur, t.it_value.tv_sec > 0);
    say("comm %s", name);
    return 33;
  }
  char path[PATH_MAX];
  go_to_scratch();
  must(getcwd(path, sizeof path) ? 0 : -1);
  strcat(path, "/a-very-long-program-name");
  must(symlink(argv[0], path));
  pid_t child;
  CHILD(child) {
    char numbers[4][20];
    must(setpgid(0, 0));
    int facts[] = { getpid(), getppid(), getpgrp(), getsid(0) };
    for (int i = 0; i < 4; i++) snprintf(numbers[i], 20, "%d", facts[i]);
    must(chdir("/usr"));
    umask(037);
    must(setpriority(PRIO_PROCESS, 0, 3));
    struct rlimit r = { 64, 64 };
    must(setrlimit(RLIMIT_NOFILE, &r));
    must(prctl(PR_SET_NAME, "before"));
    alarm(1000);
    execl(path, "x", numbers[0], numbers[1], numbers[2], numbers[3], NULL);
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
