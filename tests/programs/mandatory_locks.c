/* Mandatory locks: on a mount with "mand" a record lock on a file with set-group-id and without group-execute binds
   those, too, who do not ask for it. */
// needs: root
// differs: since 5.15 there are none
#include "check.h"

#include <sys/mount.h>
#include <sys/sendfile.h>

static void ignore_it(int sig) { (void)sig; }
static pid_t holder;
static struct gate go, done;

/* A child that holds a lock on bytes 10 to 19 until it is told to go. */
static void hold(short type, off_t start, off_t len) {
  go = new_gate(), done = new_gate();
  CHILD(holder) {
    int fd = must(open("f", O_RDWR));
    struct flock lock = { type, SEEK_SET, start, len, 0 };
    must(fcntl(fd, F_SETLK, &lock));
    open_gate(&done);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&done);
}
static void let_go(void) {
  open_gate(&go);
  reap(holder);
}
static void fresh(mode_t mode) {
  write_file("f", "0123456789abcdefghijklmnopqrstuvwxyz", 0600);
  must(chmod("f", mode));
}
static void at(int fd, off_t pos, size_t n) {
  char bytes[64], what[80];
  memset(bytes, '#', sizeof bytes);
  snprintf(what, sizeof what, "  read %zu at %d", n, (int)pos);
  show(what, pread(fd, bytes, n, pos));
  snprintf(what, sizeof what, "  write %zu at %d", n, (int)pos);
  show(what, pwrite(fd, bytes, n, pos));
}

static void all_calls(void) {
  fresh(02600);
  hold(F_WRLCK, 10, 10);
  int fd = must(open("f", O_RDWR | O_NONBLOCK));
  at(fd, 0, 10);
  at(fd, 0, 11);
  at(fd, 19, 1);
  at(fd, 20, 5);
  at(fd, 15, 0);
  char bytes[64];
  struct iovec pieces[2] = { { bytes, 5 }, { bytes, 5 } }, more[2] = { { bytes, 5 }, { bytes, 6 } };
  show("readv before it", readv(fd, pieces, 2));
  show("readv into it", readv(fd, more, 2));
  show("writev into it", writev(fd, more, 2));
  show("read", read(fd, bytes, 5));
  must(lseek(fd, 9, SEEK_SET));
  show("read into it", read(fd, bytes, 2));
  show("write into it", write(fd, bytes, 2));
  say("where it is: %d", (int)lseek(fd, 0, SEEK_CUR));
  int ends[2], source = must(open("/proc/self/exe", O_RDONLY));
  off_t where = 5;
  loff_t there = 5;
  must(pipe(ends));
  must(fcntl(ends[1], F_SETFL, O_NONBLOCK));
  show("sendfile of bytes before it", sendfile(ends[1], fd, &where, 5));
  show("sendfile of bytes in it", sendfile(ends[1], fd, &where, 1));
  show("splice of bytes in it", splice(fd, &there, ends[1], NULL, 6, 0));
  there = 9;
  show("splice into it", splice(ends[0], NULL, fd, &there, 2, 0));
  show("sendfile into it", sendfile(fd, source, NULL, 2));
  close(ends[0]), close(ends[1]), close(source);
  int append = must(open("f", O_WRONLY | O_APPEND | O_NONBLOCK));
  show("appended, from a position before it", write(append, bytes, 1));
  must(lseek(append, 10, SEEK_SET));
  show("appended, from a position in it", write(append, bytes, 1));
  struct stat st;
  must(fstat(fd, &st));
  show("ftruncate before it", ftruncate(fd, 5));
  show("ftruncate in it", ftruncate(fd, 15));
  show("ftruncate behind it", ftruncate(fd, 20));
  show("ftruncate, longer", ftruncate(fd, 40));
  show("truncate in it", truncate("f", 12));
  show("truncate behind it", truncate("f", 30));
  show("open to empty it", open("f", O_WRONLY | O_TRUNC));
  show_ok("creat", creat("f", 0600));
  void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  say("shared mapping: %s", map == MAP_FAILED ? errname(errno) : "there");
  map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  say("private mapping: %s", map == MAP_FAILED ? errname(errno) : "there");
  munmap(map, 4096);
  FILE *locks = fopen("/proc/locks", "r");
  char line[128], kind[32], how[32], type[32];
  while (locks && fgets(line, sizeof line, locks))
    if (sscanf(line, "%*d: %31s %31s %31s", kind, how, type) == 3) say("/proc/locks: %s %s %s", kind, how, type);
  if (locks) fclose(locks);
  must(chmod("f", 0600));
  at(fd, 10, 1);
  must(chmod("f", 02610));
  at(fd, 10, 1);
  let_go();
  close(fd), close(append);

  fresh(02600);
  hold(F_RDLCK, 10, 0);
  fd = must(open("f", O_RDWR | O_NONBLOCK));
  say("a lock to read:");
  at(fd, 10, 5);
  at(fd, 9, 1);
  show("longer", ftruncate(fd, 50));
  show("the same size", ftruncate(fd, 36));
  let_go();
  close(fd);
}

static void own(void) {
  fresh(02600);
  int fd = must(open("f", O_RDWR | O_NONBLOCK));
  struct flock lock = { F_WRLCK, SEEK_SET, 0, 0, 0 };
  show("lock", fcntl(fd, F_SETLK, &lock));
  say("our own lock:");
  at(fd, 0, 5);
  show("ftruncate", ftruncate(fd, 30));
  void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  say("shared mapping: %s", map == MAP_FAILED ? errname(errno) : "there");
  lock.l_type = F_UNLCK;
  show("no lock may be set or cleared", fcntl(fd, F_SETLK, &lock));
  lock.l_type = 77;
  show("whatever it is", fcntl(fd, F_SETLK, &lock));
  munmap(map, 4096);
  int reader = must(open("f", O_RDONLY));
  map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
  lock.l_type = F_UNLCK;
  show("by one who only reads", fcntl(fd, F_SETLK, &lock));
  munmap(map, 4096);
  close(reader);
  close(fd);
}

static void waiting(void) {
  static const char *const ways[] = { "read", "write", "ftruncate", "readv", "pwrite" };
  for (int i = 0; i < 5; i++) {
    fresh(02600);
    hold(F_WRLCK, 0, 0);
    pid_t child;
    CHILD(child) {
      char bytes[4] = "";
      struct iovec one = { bytes, 4 };
      int fd = must(open("f", O_RDWR));
      long r = -2;
      switch (i) {
      case 0: r = read(fd, bytes, 4); break;
      case 1: r = write(fd, bytes, 4); break;
      case 2: r = ftruncate(fd, 3); break;
      case 3: r = readv(fd, &one, 1); break;
      case 4: r = pwrite(fd, bytes, 4, 8); break;
      }
      show(ways[i], r);
      _exit(0);
    }
    wait_asleep(child);
    say("%s waits", ways[i]);
    if (i == 3) {
      must(chmod("f", 0600)); /* when it looks again it does not count any more */
    }
    let_go();
    reap(child);
  }
  pid_t child;
  fresh(02600);
  struct flock ours = { F_WRLCK, SEEK_SET, 0, 0, 0 };
  int mine = must(open("f", O_RDWR));
  must(fcntl(mine, F_SETLK, &ours));
  CHILD(child) {
    char c;
    show("it looks again, and the file has another mode", read(must(open("f", O_RDWR)), &c, 1));
    _exit(0);
  }
  wait_asleep(child);
  must(chmod("f", 0600));
  ours.l_type = F_UNLCK, ours.l_start = 100;
  must(fcntl(mine, F_SETLK, &ours));
  reap(child);
  close(mine);
  fresh(02600);
  hold(F_WRLCK, 0, 0);
  CHILD(child) {
    char c;
    on_signal(SIGUSR1, ignore_it);
    show("interrupted", read(must(open("f", O_RDWR)), &c, 1));
    _exit(0);
  }
  wait_asleep(child);
  must(kill(child, SIGUSR1));
  reap(child);
  let_go();

  /* Each waits for the other one. */
  fresh(02600);
  struct gate locked = new_gate();
  struct flock lock = { F_WRLCK, SEEK_SET, 0, 1, 0 };
  int fd = must(open("f", O_RDWR));
  must(fcntl(fd, F_SETLK, &lock));
  CHILD(child) {
    char c;
    int own = must(open("f", O_RDWR));
    lock.l_start = 1;
    must(fcntl(own, F_SETLK, &lock));
    open_gate(&locked);
    show("the first waits, and then gets", pread(own, &c, 1, 0));
    _exit(0);
  }
  pass_gate(&locked);
  wait_asleep(child);
  char c;
  show("the second", pread(fd, &c, 1, 1));
  close(fd);
  reap(child);
}

int main(void) {
  go_to_scratch();
  must(mkdir("m", 0755));
  must(mount("none", "m", "tmpfs", 0, ""));
  must(chdir("m"));
  fresh(02600);
  hold(F_WRLCK, 10, 10);
  int fd = must(open("f", O_RDWR | O_NONBLOCK));
  say("a mount without mand:");
  at(fd, 10, 1);
  say("mounted again with it, the file being open:");
  show("mount", mount("none", ".", NULL, MS_REMOUNT | MS_MANDLOCK, NULL));
  at(fd, 10, 1);
  let_go();
  at(fd, 10, 1);
  close(fd);
  all_calls();
  own();
  waiting();
  show("mount without it", mount("none", ".", NULL, MS_REMOUNT, NULL));
  fresh(02600);
  hold(F_WRLCK, 10, 10);
  fd = must(open("f", O_RDWR | O_NONBLOCK));
  at(fd, 10, 1);
  let_go();
  close(fd);
  must(chdir(".."));
  show("umount", umount("m"));
  return 0;
}
