/* What calls about files came after 3.2: openat2, O_TMPFILE, renameat2, copy_file_range, close_range, faccessat2, fchmodat2,
 * preadv2, statx, memfd_create and its seals. */
// later: all
// needs: root
#include "check.h"

enum {
  NR_RENAMEAT2 = 316, NR_MEMFD_CREATE = 319, NR_COPY_FILE_RANGE = 326, NR_PREADV2 = 327, NR_PWRITEV2 = 328, NR_STATX = 332,
  NR_CLOSE_RANGE = 436, NR_OPENAT2 = 437, NR_FACCESSAT2 = 439, NR_FCHMODAT2 = 452,
};
enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16 };
enum { ADD_SEALS = 1033, GET_SEALS = 1034, SEAL = 1, SHRINK = 2, GROW = 4, WRITE = 8, FUTURE_WRITE = 16 };
enum { ALLOW_SEALING = 2, NOEXEC_SEAL = 8, EMPTY_PATH = 0x1000, NOFOLLOW = 0x100 };
#define TMPFILE 020200000

struct how { uint64_t flags, mode, resolve; };

static long openat2_(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct how how = { flags, mode, resolve };
  return syscall(NR_OPENAT2, dir, path, &how, sizeof how);
}
static void look(const char *what, int dir, const char *path, uint64_t resolve) {
  long fd = show_ok(what, openat2_(dir, path, O_RDONLY, 0, resolve));
  if (fd != -1) close((int)fd);
}

static void look_ups(int d) {
  look("anywhere", d, "f", 0);
  look("beneath: a file", d, "f", BENEATH);
  look("beneath: a link", d, "link", BENEATH);
  look("beneath: an absolute link", d, "absolute", BENEATH);
  look("beneath: a link that leads up", d, "up", BENEATH);
  look("beneath: ..", d, "..", BENEATH);
  look("beneath: e/..", d, "e/..", BENEATH);
  look("beneath: through a link to a directory", d, "to_e/../f", BENEATH);
  look("beneath: an absolute path", d, "/f", BENEATH);
  look("beneath: what is not there", d, "none", BENEATH);
  look("beneath: a file as a directory", d, "f/x", BENEATH);
  look("beneath: a trailing slash", d, "f/", BENEATH);
  look("beneath: a directory with one", d, "e/", BENEATH);
  look("as the root: an absolute path", d, "/f", IN_ROOT);
  look("as the root: a link that leads up", d, "up", IN_ROOT);
  look("as the root: an absolute link", d, "absolute", IN_ROOT);
  look("as the root: up and up", d, "../../f", IN_ROOT);
  look("no links: one", d, "link", NO_SYMLINKS);
  look("no links: none", d, "f", NO_SYMLINKS);
  show_ok("no links: one itself", openat2_(d, "link", O_PATH | O_NOFOLLOW, 0, NO_SYMLINKS));
  look("no magic links", d, "/proc/self/exe", NO_MAGICLINKS);
  look("magic links", d, "/proc/self/exe", 0);
  look("no other mount", d, "/proc/self/stat", NO_XDEV);
  int proc = (int)must(open("/proc", O_RDONLY | O_DIRECTORY)), its = (int)must(open("/proc/self", O_RDONLY | O_DIRECTORY));
  look("nor by ..", proc, "..", NO_XDEV);
  look("nor by a magic link", its, "root/tmp", NO_XDEV);
  look("beneath: a magic link", its, "exe", BENEATH);
  look("beneath: through one", its, "cwd/d", BENEATH);
  close(proc), close(its);
  must(symlinkat("f/", d, "slash"));
  look("beneath: a link with a slash behind it", d, "slash", BENEATH);
  int file = (int)must(openat(d, "f", O_RDONLY));
  look("beneath: a file", file, "f", BENEATH);
  close(file);
  show("O_PATH for writing", openat2_(d, "f", O_PATH | O_RDWR, 0, 0));
  show("a directory to be made", openat2_(d, "new3", O_CREAT | O_DIRECTORY, 0755, 0));
  pid_t pid;
  CHILD(pid) {
    must(fchmodat(d, "e", 0700, 0));
    must(setuid(1000));
    look("beneath: where one may not search", d, "e/../f", BENEATH);
    _exit(0);
  }
  wait_for(pid);
  must(fchmodat(d, "e", 0755, 0));
  show_ok("made", openat2_(d, "new", O_CREAT | O_RDWR, 0644, BENEATH));
  show("a mode that is none", openat2_(d, "new2", O_CREAT | O_RDWR, 010000, 0));
  show("a mode for what is there", openat2_(d, "f", 0, 1, 0));
  show("unknown flags", openat2_(d, "f", 1ULL << 40, 0, 0));
  show("unknown restrictions", openat2_(d, "f", 0, 0, 64));
  show("beneath and as the root", openat2_(d, "f", 0, 0, BENEATH | IN_ROOT));
  struct how how = { 0, 0, 0 };
  show("half a structure", syscall(NR_OPENAT2, d, "f", &how, 16));
}

static void without_a_name(void) {
  char path[40];
  struct stat st;
  int fd = (int)must(open("d", TMPFILE | O_RDWR, 0600));
  must(write(fd, "abc", 3));
  fstat(fd, &st);
  say("O_TMPFILE: %d names, %d bytes", (int)st.st_nlink, (int)st.st_size);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  show("a name for it", linkat(AT_FDCWD, path, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
  fstat(fd, &st);
  say("%d names", (int)st.st_nlink);
  close(fd);
  fd = (int)must(open("d", TMPFILE | O_RDWR | O_EXCL, 0600));
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  show("with O_EXCL", linkat(AT_FDCWD, path, AT_FDCWD, "d/other", AT_SYMLINK_FOLLOW));
  close(fd);
  show("read only", open("d", TMPFILE | O_RDONLY, 0600));
  show("in a file", open("d/f", TMPFILE | O_RDWR, 0600));
}

static void names(int d) {
  struct stat st;
  show("not onto another", syscall(NR_RENAMEAT2, d, "f", d, "named", 1));
  show("onto nothing", syscall(NR_RENAMEAT2, d, "f", d, "g", 1));
  show("exchanged", syscall(NR_RENAMEAT2, d, "g", d, "e", 2));
  must(fstatat(d, "g", &st, 0));
  say("now a directory: %d", S_ISDIR(st.st_mode));
  show("with nothing", syscall(NR_RENAMEAT2, d, "g", d, "none", 2));
  show("both flags", syscall(NR_RENAMEAT2, d, "g", d, "named", 3));
  show("with what is below", syscall(NR_RENAMEAT2, AT_FDCWD, "d", AT_FDCWD, "d/g", 2));
  must(fstatat(d, ".", &st, 0));
  say("%d links", (int)st.st_nlink);
}

static void copies(int d) {
  int in = (int)must(openat(d, "e", O_RDWR)), out = (int)must(open("out", O_RDWR | O_CREAT, 0600));
  int64_t at = 1;
  show("copied", syscall(NR_COPY_FILE_RANGE, in, &at, out, NULL, 100, 0));
  say("behind it: %d", (int)at);
  show("to its end", syscall(NR_COPY_FILE_RANGE, in, &at, out, NULL, 100, 0));
  show("flags", syscall(NR_COPY_FILE_RANGE, in, &at, out, NULL, 100, 1));
  show("a directory", syscall(NR_COPY_FILE_RANGE, d, NULL, out, NULL, 1, 0));
  must(lseek(in, 2, SEEK_SET)), must(lseek(out, 1, SEEK_SET));
  show("where both stand", syscall(NR_COPY_FILE_RANGE, in, NULL, out, NULL, 2, 0));
  say("and stand then: %d %d", (int)lseek(in, 0, SEEK_CUR), (int)lseek(out, 0, SEEK_CUR));
  at = 0;
  show("onto itself", syscall(NR_COPY_FILE_RANGE, in, &at, in, NULL, 100, 0));
  int append = (int)must(open("out", O_WRONLY | O_APPEND));
  at = 0;
  show("to where all is appended", syscall(NR_COPY_FILE_RANGE, in, &at, append, NULL, 100, 0));

  struct iovec piece = { "xyz", 3 };
  struct stat st;
  show("RWF_APPEND", syscall(NR_PWRITEV2, out, &piece, 1, 0L, 0L, 0x10));
  fstat(out, &st);
  say("%d bytes", (int)st.st_size);
  say("appended to for good: %d", fcntl(out, F_GETFL) & O_APPEND);
  show("an unknown flag", syscall(NR_PWRITEV2, out, &piece, 1, 0L, 0L, 0x10000));
  show("where it stands", syscall(NR_PWRITEV2, out, &piece, 1, -1L, 0L, 0));
  show("before the beginning", syscall(NR_PWRITEV2, out, &piece, 1, -2L, 0L, 0));
  int ends[2];
  char byte;
  must(pipe(ends));
  piece.iov_base = &byte;
  show("RWF_NOWAIT", syscall(NR_PREADV2, ends[0], &piece, 1, -1L, 0L, 8));
  show("a pipe has no positions", syscall(NR_PREADV2, ends[0], &piece, 1, 0L, 0L, 0));
  show("RWF_NOAPPEND", syscall(NR_PWRITEV2, append, &(struct iovec){ "-", 1 }, 1, 0L, 0L, 0x20));
  char first;
  must(pread(out, &first, 1, 0));
  say("written at its place: %d", first == '-');
  close(in), close(out), close(append);
}

static void access_and_mode(int d) {
  int file = (int)must(openat(d, "e", O_RDONLY));
  show("a link itself", syscall(NR_FACCESSAT2, d, "link", R_OK, NOFOLLOW));
  show("where it leads", syscall(NR_FACCESSAT2, d, "link", R_OK, 0));
  show("what is open", syscall(NR_FACCESSAT2, file, "", R_OK, EMPTY_PATH));
  show("unknown flags", syscall(NR_FACCESSAT2, d, "link", R_OK, 1));
  show("mode of a link", syscall(NR_FCHMODAT2, d, "link", 0600, NOFOLLOW));
  show("of what is open", syscall(NR_FCHMODAT2, file, "", 0600, EMPTY_PATH));
  show("unknown flags", syscall(NR_FCHMODAT2, file, "", 0600, 1));

  unsigned char buf[256] = { 0 };
  show("statx", syscall(NR_STATX, file, "", EMPTY_PATH, 0x7ff, buf));
  uint32_t mask, links, size;
  uint16_t mode;
  memcpy(&mask, buf, 4), memcpy(&links, buf + 16, 4), memcpy(&mode, buf + 28, 2), memcpy(&size, buf + 40, 4);
  say("mask %x, %u link, mode %o, %u bytes", mask & 0x7ff, links, mode, size);
  show("a link itself", syscall(NR_STATX, d, "link", NOFOLLOW, 0, buf));
  memcpy(&mode, buf + 28, 2);
  say("mode %o", mode);
  show("no name", syscall(NR_STATX, file, NULL, EMPTY_PATH, 0, buf));
  show("unknown flags", syscall(NR_STATX, d, "link", 0x8000, 0, buf));
  show("two ways to ask", syscall(NR_STATX, d, "link", 0x6000, 0, buf));
  show("a mask of the future", syscall(NR_STATX, d, "link", 0, 0x80000000, buf));
  close(file);
}

static void descriptors(void) {
  must(dup2(1, 50)), must(dup2(1, 51)), must(dup2(1, 52));
  show("closed by exec", syscall(NR_CLOSE_RANGE, 51, 60, 4));
  say("flags: %d %d", fcntl(50, F_GETFD), fcntl(51, F_GETFD));
  show("closed", syscall(NR_CLOSE_RANGE, 51, ~0U, 0));
  show("before them", fcntl(50, F_GETFD));
  show("one of them", fcntl(52, F_GETFD));
  show("backwards", syscall(NR_CLOSE_RANGE, 20, 10, 0));
  show("unknown flags", syscall(NR_CLOSE_RANGE, 20, 30, 1));
  pid_t child = (pid_t)must(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
  if (!child) _exit(syscall(NR_CLOSE_RANGE, 50, 50, 2) == 0 ? 0 : 1);
  say("unshared, then closed: %s, here %d", reap(child), fcntl(50, F_GETFD));
}

static const char *mapped(int fd, int prot, int flags) {
  void *p = mmap(NULL, 4096, prot, flags, fd, 0);
  if (p == MAP_FAILED) return errname(errno);
  munmap(p, 4096);
  return "ok";
}

static void seals(void) {
  int fd = (int)must(syscall(NR_MEMFD_CREATE, "name", ALLOW_SEALING));
  char path[40], text[64] = { 0 };
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  must(readlink(path, text, sizeof text - 1));
  say("%s, seals %d", text, fcntl(fd, GET_SEALS));
  must(ftruncate(fd, 4096));
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  show("while it is mapped for writing", fcntl(fd, ADD_SEALS, WRITE));
  munmap(p, 4096);
  show("against shrinking", fcntl(fd, ADD_SEALS, SHRINK));
  show("smaller", ftruncate(fd, 100));
  show("larger", ftruncate(fd, 8192));
  show("against growing", fcntl(fd, ADD_SEALS, GROW));
  show("larger", ftruncate(fd, 9000));
  show("written beyond the end", pwrite(fd, "abcd", 4, 8190));
  show("up to it", pwrite(fd, "abcd", 4, 8188));
  show("against writing", fcntl(fd, ADD_SEALS, WRITE));
  show("written", pwrite(fd, "a", 1, 0));
  say("mapped for writing: %s", mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED));
  say("for reading: %s", mapped(fd, PROT_READ, MAP_SHARED));
  say("privately: %s", mapped(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE));
  p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  show("made writable", mprotect(p, 4096, PROT_READ | PROT_WRITE));
  int again = (int)must(open(path, O_RDWR));
  say("opened again, for writing: %s", mapped(again, PROT_READ | PROT_WRITE, MAP_SHARED));
  show("against seals", fcntl(fd, ADD_SEALS, SEAL));
  show("one more", fcntl(fd, ADD_SEALS, SHRINK));
  show("all", fcntl(fd, GET_SEALS));
  int plain = (int)must(syscall(NR_MEMFD_CREATE, "", 0));
  show("without permission to seal", fcntl(plain, ADD_SEALS, SHRINK));
  int future = (int)must(syscall(NR_MEMFD_CREATE, "", ALLOW_SEALING));
  show("against writing later on", fcntl(future, ADD_SEALS, FUTURE_WRITE));
  show("written", write(future, "a", 1));
  show("unknown seals", fcntl(future, ADD_SEALS, 0x100));
  int data = (int)must(syscall(NR_MEMFD_CREATE, "", NOEXEC_SEAL));
  show("never a program", fcntl(data, GET_SEALS));
  show("made executable", fchmod(data, 0700));
  int program = (int)must(syscall(NR_MEMFD_CREATE, "", ALLOW_SEALING));
  show("a program for ever", fcntl(program, ADD_SEALS, 0x20));
  show("which nobody writes to", fcntl(program, GET_SEALS));
  show("another mode", fchmod(data, 0600));
  char name[300];
  memset(name, 'x', sizeof name);
  name[250] = 0;
  show("a name of 250", syscall(NR_MEMFD_CREATE, name, 0));
  name[249] = 0;
  show_ok("of 249", syscall(NR_MEMFD_CREATE, name, 0));
  show("unknown flags", syscall(NR_MEMFD_CREATE, "", 0x100));
  show("no name", syscall(NR_MEMFD_CREATE, (char *)1, 0));
  int pipe_ends[2];
  must(pipe(pipe_ends));
  show("a pipe has none", fcntl(pipe_ends[1], GET_SEALS));
}

int main(void) {
  go_to_scratch();
  must(mkdir("d", 0755)), must(mkdir("d/e", 0755));
  write_file("d/f", "hello", 0644);
  must(symlink("f", "d/link")), must(symlink("/etc", "d/absolute")), must(symlink("../d/f", "d/up"));
  must(symlink("e", "d/to_e"));
  int d = (int)must(open("d", O_RDONLY | O_DIRECTORY));
  look_ups(d);
  without_a_name();
  names(d);
  must(unlinkat(d, "link", 0)), must(symlinkat("e", d, "link"));
  copies(d);
  access_and_mode(d);
  descriptors();
  seals();
  return 0;
}
