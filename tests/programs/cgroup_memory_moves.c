/* The memory controller: hierarchies, what moves with a task and what stays, limits below what is used, and who is told. */
// differs: these hierarchies are gone from the kernels of today, or have other rules
#include "cgroup.h"

#include <sys/eventfd.h>

enum { PAGES = 100, SIZE = PAGES * 4096 };
static char *area;
static long num(const char *path) { return atol(get(path)); }
static long stat_of(const char *path, const char *what) { return atol(line_of(path, what) + strlen(what)); }
/* How many of the 100 pages a group has, roughly: as many hundreds. */
static long hundreds(const char *path, const char *what) { return (stat_of(path, what) / 4096 + 30) / PAGES; }
static void amounts(const char *what) {
  say("%s: b %ld + %ld, c %ld + %ld, a %ld of %ld", what, hundreds("c/a/b/memory.stat", "rss "), hundreds("c/a/b/memory.stat", "cache "), hundreds("c/a/c/memory.stat", "rss "), hundreds("c/a/c/memory.stat", "cache "), hundreds("c/a/memory.stat", "rss "), hundreds("c/a/memory.stat", "total_rss "));
}
static void event(const char *file, const char *args, int efd) {
  char text[100], path[60];
  snprintf(path, sizeof path, "c/a/%s", file);
  int fd = open(path, O_RDONLY);
  snprintf(text, sizeof text, "%d %d%s%s", efd, fd, *args ? " " : "", args);
  show(file, put("c/a/cgroup.event_control", text) > 0);
  close(fd);
}
static long heard(int efd) { uint64_t n = 0; return read(efd, &n, 8) == 8 ? (long)n : -1; }
static struct gate back, go;
static void done(void) { open_gate(&back), pass_gate(&go); }
static void await(void) { pass_gate(&back); }
static void next(void) { open_gate(&go); }

/* A process in b with 100 pages of its own, and a shared file of 100 pages. */
static void resident(int file) {
  put("c/a/b/tasks", "0");
  memset(area, 1, SIZE);
  char *shared = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memset(shared, 1, SIZE / 2), must(pwrite(file, area, SIZE / 2, SIZE / 2));
  done();
  _exit(0);
}

int main(void) {
  pid_t pid, other;
  working_directory();
  must(mount("none", "c", "cgroup", 0, "memory"));
  say("the top group uses some %d", num("c/memory.usage_in_bytes") > 0), set("c/memory.force_empty", "1");
  must(mkdir("c/a", 0755));
  set("c/a/memory.use_hierarchy", "1");
  must(mkdir("c/a/b", 0755)), must(mkdir("c/a/c", 0755));
  back = new_gate(), go = new_gate();
  must(mkdir("t", 0755)), must(mount("none", "t", "tmpfs", 0, NULL));
  int file = (int)must(open("t/file", O_CREAT | O_RDWR, 0600));
  must(ftruncate(file, SIZE)), area = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHILD(pid) resident(file);
  await();
  amounts("at first");
  say("usage counts above %d", num("c/a/memory.usage_in_bytes") >= 2 * SIZE && num("c/a/memory.usage_in_bytes") >= num("c/a/b/memory.usage_in_bytes"));
  long top = num("c/memory.usage_in_bytes");
  say("the top group has what nobody else has %d", top > 4096);
  say("mapped %d, active %ld hundreds, in files %ld", stat_of("c/a/b/memory.stat", "mapped_file ") >= 50 * 4096, hundreds("c/a/memory.stat", "total_active_anon "), hundreds("c/a/memory.stat", "total_cache "));
  set("c/a/memory.limit_in_bytes", "8M"), set("c/a/memory.memsw.limit_in_bytes", "16M"), set("c/a/b/memory.limit_in_bytes", "32M");
  say("%s", line_of("c/a/b/memory.stat", "hierarchical_memory_limit")), say("%s", line_of("c/a/b/memory.stat", "hierarchical_memsw_limit"));
  set("c/a/b/memory.limit_in_bytes", "100K"), set("c/a/memory.limit_in_bytes", "4K");
  say("failed %d", num("c/a/b/memory.failcnt") > 0), set("c/a/b/memory.limit_in_bytes", "-1");

  /* Without the flag charges stay, with it they come along: anonymous ones, files, both. */
  must(put_number("c/a/c/tasks", pid)), amounts("moved alone");
  must(put_number("c/a/b/tasks", pid)), put("c/a/c/memory.move_charge_at_immigrate", "1"), must(put_number("c/a/c/tasks", pid)), amounts("with its memory");
  put("c/a/b/memory.move_charge_at_immigrate", "2"), must(put_number("c/a/b/tasks", pid)), amounts("back without it");
  put("c/a/c/memory.move_charge_at_immigrate", "2"), must(put_number("c/a/c/tasks", pid)), amounts("with its files");
  put("c/a/b/memory.move_charge_at_immigrate", "3"), must(put_number("c/a/b/tasks", pid)), amounts("what another group has stays there");
  put("c/a/c/memory.move_charge_at_immigrate", "3"), must(put_number("c/tasks", pid));
  put_number("c/a/c/memory.limit_in_bytes", num("c/a/c/memory.usage_in_bytes") + 4096);
  amounts("at the top alone");
  show("too much for the group", put_number("c/a/c/tasks", pid)), amounts("from the top"), set("c/a/c/memory.limit_in_bytes", "-1");
  put("c/memory.move_charge_at_immigrate", "3"), must(put_number("c/a/b/tasks", pid)), must(put_number("c/tasks", pid)), amounts("to the top with all");
  put("c/memory.move_charge_at_immigrate", "0"), must(put_number("c/a/c/tasks", pid)), amounts("from the top with all");
  set("c/a/c/memory.limit_in_bytes", "200K");
  put("c/a/b/memory.limit_in_bytes", "200K"), show("there is no room", put_number("c/a/b/tasks", pid)), put("c/a/b/memory.limit_in_bytes", "-1");
  next(), reap(pid), amounts("it has ended");

  /* Pages that two have. */
  put("c/a/c/memory.move_charge_at_immigrate", "1");
  CHILD(pid) {
    put("c/a/b/tasks", "0"), memset(area, 1, SIZE);
    CHILD(other) {
      done();
      _exit(0);
    }
    wait_for(other), done();
    _exit(0);
  }
  await(), must(put_number("c/a/c/tasks", pid)), amounts("pages of two"), must(put_number("c/a/b/tasks", pid)), next(), await(), next(), reap(pid);
  CHILD(pid) {
    put("c/a/b/tasks", "0"), memset(area, 1, SIZE);
    for (int i = 0; i < 2; i++) if (!fork()) pass_gate(&go), _exit(0);
    done();
    while (wait(NULL) > 0) continue;
    _exit(0);
  }
  await(), must(put_number("c/a/c/tasks", pid)), amounts("pages of three"), next(), next(), next(), reap(pid);

  /* What a group that goes away leaves is above. */
  show("not empty", rmdir("c/a")), set("c/a/memory.force_empty", "1");
  long before = stat_of("c/a/memory.stat", "cache ");
  show("rmdir", rmdir("c/a/b")), say("its files are above now %ld", (stat_of("c/a/memory.stat", "cache ") - before) / 4096 / 90);
  show("rmdir", rmdir("c/a/c")), say("left above %ld", hundreds("c/a/memory.stat", "cache ")), say("usage counts once %d", num("c/a/memory.usage_in_bytes") < 3 * SIZE);

  /* Amounts that are crossed. */
  int low = eventfd(0, EFD_NONBLOCK), high = eventfd(0, EFD_NONBLOCK), full = eventfd(0, EFD_NONBLOCK), swap = eventfd(0, EFD_NONBLOCK);
  long base = num("c/a/memory.usage_in_bytes");
  char text[30];
  snprintf(text, sizeof text, "%ld", base + 300 * 4096L), event("memory.usage_in_bytes", text, low), event("memory.memsw.usage_in_bytes", text, swap);
  event("memory.usage_in_bytes", "1G", high), event("memory.usage_in_bytes", "junk", high), event("memory.oom_control", "", full);
  CHILD(pid) {
    put("c/a/tasks", "0");
    char *more = mmap(0, 1000 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(more, 1, 1000 * 4096), done();
    munmap(more, 1000 * 4096), memset(area, 1, SIZE);
    more = mmap(0, 200 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memset(more, 1, 200 * 4096), done();
    _exit(0);
  }
  await(), say("crossed: %ld %ld, not %ld", heard(low), heard(swap), heard(high)), next(), await(), say("and back: %d", heard(low) > 0), next(), reap(pid);
  close(low), close(high), close(swap);

  /* Who comes late is told at once that nothing is left. */
  set("c/a/memory.memsw.limit_in_bytes", "-1"), set("c/a/memory.limit_in_bytes", "8M"), put("c/a/memory.force_empty", "1");
  show("rmdir", rmdir("c/a")), must(mkdir("c/a", 0755)), event("memory.oom_control", "", full), set("c/a/memory.limit_in_bytes", "200K"), set("c/a/memory.oom_control", "1");
  CHILD(pid) put("c/a/tasks", "0"), memset(area, 1, SIZE), _exit(3);
  wait_state(pid, "D"), say("told %ld", heard(full));
  int late = eventfd(0, EFD_NONBLOCK);
  event("memory.oom_control", "", late), say("told at once %ld", heard(late)), see("c/a/memory.oom_control");
  must(mkdir("c/b", 0755)), put("c/b/memory.move_charge_at_immigrate", "1"), show("it can be moved", put_number("c/b/tasks", pid)), say("then %s", reap(pid));
  set("c/a/memory.memsw.limit_in_bytes", "300K"), set("c/a/memory.limit_in_bytes", "300K"), set("c/a/memory.oom_control", "0");
  CHILD(pid) put("c/a/tasks", "0"), memset(area, 1, SIZE), _exit(3);
  say("memory and swap are the limit: %s", reap(pid)), say("failed %d", num("c/a/memory.memsw.failcnt") > 0);
  set("c/a/memory.memsw.limit_in_bytes", "-1"), set("c/a/memory.limit_in_bytes", "-1"), set("c/a/memory.use_hierarchy", "1"), set("c/a/memory.limit_in_bytes", "300K"), must(mkdir("c/a/b", 0755));
  CHILD(pid) put("c/a/b/tasks", "0"), memset(area, 1, SIZE), _exit(3);
  say("the limit above: %s, failed here %d, above %d", reap(pid), num("c/a/b/memory.failcnt") > 0, num("c/a/memory.failcnt") > 0), show("rmdir", rmdir("c/a/b"));
  /* A file of a group whose neighbour above has no room for it. */
  show("rmdir", rmdir("c/a")), must(mkdir("c/a", 0755)), must(mkdir("c/a/b", 0755));
  CHILD(pid) put("c/a/b/tasks", "0"), must(ftruncate(file, 0)), must(write(file, area, SIZE)), _exit(0);
  reap(pid), set("c/a/memory.limit_in_bytes", "100K"), show("no room above", rmdir("c/a/b")), set("c/a/memory.limit_in_bytes", "-1"), show("rmdir", rmdir("c/a/b")), say("above %ld", hundreds("c/a/memory.stat", "cache "));
  show("rmdir", rmdir("c/a")), show("rmdir", rmdir("c/b"));
  must(umount("c")), must(umount2("t", MNT_DETACH));
  return 0;
}
