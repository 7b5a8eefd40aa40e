/* system() and popen(): a shell between. */
#include "check.h"

int main(void) {
  say("system: %s", wait_str(system("exit 7")));
  say("killed shell: %s", wait_str(system("kill -TERM $$")));
  say("output: %s", wait_str(system("echo from the shell; true | false")));
  char line[100];
  FILE *f = popen("printf 'a\\nb\\nc\\n' | tail -n 1; exit 5", "r");
  if (!f) return 1;
  while (fgets(line, sizeof line, f)) say("read %c", line[0]);
  say("pclose: %s", wait_str(pclose(f)));
  say("no command: %d", system(NULL) != 0);
  return 0;
}
