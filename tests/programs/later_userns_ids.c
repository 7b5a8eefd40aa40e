/* Users and groups go by other numbers in a user namespace, wherever one is told of them or tells of one. */
// later: all
// needs: root
#include "userns.h"
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void stat_line(const char *what, const char *path) {
  struct stat st;
  struct statx stx;
  must(lstat(path, &st));
  must(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx));
  say("%s: %d:%d, statx %d:%d", what, (int)st.st_uid, (int)st.st_gid, (int)stx.stx_uid, (int)stx.stx_gid);
}

static void ids(void) {
  uid_t r, e, s;
  gid_t gr, ge, gs, groups[8];
  must(getresuid(&r, &e, &s));
  must(getresgid(&gr, &ge, &gs));
  say("uids %d %d %d %d, gids %d %d %d %d", (int)r, (int)e, (int)s, (int)setfsuid(-1), (int)gr, (int)ge, (int)gs, (int)setfsgid(-1));
  int n = getgroups(8, groups);
  for (int i = 0; i < n; i++) say("  a group: %d", (int)groups[i]);
}

static void status_line(pid_t pid, const char *field) {
  char path[64], text[4096] = { 0 };
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  int fd = (int)must(open(path, O_RDONLY));
  must(read(fd, text, sizeof text - 1));
  close(fd);
  char *at = strstr(text, field);
  at[strcspn(at, "\n")] = 0;
  for (char *end = at + strlen(at); end > at && end[-1] == ' '; ) *--end = 0;
  say("  %s", at);
}

static void sets(void) {
  ids();
  show("setuid 5", setuid(5));
  show("setreuid 5", setreuid(5, -1));
  show("setresuid, the saved one 5", setresuid(-1, -1, 5));
  show("setgid 12", setgid(12));
  show("setregid", setregid(-1, 12));
  show("setresgid", setresgid(12, -1, -1));
  int uid_before = setfsuid(5);
  say("setfsuid %d %d", uid_before, setfsuid(1));
  int gid_before = setfsgid(12);
  say("setfsgid %d %d", gid_before, setfsgid(1));
  say("now %d %d", setfsuid(0), setfsgid(0));
  gid_t groups[] = { 2, 1, 12 };
  show("setgroups", setgroups(3, groups));
  show("two", setgroups(2, groups));
  ids();
  pid_t pid;
  CHILD(pid) {
    must(prctl(PR_SET_DUMPABLE, 1));
    must(setresgid(1, 2, 1));
    must(setresuid(1, 2, 1));
    ids();
    status_line(getpid(), "Uid");
    status_line(getpid(), "Gid");
    status_line(getpid(), "Groups");
    status_line(getpid(), "CapEff");
    show("back to root", setuid(0));
    show("to the saved one", seteuid(1));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(setreuid(3, 0));
    status_line(getpid(), "Uid");
    show("of three, root for a while", seteuid(3));
    show("again", seteuid(0));
    _exit(0);
  }
  wait_for(pid);
}

static unsigned effective(void) {
  unsigned head[2] = { 0x20080522, 0 }, sets_[6];
  must(syscall(SYS_capget, head, sets_));
  return sets_[0] & 0x1f;
}

static void files(void) {
  pid_t pid;
  say("capabilities for files %x, as another", effective());
  setfsuid(1);
  say("  %x, as oneself", effective());
  setfsuid(0);
  say("  %x", effective());
  CHILD(pid) {
    must(prctl(PR_SET_DUMPABLE, 0));
    stat_line("a child that cannot be dumped", "/proc/self/status");
    _exit(0);
  }
  wait_for(pid);
  stat_line("root's", "of_root");
  stat_line("1000's", "of_1000");
  stat_line("a stranger's", "of_stranger");
  stat_line("its process's", "/proc/self/status");
  stat_line("the first process's", "/proc/1");
  show("made", close((int)must(open("made", O_CREAT | O_WRONLY, 0644))));
  stat_line("made", "made");
  show("chown 1:2", chown("made", 1, 2));
  stat_line("then", "made");
  show("chown 5", chown("made", 5, -1));
  show("chgrp 12", chown("made", -1, 12));
  show("lchown", lchown("made", 4294967294U, -1));
  show("nothing", chown("made", -1, -1));
  show("root's to oneself", chown("of_root", 0, 0));
  show("root's alone", chown("of_root", 0, -1));
  show("its group", chown("of_root", -1, 0));
  show("1000's to oneself", chown("of_1000", 0, 0));
  show("chmod of 1000's", chmod("of_1000", 0600));
  show("chmod of a stranger's", chmod("of_stranger", 0666));
  show("chmod of root's", chmod("of_root", 0666));
  show("read 1000's", close((int)open("of_1000", O_RDONLY)) ? -1 : 0);
  show("read root's", open("of_root", O_RDONLY));
  show("its times", utimensat(AT_FDCWD, "of_root", (struct timespec[]){ { 1, 0 }, { 2, 0 } }, 0));
  show("access", access("of_root", R_OK));
  show("access to another's", access("of_other", R_OK | W_OK));
  show("access to 1000's", access("of_1000", R_OK | W_OK));
  show("in a sticky directory, another's", unlink("sticky/of_other"));
  show("a stranger's", unlink("sticky/of_stranger"));
  show("set-group-id of a group not here", chmod("of_mixed", 02755));
  struct stat st;
  must(stat("of_mixed", &st));
  say("mode %o", st.st_mode);
}

/* A list of access with a user in it, as an attribute has it. */
static void lists(void) {
  unsigned list[] = { 2, 7 << 16 | 1, -1, 7 << 16 | 2, 1, 5 << 16 | 4, -1, 5 << 16 | 0x10, -1, 5 << 16 | 0x20, -1 }, got[11] = { 0 };
  int n = (int)syscall(SYS_setxattr, "made", "system.posix_acl_access", list, sizeof list, 0);
  if (n < 0 && errno == EOPNOTSUPP) say("no lists");
  else {
    show("a list", n);
    show("its size", syscall(SYS_getxattr, "made", "system.posix_acl_access", got, sizeof got));
    say("for %d", (int)got[4]);
    list[4] = 5;
    show("for somebody who is not here", syscall(SYS_setxattr, "made", "system.posix_acl_access", list, sizeof list, 0));
  }
}

static struct ucred cred_of(int fd, struct ucred *claimed) {
  char byte, control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec v = { &byte, 1 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
  struct ucred out = { 0 };
  if (claimed) {
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_CREDENTIALS;
    c->cmsg_len = CMSG_LEN(sizeof *claimed);
    memcpy(CMSG_DATA(c), claimed, sizeof *claimed);
    show("claimed", sendmsg(fd, &m, MSG_DONTWAIT));
    return out;
  }
  m.msg_control = control;
  m.msg_controllen = sizeof control;
  must(recvmsg(fd, &m, 0));
  memcpy(&out, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof out);
  return out;
}

static void sockets(int fd) {
  struct ucred own = { getpid(), 0, 0 };
  cred_of(fd, &own);
  own.uid = 2, own.gid = 1;
  cred_of(fd, &own);
  own.uid = 5;
  cred_of(fd, &own);
  own.uid = 0, own.gid = 12;
  cred_of(fd, &own);
  own.gid = 0, own.pid = 1;
  cred_of(fd, &own);
}

static void ipc(int id) {
  struct shmid_ds ds;
  must(shmctl(id, IPC_STAT, &ds));
  say("shm of root: %d:%d, made by %d:%d", (int)ds.shm_perm.uid, (int)ds.shm_perm.gid, (int)ds.shm_perm.cuid, (int)ds.shm_perm.cgid);
  show("to change it", shmctl(id, IPC_SET, &ds));
  int own = (int)must(msgget(IPC_PRIVATE, 0600));
  struct msqid_ds q;
  must(msgctl(own, IPC_STAT, &q));
  say("its own: %d:%d", (int)q.msg_perm.uid, (int)q.msg_perm.gid);
  q.msg_perm.uid = 2, q.msg_perm.gid = 1;
  show("to 2", msgctl(own, IPC_SET, &q));
  must(msgctl(own, IPC_STAT, &q));
  say("then: %d:%d of %d:%d", (int)q.msg_perm.uid, (int)q.msg_perm.gid, (int)q.msg_perm.cuid, (int)q.msg_perm.cgid);
  q.msg_perm.uid = 5;
  show("to somebody who is not here", msgctl(own, IPC_SET, &q));
  char text[8192] = { 0 };
  int fd = (int)must(open("/proc/sysvipc/msg", O_RDONLY)), key, number, mode, bytes, count, ls, lr, u, g, cu, cg;
  must(read(fd, text, sizeof text - 1));
  close(fd);
  for (char *at = strchr(text, '\n'); at && at[1]; at = strchr(at + 1, '\n'))
    if (sscanf(at + 1, "%d %d %d %d %d %d %d %d %d %d %d", &key, &number, &mode, &bytes, &count, &ls, &lr, &u, &g, &cu, &cg) == 11 && number == own)
      say("listed: %d:%d of %d:%d", u, g, cu, cg);
  must(msgctl(own, IPC_RMID, NULL));
}

static void keys(void) {
  char text[100] = { 0 };
  long key = syscall(SYS_add_key, "user", "of_here", "x", 1, KEY_SPEC_PROCESS_KEYRING);
  must(key);
  must(syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof text));
  say("a key: %.9s", text);
  show("chgrp 1", syscall(SYS_keyctl, KEYCTL_CHOWN, key, -1, 1));
  must(syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof text));
  say("then: %.9s", text);
  show("chown 2", syscall(SYS_keyctl, KEYCTL_CHOWN, key, 2, 1));
  show("chown 5", syscall(SYS_keyctl, KEYCTL_CHOWN, key, 5, -1));
  show("chgrp 12", syscall(SYS_keyctl, KEYCTL_CHOWN, key, -1, 12));
}

/* Somebody outside, who says at last what he was sent. */
static pid_t receiver(struct gate *ready, struct gate *go) {
  pid_t pid;
  CHILD(pid) {
    block(SIGUSR1);
    block(RT(0));
    block(RT(1));
    must(setresgid(2000, 2000, 2000));
    must(setresuid(1000, 1000, 1000));
    open_gate(ready);
    pass_gate(go);
    sigset_t set = set_of(SIGUSR1, RT(0), RT(1), 0);
    siginfo_t info;
    struct timespec soon = { 0, 0 };
    int sig;
    while ((sig = sigtimedwait_(&set, &info, &soon)) > 0) say("told of %d: %d, by %d", sig, info.si_code, (int)info.si_uid);
    _exit(0);
  }
  pass_gate(ready);
  return pid;
}

/* Who sends, as the receiver calls him: up, down and beside. */
static void signals(pid_t outside) {
  union sigval v = { 0 };
  show("up, to root", kill(1, 0));
  show("up", kill(outside, SIGUSR1));
  show("up with a value", sigqueue(outside, RT(0), v));
  siginfo_t info = { 0 };
  info.si_code = -7, info.si_pid = 1, info.si_uid = 3;
  show("in another's name", syscall(SYS_rt_sigqueueinfo, outside, RT(1), &info));
  info.si_uid = 5;
  show("who is not here", syscall(SYS_rt_sigqueueinfo, outside, RT(1), &info));
  pid_t pid;
  CHILD(pid) _exit(0);
  must(waitid(P_PID, pid, &info, WEXITED));
  say("a child's end: %d", (int)info.si_uid);
  CHILD(pid) {
    must(setresuid(2, 2, 2));
    pause();
    _exit(0);
  }
  wait_asleep(pid);
  show("down to two", kill(pid, SIGSTOP));
  must(waitid(P_PID, pid, &info, WSTOPPED));
  say("it stopped: %d", (int)info.si_uid);
  kill(pid, SIGKILL);
  wait_for(pid);
  sigset_t set = set_of(SIGCHLD, 0);
  block(SIGCHLD);
  sigtimedwait_(&set, &info, &(struct timespec){ 0, 0 });
  CHILD(pid) {
    must(setresuid(2, 2, 2));
    kill(getpid(), SIGSTOP);
    _exit(0);
  }
  must(sigtimedwait_(&set, &info, NULL));
  say("told of its stop: %d, by %d", info.si_code, (int)info.si_uid);
  kill(pid, SIGKILL);
  must(sigtimedwait_(&set, &info, NULL));
  say("and of its end: %d, by %d", info.si_code, (int)info.si_uid);
  wait_for(pid);
  unblock(SIGCHLD);
}

/* A signal without details: a parent outside has ended. */
static void orphan(void) {
  struct gate made = new_gate(), mapped = new_gate(), ready = new_gate(), done = new_gate();
  pid_t *inner = shared_memory(sizeof *inner), pid;
  CHILD(pid) {
    must(setresgid(2001, 2001, 2001));
    must(setresuid(1001, 1001, 1001));
    pid_t child = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
    if (!child) {
      pass_gate(&mapped);
      block(SIGUSR2);
      must(prctl(PR_SET_PDEATHSIG, SIGUSR2));
      open_gate(&ready);
      sigset_t set = set_of(SIGUSR2, 0);
      siginfo_t info;
      must(sigtimedwait_(&set, &info, NULL));
      say("a parent's end: %d, by %d", info.si_code, (int)info.si_uid);
      open_gate(&done);
      _exit(0);
    }
    *inner = child;
    open_gate(&made);
    pass_gate(&ready);
    _exit(0);
  }
  pass_gate(&made);
  write_maps(*inner, "0 1000 5", "0 2000 10");
  open_gate(&mapped);
  wait_for(pid);
  pass_gate(&done);
}

/* The parent is told of a child that calls itself otherwise: of its stop, and its end. */
static void told(int sig, siginfo_t *info, void *unused) {
  (void)sig, (void)unused;
  say("child: %d, by %d", info->si_code, (int)info->si_uid);
}

static void parent(void) {
  pid_t pid;
  CHILD(pid) {
    on_siginfo(SIGCHLD, told, 0);
    must(setresgid(2001, 2001, 2001));
    must(setresuid(1001, 1001, 1001));
    must(prctl(PR_SET_DUMPABLE, 1));
    pid_t child = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
    if (!child) {
      kill(getpid(), SIGSTOP);
      _exit(0);
    }
    siginfo_t info;
    must(waitid(P_PID, child, &info, WSTOPPED));
    say("it stopped: %d", (int)info.si_uid);
    kill(child, SIGKILL);
    while (waitid(P_PID, child, &info, WEXITED) < 0) ;
    say("it ended: %d", (int)info.si_uid);
    _exit(0);
  }
  wait_for(pid);
}

static void nice_values(void) {
  errno = 0;
  show("nice value of 2's", getpriority(PRIO_USER, 2) == -1 && errno ? -1 : 0);
  pid_t pid;
  CHILD(pid) {
    must(setresuid(2, 2, 2));
    must(setpriority(PRIO_PROCESS, 0, 3));
    errno = 0;
    say("own %d", getpriority(PRIO_USER, 0));
    say("by name %d", getpriority(PRIO_USER, 2));
    errno = 0;
    say("of who is not here %d", getpriority(PRIO_USER, 5));
    show("errno", errno ? -1 : 0);
    _exit(0);
  }
  wait_for(pid);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    must(prctl(PR_SET_DUMPABLE, 0));
    stat_line("a process that cannot be dumped", "/proc/self/status");
    say("begins with: %d %d %d %d", (int)getauxval(AT_UID), (int)getauxval(AT_EUID), (int)getauxval(AT_GID), (int)getauxval(AT_EGID));
    return 0;
  }
  go_to_scratch();
  must(chmod(".", 0777));
  write_file("of_root", "r", 0600);
  write_file("of_1000", "t", 0640);
  must(chown("of_1000", 1000, 2000));
  write_file("of_stranger", "s", 0644);
  must(chown("of_stranger", 7777, 7777));
  write_file("of_other", "o", 0600);
  must(chown("of_other", 1001, 2001));
  write_file("of_mixed", "m", 0644);
  must(chown("of_mixed", 1000, 7777));
  must(mkdir("sticky", 0755));
  must(chmod("sticky", 01777));
  write_file("sticky/of_other", "o", 0644);
  must(chown("sticky/of_other", 1002, 2000));
  write_file("sticky/of_stranger", "o", 0644);
  must(chown("sticky/of_stranger", 7777, 2000));
  must(chown("sticky", 7777, 7777));
  int id = (int)must(shmget(IPC_PRIVATE, 4096, 0666));
  struct gate mapped = new_gate();
  int fds[2], on = 1;
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
  must(setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  struct gate ready = new_gate(), go = new_gate();
  pid_t outside = receiver(&ready, &go), pid = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
  if (!pid) {
    pass_gate(&mapped);
    ids();
    must(setresgid(0, 0, 0));
    must(setresuid(0, 0, 0));
    must(setgroups(0, NULL));
    must(prctl(PR_SET_DUMPABLE, 1));
    sets();
    files();
    lists();
    sockets(fds[1]);
    ipc(id);
    keys();
    nice_values();
    signals(outside);
    char *again[] = { argv[0], "again", NULL };
    pid_t child;
    CHILD(child) {
      must(setresgid(1, 2, 1));
      must(setreuid(1, 2));
      execv("/proc/self/exe", again);
      _exit(1);
    }
    wait_for(child);
    CHILD(child) {
      execv("/proc/self/exe", again);
      _exit(1);
    }
    wait_for(child);
    must(send(fds[1], "x", 1, 0));
    pause();
    _exit(0);
  }
  write_maps(pid, "0 1000 5", "0 2000 10");
  open_gate(&mapped);
  struct ucred got[3];
  for (int i = 0; i < 3; i++) got[i] = cred_of(fds[0], NULL);
  wait_asleep(pid);
  for (int i = 0; i < 3; i++) say("from %s: %d:%d", got[i].pid == pid ? "it" : "another", (int)got[i].uid, (int)got[i].gid);
  open_gate(&go);
  wait_for(outside);
  struct ucred peer;
  socklen_t size = sizeof peer;
  must(getsockopt(fds[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
  say("the peer %d:%d", (int)peer.uid, (int)peer.gid);
  status_line(pid, "Uid");
  status_line(pid, "Gid");
  stat_line("what it made", "made");
  struct stat st;
  must(stat("of_1000", &st));
  say("what it took %d:%d", (int)st.st_uid, (int)st.st_gid);
  kill(pid, SIGKILL);
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED));
  say("it ended: %d", (int)info.si_uid);
  must(shmctl(id, IPC_RMID, NULL));
  orphan();
  parent();
  return 0;
}
