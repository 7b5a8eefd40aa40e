/* Who may attach to whom: by the real ids of the one and all ids of the other, whether it may be dumped, by capabilities. */
// needs: root
#include "trace.h"
#include <linux/capability.h>
#include <grp.h>

enum { UID = 1000, GID = 1000 };
static struct gate ready;
static void set_ids(uid_t r, uid_t e, uid_t s, gid_t gr, gid_t ge, gid_t gs) {
  must(setgroups(0, NULL));
  must(setresgid(gr, ge, gs));
  must(setresuid(r, e, s));
}
static pid_t victim(uid_t r, uid_t e, uid_t s, gid_t gr, gid_t ge, gid_t gs, int dumpable, int keep) {
  ready = new_gate();
  pid_t pid;
  CHILD(pid) {
    if (keep) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    set_ids(r, e, s, gr, ge, gs);
    must(prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0));
    open_gate(&ready);
    sleep_for_ever();
  }
  pass_gate(&ready);
  return pid;
}
static void try(const char *what, uid_t uid, gid_t gid, int keep, pid_t pid) {
  pid_t tracer;
  CHILD(tracer) {
    if (keep) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    set_ids(uid, uid, uid, gid, gid, gid);
    if (keep) {
      struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
      struct __user_cap_data_struct data[2] = { { 1u << keep, 1u << keep, 0 }, { 0, 0, 0 } };
      must(syscall(SYS_capset, &header, data));
    }
    show_ok(what, trace(PTRACE_ATTACH, pid, 0, 0));
    _exit(0);
  }
  wait_for(tracer);
  kill(pid, SIGKILL);
  wait_for(pid);
}

int main(void) {
  try("the same user", UID, GID, 0, victim(UID, UID, UID, GID, GID, GID, 1, 0));
  try("another user", UID + 1, GID, 0, victim(UID, UID, UID, GID, GID, GID, 1, 0));
  try("another group", UID, GID + 1, 0, victim(UID, UID, UID, GID, GID, GID, 1, 0));
  try("another effective user", UID, GID, 0, victim(UID, UID + 1, UID, GID, GID, GID, 1, 0));
  try("another saved user", UID, GID, 0, victim(UID, UID, UID + 1, GID, GID, GID, 1, 0));
  try("another saved group", UID, GID, 0, victim(UID, UID, UID, GID, GID, GID + 1, 1, 0));
  try("another real group", UID, GID, 0, victim(UID, UID, UID, GID + 1, GID, GID, 1, 0));
  try("another effective group", UID, GID, 0, victim(UID, UID, UID, GID, GID + 1, GID, 1, 0));
  try("another real user", UID, GID, 0, victim(UID + 1, UID, UID, GID, GID, GID, 1, 0));
  try("not to be dumped", UID, GID, 0, victim(UID, UID, UID, GID, GID, GID, 0, 0));
  try("not to be dumped, for root", 0, 0, 0, victim(UID, UID, UID, GID, GID, GID, 0, 0));
  try("another user, for root", 0, 0, 0, victim(UID, UID, UID, GID, GID, GID, 1, 0));
  try("permitted more", UID, GID, 0, victim(UID, UID, UID, GID, GID, GID, 1, 1));
  try("another user, by CAP_SYS_PTRACE", UID + 1, GID, CAP_SYS_PTRACE, victim(UID, UID, UID, GID, GID, GID, 1, 0));
  try("permitted more, by CAP_SYS_PTRACE", UID, GID, CAP_SYS_PTRACE, victim(UID, UID, UID, GID, GID, GID, 1, 1));
  try("another user, by CAP_KILL", UID + 1, GID, CAP_KILL, victim(UID, UID, UID, GID, GID, GID, 1, 0));

  /* TRACEME looks at capabilities alone. */
  pid_t parent, pid;
  struct gate go = new_gate();
  CHILD(parent) {
    CHILD(pid) {
      pass_gate(&go);
      show_ok("TRACEME by one that is permitted more than its parent", trace(PTRACE_TRACEME, 0, 0, 0));
      set_ids(UID + 7, UID + 7, UID + 7, GID, GID, GID);
      show_ok("by another user", trace(PTRACE_TRACEME, 0, 0, 0));
      _exit(0);
    }
    set_ids(UID, UID, UID, GID, GID, GID);
    open_gate(&go);
    wait_for(pid);
    _exit(0);
  }
  wait_for(parent);
  return 0;
}
