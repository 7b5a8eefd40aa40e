/* The list of /proc while processes are born and die: who lives all the time is in it exactly once, in rising order. */
#include "check.h"
#include <dirent.h>

int main(void) {
  pid_t stays[5], churn;
  CHILD(churn) {
    for (;;) {
      pid_t c;
      CHILD(c) _exit(0);
      wait_for(c);
    }
  }
  for (int i = 0; i < 5; i++) {
    CHILD(stays[i]) for (;;) pause();
  }
  int missing = 0, twice = 0, unordered = 0;
  for (int round = 0; round < 10; round++) {
    int seen[5] = { 0 };
    long last = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; (e = readdir(d));) {
      long nr = atol(e->d_name);
      if (!nr) continue;
      if (nr <= last) unordered++;
      last = nr;
      for (int i = 0; i < 5; i++) seen[i] += nr == stays[i];
      sched_yield();
    }
    closedir(d);
    for (int i = 0; i < 5; i++) missing += seen[i] == 0, twice += seen[i] > 1;
  }
  say("missing %d, twice %d, unordered %d", missing, twice, unordered);
  kill(churn, SIGKILL);
  wait_for(churn);
  for (int i = 0; i < 5; i++) {
    kill(stays[i], SIGKILL);
    wait_for(stays[i]);
  }
  return 0;
}
