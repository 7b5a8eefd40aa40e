/* A terminal: control characters, background reads and writes, the foreground group, hang-up. */
// needs: pty
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>

static int master;
static char slave_name[64];

static int run(pid_t child) {
  int status;
  must(waitpid(child, &status, WUNTRACED));
  return status;
}
static void handler(int sig) { say("  handler %d", sig); }

static void open_master(void) {
  master = (int)must(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  int unlock = 0, number;
  must(ioctl(master, TIOCSPTLCK, &unlock));
  must(ioctl(master, TIOCGPTN, &number));
  snprintf(slave_name, sizeof slave_name, "/dev/pts/%d", number);
}

int main(void) {
  pid_t leader;
  struct gate alive = new_gate();
  open_master();
  CHILD(leader) {
    must(setsid());
    int tty = (int)must(open(slave_name, O_RDWR));
    say("controlling: %d", tcgetpgrp(tty) == getpgrp());
    show("foreground group", tcsetpgrp(tty, getpgrp()));
    struct termios t;
    must(tcgetattr(tty, &t));
    t.c_lflag &= ~(tcflag_t)ECHO;
    must(tcsetattr(tty, TCSANOW, &t));

    pid_t child;
    CHILD(child) { /* a foreground job takes ^C */
      setpgid(0, 0);
      on_signal(SIGTTOU, SIG_IGN);
      must(tcsetpgrp(tty, getpgrp()));
      must(write(master, "\003", 1));
      for (;;) pause();
    }
    say("^C: %s", wait_str(run(child)));
    on_signal(SIGTTOU, SIG_IGN);
    must(tcsetpgrp(tty, getpgrp()));
    on_signal(SIGTTOU, SIG_DFL);

    char c;
    CHILD(child) {
      setpgid(0, 0);
      must(read(tty, &c, 1));
      _exit(c);
    }
    say("background read: %s", wait_str(run(child)));
    must(tcsetpgrp(tty, child));
    must(write(master, "x\n", 2));
    kill(child, SIGCONT);
    say("in the foreground: %s", wait_str(run(child)));
    on_signal(SIGTTOU, SIG_IGN);
    must(tcsetpgrp(tty, getpgrp()));
    on_signal(SIGTTOU, SIG_DFL);
    must(read(tty, &c, 1));
    CHILD(child) {
      setpgid(0, 0);
      on_signal(SIGTTIN, SIG_IGN);
      show("background read, ignored", read(tty, &c, 1));
      show("background write", write(tty, "", 0));
      must(tcsetpgrp(tty, getpgrp()));
      _exit(9);
    }
    say("tcsetpgrp from the background: %s", wait_str(run(child)));
    kill(child, SIGKILL);
    run(child);
    show("group that does not exist", tcsetpgrp(tty, 30000));
    CHILD(child) {
      must(setsid());
      show("another session", tcgetpgrp(tty));
      show("/dev/tty", open("/dev/tty", O_RDWR));
      _exit(0);
    }
    run(child);
    on_signal(SIGHUP, handler);
    on_signal(SIGWINCH, handler);
    struct winsize w = { 24, 80, 0, 0 };
    must(ioctl(master, TIOCSWINSZ, &w));
    struct gate ready = new_gate();
    CHILD(child) {
      on_signal(SIGHUP, SIG_DFL);
      open_gate(&ready);
      for (;;) pause();
    }
    pass_gate(&ready);
    _exit(0);
  }
  close(alive.fd[1]);
  wait_for(leader);
  char c;
  say("leader is gone; and the foreground group with it: %d", (int)read(alive.fd[0], &c, 1));
  close(master);

  open_master();
  struct gate ready = new_gate();
  CHILD(leader) {
    close(master);
    must(setsid());
    must(open(slave_name, O_RDWR));
    on_signal(SIGHUP, handler);
    block(SIGHUP);
    open_gate(&ready);
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
    _exit(0);
  }
  pass_gate(&ready);
  close(master);
  say("master closed: leader %s", reap(leader));
  return 0;
}
