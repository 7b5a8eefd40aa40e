/* Tasks that move between control groups at random, some of them frozen, starved or full: wild_groups SEED ROUNDS ACTORS.
 *
 * The first process makes groups, moves tasks, freezes, limits, kills; actors fork, start threads, use memory, move
 * themselves, and write whatever they like to whatever file there is. At the end nobody may be left that cannot be killed,
 * and no group that cannot be removed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;
static unsigned rnd(unsigned n) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (unsigned)(state >> 16) % n;
}
static const char *mounts[] = {"freezer,cpuacct", "memory", "cpu,devices", "cpuset,clone_children", "none,name=n"};
static const char *files[] = {
    "tasks", "cgroup.procs", "notify_on_release", "cgroup.clone_children", "cgroup.event_control", "freezer.state",
    "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control", "memory.use_hierarchy", "memory.stat",
    "memory.force_empty", "memory.move_charge_at_immigrate", "memory.usage_in_bytes", "cpu.shares", "cpu.cfs_quota_us",
    "cpu.cfs_period_us", "cpu.stat", "cpuset.cpus", "cpuset.mems", "cpuset.cpu_exclusive", "cpuacct.usage",
    "cpuacct.stat", "devices.allow", "devices.list", "release_agent"};
static const char *values[] = {
    "0", "1", "-1", "FROZEN", "THAWED", "64K", "300K", "1M", "2M", "", " ", "a", "c 1:3 rw", "0-1", "1000", "20000",
    "18446744073709551616", "2", "4096", "3 4", "junk", "0", "0", "THAWED"};
static char groups[5][8][40];

static void path_of(char *path, unsigned h, unsigned g, const char *name) {
  if (g == 8) snprintf(path, 120, "/w%u/%s", h, name);
  else snprintf(path, 120, "/w%u/%s/%s", h, groups[h][g], name);
}
static long put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  long r = write(fd, text, strlen(text));
  close(fd);
  return r;
}
static void get(const char *path) {
  char text[600];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  while (read(fd, text, sizeof text) > 0) continue;
  close(fd);
}
static void any_file(int own) {
  char path[120];
  const char *name = files[rnd(sizeof files / sizeof *files)];
  unsigned g = rnd(9);
  /* Who is to tidy up must be able to. */
  if (g == 8 && (strstr(name, "devices") || strstr(name, "hierarchy"))) return;
  if (own && (strstr(name, "tasks") || strstr(name, "procs"))) return;
  path_of(path, rnd(5), own ? rnd(8) : g, name);
  if (rnd(3)) put(path, values[rnd(sizeof values / sizeof *values)]);
  else get(path);
}
static void *thread(void *arg) {
  usleep(rnd(2000));
  return arg;
}
static void touch(void) {
  size_t size = (1 + rnd(80)) * 4096;
  char *area = mmap(0, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | (rnd(3) ? MAP_PRIVATE : MAP_SHARED), -1, 0);
  if (area == MAP_FAILED) return;
  for (size_t i = 0; i < size; i += 4096) area[i] = 1;
  if (rnd(3)) munmap(area, size);
}
static void actor(uint64_t seed, int depth) {
  state = seed;
  for (int steps = 10 + (int)rnd(40); steps; steps--) {
    pthread_t t;
    pid_t pid;
    char path[120];
    switch (rnd(9)) {
      case 0:
        if (depth < 2 && (pid = fork()) == 0) actor(seed * 3 + (unsigned)steps, depth + 1);
        break;
      case 1:
        if (pthread_create(&t, 0, thread, 0) == 0) pthread_detach(t);
        break;
      case 2: touch(); break;
      case 3: any_file(0); break;
      case 4:
        path_of(path, rnd(5), rnd(8), rnd(2) ? "tasks" : "cgroup.procs");
        put(path, "0");
        break;
      case 5: while (waitpid(-1, 0, WNOHANG) > 0) continue; break;
      case 6:
        if ((pid = vfork()) == 0) _exit(0);
        break;
      case 7:
        if (rnd(8) == 0) raise(SIGSTOP);
        break;
      default: usleep(rnd(3000));
    }
  }
  _exit(0);
}

static void make_or_break(unsigned h, unsigned g) {
  char path[120], other[120];
  path_of(path, h, g, "");
  switch (rnd(4)) {
    case 0: rmdir(path); break;
    case 1:
      snprintf(other, sizeof other, "/w%u/%c%u", h, 'a' + (char)rnd(26), rnd(100));
      if (rename(path, other) == 0) snprintf(groups[h][g], 40, "%s", other + 4);
      break;
    default: mkdir(path, 0755);
  }
}
static void limits(unsigned h, unsigned g) {
  char path[120];
  path_of(path, h, g, "cpuset.cpus"), put(path, rnd(4) ? "0" : "0-1");
  path_of(path, h, g, "cpuset.mems"), put(path, "0");
  if (rnd(3) == 0) path_of(path, h, g, "memory.limit_in_bytes"), put(path, rnd(2) ? "400K" : "-1");
  if (rnd(4) == 0) path_of(path, h, g, "cpu.cfs_quota_us"), put(path, rnd(2) ? "30000" : "-1");
}
static void tell(unsigned h, unsigned g) {
  static int efd = -1;
  char path[120], text[60];
  if (efd == -1 || rnd(6) == 0) close(efd), efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  path_of(path, h, g, rnd(2) ? "memory.oom_control" : "memory.usage_in_bytes");
  int cfd = open(path, O_RDONLY | O_CLOEXEC);
  snprintf(text, sizeof text, "%d %d %u", efd, cfd, rnd(600) * 1024);
  path_of(path, h, g, "cgroup.event_control");
  put(path, text);
  close(cfd);
}
static void one_round(pid_t *actors, int n) {
  char path[120], number[24];
  unsigned h = rnd(5), g = rnd(8);
  int i = (int)rnd((unsigned)n);
  switch (rnd(10)) {
    case 0: make_or_break(h, g); break;
    case 1: limits(h, g); break;
    case 2: tell(1, g); break;
    case 3: any_file(1); break;
    case 4:
      path_of(path, 0, g, "freezer.state");
      put(path, rnd(2) ? "FROZEN" : "THAWED");
      get(path);
      break;
    case 5: kill(actors[i] > 0 ? actors[i] : getpid(), actors[i] > 0 ? (int[]){SIGKILL, SIGSTOP, SIGCONT, SIGTERM}[rnd(4)] : 0); break;
    case 6:
      if (actors[i] > 0 && waitpid(actors[i], 0, WNOHANG) == actors[i]) actors[i] = 0;
      if (actors[i] == 0 && (actors[i] = fork()) == 0) actor(state + (unsigned)i, 0);
      break;
    case 7: usleep(rnd(2000)); break;
    case 8:
      if (mount("x", "/w0", "cgroup", MS_REMOUNT, mounts[0]) == 0) get("/proc/cgroups");
      break;
    default:
      snprintf(number, sizeof number, "%d", actors[i] > 0 ? actors[i] : 0);
      if (actors[i] <= 0) break;
      path_of(path, h, rnd(9), rnd(2) ? "tasks" : "cgroup.procs");
      put(path, number);
      get(path);
      get("/proc/self/cgroup");
  }
}
/* Move whoever is in a group to the top: it may be one that nobody can kill. */
static void empty(const char *path, const char *group) {
  char name[600], number[24];
  snprintf(name, sizeof name, "%s/%s/tasks", path, group);
  FILE *file = fopen(name, "r");
  snprintf(name, sizeof name, "%s/tasks", path);
  while (file && fscanf(file, "%20s", number) == 1) put(name, number);
  if (file) fclose(file);
}
/* Let all go: thaw, give memory, kill, until nobody is left. */
static void the_end(void) {
  char path[120], name[600];
  for (int turn = 0; turn < 400; turn++) {
    for (unsigned h = 0; h < 5; h++) {
      snprintf(path, sizeof path, "/w%u", h);
      DIR *dir = opendir(path);
      for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s/freezer.state", path, e->d_name), put(name, "THAWED");
        snprintf(name, sizeof name, "%s/%s/memory.limit_in_bytes", path, e->d_name), put(name, "-1");
        snprintf(name, sizeof name, "%s/%s/cpu.cfs_quota_us", path, e->d_name), put(name, "-1");
        if (turn > 2) empty(path, e->d_name);
        snprintf(name, sizeof name, "%s/%s", path, e->d_name), rmdir(name);
      }
      if (dir) closedir(dir);
    }
    kill(-1, SIGKILL);
    while (waitpid(-1, 0, WNOHANG) > 0) continue;
    if (waitpid(-1, 0, WNOHANG) == -1 && errno == ECHILD && turn > 2) {
      int busy = 0;
      for (unsigned h = 0; h < 5; h++) {
        snprintf(path, sizeof path, "/w%u", h);
        struct stat st;
        if (stat(path, &st) == 0 && st.st_nlink > 2) busy = 1;
      }
      if (!busy) return;
    }
    usleep(5000);
  }
  printf("somebody, or a group, is left\n");
  for (unsigned h = 0; h < 5; h++) {
    snprintf(path, sizeof path, "/w%u", h);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
      if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
      snprintf(name, sizeof name, "%s/%s", path, e->d_name);
      int r = rmdir(name);
      printf("%s: %d\n", name, r ? errno : 0);
    }
    if (dir) closedir(dir);
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  state = (uint64_t)atoi(argv[1]) * 0x9E3779B97F4A7C15 + 1;
  int rounds = atoi(argv[2]), n = atoi(argv[3]);
  pid_t actors[64] = {0};
  for (unsigned h = 0; h < 5; h++) {
    char path[40];
    snprintf(path, sizeof path, "/w%u", h);
    mkdir(path, 0755);
    if (mount("x", path, "cgroup", 0, mounts[h])) return 3;
    for (unsigned g = 0; g < 8; g++) {
      snprintf(groups[h][g], 40, "g%u", g);
      path_of(path, h, g, "");
      if (rnd(2)) mkdir(path, 0755);
    }
  }
  for (int i = 0; i < rounds * 50; i++) one_round(actors, n);
  the_end();
  for (unsigned h = 0; h < 5; h++) {
    char path[40];
    snprintf(path, sizeof path, "/w%u", h);
    if (umount(path)) printf("%s: %d\n", path, errno);
  }
  printf("survived\n");
  return 0;
}
