/* A /proc mounted in a PID namespace shows its processes by its numbers; the old one goes on showing all by its own. */
// needs: root
#include "check.h"
#include <dirent.h>
#include <sys/mount.h>

static void numbers(const char *name) {
  char line[200] = "";
  DIR *d = opendir("/proc");
  for (struct dirent *e; (e = readdir(d));)
    if (atoi(e->d_name)) strcat(strcat(line, " "), e->d_name);
  closedir(d);
  say("%s:%s", name, line);
}
static void status(const char *name, const char *path) {
  char line[200];
  FILE *f = fopen(path, "r");
  if (!f) {
    show(name, -1);
    return;
  }
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "Tgid", 4) || !strncmp(line, "Pid", 3) || !strncmp(line, "PPid", 4)) say("  %.*s", (int)strcspn(line, "\n"), line);
  fclose(f);
}

int main(void) {
  must_be_contained();
  struct gate go = new_gate();
  long c = must(clone_fork(CLONE_NEWPID | CLONE_NEWNS | SIGCHLD));
  if (c == 0) {
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    char text[20];
    ssize_t n = readlink("/proc/self", text, sizeof text);
    say("the old /proc knows us by another number: %d", n > 0 && !(n == 1 && text[0] == '1'));
    must(mount("proc", "/proc", "proc", 0, NULL));
    numbers("alone");
    pid_t child;
    CHILD(child) {
      pass_gate(&go);
      _exit(0);
    }
    numbers("with a child");
    status("1", "/proc/1/status");
    status("2", "/proc/2/status");
    status("3", "/proc/3/status");
    n = readlink("/proc/self", text, sizeof text);
    say("self %.*s", (int)n, text);
    open_gate(&go);
    wait_for(child);
    numbers("alone");
    _exit(0);
  }
  say("%s", reap((pid_t)c));
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/status", (int)c);
  status("the namespace's init, from outside", path);
  return 0;
}
