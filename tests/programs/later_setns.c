/* Namespaces of processes, users and mounts entered with setns(), and the links of /proc/PID/ns. */
// later: all
// needs: root
#include "check.h"
#include <dirent.h>
#include <sys/mount.h>

static const char *const kinds[] = { "net", "uts", "ipc", "pid", "pid_for_children", "user", "mnt" };
enum { KINDS = sizeof kinds / sizeof *kinds };

static const char *text_of(const char *who, const char *kind) {
  static char text[4][64];
  static int next;
  char path[64], *t = text[next++ % 4];
  snprintf(path, sizeof path, "/proc/%s/ns/%s", who, kind);
  ssize_t n = readlink(path, t, 63);
  if (n == -1) return errname(errno);
  t[n] = 0;
  return t;
}

static int open_ns(pid_t pid, const char *kind) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
  return (int)must(open(path, O_RDONLY | O_CLOEXEC));
}

/* A child with namespaces of its own that waits to be killed. */
static pid_t sleeper(int flags) {
  pid_t pid = (pid_t)must(clone_fork(flags | SIGCHLD));
  if (!pid) for (;;) pause();
  return pid;
}

static void look(void) {
  DIR *d = opendir("/proc/self/ns");
  struct dirent *e;
  char path[64], c;
  while (d && (e = readdir(d)) != NULL)
    for (int i = 0; i < KINDS; i++)
      if (!strcmp(e->d_name, kinds[i])) say("%s, type %d", e->d_name, e->d_type);
  closedir(d);
  struct stat link, file, open_one;
  must(stat("/proc/self/ns", &file));
  say("mode %o", file.st_mode);
  for (int i = 0; i < KINDS; i++) {
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    must(lstat(path, &link));
    must(stat(path, &file));
    int fd = open_ns(getpid(), kinds[i]);
    must(fstat(fd, &open_one));
    const char *text = text_of("self", kinds[i]), *number = strchr(text, '[');
    say("%s: link %o of %d, file %o of %d, %d links, %d bytes; %.*s, its number %d, the same %d", kinds[i], link.st_mode,
        (int)link.st_uid, file.st_mode, (int)file.st_uid, (int)file.st_nlink, (int)file.st_size, (int)(number - text), text,
        strtoul(number + 1, NULL, 10) == file.st_ino, open_one.st_ino == file.st_ino && open_one.st_dev == file.st_dev);
    show("  read", read(fd, &c, 1));
    show("  write", write(fd, &c, 1));
    show("  lseek", lseek(fd, 0, SEEK_SET));
    show("  mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char again[64] = { 0 };
    must(readlink(path, again, 63));
    say("  as a descriptor %d", !strcmp(again, text_of("self", kinds[i])));
    close(fd);
  }
  show("another name", open("/proc/self/ns/nothing", O_RDONLY));
  show("a new one", open("/proc/self/ns/new", O_RDWR | O_CREAT, 0600));
  say("the first ones of users: %s", text_of("1", "user"));
  pid_t pid = sleeper(CLONE_NEWPID | CLONE_NEWUTS);
  snprintf(path, sizeof path, "%d", (int)pid);
  say("a child's: pid %d uts %d ipc %d user %d", !strcmp(text_of(path, "pid"), text_of("self", "pid")),
      !strcmp(text_of(path, "uts"), text_of("self", "uts")), !strcmp(text_of(path, "ipc"), text_of("self", "ipc")),
      !strcmp(text_of(path, "user"), text_of("self", "user")));
  kill(pid, SIGKILL);
  siginfo_t info;
  must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
  say("a zombie's: uts %s, mnt %s, pid_for_children %s, user %d", text_of(path, "uts"), text_of(path, "mnt"),
      text_of(path, "pid_for_children"), !strcmp(text_of(path, "user"), text_of("self", "user")));
  wait_for(pid);
  say("gone: %s", text_of(path, "user"));
}

static void refused(void) {
  int own = open_ns(getpid(), "uts"), pid_ns = open_ns(getpid(), "pid"), user_ns = open_ns(getpid(), "user");
  int mnt_ns = open_ns(getpid(), "mnt");
  show("no descriptor", setns(99, 0));
  show("no namespace", setns(1, 0));
  show("another kind", setns(own, CLONE_NEWIPC));
  show("pid, asked for as mnt", setns(pid_ns, CLONE_NEWNS));
  show("its own uts", setns(own, CLONE_NEWUTS));
  show("its own pid", setns(pid_ns, CLONE_NEWPID));
  show("its own mnt", setns(mnt_ns, CLONE_NEWNS));
  show("its own user", setns(user_ns, CLONE_NEWUSER));
  pid_t pid;
  CHILD(pid) {
    must(setuid(1000));
    show("somebody: no namespace", setns(1, 0));
    show("another kind", setns(own, CLONE_NEWIPC));
    show("uts", setns(own, 0));
    show("pid", setns(pid_ns, 0));
    show("mnt", setns(mnt_ns, 0));
    show("user", setns(user_ns, 0));
    say("root's link: %s", text_of("1", "uts"));
    show("its directory", access("/proc/1/ns", X_OK));
    show("what it leads to", open("/proc/1/ns/pid", O_RDONLY));
    _exit(0);
  }
  wait_for(pid);
}

/* Which of the first 32 capabilities are effective; and to have none of these any more. */
static unsigned effective(unsigned without) {
  unsigned head[2] = { 0x20080522, 0 }, sets[6];
  must(syscall(SYS_capget, head, sets));
  if (without) {
    sets[0] &= ~without;
    must(syscall(SYS_capset, head, sets));
  }
  return sets[0];
}

static void *idle(void *unused) {
  for (;;) pause();
  return unused;
}

static void shared(void) {
  pid_t pid, other = sleeper(CLONE_NEWUSER), mounts = sleeper(CLONE_NEWNS);
  int user_ns = open_ns(other, "user"), mnt_ns = open_ns(mounts, "mnt");
  CHILD(pid) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, idle, NULL) ? -1 : 0);
    show("of two threads: user", setns(user_ns, 0));
    show("mnt", setns(mnt_ns, 0));
    must(unshare(CLONE_FS));
    show("with a root directory of its own: user", setns(user_ns, 0));
    show("mnt", setns(mnt_ns, 0));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    effective(1U << 18);
    show("without CAP_SYS_CHROOT", setns(mnt_ns, 0));
    effective(~0U);
    show("without any", setns(mnt_ns, 0));
    show("the maker of a user namespace", setns(user_ns, 0));
    say("has all %d", effective(0) == ~0U);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(setuid(1000));
    show("somebody else", setns(user_ns, 0));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    pid_t sharer = (pid_t)must(clone_fork(CLONE_FS | SIGCHLD));
    if (!sharer) for (;;) pause();
    show("of two that share a root directory: user", setns(user_ns, 0));
    show("mnt", setns(mnt_ns, 0));
    kill(sharer, SIGKILL);
    wait_for(sharer);
    show("alone: user", setns(user_ns, 0));
    show("again", setns(user_ns, 0));
    say("the same as there %d", strcmp(text_of("self", "user"), text_of("1", "user")) != 0);
    _exit(0);
  }
  wait_for(pid);
  kill(other, SIGKILL);
  kill(mounts, SIGKILL);
  wait_for(other);
  wait_for(mounts);
}

static void processes(void) {
  pid_t init = sleeper(CLONE_NEWPID), pid;
  int inner = open_ns(init, "pid"), outer = open_ns(getpid(), "pid");
  CHILD(pid) {
    show("into a pid namespace", setns(inner, CLONE_NEWPID));
    say("its own is as before %d, its children's is not %d", getpid() > 2, strcmp(text_of("self", "pid"), text_of("self", "pid_for_children")) != 0);
    pid_t child;
    CHILD(child) {
      say("number %d, parent %d", (int)getpid(), (int)getppid());
      show("back out of it", setns(outer, 0));
      show("its own", setns(inner, 0));
      _exit(3);
    }
    say("the child %s", reap(child));
    show("a thread", clone_fork(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
    show("yet another", clone_fork(CLONE_NEWPID | SIGCHLD));
    show("back", setns(outer, CLONE_NEWPID));
    CHILD(child) _exit(getppid() == 0);
    say("the child %s", reap(child));
    must(setns(inner, 0));
    kill(init, SIGKILL);
    _exit(0);
  }
  wait_for(pid);
  wait_for(init);
  show("whose init is gone", setns(inner, 0));
  pid = fork();
  show("a child there", pid);
  if (!pid) _exit(0);
  must(setns(outer, 0));
  close(inner);
}

static void mounts(void) {
  struct gate ready = new_gate();
  go_to_scratch();
  must(mkdir("place", 0700));
  char path[4096];
  must(getcwd(path, sizeof path) ? 0 : -1);
  pid_t other = (pid_t)must(clone_fork(CLONE_NEWNS | SIGCHLD)), pid;
  if (!other) {
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("none", "place", "tmpfs", 0, NULL));
    must(close(creat("place/here", 0600)));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  int fd = open_ns(other, "mnt");
  show("not to be seen", access("place/here", F_OK));
  CHILD(pid) {
    show("entered", setns(fd, CLONE_NEWNS));
    char now[4096];
    say("in %s", getcwd(now, sizeof now));
    must(chdir(path));
    show("seen", access("place/here", F_OK));
    _exit(0);
  }
  wait_for(pid);
  kill(other, SIGKILL);
  wait_for(other);
  CHILD(pid) {
    show("kept by its file", setns(fd, 0));
    must(chdir(path));
    show("seen", access("place/here", F_OK));
    _exit(0);
  }
  wait_for(pid);
  close(fd);
  must(close(creat("name", 0600)));
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    show("its own mounts, mounted", mount("/proc/self/ns/mnt", "name", NULL, MS_BIND, NULL));
    must(unshare(CLONE_NEWUTS));
    must(sethostname("kept", 4));
    show("a namespace, mounted", mount("/proc/self/ns/uts", "name", NULL, MS_BIND, NULL));
    must(unshare(CLONE_NEWUTS));
    must(sethostname("other", 5));
    fd = (int)must(open("name", O_RDONLY));
    show("entered", setns(fd, CLONE_NEWUTS));
    must(gethostname(path, sizeof path));
    say("called %s", path);
    close(fd);
    show("unmounted", umount("name"));
    _exit(0);
  }
  wait_for(pid);
}

int main(void) {
  look();
  refused();
  shared();
  processes();
  mounts();
  return 0;
}
