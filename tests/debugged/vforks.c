/* vfork, an exec that fails and one that does not. */
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	char *argv[] = { "/bin/true", NULL }, *envp[] = { NULL };
	pid_t pid = vfork();
	if (pid == 0) {
		execve("/nowhere", argv, envp);
		execve("/bin/true", argv, envp);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return 0;
}
