/* What the calls that make, remove and rename names answer, and in which order they look. */
#include "check.h"

int main(void) {
  char buffer[64];
  go_to_scratch();
  must(mkdir("d", 0755));
  must(mkdir("d/e", 0755));
  write_file("f", "contents", 0644);
  must(symlink("f", "link"));
  must(symlink("missing", "dangling"));
  must(symlink("loop", "loop"));

  show_ok("open ''", open("", O_RDONLY));
  show_ok("open f/", open("f/", O_RDONLY));
  show_ok("open f/x", open("f/x", O_RDONLY));
  show_ok("open loop", open("loop", O_RDONLY));
  show_ok("open link O_NOFOLLOW", open("link", O_RDONLY | O_NOFOLLOW));
  show_ok("open d O_WRONLY", open("d", O_WRONLY));
  show_ok("open f O_DIRECTORY", open("f", O_RDONLY | O_DIRECTORY));
  show_ok("open new/ O_CREAT", open("new/", O_CREAT | O_RDWR, 0644));
  show_ok("open f O_EXCL", open("f", O_CREAT | O_EXCL | O_RDWR, 0644));
  show_ok("open dangling O_EXCL", open("dangling", O_CREAT | O_EXCL | O_RDWR, 0644));
  show_ok("open dangling O_CREAT", open("dangling", O_CREAT | O_RDWR, 0644));
  show_ok("and its target is there", access("missing", F_OK));

  show_ok("mkdir d", mkdir("d", 0755));
  show_ok("mkdir new/", mkdir("new/", 0755));
  show_ok("mkdir f/x", mkdir("f/x", 0755));
  show_ok("rmdir d", rmdir("d"));
  show_ok("rmdir d/e/.", rmdir("d/e/."));
  show_ok("rmdir d/e/..", rmdir("d/e/.."));
  show_ok("rmdir f", rmdir("f"));
  show_ok("unlink d", unlink("d"));
  show_ok("unlink f/", unlink("f/"));
  show_ok("unlink none", unlink("none"));
  show_ok("link d", link("d", "hard"));
  show_ok("link f over d", link("f", "d"));
  show_ok("link link", link("link", "link2"));
  show("a link to a link is a link", readlink("link2", buffer, sizeof buffer));
  show_ok("symlink ''", symlink("", "empty"));

  show_ok("rename d into itself", rename("d", "d/e/x"));
  show_ok("rename over its parent", rename("d/e", "d"));
  show_ok("rename f over d", rename("f", "d"));
  show_ok("rename d over f", rename("d", "f"));
  show_ok("rename f to x/", rename("f", "x/"));
  show_ok("rename .", rename(".", "x"));
  show_ok("rename new over d/e", rename("new", "d/e"));
  show_ok("rename d over itself", rename("d", "d"));
  struct stat st;
  must(stat("d", &st));
  say("links of d: %d", (int)st.st_nlink);

  int fd = (int)must(open("f", O_RDWR));
  must(unlink("f"));
  must(fstat(fd, &st));
  say("unlinked: %d links, %d bytes", (int)st.st_nlink, (int)st.st_size);
  must(mkdir("cwd", 0755));
  must(chdir("cwd"));
  must(rmdir("../cwd"));
  show_ok("getcwd", getcwd(buffer, sizeof buffer) ? 0 : -1);
  show_ok("open in a removed directory", open("x", O_CREAT | O_RDWR, 0644));
  show_ok("mkdir in a removed directory", mkdir("x", 0755));
  show_ok("stat ..", stat("..", &st));
  return 0;
}
