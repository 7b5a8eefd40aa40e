/* Two processes of the terminal's foreground group that wait; the first says that it is there. */
#include <unistd.h>

int main(void) {
  if (fork() != 0) write(1, "$", 1);
  pause();
  return 1;
}
