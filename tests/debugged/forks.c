/* A fork, a vfork and an exec. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int child(void)
{
	return 5;
}

static int parent(int status)
{
	return WEXITSTATUS(status);
}

int main(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child());
	waitpid(pid, &status, 0);
	printf("%d\n", parent(status));
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		execl("/usr/bin/false", "false", NULL);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	printf("%d\n", parent(status));
	return 0;
}
