/* A program that waits until somebody changes its mind. */
#include <unistd.h>

static volatile int go;

static int answer(void)
{
	return 40 + go;
}

int main(void)
{
	while (!go)
		usleep(10000);
	return answer();
}
