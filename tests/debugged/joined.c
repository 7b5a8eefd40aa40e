/* Threads one after the other. */
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total;

static void *work(void *amount)
{
	pthread_mutex_lock(&lock);
	total += (long)amount;
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t threads[3];

	for (long n = 0; n < 3; n++) {
		pthread_create(&threads[n], NULL, work, (void *)(n + 1));
		pthread_join(threads[n], NULL);
	}
	printf("%ld\n", total);
	return 0;
}
