/* A leader that ended while its process goes on: a zombie in /proc whose threads, files and command line are still there. */
// needs: root
#include "check.h"
#include <dirent.h>

static int count(const char *format, pid_t pid) {
  char path[60];
  snprintf(path, sizeof path, format, pid);
  DIR *d = opendir(path);
  if (!d) return -1;
  int n = 0;
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}
static long size(const char *format, pid_t pid) {
  char path[60], text[4096];
  snprintf(path, sizeof path, format, pid);
  int fd = open(path, O_RDONLY);
  if (fd == -1) return -errno;
  long n = read(fd, text, sizeof text);
  close(fd);
  return n;
}
static struct gate go;
static pid_t *tid;
static void *worker(void *arg) {
  *tid = gettid_();
  pass_gate(&go);
  _exit(21);
  return arg;
}

int main(void) {
  pid_t child;
  go = new_gate();
  tid = shared_memory(4096);
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, worker, NULL);
    syscall(SYS_exit, 5);
  }
  wait_state(child, "Z");
  while (!*(volatile pid_t *)tid) sleep_ms(1);
  wait_asleep(*tid);
  say("leader %c, thread %c", state_of(child), state_of(*tid));
  say("tasks %d", count("/proc/%d/task", child));
  say("leader: cmdline %ld, fds %d", size("/proc/%d/cmdline", child), count("/proc/%d/fd", child));
  say("thread: cmdline %d, fds %d, maps %d", size("/proc/%d/cmdline", *tid) > 0, count("/proc/%d/fd", *tid) > 3, size("/proc/%d/maps", *tid) > 0);
  show("nothing to wait for", waitpid(child, NULL, WNOHANG));
  show("a signal can be sent", kill(child, 0));
  show("stop", kill(child, SIGSTOP));
  wait_state(*tid, "T");
  int s;
  say("the stop is told: %d", waitpid(child, &s, WUNTRACED) == child && WIFSTOPPED(s));
  say("leader %c, thread %c", state_of(child), state_of(*tid));
  kill(child, SIGCONT);
  say("continued is told: %d", waitpid(child, &s, WCONTINUED) == child && WIFCONTINUED(s));
  open_gate(&go);
  say("%s", reap(child));
  say("leader %c, thread %c", state_of(child), state_of(*tid));
  return 0;
}
