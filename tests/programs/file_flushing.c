/* Calls that write files back, or advise on their use: what they accept of files, directories, pipes and bad descriptors. */
#include "check.h"

static void each(const char *what, int fd) {
  say("%s", what);
  show("  fsync", syscall(SYS_fsync, fd));
  show("  fdatasync", syscall(SYS_fdatasync, fd));
  show("  syncfs", syscall(SYS_syncfs, fd));
  show("  sync_file_range", syscall(SYS_sync_file_range, fd, 0L, 0L, 0));
  show("  sync_file_range, all flags", syscall(SYS_sync_file_range, fd, 1L, 2L, 7));
  if (fcntl(fd, F_GETFD) == -1) return;      /* today the descriptor is looked at before the flags */
  show("  sync_file_range, an unknown flag", syscall(SYS_sync_file_range, fd, 0L, 0L, 8));
  show("  sync_file_range, a negative offset", syscall(SYS_sync_file_range, fd, -1L, 0L, 0));
  show("  sync_file_range, a negative length", syscall(SYS_sync_file_range, fd, 0L, -1L, 0));
  for (int advice = 0; advice < 7; advice++)       /* 3, WILLNEED: see file_read_ahead.c */
    if (advice != 3) show("  fadvise", syscall(SYS_fadvise64, fd, 0L, 0L, advice));
  show("  fadvise, a negative length", syscall(SYS_fadvise64, fd, 0L, -1L, 0));
}

int main(void) {
  int ends[2];
  go_to_scratch();
  write_file("f", "text", 0644);
  must(pipe(ends));
  must(syscall(SYS_sync));
  each("a file", must(open("f", O_RDWR)));
  each("a file open for writing", must(open("f", O_WRONLY)));
  each("a directory", must(open(".", O_RDONLY)));
  each("a pipe", ends[0]);
  each("/dev/null", must(open("/dev/null", O_RDWR)));
  each("no file", 77);
  return 0;
}
