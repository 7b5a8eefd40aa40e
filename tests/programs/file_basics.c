/* Files: create, exclusive, truncate, permissions, links, renames, directories, and their errors. */
#include "check.h"

int main(void) {
  struct stat st;
  char text[100];
  go_to_scratch();
  show_ok("create", open("a", O_CREAT | O_WRONLY, 0666));
  must(stat("a", &st));
  say("mode %03o, size %d, links %d", st.st_mode & 0777, (int)st.st_size, (int)st.st_nlink);
  show("exclusive", open("a", O_CREAT | O_EXCL | O_WRONLY, 0666));
  show("missing", open("b", O_RDONLY));
  show("a file as directory", open("a/b", O_RDONLY));
  show("O_DIRECTORY on a file", open("a", O_DIRECTORY));
  show("write a directory", open(".", O_WRONLY));
  write_file("a", "0123456789", 0600);
  show("truncate", truncate("a", 4));
  must(stat("a", &st));
  say("size %d", (int)st.st_size);
  show("link", link("a", "hard"));
  show("symlink", symlink("a", "soft"));
  show("dangling", symlink("nowhere", "dangling"));
  ssize_t n = readlink("soft", text, sizeof text);
  say("readlink %d %.1s", (int)n, text);
  must(lstat("soft", &st));
  say("lstat: symlink %d", S_ISLNK(st.st_mode));
  must(stat("a", &st));
  say("links %d", (int)st.st_nlink);
  show("open dangling", open("dangling", O_RDONLY));
  show("O_NOFOLLOW", open("soft", O_RDONLY | O_NOFOLLOW));
  show("mkdir", mkdir("d", 0755));
  show("mkdir again", mkdir("d", 0755));
  show("mkdir below nothing", mkdir("x/y", 0755));
  show("rename into", rename("hard", "d/hard"));
  show("rmdir full", rmdir("d"));
  show("unlink a directory", unlink("d"));
  show("rmdir a file", rmdir("a"));
  show("unlink", unlink("d/hard"));
  show("rmdir", rmdir("d"));
  show("rename missing", rename("zz", "yy"));
  show("rename over", rename("soft", "dangling"));
  show("access", access("a", R_OK | W_OK));
  show("access x", access("a", X_OK));
  show("access missing", access("zz", F_OK));
  show("chmod", chmod("a", 0400));
  must(stat("a", &st));
  say("mode %03o", st.st_mode & 07777);
  int fd = (int)must(open("a", O_RDONLY));
  show("write to read-only", write(fd, "x", 1));
  must(unlink("a"));
  must(fstat(fd, &st));
  n = read(fd, text, 100);
  say("unlinked but open: links %d, reads %d", (int)st.st_nlink, (int)n);
  return 0;
}
