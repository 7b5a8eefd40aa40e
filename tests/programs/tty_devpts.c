/* Mounting devpts: an instance of one's own with numbers of its own, and the options. */
#include "tty.h"
#include <sys/mount.h>
// needs: pty
// needs: root

static void mode(const char *path) {
  struct stat st;
  if (stat(path, &st)) say("%s: %s", path, errname(errno));
  else say("%s: mode %o, owner %d, group %d", path, st.st_mode, (int)st.st_uid, (int)st.st_gid);
}
static int master(void) {
  int m = (int)must(open("a/ptmx", O_RDWR | O_NOCTTY)), off = 0;
  must(ioctl(m, TIOCSPTLCK, &off));
  return m;
}

int main(void) {
  go_to_scratch();
  must(mkdir("a", 0755));
  must(mkdir("b", 0755));
  int outer = open_master(), second = open_master();
  say("numbers %d %d", slave_number(outer), slave_number(second));
  show("an instance", mount("devpts", "a", "devpts", 0, "newinstance,ptmxmode=0666,mode=0640,uid=7,gid=8"));
  mode("a/ptmx");
  int m = master();
  say("its number %d", slave_number(m));
  mode("a/0");
  int s = (int)must(open("a/0", O_RDWR | O_NOCTTY));
  put(m, "here\n");
  show_read("its slave", s, 100);
  put(outer, "there\n");
  int other = (int)must(open_slave(outer, O_RDWR | O_NOCTTY));
  show_read("the other one", other, 100);
  show("another instance", mount("devpts", "b", "devpts", 0, "newinstance"));
  mode("b/ptmx");
  mode("b/0");
  show("bad option", mount("devpts", "b", "devpts", 0, "newinstance,nonsense"));
  show("bad number", mount("devpts", "b", "devpts", 0, "newinstance,mode=9"));
  char text[100], path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", s);
  text[must(readlink(path, text, sizeof text - 1))] = 0;
  say("its name ends in %s", text + strlen(text) - 4);
  show("busy", umount("a"));
  close(s);
  close(m);
  show("free", umount("a"));
  show("free", umount("b"));
  return 0;
}
