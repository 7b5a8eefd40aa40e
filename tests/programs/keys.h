/* keys.h: keys by their numbers, without <linux/keyctl.h>. */
#ifndef KEYS_H
#define KEYS_H
#include "check.h"

enum { THREAD = -1, PROCESS = -2, SESSION = -3, USER = -4, USER_SESSION = -5, GROUP = -6, REQKEY_AUTH = -7, REQUESTOR = -8 };
enum { GET_ID, JOIN, UPDATE, REVOKE, CHOWN, SETPERM, DESCRIBE, CLEAR, LINK, UNLINK, SEARCH, READ, INSTANTIATE, NEGATE, SET_REQKEY, SET_TIMEOUT, ASSUME,
       GET_SECURITY, TO_PARENT, REJECT, INSTANTIATE_IOV };

static inline const char *key_errname(int e) {
  return e == ENOKEY ? "ENOKEY" : e == EKEYEXPIRED ? "EKEYEXPIRED" : e == EKEYREVOKED ? "EKEYREVOKED" : e == EKEYREJECTED ? "EKEYREJECTED" : e == EDQUOT ? "EDQUOT" : errname(e);
}
/* "what: ok" for a number of a key, which is random; "what: 3"; or the error. */
static inline long key_show(const char *what, long r) {
  if (r == -1) say("%s: %s", what, key_errname(errno));
  else say("%s: %ld", what, r);
  return r;
}
static inline long key_ok(const char *what, long r) {
  say("%s: %s", what, r == -1 ? key_errname(errno) : r >= 3 ? "ok" : "strange");
  return r;
}
static inline long add_key(const char *type, const char *description, const void *payload, size_t size, int ring) {
  return syscall(SYS_add_key, type, description, payload, size, ring);
}
static inline long request_key(const char *type, const char *description, const char *callout, int ring) {
  return syscall(SYS_request_key, type, description, callout, ring);
}
#define keyctl(op, ...) syscall(SYS_keyctl, op, __VA_ARGS__)

/* Type, permissions and description of a key. */
static inline void key_describe(const char *what, long key) {
  char text[200] = "", *field[5] = { 0 };
  long n = keyctl(DESCRIBE, (int)key, text, sizeof text);
  if (n == -1) {
    say("%s: %s", what, key_errname(errno));
    return;
  }
  char *at = text;
  for (int i = 0; i < 5 && at; i++) {
    field[i] = at;
    if (i < 4 && (at = strchr(at, ';'))) *at++ = 0;
  }
  say("%s: %s, uid %s, gid %s, perm %s, %s", what, field[0], field[1], field[2], field[3], field[4]);
}
/* Let this program be /sbin/request-key, too. */
static inline void install_request_key(void) {
  char buffer[65536];
  ssize_t n;
  mkdir("/sbin", 0755);
  int from = must(open("/proc/self/exe", O_RDONLY)), to = must(open("/sbin/request-key", O_CREAT | O_WRONLY | O_TRUNC, 0755));
  while ((n = read(from, buffer, sizeof buffer)) > 0) must(write(to, buffer, (size_t)n));
  close(from), close(to);
}
static inline int key_count(int ring) {
  int keys[600];
  long n = keyctl(READ, ring, keys, sizeof keys);
  return n < 0 ? -1 : (int)(n / 4);
}
static inline int key_has(int ring, long key) {
  int keys[600];
  long n = keyctl(READ, ring, keys, sizeof keys);
  for (int i = 0; i < n / 4; i++)
    if (keys[i] == key) return 1;
  return 0;
}
#endif
