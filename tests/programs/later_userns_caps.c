/* What root of a user namespace may do: with what belongs to his namespace, and with nothing else. */
// later: all
// needs: root
#include "userns.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <linux/filter.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

static int hidden;

static pid_t sleeper(int id, int flags) {
  struct gate ready = new_gate();
  pid_t pid;
  CHILD(pid) {
    if (id) become(id);
    if (flags) must(unshare(flags));
    if (hidden) must(prctl(PR_SET_DUMPABLE, 0));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  return pid;
}

static void towards(const char *what, pid_t pid) {
  say("towards %s", what);
  show("  kill", kill(pid, 0));
  show("  trace", ptrace(PTRACE_ATTACH, pid, 0, 0));
  if (!errno || waitpid(pid, NULL, WNOHANG | __WALL) >= 0) ptrace(PTRACE_DETACH, pid, 0, 0);
  show("  its memory", close(open("/proc/self/maps", O_RDONLY)));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
  int fd = open(path, O_RDONLY);
  show("  its environment", fd < 0 || read(fd, path, 1) < 0 ? -1 : 0);
  if (fd >= 0) close(fd);
  snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
  char text[64];
  show("  its namespace", readlink(path, text, 64) < 0 ? -1 : 0);
  show("  nicer to others", setpriority(PRIO_PROCESS, pid, 5));
  struct rlimit64 { unsigned long long cur, max; } lim = { 10, 20 };
  show("  its limits", syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, &lim, NULL));
  show("  its CPUs", sched_setaffinity(pid, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } }));
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  struct stat st;
  must(stat(path, &st));
  say("  called %d", (int)st.st_uid);
}

static void processes(void) {
  pid_t root = sleeper(0, 0), same = sleeper(1000, 0), other = sleeper(1001, 0), beside = sleeper(1000, CLONE_NEWUSER), pid;
  pid_t others = sleeper(1001, CLONE_NEWUSER);
  hidden = 1;
  pid_t not_seen = sleeper(1000, CLONE_NEWUSER);
  CHILD(pid) {
    become(1000);
    towards("a namespace of his, from outside", beside);
    towards("another's", others);
    towards("one that cannot be dumped", not_seen);
    own_namespace(0);
    pid_t below = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
    if (!below) for (;;) pause();
    towards("root", root);
    towards("himself outside", same);
    towards("another", other);
    towards("a namespace beside", beside);
    towards("one below", below);
    gone(below);
    show("to be nicer again", setpriority(PRIO_PROCESS, 0, -1));
    struct rlimit lim;
    must(getrlimit(RLIMIT_CORE, &lim));
    lim.rlim_max = 0, lim.rlim_cur = 0;
    must(setrlimit(RLIMIT_CORE, &lim));
    lim.rlim_max = 1;
    show("a higher limit", setrlimit(RLIMIT_CORE, &lim));
    struct sched_param param = { .sched_priority = 1 };
    show("real time", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param));
    _exit(0);
  }
  wait_for(pid);
  gone(root), gone(same), gone(other), gone(beside), gone(others), gone(not_seen);
}

static void machine(void) {
  struct timeval now;
  must(gettimeofday(&now, NULL));
  show("the clock", settimeofday(&now, NULL));
  show("restart", syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, NULL));
  show("the host's name", sethostname("x", 1));
  show("a device", mknod("device", S_IFCHR | 0600, makedev(1, 3)));
  show("a pipe", mknod("pipe", S_IFIFO | 0600, 0));
  show("accounting", syscall(SYS_acct, NULL));
  show("the log", syscall(SYS_syslog, 5, NULL, 0));
  show("a tunable", open("/proc/sys/kernel/hostname", O_WRONLY));
  pid_t pid;
  CHILD(pid) {
    show("another root directory", chroot("."));
    _exit(0);
  }
  wait_for(pid);
  show("mounting", mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  show("unmounting", umount("/proc"));
  CHILD(pid) {
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog prog = { 1, &all };
    show("a filter of calls", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
    _exit(0);
  }
  wait_for(pid);
  show("capabilities to drop", prctl(PR_CAPBSET_DROP, 7));
}

static void networks(void) {
  int s = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(INADDR_ANY) };
  show("a low port", bind(s, (struct sockaddr *)&at, sizeof at));
  show("packets", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 ? -1 : 0);
  struct ifreq ifr = { .ifr_name = "lo" };
  must(ioctl(s, SIOCGIFFLAGS, &ifr));
  say("to set flags %d", ioctl(s, SIOCSIFFLAGS, &ifr) == 0);
  struct sockaddr_in *a = (struct sockaddr_in *)&ifr.ifr_addr;
  a->sin_family = AF_INET;
  a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  say("to set an address %d", ioctl(s, SIOCSIFADDR, &ifr) == 0);
  must(ioctl(s, SIOCGIFMTU, &ifr));
  say("to set its mtu %d", ioctl(s, SIOCSIFMTU, &ifr) == 0);
  show("priority 7", setsockopt(s, SOL_SOCKET, SO_PRIORITY, &(int){ 7 }, 4));
  show("a mark", setsockopt(s, SOL_SOCKET, SO_MARK, &(int){ 7 }, 4));
  show("transparent", setsockopt(s, IPPROTO_IP, 19, &(int){ 1 }, 4));
  close(s);
  s = (int)must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct { struct nlmsghdr n; struct ifinfomsg i; } up = { { sizeof up, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0 }, { .ifi_index = (int)if_nametoindex("lo"), .ifi_flags = IFF_UP, .ifi_change = IFF_UP } };
  must(send(s, &up, sizeof up, 0));
  struct { struct nlmsghdr n; struct nlmsgerr e; char more[256]; } answer;
  must(recv(s, &answer, sizeof answer, 0));
  say("by a message: %s", errname(-answer.e.error));
  close(s);
  int fd = open("/proc/sys/net/core/somaxconn", O_WRONLY);
  show("a tunable", fd < 0 ? -1 : 0);
  if (fd >= 0) close(fd);
}

static void ipc(int id) {
  show("to read", shmat(id, NULL, SHM_RDONLY) == (void *)-1 ? -1 : 0);
  struct shmid_ds ds;
  show("to look", shmctl(id, IPC_STAT, &ds));
  show("to lock", shmctl(id, SHM_LOCK, NULL));
  show("to remove", shmctl(id, IPC_RMID, NULL));
}

static void of_1000(void) {
  pid_t pid;
  int id = (int)must(shmget(IPC_PRIVATE, 4096, 0600));
  CHILD(pid) {
    become(1000);
    own_namespace(0);
    say("with the machine's namespaces");
    machine();
    networks();
    ipc(id);
    _exit(0);
  }
  wait_for(pid);
  must(shmctl(id, IPC_RMID, NULL));
  CHILD(pid) {
    become(1000);
    own_namespace(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET);
    say("with namespaces of its own");
    machine();
    networks();
    pid_t child, owner = getpid();
    id = (int)must(shmget(IPC_PRIVATE, 4096, 0));
    ipc(id);
    CHILD(child) {
      must(unshare(CLONE_NEWUSER));
      say("in one below, not root");
      id = (int)must(shmget(IPC_PRIVATE, 4096, 0));
      ipc(id);
      show("its name", sethostname("y", 1));
      networks();
      show("its maker", kill(owner, 0));
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    become(1000);
    own_namespace(CLONE_NEWPID);
    pid_t child;
    CHILD(child) {
      show("an unknown command", syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, NULL));
      pid_t killer;
      CHILD(killer) {
        reboot(LINUX_REBOOT_CMD_RESTART);
        say("not restarted");
        _exit(0);
      }
      for (;;) pause();
    }
    say("restarted: %s", reap(child));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    become(1000);
    own_namespace(CLONE_NEWPID);
    pid_t child;
    CHILD(child) {
      reboot(LINUX_REBOOT_CMD_POWER_OFF);
      say("on");
      _exit(0);
    }
    say("switched off: %s", reap(child));
    _exit(0);
  }
  wait_for(pid);
}

/* Which number a child has: for who is root of the pid namespaces that give it one. */
static void numbers(void) {
  struct { unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; } args = { .exit_signal = SIGCHLD };
  int nr[] = { 7, 4242 };
  pid_t pid;
  CHILD(pid) {
    become(1000);
    own_namespace(CLONE_NEWPID);
    pid_t child;
    CHILD(child) {
      args.set_tid = (unsigned long)nr;
      args.set_tid_size = 1;
      pid_t numbered = (pid_t)syscall(SYS_clone3, &args, sizeof args);
      if (!numbered) _exit(0);
      show("in its own", numbered);
      wait_for(numbered);
      args.set_tid_size = 2;
      show("and outside", syscall(SYS_clone3, &args, sizeof args));
      _exit(0);
    }
    wait_for(child);
    args.set_tid_size = 1;
    show("outside", syscall(SYS_clone3, &args, sizeof args));
    _exit(0);
  }
  wait_for(pid);
}

/* A namespace of root's, whose ids have their names. */
static void mapped(void (*what)(void)) {
  struct gate made = new_gate(), go = new_gate();
  char path[64];
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWUSER));
    open_gate(&made);
    pass_gate(&go);
    what();
    _exit(0);
  }
  pass_gate(&made);
  snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
  put_text(path, "0 0 1000");
  snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
  put_text(path, "0 0 1000");
  open_gate(&go);
  wait_for(pid);
}

static void other_user(void) {
  pid_t others[3], child[4];
  for (int i = 0; i < 3; i++) {
    CHILD(others[i]) for (;;) pause();
  }
  CHILD(child[0]) {
    struct rlimit lim = { 3, 3 };
    must(setrlimit(RLIMIT_NPROC, &lim));
    must(setresuid(5, 5, 5));
    for (int i = 0; i < 4; i++) {
      child[i] = fork();
      if (!child[i]) for (;;) pause();
      say("process %d of another user: %s", i + 2, child[i] < 0 ? errname(errno) : "made");
    }
    for (int i = 0; i < 4; i++)
      if (child[i] > 0) gone(child[i]);
    _exit(0);
  }
  wait_for(child[0]);
  for (int i = 0; i < 3; i++) gone(others[i]);
}

/* How many namespaces there may be. */
static void namespaces(void) {
  int fd = (int)must(open("/proc/sys/user/max_user_namespaces", O_RDWR));
  show("two user namespaces", write(fd, "2\n", 2));
  char text[16] = { 0 };
  must(pread(fd, text, 15, 0));
  say("at most %d", atoi(text));
  show("too many", pwrite(fd, "2147483648", 10, 0));
  show("none", pwrite(fd, "-1", 2, 0));
  close(fd);
  put_text("/proc/sys/user/max_uts_namespaces", "1");
  put_text("/proc/sys/user/max_net_namespaces", "0");
  show("a network", unshare(CLONE_NEWNET));
  show("a name", unshare(CLONE_NEWUTS));
  show("another", unshare(CLONE_NEWUTS));
  pid_t a = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
  if (!a) for (;;) pause();
  pid_t b = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
  if (!b) {
    pid_t inner = (pid_t)clone_fork(CLONE_NEWUSER | SIGCHLD);
    say("in the second: %s", inner < 0 ? errname(errno) : "made");
    for (;;) pause();
  }
  wait_asleep(b);
  show("the third", clone_fork(CLONE_NEWUSER | SIGCHLD));
  gone(a);
  gone(b);
}

/* How many processes there may be: those of a namespace are its maker's as well. */
static void limits(void) {
  uid_t uid = fresh_uid();
  char line[64];
  pid_t pid;
  CHILD(pid) {
    must(setgroups(0, NULL));
    must(setresgid(1000, 1000, 1000));
    must(setresuid(uid, uid, uid));
    must(prctl(PR_SET_DUMPABLE, 1));
    struct rlimit lim = { 3, 3 };
    must(setrlimit(RLIMIT_NPROC, &lim));
    pid_t outside = fork();
    if (!outside) for (;;) pause();
    must(unshare(CLONE_NEWUSER));
    snprintf(line, sizeof line, "0 %u 1", (unsigned)uid);
    put_text("/proc/self/uid_map", line);
    pid_t child[4];
    for (int i = 0; i < 4; i++) {
      child[i] = fork();
      if (!child[i]) for (;;) pause();
      say("process %d: %s", i + 2, child[i] < 0 ? errname(errno) : "made");
    }
    for (int i = 0; i < 4; i++)
      if (child[i] > 0) gone(child[i]);
    gone(outside);
    _exit(0);
  }
  wait_for(pid);
  mapped(other_user);
  mapped(namespaces);
}

int main(void) {
  go_to_scratch();
  must(chmod(".", 0777));
  processes();
  pid_t pid;
  CHILD(pid) {
    unsigned head[2] = { 0x20080522, 0 }, sets[6];
    must(syscall(SYS_capget, head, sets));
    sets[0] &= ~(1U << 12);
    must(syscall(SYS_capset, head, sets));
    show("root without CAP_NET_ADMIN: a tunable", close((int)must(open("/proc/sys/net/core/somaxconn", O_WRONLY))));
    _exit(0);
  }
  wait_for(pid);
  of_1000();
  numbers();
  limits();
  return 0;
}
