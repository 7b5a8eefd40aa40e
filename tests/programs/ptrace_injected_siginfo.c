/* A signal that a tracer gives in place of another comes from the tracer, its user included; one that is blocked becomes
 * pending for the thread alone.
 */
// needs: root
// differs: later it becomes pending as the signal it takes the place of was, for the process
#include "trace.h"

static void told(int sig, siginfo_t *info, void *context) {
  (void)context;
  say("%s: code %d, from %s, uid %d", signame(sig), info->si_code, info->si_pid == getppid() ? "the tracer" : "another", (int)info->si_uid);
}
static void waits(void) {
  on_siginfo(SIGUSR2, told, 0);
  sleep_for_ever();
}
static void waits_blocked(void) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR2), must(sigprocmask(SIG_BLOCK, &set, NULL));
  on_siginfo(SIGUSR2, told, 0);
  pause();
  sleep_for_ever();
}
static void pending(const char *what, pid_t pid) {
  char path[40], text[4096], *own, *all;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  int fd = (int)must(open(path, O_RDONLY));
  text[must(read(fd, text, sizeof text - 1))] = 0, close(fd);
  own = strstr(text, "SigPnd:"), all = strstr(text, "ShdPnd:");
  say("%s: of the thread %.16s, of the process %.16s", what, own + 8, all + 8);
}

int main(void) {
  pid_t tracer;
  CHILD(tracer) {
    must(setresgid(1001, 1001, 1001)), must(setresuid(1000, 1000, 1000));
    must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    pid_t pid = start_traced(waits);
    cont(pid, 0), sleep_ms(5);
    must(kill(pid, SIGUSR1)), pass_stop(pid, SIGUSR1), cont(pid, SIGUSR2), sleep_ms(5);
    must(kill(pid, SIGKILL)), next_stop("end", pid);
    pid = start_traced(waits_blocked);
    cont(pid, 0), sleep_ms(5);
    must(kill(pid, SIGUSR1)), pass_stop(pid, SIGUSR1), cont(pid, SIGUSR2), sleep_ms(5);
    pending("blocked", pid);
    must(kill(pid, SIGKILL)), next_stop("end", pid);
    _exit(0);
  }
  say("tracer: %s", reap(tracer));
  return 0;
}
