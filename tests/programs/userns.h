/* userns.h: what the programs about user namespaces share, beside check.h. */
#ifndef USERNS_H
#define USERNS_H
#include "check.h"
#include <grp.h>

static inline void put_text(const char *path, const char *text) {
  int fd = (int)must(open(path, O_WRONLY));
  must(write(fd, text, strlen(text)));
  close(fd);
}
static inline void write_maps(pid_t pid, const char *uids, const char *gids) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
  put_text(path, uids);
  snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
  put_text(path, gids);
}

/* A user like others, whose process can still be looked into. */
static inline void become(int id) {
  must(setgroups(0, NULL));
  must(setresgid(id, id, id));
  must(setresuid(id, id, id));
  must(prctl(PR_SET_DUMPABLE, 1));
}
/* Root of a namespace of uid 1000's making, in which he alone has a name; with other namespaces as flags say. */
static inline void own_namespace(int flags) {
  must(unshare(CLONE_NEWUSER | flags));
  put_text("/proc/self/setgroups", "deny");
  put_text("/proc/self/uid_map", "0 1000 1");
  put_text("/proc/self/gid_map", "0 1000 1");
}

static inline void gone(pid_t pid) {
  kill(pid, SIGKILL);
  wait_for(pid);
}
#endif
