/* Release agents and events: what is run when a group has become empty, and when eventfds are told that it is gone. */
// differs: these hierarchies are gone from the kernels of today; later kernels run the agent for the first that leaves, too
#include "cgroup.h"

#include <sys/eventfd.h>

static char here[200], log_file[220];
static int runs;
static void told(const char *what) {
  sleep_ms(30);
  const char *text = get(log_file);
  say("%s: [%s]", what, strcmp(text, "ENOENT") ? text : "");
  unlink(log_file);
}
static void visit(const char *group) {
  int pid;
  CHILD(pid) {
    char path[60];
    snprintf(path, sizeof path, "c/%s/tasks", group);
    _exit(put(path, "0") < 0);
  }
  wait_for(pid);
}
/* The agent: its arguments, user, environment, parent and groups, in a file beside itself. */
static int agent(char **argv, char **env) {
  char path[220], text[600];
  snprintf(path, sizeof path, "%s", argv[0]);
  strcpy(strrchr(path, '/'), "/log");
  int n = snprintf(text, sizeof text, "%s uid %d, cwd %s,", argv[1], (int)getuid(), getcwd(path + 210, 2) ? "/" : "?");
  for (char **e = env; *e; e++) n += snprintf(text + n, sizeof text - (size_t)n, " %s", *e);
  n += snprintf(text + n, sizeof text - (size_t)n, " fds %d\n", fcntl(0, F_GETFD) != -1);
  path[209] = 0;
  int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (write(fd, text, (size_t)n) != n) return 1;
  return 0;
}
static long event(const char *control, const char *file, const char *args, int efd) {
  int fd = open(file, O_RDONLY);
  char text[80];
  snprintf(text, sizeof text, "%d %d%s", efd, fd, args);
  long r = put(control, text);
  int e = errno;
  close(fd);
  errno = e;
  return r < 0 ? r : 0;
}
static int count(int efd) {
  uint64_t n = 0;
  return read(efd, &n, 8) == 8 ? (int)n : 0;
}

int main(int argc, char **argv, char **env) {
  if (argc == 2 && argv[1][0] == '/') return agent(argv, env);
  char self[200] = "";
  must(readlink("/proc/self/exe", self, sizeof self - 1));
  working_directory();
  must(mount_groups("none,name=release"));
  (void)!getcwd(here, sizeof here);
  snprintf(log_file, sizeof log_file, "%s/log", here);
  char copy[220], text[4096];
  snprintf(copy, sizeof copy, "%s/agent", here);
  int in = open(self, O_RDONLY), out = open(copy, O_CREAT | O_WRONLY, 0700);
  for (ssize_t n; (n = read(in, text, sizeof text)) > 0;) must(write(out, text, (size_t)n));
  close(in), close(out);
  show("agent", put("c/release_agent", copy) > 0);
  must(mkdir("c/a", 0700));
  set("c/a/notify_on_release", "1");
  told("an empty group");
  visit("a");
  told("its last task has exited");
  int pid;
  CHILD(pid) {
    must(mkdir("c/m", 0700));
    put("c/m/notify_on_release", "1");
    put("c/m/tasks", "0");
    put("c/tasks", "0");
    told("moved away");
    put("c/m/tasks", "0");
    put("c/tasks", "0");
    told("moved away again");
    must(rmdir("c/m"));
    _exit(0);
  }
  wait_for(pid);
  must(mkdir("c/a/b", 0700));
  see("c/a/b/notify_on_release");
  visit("a/b");
  told("one below");
  show("rmdir", rmdir("c/a/b"));
  told("the one above, when it is gone");
  must(mkdir("c/p", 0700)), put("c/p/notify_on_release", "1");
  must(mkdir("c/p/k", 0700)), put("c/p/k/notify_on_release", "0");
  must(rmdir("c/p/k"));
  told("one that never had a task, when the one below is gone");
  must(mkdir("c/w", 0700));
  CHILD(pid) {
    put("c/w/tasks", "0"), put("c/tasks", "0");
    put("c/w/notify_on_release", "1");
    put("c/w/tasks", "0"), put("c/tasks", "0");
    told("who wants to know begins anew");
    _exit(0);
  }
  wait_for(pid);
  must(rmdir("c/w")), must(rmdir("c/p"));
  set("c/a/notify_on_release", "0");
  visit("a");
  told("nobody wants to know");
  put("c/a/notify_on_release", "1");
  put("c/release_agent", "/no/such/agent");
  visit("a");
  told("no agent");
  put("c/release_agent", "");
  visit("a");
  told("an empty name");
  runs++;

  int efd = eventfd(0, EFD_NONBLOCK);
  show("no events there", event("c/a/cgroup.event_control", "c/a/tasks", "", efd));
  show("not a control file", event("c/a/cgroup.event_control", log_file, "", efd));
  show("not an eventfd", event("c/a/cgroup.event_control", "c/a/tasks", "", 1));
  chmod("c/a/cgroup.event_control", 0666), chmod("c/a/tasks", 0600), chmod("c/a", 0755);
  CHILD(pid) {
    int cfd = open("c/a/tasks", O_WRONLY);
    char text[40];
    snprintf(text, sizeof text, "%d %d", efd, cfd);
    must(setresuid(5, 5, 5));
    show("not to be read", put("c/a/cgroup.event_control", text));
    _exit(0);
  }
  wait_for(pid);
  set("c/a/cgroup.event_control", "x");
  set("c/a/cgroup.event_control", "1,1");
  set("c/a/cgroup.event_control", "77 1");
  show("rmdir", rmdir("c/a"));
  show("umount", umount("c"));

  must(mount_groups("memory"));
  must(mkdir("c/a", 0700));
  show("usage", event("c/a/cgroup.event_control", "c/a/memory.usage_in_bytes", " 1M", efd));
  show("no amount", event("c/a/cgroup.event_control", "c/a/memory.usage_in_bytes", " x", efd));
  show("limit", event("c/a/cgroup.event_control", "c/a/memory.limit_in_bytes", " 1M", efd));
  int other = eventfd(0, EFD_NONBLOCK);
  show("oom", event("c/a/cgroup.event_control", "c/a/memory.oom_control", "", other));
  CHILD(pid) {
    put("c/a/tasks", "0");
    char *p = mmap(0, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4 << 20; i += 4096) p[i] = 1;
    say("above: %d", count(efd));
    munmap(p, 8 << 20);
    say("below: %d", count(efd));
    _exit(0);
  }
  wait_for(pid);
  count(efd);
  close(other);
  show("rmdir", rmdir("c/a"));
  say("gone: %d", count(efd));
  show("umount", umount("c"));
}
