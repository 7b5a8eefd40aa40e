/* Who is killed: a child, and itself by a signal that it handled before, and one that it does not. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void handler(int sig) { (void)sig; }

int main(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	raise(SIGTERM);
	return 0;
}
