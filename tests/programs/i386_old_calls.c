/* Calls of i386 with structures of their own: the clock's discipline, and directories one entry at a time. */
// needs: i386
// needs: root
// differs: the clock of 3.2 as it starts, and what of a directory of tmpfs is told
#include "check.h"

struct timex { unsigned modes; int offset, freq, maxerror, esterror, status, constant, precision, tolerance, sec, usec, tick, ppsfreq, jitter, shift, stabil, jitcnt, calcnt, errcnt, stbcnt, tai, pad[11]; };

static void tell(const char *what, struct timex *t) {
  long r = syscall(124, t);
  if (r == -1) show(what, r);
  else say("%s: %ld", what, r);
  say("  tick %d freq %d status %x constant %d precision %d tolerance %d, time %d, pad %d", t->tick, t->freq, t->status, t->constant, t->precision, t->tolerance, t->sec > 0 && t->usec >= 0 && t->usec < 1000000, t->pad[0]);
}

static void clock_(void) {
  struct timex t;
  memset(&t, 0, sizeof t), t.pad[0] = 77;
  tell("read", &t);
  memset(&t, 0xee, sizeof t), t.modes = 0;
  tell("read into what is not empty", &t);
  t.modes = 0x4002, t.tick = 9999, t.freq = -65536;
  tell("tick and frequency", &t);
  t.modes = 0x4000, t.tick = 1;
  tell("a bad tick", &t);
  t.modes = 0x4002, t.tick = 10000, t.freq = 0;
  tell("back", &t);
  show("a bad place", syscall(124, 8)), show("none", syscall(124, NULL));
}

struct old { unsigned ino, offset; unsigned short namlen; char name[100]; };
static void directory(void) {
  must(mkdir("old", 0700)), must(mkdir("old/a", 0700)), must(close(must(open("old/a_name_of_19_bytes", O_CREAT | O_RDWR, 0600))));
  int fd = (int)must(open("old", O_RDONLY | O_DIRECTORY)), file = (int)must(open("old/a_name_of_19_bytes", O_RDONLY));
  int found = 0, inodes = 0;
  struct old entry;
  long r = 0;
  for (int i = 0; i < 6; i++) {
    memset(&entry, 0x11, sizeof entry);
    r = syscall(89, fd, &entry, i);
    if (r != 1) break;
    found |= !strcmp(entry.name, ".") ? 1 : !strcmp(entry.name, "..") ? 2 : !strcmp(entry.name, "a") ? 4 : !strcmp(entry.name, "a_name_of_19_bytes") ? 8 : 16;
    inodes += entry.ino != 0 && entry.ino != 0x11111111;
    if (entry.namlen != strlen(entry.name)) say("namlen %d", entry.namlen);
    if (i < 2) say("offset %u", entry.offset);
    if (entry.name[entry.namlen + 1] != 0x11) say("more is written");
  }
  say("entries %x, with numbers %d, at the end %ld", found, inodes, r);
  show("after the end", syscall(89, fd, &entry, 1));
  must(lseek(fd, 0, SEEK_SET)), show("again", syscall(89, fd, &entry, 1));
  show("a bad place", syscall(89, fd, 8, 1)), show("none", syscall(89, fd, NULL, 1)), show("no file", syscall(89, 99, &entry, 1)), show("no directory", syscall(89, file, &entry, 1));
  unlink("old/a_name_of_19_bytes"), rmdir("old/a"), rmdir("old");
}

int main(void) {
  char place[] = "/tmp/i386_old_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(chdir(place));
  clock_(), directory();
  must(chdir("/")), rmdir(place);
  return 0;
}
