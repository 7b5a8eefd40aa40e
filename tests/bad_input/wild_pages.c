/* Pages that go through pipes, files and rings of events in any order, while their owners store to them, unmap them, fork
 * and are killed; argv: seed, rounds, how many processes there are at once.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS = 20, PAGES = 12, STEPS = 400 };

static uint64_t state;
static int fds[FDS];
static char *area;
static aio_context_t ctx;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int fd(void) { return (rnd() & 63) == 0 ? 3 + (int)(rnd() >> 58) : fds[rnd() % FDS]; }
static char *place(void) { return (rnd() & 31) == 0 ? (char *)rnd() : area + rnd() % (PAGES * 4096 + 100); }
static long length(void)
{
	switch (rnd() & 3) {
	case 0: return (long)(rnd() % 20);
	case 1: return 4096 * (long)(rnd() % 20);
	case 2: return (long)(rnd() % 70000);
	default: return (rnd() & 31) ? 4096 : (long)rnd();
	}
}

static void open_all(void)
{
	for (int i = 0; i < 12; i += 2)
		pipe2(fds + i, O_NONBLOCK);
	fds[12] = open("wild_a", O_CREAT | O_RDWR, 0600);
	fds[13] = open("wild_b", O_CREAT | O_RDWR, 0600);
	fds[14] = open("/dev/zero", O_RDWR);
	fds[15] = open("/dev/null", O_RDWR);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds + 16);
	fds[18] = eventfd(0, EFD_NONBLOCK);
	fds[19] = open("wild_a", O_RDWR | O_APPEND);
	ftruncate(fds[12], 50000);
}

static void submit(void)
{
	struct iocb many[6], *list[6];
	struct io_event events[8];
	struct timespec soon = { 0, (long)(rnd() % 3000000) };
	static struct iovec piece;
	for (int i = 0; i < 6; i++) {
		memset(&many[i], 0, sizeof many[i]);
		many[i].aio_lio_opcode = "\0\1\7\10\0\1\0\1\2\6"[rnd() % 10];
		many[i].aio_fildes = (uint32_t)fd();
		many[i].aio_buf = (uintptr_t)place();
		many[i].aio_nbytes = (uint64_t)length();
		if (many[i].aio_lio_opcode >= 7 && (rnd() & 7))
			piece.iov_base = place(), piece.iov_len = 100, many[i].aio_buf = (uintptr_t)&piece, many[i].aio_nbytes = 1;
		many[i].aio_offset = (long)(rnd() % 3 ? rnd() % 60000 : 0);
		many[i].aio_flags = (rnd() & 3) == 0, many[i].aio_resfd = (uint32_t)fd();
		list[i] = (rnd() & 31) ? &many[i] : (void *)place();
	}
	switch (rnd() & 7) {
	case 0: syscall(SYS_io_destroy, ctx), ctx = 0; break;
	case 1: syscall(SYS_io_setup, rnd() % 300, &ctx); break;
	case 2: syscall(SYS_io_getevents, ctx, rnd() % 3, 8L, (rnd() & 15) ? events : (void *)place(), &soon); break;
	case 3: if (ctx && (rnd() & 7) == 0) munmap((void *)ctx, 4096); break;
	default: syscall(SYS_io_submit, ctx, 6L, list);
	}
}

static void step(void)
{
	struct iovec v[3] = { { place(), (size_t)length() }, { place(), (size_t)length() }, { place(), 7 } };
	loff_t at = (loff_t)(rnd() % 60000), to = (loff_t)(rnd() % 60000);
	unsigned flags = rnd() & 15;
	int status;
	char *p = place();
	switch (rnd() % 22) {
	case 0: case 1: syscall(SYS_vmsplice, fd(), v, rnd() % 4, flags | SPLICE_F_NONBLOCK); break;
	case 2: case 3: syscall(SYS_tee, fd(), fd(), length(), flags | SPLICE_F_NONBLOCK); break;
	case 4: case 5: case 6: syscall(SYS_splice, fd(), 0L, fd(), 0L, length(), flags | SPLICE_F_NONBLOCK); break;
	case 7: syscall(SYS_splice, fd(), (rnd() & 1) ? &at : 0, fd(), (rnd() & 1) ? &to : 0, length(), flags); break;
	case 8: syscall(SYS_sendfile, fd(), fd(), (rnd() & 1) ? &at : 0, length() % 200000); break;
	case 9: read(fd(), p, (size_t)length() % 100000); break;
	case 10: case 11: write(fd(), p, (size_t)length() % 100000); break;
	case 12: readv(fd(), v, 3); break;
	case 13: fcntl(fd(), F_SETPIPE_SZ, rnd() % 140000); break;
	case 14: ftruncate(fd(), (off_t)(rnd() % 60000)); break;
	case 15: {
		long page = (long)(rnd() % PAGES) * 4096;
		int flag = (rnd() & 1) ? MAP_PRIVATE : MAP_SHARED;
		if (rnd() & 1) mmap(area + page, 4096, PROT_READ | PROT_WRITE, flag | MAP_FIXED, fds[12 + (rnd() & 1)], 0);
		else mmap(area + page, 4096, PROT_READ | PROT_WRITE, flag | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	}
	case 16: madvise(area + rnd() % PAGES * 4096, 4096, MADV_DONTNEED); break;
	case 17: mprotect(area + rnd() % PAGES * 4096, 4096, (int)(rnd() & 3)); break;
	case 18: {
		int i = (int)(rnd() % 6) * 2;
		if (rnd() & 7) break;
		close(fds[i]), close(fds[i + 1]);
		pipe2(fds + i, (rnd() & 3) ? O_NONBLOCK : 0);
		break;
	}
	case 19: fcntl(fd(), F_SETFL, (rnd() & 7) ? O_NONBLOCK : 0); break;
	case 20: waitpid(-1, &status, WNOHANG); break;
	default: submit();
	}
}

static void nothing(int sig) { (void)sig; }

static void life(uint64_t seed, int others)
{
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	state = seed * 0x9e3779b97f4a7c15 | 1;
	setitimer(ITIMER_REAL, &often, 0);
	for (int i = 0; i < STEPS; i++) {
		if (others > 0 && rnd() % 90 == 0 && fork() == 0) {
			ctx = (rnd() & 1) ? 0 : ctx;
			life(rnd(), others - 1);
		}
		if (rnd() % 60 == 0)
			kill(0, (rnd() & 3) ? SIGUSR1 : SIGALRM);
		step();
	}
	if ((rnd() & 3) == 0)
		kill(getpid(), SIGKILL);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = nothing };
	long rounds = argc > 2 ? atol(argv[2]) : 1;
	int status;
	sigaction(SIGALRM, &act, 0), sigaction(SIGUSR1, &act, 0);
	signal(SIGPIPE, SIG_IGN), signal(SIGXFSZ, SIG_IGN);
	for (long round = 0; round < rounds; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			open_all();
			area = mmap(0, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			life(strtoul(argv[1], 0, 10) * 1000 + (uint64_t)round, atoi(argv[3]));
		}
		setpgid(pid, pid);
		waitpid(pid, &status, 0);
		kill(-pid, SIGKILL);
	}
	while (waitpid(-1, &status, 0) > 0)
		continue;
	write(1, "survived\n", 9);
	return 0;
}
