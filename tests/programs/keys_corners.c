/* Keys that somebody waits for, and what is seldom: other people's keys, wrong types, keyrings that are none. */
// needs: root
// differs: quotas, permissions, and what a helper may do, are otherwise today
#include "keys.h"

#include <grp.h>

/* The helper: what it does is what was asked. */
static int helper(char **argv) {
  int key = atoi(argv[2]);
  char callout[64] = "";
  dup2(open("/keys_out", O_WRONLY | O_APPEND), 1);
  keyctl(ASSUME, key);
  keyctl(READ, REQKEY_AUTH, callout, sizeof callout);
  if (!strcmp(callout, "slow")) sleep_ms(1000);
  if (!strcmp(callout, "never")) return sleep_ms(3000), 0;
  if (!strcmp(callout, "refuse slowly")) return sleep_ms(1000), keyctl(REJECT, key, 60, EKEYREJECTED, 0), 0;
  if (!strcmp(callout, "with authority")) {
    char text[100] = "", name[60];
    keyctl(DESCRIBE, REQKEY_AUTH, text, sizeof text);
    snprintf(name, sizeof name, ".request_key_auth;0;0;0b010000;%x", key);
    say("the authority is as it should be %d", !strcmp(text, name));
    key_show("a time for it", keyctl(SET_TIMEOUT, key, 100));
    key_show("a time for another's", keyctl(SET_TIMEOUT, 12345678, 100));
    char label[10];
    key_show("its label", keyctl(GET_SECURITY, key, label, sizeof label));
    key_show("with no such place", keyctl(INSTANTIATE, key, "a", 1, -99));
    key_show("with no such key", keyctl(INSTANTIATE, key, "a", 1, 12345678));
    key_show("in no pieces", keyctl(INSTANTIATE_IOV, key, NULL, 0, 0));
    struct iovec iov[2] = { { "a", 0 }, { "b", 0 } }, bad[1] = { { (void *)8, 4 } };
    key_show("in pieces of nothing", keyctl(INSTANTIATE_IOV, key, iov, 2, 0));
    key_show("in wild pieces", keyctl(INSTANTIATE_IOV, key, bad, 1, 0));
    key_show("in pieces that are nowhere", keyctl(INSTANTIATE_IOV, key, (void *)8, 1, 0));
    key_show("longer than any", keyctl(INSTANTIATE, key, callout, 1 << 20, 0));
    key_ok("one asks in the requester's name", request_key("user", "the requester's", NULL, 0));
    key_show("and where there is none", request_key("user", "nobody's", NULL, 0));
    key_ok("its keyring is that of the requester", keyctl(GET_ID, REQUESTOR, 0));
    key_show("revoked", keyctl(REVOKE, REQKEY_AUTH));
    key_show("then there is none", keyctl(INSTANTIATE, key, "a", 1, 0));
    key_ok("nor does one ask", request_key("user", "nobody's", "info", 0));
    key_show("nor is there a keyring", keyctl(GET_ID, REQUESTOR, 0));
    key_show("nor a right to be taken", keyctl(ASSUME, key));
    return 0;
  }
  key_show("made", keyctl(INSTANTIATE, key, callout, strlen(callout), strcmp(callout, "in a group's") ? 0 : GROUP));
  return 0;
}
static void told(void) {
  char text[4096];
  int fd = open("/keys_out", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text);
  if (n > 0 && write(1, text, (size_t)n) != n) _exit(9);
  close(fd);
  must(close(open("/keys_out", O_CREAT | O_WRONLY | O_TRUNC, 0600)));
}
static void handler(int sig) { (void)sig; }

/* Two ask for one key; a third is interrupted. */
static void waiting(const char *callout, const char *name) {
  say("-- two want the same: %s", callout);
  pid_t second, third;
  CHILD(second) {
    sleep_ms(200);
    key_ok("second", request_key("user", name, "other", 0));
    _exit(0);
  }
  CHILD(third) {
    on_signal(SIGALRM, handler);
    struct itimerval t = { { 0, 0 }, { 0, 500000 } };
    setitimer(ITIMER_REAL, &t, NULL);
    sleep_ms(300);
    key_ok("interrupted", request_key("user", name, NULL, 0));
    _exit(0);
  }
  long key = request_key("user", name, callout, SESSION);
  sleep_ms(100);
  key_ok("first", key);
  reap(second), reap(third);
  told();
}

static void others(void) {
  say("-- other people's");
  long mine = add_key("user", "mine", "x", 1, SESSION), ring = add_key("keyring", "ring", NULL, 0, SESSION);
  key_show("permissions of a key that may be revoked by setting attributes", keyctl(SETPERM, (int)mine, 0x3b3b3b3b));
  must(keyctl(SETPERM, (int)mine, 0x20202020));
  key_show("revoked by attributes alone", keyctl(REVOKE, (int)mine));
  key_show("a key as a keyring", keyctl(CLEAR, (int)mine));
  key_show("revoked, read", keyctl(READ, (int)mine, NULL, 0));
  mine = add_key("user", "mine", "x", 1, SESSION);
  key_show("clear what is no keyring", keyctl(CLEAR, (int)mine));
  key_show("link into what is none", keyctl(LINK, (int)ring, (int)mine));
  key_show("unlink from what is none", keyctl(UNLINK, (int)ring, (int)mine));
  key_show("unlink what is not there", keyctl(UNLINK, (int)mine, (int)ring));
  key_show("search in what is none", keyctl(SEARCH, (int)mine, "user", "a", 0));
  key_show("search what is never searched for", keyctl(SEARCH, (int)ring, ".request_key_auth", "a", 0));
  key_show("search of no type", keyctl(SEARCH, (int)ring, "nonsense", "a", 0));
  key_show("add of a type that is not for programs", add_key(".request_key_auth", "a", "b", 1, SESSION));
  key_show("request of it", request_key(".request_key_auth", "a", NULL, 0));
  key_show("add into what is none", add_key("user", "a", "b", 1, (int)mine));
  key_show("add nothing", add_key("user", "a", NULL, 0, SESSION));
  key_show("add a keyring with something", add_key("keyring", "a", "b", 1, SESSION));
  key_show("update a keyring", keyctl(UPDATE, (int)ring, "b", 1));
  key_show("update with nothing", keyctl(UPDATE, (int)mine, NULL, 0));
  must(keyctl(SET_TIMEOUT, (int)mine, 1));
  sleep_ms(2100);
  key_show("expired, read", keyctl(READ, (int)mine, NULL, 0));
  key_show("expired, found", keyctl(SEARCH, SESSION, "user", "mine", 0));
  key_show("expired, asked for", request_key("user", "mine", NULL, 0));
  must(keyctl(REVOKE, (int)ring));
  key_show("search in a revoked one", keyctl(SEARCH, (int)ring, "user", "a", 0));
  key_show("link into a revoked one", keyctl(LINK, USER, (int)ring));
  long a = add_key("keyring", "a", NULL, 0, SESSION), b = add_key("keyring", "b", NULL, 0, (int)a);
  key_show("search for a keyring itself", keyctl(SEARCH, (int)a, "keyring", "a", 0) == a);
  key_show("one in itself", keyctl(LINK, (int)a, (int)a)), key_show("round about", keyctl(LINK, (int)a, (int)b));
  key_show("found and linked to what is none", keyctl(SEARCH, (int)a, "keyring", "b", (int)add_key("user", "k", "x", 1, SESSION)));
  long unsearched = add_key("user", "seen by nobody", "x", 1, (int)a);
  must(keyctl(SETPERM, (int)unsearched, 0x3f3f0000 & ~0x08080000));
  key_show("what may not be found", keyctl(SEARCH, (int)a, "user", "seen by nobody", 0));
  pid_t pid;
  long shared = add_key("user", "shared", "x", 1, SESSION);
  must(keyctl(SETPERM, (int)shared, 0x3f3f3f3f)), must(keyctl(CHOWN, (int)shared, -1, 5000));
  must(keyctl(SETPERM, (int)shared, 0x003f3f02));
  CHILD(pid) {
    gid_t groups[] = { 5000 };
    must(setgroups(1, groups)), must(setresgid(1000, 1000, 1000)), must(setresuid(1000, 1000, 1000));
    keyctl(JOIN, NULL);
    key_show("of the group, read", keyctl(READ, (int)shared, NULL, 0));
    key_show("set the permissions of somebody else's", keyctl(SETPERM, (int)shared, 0x3f3f3f3f));
    key_show("take it", keyctl(CHOWN, (int)shared, 1000, -1));
    key_show("describe another", keyctl(DESCRIBE, (int)a, NULL, 0));
    key_show("give the parent one's session", keyctl(TO_PARENT, 0));
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    for (int i = 0; i < 400; i++) {
      char name[20];
      snprintf(name, sizeof name, "%d", i);
      if (i == 100) must(setresuid(-1, 2000, -1));
      if (add_key("user", name, "x", 1, PROCESS) == -1) { say("%s after %d", key_errname(errno), i / 10 * 10); break; }
    }
    must(setresuid(-1, 0, -1));
    key_show("chown to who has many", keyctl(CHOWN, (int)shared, 2000, -1));
    key_show("chown to who has few", keyctl(CHOWN, (int)shared, 2001, -1));
    key_show("chown of a user's keyring", keyctl(CHOWN, USER, 2002, -1));
    _exit(0);
  }
  reap(pid);
  key_show("a thread keyring for requests", keyctl(SET_REQKEY, 1));
  key_show("the user's", keyctl(SET_REQKEY, 4)), key_show("the user's session", keyctl(SET_REQKEY, 5));
  key_show("the requester's", keyctl(SET_REQKEY, 7)), key_show("no such one", keyctl(SET_REQKEY, 8));
  key_show("by default", keyctl(SET_REQKEY, 0));
}

/* Where keys that are asked for go. */
static void kept(int choice, const char *what, int ring) {
  char name[20];
  snprintf(name, sizeof name, "kept %d", choice);
  must(keyctl(SET_REQKEY, choice));
  long key = request_key("user", name, "kept", 0);
  say("%s: %d", what, key > 0 && key_has(ring, key));
  told();
}

int main(int argc, char **argv) {
  (void)argc;
  if (strstr(argv[0], "request-key")) return helper(argv);
  keyctl(JOIN, NULL);
  install_request_key();
  told();
  add_key("user", "the requester's", "x", 1, PROCESS);
  waiting("slow", "slow"), waiting("refuse slowly", "refused"), waiting("never", "never");
  key_ok("with authority", request_key("user", "authority", "with authority", 0));
  told();
  key_ok("in a group's keyring, which there is not", request_key("user", "group", "in a group's", 0));
  told();
  kept(1, "in the thread's", THREAD), kept(2, "in the process's", PROCESS), kept(3, "in the session's", SESSION), kept(4, "in the user's", USER), kept(5, "in the user's session", USER_SESSION);
  keyctl(SET_REQKEY, 0);
  key_show("into what is no keyring", request_key("user", "kept 1", "x", (int)add_key("user", "no ring", "x", 1, SESSION)));
  key_show("made into it", request_key("user", "no such", "kept", (int)add_key("user", "no ring", "x", 1, SESSION)));
  others();
  unlink("/sbin/request-key"), unlink("/keys_out");
  return 0;
}
