/* acct(): who may, and the record of each process at its end: flags, status, ids, name, times; what stops it. */
// needs: root
// differs: later kernels write what a new file's caller has done when it is replaced as well, and pad records otherwise
#include "check.h"

#include <sys/mount.h>

struct record {
  unsigned char flag, version;
  unsigned short tty;
  unsigned exitcode, uid, gid, pid, ppid, btime;
  float etime;
  unsigned short utime, stime, mem, io, rw, minflt, majflt, swaps;
  char comm[16];
};

static pid_t start(void (*what)(void)) {
  pid_t pid;
  CHILD(pid) what(), _exit(0);
  return pid;
}
static void exits(void) { _exit(3); }
static void crashes(void) { signal(SIGSEGV, SIG_DFL), raise(SIGSEGV); }
static void killed(void) { raise(SIGKILL); }
static void privileged(void) { prctl(PR_SET_NAME, "a name of its own"), must(chown("/", 0, 0)), _exit(0); }
static void user(void) { _exit(setresgid(5, 5, 5) || setresuid(1000, 1000, 1000)); }
static void limited(void) {
  struct rlimit none = { 0, 0 };
  must(setrlimit(RLIMIT_FSIZE, &none));
  _exit(6);
}
static void *thread(void *arg) { return sleep_ms(1), arg; }
static void threads(void) {
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL), pthread_join(t, NULL);
  _exit(5);
}
static void *last(void *arg) { return sleep_ms(20), arg; }
static void leader_first(void) {
  pthread_t t;
  pthread_create(&t, NULL, last, NULL);
  syscall(SYS_exit, 7);
}
static void sleeps(void) { sleep_ms(300), _exit(0); }
static void maps(void) {
  mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  prctl(PR_SET_NAME, "maps");
  _exit(0);
}

static void show_records(const char *path) {
  struct record r;
  int fd = must(open(path, O_RDONLY));
  say("%d bytes a record", (int)sizeof r);
  while (read(fd, &r, sizeof r) == sizeof r)
    say("version %d, flags %#x, exit %#x, uid %d, gid %d, parent is us %d, tty %d, time sane %d, slept %d, zeros %d, mapped much %d, %s", r.version, r.flag & ~8,
        r.exitcode & ~0x80u, r.uid, r.gid, (pid_t)r.ppid == getpid(), r.tty, r.btime <= (unsigned)time(NULL),
        r.etime >= 29 && r.etime < 100, !r.io && !r.rw && !r.swaps, ((r.mem & 0x1fff) << 3 * (r.mem >> 13)) >= 65536, r.comm);
  close(fd);
}

static int count_records(const char *path) {
  struct stat st;
  return stat(path, &st) ? -1 : (int)(st.st_size / (long)sizeof(struct record));
}

static void namespaces(void) {
  close(must(open("/tmp/inner", O_CREAT | O_WRONLY | O_TRUNC, 0600)));
  close(must(open("/tmp/outer", O_CREAT | O_WRONLY | O_TRUNC, 0600)));
  show("on outside", acct("/tmp/outer"));
  pid_t pid = (pid_t)must(syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0));
  if (!pid) {
    show("on inside", acct("/tmp/inner"));
    wait_for(start(exits));
    _exit(9);
  }
  wait_for(pid);
  show("off", acct(NULL));
  struct record r;
  int fd = must(open("/tmp/inner", O_RDONLY));
  while (read(fd, &r, sizeof r) == sizeof r) say("inside: pid %u, ppid %u, exit %#x", r.pid, r.ppid, r.exitcode);
  close(fd);
  fd = must(open("/tmp/outer", O_RDONLY));
  while (read(fd, &r, sizeof r) == sizeof r) say("outside: pid known %d, exit %#x", r.pid > 1, r.exitcode);
  close(fd);
}

static void set(const char *text) {
  int fd = must(open("/proc/sys/kernel/acct", O_WRONLY));
  must(write(fd, text, strlen(text)));
  close(fd);
}

/* Too little free: looked at after so many seconds, not before. */
static void suspends(void) {
  set("101 100 1");
  must(mount("none", "/tmp/mnt", "tmpfs", 0, "size=1m"));
  close(must(open("/tmp/mnt/acct", O_CREAT | O_WRONLY, 0600)));
  show("on", acct("/tmp/mnt/acct"));
  wait_for(start(exits));
  say("at first %d", count_records("/tmp/mnt/acct"));
  sleep_ms(1200);
  wait_for(start(exits));
  say("suspended %d", count_records("/tmp/mnt/acct"));
  set("0 0 1");
  wait_for(start(exits));
  say("not looked at again yet %d", count_records("/tmp/mnt/acct"));
  sleep_ms(1200);
  wait_for(start(exits));
  wait_for(start(exits));
  say("resumed %d", count_records("/tmp/mnt/acct"));
  set("4 2 30");
  show("off", acct(NULL));
  must(umount("/tmp/mnt"));
}

int main(int argc, char **argv) {
  (void)argc;
  if (!strcmp(argv[0], "again")) return 4;
  prctl(PR_SET_NAME, "acct_records");
  show("off", acct(NULL));
  show("no such file", acct("/tmp/none"));
  show("a directory", acct("/tmp"));
  show("a device", acct("/dev/null"));
  show("a bad address", acct((char *)8));
  close(must(open("/tmp/acct", O_CREAT | O_WRONLY | O_TRUNC, 0600)));
  close(must(open("/tmp/acct2", O_CREAT | O_WRONLY | O_TRUNC, 0600)));
  show("on", acct("/tmp/acct"));
  wait_for(start(exits)), wait_for(start(crashes)), wait_for(start(killed)), wait_for(start(privileged)), wait_for(start(user));
  wait_for(start(threads)), wait_for(start(leader_first)), wait_for(start(sleeps)), wait_for(start(maps)), wait_for(start(limited));
  pid_t pid;
  char *argv2[] = { "again", NULL };
  CHILD(pid) execv("/proc/self/exe", argv2), _exit(1);
  wait_for(pid);
  show("to another file", acct("/tmp/acct2"));
  wait_for(start(exits));
  show("off", acct(NULL));
  wait_for(start(exits));
  say("%d in the second", count_records("/tmp/acct2"));
  show_records("/tmp/acct");
  namespaces();
  mkdir("/tmp/mnt", 0700);
  must(mount("none", "/tmp/mnt", "tmpfs", 0, "size=1m"));
  close(must(open("/tmp/mnt/acct", O_CREAT | O_WRONLY, 0600)));
  show("on a mount of its own", acct("/tmp/mnt/acct"));
  wait_for(start(exits));
  say("%d there", count_records("/tmp/mnt/acct"));
  show("which can be unmounted", umount("/tmp/mnt"));
  wait_for(start(exits));
  show("off already", acct(NULL));
  suspends();
  char text[80] = "";
  int fd = must(open("/proc/sys/kernel/acct", O_RDWR));
  if (read(fd, text, sizeof text - 1) > 0) say("%s", text);
  close(fd);
  unlink("/tmp/acct"), unlink("/tmp/acct2"), unlink("/tmp/inner"), unlink("/tmp/outer"), rmdir("/tmp/mnt");
  must(setresuid(1000, 1000, 1000));
  show("without privileges", acct(NULL));
  show("without privileges and file", acct("/tmp/none"));
  return 0;
}
