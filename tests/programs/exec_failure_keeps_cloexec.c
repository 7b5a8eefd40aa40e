/* A failed exec closes nothing and resets nothing. */
#include "check.h"

static void handler(int sig) { (void)sig; say("handler still there"); }

int main(void) {
  go_to_scratch();
  write_file("text", "text\n", 0755);
  int fd = (int)must(open("text", O_RDONLY | O_CLOEXEC));
  on_signal(SIGUSR1, handler);
  must(prctl(PR_SET_NAME, "unchanged"));
  show("exec", execl("./text", "text", NULL));
  show("exec", execl("./nothing", "nothing", NULL));
  raise(SIGUSR1);
  char name[17] = "";
  must(prctl(PR_GET_NAME, name));
  say("descriptor open: %d, comm %s", fcntl(fd, F_GETFD) == FD_CLOEXEC, name);
  return 0;
}
