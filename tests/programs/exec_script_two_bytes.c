/* A file of the two bytes "#!" is no program. */
// differs: later kernels take the end of the file for an empty interpreter's name (EACCES); in 3.2 it is ENOEXEC (load_script)
#include "check.h"

int main(void) {
  go_to_scratch();
  write_file("script", "#!", 0755);
  char *args[] = { "script", NULL };
  show("two bytes", execve("script", args, args + 1));
  return 0;
}
