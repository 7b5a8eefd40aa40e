/* climb_keys: make a call about keys again and again, as often as argv[2] says, and print what came of each.
 *
 * The test has the n-th call's n-th request refused. Each is made by a child, a user of its own that has no keyrings
 * yet; what it needs was made by another call than the one in question.
 */
#include "programs/keys.h"

static long key, ring;

static void prepare(const char *which) {
  if (!strcmp(which, "link") || !strcmp(which, "update")) {
    ring = must(add_key("keyring", "ring", NULL, 0, SESSION));
    key = must(add_key("user", "key", "abc", 3, SESSION));
  }
  if (!strcmp(which, "found")) must(add_key("user", "key", "abc", 3, SESSION));
}
static long call(const char *which) {
  if (!strcmp(which, "thread")) return add_key("user", "key", "abc", 3, THREAD);
  if (!strcmp(which, "process")) return add_key("user", "key", "abc", 3, PROCESS);
  if (!strcmp(which, "session")) return add_key("keyring", "key", NULL, 0, SESSION);
  if (!strcmp(which, "user")) return add_key("user", "key", "abc", 3, USER);
  if (!strcmp(which, "join")) return keyctl(JOIN, NULL);
  if (!strcmp(which, "named")) return keyctl(JOIN, "name");
  if (!strcmp(which, "link")) return keyctl(LINK, (int)key, (int)ring);
  if (!strcmp(which, "update")) return keyctl(UPDATE, (int)key, "longer", 6);
  if (!strcmp(which, "choose")) return keyctl(SET_REQKEY, 1);
  if (!strcmp(which, "found")) return request_key("user", "key", NULL, THREAD);
  return request_key("user", "missing", "info", strcmp(which, "asked") ? 0 : THREAD);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  for (int i = 0; i < atoi(argv[2]); i++) {
    pid_t pid;
    CHILD(pid) {
      must(setresuid(1000 + (uid_t)i, 1000 + (uid_t)i, 1000 + (uid_t)i));
      prepare(argv[1]);
      say("%s", call(argv[1]) == -1 ? key_errname(errno) : "ok");
      _exit(0);
    }
    reap(pid);
  }
  return 0;
}
