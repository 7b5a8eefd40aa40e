/* A task's name is bytes: what is no UTF-8, or was cut within a character, comes back as it was set. */
#include "check.h"

static void bytes(const char *what, const char *data, size_t size) {
  printf("%s:", what);
  for (size_t i = 0; i < size; i++)
    printf(" %02x", (unsigned char)data[i]);
  printf("\n");
}

static void name(const char *text) {
  char got[17] = "", comm[32];
  must(prctl(PR_SET_NAME, text));
  must(prctl(PR_GET_NAME, got));
  bytes("prctl", got, strlen(got));
  int fd = (int)must(open("/proc/self/comm", O_RDONLY));
  bytes("comm", comm, (size_t)must(read(fd, comm, sizeof comm)));
  close(fd);
}

int main(void) {
  name("\xc3\xa4 two bytes");
  name("\xff\xfe none");
  name("12345678901234\xc3\xa4");
  return 0;
}
