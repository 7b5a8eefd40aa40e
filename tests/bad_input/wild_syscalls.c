/* Every system call of 3.2 with hostile arguments; argv: seed, rounds, first call, last call, how many others each
 * process makes after three of its own, and how many processes there are at once. Some of them are two threads, some live
 * in namespaces of their own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
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

static _Thread_local uint64_t state;
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

static int mix;

static void calls(long nr, int count)
{
	uint64_t a[6];
	for (int call = 0; call < count; call++) {
		for (int i = 0; i < 6; i++)
			a[i] = hostile();
		if (call >= 3)
			nr = rnd() % 312;
		if (call >= 3 && (nr == SYS_exit || nr == SYS_exit_group || nr == SYS_pause || nr == SYS_rt_sigsuspend))
			continue;
		if ((nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill || nr == SYS_rt_sigqueueinfo || nr == 297)
		    && a[1] != 0)
			a[0] = getpid();
		/* A sibling whose end would kill or stop our parent, which blocks all other signals. */
		if (nr == SYS_clone && ((a[0] & 0xff) == SIGKILL || (a[0] & 0xff) == SIGSTOP))
			a[0] &= ~(uint64_t)CLONE_PARENT;
		raw(nr, a);
	}
}

static void *thread(void *seed)
{
	state = (uint64_t)seed | 1;
	calls(rnd() % 312, 3 + mix / 2);
	return 0;
}

static void child(long nr)
{
	pthread_t other;
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
	uint64_t kind = rnd();
	if ((kind & 7) == 1)
		unshare(kind >> 8 & (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_FS | CLONE_FILES));
	if ((kind & 7) == 2)
		pthread_create(&other, 0, thread, (void *)rnd());
	calls(nr, 3 + mix);
	_exit(0);
}

static void some(long nr, int width)
{
	pid_t pids[64];
	int left = 0;
	for (int i = 0; i < width; i++) {
		for (int j = 0; j < 40; j++)
			rnd();
		uint64_t own = rnd();
		/* Now and then the first of a pid namespace. */
		pid_t pid = (own & 15) == 3 ? syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0) : fork();
		if (!pid) {
			state = own | 1;
			child((nr + i * 37) % 312);
		}
		if (pid < 0) {
			printf("fork: errno %d\n", errno);
			continue;
		}
		setpgid(pid, pid);
		pids[left++] = pid;
	}
	/* A process may have made itself deaf to its alarm, or left children that sleep forever. */
	struct timespec wait = { 3, 0 };
	for (int i = 0; i < left; i++) {
		for (int tries = 0; tries < 3 && waitpid(pids[i], 0, WNOHANG) == 0;)
			if (sigtimedwait(&all, 0, &wait) < 0) {
				kill(-pids[i], SIGKILL);
				kill(pids[i], SIGKILL);
				tries++;
			}
		kill(-pids[i], SIGKILL);
	}
	while (waitpid(-1, 0, WNOHANG) > 0)
		;
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	int rounds = atoi(argv[2]), first = atoi(argv[3]), last = atoi(argv[4]), width = atoi(argv[6]);
	mix = atoi(argv[5]);
	if (width < 1 || width > 64)
		return 2;
	state = strtoull(argv[1], 0, 0) * 0x9e3779b97f4a7c15 + 1;
	page = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap((void *)VAST, 1ULL << 42, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	munmap(page + 3 * 4096, 4096);
	mprotect(page + 2 * 4096, 4096, PROT_READ);
	/* Clones may be our children, and choose what signal tells us of their end. */
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &everything, 0, 8); /* the C library keeps some for itself */
	int out = fcntl(1, F_DUPFD_CLOEXEC, 900);
	syscall(SYS_unshare, CLONE_NEWIPC); /* System V objects end with it, not with us */
	open_things();
	for (int round = 0; round < rounds; round++)
		for (long nr = first; nr <= last; nr += width)
			some(nr, width);
	return write(out, "survived\n", 9) != 9;
}
