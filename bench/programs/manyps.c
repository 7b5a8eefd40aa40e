// ps axjf over 5000 sleeping processes, argv[1] times
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 5000 };

int main(int argc, char **argv) {
  static pid_t pids[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    pids[i] = fork();
    if (pids[i] < 0) return 1;
    if (pids[i] == 0) {
      pause();
      _exit(0);
    }
  }
  int status = 0;
  for (int n = atoi(argv[argc - 1]); n > 0; n--) {
    pid_t pid = fork();
    if (pid == 0) {
      int null = open("/dev/null", O_WRONLY);
      dup2(null, 1);
      execl("/bin/ps", "ps", "axjf", (char *)0);
      _exit(127);
    }
    int how;
    waitpid(pid, &how, 0);
    status |= how;
  }
  for (int i = 0; i < PROCESSES; i++) kill(pids[i], SIGKILL);
  for (int i = 0; i < PROCESSES; i++) wait(0);
  return status != 0;
}
