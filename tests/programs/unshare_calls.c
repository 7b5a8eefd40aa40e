/* unshare(): what it accepts, and what comes of it. */
// needs: root
#include "check.h"
#include <sys/utsname.h>

static void *thread(void *arg) {
  show("in a thread: FS", unshare(CLONE_FS));
  show("in a thread: FILES", unshare(CLONE_FILES));
  must(chdir("/usr"));
  show("in a thread: VM", unshare(CLONE_VM));
  return arg;
}

int main(void) {
  struct utsname u;
  show("nothing", unshare(0));
  show("unknown", unshare(0x1000));
  show("NEWUTS", unshare(CLONE_NEWUTS));
  must(sethostname("apart", 5));
  must(uname(&u));
  say("%s", u.nodename);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  char cwd[100];
  say("our cwd stays: %d", strcmp(getcwd(cwd, sizeof cwd), "/usr") != 0);
  pid_t child;
  CHILD(child) {
    must(setuid(fresh_uid()));
    show("user: FILES", unshare(CLONE_FILES));
    show("user: NEWUTS", unshare(CLONE_NEWUTS));
    _exit(0);
  }
  wait_for(child);
  return 0;
}
