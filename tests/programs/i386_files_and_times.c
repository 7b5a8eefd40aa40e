/* Files and times of a 32-bit program: offsets in two words, short times, vectors and structures that overflow. */
// needs: i386
// needs: root
// differs: a bad vector is a bad address; tmpfs has room to allocate and pages to advise on
#include "check.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/timerfd.h>

enum { OLDSTAT = 106, OLDLSTAT = 107, OLDFSTAT = 108, STAT64 = 195, LSTAT64 = 196, FSTATAT64 = 300, FSTATFS = 100, STATFS64 = 268, FSTATFS64 = 269, UMOUNT = 22 };
enum { OPENAT = 295, READV = 145, PREADV = 333, PWRITEV = 334, GETDENTS64 = 220, PSELECT = 308, PPOLL = 309, UTIME = 30, FUTIMESAT = 299, UTIMENSAT = 320 };
enum { TRUNCATE64 = 193, FALLOCATE = 324, READAHEAD = 225, FADVISE = 250, FADVISE64 = 272, SYNC_RANGE = 314, FANOTIFY_INIT = 338, FANOTIFY_MARK = 339, FCNTL = 55, FCNTL64 = 221, TIMERFD = 322, TFD_SET = 325, TFD_GET = 326 };
static const long bad = 8;
static unsigned words[64];
static unsigned w16(int at) { unsigned short x; memcpy(&x, (char *)words + at, 2); return x; }

static void stats(void) {
  int fd = (int)must(open("file", O_CREAT | O_RDWR, 0640));
  must(symlink("file", "link")), must(write(fd, "12345", 5));
  memset(words, 0, sizeof words);
  show("stat", syscall(OLDSTAT, "link", words)), say("mode %o size %u", w16(8), words[5]);
  show("lstat", syscall(OLDLSTAT, "link", words)), say("mode %o size %u", w16(8), words[5]);
  show("lstat64", syscall(LSTAT64, "link", words)), say("mode %o size %u %u", words[4], words[11], words[12]);
  show("fstatat64", syscall(FSTATAT64, AT_FDCWD, "link", words, 0)), say("mode %o size %u", words[4], words[11]);
  show("fstatat64 of the link", syscall(FSTATAT64, AT_FDCWD, "link", words, AT_SYMLINK_NOFOLLOW)), say("mode %o size %u", words[4], words[11]);
  show("fstatat64, a bad flag", syscall(FSTATAT64, AT_FDCWD, "link", words, 1)), show("fstatat64, a bad place", syscall(FSTATAT64, AT_FDCWD, "link", bad, 0));
  show("beyond 4 GiB", syscall(TRUNCATE64, "file", 3, 1)), show("a negative size", syscall(TRUNCATE64, "file", 0, 0x80000000)), show("no file", syscall(TRUNCATE64, "none", 0, 0));
  show("stat", syscall(OLDSTAT, "file", words)), show("lstat", syscall(OLDLSTAT, "file", words)), show("fstat", syscall(OLDFSTAT, fd, words));
  show("stat64", syscall(STAT64, "file", words)), say("size %u %u", words[11], words[12]);
  show_ok("open", syscall(OPENAT, AT_FDCWD, "file", O_RDONLY)), show_ok("open for large files", syscall(OPENAT, AT_FDCWD, "file", O_RDONLY | O_LARGEFILE)), show("open of nothing", syscall(OPENAT, AT_FDCWD, "none", O_RDONLY));
  must(ftruncate(fd, 0));
  show_ok("open", syscall(OPENAT, AT_FDCWD, "file", O_RDONLY | O_CLOEXEC));
  unlink("link"), close(fd);
}

static void lock_of(const char *what, int fd, int cmd, unsigned start, unsigned high, unsigned length) {
  memset(words, 0, sizeof words);
  struct { short type, whence; unsigned start, length, pid; } old = { F_WRLCK, 0, start, length, 0 };
  struct { short type, whence; unsigned start, start_high, length, length_high, pid; } wide = { F_WRLCK, 0, start, high, length, 0, 0 };
  if (cmd < 12) show(what, syscall(FCNTL, fd, cmd, &old)), say("  %d from %u, %u, by somebody %d", old.type, old.start, old.length, old.pid != 0);
  else show(what, syscall(FCNTL64, fd, cmd, &wide)), say("  %d from %u %u, %u %u, by somebody %d", wide.type, wide.start_high, wide.start, wide.length_high, wide.length, wide.pid != 0);
}
static void locks(void) {
  int fd = (int)must(open("file", O_RDWR));
  pid_t pid;
  lock_of("a lock beyond 2 GiB", fd, 13, 0x90000000, 1, 10);
  lock_of("a lock to the end of the file", fd, 6, 100, 0, 0);
  lock_of("a lock across 2 GiB", fd, 13, 0x7ffffff0, 0, 100);
  CHILD(pid) {
    lock_of("what is in the way at 50", fd, 5, 50, 0, 100);
    lock_of("what is in the way at 0", fd, 5, 0, 0, 10);
    lock_of("with 64 bits", fd, 12, 0x90000000, 1, 10);
    _exit(0);
  }
  reap(pid);
  struct { short type, whence; unsigned start, start_high, length, length_high, pid; } none = { F_UNLCK, 0, 0, 0, 0x80000000, 1, 0 };
  must(syscall(FCNTL64, fd, 13, &none)), none.length = 0, none.length_high = 0, must(syscall(FCNTL64, fd, 13, &none));
  lock_of("far away alone", fd, 13, 0x90000000, 0, 10);
  CHILD(pid) {
    lock_of("it is in the way of what goes to the end", fd, 5, 50, 0, 0);
    _exit(0);
  }
  reap(pid), close(fd);
}

static void offsets(void) {
  int fd = (int)must(open("file", O_RDWR | O_TRUNC));
  char a[4] = "", b[4] = "";
  struct { void *base; unsigned length; } two[2] = { { "abc", 3 }, { "defg", 4 } }, into[2] = { { a, 2 }, { b, 3 } };
  show("pwritev", syscall(PWRITEV, fd, two, 2, 10, 0)), show("pwritev, a negative place", syscall(PWRITEV, fd, two, 2, 0, 0x80000000)), show("pwritev, too many", syscall(PWRITEV, fd, two, 1025, 0, 0));
  show("preadv", syscall(PREADV, fd, into, 2, 11, 0)), say("%s %s", a, b), show("preadv far away", syscall(PREADV, fd, into, 2, 0, 1)), show("preadv, a bad place", syscall(PREADV, fd, bad, 2, 0, 0)), show("preadv, a negative place", syscall(PREADV, fd, into, 2, -1, -1));
  must(lseek(fd, 12, SEEK_SET)), show("readv", syscall(READV, fd, into, 2)), say("%s %s", a, b), show("readv, a bad place", syscall(READV, fd, bad, 1));
  into[1].length = 0x80000000, show("readv, a negative length", syscall(READV, fd, into, 2));
  show("pwritev at 8 GiB", syscall(PWRITEV, fd, two, 1, 0, 2)), show("truncate", syscall(TRUNCATE64, "file", 5000, 0));
  show("fallocate", syscall(FALLOCATE, fd, 0, 0, 0, 100, 0)), show("fallocate, nothing", syscall(FALLOCATE, fd, 0, 0, 0, 0, 0)), show("fallocate, a negative place", syscall(FALLOCATE, fd, 0, 0, -1, 1, 0)), show("fallocate, too large", syscall(FALLOCATE, fd, 0, 0, 0, 0, 0x7fffffff));
  show("readahead", syscall(READAHEAD, fd, 0, 1, 100)), show("readahead, no file", syscall(READAHEAD, 99, 0, 0, 100));
  show("fadvise", syscall(FADVISE, fd, 0, 1, 100, 3)), show("fadvise, unknown", syscall(FADVISE, fd, 0, 0, 100, 77)), show("fadvise64", syscall(FADVISE64, fd, 0, 0, 100, 1, 4)), show("fadvise64, a negative length", syscall(FADVISE64, fd, 0, 0, 0, -1, 4)), show("fadvise64, no file", syscall(FADVISE64, 99, 0, 0, 0, 0, 4));
  show("sync_file_range", syscall(SYNC_RANGE, fd, 0, 0, 100, 0, 7)), show("a negative place", syscall(SYNC_RANGE, fd, 0, -1, 100, 0, 7)), show("an unknown flag", syscall(SYNC_RANGE, fd, 0, 0, 100, 0, 8)), show("it wraps", syscall(SYNC_RANGE, fd, 0xffffffff, 0x7fffffff, 100, 0, 7));
  int fan = (int)syscall(FANOTIFY_INIT, 0, O_RDONLY);
  if (fan >= 0) show("fanotify_mark", syscall(FANOTIFY_MARK, fan, 1, 0x20, 0, AT_FDCWD, "file")), show("fanotify_mark, an event of the upper half", syscall(FANOTIFY_MARK, fan, 1, 0, 1, AT_FDCWD, "file")), show("fanotify_mark, no file", syscall(FANOTIFY_MARK, fan, 1, 0x20, 0, AT_FDCWD, "none")), close(fan);
  close(fd), fd = (int)must(open("file", O_WRONLY)), show("readahead of what is not open for it", syscall(READAHEAD, fd, 0, 0, 100)), close(fd);
}

static void waiting(void) {
  int p[2];
  must(pipe(p));
  unsigned in[2] = { 0, 0 }, out[2] = { 0, 0 };
  struct { unsigned sec, nsec; } soon = { 0, 1000000 };
  unsigned char mask[8] = { 0 };
  struct { void *set; unsigned size; } with = { mask, 8 };
  mask[(SIGUSR1 - 1) / 8] = 1 << (SIGUSR1 - 1) % 8;
  in[0] = 1U << p[0], out[0] = 1U << p[1];
  show("pselect6", syscall(PSELECT, p[1] + 1, in, out, NULL, &soon, &with)), say("%d %d", in[0] == 0, out[0] == 1U << p[1]);
  in[0] = 1U << p[0], show("pselect6, late", syscall(PSELECT, p[0] + 1, in, NULL, NULL, &soon, NULL)), say("%d, left %u %u", in[0] == 0, soon.sec, soon.nsec);
  with.size = 4, show("pselect6, a short mask", syscall(PSELECT, 1, in, NULL, NULL, &soon, &with)), show("pselect6, a bad pair", syscall(PSELECT, 1, in, NULL, NULL, &soon, bad)), show("pselect6, a bad time", syscall(PSELECT, 1, in, NULL, NULL, bad, NULL)), show("pselect6, a bad set", syscall(PSELECT, 1, bad, NULL, NULL, NULL, NULL));
  must(write(p[1], "x", 1));
  struct pollfd ready = { p[0], POLLIN, 0 };
  show("ppoll", syscall(PPOLL, &ready, 1, &soon, mask, 8)), say("%x", ready.revents);
  soon.nsec = 1000, ready.events = POLLPRI, show("ppoll, late", syscall(PPOLL, &ready, 1, &soon, NULL, 0)), say("left %u %u", soon.sec, soon.nsec), soon.nsec = 1000000000, show("ppoll, a bad time", syscall(PPOLL, &ready, 1, &soon, NULL, 8)), show("ppoll, a short mask", syscall(PPOLL, &ready, 1, NULL, mask, 4));
  int set[4] = { 0, 0, 1000, 500 }, got[4] = { 9, 9, 9, 9 };
  int fd = (int)must(syscall(TIMERFD, CLOCK_MONOTONIC, 0));
  show("timerfd_settime", syscall(TFD_SET, fd, 0, set, got)), say("%d %d %d %d", got[0], got[1], got[2], got[3]), show("timerfd_gettime", syscall(TFD_GET, fd, got)), say("%d %d %d", got[0], got[1], got[2] > 990);
  set[3] = -1, show("timerfd_settime, a bad time", syscall(TFD_SET, fd, 0, set, NULL)), show("timerfd_settime, a bad place", syscall(TFD_SET, fd, 0, bad, NULL)), show("timerfd_gettime, a bad place", syscall(TFD_GET, fd, bad)), show("timerfd_gettime of a pipe", syscall(TFD_GET, p[0], got));
}

static void stamps(void) {
  struct stat st;
#define STAMPS(what) must(stat("file", &st)), say("%s: %ld %ld, %ld %ld", what, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec)
  int utime[2] = { 1000, 2000 }, pair[4] = { 3000, 5, -4000, 6 };
  show("utime", syscall(UTIME, "file", utime)), STAMPS("utime"), show("utime, a bad place", syscall(UTIME, "file", bad)), show("utime, now", syscall(UTIME, "file", NULL)), show("utime, no file", syscall(UTIME, "none", utime));
  show("futimesat", syscall(FUTIMESAT, AT_FDCWD, "file", pair)), STAMPS("futimesat"), pair[1] = 1000000, show("futimesat, a bad time", syscall(FUTIMESAT, AT_FDCWD, "file", pair));
  show("utimensat", syscall(UTIMENSAT, AT_FDCWD, "file", pair, 0)), STAMPS("utimensat"), pair[1] = 0x3ffffffe, show("utimensat, one kept", syscall(UTIMENSAT, AT_FDCWD, "file", pair, 0)), pair[1] = 0x3ffffffd, show("utimensat, a bad time", syscall(UTIMENSAT, AT_FDCWD, "file", pair, 0)), show("utimensat, a bad place", syscall(UTIMENSAT, AT_FDCWD, "file", bad, 0));
}

static void mounts(void) {
  must(mkdir("m", 0755)), must(mount("none", "m", "tmpfs", 0, "size=1M"));
  int fd = (int)must(open("m", O_RDONLY));
  memset(words, 0, sizeof words);
  show("fstatfs", syscall(FSTATFS, fd, words)), say("%x, %u blocks of %u", words[0], words[2], words[1]), show("fstatfs, no file", syscall(FSTATFS, 99, words)), show("fstatfs, a bad place", syscall(FSTATFS, fd, bad));
  memset(words, 0, sizeof words);
  show("fstatfs64", syscall(FSTATFS64, fd, 84, words)), say("%x, %u %u blocks of %u", words[0], words[2], words[3], words[1]), show("fstatfs64, another size", syscall(FSTATFS64, fd, 88, words)), show("fstatfs64, no file", syscall(FSTATFS64, 99, 84, words)), show("statfs64", syscall(STATFS64, "m", 84, words));
  unsigned char entries[256];
  long n = syscall(GETDENTS64, fd, entries, sizeof entries);
  show("getdents64", n), show("getdents64, no room", syscall(GETDENTS64, fd, entries, 0)), must(lseek(fd, 0, SEEK_SET)), show("getdents64, too little", syscall(GETDENTS64, fd, entries, 8)), show("getdents64, a bad place", syscall(GETDENTS64, fd, bad, 256)), show("getdents64, no file", syscall(GETDENTS64, 99, entries, 256));
  show("umount, in use", syscall(UMOUNT, "m")), close(fd), show("umount", syscall(UMOUNT, "m")), show("umount again", syscall(UMOUNT, "m")), rmdir("m");
  must(mkdir("m", 0755));
  if (!mount("none", "m", "tmpfs", 0, "nr_inodes=5000000000")) show("statfs of much", syscall(99, "m", words)), must(syscall(UMOUNT, "m"));
  rmdir("m");
}

int main(void) {
  char place[] = "/tmp/i386_files_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(mount("none", place, "tmpfs", 0, NULL)), must(chdir(place));
  stats(), locks(), offsets(), waiting(), stamps(), mounts();
  must(chdir("/")), must(umount2(place, MNT_DETACH)), rmdir(place);
  return 0;
}
