/* System calls by int $0x80 from 64-bit code: i386's numbers, arguments cut to 32 bits, structures of 32-bit words. */
// differs: in 3.2 r8 to r11 come back as 0 (since 4.17 they are kept)
#include "check.h"
#include <poll.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

static unsigned long after[4], rcx_after;
static long int80_6(unsigned long nr, unsigned long b, unsigned long c, unsigned long d, unsigned long si, unsigned long di) {
  long r;
  register unsigned long r8 __asm__("r8") = 0x8888888888, r9 __asm__("r9") = 0x9999999999,
                         r10 __asm__("r10") = 0xaaaaaaaaaa, r11 __asm__("r11") = 0xbbbbbbbbbb;
  __asm__ volatile("int $0x80"
                   : "=a"(r), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r11), "+c"(c)
                   : "a"(nr), "b"(b), "d"(d), "S"(si), "D"(di)
                   : "memory");
  after[0] = r8, after[1] = r9, after[2] = r10, after[3] = r11, rcx_after = c;
  return r;
}
#define INT80_(nr, b, c, d, si, di, ...) int80_6(nr, (unsigned long)(b), (unsigned long)(c), (unsigned long)(d), (unsigned long)(si), (unsigned long)(di))
#define INT80(...) INT80_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static unsigned char *low;
static unsigned *words;
#define LOW(offset) ((unsigned long)low + (offset))

static void fill(void) { memset(low, 0xee, 4096); }
static void dump(const char *what, long r, int n) {
  char text[600];
  int at = snprintf(text, sizeof text, "%s: %ld", what, r);
  for (int i = 0; i < n; i++) at += snprintf(text + at, sizeof text - (size_t)at, " %x", words[i]);
  say("%s", text);
}

static volatile sig_atomic_t got;
static void on_usr1(int sig) { got = sig; }

static void numbers(void) {
  say("-- numbers and registers");
  say("getpid: %d", INT80(20) == getpid());
  say("r8 to r11: %lx %lx %lx %lx", after[0], after[1], after[2], after[3]);
  say("upper half of the number: %d", INT80(0xffffffff00000014) == getpid());
  say("rcx is kept whole: %lx", (INT80(20, 0, 0x123456789abcul), rcx_after));
  static const int holes[] = { 17, 31, 32, 35, 44, 53, 56, 58, 98, 112, 127, 130, 134, 137, 167, 169, 188, 189, 222, 223,
                               251, 273, 285, 349, 350, 9999 };
  for (size_t i = 0; i < sizeof holes / sizeof *holes; i++)
    if (INT80(holes[i]) != -ENOSYS) say("%d is no hole", holes[i]);
  say("-1: %ld", INT80(~0ul));
  say("vm86: %ld, %ld", INT80(113), INT80(166));
  say("an address above 4 GiB: %ld", INT80(4, 1, &(int){ 0 }, 3));
  say("ids: %d", INT80(24) == (getuid() & 0xffff) && INT80(199) == getuid() && INT80(64) == getppid() && INT80(224) == getpid());
}

static void files(void) {
  say("-- files");
  strcpy((char *)low, "file");
  long fd = INT80(5, low, O_RDWR | O_CREAT | O_TRUNC, 0640);
  say("open: %d, flags %lx", fd >= 0, INT80(55, fd, F_GETFL));
  words[64] = (unsigned)LOW(512), words[65] = 3, words[66] = (unsigned)LOW(520), words[67] = 4;
  memcpy(low + 512, "abc", 3), memcpy(low + 520, "defg", 4);
  say("writev: %ld", INT80(146, fd, LOW(256), 2));
  words[67] = 0x80000000;
  say("writev of -2 GiB: %ld", INT80(146, fd, LOW(256), 2));
  say("lseek -3: %ld", INT80(19, fd, -3, SEEK_CUR));
  long r = INT80(3, fd, LOW(600), 10);
  say("read: %ld %.3s", r, low + 600);
  r = INT80(140, fd, 1, 5, LOW(608), SEEK_SET);
  say("llseek: %ld %x %x", r, words[152], words[153]);
  say("pread: %ld %.2s", INT80(180, fd, LOW(700), 2, 1, 0), low + 700);
  say("ftruncate64: %ld", INT80(194, fd, 0, 1));
  fill();
  r = INT80(197, fd, low);
  say("fstat64: %ld size %x %x mode %o links %u", r, words[11], words[12], words[4], words[5]);
  say("its ends: %d, %x", *(unsigned long *)(low + 88) == words[3], words[24]);
  fill();
  say("fstat of a file of 4 GiB: %ld", INT80(108, fd, low));
  say("ftruncate: %ld", INT80(93, fd, 77));
  r = INT80(108, fd, low);
  say("fstat: %ld mode %o size %u, behind it %x", r, *(unsigned short *)(low + 8), words[5], words[16]);
  fill();
  words[0] = F_WRLCK, words[1] = 1, words[2] = 2, words[3] = 0;
  say("lock: %ld", INT80(55, fd, F_SETLK, low));
  if (fork() == 0) {
    fill();
    words[0] = F_WRLCK, words[1] = 0, words[2] = 0;
    r = INT80(221, fd, F_GETLK, low);
    say("who has it: %ld %x %d %d %d", r, words[0], words[1], words[2], (pid_t)words[3] == getppid());
    memset(low, 0, 24);
    low[0] = F_WRLCK;
    r = INT80(221, fd, 12, low);
    say("in 64 bits: %ld %x %d %d %d", r, words[0], words[1], words[3], (pid_t)words[5] == getppid());
    _exit(0);
  }
  wait(NULL);
  fill();
  words[0] = 1, words[1] = 2, words[2] = 3, words[3] = 4;
  strcpy((char *)low + 100, "file");
  say("utimes: %ld", INT80(271, LOW(100), low));
  r = INT80(195, LOW(100), LOW(200));
  say("stat64: %ld %u %u", r, *(unsigned *)(low + 264), *(unsigned *)(low + 272));
  fill();
  strcpy((char *)low + 100, "/proc");
  r = INT80(99, LOW(100), low);
  say("statfs: %ld type %x namelen %u, behind it %x", r, words[0], words[9], words[16]);
  fill();
  strcpy((char *)low + 100, "/proc");
  say("statfs64: %ld of a wrong size %ld", INT80(268, LOW(100), 84, low), INT80(268, LOW(100), 88, low));
  say("dup2: %d", INT80(63, fd, 99) == 99);
  say("close: %ld", INT80(6, 99));
  say("close: %ld", INT80(6, ~0ul));
  int p[2];
  must(pipe(p));
  fill();
  memset(low, 0, 4);
  low[p[0] / 8] = (unsigned char)(1 << p[0] % 8);
  words[1] = 0x77777777, words[8] = words[9] = 0;
  must(write(p[1], "x", 1));
  r = INT80(142, p[0] + 1, low, 0, 0, LOW(32));
  say("select: %ld %d %x", r, low[p[0] / 8] == 1 << p[0] % 8, words[1]);
  words[20] = (unsigned)(p[0] + 1), words[21] = (unsigned)LOW(0), words[22] = words[23] = 0, words[24] = (unsigned)LOW(32);
  say("old select: %ld", INT80(82, LOW(80)));
}

static void memory(void) {
  say("-- memory");
  say("brk: %d", INT80(45) == (long)(unsigned)(unsigned long)sbrk(0) || INT80(45) == (long)sbrk(0));
  words[0] = 0, words[1] = 8192, words[2] = PROT_READ | PROT_WRITE, words[3] = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
  words[4] = ~0u, words[5] = 0;
  long p = INT80(90, low);
  say("mmap: %d", p > 0);
  say("mprotect: %ld", INT80(125, p, 4096, PROT_READ));
  say("munmap: %ld", INT80(91, p, 8192));
  words[5] = 1;
  say("with an odd offset: %ld", INT80(90, low));
  p = INT80(192, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, ~0u);
  say("mmap2: %d", p > 0);
}

static void signals(void) {
  say("-- signals");
  fill();
  words[0] = 1, words[1] = 0, words[2] = 0, words[3] = 0x200, words[4] = 0;
  say("rt_sigaction: %ld", INT80(174, SIGUSR1, low, LOW(64), 8));
  say("of another size: %ld", INT80(174, SIGUSR1, 0, LOW(64), 4));
  say("the old: %x %x %x %x", words[16], words[17], words[19], words[21]);
  INT80(174, SIGUSR1, 0, LOW(64), 8);
  say("the new: %x %x %x %x %x", words[16], words[17], words[18], words[19], words[20]);
  fill();
  dump("sigaction", INT80(67, SIGUSR1, 0, low), 5);
  say("signal: %ld", INT80(48, SIGUSR2, 1));
  say("signal: %ld", INT80(48, SIGUSR2, 0));
  say("signal: %ld", INT80(48, SIGKILL, 0));
  say("kill: %ld", INT80(37, getpid(), SIGUSR1));
  signal(SIGUSR1, on_usr1);
  block(SIGUSR1);
  block(40);
  INT80(37, getpid(), SIGUSR1);
  fill();
  dump("sigpending", INT80(73, low), 2);
  fill();
  dump("sigprocmask", INT80(126, SIG_SETMASK, 0, low), 2);
  dump("rt_sigprocmask", INT80(175, SIG_SETMASK, 0, low, 8), 3);
  say("sgetmask: %lx", INT80(68));
  words[0] = 1 << (SIGUSR1 - 1);
  dump("sigprocmask SETMASK", INT80(126, SIG_SETMASK, low, 0), 1);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("signal 40 is blocked: %d", sigismember(&now, 40));
  words[0] = 1 << (SIGUSR1 - 1), words[1] = 0, words[2] = 0, words[3] = 0;
  long r = INT80(177, low, LOW(64), LOW(8), 8);
  say("rt_sigtimedwait: %ld %d %d %d %d %d", r, words[16], words[17], words[18], (pid_t)words[19] == getpid(), words[20] == getuid());
  say("once more: %ld", INT80(177, low, LOW(64), LOW(8), 8));
  say("ssetmask: %lx", INT80(69, 0));
  say("sgetmask: %lx", INT80(68));
  fill();
  words[0] = (unsigned)LOW(2048), words[1] = 0, words[2] = 2048;
  say("sigaltstack: %ld", INT80(186, low, 0));
  r = INT80(186, 0, LOW(64));
  say("sigaltstack: %ld %d %x %u", r, words[16] == LOW(2048), words[17], words[18]);
  words[1] = SS_DISABLE;
  INT80(186, low, 0);
}

static void times_and_limits(void) {
  say("-- times and limits");
  fill();
  long r = INT80(13, low);
  say("time: %d %x", r == (long)words[0], words[1]);
  r = INT80(78, low, 0);
  say("gettimeofday: %ld %d %d %x", r, labs((long)words[0] - time(NULL)) < 2, words[1] < 1000000, words[2]);
  r = INT80(265, CLOCK_MONOTONIC, low);
  say("clock_gettime: %ld %d %x", r, words[1] < 1000000000, words[2]);
  dump("clock_getres", INT80(266, CLOCK_MONOTONIC, low), 3);
  words[0] = 0, words[1] = 1000;
  say("nanosleep: %ld", INT80(162, low, 0));
  words[1] = 1000000000;
  say("nanosleep of too much: %ld, of nothing: %ld", INT80(162, low, 0), INT80(162, 0, 0));
  fill();
  words[0] = words[1] = words[3] = 0, words[2] = 50;
  dump("setitimer", INT80(104, ITIMER_REAL, low, LOW(16)), 8);
  fill();
  r = INT80(105, ITIMER_REAL, low);
  say("getitimer: %ld %u %x", r, words[2], words[4]);
  say("alarm: %d", INT80(27, 0) >= 49);
  fill();
  r = INT80(43, low);
  say("times: %d %x", r != -1, words[4]);
  fill();
  r = INT80(77, RUSAGE_SELF, low);
  say("getrusage: %ld %x", r, words[18]);
  struct rlimit limit = { 100, 1ul << 33 };
  must(setrlimit(RLIMIT_CORE, &limit));
  fill();
  dump("getrlimit", INT80(191, RLIMIT_CORE, low), 3);
  dump("old getrlimit", INT80(76, RLIMIT_CORE, low), 3);
  words[0] = 7, words[1] = 0xffffffff;
  say("setrlimit: %ld", INT80(75, RLIMIT_STACK + 100, low));
  words[0] = 50, words[1] = 60;
  say("setrlimit: %ld", INT80(75, RLIMIT_CORE, low));
  must(getrlimit(RLIMIT_CORE, &limit));
  say("now: %ld %ld", (long)limit.rlim_cur, (long)limit.rlim_max);
  fill();
  r = INT80(122, low);
  say("uname: %ld %s", r, low);
  fill();
  r = INT80(109, low);
  say("old uname: %ld %s, behind it %x", r, low, low[325]);
  fill();
  r = INT80(59, low);
  say("older uname: %ld %s, behind it %x", r, low, low[45]);
  fill();
  r = INT80(116, low);
  say("sysinfo: %ld, behind it %x", r, words[16]);
  say("nice: %ld", INT80(34, 3));
  say("getpriority: %ld", INT80(96, PRIO_PROCESS, 0));
}

static void processes(void) {
  say("-- processes");
  long pid = INT80(2);
  if (pid == 0) {
    say("the child has another rcx: %d", rcx_after > 4096);
    INT80(1, 5);
  }
  say("the parent: %lx", rcx_after);
  fill();
  long r = INT80(284, P_PID, pid, low, WEXITED | WNOWAIT, LOW(256));
  say("waitid: %ld %d %d %d %d %d", r, words[0], words[2], words[3] == (unsigned)pid, words[5], words[82] == 0xeeeeeeee);
  r = INT80(7, pid, low, 0);
  say("waitpid: %d %x", r == pid, words[0]);
  __asm__ volatile("int $0x80; test %%eax, %%eax; jnz 1f; mov $252, %%eax; mov $6, %%ebx; int $0x80; 1:"
                   : "=a"(pid) : "a"(190ul) : "rbx", "rcx", "r8", "r9", "r10", "r11", "memory");
  fill();
  r = INT80(114, pid, low, 0, LOW(64));
  say("vfork, wait4: %d %x %x", r == pid, words[0], words[34]);
  pid = INT80(120, SIGCHLD);
  if (pid == 0) {
    __asm__ volatile("push %%rax; pop %%rax" ::: "memory");
    INT80(1, 7);
  }
  say("clone: %s", reap((pid_t)pid));
  say("waitpid of nobody: %ld", INT80(7, ~0ul, low, 0));
  if (fork() == 0) {
    fill();
    strcpy((char *)low, "/proc/self/exe"), strcpy((char *)low + 100, "int80"), strcpy((char *)low + 120, "again"), strcpy((char *)low + 140, "A=b");
    words[50] = (unsigned)LOW(100), words[51] = (unsigned)LOW(120), words[52] = 0, words[53] = (unsigned)LOW(140), words[54] = 0;
    say("execve: %ld", INT80(11, low, LOW(200), LOW(212)));
    _exit(1);
  }
  say("%s", wait_str((wait(&(int){ 0 }), 0)));
  words[0] = ~0u, words[1] = (unsigned)LOW(100), words[2] = 0xfffff, words[3] = 0x51;
  long n = INT80(243, low);
  say("set_thread_area: %ld slot %d", n, words[0]);
  words[1] = words[2] = 0;
  r = INT80(244, low);
  say("get_thread_area: %ld %d %x %x", r, words[1] == LOW(100), words[2], words[3]);
  words[0] = 11;
  say("of another slot: %ld %ld", INT80(243, low), INT80(244, low));
}

int main(int argc, char **argv, char **envp) {
  if (argc > 1) {
    say("exec'd: %s %s %s", argv[0], argv[1], envp[0]);
    return 0;
  }
  go_to_scratch();
  low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  words = (unsigned *)low;
  numbers();
  files();
  memory();
  signals();
  times_and_limits();
  processes();
}
