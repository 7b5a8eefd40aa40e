/* A reader takes an interrupted read() for the end of the connection.
 *
 * A child ends while its parent reads what another one says; the handler of SIGCHLD runs, and read() returns EINTR, as
 * the handler was installed without SA_RESTART. Read again. CPython does so by itself since PEP 475. */
#include "explored.h"

static void note(int sig) { (void)sig; }

static ssize_t receive(int fd, char *line, size_t size) {
#ifdef FIXED
  ssize_t n;
  do n = read(fd, line, size);
  while (n < 0 && errno == EINTR);
  return n;
#else
  return read(fd, line, size);
#endif
}

int main(void) {
  struct sigaction action = { .sa_handler = note };
  int ends[2];
  char line[8];
  if (pipe(ends)) return 98;
  sigaction(SIGCHLD, &action, NULL);
  pid_t other = fork();
  if (other == 0) _exit(0);
  pid_t says = fork();
  if (says == 0) {
    put(ends[1], "answer\n");
    for (;;) pause();
  }
  int lost = receive(ends[0], line, sizeof line) != 7;
  put(1, lost ? "connection lost\n" : "answer\n");
  signal(SIGCHLD, SIG_DFL);
  kill(says, SIGKILL);
  waitpid(says, NULL, 0);
  waitpid(other, NULL, 0);
  return lost;
}
