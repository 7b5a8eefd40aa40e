/* The controllers debug, net_cls and blkio where there are no disks; and CGROUPSTATS: tasks of a group by their state. */
// needs: root
// differs: today's kernels have other controllers, files and numbers
// a real 3.2.4: its configuration has no net_cls
#include "netlink.h"
#include <sys/mount.h>
#include <sys/ptrace.h>

static void show_file(const char *group, const char *name) {
  char path[100], text[1000];
  snprintf(path, sizeof path, "cg/%s%s", group, name);
  int f = open(path, O_RDONLY);
  if (f < 0) { say("%s: %s", path, errname(errno)); return; }
  ssize_t n = read(f, text, sizeof text - 1);
  if (n < 0) say("%s: %s", path, errname(errno));
  else text[n] = 0, say("%s: %s", path, n && text[n - 1] == '\n' ? (text[n - 1] = 0, text) : text);
  close(f);
}
static void put(const char *name, const char *text) {
  char path[100], what[200];
  snprintf(path, sizeof path, "cg/a/%s", name), snprintf(what, sizeof what, "%s to %s", text, path);
  int f = (int)must(open(path, O_WRONLY));
  show_ok(what, write(f, text, strlen(text)));
  close(f);
}
static void unmount(void) { must(rmdir("cg/a")), must(umount("cg")); }
static void mount_(const char *controller) { must(mount("x", "cg", "cgroup", 0, controller)), must(mkdir("cg/a", 0755)); }

static void debug(void) {
  static const char *const files[] = {"debug.cgroup_refcount", "debug.taskcount", "debug.releasable", "debug.current_css_set_cg_links", "debug.current_css_set_refcount"};
  mount_("debug");
  show_file("a/", "debug.cgroup_css_links");
  for (int i = 0; i < 4; i++) show_file("a/", files[i]);
  pid_t pid;
  CHILD(pid) {
    put("tasks", "0");
    for (int i = 0; i < 5; i++) show_file("a/", files[i]);
    show_file("", "debug.current_css_set_cg_links");
    must(mkdir("cg/a/b", 0755)), must(rmdir("cg/a/b"));
    show_file("a/", "debug.releasable");
    char text[1000] = "";
    close((int)must(open("cg/a/tasks", O_RDONLY))); /* from now on there are lists */
    int f = (int)must(open("cg/a/debug.cgroup_css_links", O_RDONLY));
    must(read(f, text, sizeof text - 1));
    char *task = strchr(text, '\n');
    say("css_set %d, then task %d", !strncmp(text, "css_set ", 8), task && atoi(task + strlen("\n  task ")) == getpid());
    _exit(0);
  }
  reap(pid);
  show_file("a/", "debug.releasable");
  unmount();
}

static void net_cls(void) {
  if (mount("x", "cg", "cgroup", 0, "net_cls")) { say("net_cls: %s", errname(errno)); return; }
  must(mkdir("cg/a", 0755));
  show_file("", "net_cls.classid");
  put("net_cls.classid", "0x100001"), put("net_cls.classid", "-1"), put("net_cls.classid", "4294967298");
  show_file("a/", "net_cls.classid");
  must(mkdir("cg/a/b", 0755)), show_file("a/b/", "net_cls.classid"), must(rmdir("cg/a/b"));
  unmount();
}

static int shares(void *arg) { (void)arg; pause(); return 0; }
static void blkio(void) {
  static const char *const files[] = {"blkio.weight", "blkio.weight_device", "blkio.time", "blkio.sectors", "blkio.io_service_bytes", "blkio.io_serviced", "blkio.io_service_time", "blkio.io_wait_time", "blkio.io_merged", "blkio.io_queued", "blkio.reset_stats"};
  mount_("blkio");
  show_file("", "blkio.weight");
  for (int i = 0; i < 11; i++) show_file("a/", files[i]);
  put("blkio.weight", "9"), put("blkio.weight", "10"), put("blkio.weight", "1001"), put("blkio.weight", "700"), put("blkio.reset_stats", "1");
  show_file("a/", "blkio.weight");
  put("blkio.weight_device", "99:0 500"), put("blkio.weight_device", "99 500"), put("blkio.weight_device", "99:0"), put("blkio.weight_device", "x:0 5");
  must(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
  static char stack[65536];
  pid_t pid = (pid_t)must(clone(shares, stack + 65536, CLONE_IO | SIGCHLD, NULL)), other;
  char number[20];
  snprintf(number, sizeof number, "%d", pid);
  int f = (int)must(open("cg/a/tasks", O_WRONLY));
  show_ok("who shares the time of disks", write(f, number, strlen(number)));
  kill(pid, SIGKILL), wait_for(pid);
  CHILD(other) put("tasks", "0"), _exit(0);
  reap(other);
  close(f), unmount();
}

static int family, fd;
static void stats(const char *what, int of, int id) {
  struct nl_message m;
  struct { struct nl_message m; char more[1024]; } answer;
  nl_begin(&m, family, 0, 42, 4);
  if (of != -2) nl_attr(&m, id, &of, 4);
  must(nl_send(fd, &m));
  long n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
  if (n < 0) { say("%s: no answer", what); return; }
  if (answer.m.head.type == ERROR_TYPE) { say("%s: %s", what, nl_errname(-*(int *)(&answer.m.head + 1))); return; }
  int length = 0;
  uint64_t *s = (void *)nl_find((char *)&answer + 20, n - 20, 1, &length);
  uint64_t copy[5];
  memcpy(copy, s, 40);
  say("%s: command %d, %d bytes, sleeping %d, running %d, stopped %d, uninterruptible %d, io %d", what, answer.m.cmd, length, (int)copy[0], (int)copy[1], (int)copy[2], (int)copy[3], (int)copy[4]);
}

static void cgroupstats(void) {
  fd = nl_socket(16), family = nl_family(fd, "TASKSTATS");
  mount_("freezer");
  pid_t a, b, c;
  CHILD(a) pause();
  CHILD(b) pause();
  CHILD(c) { raise(SIGSTOP); _exit(0); }
  wait_state(c, "T"), wait_asleep(a), wait_asleep(b);
  for (int i = 0; i < 3; i++) {
    char number[20];
    snprintf(number, sizeof number, "%d", i == 0 ? a : i == 1 ? b : c);
    int f = (int)must(open("cg/a/tasks", O_WRONLY));
    must(write(f, number, strlen(number))), close(f);
  }
  int dir = (int)must(open("cg/a", O_RDONLY)), file = (int)must(open("cg/a/tasks", O_RDONLY)), other = (int)must(open("/", O_RDONLY));
  stats("two sleep, one is stopped", dir, 1);
  int f = (int)must(open("cg/a/tasks", O_WRONLY));
  must(write(f, "0", 1));
  stats("and one asks", dir, 1);
  close(f), f = (int)must(open("cg/tasks", O_WRONLY)), must(write(f, "0", 1));
  must(ptrace(PTRACE_ATTACH, a, 0, 0)), waitpid(a, NULL, __WALL);
  stats("one is traced", dir, 1);
  stats("a file of the group", file, 1), stats("another directory", other, 1), stats("nothing open", 99, 1), stats("no descriptor", -2, 1);
  kill(a, SIGKILL), kill(b, SIGKILL), kill(c, SIGKILL), wait_for(a), wait_for(b), wait_for(c);
  stats("nobody", dir, 1);
  close(f), close(dir), close(file), unmount();
}

int main(void) {
  char folder[] = "/tmp/cgXXXXXX";
  must(mkdtemp(folder) ? 0 : -1), must(chdir(folder)), must(mkdir("cg", 0755));
  debug(), net_cls(), blkio(), cgroupstats();
  must(rmdir("cg"));
  return 0;
}
