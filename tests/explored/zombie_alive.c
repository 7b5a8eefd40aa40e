/* A worker that was stopped "still runs": kill(pid, 0) succeeds for a zombie, too.
 *
 * One thread waits for the worker. The other stops it, lets the others run for a while and asks whether there is such
 * a process: there is one until the first thread has reaped it. Ask who waits. After fcvm #628 and #647. */
#include "explored.h"

static void *reap(void *worker) {
  waitpid(*(pid_t *)worker, NULL, 0);
  return NULL;
}

int main(void) {
  pthread_t reaper;
  int ready[2], ended[2];
  char c;
  if (pipe(ready) || pipe(ended)) return 98;
  pid_t worker = fork();
  if (worker == 0) {
    close(ended[0]);
    put(ready[1], "r");
    for (;;) pause();
  }
  close(ended[1]);
  pthread_create(&reaper, NULL, reap, &worker);
  if (read(ready[0], &c, 1) != 1) return 98;
  kill(worker, SIGTERM);
  if (read(ended[0], &c, 1) != 0) return 98; /* the worker has closed its files, as the ending do */
#ifdef FIXED
  pthread_join(reaper, NULL);
#else
  sched_yield();
#endif
  int alive = kill(worker, 0) == 0;
  put(1, alive ? "the worker still runs\n" : "stopped\n");
  return alive;
}
