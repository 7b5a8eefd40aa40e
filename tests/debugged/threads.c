/* Threads that take turns. */
#include <pthread.h>
#include <stdio.h>

static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long turn, total;
static __thread long mine;

static void *work(void *number)
{
	mine = (long)number;
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&lock);
	while (turn != mine)
		pthread_cond_wait(&changed, &lock);
	total += 10 * mine;
	turn++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void begin(void)
{
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&lock);
	turn = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	pthread_t threads[2];

	pthread_barrier_init(&barrier, NULL, 3);
	for (long n = 0; n < 2; n++)
		pthread_create(&threads[n], NULL, work, (void *)(n + 1));
	begin();
	for (int n = 0; n < 2; n++)
		pthread_join(threads[n], NULL);
	printf("%ld\n", total);
	return 0;
}
