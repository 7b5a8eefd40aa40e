/* execve() opens what it is given, and then looks what it is: a FIFO waits for a writer, a terminal that is not there,
 * a device without a driver and a socket cannot be opened. So does a script with its interpreter.
 */
#include "check.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
// needs: root
// differs: since 5.8 the type is looked at first, and all of them are EACCES

static char *const args[] = { "x", NULL };
static void attempt(const char *name) {
  int result = execve(name, args, args + 1);
  show(name, result);
}
static void nothing(int sig) { (void)sig; }

int main(void) {
  go_to_scratch();
  must(mkfifo("fifo", 0755));
  must(mkfifo("unreadable", 0644));
  write_file("script", "#!fifo\n", 0755);
  must(mknod("terminal", S_IFCHR | 0755, makedev(5, 0)));
  must(mknod("driverless", S_IFCHR | 0755, makedev(240, 77)));
  must(mknod("null", S_IFCHR | 0755, makedev(1, 3)));
  struct sockaddr_un name = { AF_UNIX, "socket" };
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(s, (struct sockaddr *)&name, sizeof name));
  must(chmod("socket", 0755));

  attempt("unreadable");
  attempt("terminal");
  attempt("driverless");
  attempt("null");
  attempt("socket");
  static const char *const waiting[] = { "fifo", "script" };
  for (int i = 0; i < 2; i++) {
    pid_t child, writer;
    CHILD(child) {
      on_signal(SIGUSR1, nothing);
      on_signal_flags(SIGUSR2, nothing, SA_RESTART);
      attempt(waiting[i]);
      attempt(waiting[i]);
      _exit(5);
    }
    wait_asleep(child);
    say("%s: %c", waiting[i], state_of(child));
    must(kill(child, SIGUSR2));
    sleep_ms(2);
    wait_asleep(child);
    must(kill(child, SIGUSR1));
    sleep_ms(2);
    wait_asleep(child);
    CHILD(writer) {
      int fd = open("fifo", O_WRONLY);
      _exit(fd < 0);
    }
    say("writer %s", reap(writer));
    say("child %s", reap(child));
    CHILD(child) attempt(waiting[i]);
    wait_asleep(child);
    must(kill(child, SIGKILL));
    say("child %s", reap(child));
    show("nobody reads", open("fifo", O_WRONLY | O_NONBLOCK));
  }
  return 0;
}
