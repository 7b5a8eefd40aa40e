/* F_NOTIFY: a directory's owner is told by a signal of what happens in it. */
// needs: root
// differs: later kernels send three signals for a rename inside (to one who has asked for all of it)
#include "check.h"

static sigset_t all;
static int dir;

static void came(const char *what) {
  static const struct timespec now = { 0, 0 };
  siginfo_t i;
  int any = 0, sig;
  char line[200];
  int n = snprintf(line, sizeof line, "%s:", what);
  while ((sig = sigtimedwait_(&all, &i, &now)) > 0) {
    any = 1;
    if (i.si_code == SI_KERNEL) n += snprintf(line + n, sizeof line - (size_t)n, " SIGIO");
    else
      n += snprintf(line + n, sizeof line - (size_t)n, " RT %d (%d, %#lx, %s)", sig - RT(0), i.si_code, (long)i.si_band,
                    i.si_fd == dir ? "it" : "another");
  }
  say("%s%s", line, any ? "" : " nothing");
}
static void read_one(const char *name) {
  char c;
  int fd = must(open(name, O_RDONLY));
  must(read(fd, &c, 1));
  close(fd);
}

static void list_it(void) {
  char entries[1024];
  must(lseek(dir, 0, SEEK_SET));
  must(syscall(SYS_getdents64, dir, entries, sizeof entries));
}

static void one_by_one(void) {
  static const struct { const char *name; unsigned bits; } kinds[] = {
    { "access", DN_ACCESS }, { "modify", DN_MODIFY }, { "create", DN_CREATE }, { "delete", DN_DELETE },
    { "rename", DN_RENAME }, { "attrib", DN_ATTRIB },
  };
  for (int i = 0; i < 6; i++) {
    say("- %s", kinds[i].name);
    write_file("d/a", "0123", 0600);
    write_file("d/b", "0123", 0600);
    dir = must(open("d", O_RDONLY | O_DIRECTORY));
    must(fcntl(dir, F_SETSIG, RT(i)));
    show("F_NOTIFY", fcntl(dir, F_NOTIFY, kinds[i].bits | DN_MULTISHOT));
    read_one("d/a"), came("read");
    int fd = must(open("d/a", O_RDWR));
    came("opened");
    must(write(fd, "x", 1)), came("written");
    must(ftruncate(fd, 1)), came("cut");
    close(fd), came("closed");
    must(chmod("d/a", 0640)), came("chmod");
    must(utimes("d/a", NULL)), came("touched");
    write_file("d/new", "x", 0600), came("made");
    must(link("d/a", "d/link")), came("linked");
    must(symlink("a", "d/soft")), came("a symbolic link");
    must(mkdir("d/sub", 0700)), came("a directory");
    write_file("d/sub/file", "x", 0600), came("in that one");
    must(rename("d/a", "d/c")), came("renamed");
    must(rename("d/c", "d/b")), came("onto another");
    must(rename("d/b", "out")), came("moved out");
    must(rename("out", "d/in")), came("moved in");
    must(unlink("d/link")), came("unlinked");
    must(unlink("d/sub/file")), came("in that one");
    must(rmdir("d/sub")), came("a directory removed");
    must(chmod("d", 0755)), came("its own mode");
    list_it(), came("listed");
    must(unlink("d/soft")), must(unlink("d/in")), must(unlink("d/new"));
    while (sigtimedwait_(&all, NULL, &(struct timespec){ 0, 0 }) > 0) continue;
    close(dir);
  }
}

static void once(void) {
  say("- once");
  dir = must(open("d", O_RDONLY | O_DIRECTORY));
  say("owner %d", fcntl(dir, F_GETOWN));
  show("F_NOTIFY", fcntl(dir, F_NOTIFY, DN_CREATE));
  say("owner %d", fcntl(dir, F_GETOWN) == getpid());
  write_file("d/1", "x", 0600), came("made");
  write_file("d/2", "x", 0600), came("another one");
  show("twice, and they add up", fcntl(dir, F_NOTIFY, DN_CREATE));
  show("the second", fcntl(dir, F_NOTIFY, DN_DELETE));
  write_file("d/1a", "x", 0600), came("made");
  show("twice", fcntl(dir, F_NOTIFY, DN_CREATE));
  show("the second", fcntl(dir, F_NOTIFY, DN_DELETE));
  unlink("d/1"), came("unlinked");
  write_file("d/1", "x", 0600), came("made: it was one");
  show("always", fcntl(dir, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  must(fcntl(dir, F_SETSIG, RT(0)));
  write_file("d/3", "x", 0600);
  write_file("d/4", "x", 0600), came("made two");
  int copy = must(dup(dir));
  show("by a copy", fcntl(copy, F_NOTIFY, DN_DELETE));
  unlink("d/4"), came("its number is told");
  show("none any more", fcntl(dir, F_NOTIFY, 0));
  unlink("d/3"), came("unlinked");
  show("only how often", fcntl(dir, F_NOTIFY, DN_MULTISHOT));
  show("always", fcntl(dir, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
  close(copy);
  unlink("d/2"), came("the copy is closed");
  show("always", fcntl(dir, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  pid_t child;
  CHILD(child) {
    close(dir);
    write_file("d/2", "x", 0600), came("a child");
    _exit(0);
  }
  reap(child);
  came("made and closed by a child");
  CHILD(child) {
    show("a child's own", fcntl(dir, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
    _exit(0);
  }
  reap(child);
  write_file("d/5", "x", 0600), came("the child has ended");
  unlink("d/5"), came("nobody wants to know that any more");
  int other = must(open("d", O_RDONLY | O_DIRECTORY));
  must(fcntl(other, F_SETSIG, RT(1)));
  show("two", fcntl(other, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  write_file("d/6", "x", 0600), came("the newest first, by number");
  must(fcntl(other, F_SETSIG, RT(0)));
  write_file("d/6a", "x", 0600), came("the newest first");
  show("something else", fcntl(other, F_NOTIFY, 0));
  show("something else", fcntl(other, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT));
  must(chmod("d/6a", 0640)), came("one wants to know this");
  write_file("d/6b", "x", 0600), came("the other that");
  close(dir);
  write_file("d/6c", "x", 0600), came("that one is closed");
  must(chmod("d/6a", 0600)), came("not this one");
  close(other);
  write_file("d/7", "x", 0600), came("both are closed");
}

static void refused(void) {
  say("- refused");
  int fd = must(open("file", O_RDWR | O_CREAT, 0600));
  show("a file", fcntl(fd, F_NOTIFY, DN_MODIFY));
  show("nothing of a file", fcntl(fd, F_NOTIFY, 0));
  show("an O_PATH descriptor", fcntl(must(open("d", O_PATH)), F_NOTIFY, DN_CREATE));
  dir = must(open("d", O_RDONLY | O_DIRECTORY));
  show("bits without a meaning", fcntl(dir, F_NOTIFY, 0x100));
  show("beyond an int", syscall(SYS_fcntl, dir, F_NOTIFY, 1L << 40));
  show("beyond an int, of a file", syscall(SYS_fcntl, fd, F_NOTIFY, 1L << 40));
  int sysctl_fd = must(open("/proc/sys/fs/dir-notify-enable", O_RDWR));
  must(write(sysctl_fd, "0\n", 2));
  show("not enabled", fcntl(dir, F_NOTIFY, DN_CREATE));
  show("not enabled, and not a directory", fcntl(fd, F_NOTIFY, 0));
  must(pwrite(sysctl_fd, "1\n", 2, 0));
  show("enabled", fcntl(dir, F_NOTIFY, DN_CREATE));
  pid_t child;
  CHILD(child) {
    must(setresuid(1000, 1000, 1000));
    must(fcntl(dir, F_SETOWN, getppid()));
    _exit(0);
  }
  reap(child);
  write_file("d/8", "x", 0600), came("its owner was set by another user");
}

int main(void) {
  go_to_scratch();
  sigfillset(&all);
  sigdelset(&all, SIGCHLD);
  sigprocmask(SIG_BLOCK, &all, NULL);
  must(mkdir("d", 0700));
  one_by_one();
  once();
  refused();
  return 0;
}
