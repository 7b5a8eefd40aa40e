/* A process that may not be dumped, and to which /proc/self/fd does not belong therefore, still finds its own descriptors there. */
// needs: root
#include "check.h"
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static void look(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) {
    say("%s: %s", path, errname(errno));
    return;
  }
  int entries = 0;
  while (readdir(dir)) entries++;
  say("%s: %d entries", path, entries);
  closedir(dir);
}

int main(void) {
  pid_t child;
  must(chdir("/"));
  CHILD(child) {
    struct stat s;
    must(open("/", O_RDONLY) == 3 ? 0 : -1);
    must(setresuid(65534, 65534, 65534));
    say("dumpable %d", prctl(PR_GET_DUMPABLE));
    must(stat("/proc/self/fd", &s));
    say("owner %u, mode %o", s.st_uid, s.st_mode);
    look("/proc/self/fd");
    show("access", access("/proc/self/fd/3", F_OK));
    show("open", open("/proc/self/fd/3", O_RDONLY));
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/fd", getppid());
    show("the parent's", open(path, O_RDONLY) < 0 ? -1 : 0);
    _exit(0);
  }
  say("%s", reap(child));
  return 0;
}
