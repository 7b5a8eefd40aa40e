/* A system that never rests: fork, exec, exit, signals, memory, files, again and again; argv: turns, how often a mark. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void nothing(int sig)
{
	(void)sig;
}

static void turn(char *self, int i)
{
	int p[2], s[2];
	char name[64], byte = 0;
	char *args[] = { self, 0 };
	pid_t pid;
	unsigned char *m = mmap(0, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(m + 4096 * (i & 7), "\xb8\x01\0\0\0\xc3", 6);
	if (((int (*)(void))(m + 4096 * (i & 7)))() != 1)
		_exit(3);
	snprintf(name, sizeof name, "/tmp/churn%d", i);
	int fd = open(name, O_CREAT | O_RDWR, 0600);
	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s) || write(fd, m, 65536) != 65536 || write(p[1], m, 4096) != 4096)
		_exit(4);
	pid = fork();
	if (!pid) {
		m[0] = 1;
		if (i & 1)
			execv(self, args);
		_exit(0);
	}
	waitpid(pid, 0, 0);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	kill(pid, i & 1 ? SIGKILL : SIGTERM);
	waitpid(pid, 0, 0);
	raise(SIGUSR1);
	if (write(s[0], &byte, 1) != 1)
		_exit(5);
	unlink(name);
	close(fd);
	close(p[0]);
	close(p[1]);
	close(s[0]);
	close(s[1]);
	munmap(m, 65536);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 0;
	signal(SIGUSR1, nothing);
	for (int i = 1; i <= atoi(argv[1]); i++) {
		turn(argv[0], i);
		if (i % atoi(argv[2]) == 0 && write(1, ".", 1) != 1)
			return 1;
	}
	return 0;
}
