/* A reader waits for an end that does not come: a helper, started meanwhile, has inherited the writing end.
 *
 * One thread makes a pipe, starts a child that writes to it, closes its own end and reads to the end of the file.
 * Another thread starts a helper that lives as long as we do. If it forks while the pipe has its end open here, the
 * helper has one, too. Make such descriptors close-on-exec from the start (pipe2). After heph #84. */
#include "explored.h"

static int to_helper[2];

static void *start_helper(void *path) {
  pid_t helper = fork();
  if (helper == 0) {
    dup2(to_helper[0], 0);
    execl(path, path, "helper", NULL);
    _exit(127);
  }
  waitpid(helper, NULL, 0);
  return NULL;
}

static int helper(void) {
  char c;
  while (read(0, &c, 1) > 0) continue;
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return helper();
  pthread_t thread;
  int ends[2];
  char data[8];
  ssize_t n, size = 0;
  if (pipe2(to_helper, O_CLOEXEC)) return 98;
  pthread_create(&thread, NULL, start_helper, argv[0]);
#ifdef FIXED
  if (pipe2(ends, O_CLOEXEC)) return 98;
#else
  if (pipe(ends)) return 98;
#endif
  pid_t writer = fork();
  if (writer == 0) {
    put(ends[1], "data");
    _exit(0);
  }
  close(ends[1]);
  while ((n = read(ends[0], data, sizeof data)) > 0) size += n;
  put(1, size == 4 ? "all of it\n" : "not all\n");
  waitpid(writer, NULL, 0);
  close(to_helper[1]);
  pthread_join(thread, NULL);
  return 0;
}
