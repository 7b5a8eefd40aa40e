/* Segments: where they go, what splits, copies and ends an attach, and what is counted of it. */
// differs: since 6.x equal pieces are merged again, and nattch shows it; 3.2 keeps areas with a close function apart
#include "check.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static int id;
static struct shmid_ds look(void) {
  struct shmid_ds d;
  must(shmctl(id, IPC_STAT, &d));
  return d;
}
static void count(const char *what) { say("%s: nattch %d", what, (int)look().shm_nattch); }
static void *at(const char *what, int flags, void *addr) {
  void *p = shmat(id, addr, flags);
  show_ok(what, p == (void *)-1 ? -1 : 0);
  return p;
}
static char *place(size_t pages) {  /* where nothing is */
  char *p = mmap(NULL, pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(p, pages * 4096);
  return p;
}
static void map_line(void *p) {
  FILE *f = fopen("/proc/self/maps", "r");
  char line[300], perms[8], name[100] = "";
  unsigned long from, to, offset;
  int inode;
  while (fgets(line, sizeof line, f)) {
    sscanf(line, "%lx-%lx %7s %lx %*x:%*x %d %99[^\n]", &from, &to, perms, &offset, &inode, name);
    if (from == (unsigned long)p) say("%lu pages %s %lx inode is id %d %s", (to - from) / 4096, perms, offset, inode == id, name + strspn(name, " "));
  }
  fclose(f);
}

int main(int argc, char **argv) {
  key_t key = 0x1234;
  if (argc > 1 && !strcmp(argv[1], "look")) {
    id = (int)must(shmget(key, 0, 0));
    _exit((int)look().shm_nattch);
  }
  id = (int)must(shmget(key, 10000, IPC_CREAT | IPC_EXCL | 0640));
  struct shmid_ds d = look();
  say("new: size %d nattch %d cpid is mine %d lpid %d atime %d dtime %d mode %o key %x", (int)d.shm_segsz, (int)d.shm_nattch,
      d.shm_cpid == getpid(), d.shm_lpid, (int)d.shm_atime, (int)d.shm_dtime, d.shm_perm.mode, d.shm_perm.__key);
  char *p = at("anywhere", 0, NULL);
  say("zero %d", p[0] + p[9999] + p[12287]);
  map_line(p);
  d = look();
  say("attached: nattch %d lpid is mine %d atime %d dtime %d", (int)d.shm_nattch, d.shm_lpid == getpid(), d.shm_atime > 0, (int)d.shm_dtime);
  p[12287] = 7;
  char *q = at("again, to read", SHM_RDONLY, NULL);
  map_line(q);
  say("the same memory, its last page whole: %d", q[12287]);
  show("to write later", mprotect(q, 4096, PROT_READ | PROT_WRITE));
  count("two");
  show("detach", shmdt(q));
  show("detach again", shmdt(q));
  show("inside", shmdt(p + 4096));
  show("not a page", shmdt(p + 1));
  count("one");

  char *free_place = place(4);
  at("not a page", 0, free_place + 100);
  say("rounded down: %d", at("SHM_RND", SHM_RND, free_place + 4095) == free_place);
  at("on itself", 0, free_place);
  at("on the middle", 0, free_place + 4096);
  char *old = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  at("on other memory", 0, old);
  say("in place of it: %d", at("SHM_REMAP", SHM_REMAP, old) == old);
  say("its memory: %d", old[12287]);
  at("SHM_REMAP anywhere", SHM_REMAP, NULL);
  at("beyond the end", 0, (void *)0x7ffffffff000);
  at("far beyond", 0, (void *)0xfffffffffffff000);
  shmdt(free_place);
  shmdt(old);
  munmap(old, 4 * 4096);
  d = look();
  d.shm_perm.mode = 0700;
  must(shmctl(id, IPC_SET, &d));
  char *x = at("SHM_EXEC", SHM_EXEC, NULL);
  map_line(x);
  shmdt(x);

  /* Pieces. */
  must(mprotect(p, 4096, PROT_READ));
  count("protected a page");
  must(mprotect(p, 4096, PROT_READ | PROT_WRITE));
  count("and back");
  must(munmap(p, 4096));
  count("unmapped it");
  show("detach the rest by its old address", shmdt(p));
  count("nothing");
  p = at("again", 0, NULL);
  must(munmap(p + 4096, 4096));
  count("a hole");
  show("detach both sides", shmdt(p));
  count("nothing");
  p = at("again", 0, NULL);
  char *moved = mremap(p, 3 * 4096, 5 * 4096, MREMAP_MAYMOVE);
  say("moved or grown: %d %d", moved != MAP_FAILED, moved[12287]);
  count("mremap");
  char *twice = mremap(moved, 0, 4096, MREMAP_MAYMOVE);
  say("mapped twice: %d", twice != MAP_FAILED);
  count("a copy");
  pid_t pid;
  CHILD(pid) {
    volatile char *beyond = moved + 3 * 4096;
    _exit(*beyond);
  }
  say("beyond the end: %s", reap(pid));
  munmap(twice, 4096);
  say("munmap as detach: %d", munmap(moved, 5 * 4096));
  count("nothing");

  /* Processes. */
  p = at("again", 0, NULL);
  p[0] = 1;
  struct gate go = new_gate(), back = new_gate();
  CHILD(pid) {
    pass_gate(&go);
    p[0] = 2;
    open_gate(&back);
    pass_gate(&go);
    say("the child detaches: %d", shmdt(p));
    open_gate(&back);
    pass_gate(&go);
    must((long)shmat(id, NULL, 0));
    _exit(0);
  }
  d = look();
  say("fork: nattch %d lpid is parent %d", (int)d.shm_nattch, d.shm_lpid == getpid());
  open_gate(&go);
  pass_gate(&back);
  say("shared: %d", p[0]);
  open_gate(&go);
  pass_gate(&back);
  d = look();
  say("child detached: nattch %d lpid is child %d", (int)d.shm_nattch, d.shm_lpid == pid);
  open_gate(&go);
  reap(pid);
  d = look();
  say("child exited: nattch %d lpid is child %d dtime %d", (int)d.shm_nattch, d.shm_lpid == pid, d.shm_dtime > 0);
  CHILD(pid) {
    execl("/not/there", "x", NULL);
    must(look().shm_nattch == 2 ? 0 : -1);
    execl("/proc/self/exe", "x", "look", NULL);
  }
  say("a failed exec keeps it, exec does not: %s", reap(pid));
  say("lpid is child %d", look().shm_lpid == pid);

  /* Removal. */
  show("remove", shmctl(id, IPC_RMID, NULL));
  d = look();
  say("doomed: mode %o key %x nattch %d", d.shm_perm.mode, d.shm_perm.__key, (int)d.shm_nattch);
  show("by its key", shmget(key, 0, 0));
  show("remove again", shmctl(id, IPC_RMID, NULL));
  d.shm_perm.mode = 01640;
  must(shmctl(id, IPC_SET, &d));
  say("doomed as before: %o", look().shm_perm.mode);
  q = at("a doomed one", 0, NULL);
  say("still the same: %d", q[0]);
  map_line(q);
  shmdt(q);
  count("one is left");
  shmdt(p);
  show("gone", shmctl(id, IPC_STAT, &d));
  at("attach it", 0, NULL);
  int id2 = (int)must(shmget(key, 1, IPC_CREAT | 0600));
  show("its place is taken", shmctl(id, IPC_STAT, &d));
  must(shmctl(id2, IPC_RMID, NULL));
  return 0;
}
