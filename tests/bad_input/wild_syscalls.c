/* Every system call of 3.2 with hostile arguments; argv: seed, rounds, first call, last call,
 * and how many others each process makes after three of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;
static const uint64_t everything = -1ULL;
static sigset_t all;
/* Terabytes of readable and writable memory that nobody has touched. */
#define VAST 0x100000000000
static char *page; /* 4 pages: good, good, read only, hole */

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t hostile(void)
{
	const uint64_t fixed[] = {
		0, 1, 2, 3, 4, 8, 0x1000, -1ULL, -2ULL, -4096ULL, 0xffff800000000000, 0x800000000000, 0x7ffffffff000,
		0x7fffffffffff, 1ULL << 62, 1ULL << 63, 0x7fffffffffffffff, 1ULL << 31, 1ULL << 32, 0xffffffff, 0x7fffffff,
		0x80000000, (uint64_t)VAST, 0x3ffffffffff, 4095, 4097, 1 << 20, 0xffffffffff600000, 12, 0xdeadbeef, 100, 1000, 65536, 64, 16,
	};
	uint64_t r = rnd();
	switch (r >> 8 & 15) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		return fixed[r % (sizeof fixed / sizeof fixed[0])];
	case 6: return r;
	case 7: return r >> 40 & 31;
	case 8: return 1ULL << (r >> 40 & 63);
	case 9: return (uint64_t)page + 4096;
	case 10: return (uint64_t)page + (r >> 40 & 4095);
	case 11: return (uint64_t)page + 8192 - (r >> 40 & 15);
	case 12: return (uint64_t)page + 12288 - (r >> 40 & 15);
	case 13: return (uint64_t)page + 8192 + (r >> 40 & 8191);
	case 14: return r >> 40 & 0xffff;
	default: return -(r >> 40 & 0xff);
	}
}

static long raw(long nr, const uint64_t *a)
{
	register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	long ret;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Descriptors of every kind. */
static void open_things(void)
{
	int p[2], s[2];
	static const char *const names[] = {
		"/", "/proc", "/proc/self/maps", "/proc/self/mem", "/dev/zero", "/dev/full", "/dev/null", "/tmp/file",
		"/dev/urandom", "/dev/tty", "/proc/self/fd", "/etc/passwd",
	};
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR), fd);
	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		puts("no pipe or socket");
	eventfd(0, 0);
	epoll_create(1);
	timerfd_create(CLOCK_MONOTONIC, 0);
	syscall(SYS_signalfd4, -1, page, 8, 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		open(names[i], i == 7 ? O_RDWR | O_CREAT : O_RDONLY, 0644);
	if (write(10, "some bytes", 10) != 10)
		write(4, "x", 1);
}

static void one(long nr, int mix)
{
	uint64_t a[6];
	pid_t pid = fork();
	if (pid > 0) {
		struct timespec wait = { 3, 0 };
		setpgid(pid, pid);
		/* A process may have made itself deaf to its alarm, or left children that sleep forever. */
		for (int tries = 0; tries < 3 && waitpid(pid, 0, WNOHANG) == 0;)
			if (sigtimedwait(&all, 0, &wait) < 0) {
				kill(-pid, SIGKILL);
				tries++;
			}
		kill(-pid, SIGKILL);
		while (waitpid(-1, 0, WNOHANG) > 0)
			;
		return;
	}
	if (pid < 0) {
		printf("fork: errno %d\n", errno);
		return;
	}
	setpgid(0, 0);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &everything, 0, 8);
	alarm(2);
	for (int i = 0; i < 4096 * 2; i += 8) {
		uint64_t v = rnd() & 1 ? hostile() : 0;
		memcpy(page + i, &v, 8);
	}
	if (rnd() & 1)
		strcpy(page + 8192 - 10, "/tmp/file");
	if (rnd() & 1)
		strcpy(page, rnd() & 1 ? "/proc/self/stat" : "/tmp");
	for (int call = 0; call < 3 + mix; call++) {
		for (int i = 0; i < 6; i++)
			a[i] = hostile();
		if (call >= 3)
			nr = rnd() % 312;
		if (call >= 3 && (nr == SYS_exit || nr == SYS_exit_group || nr == SYS_pause || nr == SYS_rt_sigsuspend))
			continue;
		if ((nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill || nr == SYS_rt_sigqueueinfo || nr == 297)
		    && a[1] != 0)
			a[0] = getpid();
		raw(nr, a);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	int rounds = atoi(argv[2]), first = atoi(argv[3]), last = atoi(argv[4]), mix = atoi(argv[5]);
	state = strtoull(argv[1], 0, 0) * 0x9e3779b97f4a7c15 + 1;
	page = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap((void *)VAST, 1ULL << 42, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	munmap(page + 3 * 4096, 4096);
	mprotect(page + 2 * 4096, 4096, PROT_READ);
	/* Clones may be our children, and choose what signal tells us of their end. */
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &everything, 0, 8); /* the C library keeps some for itself */
	int out = fcntl(1, F_DUPFD_CLOEXEC, 900);
	open_things();
	for (int round = 0; round < rounds; round++)
		for (long nr = first; nr <= last; nr++) {
			for (int i = 0; i < 40; i++)
				rnd();
			one(nr, mix);
		}
	return write(out, "survived\n", 9) != 9;
}
