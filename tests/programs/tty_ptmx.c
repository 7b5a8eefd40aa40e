/* /dev/ptmx and /dev/pts: numbers, the lock, names, modes, and what goes when a master closes. */
#include "tty.h"
#include <dirent.h>
#include <sys/sysmacros.h>
// needs: pty

static void list(const char *what) {
  char text[200] = "";
  int found[10] = { 0 };
  DIR *d = opendir("/dev/pts");
  for (struct dirent *e; (e = readdir(d));)
    if (e->d_name[0] >= '0' && e->d_name[0] <= '9') found[atoi(e->d_name)] = 1;
  closedir(d);
  for (int i = 0; i < 10; i++)
    if (found[i]) sprintf(text + strlen(text), " %d", i);
  say("%s:%s", what, text);
}
static void stat_of(const char *path) {
  struct stat st;
  if (stat(path, &st)) say("%s: %s", path, errname(errno));
  else
    say("%s: mode %o, device %d %d, owner %d, links %d", path, st.st_mode, major(st.st_rdev), minor(st.st_rdev),
        (int)st.st_uid, (int)st.st_nlink);
}

int main(void) {
  list("at first");
  int a = (int)must(open("/dev/ptmx", O_RDWR)), b = (int)must(open("/dev/ptmx", O_RDWR | O_NONBLOCK));
  list("two masters");
  say("numbers %d %d", slave_number(a), slave_number(b));
  show("locked", open_slave(a, O_RDWR | O_NOCTTY));
  int off = 0, on = 1;
  must(ioctl(a, TIOCSPTLCK, &off));
  int s = (int)must(open_slave(a, O_RDWR | O_NOCTTY));
  must(ioctl(a, TIOCSPTLCK, &on));
  show("locked again", open_slave(a, O_RDWR | O_NOCTTY));
  stat_of("/dev/pts/0");
  stat_of("/dev/pts/7");
  char text[60], path[60];
  snprintf(path, sizeof path, "/proc/self/fd/%d", s);
  text[must(readlink(path, text, sizeof text - 1))] = 0;
  say("name of the slave: %s", text);
  struct stat st, st2;
  must(fstat(s, &st));
  must(stat("/dev/pts/0", &st2));
  say("the same file: %d", st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
  say("isatty: master %d slave %d", isatty(a), isatty(s));
  say("flags %o", fcntl(b, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
  close(a);
  list("the first master closed");
  show("the slave's settings", tcgetattr(s, &(struct termios){ 0 }));
  int c = (int)must(open("/dev/ptmx", O_RDWR));
  say("the number is in use as long as the slave is open: %d", slave_number(c));
  close(s);
  int d = (int)must(open("/dev/ptmx", O_RDWR));
  say("then it is free: %d", slave_number(d));
  close(b);
  close(c);
  close(d);
  list("at last");
  show("create", open("/dev/pts/new", O_RDWR | O_CREAT, 0600));
  show("mkdir", mkdir("/dev/pts/dir", 0700));
  a = open_master();
  show("unlink", unlink("/dev/pts/0"));
  show("rename", rename("/dev/pts/0", "/dev/pts/1"));
  show("chmod", chmod("/dev/pts/0", 0600));
  stat_of("/dev/pts/0");
  show("not for reading", (long)read((int)must(open("/dev/pts/0", O_WRONLY | O_NOCTTY)), text, 1));
  int dup_of_master;
  snprintf(path, sizeof path, "/proc/self/fd/%d", a);
  dup_of_master = open(path, O_RDWR);
  say("opening ptmx by its descriptor makes another one: %d", slave_number(dup_of_master));
  return 0;
}
