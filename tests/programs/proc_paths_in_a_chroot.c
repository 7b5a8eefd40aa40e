/* Paths in /proc begin at the reader's root; what lies outside of it has the path it has for those who can reach it. */
#include "check.h"
#include <sys/mount.h>
// needs: root
// differs: later kernels leave out of mounts, too, what the root does not lead to

static char top[200];
static pid_t other;

/* Say TOP for the scratch directory. */
static char *shortened(char *text) {
  for (char *s; (s = strstr(text, top)) != NULL;) {
    memmove(s + 3, s + strlen(top), strlen(s + strlen(top)) + 1);
    memcpy(s, "TOP", 3);
  }
  return text;
}

/* The places in a list of mappings or mounts that are ours. */
static void places(const char *what, const char *path) {
  FILE *f = fopen(path, "r");
  char text[900], place[900];
  say("%s", what);
  while (f && fgets(text, sizeof text, f)) {
    const char *format = strstr(path, "maps") ? "%*s %*s %*s %*s %*s %899s"
                         : strstr(path, "mountinfo") ? "%*s %*s %*s %*s %899s" : "%*s %899s";
    if (sscanf(text, format, place) != 1) continue;
    shortened(place);
    if (strncmp(place, "TOP/", 4) && strcmp(place, "/lib") && strcmp(place, "/in") && strcmp(place, "/in/m") &&
        strcmp(place, "/proc"))
      continue;
    /* There is a /proc outside too. */
    if (!strcmp(place, "/proc") && !strstr(what, "mountinfo inside")) continue;
    say("  %s", place);
  }
  if (f) fclose(f);
}

static void link_(const char *format, pid_t pid) {
  char path[60], text[400];
  snprintf(path, sizeof path, format, pid);
  ssize_t n = readlink(path, text, sizeof text - 1);
  if (n >= 0) text[n] = 0;
  say("  %s: %s", strrchr(path, '/') + 1, n < 0 ? errname(errno) : shortened(text));
}

static void map(const char *path) {
  int fd = (int)must(open(path, O_RDONLY));
  must(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
}

static void of_other(const char *file, const char *what) {
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/%s", other, file);
  places(what, path);
}

static void inside(void) {
  must(chroot("root"));
  must(chdir("/in"));
  places("maps inside", "/proc/self/maps");
  places("mounts inside", "/proc/self/mounts");
  places("mountinfo inside", "/proc/self/mountinfo");
  say("links inside");
  link_("/proc/%d/root", getpid());
  link_("/proc/%d/cwd", getpid());
  say("links of one outside");
  link_("/proc/%d/root", other);
  link_("/proc/%d/cwd", other);
  of_other("maps", "maps of one outside");
  of_other("mounts", "mounts of one outside");
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  must(mount("", "/", "", MS_PRIVATE | MS_REC, NULL));
  go_to_scratch();
  must(getcwd(top, sizeof top) ? 0 : -1);
  static const char *const directories[] = { "root", "root/proc", "root/in", "out" };
  for (int i = 0; i < 4; i++) must(mkdir(directories[i], 0755));
  must(mount("proc", "root/proc", "proc", 0, NULL));
  must(mount("none", "root/in", "tmpfs", 0, NULL));
  must(mount("none", "out", "tmpfs", 0, NULL));
  static const char *const mapped[] = { "root/lib", "root/in/m", "out/n", "outer" };
  for (int i = 0; i < 4; i++) {
    write_file(mapped[i], "text", 0644);
    map(mapped[i]);
  }
  places("maps", "/proc/self/maps");
  places("mounts", "/proc/self/mounts");
  places("mountinfo", "/proc/self/mountinfo");

  CHILD(other) {
    pause();
    _exit(0);
  }
  struct gate ready = new_gate(), go = new_gate();
  pid_t pid;
  CHILD(pid) {
    inside();
    open_gate(&ready);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&ready);
  must(kill(other, SIGKILL));
  reap(other);
  other = pid;
  of_other("maps", "maps of one inside");
  of_other("mounts", "mounts of one inside");
  of_other("mountinfo", "mountinfo inside, from outside");
  say("links of one inside");
  link_("/proc/%d/root", pid);
  link_("/proc/%d/cwd", pid);
  open_gate(&go);
  reap(pid);
  return 0;
}
