/* Use up one resource; argv: which. Ends by itself with what the kernel says, or is killed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile char sink;

static __attribute__((noinline)) int deeper(int n)
{
	volatile char frame[4096];
	frame[0] = n;
	if (n == -1)
		return 0;
	return deeper(n + 1) + frame[0];
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t n = 0;
	if (!strcmp(what, "touch")) {
		for (;; n++) {
			char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (p == MAP_FAILED)
				break;
			for (int i = 0; i < 1 << 20; i += 4096)
				p[i] = 1;
		}
	} else if (!strcmp(what, "sparse")) {
		/* A page table or two for each page. */
		for (uint64_t at = 1ULL << 32; at < 1ULL << 46; at += 1ULL << 30, n++) {
			char *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			if (p == MAP_FAILED)
				break;
			*p = 1;
		}
	} else if (!strcmp(what, "sparseread")) {
		for (uint64_t at = 1ULL << 32; at < 1ULL << 46; at += 1ULL << 30, n++) {
			char *p = mmap((void *)at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			if (p == MAP_FAILED)
				break;
			sink = *p;
		}
	} else if (!strcmp(what, "maps")) {
		for (;; n++)
			if (mmap(0, 4096, n & 1 ? PROT_READ : PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
				break;
	} else if (!strcmp(what, "brk")) {
		/* Not by sbrk(), which musl does not have. */
		struct rlimit limit = { 1 << 30, 1 << 30 };
		setrlimit(RLIMIT_AS, &limit);
		uint64_t at = syscall(SYS_brk, 0);
		while ((uint64_t)syscall(SYS_brk, at + ((n + 1) << 24)) == at + ((n + 1) << 24))
			n++;
		errno = 0;
	} else if (!strcmp(what, "brktouch")) {
		char *start = (char *)syscall(SYS_brk, 0);
		for (; (char *)syscall(SYS_brk, start + ((n + 1) << 20)) == start + ((n + 1) << 20); n++)
			memset(start + (n << 20), 1, 1 << 20);
	} else if (!strcmp(what, "stack")) {
		return deeper(0);
	} else if (!strcmp(what, "file")) {
		static char buf[1 << 20];
		int fd = open("/tmp/big", O_RDWR | O_CREAT, 0600);
		while (write(fd, buf, sizeof buf) > 0)
			n++;
	} else if (!strcmp(what, "sparsefile")) {
		int fd = open("/tmp/big", O_RDWR | O_CREAT, 0600);
		if (ftruncate(fd, 1LL << 40))
			perror("ftruncate");
		char *p = mmap(0, 1LL << 40, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			perror("mmap");
		else
			for (;; n++)
				p[n << 22] = 1;
	} else if (!strcmp(what, "pipes")) {
		int p[2];
		static char buf[65536];
		while (!pipe2(p, O_NONBLOCK)) {
			n++;
			if (write(p[1], buf, sizeof buf) < 0)
				break;
		}
	} else if (!strcmp(what, "forks")) {
		pid_t pid;
		while ((pid = fork()) > 0)
			n++;
		if (!pid)
			for (;;)
				pause();
		int e = errno;
		kill(0, SIGTERM);
		errno = e;
	} else if (!strcmp(what, "shared")) {
		char *p = mmap(0, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < 20; i++)
			if (!fork()) {
				char *q = mmap(0, 1 << 22, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				for (int j = 0; j < 1 << 22; j += 4096)
					p[j & ((1 << 24) - 1)] = q[j] = 1;
				_exit(0);
			}
		int status;
		while (wait(&status) > 0)
			n += WIFSIGNALED(status);
	} else if (!strcmp(what, "argv")) {
		static char *args[40000];
		static char text[1000];
		memset(text, 'x', sizeof text - 1);
		for (int i = 0; i < 39999; i++)
			args[i] = text;
		execv("/bin/true", args);
	} else if (!strcmp(what, "longarg")) {
		char *text = malloc(140000);
		memset(text, 'x', 139999);
		text[139999] = 0;
		char *args[] = { "x", text, 0 };
		execv("/bin/true", args);
	} else if (!strcmp(what, "endlessargv")) {
		uint64_t *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (int i = 0; i < 1 << 17; i++)
			p[i] = (uint64_t)"";
		execv("/bin/true", (char **)p);
	} else if (!strcmp(what, "hugeread")) {
		int fd = open("/dev/zero", O_RDONLY);
		char *p = mmap(0, 1ULL << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			perror("mmap");
		n = read(fd, p, 1ULL << 40);
	} else if (!strcmp(what, "hugewrite")) {
		int fd = open("/dev/null", O_WRONLY), out = open("/tmp/huge", O_WRONLY | O_CREAT, 0600), p[2];
		char *m = mmap(0, 1ULL << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (m == MAP_FAILED)
			perror("mmap");
		n = write(fd, m, 1ULL << 40);
		if (pipe2(p, O_NONBLOCK) || write(p[1], m, 1ULL << 40) != 65536)
			puts("pipe?");
		n = write(out, m, 1ULL << 40);
	} else if (!strcmp(what, "creat")) {
		char name[40];
		int fd;
		for (;; n++) {
			sprintf(name, "/tmp/f%lu", n);
			if ((fd = open(name, O_CREAT | O_RDWR, 0600)) < 0)
				break;
			close(fd);
		}
	} else if (!strcmp(what, "stat")) {
		char name[40];
		for (; n < 100000; n++) {
			sprintf(name, "/tmp/f%lu", n);
			access(name, 0);
		}
	} else if (!strcmp(what, "deep")) {
		while (n < 30000 && !mkdir("d", 0700) && !chdir("d"))
			n++;
		char *path = getcwd(0, 0);
		printf("%d\n", path ? (int)strlen(path) : -errno);
		close(open("x", O_CREAT | O_RDWR, 0600));
		rename("x", "y");
		int fd = open("../../../../..", O_RDONLY);
		char link[64], text[4096];
		sprintf(link, "/proc/self/fd/%d", fd);
		printf("%d\n", (int)readlink(link, text, sizeof text));
		printf("%d\n", (int)readlink("/proc/self/cwd", text, sizeof text));
		if (!fork())
			_exit(chroot(".") || chdir("/"));
		wait(0);
	} else if (!strcmp(what, "manymaps")) {
		for (;; n++)
			if (mmap(0, 4096, n & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
				break;
		for (n = 0; n < 200; n++) {
			pid_t pid = fork();
			if (!pid)
				for (;;)
					pause();
			if (pid < 0)
				break;
		}
		int e = errno;
		signal(SIGTERM, SIG_IGN);
		kill(0, SIGTERM);
		errno = e;
	} else if (!strcmp(what, "manypipes")) {
		static char buf[65536];
		int p[2];
		pid_t pid = 0;
		for (n = 0; n < 200; n++) {
			pid = fork();
			if (pid <= 0)
				break;
		}
		if (!pid) {
			while (!pipe2(p, O_NONBLOCK))
				if (write(p[1], buf, sizeof buf) <= 0)
					break;
			if (errno == ENOMEM)
				_exit(1);
			for (;;)
				pause();
		}
		sleep(1);
	} else if (!strcmp(what, "manysockets")) {
		static char buf[1 << 20];
		int p[2];
		pid_t pid = 0;
		for (n = 0; n < 100; n++) {
			pid = fork();
			if (pid <= 0)
				break;
		}
		if (!pid) {
			while (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p))
				if (write(p[1], buf, sizeof buf) <= 0)
					break;
			for (;;)
				pause();
		}
		sleep(1);
	} else if (!strcmp(what, "passedsockets")) {
		/* Descriptors in flight inside each other: no process holds them. */
		int p[2], q[2];
		socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
		for (; n < 100000; n++) {
			struct iovec iov = { "x", 1 };
			char control[CMSG_SPACE(8)];
			struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
			struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
			if (socketpair(AF_UNIX, SOCK_DGRAM, 0, q))
				break;
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(8);
			/* First the new one into the one before, which nothing limits; or the old ones into the new one. */
			int down = argc > 2;
			memcpy(CMSG_DATA(c), down ? q : p, 8);
			if (sendmsg(down ? p[0] : q[0], &msg, MSG_DONTWAIT) < 0)
				break;
			if (!down || n)
				close(p[1]);
			close(p[0]);
			memcpy(p, q, sizeof p);
		}
	}
	int e = errno;
	printf("%s: errno %d after %lu\n", what, e, n);
	return 0;
}
