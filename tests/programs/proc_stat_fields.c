/* /proc/PID/stat: numbers, family, exit signal, priority, start time, flags and the children's faults. */
#include "check.h"

static long long field[60];
static char state;
static int read_stat(pid_t pid) {
  char path[40], text[1200];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  if (fd == -1) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  char *p = strrchr(text, ')') + 2;
  state = *p++;
  int i = 4;
  for (char *end; i < 60; i++, p = end) {
    field[i] = (long long)strtoull(p, &end, 10);
    if (end == p) break;
  }
  return i;
}

int main(void) {
  own_session();
  struct gate go = new_gate();
  pid_t child[3];
  for (int i = 0; i < 3; i++) {
    long c = must(clone_fork(i == 1 ? SIGUSR1 : i == 2 ? 0 : SIGCHLD));
    if (c == 0) {
      if (i == 0) nice(5);
      if (i == 1) {
        struct sched_param p = { 0 };
        sched_setscheduler(0, SCHED_IDLE, &p);
      }
      block(SIGHUP);
      on_signal(SIGINT, SIG_IGN);
      on_signal(SIGTERM, exit);
      tgkill_(getpid(), gettid_(), SIGHUP); /* raise() would take the parent's number, which the C library remembers */
      pass_gate(&go);
      _exit(0);
    }
    child[i] = (pid_t)c;
    wait_asleep(child[i]);
    sleep_ms(20);
  }
  long long start[3];
  for (int i = 0; i < 3; i++) {
    int n = read_stat(child[i]);
    start[i] = field[22];
    say("%d: at least 44 fields %d, state %c, ppid ok %d, pgrp and session ours %d %d, no terminal %lld %lld", i, n >= 44, state, field[4] == getpid(), field[5] == getpgrp(),
        field[6] == getsid(0), field[7], field[8]);
    say("   forked without exec %d, priority of its nice %d nice %lld threads %lld, exit signal %lld, policy %lld rt %lld", (int)(field[9] >> 6 & 1), field[18] == 20 + field[19], field[19] - getpriority(PRIO_PROCESS, 0), field[20],
        field[38], field[41], field[40]);
    say("   pending %llx blocked %llx ignored %llx caught %llx", field[31], field[32], field[33], field[34]);
    say("   memory %d, limit %d, stack %d, no swap %lld %lld", field[23] > 0, field[25] == -1 || field[25] > 0, field[28] > 0, field[36], field[37]);
  }
  say("started one after the other: %d", start[0] < start[1] && start[1] < start[2]);
  block(SIGUSR1);       /* the second one's exit signal */
  for (int i = 0; i < 3; i++) open_gate(&go);
  read_stat(getpid());
  long long before = field[11];
  for (int i = 0; i < 3; i++) must(waitpid(child[i], NULL, __WALL));
  read_stat(getpid());
  say("children's faults: %lld, then more: %d", before, field[11] > before);
  pid_t z;
  CHILD(z) _exit(1);
  wait_state(z, "Z");
  read_stat(z);
  say("zombie: %c threads %lld memory %lld %lld", state, field[20], field[23], field[24]);
  wait_for(z);
  CHILD(z) {
    execl("/bin/sleep", "sleep", "1000", NULL);
    _exit(1);
  }
  wait_asleep(z);
  for (int i = 0; i < 500; i++, sleep_ms(1))
    if (read_stat(z) && !(field[9] >> 6 & 1)) break;
  say("after exec: forked without exec %d", (int)(field[9] >> 6 & 1));
  kill(z, SIGKILL);
  wait_for(z);
  return 0;
}
