/* lseek(): every whence, holes, errors; an offset shared by parent and child, and O_APPEND from both. */
#include "check.h"

int main(void) {
  go_to_scratch();
  int fd = (int)must(open("f", O_RDWR | O_CREAT, 0644));
  must(write(fd, "0123456789", 10));
  show("SET", lseek(fd, 3, SEEK_SET));
  show("CUR", lseek(fd, 2, SEEK_CUR));
  show("END", lseek(fd, -1, SEEK_END));
  show("before the start", lseek(fd, -1, SEEK_SET));
  show("bad whence", lseek(fd, 0, 9));
  show("beyond the end", lseek(fd, 20, SEEK_SET));
  must(write(fd, "x", 1));
  char buffer[30];
  must(pread(fd, buffer, 21, 0));
  say("hole is zero: %d, after it %c", buffer[15] == 0, buffer[20]);
  show("pread beyond", pread(fd, buffer, 5, 100));
  show("pread moves nothing", lseek(fd, 0, SEEK_CUR));
  lseek(fd, 0, SEEK_SET);
  pid_t child;
  CHILD(child) {
    must(lseek(fd, 5, SEEK_SET));
    _exit(0);
  }
  wait_for(child);
  show("moved by the child", lseek(fd, 0, SEEK_CUR));
  int a = (int)must(open("log", O_WRONLY | O_CREAT | O_APPEND, 0644));
  for (int i = 0; i < 3; i++) {
    CHILD(child) {
      int own = (int)must(open("log", O_WRONLY | O_APPEND));
      for (int j = 0; j < 50; j++) must(write(own, "child...\n", 9));
      _exit(0);
    }
  }
  for (int j = 0; j < 50; j++) must(write(a, "parent..\n", 9));
  while (wait(NULL) > 0) continue;
  struct stat st;
  must(fstat(a, &st));
  say("log size %d", (int)st.st_size);
  return 0;
}
