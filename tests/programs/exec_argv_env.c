/* The new program gets argv and envp as given, in order, empty strings included; PID and parent stay. */
#include "check.h"

extern char **environ;

int main(int argc, char **argv) {
  if (getenv("STAGE")) {
    say("argc %d", argc);
    for (int i = 0; i < argc; i++) say("argv[%d] = '%s'", i, argv[i]);
    say("terminated by NULL: %d", argv[argc] == NULL);
    for (int i = 0; environ[i]; i++) say("env[%d] = '%s'", i, environ[i]);
    return 0;
  }
  char path[PATH_MAX];
  char *args[] = { "zero", "", "two words", "three\n", NULL };
  char *env[] = { "STAGE=1", "B=2=3", "EMPTY=", "NOEQUALS", "B=again", NULL };
  must(realpath(argv[0], path) ? 0 : -1);
  pid_t child;
  CHILD(child) {
    execve(path, args, env);
    _exit(1);
  }
  say("%s", reap(child));
  CHILD(child) {
    char *one[] = { "only", NULL }, *stage[] = { "STAGE=", NULL };
    execve(path, one, stage);
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
