/* /proc/PID of others: stat fields, states, threads, the list of processes. */
#include "check.h"
#include <dirent.h>

static void stat_fields(const char *name, pid_t pid) {
  char path[40], text[600], comm[40], state;
  int ppid, pgrp, sid, tty, tpgid, n_threads = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f || !fgets(text, sizeof text, f)) {
    say("%s: no entry", name);
    return;
  }
  fclose(f);
  int shown;
  sscanf(text, "%d", &shown);
  char *open_ = strchr(text, '('), *close_ = strrchr(text, ')');
  snprintf(comm, sizeof comm, "%.*s", (int)(close_ - open_ - 1), open_ + 1);
  sscanf(close_ + 1, " %c %d %d %d %d %d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d", &state, &ppid, &pgrp, &sid, &tty, &tpgid, &n_threads);
  say("%s: pid ok %d comm %s state %c parent %s pgrp own %d session own %d tty %d tpgid %d threads %d", name, shown == pid, comm, state,
      relation(ppid, getpid(), getppid(), -1), pgrp == pid, sid == pid, tty, tpgid, n_threads);
}
static void *idle(void *arg) {
  for (;;) pause();
  return arg;
}

int main(void) {
  own_session();
  pid_t child;
  struct gate ready = new_gate();
  CHILD(child) {
    prctl(PR_SET_NAME, "a b) c");
    setpgid(0, 0);
    pthread_t t;
    pthread_create(&t, NULL, idle, NULL);
    pthread_create(&t, NULL, idle, NULL);
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  wait_asleep(child);
  stat_fields("sleeping", child);
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/task", child);
  DIR *d = opendir(path);
  int n = 0, direct = 0;
  struct dirent *e;
  while ((e = readdir(d)))
    if (e->d_name[0] != '.') {
      n++;
      snprintf(path, sizeof path, "/proc/%d/status", atoi(e->d_name));
      direct += access(path, R_OK) == 0;
    }
  closedir(d);
  say("tasks %d, all found by number: %d", n, direct == n);
  d = opendir("/proc");
  int threads = 0, found = 0;
  while ((e = readdir(d))) {
    int pid = atoi(e->d_name);
    found += pid == child;
    threads += pid > child && pid <= child + 2;
  }
  closedir(d);
  say("listed once: %d, threads are not: %d", found, threads == 0);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  stat_fields("stopped", child);
  kill(child, SIGKILL);
  must(waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT));
  stat_fields("zombie", child);
  wait_for(child);
  stat_fields("gone", child);
  return 0;
}
