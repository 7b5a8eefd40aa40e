/* What can be done with files in a directory, told line by line: the same on a disk of the host and in a shared one.
 * Runs in an empty directory that is shared; what is left there is part of the answer.
 */
#include "check.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void text(const char *name, const char *contents) {
  int fd = (int)must(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  must(write(fd, contents, strlen(contents)));
  must(close(fd));
}

static void tell(const char *name) {
  char buf[100];
  int fd = open(name, O_RDONLY);
  ssize_t n = fd == -1 ? -1 : read(fd, buf, sizeof buf - 1);
  if (n == -1) {
    say("%s: %s", name, errname(errno));
  } else {
    buf[n] = 0;
    say("%s: \"%s\"", name, buf);
  }
  if (fd != -1) must(close(fd));
}

static void look(const char *name) {
  struct stat st;
  if (lstat(name, &st) == -1) say("%s: %s", name, errname(errno));
  else
    say("%s: mode %o, %d links, size %ld", name, st.st_mode, (int)st.st_nlink,
        S_ISDIR(st.st_mode) ? 0L : (long)st.st_size);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void list(const char *name) {
  char *names[64], line[1024] = "";
  int n = 0;
  DIR *dir = opendir(name);
  if (!dir) return (void)say("%s: %s", name, errname(errno));
  for (struct dirent *e; (e = readdir(dir));) {
    names[n] = malloc(300);
    snprintf(names[n++], 300, "%s(%d)", e->d_name, e->d_type);
  }
  closedir(dir);
  qsort(names, (size_t)n, sizeof *names, by_name);
  for (int i = 0; i < n; i++) snprintf(line + strlen(line), sizeof line - strlen(line), " %s", names[i]);
  say("%s:%s", name, line);
}

static void files(void) {
  umask(022);
  text("file", "hello");
  tell("file");
  look("file");
  show("no such", open("none", O_RDONLY));
  show("exclusive", open("file", O_CREAT | O_EXCL | O_WRONLY, 0600));
  int fd = (int)must(open("file", O_RDWR | O_APPEND));
  must(write(fd, " and more", 9));
  must(pwrite(fd, "!", 1, 0)); /* goes to the end all the same */
  show("end", lseek(fd, 0, SEEK_END));
  must(close(fd));
  tell("file");
  fd = (int)must(open("sparse", O_RDWR | O_CREAT | O_EXCL, 0444)); /* its first user may write */
  show("beyond the end", pwrite(fd, "x", 1, 100000));
  char c = 1;
  show("in the hole", pread(fd, &c, 1, 50000));
  say("zero: %d", c == 0);
  show("shorter", ftruncate(fd, 3));
  show("longer", ftruncate(fd, 9000));
  look("sparse");
  show("fsync", fsync(fd));
  must(close(fd));
  show("truncate", truncate("file", 4));
  tell("file");
  show("truncate of a directory", truncate(".", 4));
  show("negative", truncate("file", -1));
  show("chmod", chmod("file", 0640));
  look("file");
  show("mode 0", chmod("sparse", 0));
  look("sparse");
  show("mode again", chmod("sparse", 0600));
  struct timespec times[2] = {{1000000000, 5}, {1000000001, 7}};
  show("utimensat", utimensat(AT_FDCWD, "file", times, 0));
  struct stat st;
  must(stat("file", &st));
  say("modified %ld.%ld", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void names(void) {
  show("mkdir", mkdir("dir", 0755));
  show("again", mkdir("dir", 0755));
  show("in it", mkdir("dir/in", 0700));
  text("dir/in/deep", "deep");
  look("dir");
  show("rmdir of a full one", rmdir("dir"));
  show("rmdir of a file", rmdir("file"));
  show("unlink of a directory", unlink("dir"));
  show("link", link("file", "dir/link"));
  look("file");
  show("link of a directory", link("dir", "dir2"));
  show("link to what is there", link("file", "sparse"));
  show("symlink", symlink("../file", "dir/sym"));
  tell("dir/sym");
  char buf[100];
  show("readlink", readlink("dir/sym", buf, sizeof buf));
  look("dir/sym");
  show("not followed", open("dir/sym", O_RDONLY | O_NOFOLLOW));
  show("loop", symlink("loop", "loop"));
  show("open of the loop", open("loop", O_RDONLY));
  show("rename", rename("dir/in", "dir/out"));
  tell("dir/out/deep");
  show("into itself", rename("dir", "dir/out/dir"));
  show("to a file", rename("dir", "file"));
  show("over a full one", mkdir("full", 0755) || mkdir("full/x", 0755) || rename("dir", "full"));
  show("over an empty one", rename("dir/out", "full/x"));
  tell("full/x/deep");
  show("over a file", rename("sparse", "dir/link"));
  look("dir/link");
  look("file");
  show("two names of one", link("file", "file2") || rename("file", "file2"));
  look("file");
  show("of what is not", rename("none", "file"));
  show("mkfifo", mkfifo("fifo", 0600));
  show("and its name", rename("fifo", "pipe"));
  list(".");
  list("dir");
  list("full/x");
  char bytes[] = {'\xff', '\xfe', 'n', 0};
  text(bytes, "not UTF-8");
  tell(bytes);
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  long_name[256] = 0;
  show("too long", mkdir(long_name, 0755));
  long_name[255] = 0;
  show("as long as can be", mkdir(long_name, 0755));
  show("and away", rmdir(long_name));
}

static void open_and_gone(void) {
  text("gone", "still here");
  int fd = (int)must(open("gone", O_RDWR));
  int dir = (int)must(open("dir", O_RDONLY | O_DIRECTORY));
  must(unlink("gone"));
  text("gone", "another");
  char buf[11] = "";
  must(read(fd, buf, 10));
  say("removed: \"%s\"", buf);
  show("written", pwrite(fd, "S", 1, 0));
  struct stat st;
  must(fstat(fd, &st));
  say("%d links", (int)st.st_nlink);
  must(close(fd));
  tell("gone");
  must(rename("dir", "moved"));
  show("through the descriptor", openat(dir, "link", O_RDONLY) > 0);
  show("made", mkdirat(dir, "made", 0755));
  look("moved/made");
  show(".. of it", openat(dir, "../file", O_RDONLY) > 0);
  must(mkdir("away", 0755));
  int away = (int)must(open("away", O_RDONLY));
  must(rmdir("away"));
  show("made in what is gone", mkdirat(away, "x", 0755));
  show("found in what is gone", openat(away, "x", O_RDONLY));
}

static void mappings(void) {
  int fd = (int)must(open("mapped", O_RDWR | O_CREAT, 0644));
  must(ftruncate(fd, 10000));
  char *p = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) _exit(97);
  strcpy(p, "by memory");
  strcpy(p + 5000, "another page");
  char buf[20] = "";
  must(pread(fd, buf, 9, 0));
  say("read: \"%s\"", buf);
  must(pwrite(fd, "BY", 2, 0));
  say("mapped: \"%s\"", p);
  show("msync", msync(p, 10000, MS_SYNC));
  strcpy(p + 20, "after msync");
  show("munmap", munmap(p, 10000));
  p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  strcpy(p, "private");
  must(munmap(p, 4096));
  pid_t pid;
  CHILD(pid) {
    p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(p + 40, "by a child that exits");
    _exit(0);
  }
  reap(pid);
  must(pread(fd, buf, 19, 40));
  say("child: \"%.19s\"", buf);
  must(ftruncate(fd, 5005));
  must(close(fd));
}

static void passed_on(void) {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  pid_t pid;
  CHILD(pid) {
    int fd = (int)must(open("passed", O_RDWR | O_CREAT, 0644));
    char data = 'd', control[CMSG_SPACE(sizeof fd)] = "";
    struct iovec iov = {&data, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    must(sendmsg(pair[0], &msg, 0));
    _exit(0);
  }
  char data, control[CMSG_SPACE(sizeof(int))];
  struct iovec iov = {&data, 1};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  must(recvmsg(pair[1], &msg, 0));
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
  say("sender %s", reap(pid));
  show("written by who got it", write(fd, "passed", 6));
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = (int)must(open(path, O_WRONLY | O_APPEND));
  show("and by its name in /proc", write(again, " on", 3));
  tell("passed");
  struct sockaddr_un name = {AF_UNIX, "socket"};
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("bind", bind(s, (struct sockaddr *)&name, sizeof name));
  look("socket");
  must(listen(s, 1));
  int c = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("connect", connect(c, (struct sockaddr *)&name, sizeof name));
  CHILD(pid) {
    int w = (int)must(open("pipe", O_WRONLY));
    must(write(w, "through the FIFO", 16));
    _exit(0);
  }
  char buf[20] = "";
  must(read((int)must(open("pipe", O_RDONLY)), buf, 16));
  say("%s, %s", buf, reap(pid));
  fd = (int)must(open("file2", O_RDWR));
  show("flock", flock(fd, LOCK_EX));
  again = (int)must(open("file2", O_RDWR));
  show("flock again", flock(again, LOCK_EX | LOCK_NB));
}

int main(void) {
  files();
  names();
  open_and_gone();
  mappings();
  passed_on();
  list(".");
  return 0;
}
