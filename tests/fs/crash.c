/* Dumps core with a second thread around, and sends the core file to standard output. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int answer = 42;
char text[] = "made by the program";
volatile char *heap, *shared;

static __attribute__((noinline)) void crash_here(int depth) {
  if (depth) crash_here(depth - 1);
  else *(volatile int *)0x123 = answer;
  __asm__ volatile("");
}
static void *second_thread(void *arg) {
  for (;;) pause();
  return arg;
}

int main(int argc, char **argv) {
  (void)argv;
  struct rlimit limit = { argc > 1 ? (rlim_t)atol(argv[1]) : RLIM_INFINITY, RLIM_INFINITY };
  setrlimit(RLIMIT_CORE, &limit);
  char scratch[] = "/tmp/crash-XXXXXX";
  if (!mkdtemp(scratch) || chdir(scratch)) return 5;
  int status;
  pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    answer = 4711;
    heap = malloc(100000);
    strcpy((char *)heap, "on the heap");
    shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strcpy((char *)shared, "shared");
    pthread_create(&thread, NULL, second_thread, NULL);
    usleep(1000);
    crash_here(3);
  }
  waitpid(child, &status, 0);
  int fd = open("core", O_RDONLY);
  if (fd == -1) return WCOREDUMP(status) ? 3 : 2;
  static char buffer[65536];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0)
    if (write(1, buffer, (size_t)n) != n) return 4;
  return WCOREDUMP(status) && WTERMSIG(status) == 11 ? 0 : 1;
}
