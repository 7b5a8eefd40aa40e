/* Shared memory stays shared over fork: anonymous, of a file, and through exec's end of it. */
#include "check.h"

int main(void) {
  go_to_scratch();
  write_file("file", "0123456789", 0644);
  int fd = (int)must(open("file", O_RDWR));
  char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  char *anon = shared_memory(4096);
  char buffer[20] = "";
  private[9] = 'p';
  pid_t child;
  CHILD(child) {
    strcpy(anon, "from the child");
    shared[0] = 'C';
    private[1] = 'X';
    _exit(0);
  }
  say("%s", reap(child));
  must(pread(fd, buffer, 10, 0));
  say("anonymous: %s", anon);
  say("file: %s, shared: %.10s, private: %.10s", buffer, shared, private);
  must(pwrite(fd, "W", 1, 2));
  say("a write to the file shows: shared %c, private's copied page %c", shared[2], private[2]);
  must(munmap(shared, 4096));
  must(ftruncate(fd, 0));
  return 0;
}
