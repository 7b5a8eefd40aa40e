/* A program may be executed without any argv. */
// differs: since 5.18 the kernel adds an empty argv[0]; 3.2 gives argc 0
#include "check.h"

int main(int argc, char **argv) {
  if (getenv("STAGE")) {
    say("argc %d", argc);
    return 0;
  }
  char *none[] = { NULL }, *env[] = { "STAGE=1", NULL };
  execve(argv[0], none, env);
  return 1;
}
