/* What the shell of the traces runs: `./job WHAT`. Nothing here sleeps for a time; all wait for something.
 *
 *   end            end at once
 *   hold NAME      wait until somebody releases NAME
 *   release NAME   wait until somebody holds NAME, and release it
 *   int, stop      send SIGINT or SIGTSTP to itself; after a stop, end
 *   ctrl-c, ctrl-z send SIGINT or SIGTSTP to the shell, as if it were typed, and wait for what comes of it
 *   pair           two processes, the second of which does as ctrl-c; the first ends when the second has */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Open a named pipe, which waits for the other side. */
static int meet(const char *name, int flags) {
  char path[64], c;
  snprintf(path, sizeof path, "/tmp/job.%s", name);
  mkfifo(path, 0600);
  int fd = open(path, flags);
  if (fd < 0) return 1;
  if (flags == O_RDONLY && read(fd, &c, 1) != 0) return 1;
  return 0;
}

static void with_the_other(int sig) {
  wait(NULL);
  signal(sig, SIG_DFL);
  raise(sig);
}

static void pair(void) {
  pid_t shell = getppid();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  if (fork() == 0) {
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    kill(shell, SIGINT);
    for (;;) pause();
  }
  signal(SIGINT, with_the_other);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  for (;;) pause();
}

static int typed(int sig) {
  sigset_t cont;
  int got;
  sigemptyset(&cont);
  sigaddset(&cont, SIGCONT);
  sigprocmask(SIG_BLOCK, &cont, NULL);
  kill(getppid(), sig);
  sigwait(&cont, &got);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc > 2 && !strcmp(what, "hold")) return meet(argv[2], O_RDONLY);
  if (argc > 2 && !strcmp(what, "release")) return meet(argv[2], O_WRONLY);
  if (!strcmp(what, "int")) raise(SIGINT);
  if (!strcmp(what, "stop")) raise(SIGTSTP);
  if (!strcmp(what, "ctrl-c")) return typed(SIGINT);
  if (!strcmp(what, "ctrl-z")) return typed(SIGTSTP);
  if (!strcmp(what, "pair")) pair();
  return 0;
}
