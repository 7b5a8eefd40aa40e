/* What a shell does: three processes in a group that parent and child both make, joined by pipes, stopped, killed, waited for. */
#include "check.h"

static pid_t start(const char *command, pid_t *group, int in, int out) {
  pid_t c;
  CHILD(c) {
    setpgid(0, *group);
    if (in != -1) must(dup2(in, 0));
    if (out != -1) must(dup2(out, 1));
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
  }
  if (setpgid(c, *group) == -1 && errno != EACCES) must(-1);
  if (!*group) *group = c;
  return c;
}

int main(void) {
  own_session();
  int a[2], b[2], s;
  for (int round = 0; round < 3; round++) {
    pid_t group = 0, c[3];
    must(pipe2(a, O_CLOEXEC));
    must(pipe2(b, O_CLOEXEC));
    c[0] = start(round ? "kill -STOP $$; exit 1" : "echo one; exit 1", &group, -1, a[1]);
    c[1] = start("read x; echo $x two; exit 2", &group, a[0], b[1]);
    c[2] = start("read x; echo $x three; exit 3", &group, b[0], -1);
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
    if (round) {
      must(waitpid(c[0], &s, WUNTRACED));
      say("first %s", wait_str(s));
      show("stop all", kill(-group, SIGSTOP));
      for (int i = 1; i < 3; i++) {
        must(waitpid(c[i], &s, WUNTRACED));
        say("%s", wait_str(s));
      }
      show("nobody else to tell of", waitpid(-group, &s, WUNTRACED | WNOHANG));
    }
    int told = round ? kill(-group, round == 1 ? SIGCONT : SIGKILL) : 0;
    int ended = 0;
    while (ended < 3) {
      must(waitpid(-group, &s, 0));
      ended++;
    }
    if (round) show(round == 1 ? "continue all" : "kill all", told);
    show("the group is gone", waitpid(-group, &s, 0));
  }
  return 0;
}
