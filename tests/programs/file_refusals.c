/* What of calls about files is seldom asked for: rights to read alone, links that are opened, locks at the ends, moving by pipes. */
// needs: root
// differs: what a link to a link leads to is not followed; a circle of many locks is not found; splice tells nobody who watches
#include "check.h"

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/sendfile.h>

static void only_caps(unsigned mask) {
  struct { unsigned version; int pid; } header = { 0x20080522, 0 };
  struct { unsigned effective, permitted, inheritable; } data[2] = { { mask, mask, 0 }, { 0, 0, 0 } };
  must(syscall(SYS_capset, &header, data));
}

static void rights(void) {
  pid_t pid;
  must(mkdir("closed", 0)), close((int)must(open("closed/file", O_CREAT | O_RDWR, 0))), must(chown("closed/file", 5, 5)), must(chown("closed", 5, 5));
  CHILD(pid) {
    only_caps(1 << 2); /* CAP_DAC_READ_SEARCH */
    show_ok("to read", open("closed/file", O_RDONLY)), show("to write", open("closed/file", O_RDWR)), show_ok("a directory", open("closed", O_RDONLY)), show("a new file", open("closed/new", O_CREAT | O_RDWR, 0)), show("to execute", access("closed/file", X_OK)), show("to search", access("closed", X_OK)), show("to read", access("closed/file", R_OK)), _exit(0);
  }
  reap(pid), unlink("closed/file"), rmdir("closed");
  must(mkdir("m", 0755)), must(mount("none", "m", "tmpfs", 0, NULL)), close((int)must(open("m/file", O_CREAT | O_RDWR, 0666))), must(symlink("file", "m/link")), must(mknod("m/null", S_IFCHR | 0666, 0x103)), must(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL));
  show("access for writing on a read-only file system", access("m/file", W_OK)), show("open", open("m/file", O_RDWR)), show_ok("a device there", open("m/null", O_RDWR)), show("chmod", chmod("m/file", 0600)), show("unlink", unlink("m/file")), show("rename", rename("m/file", "m/other")), show("mkdir", mkdir("m/dir", 0700)), show("truncate", truncate("m/file", 0));
  must(umount2("m", MNT_DETACH)), rmdir("m");
}

static void links(void) {
  char name[40];
  int file = (int)must(open("file", O_CREAT | O_RDWR, 0600));
  must(symlink("file", "link"));
  int path = (int)must(open("link", O_PATH | O_NOFOLLOW));
  show("a link that is not followed", open("link", O_RDONLY | O_NOFOLLOW)), show("nor made", open("link", O_RDWR | O_CREAT | O_NOFOLLOW, 0600)), show("nor a directory", open("link", O_PATH | O_NOFOLLOW | O_DIRECTORY));
  snprintf(name, sizeof name, "/proc/self/fd/%d", path), show("a link by its descriptor", open(name, O_RDONLY)), show_ok("and no more than that", open(name, O_PATH));
  snprintf(name, sizeof name, "/proc/self/fd/%d", file), show("a file as a directory", open(name, O_RDONLY | O_DIRECTORY)), show("a file below it", (snprintf(name, sizeof name, "/proc/self/fd/%d/x", file), open(name, O_RDONLY)));
  show("below a descriptor of a file", openat(file, "x", O_RDONLY)), show("made there", openat(file, "x", O_RDWR | O_CREAT, 0600));
  pid_t pid;
  CHILD(pid) only_caps(0), show("a name for a descriptor", linkat(file, "", AT_FDCWD, "named", 0x1000)), _exit(0);
  reap(pid), show("with the right to", linkat(file, "", AT_FDCWD, "named", 0x1000)), unlink("named"), unlink("link");
  must(mkdir("gone", 0700)), must(chdir("gone")), must(rmdir("../gone")), show("a new name in what is gone", open("x", O_CREAT | O_RDWR, 0600)), show("an old one", unlink("x")), show("itself", rmdir(".")), must(chdir(".."));
  close(file);
}

static long region(int fd, int cmd, int type, int whence, off_t start, off_t length) {
  struct flock l = { .l_type = (short)type, .l_whence = (short)whence, .l_start = start, .l_len = length };
  long r = fcntl(fd, cmd, &l);
  if (r == 0 && cmd == F_GETLK) say("  type %d from %ld, %ld", l.l_type, (long)l.l_start, (long)l.l_len);
  return r;
}
static void locks(void) {
  int fd = (int)must(open("file", O_RDWR)), neither = (int)must(open("file", 3));
  pid_t pid;
  show("flock of what is open for neither", flock(neither, LOCK_EX)), show("to unlock it", flock(neither, LOCK_UN)), show("a lock to read", region(neither, F_SETLK, F_RDLCK, SEEK_SET, 0, 1));
  show("beyond the last byte", region(fd, F_SETLK, F_WRLCK, SEEK_SET, 2, LONG_MAX)), show("to the last byte", region(fd, F_SETLK, F_WRLCK, SEEK_SET, 1, LONG_MAX)), show("away", region(fd, F_SETLK, F_UNLCK, SEEK_SET, 0, 0));
  show("backwards", region(fd, F_SETLK, F_WRLCK, SEEK_SET, 10, -5)), show("too far", region(fd, F_SETLK, F_WRLCK, SEEK_SET, 4, -5)), show("what is not locked", region(fd, F_SETLK, F_UNLCK, SEEK_SET, 20, 5));
  CHILD(pid) show("seen by another", region(fd, F_GETLK, F_WRLCK, SEEK_SET, 0, 0)), _exit(0);
  reap(pid), must(region(fd, F_SETLK, F_UNLCK, SEEK_SET, 0, 0));

  /* A circle of many is not looked for to its end. */
  pid_t all[13];
  struct gate has = new_gate();
  for (int i = 0; i < 13; i++) {
    CHILD(all[i]) {
      must(region(fd, F_SETLK, F_WRLCK, SEEK_SET, i, 1)), open_gate(&has);
      if (i < 12) while (i > 0 && state_of(all[i - 1]) != 'S') sleep_ms(1);
      sleep_ms(100 + 10 * i), show(i == 12 ? "the last" : "another", region(fd, F_SETLKW, F_WRLCK, SEEK_SET, (i + 1) % 13, 1)), _exit(0);
    }
    pass_gate(&has);
  }
  sleep_ms(500), say("all wait %c %c", state_of(all[0]), state_of(all[12]));
  for (int i = 0; i < 13; i++) kill(all[i], SIGKILL), reap(all[i]);
  close(fd), close(neither);
}

static void events(const char *what, int notify) {
  char text[1024] __attribute__((aligned(8)));
  ssize_t n = read(notify, text, sizeof text);
  unsigned mask = 0;
  for (ssize_t at = 0; at < n; at += (ssize_t)sizeof(struct inotify_event) + (ssize_t)((struct inotify_event *)(text + at))->len) mask |= ((struct inotify_event *)(text + at))->mask;
  say("%s: events %x", what, mask);
}
static void by_pipes(void) {
  int p[2], fd = (int)must(open("file", O_RDWR | O_TRUNC)), reader = (int)must(open("file", O_RDONLY)), writer = (int)must(open("file", O_WRONLY)), stat = (int)must(open("/proc/self/stat", O_RDWR)), notify = (int)must(inotify_init1(IN_NONBLOCK));
  must(pipe(p)), must(write(p[1], "0123456789", 10)), must(inotify_add_watch(notify, "file", IN_ALL_EVENTS)), must(inotify_add_watch(notify, "/proc/self/stat", IN_ACCESS));
  show("to what is open to read", splice(p[0], NULL, reader, NULL, 5, 0)), show("from what is open to write", splice(writer, NULL, p[1], NULL, 5, 0)), show("sendfile to it", sendfile(reader, fd, NULL, 5)), show("sendfile from it", sendfile(fd, writer, NULL, 5));
  show("to what has no writing", splice(p[0], NULL, stat, NULL, 5, 0)), show("splice", splice(p[0], NULL, fd, NULL, 5, 0)), events("to a file", notify), must(lseek(fd, 0, SEEK_SET)), show("splice", splice(fd, NULL, p[1], NULL, 3, 0)), events("from a file", notify), show("splice", splice(stat, NULL, p[1], NULL, 3, 0)), events("from /proc", notify);
  int null = (int)must(open("/dev/null", O_RDWR)), full = (int)must(open("/dev/full", O_RDWR)), room;
  show("to where nothing stays", splice(p[0], NULL, null, NULL, 2, 0)), show("to where nothing goes", splice(p[0], NULL, full, NULL, 2, 0));
  must(mkdir("m", 0755)), must(mount("none", "m", "tmpfs", 0, "size=8K")), room = (int)must(open("m/file", O_CREAT | O_RDWR, 0600)), must(ftruncate(fd, 40000));
  off_t from = 0;
  show("sendfile to where there is little room", sendfile(room, fd, &from, 40000)), say("at %ld", (long)from), show("and none", sendfile(room, fd, &from, 4000)), close(room), must(umount("m")), rmdir("m");
}

int main(void) {
  char place[] = "/tmp/file_refusals_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(mount("none", place, "tmpfs", 0, NULL)), must(chdir(place));
  rights(), links(), locks(), by_pipes();
  must(chdir("/")), must(umount2(place, MNT_DETACH)), rmdir(place);
  return 0;
}
