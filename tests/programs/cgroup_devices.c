/* The devices controller: lists of what may be opened and made, and what they refuse. */
// differs: these hierarchies are gone from the kernels of today, or have other rules
#include "cgroup.h"

#include <sys/sysmacros.h>

static void try(const char *what, int flags) { int fd = open(what, flags); say("open %s %d: %s", what, flags, fd < 0 ? errname(errno) : "ok"); if (fd >= 0) close(fd); }
int main(void) {
  working_directory();
  mkdir("n", 0755);
  must(mount("none", "c", "cgroup", 0, "devices"));
  mkdir("c/a", 0755);
  see("c/devices.list");
  see("c/a/devices.list");
  see("c/a/devices.allow");
  struct stat st; stat("c/a/devices.allow", &st);
  say("%o", st.st_mode); stat("c/a/devices.list", &st);
  say("%o", st.st_mode);
  set("c/a/devices.deny", "c 1:3 r");
  see("c/a/devices.list");
  set("c/a/devices.deny", "a");
  see("c/a/devices.list");
  set("c/a/devices.allow", "c 1:3 r");
  set("c/a/devices.allow", "c 1:5 rw");
  set("c/a/devices.allow", "c 1:3 m");
  set("c/a/devices.allow", "b *:* m");
  see("c/a/devices.list");
  set("c/a/devices.allow", "x");
  set("c/a/devices.allow", "");
  set("c/a/devices.allow", "c");
  set("c/a/devices.allow", "c1:3 r");
  set("c/a/devices.allow", "c  1:3 r");
  set("c/a/devices.allow", "c 1 r");
  set("c/a/devices.allow", "c 1:3");
  set("c/a/devices.allow", "c 1:3 ");
  set("c/a/devices.allow", "c 1:3 x");
  set("c/a/devices.allow", "c 1:3 rwmx");
  set("c/a/devices.allow", "c 1:3 rrr");
  set("c/a/devices.allow", "c -1:3 r");
  set("c/a/devices.allow", "c 99999999999:3 r");
  set("c/a/devices.allow", "c 1:3\tr");
  set("c/a/devices.allow", "c 1:9 r\nw");set("c/a/devices.allow", "b 0x1:2 r");
  see("c/a/devices.list");
  set("c/a/devices.deny", "c *:* rwm");
  see("c/a/devices.list");
  set("c/a/devices.deny", "c 1:9 m");
  see("c/a/devices.list");
  set("c/a/devices.deny", "c 99999999999:3 r");
  see("c/a/devices.list");
  mkdir("c/a/b", 0755);
  see("c/a/b/devices.list");
  set("c/a/b/devices.allow", "c 1:3 w");
  set("c/a/b/devices.allow", "c 1:7 r");
  set("c/a/b/devices.allow", "b 3:4 m");
  set("c/a/b/devices.allow", "b 3:4 r");
  set("c/a/b/devices.allow", "a");
  see("c/a/b/devices.list");
  mknod("n/null", S_IFCHR | 0666, makedev(1, 3)); mknod("n/zero", S_IFCHR | 0666, makedev(1, 5)); mknod("n/full", S_IFCHR | 0666, makedev(1, 7));
  pid_t p = fork();
  if (!p) {
    rmdir("c/a/b"); int fd = open("n/full", O_RDONLY); char b[4];
    say("moved %ld", put("c/a/tasks", "0"));
    see("c/a/devices.list");
    try("n/null", O_RDONLY);
    try("n/null", O_WRONLY);
    try("n/null", O_RDWR);
    try("n/zero", O_RDWR);
    try("n/full", O_RDONLY);
    try("/dev/null", O_RDONLY);
    show("read of an open one", read(fd, b, 4));
    show("stat", stat("n/full", &st));
    show("access F", access("n/full", F_OK));
    show("access F null", access("n/null", F_OK));
    show("access W", access("n/null", W_OK));
    show("chmod", chmod("n/full", 0600));
    show("mknod null", mknod("n/x", S_IFCHR | 0600, makedev(1, 3)));
    show("mknod zero", mknod("n/y", S_IFCHR | 0600, makedev(1, 5)));
    show("mknod b", mknod("n/z", S_IFBLK | 0600, makedev(1, 5)));
    show("fifo", mknod("n/f", S_IFIFO | 0600, 0));
    show("O_PATH", open("n/full", O_PATH) > 0);
    show("deny in the parent", put("c/devices.deny", "a"));
    show("open", open("n/null", O_RDONLY) >= 0);
    set("c/a/devices.allow", "c 1:7 r");
    show("again", put("c/devices.allow", "a"));
    set("c/a/devices.allow", "a");
    try("n/full", O_RDWR);
    see("c/a/devices.list");
    if (!fork()) { setresuid(1,1,1); show("user", put("c/a/devices.allow", "a")); _exit(0); }
    wait(NULL); _exit(0);
  }
  wait(NULL);
  chmod("c/tasks", 0666);
  chmod("c/a/tasks", 0666);chmod("c/a/cgroup.procs", 0666);
  p = fork(); if (!p) { setresuid(5,5,5); p = fork(); if (!p) { pause(); } char b[20]; sprintf(b, "%d", p); show("other of own", put("c/a/tasks", b)); sprintf(b, "%d", getpid()); show("self", put("c/a/tasks", b) > 0); show("self procs", put("c/tasks", "0"));  kill(p, 9); _exit(0); }
  wait(NULL);
  usleep(10000);
  if (!(p = fork())) { put("c/devices.deny", "a"); try("n/null", O_RDWR); put("c/devices.allow", "c 1:3 rw"); try("n/null", O_RDWR); put("c/devices.allow", "a"); _exit(0); }
  wait(NULL);
  show("rmdir", rmdir("c/a"));
  see("c/devices.list");
  show("umount", umount("c"));
}
