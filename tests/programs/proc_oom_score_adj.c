/* oom_score_adj: its range and what a user may do, inherited by children, one for the whole process. */
// needs: root
#include "check.h"

static void put(const char *name, const char *text) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  if (fd == -1) {
    show(name, -1);
    return;
  }
  show(name, write(fd, text, strlen(text)));
  close(fd);
}
static void tell(const char *name) {
  char text[30] = "";
  int fd = open("/proc/self/oom_score_adj", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  say("%s: %.*s", name, (int)n - 1, text);
  close(fd);
}
static void *thread(void *arg) {
  put("in a thread", "250");
  return arg;
}

int main(void) {
  uid_t uid = fresh_uid();
  must(setresuid(uid, uid, uid));
  must(prctl(PR_SET_DUMPABLE, 1)); /* or the file is root's */
  tell("at first");
  put("400", "400");
  tell("now");
  put("too large", "1001");
  put("too small", "-1001");
  put("no number", "abc");
  put("with a newline", "500\n");
  put("blanks around", " 300 ");
  tell("now");
  pid_t child;
  CHILD(child) {
    tell("child");
    put("up", "600");
    put("down to the least it was", "0");
    put("below", "-1");
    tell("child");
    _exit(0);
  }
  wait_for(child);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  tell("parent");
  return 0;
}
