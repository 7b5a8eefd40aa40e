/* The name of a task: the last part of the executed file, 15 bytes of it; of a script its own; of a thread what it says. */
#include "check.h"
// differs: a write of a name returns what it took, 15 bytes at most; later kernels say that all was taken

static void tell(const char *what) {
  char name[17] = "", line[100] = "", path[60];
  prctl(PR_GET_NAME, name);
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", gettid_());
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, line, sizeof line - 1);
  close(fd);
  line[n > 0 ? n - 1 : 0] = 0;
  say("%s: %s %s", what, name, line);
}
static void *thread(void *arg) {
  tell("thread");
  prctl(PR_SET_NAME, "worker");
  tell("thread");
  char path[60];
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", getpid());
  int fd = (int)must(open(path, O_WRONLY));
  show("written by another thread", write(fd, "named by writing to the file\n", 29));
  close(fd);
  return arg;
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    tell("executed");
    return 0;
  }
  go_to_scratch();
  char self[PATH_MAX], script[PATH_MAX + 20];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[n] = 0;
  must(symlink(self, "a-name-of-more-than-fifteen"));
  must(symlink(self, "short"));
  must(symlink("short", "interp"));
  snprintf(script, sizeof script, "#!interp x\n");
  write_file("the-script", script, 0755);
  static const char *const files[] = { "./a-name-of-more-than-fifteen", "short", "the-script" };
  for (int i = 0; i < 3; i++) {
    pid_t child;
    CHILD(child) {
      execl(files[i], "zero", "x", NULL);
      _exit(1);
    }
    wait_for(child);
  }
  must(prctl(PR_SET_NAME, "the main one"));
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  tell("main");
  pid_t child;
  CHILD(child) {
    tell("child");
    _exit(0);
  }
  wait_for(child);
  snprintf(script, sizeof script, "/proc/%d/comm", getppid());
  int fd = open(script, O_WRONLY);
  if (fd == -1) show("another process's", -1);
  else show("another process's", write(fd, "x", 1));
  return 0;
}
