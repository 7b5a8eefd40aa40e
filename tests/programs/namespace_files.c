/* /proc/PID/ns: what lies there, what setns() makes of it, and how long it keeps a namespace. Abstract socket names. */
// needs: root
// differs: later kernels have links there, that say which namespace it is now, and more kinds of them
#include "check.h"
#include <dirent.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>

static const char *name(void) {
  static struct utsname u;
  must(uname(&u));
  return !strncmp(u.nodename, "name-", 5) ? u.nodename : "first";
}

static void list(const char *what, const char *path) {
  DIR *d = opendir(path);
  say("%s: %s", what, d ? "open" : errname(errno));
  struct dirent *e;
  errno = 0;
  while (d && (e = readdir(d)) != NULL)
    if (e->d_name[0] != '.') say("  %s, type %d", e->d_name, e->d_type);
  if (d && errno) say("  %s", errname(errno));
  if (d) closedir(d);
}

static void look(void) {
  list("ns", "/proc/self/ns");
  struct stat s;
  must(stat("/proc/self/ns", &s));
  say("mode %o", s.st_mode);
  show("chmod of another file of a process", chmod("/proc/self/status", 0600));
  show("of its directory", chmod("/proc/self", 0700));
  const char *kinds[] = { "uts", "ipc", "net", "pid", "mnt", "user" };
  for (int i = 0; i < 6; i++) {
    char path[40], text[50];
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    say("%s", kinds[i]);
    int r = lstat(path, &s);
    show("  stat", r);
    if (r == 0) say("  mode %o, %d links, %d bytes", s.st_mode, (int)s.st_nlink, (int)s.st_size);
    show("  readlink", readlink(path, text, sizeof text));
    show("  chmod", chmod(path, 0644));
    show("  truncate", truncate(path, 0));
    show("  unlink", unlink(path));
    int fd = open(path, O_RDONLY);
    if (fd == -1) continue;
    show("  read", read(fd, text, 1));
    show("  write", write(fd, text, 1));
    show("  lseek", lseek(fd, 0, SEEK_SET));
    show("  mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    close(fd);
    fd = (int)show_ok("  open for writing", open(path, O_RDWR));
    if (fd != -1) show("  write", write(fd, text, 1));
    close(fd);
  }
}

static void entering(void) {
  struct gate ready = new_gate(), go = new_gate();
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET));
    must(sethostname("name-inside", 11));
    open_gate(&ready);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&ready);
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
  int there = (int)must(open(path, O_RDONLY)), here = (int)must(open("/proc/self/ns/uts", O_RDONLY));
  snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
  int net = (int)must(open(path, O_RDONLY));
  show("another kind", setns(there, CLONE_NEWNET));
  show("an unknown kind", setns(there, CLONE_NEWNS));
  show("enter", setns(there, CLONE_NEWUTS));
  say("%s", name());
  show("back, any kind", setns(here, 0));
  say("%s", name());
  show("a pipe", setns(ready.fd[0], 0));
  show("a bad descriptor", setns(-1, 0));
  show("a bad descriptor and kind", setns(-1, 5));
  pid_t user;
  CHILD(user) {
    must(setuid(1000));
    show("user: setns", setns(there, 0));
    show("user: a bad descriptor", setns(-1, 0));
    list("user: another's ns", path[0] ? (snprintf(path, sizeof path, "/proc/%d/ns", pid), path) : "");
    snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
    show("user: open what was looked up", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/ns/ipc", pid);
    show("user: open what was not", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/ns/nosuch", pid);
    show("user: open what is not there", open(path, O_RDONLY));
    _exit(0);
  }
  reap(user);
  /* Only the calling thread moves. */
  open_gate(&go);
  waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
  snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
  show_ok("a zombie's, looked up before", open(path, O_RDONLY));
  snprintf(path, sizeof path, "/proc/%d/ns/ipc", pid);
  show_ok("a zombie's", open(path, O_RDONLY));
  snprintf(path, sizeof path, "/proc/%d/ns", pid);
  list("a zombie's ns", path);
  reap(pid);
  show("enter where nobody is", setns(there, 0));
  say("%s", name());
  must(setns(here, 0));
  show("the network", setns(net, CLONE_NEWNET));
  close(there), close(here), close(net);
}

static void *thread(void *arg) {
  show("in a thread", setns(*(int *)arg, 0));
  say("  %s", name());
  return NULL;
}

/* What was looked up stays, whatever the process enters. */
static void keeping(void) {
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWUTS));
    must(sethostname("name-one", 8));
    struct stat before, after;
    must(stat("/proc/self/ns/uts", &before));
    must(unshare(CLONE_NEWUTS));
    must(sethostname("name-two", 8));
    must(stat("/proc/self/ns/uts", &after));
    say("the same file: %d", before.st_ino == after.st_ino);
    int fd = (int)must(open("/proc/self/ns/uts", O_RDONLY));
    pthread_t t;
    pthread_create(&t, NULL, thread, &fd);
    pthread_join(t, NULL);
    say("the others stay: %s", name());
    show("enter", setns(fd, 0));
    say("%s", name());
    char path[60];
    snprintf(path, sizeof path, "/proc/self/task/%d/ns/uts", getpid());
    fd = (int)must(open(path, O_RDONLY));
    must(unshare(CLONE_NEWUTS));
    must(sethostname("name-three", 10));
    must(setns(fd, 0));
    say("by another way: %s", name());
    _exit(0);
  }
  reap(pid);
  go_to_scratch();
  must(unshare(CLONE_NEWNS));
  mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
  write_file("f", "", 0644);
  CHILD(pid) {
    must(unshare(CLONE_NEWUTS));
    must(sethostname("name-bound", 10));
    char path[60];
    snprintf(path, sizeof path, "/proc/%d/ns/uts", getpid());
    pid_t other;
    CHILD(other) {
      show("bind", mount(path, "f", NULL, MS_BIND, NULL));
      _exit(0);
    }
    reap(other);
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    int fd = (int)must(open("f", O_RDONLY));
    show("umount, open", umount("f"));
    show("enter what is only mounted", setns(fd, 0));
    say("%s", name());
    close(fd);
    show("umount", umount("f"));
    _exit(0);
  }
  reap(pid);
}

static long bound(int s, const char *text) {
  struct sockaddr_un a = { AF_UNIX, "" };
  strcpy(a.sun_path + 1, text);
  return bind(s, (struct sockaddr *)&a, (socklen_t)(sizeof(sa_family_t) + 1 + strlen(text)));
}
static long connected(const char *text) {
  struct sockaddr_un a = { AF_UNIX, "" };
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  if (text[0] != '/') strcpy(a.sun_path + 1, text);
  else strcpy(a.sun_path, text + 1);
  socklen_t len = (socklen_t)(sizeof(sa_family_t) + 1 + strlen(text));
  long r = connect(s, (struct sockaddr *)&a, len);
  int e = errno;
  close(s);
  errno = e;
  return r;
}

static void names(void) {
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), p = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bound(s, "abstract"));
  must(listen(s, 5));
  struct sockaddr_un a = { AF_UNIX, "path" };
  must(bind(p, (struct sockaddr *)&a, sizeof a));
  must(listen(p, 5));
  int early = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), home = (int)must(open("/proc/self/ns/net", O_RDONLY));
  must(unshare(CLONE_NEWNET));
  show("connect by the abstract name", connected("abstract"));
  show("by the path", connected("/path"));
  int t = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("bind the same name", bound(t, "abstract"));
  show("again", bound((int)must(socket(AF_UNIX, SOCK_STREAM, 0)), "abstract"));
  show("with a socket of before", bound(early, "abstract"));
  must(listen(t, 5));
  show("connect", connected("abstract"));
  must(setns(home, 0));
  close(s);
  show("back, and the first is closed", connected("abstract"));
  show("the one of before", bound(early, "abstract"));
}

int main(void) {
  look();
  entering();
  keeping();
  names();
  return 0;
}
