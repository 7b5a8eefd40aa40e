/* Random walks of a tracer with up to six tasks: attached, seized, stopped, continued, stepped, killed, exec'd, detached
 * in any order; after each step what the call said, the state of each task, and what waiting has told.
 */
// differs: the rules of seized tracees and of stops are 3.2's
// needs: glibc
#include "trace.h"

enum { SLOTS = 6 };
static pid_t tasks[SLOTS];
static unsigned seed;
static unsigned pick(unsigned n) { return (seed = seed * 1103515245 + 12345) >> 16 & 0x7fff ? (seed >> 16 & 0x7fff) % n : 0; }
static int slot_of(pid_t pid) {
  for (int i = 0; i < SLOTS; i++)
    if (tasks[i] == pid) return i;
  for (int i = 0; i < SLOTS; i++)
    if (!tasks[i]) return tasks[i] = pid, i;
  return -1;
}

/* What a task does: only what signals tell it to. */
static void on_usr1(int sig) { (void)sig, getppid(); }
static void on_usr2(int sig) {
  (void)sig;
  if (!fork())
    for (;;) pause();
}
static void on_hup(int sig) { (void)sig, execl("/proc/self/exe", "ptrace_walk", "task", NULL); }
static void on_quit(int sig) {
  (void)sig;
  if (!vfork()) _exit(3);
}
static void on_chld(int sig) {
  (void)sig;
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}
static void on_term(int sig) { (void)sig, _exit(7); }
static void task(void) {
  static const struct { int sig; void (*handler)(int); } handlers[] = {{SIGUSR1, on_usr1}, {SIGUSR2, on_usr2}, {SIGHUP, on_hup}, {SIGQUIT, on_quit}, {SIGCHLD, on_chld}, {SIGTERM, on_term}};
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
    struct sigaction sa = {.sa_handler = handlers[i].handler, .sa_flags = SA_NODEFER};
    sigaction(handlers[i].sig, &sa, NULL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (;;) pause();
}

static const int sigs[] = {0, 0, 0, SIGUSR1, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGSTOP, SIGTSTP, SIGCONT, SIGCONT, SIGTERM, SIGKILL};
static int some_signal(int more) { return sigs[pick(more ? 14 : 12)]; }

static const char *letters(void) {
  static char text[SLOTS + 1];
  for (int i = 0; i < SLOTS; i++) text[i] = tasks[i] ? state_of(tasks[i]) : '.';
  for (int i = 0; i < SLOTS; i++)
    if (text[i] == 'R' || text[i] == 'D') text[i] = 'S';
  return text;
}

static void news(void) {
  int status;
  pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED | __WALL);
  if (pid <= 0) {
    say("wait: %s", pid ? errname(errno) : "nothing");
    return;
  }
  int i = slot_of(pid);
  char info_text[60] = "";
  siginfo_t info;
  unsigned long message_ = 0;
  if (WIFSTOPPED(status)) {
    if (!trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info)) snprintf(info_text, sizeof info_text, ", signo %s code %x from %d", signame(info.si_signo), (unsigned)info.si_code, info.si_code > 0 && info.si_signo != SIGCHLD ? 99 : info.si_pid == getpid() ? 98 : info.si_pid ? slot_of(info.si_pid) : 97);
    else snprintf(info_text, sizeof info_text, ", %s", errname(errno));
    int event = status >> 16;
    if (event && event < 6 && event != 5 && !trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&message_) && event != 4) slot_of((pid_t)message_);
  }
  say("wait: %d %s%s", i, trace_str(status), info_text);
  if (WIFEXITED(status) || WIFSIGNALED(status)) tasks[i] = 0;
}

static void step(void) {
  unsigned what = pick(30), i = pick(SLOTS);
  pid_t pid = tasks[i];
  if (!pid) {
    if (what & 1) return;
    CHILD(pid) execl("/proc/self/exe", "ptrace_walk", "task", NULL);
    tasks[i] = pid, sleep_ms(5);
    say("%u is made", i);
    return;
  }
  long r = 0;
  int sig = some_signal(what >= 26);
  const char *name = "?";
#define DO(text, call) do { name = text; r = (call); } while (0)
  switch (what) {
  case 0: case 1: DO("ATTACH", trace(PTRACE_ATTACH, pid, 0, 0)); sig = 0; break;
  case 2: case 3: DO("SEIZE", trace(0x4206, pid, 0, SEIZE_DEVEL)); sig = 0; break;
  case 4: case 5: case 6: case 7: DO("CONT", trace(PTRACE_CONT, pid, 0, (unsigned long)sig)); break;
  case 8: case 9: DO("SYSCALL", trace(PTRACE_SYSCALL, pid, 0, (unsigned long)sig)); break;
  case 10: DO("STEP", trace(PTRACE_SINGLESTEP, pid, 0, (unsigned long)sig)); break;
  case 11: case 12: DO("LISTEN", trace(0x4208, pid, 0, 0)); sig = 0; break;
  case 13: case 14: DO("INTERRUPT", trace(0x4207, pid, 0, 0)); sig = 0; break;
  case 15: DO("DETACH", trace(PTRACE_DETACH, pid, 0, (unsigned long)sig)); break;
  case 16: DO("KILL", trace(PTRACE_KILL, pid, 0, 0)); sig = 0; break;
  case 17: case 18: sig = (int)pick(128); DO("SETOPTIONS", trace(PTRACE_SETOPTIONS, pid, 0, (unsigned long)sig)); break;
  case 26: case 27: DO("kill", kill(pid, sig)); break;
  case 19: case 20: case 21: case 22: case 23: DO("kill", kill(pid, sig)); break;
  case 28: DO("tkill", syscall(SYS_tkill, pid, sig)); break;
  default: sleep_ms(2), news(); return;
  }
  int error = errno;
  sleep_ms(3);
  say("%u %s %d: %s, %s", i, name, sig, r == -1 ? errname(error) : "0", letters());
  if (pick(2)) news();
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "task")) task();
  unsigned first = argc > 1 ? (unsigned)atoi(argv[1]) : 1, walks = argc > 2 ? (unsigned)atoi(argv[2]) : 20, steps = argc > 3 ? (unsigned)atoi(argv[3]) : 60;
  for (unsigned w = first; w < first + walks; w++) {
    pid_t walker;
    CHILD(walker) {
      seed = w * 2654435761u;
      must(prctl(PR_SET_NAME, "walker"));
      for (unsigned s = 0; s < steps; s++) step();
      for (int i = 0; i < SLOTS; i++)
        if (tasks[i]) kill(tasks[i], SIGKILL);
      sleep_ms(5), say("killed: %s", letters());
      int status;
      for (int n = 0; n < 40 && (waitpid(-1, &status, __WALL | WNOHANG)) != -1; n++) {
        for (int i = 0; i < SLOTS; i++)
          if (tasks[i]) trace(PTRACE_CONT, tasks[i], 0, 0);
        sleep_ms(1);
      }
      _exit(0);
    }
    say("walk %u: %s", w, reap(walker));
  }
  return 0;
}
