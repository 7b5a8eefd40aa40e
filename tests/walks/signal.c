/* A child that waits for a signal, and a parent that sends it one. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int handled;

static void handler(int sig) { handled = sig; }

int main(void) {
  struct sigaction action = {.sa_handler = handler};
  const struct timespec moment = {.tv_nsec = 1000000};
  int status;
  pid_t child = fork();
  if (child == 0) {
    sigaction(SIGUSR1, &action, 0);
    pause();
    _exit(handled);
  }
  nanosleep(&moment, 0);
  kill(child, SIGUSR1);
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
