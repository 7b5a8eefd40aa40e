/* Execute DIR/0 … DIR/COUNT-1, each in a child; argv: DIR, COUNT, milliseconds that each has (2). One line for each:
 * what became of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
		return 2;
	long ms = argc == 4 ? atol(argv[3]) : 2;
	int count = atoi(argv[2]);
	setvbuf(stdout, 0, _IOLBF, 0);
	for (int i = 0; i < count; i++) {
		char path[4096];
		int status, p[2], error = 0;
		snprintf(path, sizeof path, "%s/%d", argv[1], i);
		if (pipe(p))
			return 3;
		pid_t pid = fork();
		if (!pid) {
			char *args[] = { path, 0 }, *env[] = { 0 };
			struct rlimit core = { 0, 0 };
			setrlimit(RLIMIT_CORE, &core);
			const struct itimerval soon = { { 0, 0 }, { ms / 1000, ms % 1000 * 1000 } };
			setitimer(ITIMER_REAL, &soon, 0);
			close(0);
			close(1);
			close(2);
			close(p[0]);
			/* The pipe says whether the program was replaced: it is closed then. */
			if (dup2(p[1], 200) != 200 || close(p[1]))
				_exit(99);
			fcntl(200, F_SETFD, FD_CLOEXEC);
			execve(path, args, env);
			error = errno;
			if (write(200, &error, sizeof error) != sizeof error)
				_exit(98);
			_exit(0);
		}
		close(p[1]);
		long got = read(p[0], &error, sizeof error);
		close(p[0]);
		waitpid(pid, &status, 0);
		while (waitpid(-1, 0, WNOHANG) > 0)
			;
		if (got == sizeof error)
			printf("%d: errno %d\n", i, error);
		else if (WIFSIGNALED(status))
			printf("%d: signal %d\n", i, WTERMSIG(status));
		else
			printf("%d: exit %d\n", i, WEXITSTATUS(status));
	}
	puts("survived");
	return 0;
}
