/* exec in a user namespace: who is root there, what set-user-id programs and capabilities of files are worth. */
// later: all
// needs: root
#include "userns.h"
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* But for CAP_SYS_RESOURCE, which root of a container has not always. */
static void shown(void) {
  unsigned head[2] = { 0x20080522, 0 }, sets[6];
  uid_t r, e, s;
  must(syscall(SYS_capget, head, sets));
  must(getresuid(&r, &e, &s));
  gid_t gr, ge, gs;
  must(getresgid(&gr, &ge, &gs));
  say("  uids %d %d %d, gids %d %d %d, effective %08x, permitted %08x, secure %d", (int)r, (int)e, (int)s, (int)gr, (int)ge, (int)gs, sets[0] & ~(1U << 24), sets[1] & ~(1U << 24),
      (int)getauxval(AT_SECURE));
}

static void run(const char *what, const char *program) {
  say("%s", what);
  pid_t pid;
  CHILD(pid) {
    char *argv[] = { (char *)program, "shown", NULL };
    execv(program, argv);
    say("  %s", errname(errno));
    _exit(1);
  }
  wait_for(pid);
}

/* A child of uid 1000's in a namespace of its own, mapped by root. */
static void in_namespace(const char *uids, const char *gids, int id, int flags, void (*what)(void)) {
  struct gate made = new_gate(), mapped = new_gate();
  pid_t pid;
  CHILD(pid) {
    become(1000);
    must(unshare(CLONE_NEWUSER | flags));
    open_gate(&made);
    pass_gate(&mapped);
    if (id >= 0) {
      must(setresgid(id, id, id));
      must(setresuid(id, id, id));
      must(prctl(PR_SET_DUMPABLE, 1));
    }
    what();
    _exit(0);
  }
  pass_gate(&made);
  write_maps(pid, uids, gids);
  open_gate(&mapped);
  wait_for(pid);
}

static void copy(const char *to, mode_t mode, uid_t uid, gid_t gid) {
  int from = (int)must(open("/proc/self/exe", O_RDONLY)), out = (int)must(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
  struct stat st;
  must(fstat(from, &st));
  must(sendfile(out, from, NULL, (size_t)st.st_size));
  must(fchown(out, uid, gid));
  must(fchmod(out, mode));
  close(from);
  close(out);
}

static void programs(void) {
  run("a program", "plain");
  run("set-user-id root", "of_root");
  run("set-user-id 1001", "of_1001");
  run("set-group-id 2001, whom nobody has named", "of_2001");
  run("set-user-id 1001 of a group without a name", "of_mixed");
  run("set-user-id of root, of a group with a name", "of_nobody");
  run("with CAP_NET_RAW", "raw");
  run("with CAP_NET_RAW, and set-user-id root", "raw_of_root");
  if (prctl(PR_SET_SECUREBITS, 1)) say("root stays special: %s", errname(errno));
  else run("where root is nobody special", "plain");
}

static void root(void) {
  programs();
}

static void no_new_privs(void) {
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  run("no_new_privs, set-user-id 1001", "of_1001");
}

/* Its own file system: set-user-id there counts within only. */
static void own_files(void) {
  must(mount("none", "empty", "tmpfs", 0, "mode=777"));
  copy("empty/mine", 04755, 1, 1);
  run("set-user-id 1 on its own file system", "empty/mine");
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWUSER));
    run("from one below", "empty/mine");
    _exit(0);
  }
  wait_for(pid);
  must(mount("empty", "empty", NULL, MS_BIND, NULL));
  must(mount("none", "empty", NULL, MS_BIND | MS_REMOUNT | MS_NOSUID, NULL));
  run("nosuid", "empty/mine");
}

/* Somebody from outside executes what lies in a namespace's file system. */
static void foreign(void) {
  struct gate made = new_gate(), mapped = new_gate(), ready = new_gate();
  pid_t pid, child;
  CHILD(pid) {
    become(1000);
    must(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    open_gate(&made);
    pass_gate(&mapped);
    must(setresgid(0, 0, 0));
    must(setresuid(0, 0, 0));
    must(prctl(PR_SET_DUMPABLE, 1));
    must(mount("none", "empty", "tmpfs", 0, "mode=777"));
    copy("empty/mine", 06755, 1, 1);
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&made);
  write_maps(pid, "0 1000 10", "0 1000 10");
  open_gate(&mapped);
  pass_gate(&ready);
  char path[4096], here[2048];
  must(getcwd(here, sizeof here) ? 0 : -1);
  snprintf(path, sizeof path, "/proc/%d/root%s/empty/mine", (int)pid, here);
  run("a namespace's program, for root", path);
  CHILD(child) {
    must(setgroups(0, NULL));
    must(setresgid(3000, 3000, 3000));
    must(prctl(PR_SET_KEEPCAPS, 1));
    run("its set-group-id", path);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    must(setns((int)must(open(path, O_RDONLY | O_CLOEXEC)), CLONE_NEWNS));
    must(chdir(here));
    run("the same, in its namespace of mounts", "empty/mine");
    run("what the machine's administrator has mounted, there", "of_1001");
    _exit(0);
  }
  wait_for(child);
  kill(pid, SIGKILL);
  wait_for(pid);
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    for (;;) pause();
  }
  wait_asleep(pid);
  snprintf(path, sizeof path, "/proc/%d/root%s/of_1001", (int)pid, here);
  run("set-user-id in another namespace of mounts", path);
  kill(pid, SIGKILL);
  wait_for(pid);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    shown();
    return 0;
  }
  go_to_scratch();
  must(chmod(".", 0777));
  must(mkdir("empty", 0777));
  must(chmod("empty", 0777));
  copy("plain", 0755, 0, 0);
  copy("of_root", 04755, 0, 0);
  copy("of_1001", 04755, 1001, 1001);
  copy("of_2001", 02755, 1001, 2001);
  copy("of_nobody", 04755, 0, 1001);
  copy("of_mixed", 04755, 1001, 2001);
  unsigned caps[5] = { 0x02000001, 1 << 13, 0, 0, 0 };
  copy("raw", 0755, 0, 0);
  must(setxattr("raw", "security.capability", caps, sizeof caps, 0));
  copy("raw_of_root", 04755, 0, 0);
  must(setxattr("raw_of_root", "security.capability", caps, sizeof caps, 0));
  say("without a map");
  pid_t pid;
  CHILD(pid) {
    become(1000);
    must(unshare(CLONE_NEWUSER));
    programs();
    _exit(0);
  }
  wait_for(pid);
  say("root");
  in_namespace("0 1000 10", "0 1000 10", 0, 0, root);
  say("not root");
  in_namespace("0 1000 10", "0 1000 10", 3, 0, root);
  say("not root, as which somebody else is known");
  in_namespace("0 0 1\n1 1000 10", "0 0 1\n1 1000 10", 1, 0, root);
  say("nobody is root");
  in_namespace("1 1000 10", "1 1000 10", 1, 0, root);
  say("others");
  in_namespace("0 1000 10", "0 1000 10", 0, 0, no_new_privs);
  in_namespace("0 1000 10", "0 1000 10", 0, CLONE_NEWNS, own_files);
  foreign();
  return 0;
}
