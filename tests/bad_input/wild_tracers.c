/* Processes that trace one another, with any request at any time, while they stop, exec, fork, and are killed; argv: seed,
 * rounds, how many there are at once.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 16, THREADS = 48 };

static _Thread_local uint64_t state;
static volatile int *known; /* the numbers of all who live, and of some who do not */
static char *page;
static char *self;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int somebody(void)
{
	uint64_t r = rnd();
	if ((r & 63) == 0)
		return (int)(r >> 40);
	return known[r >> 8 & (THREADS - 1)];
}

static uint64_t word(void)
{
	uint64_t r = rnd();
	switch (r & 7) {
	case 0: return 0;
	case 1: return r >> 40 & 0x7f;
	case 2: return (uint64_t)page + (r >> 40 & 0x1fff);
	case 3: return r;
	case 4: return (uint64_t)&rnd;
	case 5: return 1ULL << (r >> 40 & 63);
	case 6: return (r >> 40 & 0x7f) * 8;
	default: return (uint64_t)page;
	}
}

static long trace(long request, int pid, uint64_t addr, uint64_t data)
{
	return syscall(SYS_ptrace, request, (long)pid, addr, data);
}

static void ask(int pid)
{
	static const int requests[] = {
		PTRACE_PEEKTEXT, PTRACE_PEEKUSER, PTRACE_POKETEXT, PTRACE_POKEUSER, PTRACE_KILL, PTRACE_SINGLESTEP, PTRACE_GETREGS,
		PTRACE_SETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, 18, 19, 21, 25, 26, 30, 31, 32, 33, 0x4200, 0x4201, 0x4202, 0x4203,
		0x4204, 0x4205, 0x4207, 0x4208, 0x4300, -1,
	};
	static const int signals[] = { 0, 0, 0, SIGUSR1, SIGSTOP, SIGCONT, SIGTERM, SIGCHLD, SIGTRAP, SIGKILL, 65 };
	uint64_t r = rnd();
	if ((r & 3) == 0) {
		uint64_t vec[2] = { word(), word() };
		memcpy(page, vec, sizeof vec);
		trace(requests[(r >> 8) % (sizeof requests / sizeof requests[0])], pid, word(), word());
	}
	if ((r & 4) == 0)
		trace(PTRACE_SETOPTIONS, pid, 0, r >> 20 & 0x7f);
	if ((r >> 30 & 7) == 0)
		trace(PTRACE_DETACH, pid, 0, (uint64_t)signals[(r >> 40) % 11]);
	else
		trace(r >> 31 & 3 ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, (uint64_t)signals[(r >> 40) % 11]);
}

static void note(void)
{
	known[rnd() & (THREADS - 1)] = (int)syscall(SYS_gettid);
}

static void turns(int);

static void *thread(void *seed)
{
	state = (uint64_t)seed | 1;
	note();
	turns(10);
	if (rnd() & 1)
		syscall(SYS_exit, 3);
	return 0;
}

static void one_turn(void)
{
	static const int signals[] = { SIGSTOP, SIGCONT, SIGUSR1, SIGTERM, SIGKILL, SIGCHLD, SIGTSTP, SIGTRAP };
	int status, pid = somebody();
	uint64_t r = rnd();
	switch (r >> 8 & 15) {
	case 0: trace(PTRACE_TRACEME, 0, 0, 0); break;
	case 1: case 2: trace(PTRACE_ATTACH, pid, 0, 0); break;
	case 3: trace(PTRACE_SEIZE, pid, 0, r >> 60 ? 0x80000000 : 0); break;
	case 4: case 5: case 6: case 7:
		pid = (int)waitpid(-1, &status, WNOHANG | __WALL | (r >> 20 & 3 ? 0 : WUNTRACED | WCONTINUED));
		if (pid > 0)
			ask(pid);
		break;
	case 8: ask(pid); break;
	case 9: if (pid > 2) kill(pid, signals[r >> 40 & 7]); break;
	case 10: if (pid > 2) syscall(SYS_tkill, pid, signals[r >> 40 & 7]); break;
	case 11:
		if (r >> 40 & 1) {
			pid = (int)syscall(SYS_clone, (r >> 48 & (CLONE_PTRACE | CLONE_UNTRACED | CLONE_PARENT)) | SIGCHLD, 0, 0, 0, 0);
		} else
			pid = (r >> 41 & 3) == 0 ? vfork() : fork();
		if (pid == 0) {
			note();
			if (r >> 41 & 1 || (r >> 40 & 7) == 0)
				_exit(1);
			turns(6);
			_exit(2);
		}
		break;
	case 12: {
		pthread_t t;
		if (pthread_create(&t, 0, thread, (void *)rnd()) == 0)
			pthread_detach(t);
		break;
	}
	case 13:
		if ((r >> 40 & 7) == 0)
			execl(self, self, "again", (char *)0);
		break;
	case 14: sched_yield(); break;
	case 15: usleep(1000); break;
	}
}

static void turns(int n)
{
	while (n--)
		one_turn();
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "again"))
		return 4;
	if (argc != 4)
		return 2;
	int rounds = atoi(argv[2]), width = atoi(argv[3]);
	if (width < 1 || width > MOST)
		return 2;
	self = argv[0];
	state = strtoull(argv[1], 0, 10) * 0x9e3779b97f4a7c15 + 0x12345;
	for (int i = 0; i < 20; i++)
		rnd();
	known = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int round = 0; round < rounds; round++) {
		uint64_t own = rnd();
		/* The first of a pid namespace: whatever becomes of the others, they end with it. */
		pid_t first = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
		if (first < 0)
			return 3;
		if (first == 0) {
			state = own | 1;
			for (int i = 0; i < THREADS; i++)
				known[i] = 2 + i % width;
			for (int i = 0; i < width; i++) {
				uint64_t seed = rnd();
				if (fork() == 0) {
					state = seed | 1;
					signal(SIGUSR1, seed & 2 ? SIG_IGN : SIG_DFL);
					alarm(2);
					turns(30);
					_exit(0);
				}
			}
			usleep(50000);
			_exit(0);
		}
		int status;
		if (waitpid(first, &status, 0) != first || status)
			printf("round %d: status %x\n", round, status);
	}
	puts("survived");
	return 0;
}
