/* Functions, a loop, variables: what a debugger steps through. */
#include <stdio.h>

static int counter;
static int numbers[4];

static int square(int n)
{
	int result = n * n;
	return result;
}

static int sum(int last)
{
	int total = 0;
	for (int n = 1; n <= last; n++) {
		numbers[n] = square(n);
		total += numbers[n];
	}
	return total;
}

int main(void)
{
	counter = 1;
	int total = sum(3);
	counter = total;
	printf("%d %d %d\n", total, counter, square(numbers[3]));
	return 0;
}
