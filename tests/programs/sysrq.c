/* What /proc/sysrq-trigger does, and says in the log. */
#include "check.h"

#include <sys/klog.h>
// needs: root
// differs: it would be the host that is told; recorded from a 3.2.4 without virtual terminals

static int trigger;
static char *volatile nowhere = (char *)8;

/* The kernel's messages since the last time, with P for numbers of more than one digit and for hexadecimal ones;
   at most so many of them, or only those with a text. */
static void messages(const char *what, int most, const char *only) {
  static char log[1 << 18], out[1200];
  sleep_ms(50); /* some of it is done by workers */
  long n = klogctl(4, log, sizeof log - 1);
  log[n < 0 ? 0 : n] = 0;
  for (char *line = strtok(log, "\n"); line && most; line = strtok(0, "\n")) {
    if (only && !strstr(line, only)) continue;
    most--;
    char *o = out;
    for (char *p = strchr(line, ']') + 1; *p; p++) {
      size_t digits = strspn(p, "0123456789");
      if (!strncmp(p, "0x", 2)) digits = 2 + strspn(p + 2, "0123456789abcdef");
      if (digits > 1) p += digits - 1;
      *o++ = digits > 1 ? 'P' : *p;
      if (digits > 1) { /* the width of a column is nothing to go by */
        while (o > out + 1 && o[-2] == ' ' && o > out + 2 && o[-3] == ' ') o[-2] = o[-1], o--;
      }
    }
    *o = 0;
    say("%s: %.3s%s", what, line, out);
  }
}

static void press(const char *keys) { must(write(trigger, keys, strlen(keys))); }

static void level(const char *what) {
  char text[40];
  int fd = (int)must(open("/proc/sys/kernel/printk", O_RDONLY));
  text[must(read(fd, text, 2))] = 0;
  close(fd);
  say("%s: level %d", what, atoi(text));
}

static void put(const char *path, const char *value) {
  int fd = (int)must(open(path, O_WRONLY));
  must(write(fd, value, strlen(value)));
  close(fd);
}

int main(void) {
  struct stat st;
  must(stat("/proc/sysrq-trigger", &st));
  say("mode %o", (unsigned)st.st_mode);
  trigger = (int)must(open("/proc/sysrq-trigger", O_RDWR));
  char byte;
  show("read", read(trigger, &byte, 1));
  show("nothing", write(trigger, "", 0));
  show("bad memory", write(trigger, nowhere, 1));
  show("seek", lseek(trigger, 5, SEEK_SET));
  klogctl(5, 0, 0);
  show("two bytes", write(trigger, "58", 2));
  messages("two bytes", 9, 0);
  level("5");
  for (const char *key = "h0pnsujrkxB?"; *key; key++) {
    char name[2] = {*key, 0};
    press(name);
    messages(name, 9, 0);
  }
  level("0");
  press("7");
  level("7");
  klogctl(5, 0, 0);

  press("m");
  messages("m", 2, 0);
  press("q");
  messages("q", 3, 0);
  press("t");
  messages("t", 2, 0);
  press("t");
  messages("t", 1, " sysrq ");
  press("t");
  messages("t", 1, "kthreadd ");
  pid_t pid, other;
  CHILD(pid) {
    prctl(PR_SET_NAME, "waits for vfork");
    if (!vfork()) {
      pause();
      _exit(0);
    }
    _exit(0);
  }
  wait_state(pid, "D");
  press("w");
  messages("w", 2, 0);
  press("w");
  messages("w", 1, "waits for");
  press("w");
  messages("w", 1, "Call Trace");
  klogctl(5, 0, 0);
  kill(-getpgrp(), SIGURG);

  CHILD(other) {
    struct sched_param fifo = {.sched_priority = 5};
    must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &fifo));
    for (;;) pause();
  }
  sleep_ms(50);
  must(setpriority(PRIO_PROCESS, 0, -5));
  say("before: policy %ld, nice %d", syscall(SYS_sched_getscheduler, other), getpriority(PRIO_PROCESS, 0));
  press("n");
  say("after: policy %ld, nice %d", syscall(SYS_sched_getscheduler, other), getpriority(PRIO_PROCESS, 0));
  klogctl(5, 0, 0);
  kill(other, SIGKILL);
  reap(other);

  put("/proc/self/oom_score_adj", "-1000");
  put("/proc/sys/kernel/printk_ratelimit", "0");
  CHILD(other) {
    prctl(PR_SET_NAME, "hog");
    put("/proc/self/oom_score_adj", "1000");
    for (;;) pause();
  }
  sleep_ms(50);
  press("f");
  say("f: %s", reap(other));
  messages("f", 2, 0);
  CHILD(other) {
    put("/proc/self/oom_score_adj", "1000");
    for (;;) pause();
  }
  sleep_ms(50);
  press("f");
  say("f: %s", reap(other));
  messages("f", 9, "Kill");
  return 0;
}
