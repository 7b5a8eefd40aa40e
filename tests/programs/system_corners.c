/* What the machine tells of timers, and the ends of calls about memory, mounts, marks and devices. */
// needs: root
// differs: reads of /dev/zero go by words, a message of any length goes to the log as far as there is memory, ramfs passes over bad modes
#include "check.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/timerfd.h>

static char *whole(const char *path) {
  static char text[1 << 18];
  size_t n = 0;
  ssize_t got;
  int fd = (int)must(open(path, O_RDONLY));
  while ((got = must(read(fd, text + n, sizeof text - 1 - n))) > 0) n += (size_t)got;
  close(fd), text[n] = 0;
  return text;
}
/* Numbers become N, of any number of digits. */
static char *masked(const char *line) {
  static char out[300];
  char *to = out;
  for (; *line && to < out + 290; line++) {
    int digit = (*line >= '0' && *line <= '9') || (to > out + 2 && out[0] == ' ' && out[1] == '#' && *line >= 'a' && *line <= 'f' && (to[-1] == 'N' || to[-1] == '<'));
    if (!digit) *to++ = *line;
    else if (to == out || to[-1] != 'N') *to++ = 'N';
  }
  *to = 0;
  return out;
}

static void nothing(int sig) { (void)sig; }
/* How many timers of a function wait on a clock of the first CPU, and their lines. */
static void count(const char *what) {
  static const char *const functions[] = { "hrtimer_wakeup", "timerfd_tmrproc", "posix_timer_fn", "it_real_fn" };
  static int before[2][4];
  int clock = -1, counts[2][4] = { { 0 } };
  for (char *line = strtok(whole("/proc/timer_list"), "\n"); line; line = strtok(NULL, "\n")) {
    if (!strncmp(line, "cpu: 1", 6)) break;
    sscanf(line, " clock %d:", &clock);
    for (int i = 0; i < 4; i++) if (strstr(line, functions[i]) && (clock == 0 || clock == 1)) counts[clock][i]++;
  }
  if (!what) memcpy(before, counts, sizeof before);
  else for (int c = 0; c < 2; c++) say("%s, clock %d: %d more asleep, %d of timerfd, %d of timer_create, %d of setitimer", what, c, counts[c][0] - before[c][0], counts[c][1] - before[c][1], counts[c][2] - before[c][2], counts[c][3] - before[c][3]);
}
static void timers(void) {
  pid_t pid;
  count(NULL);
  CHILD(pid) {
    struct itimerspec day = { { 0, 0 }, { 86400, 0 } }, date = { { 0, 0 }, { 4000000000, 0 } };
    struct itimerval alarm = { { 0, 0 }, { 5000, 0 } };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
    timer_t timer;
    signal(SIGALRM, nothing);
    must(timerfd_settime((int)must(timerfd_create(CLOCK_REALTIME, 0)), TFD_TIMER_ABSTIME, &date, NULL)), must(timerfd_settime((int)must(timerfd_create(CLOCK_MONOTONIC, 0)), 0, &day, NULL));
    must(timer_create(CLOCK_MONOTONIC, &event, &timer)), must(timer_settime(timer, 0, &day, NULL)), must(setitimer(ITIMER_REAL, &alarm, NULL));
    sleep_ms(1000000), _exit(0);
  }
  wait_asleep(pid), count("with a sleeper");
  int clock = -1;
  char lines[4096] = "";
  for (char *line = strtok(whole("/proc/timer_list"), "\n"); line; line = strtok(NULL, "\n"))
    if (sscanf(line, " clock %d:", &clock) == 1) continue;
    else if (clock == 1 && strstr(line, "timerfd_tmrproc")) snprintf(lines, sizeof lines, "%.60s", masked(line)), line = strtok(NULL, "\n"), say("%s", lines), say("%s", masked(line)), say("at 4000000000 s: %d", strstr(line, "expires at 4000000000000000000-4000000000000000000 nsecs [in ") != NULL);
  kill(pid, SIGKILL), reap(pid), count("after");
}

static void memory(void) {
  pid_t pid;
  CHILD(pid) {
    must(personality(READ_IMPLIES_EXEC));
    char *area = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), start[40];
    must(mprotect(area, 4096, PROT_READ)), snprintf(start, sizeof start, "\n%lx-", (unsigned long)area);
    char *line = strstr(whole("/proc/self/maps"), start);
    say("an area to read: %.4s", line ? strchr(line, ' ') + 1 : "none"), _exit(0);
  }
  reap(pid);
}

static void devices(void) {
  enum { PIECE = 1 << 20, SMALL = 65536 };
  char *area = mmap(NULL, 2 * PIECE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = area + 2 * PIECE;
  int zero = (int)must(open("/dev/zero", O_RDWR)), file = (int)must(open("large", O_CREAT | O_RDWR, 0600)), log = (int)must(open("/dev/kmsg", O_WRONLY));
  must(munmap(end, 4096)), memset(area, 'x', 2 * PIECE);
  show("zeros to the end of the first piece", read(zero, end - SMALL, 2 * SMALL)), say("%d %d", end[-1], end[-SMALL]), show("less than a word of room", read(zero, end - 5, 100)), show("none", read(zero, end, 100));
  memset(area, 'x', 2 * PIECE);
  show("write from good and bad memory", write(file, end - PIECE, 2 * PIECE)), show("bad alone", write(file, end, 10)), must(ftruncate(file, 2 * PIECE)), must(lseek(file, 0, SEEK_SET)), memset(area, 0, 2 * PIECE);
  show("read to good and bad memory", read(file, end - PIECE, 2 * PIECE)), say("%c%c", end[-1], end[-PIECE]), show("at", lseek(file, 0, SEEK_CUR));
  char *large = mmap(NULL, 5 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  show("too long for the log", write(log, large, 5 << 20)), close(zero), close(file), close(log), unlink("large"), munmap(area, 2 * PIECE), munmap(large, 5 << 20);
}

#ifdef __x86_64__
/* The call of a 32-bit program: its open() does not say that it knows of large files. */
static long call32(int nr, unsigned b, unsigned c, unsigned d) {
  long r;
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(b), "c"(c), "d"(d) : "memory", "r8", "r9", "r10", "r11");
  if ((int)r < 0) errno = -(int)r, r = -1;
  return r;
}
static void large_files(void) {
  char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  strcpy(low, "limited");
  int fd = (int)must(call32(5, (unsigned)(uintptr_t)low, O_CREAT | O_RDWR, 0600));
  struct stat st;
  must(lseek(fd, 0x7ffffffd, SEEK_SET)), show("write up to 2 GiB", write(fd, "0123456789", 10)), show("beyond", write(fd, "x", 1)), must(fstat(fd, &st)), say("%lx bytes", (long)st.st_size);
  close(fd), show("to open what is larger", (fd = (int)must(open("limited", O_RDWR)), must(pwrite(fd, "x", 1, 0x80000000)), call32(5, (unsigned)(uintptr_t)low, O_RDWR, 0))), close(fd), unlink("limited");
}
#else
static void large_files(void) {}
#endif

static void mounts(void) {
  static char page[4098];
  struct pollfd p = { (int)must(open("/proc/self/mounts", O_RDONLY)), POLLPRI, 0 };
  struct timeval now = { 0, 0 };
  memset(page, 'x', 4096), page[4096] = 0;
  show("a type as long as a page", mount("none", "/", page, 0, NULL)), page[4095] = 0, show("a byte shorter", mount("none", "/", page, 0, NULL));
  must(mkdir("m", 0755)), must(mkdir("peer", 0755)), must(mkdir("dir", 0755));
  must(mount("none", "m", "tmpfs", 0, "size=50%")), show("polled", poll(&p, 1, 0)), say("%x", (unsigned)p.revents), say("polled %d", poll(&p, 1, 0));
  fd_set except;
  FD_ZERO(&except);
  FD_SET(p.fd, &except);
  must(mkdir("m/x", 0755)), must(mount("none", "m", NULL, MS_SHARED, NULL)), must(mount("m", "peer", NULL, MS_BIND, NULL));
  show("select tells of mounts", select(p.fd + 1, NULL, NULL, &except, &now)), say("%d", FD_ISSET(p.fd, &except) != 0);
  FD_SET(p.fd, &except);
  show("once", select(p.fd + 1, NULL, NULL, &except, &now));
  must(mount("none", "m/x", "tmpfs", 0, NULL));
  int fd = (int)must(open("peer/x/file", O_CREAT | O_RDWR, 0600));
  show("what is used in the peer", umount("m/x")), close(fd), show("not any more", umount("m/x")), must(umount("peer")), must(umount("m"));
  show("an option of ramfs", mount("none", "m", "ramfs", 0, "mode=9")), must(umount("m")), must(mount("none", "m", "ramfs", 0, "mode=711,size=1"));
  struct stat st;
  must(stat("m", &st)), say("%o", st.st_mode), show("remounted with any", mount("none", "m", NULL, MS_REMOUNT, "mode=8,whatever")), must(umount("m"));
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNS)), must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)), must(mount("none", "dir", "tmpfs", 0, NULL)), must(chdir("dir")), must(mkdir("gone", 0755)), must(mkdir("old", 0755));
    char old[200];
    must(getcwd(old, 190) ? 0 : -1), strcat(old, "/old"), must(chdir("gone")), show("a root that is no mount", syscall(SYS_pivot_root, ".", old)), must(rmdir("../gone")), show("a root that is gone", syscall(SYS_pivot_root, ".", old)), show("both gone", syscall(SYS_pivot_root, ".", ".")), _exit(0);
  }
  reap(pid), close(p.fd), rmdir("m"), rmdir("peer"), rmdir("dir");
}

/* Two listeners, one to a mount and one to a file on it, in both orders. */
static void marks(void) {
  must(mkdir("m", 0755)), must(mount("none", "m", "tmpfs", 0, NULL)), close((int)must(open("m/file", O_CREAT | O_RDWR, 0600)));
  for (int order = 0; order < 2; order++) {
    int fan[2];
    char text[2][512];
    for (int i = 0; i < 2; i++) fan[i] = (int)must(syscall(300, 2, O_RDONLY));
    must(syscall(301, fan[order], 1 | 16, 32UL, AT_FDCWD, "m")), must(syscall(301, fan[!order], 1, 32UL, AT_FDCWD, "m/file"));
    must(syscall(301, fan[order], 1 | 16, 8UL, AT_FDCWD, "m")), must(syscall(301, fan[!order], 1, 16UL, AT_FDCWD, "m/file"));
    struct pollfd p[2] = { { fan[0], POLLIN, 0 }, { fan[1], POLLIN, 0 } };
    pid_t pid;
    CHILD(pid) wait_asleep(getppid()), close((int)must(open("m/file", O_RDONLY))), _exit(0);
    say("a listener is woken %d", poll(p, 2, 20000) > 0), reap(pid);
    for (int i = 0; i < 2; i++) {
      long n = read(fan[i], text[i], sizeof text[i]);
      unsigned mask = 0;
      for (char *e = text[i]; e < text[i] + n; e += *(unsigned *)e) mask |= *(unsigned *)(e + 8), close(*(int *)(e + 16));
      say("%s: %x", i == order ? "the mount's" : "the file's", mask), close(fan[i]);
    }
  }
  must(umount("m")), rmdir("m");
}

int main(void) {
  char place[] = "/tmp/system_corners_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(mount("none", place, "tmpfs", 0, NULL)), must(chdir(place)), must(mount("none", place, NULL, MS_PRIVATE, NULL)), must(chdir(place));
  timers(), memory(), devices(), large_files(), mounts(), marks();
  must(chdir("/")), must(umount2(place, MNT_DETACH)), rmdir(place);
  return 0;
}
