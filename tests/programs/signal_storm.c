/* Many senders, one receiver: each real-time signal arrives once and in its sender's order, each standard signal at
 * least once after it was last sent, and no queue entry is left behind. argv[1]: how many each sender sends.
 */
// needs: root
#include "check.h"

enum { SENDERS = 4 };

static void sender(int me, pid_t receiver, int count) {
  for (int i = 0; i < count; i++) {
    union sigval value = { .sival_int = me << 24 | i };
    /* The queue has a limit; a full one is said, and nothing is lost. */
    while (sigqueue(receiver, RT(me), value) < 0) {
      if (errno != EAGAIN) _exit(1);
      sched_yield();
    }
    if (i % 8 == 0) must(kill(receiver, me & 1 ? SIGUSR1 : SIGUSR2));
  }
  must(kill(receiver, me & 1 ? SIGUSR1 : SIGUSR2));
  _exit(0);
}

/* SigQ of /proc/self/status: entries queued for this user. */
static int queued(void) {
  char text[4096];
  int fd = must(open("/proc/self/status", O_RDONLY));
  ssize_t n = must(read(fd, text, sizeof text - 1));
  text[n] = 0;
  close(fd);
  char *at = strstr(text, "SigQ:");
  return at ? atoi(at + 5) : -1;
}

static volatile int next[SENDERS], wrong, standard[2];

static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  if (sig == SIGUSR1 || sig == SIGUSR2) {
    standard[sig == SIGUSR2]++;
    return;
  }
  int from = info->si_value.sival_int >> 24, number = info->si_value.sival_int & 0xffffff;
  if (RT(from) != sig || number != next[from] || info->si_code != SI_QUEUE) wrong++;
  next[from] = number + 1;
}

static void storm(int count, int waiting) {
  sigset_t set = set_of(RT(0), RT(1), RT(2), RT(3), SIGUSR1, SIGUSR2, 0), old;
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler;
  sa.sa_flags = SA_SIGINFO | SA_RESTART;
  sa.sa_mask = set;
  for (int i = 0; i < SENDERS; i++) must(sigaction(RT(i), &sa, NULL));
  must(sigaction(SIGUSR1, &sa, NULL));
  must(sigaction(SIGUSR2, &sa, NULL));
  must(sigprocmask(SIG_BLOCK, &set, &old));
  memset((void *)next, 0, sizeof next);
  wrong = standard[0] = standard[1] = 0;
  int before = queued();

  pid_t self = getpid(), pids[SENDERS];
  for (int i = 0; i < SENDERS; i++)
    if (!(pids[i] = must(fork()))) sender(i, self, count);
  int left = SENDERS;
  while (left || next[0] + next[1] + next[2] + next[3] < SENDERS * count) {
    if (waiting) {
      siginfo_t info;
      struct timespec soon = { 0, 1000000 };
      int sig = sigtimedwait(&set, &info, &soon);
      if (sig > 0) handler(sig, &info, NULL);
    } else {
      must(sigprocmask(SIG_SETMASK, &old, NULL));
      must(sigprocmask(SIG_BLOCK, &set, NULL));
    }
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid > 0) {
      left--;
      if (status) say("a sender ended with %#x", status);
    }
  }
  struct timespec now = { 0, 0 };
  siginfo_t info;
  int sig;
  while ((sig = sigtimedwait(&set, &info, &now)) > 0) handler(sig, &info, NULL);
  for (int i = 0; i < SENDERS; i++) say("sender %d: %d of %d", i, next[i], count);
  say("out of order: %d", wrong);
  say("standard signals arrived: %d %d", standard[0] > 0, standard[1] > 0);
  say("merged: %d %d", standard[0] <= 2 * (count / 8 + 2), standard[1] <= 2 * (count / 8 + 2));
  say("left in the queue: %d", queued() - before);
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 150;
  /* Queue entries are counted for each user, and the host's others have some as well. */
  if (getuid() == 0) must(setuid(fresh_uid()));
  struct rlimit few = { 64, 64 };
  must(setrlimit(RLIMIT_SIGPENDING, &few));
  storm(count, 0);
  storm(count, 1);
  return 0;
}
