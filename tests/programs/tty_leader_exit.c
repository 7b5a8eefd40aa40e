/* The session's leader ends: the foreground hears SIGHUP, nobody has the terminal any more, and it can be taken anew. */
#include "tty.h"
// needs: pty

static const char *who;
static int news;
static volatile sig_atomic_t hups;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  if (sig == SIGHUP) hups++;
  char line[60];
  int n = snprintf(line, sizeof line, "%s: signal %d, code %d\n", who, sig, info->si_code);
  if (write(news, line, (size_t)n) != n) _exit(9);
}
static void member(struct pty p, struct gate *g, const char *name, int own_group) {
  pid_t pid;
  struct gate ready_ = new_gate();
  CHILD(pid) {
    if (own_group) must(setpgid(0, 0));
    who = name;
    on_siginfo(SIGHUP, handler, SA_RESTART);
    on_siginfo(SIGCONT, handler, SA_RESTART);
    open_gate(&ready_);
    char c;
    while (read(g->fd[0], &c, 1) == -1 && errno == EINTR) continue;
    int fd = open("/dev/tty", O_RDWR);
    char line[100];
    int n = snprintf(line, sizeof line, "%s: /dev/tty %s, ", name, fd == -1 ? errname(errno) : "ok");
    pid_t pgrp = 0;
    n += snprintf(line + n, sizeof line - (size_t)n, "TIOCGPGRP %s\n", ioctl(p.s, TIOCGPGRP, &pgrp) ? errname(errno) : "ok");
    if (write(news, line, (size_t)n) != n) _exit(9);
    _exit(0);
  }
  pass_gate(&ready_);
}
static void print_news(int fd) {
  char text[1000], *lines[20], *save;
  settle();
  ssize_t n = read(fd, text, sizeof text - 1);
  int count = 0;
  text[n > 0 ? n : 0] = 0;
  for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) lines[count++] = l;
  for (int i = 0; i < count; i++)
    for (int j = i + 1; j < count; j++)
      if (strcmp(lines[i], lines[j]) > 0) {
        char *t = lines[i];
        lines[i] = lines[j];
        lines[j] = t;
      }
  for (int i = 0; i < count; i++) say("  %s", lines[i]);
}

int main(void) {
  int pipes[2];
  must(pipe2(pipes, O_NONBLOCK));
  news = pipes[1];
  struct pty p = new_pty();
  struct gate g = new_gate();
  pid_t leader;
  CHILD(leader) {
    must(setsid());
    must(ioctl(p.s, TIOCSCTTY, 0));
    who = "leader";
    on_siginfo(SIGHUP, handler, SA_RESTART);
    member(p, &g, "same group", 0);
    member(p, &g, "background", 1);
    _exit(3);
  }
  say("leader %s", reap(leader));
  print_news(pipes[0]);
  open_gate(&g);
  open_gate(&g);
  print_news(pipes[0]);
  say("foreground by the master: %d", (int)tcgetpgrp(p.m));
  put(p.m, "alive\n");
  show_read("the terminal", p.s, 100);
  CHILD(leader) {
    must(setsid());
    show("taken anew", ioctl(p.s, TIOCSCTTY, 0));
    pid_t pid;
    CHILD(pid) {
      must(setpgid(0, 0));
      on_signal(SIGTTOU, SIG_IGN);
      must(tcsetpgrp(p.s, getpgrp()));
      who = "foreground";
      on_siginfo(SIGHUP, handler, SA_RESTART);
      kill(getppid(), SIGKILL);
      while (!hups) sleep_ms(1);
      char line[] = "foreground goes on\n";
      if (write(news, line, sizeof line - 1) < 0) _exit(9);
      _exit(0);
    }
    pause();
  }
  say("leader %s", reap(leader));
  print_news(pipes[0]);
  return 0;
}
