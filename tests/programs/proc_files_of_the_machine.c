/* Which files /proc has, their modes, and what opening, reading, writing and moving in each answers. */
#include "check.h"
// needs: root
// differs: later kernels have other modes, and other texts

/* The first bytes, written with x for a digit and _ for a run of blanks, so that numbers do not matter. */
static void shape(const char *text, ssize_t n, char *out, int size) {
  int at = 0;
  for (ssize_t i = 0; i < n && text[i] != '\n' && at < size - 1; i++) {
    char c = text[i];
    if (c >= '0' && c <= '9') c = 'x';
    if (c == '\t') c = ' ';
    if (at && (c == 'x' || c == ' ') && out[at - 1] == c) continue;
    out[at++] = c;
  }
  while (at && out[at - 1] == ' ') at--;
  out[at] = 0;
}

/* What is read from behind a ! depends on the machine. */
static void look(const char *path) {
  static char text[70000];
  char first[80] = "", line[400];
  int known = *path != '!';
  if (!known) path++;
  struct stat st;
  if (stat(path, &st)) { say("%s: %s", path, errname(errno)); return; }
  int n = snprintf(line, sizeof line, "%s %o %d", path, st.st_mode, (int)st.st_size);
  int fd = open(path, O_RDWR);
  if (fd < 0) { say("%s: open %s", line, errname(errno)); return; }
  errno = 0;
  n += snprintf(line + n, sizeof line - (size_t)n, ": seek %s", lseek(fd, 1, SEEK_END) < 0 ? errname(errno) : "ok");
  n += snprintf(line + n, sizeof line - (size_t)n, " written %s", write(fd, "", 0) < 0 ? errname(errno) : "ok");
  lseek(fd, 0, SEEK_SET);
  ssize_t got = read(fd, text, sizeof text);
  if (known) shape(text, got, first, sizeof first);
  say("%s read %s: %s", line, got < 0 ? errname(errno) : got ? "some" : "nothing", first);
  close(fd);
}

int main(void) {
  static const char *const files[] = {
    "buddyinfo", "!cmdline", "devices", "execdomains", "!filesystems", "interrupts", "!kpagecount",
    "!kpageflags", "loadavg", "locks", "meminfo", "pagetypeinfo", "partitions", "slabinfo", "softirqs", "stat", "swaps",
    "timer_list", "uptime", "!version", "vmallocinfo", "vmstat", "zoneinfo", "tty/drivers", "tty/ldiscs", "!self/auxv",
    "self/clear_refs", "!self/cmdline", "self/comm", "self/coredump_filter", "!self/environ", "self/limits", "!self/maps",
    "!self/mountinfo", "!self/mounts", "!self/mountstats", "self/oom_adj", "self/oom_score", "self/oom_score_adj",
    "!self/pagemap", "self/personality", "!self/smaps", "self/stat", "self/statm", "self/status", "!self/syscall",
    "self/wchan", "self/attr", "self/numa_maps", "self/loginuid", "self/sessionid", "self/map_files", "self/timers",
    "self/task/1/coredump_filter",
  };
  char path[80];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "%s/proc/%s", *files[i] == '!' ? "!" : "", files[i] + (*files[i] == '!'));
    look(path);
  }
  snprintf(path, sizeof path, "/proc/self/task/%d", getpid());
  must(chdir(path));
  look("mountstats");
  look("clear_refs");
  struct stat st;
  static const char *const others[] = { "self", "mounts", "sys", "sys/kernel", "sys/vm", "tty", "tty/driver", "tty/ldisc" };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    snprintf(path, sizeof path, "/proc/%s", others[i]);
    must(lstat(path, &st));
    say("%s %o %d, links %d", others[i], st.st_mode, (int)st.st_size, (int)st.st_nlink);
  }
  /* The names of the rows. */
  static const char *const tables[] = { "vmstat", "zoneinfo", "meminfo" };
  for (int i = 0; i < 3; i++) {
    char row[200], name[60], line[900] = "";
    snprintf(path, sizeof path, "/proc/%s", tables[i]);
    FILE *f = fopen(path, "r");
    while (fgets(row, sizeof row, f) && strlen(line) < 800)
      if (sscanf(row, " %59[^0-9:]", name) == 1) {
        if (strstr(name, "cpu")) break;
        char *end = name + strlen(name);
        while (end > name && end[-1] == ' ') *--end = 0;
        if (strlen(line) > 780) break;
        sprintf(line + strlen(line), " %s", name);
      }
    fclose(f);
    say("%s:%s", tables[i], line);
  }
  return 0;
}
