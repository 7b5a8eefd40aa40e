/* Two processes count together without a lock: a turn that ends between the load and the store loses an update. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES 10000

int main(void) {
  volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 2; i++)
    if (fork() == 0) {
      for (int n = 0; n < TIMES; n++) {
        int seen = *shared;
        __asm__ volatile("jmp 1f; 1:" : "+r"(seen)); /* a turn ends between two blocks of code */
        *shared = seen + 1;
      }
      _exit(0);
    }
  while (wait(NULL) > 0) continue;
  puts(*shared == 2 * TIMES ? "kept" : "lost");
  return 0;
}
