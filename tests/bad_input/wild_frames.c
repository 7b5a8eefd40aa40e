/* rt_sigreturn to frames of noise, real frames damaged, frames for stacks that are none; argv: seed, frames. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t odd(uint64_t page)
{
	static const uint64_t fixed[] = {
		0, 1, -1ULL, 0x1000, 0x7ffffffff000, 0x800000000000, 0xffff800000000000, 0xffffffffff600000, 1ULL << 62, 0x33, 0x2b,
		0x23, 0x10, 0x100, 0x20202, 0x3000, 0x4000, 0x200000,
	};
	uint64_t r = rnd();
	return r & 1 ? fixed[(r >> 8) % (sizeof fixed / sizeof fixed[0])] : r & 2 ? r : page + (r >> 8 & 16383);
}

static void sigreturn_at(void *sp)
{
	__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall; hlt" :: "r"(sp) : "memory");
	__builtin_unreachable();
}

static int mutations;
static uint64_t area;

static void handler(int sig, siginfo_t *info, void *context)
{
	/* Break the real frame in a few places. */
	ucontext_t *uc = context;
	uint64_t *words = context;
	(void)sig;
	(void)info;
	for (int i = 0; i < mutations; i++) {
		uint64_t r = rnd();
		if ((r & 7) == 7 && uc->uc_mcontext.fpregs)
			((uint32_t *)uc->uc_mcontext.fpregs)[6] = r >> 32; /* mxcsr */
		else if (r & 1 && uc->uc_mcontext.fpregs)
			((uint64_t *)uc->uc_mcontext.fpregs)[(r >> 8) % 64] = odd(area);
		else
			words[(r >> 8) % 38] = odd(area);
	}
	signal(SIGUSR1, SIG_DFL);
}

/* Another frame on top, until the stack is full. */
static void deeper(int sig)
{
	if (rnd() & 15)
		raise(sig);
}

/* Deliver a signal to a stack that is full, read only, not there, or no address at all. */
static void on_no_stack(void)
{
	struct sigaction sa = { .sa_handler = deeper, .sa_flags = SA_ONSTACK | SA_NODEFER };
	uint64_t r = rnd();
	/* Some of these come back for ever. */
	struct itimerval soon = { { 0, 0 }, { 0, 2000 } };
	setitimer(ITIMER_REAL, &soon, 0);
	stack_t ss = { .ss_sp = (void *)odd(area), .ss_size = r & 1 ? 2048 + (r >> 8 & 4095) : odd(area) };
	int sigs[] = { SIGUSR1, SIGSEGV, SIGILL, SIGTRAP };
	mprotect((void *)(area + 4096), 4096, r & 2 ? PROT_READ : PROT_READ | PROT_WRITE);
	if (r & 4)
		sigaltstack(&ss, 0);
	for (int i = 0; i < 4; i++)
		sigaction(sigs[i], &sa, 0);
	if (r & 8)
		raise(SIGUSR1);
	uint64_t sp = odd(area);
	if (r & 16)
		__asm__ volatile("mov %0, %%rsp; mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi; mov $62, %%eax; syscall; ud2"
				 :: "r"(sp) : "memory");
	__asm__ volatile("mov %0, %%rsp; std; int3; push %%rax; hlt" :: "r"(sp) : "memory");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int count = atoi(argv[2]), ended[65] = { 0 };
	state = strtoull(argv[1], 0, 0) * 0x9e3779b97f4a7c15 + 1;
	area = (uint64_t)mmap(0, 16384, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap((void *)(area + 12288), 4096);
	for (int i = 0; i < count; i++) {
		int status;
		rnd();
		pid_t pid = fork();
		if (!pid) {
			for (int j = 0; j < i * 7 % 100; j++)
				rnd();
			alarm(1);
			if (i % 3 == 2)
				on_no_stack();
			if (i & 1) {
				struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
				mutations = 1 + rnd() % 3;
				sigaction(SIGUSR1, &sa, 0);
				raise(SIGUSR1);
				_exit(0);
			}
			for (int j = 0; j < 12288; j += 8) {
				uint64_t v = odd(area);
				memcpy((char *)area + j, &v, 8);
			}
			sigreturn_at((void *)(rnd() & 7 ? area + (rnd() & 0x2ff8) : odd(area)));
		}
		waitpid(pid, &status, 0);
		ended[WIFSIGNALED(status) ? WTERMSIG(status) : 0]++;
	}
	printf("ended %d SEGV %d others", ended[0], ended[SIGSEGV]);
	for (int i = 1; i < 65; i++)
		if (ended[i] && i != SIGSEGV)
			printf(" %d:%d", i, ended[i]);
	puts("\nsurvived");
	return 0;
}
