/* Requests that a socket does not know: 3.2 reads a struct ifreq before it looks which one it is. */
#include "check.h"
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
// differs: later kernels look at the number of the request first, and never read what an unknown one points to

int main(void) {
  int fds[3], families[] = { AF_UNIX, AF_INET, AF_INET6 };
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(page + 4096, 4096));
  for (int i = 0; i < 3; i++) {
    say("family %d", families[i]);
    fds[i] = (int)must(socket(families[i], SOCK_STREAM, 0));
    show("TIOCSCTTY, 0", ioctl(fds[i], TIOCSCTTY, 0));
    show("TCGETS", ioctl(fds[i], TCGETS, page));
    show("isatty", isatty(fds[i]));
    show("nonsense", ioctl(fds[i], 0x12345678, page));
    show("nonsense, 40 bytes", ioctl(fds[i], 0x12345678, page + 4096 - 40));
    show("nonsense, 39 bytes", ioctl(fds[i], 0x12345678, page + 4096 - 39));
    show("nonsense, NULL", ioctl(fds[i], 0x12345678, 0));
    show("SIOCGIFINDEX, NULL", ioctl(fds[i], SIOCGIFINDEX, 0));
  }
  return 0;
}
