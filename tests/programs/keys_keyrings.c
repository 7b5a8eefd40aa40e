/* Keyrings: links, cycles, nesting, quotas; what fork, threads, exec and setuid do with those of a process. */
// needs: root
// differs: setuid and quotas are otherwise today
#include "keys.h"

static void links(void) {
  long a = add_key("keyring", "a", NULL, 0, PROCESS), b = add_key("keyring", "b", NULL, 0, (int)a), key = add_key("user", "k", "x", 1, (int)b);
  key_show("link", keyctl(LINK, (int)key, (int)a));
  say("in a %d %d, in b %d", key_count((int)a), key_has((int)a, key), key_has((int)b, key));
  key_show("link again", keyctl(LINK, (int)key, (int)a));
  say("still %d", key_count((int)a));
  key_show("a into itself", keyctl(LINK, (int)a, (int)a));
  key_show("a into b", keyctl(LINK, (int)a, (int)b));
  key_show("into a key", keyctl(LINK, (int)a, (int)key));
  key_show("unlink", keyctl(UNLINK, (int)key, (int)a));
  key_show("unlink what is not there", keyctl(UNLINK, (int)key, (int)a));
  key_show("unlink from a key", keyctl(UNLINK, (int)a, (int)key));
  key_show("unlink nobody", keyctl(UNLINK, 0x7ffffff0, (int)a));
  long other = add_key("user", "k", "y", 1, (int)a);
  key_show("one of the same name takes its place", keyctl(LINK, (int)key, (int)a));
  say("%d, the other gone %d", key_has((int)a, key), !key_has((int)a, other));
  key_show("clear", keyctl(CLEAR, (int)a));
  say("%d in it", key_count((int)a));
  int ring = (int)add_key("keyring", "0", NULL, 0, PROCESS), top = ring, rings[10];
  for (int i = 1; i <= 9; i++) {
    char name[4] = { (char)('0' + i) };
    int next = (int)add_key("keyring", name, NULL, 0, ring);
    char deep[8] = { 'd', (char)('0' + i) };
    add_key("user", deep, "x", 1, next);
    ring = rings[i] = next;
  }
  for (int i = 5; i <= 8; i++) {
    char deep[8] = { 'd', (char)('0' + i) };
    say("depth %d: %s", i, keyctl(SEARCH, top, "user", deep, 0) == -1 ? key_errname(errno) : "found");
  }
  int under = (int)add_key("keyring", "under", NULL, 0, PROCESS);
  key_show("nested too deep", keyctl(LINK, top, under));
  for (int i = 1; i <= 4; i++) key_show("from further down", keyctl(LINK, rings[i], under));
  keyctl(CLEAR, under);
  key_show("with a destination", keyctl(SEARCH, top, "user", "d1", under) > 0);
  say("linked %d", key_count(under));
  key_show("read with little room", keyctl(READ, top, (int[2]){ 0 }, 2));
  keyctl(CLEAR, PROCESS);
}

static void full(void) {
  sleep_ms(10); /* what is free is counted off by a worker */
  int ring = (int)add_key("keyring", "full", NULL, 0, USER), n = 0;
  char name[20];
  for (; n < 300; n++) {
    snprintf(name, sizeof name, "key %d", n);
    if (add_key("user", name, "x", 1, ring) == -1) break;
  }
  key_show("full", -1);
  say("between 180 and 199: %d", n >= 180 && n < 199);
  sleep_ms(10);
  key_show("clear", keyctl(CLEAR, ring));
  sleep_ms(10);
  key_ok("again", add_key("user", "again", "x", 1, ring));
  static char large[20000];
  key_show("too many bytes", add_key("user", "large", large, 19900, ring));
  key_show("unlink", keyctl(UNLINK, ring, USER));
}

static void *in_thread(void *arg) {
  (void)arg;
  key_show("a thread's own", keyctl(GET_ID, THREAD, 0));
  say("the process's %s", keyctl(GET_ID, PROCESS, 0) > 0 ? "is there" : key_errname(errno));
  say("the session's %s", keyctl(GET_ID, SESSION, 0) > 0 ? "is there" : key_errname(errno));
  key_show("another session", keyctl(JOIN, NULL));
  return NULL;
}
static void *in_thread_of_one_with_a_keyring(void *arg) {
  long own = keyctl(GET_ID, THREAD, 0);
  say("its own %d, another's %d, empty %d", own > 0, own != *(long *)arg, key_count(THREAD));
  return NULL;
}

static void inherited(void) {
  pthread_t t;
  pid_t pid;
  long session = key_ok("a session", keyctl(JOIN, NULL)), process = keyctl(GET_ID, PROCESS, 1);
  key_describe("it", SESSION);
  add_key("user", "in session", "x", 1, SESSION), add_key("user", "in process", "x", 1, PROCESS);
  pthread_create(&t, NULL, in_thread, NULL), pthread_join(t, NULL);
  long thread = keyctl(GET_ID, THREAD, 1);
  pthread_create(&t, NULL, in_thread_of_one_with_a_keyring, &thread), pthread_join(t, NULL);
  CHILD(pid) {
    key_show("a child's thread keyring", keyctl(GET_ID, THREAD, 0));
    key_show("its process keyring", keyctl(GET_ID, PROCESS, 0));
    say("its session %d", keyctl(GET_ID, SESSION, 0) == session);
    say("finds %d %d", keyctl(SEARCH, SESSION, "user", "in session", 0) > 0, request_key("user", "in process", NULL, 0) > 0);
    say("a session of its own %d", keyctl(JOIN, "named") != session);
    key_describe("it", SESSION);
    _exit(0);
  }
  wait_for(pid);
  say("ours is the same %d", keyctl(GET_ID, SESSION, 0) == session);
  say("known by its name %d", keyctl(JOIN, "named") > 0);
  key_show("a name of nothing", keyctl(JOIN, ""));
  long named = keyctl(GET_ID, SESSION, 0);
  CHILD(pid) say("the same %d", keyctl(JOIN, "named") == named), _exit(0);
  wait_for(pid);
  must(setresgid(5, 5, 5)), must(setresuid(1000, 1000, 1000));
  say("after setuid: thread %d, process %d, session %d", keyctl(GET_ID, THREAD, 0) == thread, keyctl(GET_ID, PROCESS, 0) == process, keyctl(GET_ID, SESSION, 0) == named);
  key_describe("thread", THREAD);
  key_describe("session", SESSION);
  key_describe("user", USER);
  key_describe("user session", USER_SESSION);
  say("linked there %d", key_has(USER_SESSION, keyctl(GET_ID, USER, 0)));
  char number[20];
  snprintf(number, sizeof number, "%ld", named);
  fflush(stdout);
  execl("/proc/self/exe", "exec", number, NULL);
  _exit(9);
}

static int after_exec(long session) {
  key_show("after exec: thread", keyctl(GET_ID, THREAD, 0));
  key_show("process", keyctl(GET_ID, PROCESS, 0));
  say("session %d", keyctl(GET_ID, SESSION, 0) == session);
  return 0;
}

static void to_parent(void) {
  pid_t pid;
  long mine = keyctl(JOIN, NULL);
  CHILD(pid) {
    key_show("the same", keyctl(TO_PARENT, 0));
    keyctl(JOIN, "child's");
    key_show("to the parent", keyctl(TO_PARENT, 0));
    _exit(0);
  }
  wait_for(pid);
  say("another %d", keyctl(GET_ID, SESSION, 0) != mine);
  key_describe("it", SESSION);
  CHILD(pid) {
    keyctl(JOIN, NULL);
    must(setresuid(1000, 1000, 1000));
    key_show("by somebody else", keyctl(TO_PARENT, 0));
    _exit(0);
  }
  wait_for(pid);
}

static void sessions(void) {
  pid_t pid;
  CHILD(pid) {
    long user_session = keyctl(GET_ID, USER_SESSION, 0);
    say("none is the user's %d", keyctl(GET_ID, SESSION, 0) == user_session);
    say("until something is put there %d", keyctl(GET_ID, SESSION, 1) != user_session);
    _exit(0);
  }
  wait_for(pid);
}

int main(int argc, char **argv) {
  if (!strcmp(argv[0], "exec")) return argc > 1 ? after_exec(atol(argv[1])) : 1;
  sessions();
  links();
  full();
  to_parent();
  inherited();
  return 0;
}
