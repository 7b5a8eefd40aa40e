/* Reads and writes whose memory ends in a bad page: how much is moved, of a file, a pipe, a socket, a terminal, /proc. */
#include "tty.h"
#include <sys/eventfd.h>
#include <sys/socket.h>
// needs: pty
// differs: later kernels copy up to the last good byte where 3.2 copies a file's page, or a buffer, or nothing

static char *a; /* two good pages, and a bad one */
#define BAD (a + 8192)
static char pattern[65536], copy[70000];

static unsigned sum(const char *p, ssize_t n) {
  unsigned s = 0;
  for (ssize_t i = 0; i < n; i++) s = s * 31 + (unsigned char)p[i];
  return s;
}

/* One way of moving data: in two pieces, or in one. */
enum { WAYS = 12 };
static ssize_t move(int way, int fd, int writing) {
  struct iovec v[2] = { { NULL, 0 }, { NULL, 0 } };
  switch (way) {
    case 0: v[0] = (struct iovec){ a, 4096 }, v[1] = (struct iovec){ a + 4096, 8192 }; break;
    case 1: v[0] = (struct iovec){ BAD - 10, 10 }, v[1] = (struct iovec){ BAD, 10 }; break;
    case 2: v[0] = (struct iovec){ BAD, 10 }, v[1] = (struct iovec){ a, 10 }; break;
    case 3: v[0] = (struct iovec){ BAD - 10, 20 }, v[1] = (struct iovec){ a, 10 }; break;
    case 4: v[0] = (struct iovec){ a, 100 }, v[1] = (struct iovec){ BAD - 3000, 5000 }; break;
    case 5: v[0] = (struct iovec){ a, 5000 }, v[1] = (struct iovec){ BAD - 300, 5000 }; break;
    case 6: v[0] = (struct iovec){ BAD - 3000, 3000 }, v[1] = (struct iovec){ a, 0 }; break;
    case 7: v[0] = (struct iovec){ BAD - 100, 200 }; break;
    case 8: v[0] = (struct iovec){ BAD - 5000, 9000 }; break;
    case 9: v[0] = (struct iovec){ BAD, 10 }; break;
    case 10: v[0] = (struct iovec){ a, 8193 }; break;
    case 11: v[0] = (struct iovec){ BAD - 4096, 4097 }; break;
  }
  if (way >= 7) return writing ? write(fd, v[0].iov_base, v[0].iov_len) : read(fd, v[0].iov_base, v[0].iov_len);
  return writing ? writev(fd, v, 2) : readv(fd, v, 2);
}

static char line[600];
static void begin(const char *what) { snprintf(line, sizeof line, "%s:", what); }
static void note(ssize_t result) {
  int e = errno;
  char *end = line + strlen(line);
  if (result == -1) snprintf(end, 40, " %s", errname(e));
  else snprintf(end, 40, " %zd", result);
}
static void note_sum(const char *p, ssize_t n) { snprintf(line + strlen(line), 40, " (%x)", n > 0 ? sum(p, n) : 0); }

static void fill(void) { memcpy(a, pattern + 5000, 8192); }
static void clear(void) { memset(a, 1, 8192); }

static void of_files(int way, off_t at) {
  int fd = (int)must(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
  must(write(fd, pattern, 32768));
  must(lseek(fd, at, SEEK_SET));
  clear();
  begin("  file");
  note(at);
  note(move(way, fd, 0));
  note_sum(a, 8192);
  note(lseek(fd, 0, SEEK_CUR));
  must(ftruncate(fd, 0));
  must(lseek(fd, at, SEEK_SET));
  fill();
  note(move(way, fd, 1));
  ssize_t n = pread(fd, copy, sizeof copy, 0);
  note(n);
  note_sum(copy, n);
  close(fd);
  say("%s", line);
}

static void transfer(const char *what, int way, int in, int out, int before) {
  if (!before) {
    must(write(out, pattern, 4096));
    must(write(out, pattern + 4096, 100));
    must(write(out, pattern + 4196, 10000));
  }
  begin(what);
  if (before) {
    must(write(out, pattern, before == 2 ? 50 : 0));
    fill();
    note(move(way, out, 1));
  } else {
    clear();
    note(move(way, in, 0));
    note_sum(a, 8192);
  }
  ssize_t n = read(in, copy, sizeof copy);
  note(n);
  note_sum(copy, n);
  close(in);
  close(out);
  say("%s", line);
}

static void of_streams(int way) {
  int p[2];
  for (int before = 0; before < 3; before++) {
    must(pipe2(p, O_NONBLOCK));
    transfer(before == 0 ? "  pipe, read" : before == 1 ? "  empty pipe" : "  pipe, 50 bytes", way, p[0], p[1], before);
  }
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++)
    for (int before = 0; before < 2; before++) {
      must(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, p));
      transfer(type == SOCK_STREAM ? "  stream" : "  datagrams", way, p[0], p[1], before);
    }
}

static void of_terminals(int way) {
  char text[3000];
  for (int raw = 0; raw < 2; raw++) {
    struct pty p = new_pty();
    must(fcntl(p.m, F_SETFL, O_NONBLOCK));
    must(fcntl(p.s, F_SETFL, O_NONBLOCK));
    struct termios t;
    must(tcgetattr(p.s, &t));
    cfmakeraw(&t);
    if (!raw) t.c_lflag |= ICANON;
    must(tcsetattr(p.s, TCSANOW, &t));
    for (int i = 0; i < 3000; i++) text[i] = !raw && i % 16 == 15 ? '\n' : (char)('a' + i % 26);
    must(write(p.m, text, sizeof text));
    sleep_ms(20);
    clear();
    begin(raw ? "  terminal, raw" : "  terminal, lines");
    note(move(way, p.s, 0));
    note_sum(a, 8192);
    ssize_t n = read(p.s, copy, sizeof copy);
    note(n);
    note_sum(copy, n);
    memset(a, 'x', 8192);
    note(move(way, p.s, 1));
    close(p.m);
    close(p.s);
    say("%s", line);
  }
}

static void of_devices(int way) {
  static const char *const paths[] = {
    "/dev/zero", "/dev/full", "/dev/urandom", "/proc/self/limits", "/proc/self/auxv", "/proc/self/status",
    "/proc/self/maps", "/proc/self/mem",
  };
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    int fd = (int)must(open(paths[i], i < 3 ? O_RDWR : O_RDONLY));
    if (i == 7) must(lseek(fd, (off_t)(uintptr_t)pattern, SEEK_SET));
    clear();
    snprintf(line, sizeof line, "  %s:", paths[i]);
    ssize_t n = move(way, fd, 0);
    /* How long a text is depends on what runs. */
    if (i >= 3 && i < 7 && n > 200) snprintf(line + strlen(line), 20, " much");
    else note(n);
    if (i >= 3) say("  moved by that: %d", lseek(fd, 0, SEEK_CUR) == (n > 0 ? n : 0) + (i == 7 ? (off_t)(uintptr_t)pattern : 0));
    if (i < 3) note(move(way, fd, 1));
    close(fd);
    say("%s", line);
  }
  int fd = (int)must(eventfd(5, EFD_NONBLOCK));
  begin("  eventfd");
  note(move(way, fd, 0));
  note(read(fd, copy, 8));
  memset(a, 0, 8192);
  *a = 1;
  note(move(way, fd, 1));
  note(read(fd, copy, 8));
  close(fd);
  say("%s", line);
}

int main(void) {
  go_to_scratch();
  a = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(mprotect(BAD, 4096, PROT_NONE));
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (char)(i * 7 + i / 256 + i / 4096);
  for (int way = 0; way < WAYS; way++) {
    say("way %d", way);
    of_files(way, 0);
    of_files(way, 1000);
    of_streams(way);
    of_terminals(way);
    of_devices(way);
  }
  return 0;
}
