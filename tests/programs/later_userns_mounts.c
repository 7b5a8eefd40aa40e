/* Mounts of a user namespace: what may be mounted in it, and what of its maker's mounts cannot be changed or taken away. */
// later: all
// needs: root
#include "userns.h"
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static long try_(const char *what, const char *from, const char *to, const char *type, unsigned long flags, const char *data) {
  return show(what, mount(from, to, type, flags, data));
}

/* What of mountinfo's line about a place is to be told: its propagation, without the number of the group. */
static void kind(const char *place) {
  char line[4096], path[4096], root[4096], options[512], more[64];
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char full[4096];
  must(realpath(place, full) ? 0 : -1);
  while (f && fgets(line, sizeof line, f)) {
    int n = sscanf(line, "%*d %*d %*s %4095s %4095s %511s %63s", root, path, options, more);
    if (n == 4 && !strcmp(path, full)) say("%s: %s, %.*s", place, options, (int)strcspn(more, ":"), more);
  }
  if (f) fclose(f);
}

static void types(void) {
  pid_t pid;
  CHILD(pid) {
    become(1000), own_namespace(CLONE_NEWNS);
    try_("tmpfs", "none", "empty", "tmpfs", 0, "mode=750,uid=0");
    struct stat st;
    must(stat("empty", &st));
    say("mode %o of %d", st.st_mode, (int)st.st_uid);
    show("a file there", close((int)must(open("empty/file", O_CREAT | O_WRONLY, 0644))));
    try_("read-only now", "none", "empty", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    show("another", open("empty/other", O_CREAT | O_WRONLY, 0644));
    show("away", umount("empty"));
    try_("for somebody who is not here", "none", "empty", "tmpfs", 0, "uid=5");
    try_("tmpfs as it comes", "none", "empty", "tmpfs", 0, NULL);
    must(stat("empty", &st));
    say("of %d:%d", (int)st.st_uid, (int)st.st_gid);
    show("with force", umount2("empty", MNT_FORCE));
    try_("ramfs", "none", "empty", "ramfs", 0, NULL);
    must(stat("empty", &st));
    say("of %d:%d", (int)st.st_uid, (int)st.st_gid);
    must(umount("empty"));
    try_("devpts as it comes", "none", "empty", "devpts", 0, NULL);
    must(stat("empty/ptmx", &st));
    say("ptmx of %d", (int)st.st_uid);
    must(umount("empty"));
    try_("devpts", "none", "empty", "devpts", 0, "newinstance,ptmxmode=0666");
    int master = (int)must(open("empty/ptmx", O_RDWR | O_NOCTTY));
    show("a terminal", master < 0 ? -1 : 0);
    must(stat("empty/ptmx", &st));
    say("ptmx of %d", (int)st.st_uid);
    must(stat("empty/0", &st));
    say("the first of %d", (int)st.st_uid);
    close(master);
    must(umount("empty"));
    try_("devpts, for a group that is not here", "none", "empty", "devpts", 0, "newinstance,gid=5");
    try_("proc of the machine", "none", "empty", "proc", 0, NULL);
    try_("mqueue of the machine", "none", "empty", "mqueue", 0, NULL);
    try_("sysfs of the machine", "none", "empty", "sysfs", 0, NULL);
    try_("cgroup", "none", "empty", "cgroup", 0, NULL);
    try_("devtmpfs", "none", "empty", "devtmpfs", 0, NULL);
    try_("debugfs", "none", "empty", "debugfs", 0, NULL);
    try_("an unknown one", "none", "empty", "nothing", 0, NULL);
    must(unshare(CLONE_NEWIPC | CLONE_NEWNET));
    try_("mqueue of its own", "none", "empty", "mqueue", 0, NULL);
    must(umount("empty"));
    must(unshare(CLONE_NEWPID));
    pid_t child;
    CHILD(child) {
      try_("proc with other times", "none", "empty", "proc", MS_NOATIME, NULL);
      try_("proc of its own", "none", "empty", "proc", 0, NULL);
      show("itself", access("empty/1/status", R_OK));
      must(stat("empty/1/status", &st));
      say("of %d", (int)st.st_uid);
      must(umount("empty"));
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    /* A part of /proc is hidden. */
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("none", "/proc/sys", "tmpfs", 0, NULL));
    become(1000), own_namespace(CLONE_NEWNS | CLONE_NEWPID);
    pid_t child;
    CHILD(child) {
      try_("proc where a part is hidden", "none", "empty", "proc", 0, NULL);
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("none", "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    must(setgroups(0, NULL));
    must(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
    pid_t child;
    CHILD(child) {
      try_("proc where it is read-only", "none", "empty", "proc", 0, NULL);
      try_("so, too", "none", "empty", "proc", MS_RDONLY, NULL);
      try_("writable now", "none", "empty", NULL, MS_REMOUNT | MS_BIND, NULL);
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
}

static void in_child(void (*what)(void)) {
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    what();
    _exit(0);
  }
  wait_for(pid);
}

static void no_proc(void) {
  while (!umount2("/proc", MNT_DETACH)) ;
}

static void without_proc(void) {
  no_proc();
  try_("root mounts proc where there is none", "none", "/proc", "proc", 0, NULL);
  must(umount2("/proc", MNT_DETACH));
}

static void part_of_proc(void) {
  must(mount("/proc/sys", "top", NULL, MS_BIND, NULL));
  pid_t child;
  no_proc();
  CHILD(child) {
    must(setgroups(0, NULL));
    must(unshare(CLONE_NEWUSER));
    must(unshare(CLONE_NEWNS | CLONE_NEWPID));
    pid_t inner;
    CHILD(inner) {
      try_("proc where a part is seen", "none", "empty", "proc", 0, NULL);
      _exit(0);
    }
    wait_for(inner);
    _exit(0);
  }
  wait_for(child);
}

static void proc_read_only(void) {
  must(unshare(CLONE_NEWPID));
  pid_t child;
  CHILD(child) {
    must(mount("none", "top", "proc", 0, NULL));
    int map = (int)must(open("top/self/status", O_RDONLY));
    close(map);
    must(mount("none", "top", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    must(mount("none", "top", NULL, MS_REMOUNT | MS_BIND, NULL));
    no_proc();
    must(setgroups(0, NULL));
    must(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
    pid_t inner;
    CHILD(inner) {
      try_("proc where all of it is read-only", "none", "empty", "proc", 0, NULL);
      try_("  read-only", "none", "empty", "proc", MS_RDONLY, NULL);
      _exit(0);
    }
    wait_for(inner);
    _exit(0);
  }
  wait_for(child);
}

/* What is mounted on a directory of /sys that is there for it hides nothing. */
static void sys(void) {
  must(umount2("/sys", MNT_DETACH));
  must(mount("none", "/sys", "sysfs", 0, NULL));
  must(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL));
  pid_t child;
  CHILD(child) {
    become(1000), own_namespace(CLONE_NEWNS | CLONE_NEWNET);
    try_("sysfs, but for control groups", "none", "empty", "sysfs", 0, NULL);
    _exit(0);
  }
  wait_for(child);
  must(mount("none", "/sys/devices", "tmpfs", 0, NULL));
  CHILD(child) {
    become(1000), own_namespace(CLONE_NEWNS | CLONE_NEWNET);
    try_("and but for devices", "none", "empty", "sysfs", 0, NULL);
    _exit(0);
  }
  wait_for(child);
}

static void unbindable(void) {
  must(mount("none", "top", "tmpfs", 0, NULL));
  must(mkdir("top/below", 0755));
  must(mount("none", "top/below", "tmpfs", 0, NULL));
  must(mount("none", "top/below", NULL, MS_UNBINDABLE, NULL));
  try_("root leaves out what is unbindable", "top", "empty", NULL, MS_BIND | MS_REC, NULL);
  must(umount("empty"));
  become(1000), own_namespace(CLONE_NEWNS);
  try_("in another namespace", "top", "empty", NULL, MS_BIND | MS_REC, NULL);
  kind("empty/below");
  must(umount2("empty", MNT_DETACH));
  try_("made so there", "none", "top/below", NULL, MS_UNBINDABLE, NULL);
  try_("what has to stay", "top", "empty", NULL, MS_BIND | MS_REC, NULL);
}

/* The root is a mount on the first one, as after switch_root(8). */
static void switched(void) {
  must(mount("none", "top", "tmpfs", 0, "mode=777"));
  must(mkdir("top/proc", 0755));
  must(mkdir("top/new", 0755));
  must(chmod("top/new", 0777));
  must(mount("/proc", "top/proc", NULL, MS_BIND | MS_REC, NULL));
  must(chdir("top"));
  must(mount(".", "/", NULL, MS_MOVE, NULL));
  must(chroot("."));
  become(1000), own_namespace(CLONE_NEWNS);
  must(mount("none", "new", "tmpfs", 0, NULL));
  must(mkdir("new/old", 0755));
  show("the root that has to stay, changed", syscall(SYS_pivot_root, "new", "new/old"));
  must(chdir("/"));
  show("the old one away", umount2("/old", MNT_DETACH));
  show("the new one", umount2("/", MNT_DETACH));
  show("made read-only", umount("/"));
}

static void root_device(void) {
  must(mount("none", "empty", "tmpfs", 0, NULL));
  must(mknod("empty/null", S_IFCHR | 0666, makedev(1, 3)));
  show("a device of the machine's administrator", close((int)must(open("empty/null", O_RDONLY))));
}

static void locked(void) {
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("none", "top", "tmpfs", MS_NOSUID | MS_NODEV, NULL));
    must(mkdir("top/below", 0755));
    must(mkdir("top/other", 0755));
    must(mount("none", "top/below", "tmpfs", MS_RDONLY | MS_NOEXEC | MS_NOATIME, NULL));
    must(mount("none", "top", NULL, MS_SHARED, NULL));
    must(mkdir("top/other/place", 0777));
    must(chmod("top", 0777));
    kind("top");
    become(1000), own_namespace(CLONE_NEWNS);
    kind("top");
    kind("top/below");
    show("to take it away", umount("top/below"));
    show("lazily", umount2("top/below", MNT_DETACH));
    show("with force", umount2("top", MNT_FORCE));
    try_("to move it", "top/below", "empty", NULL, MS_MOVE, NULL);
    try_("writable", "none", "top/below", NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NOATIME, NULL);
    try_("programs", "none", "top/below", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOATIME, NULL);
    try_("times", "none", "top/below", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC | MS_RELATIME, NULL);
    try_("times as they are", "none", "top/below", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL);
    try_("devices", "none", "top", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL);
    try_("set-user-id", "none", "top", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL);
    try_("less", "none", "top", NULL, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL);
    try_("what it holds", "none", "top", NULL, MS_REMOUNT | MS_NODEV | MS_NOSUID, NULL);
    try_("without what is below", "top", "empty", NULL, MS_BIND, NULL);
    try_("with it", "top", "empty", NULL, MS_BIND | MS_REC, NULL);
    kind("empty/below");
    show("its copy", umount("empty/below"));
    show("the copy with it", umount2("empty", MNT_DETACH));
    try_("what hides nothing", "top/other", "empty", NULL, MS_BIND, NULL);
    show("away", umount("empty"));
    try_("its own below", "none", "top/other", "tmpfs", 0, NULL);
    show("away", umount("top/other"));
    try_("private", "none", "top", NULL, MS_PRIVATE, NULL);
    kind("top");
    show("the root", umount2("/", MNT_DETACH));
    try_("somebody else's file system", "top/other", "empty", NULL, MS_BIND, NULL);
    show("with force", umount2("empty", MNT_FORCE));
    must(chdir("empty"));
    must(chroot("."));
    show("as the root, made read-only", umount("/"));
    _exit(0);
  }
  wait_for(pid);
}

/* What the maker mounts later arrives, and can be taken away as a whole only. */
static void propagated(void) {
  struct gate ready = new_gate(), done = new_gate(), end = new_gate();
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("none", "top", "tmpfs", 0, NULL));
    must(mount("none", "top", NULL, MS_SHARED, NULL));
    must(mkdir("top/here", 0777));
    must(mkdir("tree", 0777));
    must(mount("none", "tree", "tmpfs", 0, NULL));
    must(mkdir("tree/inner", 0777));
    must(mount("none", "tree/inner", "tmpfs", MS_RDONLY, NULL));
    pid_t child;
    CHILD(child) {
      become(1000), own_namespace(CLONE_NEWNS);
      open_gate(&ready);
      pass_gate(&done);
      kind("top/here");
      kind("top/here/inner");
      show("what is in it", umount("top/here/inner"));
      try_("writable", "none", "top/here/inner", NULL, MS_REMOUNT | MS_BIND, NULL);
      try_("itself without", "none", "top/here", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
      show("all of it", umount2("top/here", MNT_DETACH));
      try_("mounted here", "none", "top/here", "tmpfs", 0, NULL);
      open_gate(&end);
      _exit(0);
    }
    pass_gate(&ready);
    must(mount("tree", "top/here", NULL, MS_BIND | MS_REC, NULL));
    open_gate(&done);
    pass_gate(&end);
    kind("top/here");
    wait_for(child);
    must(umount2("top/here", MNT_DETACH));
    _exit(0);
  }
  wait_for(pid);
}

static void roots(void) {
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("none", "top", "tmpfs", 0, NULL));
    must(mkdir("top/old", 0777));
    must(chmod("top", 0777));
    become(1000), own_namespace(CLONE_NEWNS);
    show("a mount that has to stay", syscall(SYS_pivot_root, "top", "top/old"));
    try_("mounted again", "top", "top", NULL, MS_BIND, NULL);
    char here[4096];
    must(getcwd(here, sizeof here) ? 0 : -1);
    must(chdir("top/.."));
    must(chdir("top"));
    show("the new root", syscall(SYS_pivot_root, ".", "old"));
    must(chdir("/"));
    show("what was the root", access("old/proc", F_OK));
    show("the old one away", umount2("old", MNT_DETACH));
    show("is it", access("old/proc", F_OK));
    show("another user namespace", unshare(CLONE_NEWUSER));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    become(1000), own_namespace(CLONE_NEWNS);
    must(mount("none", "top", "tmpfs", 0, NULL));
    must(mkdir("top/old", 0777));
    must(chdir("top"));
    show("as mountpoint of its own", syscall(SYS_pivot_root, ".", "old"));
    must(chdir("/"));
    must(umount2("old", MNT_DETACH));
    show("a namespace in it", unshare(CLONE_NEWUSER | CLONE_NEWNS));
    show("its root away", umount2("/", MNT_DETACH));
    _exit(0);
  }
  wait_for(pid);
}

/* Devices: only those that the machine's administrator has made. */
static void devices(void) {
  pid_t pid;
  struct gate ready = new_gate(), made = new_gate();
  int *fd = shared_memory(sizeof *fd);
  CHILD(pid) {
    become(1000), own_namespace(CLONE_NEWNS);
    must(mount("none", "empty", "tmpfs", 0, "mode=777"));
    *fd = (int)must(open("empty", O_RDONLY | O_DIRECTORY));
    open_gate(&ready);
    pass_gate(&made);
    show("a device of root's in its file system", open("empty/null", O_RDONLY));
    show("the machine's", close((int)must(open("/dev/null", O_RDONLY))));
    struct stat st;
    must(stat("empty/null", &st));
    say("of %d", (int)st.st_uid);
    show("a program of root's, called", access("empty/null", R_OK));
    _exit(0);
  }
  pass_gate(&ready);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, *fd);
  must(chdir(path));
  show("made by who is not there", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  show("a file", open("file", O_CREAT | O_WRONLY, 0644));
  show("a directory", mkdir("directory", 0755));
  show("a link", symlink("to", "link"));
  pid_t child;
  CHILD(child) {
    must(prctl(PR_SET_SECUREBITS, 1 << 2));
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    umask(0);
    setfsuid(0);
    show("of a user without a name", open("other", O_CREAT | O_WRONLY, 0644));
    setfsuid(1000);
    setfsgid(0);
    show("of a group without a name", open("other", O_CREAT | O_WRONLY, 0644));
    setfsgid(1000);
    show("a file by who is called root there", close((int)must(open("file", O_CREAT | O_WRONLY, 0644))));
    show("a device", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    _exit(0);
  }
  wait_for(child);
  open_gate(&made);
  wait_for(pid);
}

int main(void) {
  go_to_scratch();
  must(chmod(".", 0777));
  must(mkdir("empty", 0777));
  must(mkdir("top", 0777));
  must(chmod("empty", 0777));
  types();
  in_child(without_proc);
  in_child(part_of_proc);
  in_child(proc_read_only);
  in_child(sys);
  in_child(unbindable);
  in_child(switched);
  in_child(root_device);
  locked();
  propagated();
  roots();
  devices();
  return 0;
}
