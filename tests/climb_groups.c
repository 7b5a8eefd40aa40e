/* What of control groups asks for memory, over and over: climb_groups TIMES. Each step may fail; then the next is tried. */
#include "cgroup.h"

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  while (mkdir("/g", 0755) && errno != EEXIST) continue;
  for (int i = 0; i < atoi(argv[1]); i++) {
    int step = 0;
    if (mount("none", "/g", "cgroup", 0, "cpu,memory,freezer")) {
      say("mount: %s", errname(errno));
      continue;
    }
    if (mkdir("/g/a", 0755)) say("mkdir: %s", errname(errno));
    else {
      int pid;
      CHILD(pid) pause();
      if (put_number("/g/a/tasks", pid)) say("tasks: %s", errname(errno));
      else step++;
      if (put_number("/g/cgroup.procs", pid)) say("procs: %s", errname(errno));
      else step++;
      kill(pid, SIGKILL);
      wait_for(pid);
      must(rmdir("/g/a"));
      if (step == 2) say("all");
    }
    must(umount("/g"));
  }
  return 0;
}
