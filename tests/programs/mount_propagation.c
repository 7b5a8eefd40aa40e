/* Peer groups, slaves, and what cannot be bound: where a mount goes besides. */
// needs: root
// differs: later kernels put what propagates below a mount under it, and change types in their own namespace only
#include "check.h"
#include <sys/mount.h>

static char scratch[200];
static int groups[50], known;

/* Groups are named by the order in which they are met. */
static char group(int id) {
  for (int i = 0; i < known; i++)
    if (groups[i] == id) return (char)('A' + i);
  groups[known] = id;
  return (char)('A' + known++);
}

/* The mounts below the scratch directory, with what mountinfo says of their propagation. */
static void tree(const char *what) {
  say("%s", what);
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[1000];
  while (fgets(line, sizeof line, f)) {
    char inside[300], place[300], tags[200] = "";
    if (sscanf(line, "%*d %*d %*d:%*d %299s %299s", inside, place) != 2) continue;
    if (strncmp(place, scratch, strlen(scratch))) continue;
    char *rest = strstr(line, place) + strlen(place);
    char *dash = strstr(rest, " - ");
    *dash = 0;
    for (char *word = strtok(rest, " "); word; word = strtok(NULL, " ")) {
      char *colon = strchr(word, ':');
      if (colon) snprintf(tags + strlen(tags), 50, " %.*s:%c", (int)(colon - word), word, group(atoi(colon + 1)));
      else if (!strcmp(word, "unbindable")) strcat(tags, " unbindable");
    }
    say("  %s on %s%s", inside, place[strlen(scratch)] ? place + strlen(scratch) : ".", tags);
  }
  fclose(f);
}

static long type(const char *where, unsigned long flags) { return mount(NULL, where, NULL, flags, NULL); }
static long bind_(const char *what, const char *where, unsigned long flags) {
  return mount(what, where, NULL, MS_BIND | flags, NULL);
}
static long tmpfs(const char *where) { return mount("none", where, "tmpfs", 0, NULL); }

static void dirs(const char *names) {
  char copy[300];
  strcpy(copy, names);
  for (char *name = strtok(copy, " "); name; name = strtok(NULL, " ")) must(mkdir(name, 0755));
}

/* An empty tmpfs on the scratch directory, private. */
static void fresh(void) {
  must(chdir(scratch));
  umount2(scratch, MNT_DETACH);
  must(tmpfs(scratch));
  must(type(scratch, MS_PRIVATE));
  must(chdir(scratch));
  known = 0;
}

static void peers_and_slaves(void) {
  fresh();
  dirs("a b c d");
  must(tmpfs("a"));
  dirs("a/x a/y a/z");
  must(type("a", MS_SHARED));
  must(bind_("a", "b", 0));
  must(bind_("a", "c", 0));
  must(type("c", MS_SLAVE));
  must(bind_("c", "d", 0));
  must(type("d", MS_SHARED));
  tree("a and its peer b, slave c, d that is both");
  must(tmpfs("a/x"));
  tree("mounted on a/x");
  must(tmpfs("d/y"));
  tree("mounted on d/y");
  must(type("b", MS_PRIVATE));
  must(tmpfs("b/z"));
  tree("b private, and mounted on b/z");
  show("umount a/x", umount("a/x"));
  tree("without a/x");
  must(type("a", MS_SLAVE));
  tree("a, alone in its group, a slave: nobody's, and its slaves too");
}

static void masters(void) {
  fresh();
  dirs("a b c");
  must(tmpfs("a"));
  dirs("a/sub");
  must(type("a", MS_SHARED));
  must(bind_("a", "b", 0));
  must(type("b", MS_SLAVE));
  must(type("b", MS_SHARED));
  must(bind_("b", "c", 0));
  must(type("c", MS_SLAVE));
  tree("c follows b, which follows a");
  must(tmpfs("a/sub"));
  tree("mounted on a/sub");
  must(umount("c/sub"));
  must(type("b", MS_PRIVATE));
  tree("b private: c follows a");
  must(umount("a/sub"));
  tree("without a/sub");
  must(type("c", MS_PRIVATE));
  tree("c private");
}

static void parts(void) {
  fresh();
  dirs("a b c");
  must(tmpfs("a"));
  dirs("a/one a/two a/one/in");
  must(type("a", MS_SHARED));
  must(bind_("a/one", "b", 0));
  must(bind_("a", "c", 0));
  must(type("c", MS_SLAVE));
  must(tmpfs("a/two"));
  tree("mounted where b does not show it");
  must(tmpfs("b/in"));
  tree("mounted on b/in");
  must(umount("a/one/in"));
  tree("without it");
  must(tmpfs("c/one/in"));
  must(tmpfs("a/one/in"));
  must(mkdir("a/one/in/of_a", 0755));
  tree("mounted twice on c/one/in");
  show("seen is the first", access("c/one/in/of_a", F_OK));
  must(mkdir("c/one/in/of_c", 0755));
  must(umount("a/one/in"));
  show("which stays", access("c/one/in/of_c", F_OK));
  tree("once");
}

static void unbindable(void) {
  fresh();
  dirs("a b c d");
  must(tmpfs("a"));
  dirs("a/u a/v");
  must(tmpfs("a/u"));
  dirs("a/u/w");
  must(tmpfs("a/u/w"));
  must(tmpfs("a/v"));
  must(type("a/u", MS_UNBINDABLE));
  show("bind an unbindable one", bind_("a/u", "b", 0));
  show("a directory of it", bind_("a/u/w/..", "b", 0));
  show("bind with all below", bind_("a", "b", MS_REC));
  show("bind alone", bind_("a", "c", 0));
  tree("b without a/u, c alone");
  must(type("b", MS_SHARED));
  show("move it below a shared one", mount("a/u", "b/u", NULL, MS_MOVE, NULL));
  must(type("a/v", MS_UNBINDABLE));
  must(type("a/v", MS_PRIVATE));
  show("private, after it was unbindable", bind_("a/v", "d", 0));
  must(umount("d"));
  must(type("a/u", MS_SHARED));
  show("remount", mount(NULL, "a/u", NULL, MS_REMOUNT | MS_NOSUID, NULL));
  must(bind_("a/u", "d", 0));
  tree("shared, it can be bound");
}

/* Who follows is served in this order: peers from the next one on, of slaves the youngest first, copies behind their model. */
static void order(void) {
  fresh();
  dirs("a b c d e f g");
  must(tmpfs("a"));
  dirs("a/x");
  must(type("a", MS_SHARED));
  const char *names[] = { "b", "c", "d", "e" };
  for (int i = 0; i < 4; i++) must(bind_("a", names[i], 0));
  must(type("b", MS_SLAVE));
  must(type("c", MS_SLAVE));
  must(bind_("b", "f", 0));
  must(bind_("c", "g", 0));
  must(type("f", MS_SHARED));
  must(tmpfs("a/x"));
  must(mkdir("a/x/y", 0755));
  tree("mounted on a/x");
  must(tmpfs("a/x/y"));
  tree("mounted on a/x/y");
  must(type("d", MS_SLAVE));
  must(type("a/x", MS_PRIVATE));
  tree("d follows, a/x does not");
  must(umount("a/x/y"));
  must(umount("a/x"));
  must(tmpfs("a/x"));
  tree("mounted on a/x again");
}

static void shared_trees(void) {
  fresh();
  dirs("a b src");
  must(tmpfs("a"));
  dirs("a/m a/n");
  must(type("a", MS_SHARED));
  must(bind_("a", "b", 0));
  must(type("b", MS_SLAVE));
  must(type("b", MS_SHARED));
  must(tmpfs("src"));
  dirs("src/in");
  must(tmpfs("src/in"));
  show("bind a tree to a shared place", bind_("src", "a/m", MS_REC));
  tree("all of it is shared");
  show("move a tree to a shared place", mount("src", "a/n", NULL, MS_MOVE, NULL));
  tree("moved");
  show("move it away again", mount("a/n", "src", NULL, MS_MOVE, NULL));
  show("umount with something below", umount("a/m"));
  show("detach", umount2("a/m", MNT_DETACH));
  tree("what has submounts stays in those that follow");
  must(type(".", MS_PRIVATE | MS_REC));
  tree("private with all below");
  must(type(".", MS_SHARED | MS_REC));
  tree("shared with all below");
}

static void namespaces(void) {
  fresh();
  dirs("shared slave private unbindable");
  const char *names[] = { "shared", "slave", "private", "unbindable" };
  for (int i = 0; i < 4; i++) {
    must(tmpfs(names[i]));
    must(type(names[i], i == 3 ? MS_UNBINDABLE : i == 2 ? MS_PRIVATE : MS_SHARED));
    char in[50];
    snprintf(in, sizeof in, "%s/in", names[i]);
    must(mkdir(in, 0755));
    snprintf(in, sizeof in, "%s/out", names[i]);
    must(mkdir(in, 0755));
  }
  pid_t pid;
  struct gate there = new_gate(), go = new_gate();
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(type("slave", MS_SLAVE));
    tree("in a namespace of its own");
    must(tmpfs("shared/in"));
    must(tmpfs("slave/in"));
    must(tmpfs("private/in"));
    open_gate(&there);
    pass_gate(&go);
    tree("in it, after mounts outside");
    _exit(0);
  }
  pass_gate(&there);
  tree("outside");
  must(tmpfs("shared/out"));
  must(tmpfs("slave/out"));
  must(tmpfs("private/out"));
  must(umount("shared/in"));
  open_gate(&go);
  reap(pid);
  tree("outside, alone again");
}

/* A mount of a namespace that is gone; propagation can be changed through it, nothing else. */
static void of_another_namespace(void) {
  fresh();
  dirs("a b");
  must(tmpfs("a"));
  dirs("a/x");
  int fd = (int)must(open("a", O_RDONLY));
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(fchdir(fd));
    show("mount there", tmpfs("x"));
    show("bind there", bind_("x", "x", 0));
    show("bind from there", bind_("x", scratch, 0));
    show("move from there", mount(".", scratch, NULL, MS_MOVE, NULL));
    show("remount there", mount(NULL, ".", NULL, MS_REMOUNT, NULL));
    show("umount there", umount("."));
    _exit(0);
  }
  reap(pid);
  close(fd);
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  type("/", MS_PRIVATE | MS_REC);
  go_to_scratch();
  must(getcwd(scratch, sizeof scratch) ? 0 : -1);
  peers_and_slaves();
  masters();
  parts();
  unbindable();
  order();
  shared_trees();
  namespaces();
  of_another_namespace();
  return 0;
}
