/* Signals that a debugger sees, passes on, holds back and sends. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile int handled;

static void handler(int sig)
{
	handled += sig;
}

int main(void)
{
	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR2);
	raise(SIGUSR2);
	printf("%d\n", handled);
	fflush(stdout);
	handled = getppid() == 1;
	*(volatile int *)16 = 1;
	return 0;
}
