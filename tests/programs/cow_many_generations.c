/* Ten generations, each changing one page of ten: every process sees its own history. */
#include "check.h"

enum { N = 10 };
static char *p;
static void generation(int n) {
  if (n == N) return;
  p[n * 4096] = (char)('a' + n);
  pid_t child;
  CHILD(child) {
    generation(n + 1);
    _exit(0);
  }
  wait_for(child);
  char text[N + 1] = "";
  for (int i = 0; i < N; i++) text[i] = p[i * 4096] ? p[i * 4096] : '.';
  say("%d: %s", n, text);
}

int main(void) {
  p = mmap(NULL, N * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  generation(0);
  return 0;
}
