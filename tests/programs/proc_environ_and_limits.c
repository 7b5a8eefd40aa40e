/* More of /proc/PID: environ, limits, fd, cwd of a child, and what a stranger may see. */
// needs: root
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    for (;;) pause();
  }
  pid_t child;
  char path[60], text[4096];
  CHILD(child) {
    struct rlimit r = { 33, 44 };
    must(setrlimit(RLIMIT_NOFILE, &r));
    must(chdir("/usr"));
    char *args[] = { argv[0], "two", NULL }, *env[] = { "A=1", "BB=22", NULL };
    execve(argv[0], args, env);
    _exit(1);
  }
  for (;;) { /* until it has executed the program */
    snprintf(path, sizeof path, "/proc/%d/environ", child);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    if (n == 10) break;
    sleep_ms(1);
  }
  wait_asleep(child);
  say("environ %s %s", text, text + 4);
  snprintf(path, sizeof path, "/proc/%d/limits", child);
  FILE *f = fopen(path, "r");
  while (f && fgets(text, sizeof text, f))
    if (!strncmp(text, "Max open files", 14)) say("%s", strtok(text, "\n"));
  snprintf(path, sizeof path, "/proc/%d/cwd", child);
  ssize_t n = readlink(path, text, sizeof text);
  say("cwd %.*s", (int)n, text);
  snprintf(path, sizeof path, "/proc/%d/cmdline", child);
  int fd = (int)must(open(path, O_RDONLY));
  n = read(fd, text, sizeof text);
  say("second argument %s", text + strlen(text) + 1);
  pid_t stranger;
  CHILD(stranger) {
    must(setuid(1234));
    snprintf(path, sizeof path, "/proc/%d/cwd", child);
    show("stranger: cwd", readlink(path, text, sizeof text));
    snprintf(path, sizeof path, "/proc/%d/environ", child);
    show("stranger: environ", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/fd", child);
    show("stranger: fd", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/status", child);
    show_ok("stranger: status", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/cmdline", child);
    show_ok("stranger: cmdline", open(path, O_RDONLY));
    _exit(0);
  }
  wait_for(stranger);
  kill(child, SIGKILL);
  say("%s", reap(child));
  return 0;
}
