/* getrlimit(), setrlimit(), prlimit(): soft below hard, who may raise, inheritance. */
// needs: root
#include "check.h"

static void set(const char *name, int what, rlim_t soft, rlim_t hard) {
  struct rlimit r = { soft, hard };
  show(name, syscall(SYS_setrlimit, what, &r));
}
static void get(const char *name, int what) {
  struct rlimit r;
  must(getrlimit(what, &r));
  say("%s: %ld %ld", name, (long)r.rlim_cur, (long)r.rlim_max);
}

int main(void) {
  get("stack", RLIMIT_STACK);
  get("core", RLIMIT_CORE);
  get("nofile", RLIMIT_NOFILE);
  get("fsize", RLIMIT_FSIZE);
  set("soft above hard", RLIMIT_NOFILE, 200, 100);
  set("bad resource", 16, 1, 1);
  set("lower", RLIMIT_NOFILE, 100, 200);
  set("beyond nr_open", RLIMIT_NOFILE, 100, 1UL << 40);
  struct rlimit old = { 0, 0 }, new = { 50, 60 };
  pid_t child;
  struct gate go = new_gate();
  CHILD(child) {
    get("inherited", RLIMIT_NOFILE);
    must(setuid(fresh_uid()));
    set("user lowers", RLIMIT_NOFILE, 90, 150);
    set("user raises soft", RLIMIT_NOFILE, 150, 150);
    set("user raises hard", RLIMIT_NOFILE, 150, 151);
    show("user looks at root", syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &old));
    pass_gate(&go);
    _exit(0);
  }
  wait_asleep(child);
  show("prlimit of nobody", syscall(SYS_prlimit64, 30000, RLIMIT_NOFILE, NULL, &old));
  open_gate(&go);
  wait_for(child);
  CHILD(child) {
    pass_gate(&go);
    get("set from outside", RLIMIT_NOFILE);
    _exit(0);
  }
  show("prlimit of another", syscall(SYS_prlimit64, child, RLIMIT_NOFILE, &new, &old));
  say("old %ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
  open_gate(&go);
  wait_for(child);
  return 0;
}
