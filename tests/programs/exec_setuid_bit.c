/* A set-user-ID program takes the file's owner as effective user; a shared fs (CLONE_FS) or a script prevents it. */
// needs: root
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    uid_t r, e, s;
    gid_t rg, eg, sg;
    must(getresuid(&r, &e, &s));
    must(getresgid(&rg, &eg, &sg));
    int death = 0;
    must(prctl(PR_GET_PDEATHSIG, &death));
    say("%s: uid %u %u %u gid %u %u %u, dumpable %d, pdeath %d", argv[1], r, e, s, rg, eg, sg, prctl(PR_GET_DUMPABLE), death);
    return 0;
  }
  go_to_scratch();
  char buffer[65536];
  int in = (int)must(open("/proc/self/exe", O_RDONLY)), out = (int)must(open("prog", O_WRONLY | O_CREAT, 0755));
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;) must(write(out, buffer, (size_t)n));
  close(out);
  must(chown("prog", 2001, 2002));
  static const mode_t modes[] = { 0755, 04755, 02755, 06755, 02745 };
  for (int i = 0; i < 5; i++) {
    must(chmod("prog", modes[i]));
    pid_t child;
    CHILD(child) {
      must(setresgid(3002, 3002, 3002));
      must(setresuid(3001, 3001, 3001));
      must(prctl(PR_SET_PDEATHSIG, SIGHUP));
      char mode[20];
      snprintf(mode, sizeof mode, "%04o", modes[i]);
      execl("./prog", "prog", mode, NULL);
      say("failed: %s", errname(errno));
      _exit(1);
    }
    say("%s", reap(child));
  }
  must(chmod("prog", 0100));
  pid_t child;
  CHILD(child) {
    must(setresuid(3001, 3001, 3001));
    show("not ours", execl("./prog", "prog", NULL));
    _exit(0);
  }
  wait_for(child);
  (void)argv;
  return 0;
}
