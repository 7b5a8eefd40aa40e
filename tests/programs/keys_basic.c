/* Keys: adding, finding, describing, reading, changing, revoking; errors in their order. */
// needs: root
// differs: other default permissions and quotas today, other errors for what is not there
#include "keys.h"

static void adding(void) {
  char text[64] = "";
  static char large[40000];
  long key = key_ok("add", add_key("user", "a", "payload", 7, PROCESS));
  key_describe("it", key);
  key_show("read", keyctl(READ, (int)key, text, sizeof text));
  say("%s", text);
  key_show("its length", keyctl(READ, (int)key, NULL, 0));
  memset(text, 0, sizeof text);
  key_show("some of it", keyctl(READ, (int)key, text, 3));
  say("%s", text);
  say("the same again %d", add_key("user", "a", "other", 5, PROCESS) == key);
  memset(text, 0, sizeof text);
  key_show("changed", keyctl(READ, (int)key, text, sizeof text));
  say("%s", text);
  key_show("update", keyctl(UPDATE, (int)key, "third", 5));
  key_show("update with nothing", keyctl(UPDATE, (int)key, NULL, 0));
  key_show("update with much", keyctl(UPDATE, (int)key, large, 4097));
  key_show("description, its length", keyctl(DESCRIBE, (int)key, NULL, 0));
  memset(text, 'x', sizeof text);
  key_show("description, cut", keyctl(DESCRIBE, (int)key, text, 4));
  say("%.5s", text);
  key_show("security", keyctl(GET_SECURITY, (int)key, text, sizeof text)), say("%d", text[0]);
  key_ok("search", keyctl(SEARCH, PROCESS, "user", "a", 0));
  key_show("search for nothing", keyctl(SEARCH, PROCESS, "user", "b", 0));
  key_show("search for another type", keyctl(SEARCH, PROCESS, "keyring", "a", 0));
  key_show("search for no type", keyctl(SEARCH, PROCESS, "nonsense", "a", 0));
  key_ok("request", request_key("user", "a", NULL, 0));
  key_show("request nothing", request_key("user", "b", NULL, 0));
  key_show("no such type", add_key("nonsense", "a", "x", 1, PROCESS));
  key_show("empty type", add_key("", "a", "x", 1, PROCESS));
  key_show("long type", add_key("a type of more than thirty-one characters", "a", "x", 1, PROCESS));
  key_show("kernel's type", add_key(".request_key_auth", "a", "x", 1, PROCESS));
  key_show("no description", add_key("user", "", "x", 1, PROCESS));
  key_show("no payload", add_key("user", "c", NULL, 0, PROCESS));
  key_show("payload of nothing", add_key("user", "c", "", 0, PROCESS));
  key_ok("a large payload", add_key("user", "c", large, 15000, PROCESS));
  key_show("a larger payload", add_key("user", "d", large, 32768, PROCESS));
  key_show("a huge payload", add_key("user", "d", large, 1 << 20, PROCESS));
  key_show("keyring with a payload", add_key("keyring", "d", "x", 1, PROCESS));
  key_show("wild type", add_key((char *)8, "a", "x", 1, PROCESS));
  key_show("wild description", add_key("user", (char *)8, "x", 1, PROCESS));
  key_show("wild payload", add_key("user", "a", (char *)8, 1, PROCESS));
  key_show("into no keyring", add_key("user", "e", "x", 1, (int)key));
  key_show("into nothing", add_key("user", "e", "x", 1, 0));
  key_show("into a group", add_key("user", "e", "x", 1, GROUP));
  key_show("into -9", add_key("user", "e", "x", 1, -9));
  key_show("into nobody", add_key("user", "e", "x", 1, 0x7ffffff0));
  key_show("into a wrong one of a wrong type", add_key("nonsense", "e", "x", 1, 0x7ffffff0));
  key_show("read to a bad address", keyctl(READ, (int)key, 8, 100));
  key_show("describe to a bad address", keyctl(DESCRIBE, (int)key, 8, 100));
  key_show("operation 21", keyctl(21, 0, 0, 0, 0));
  key_show("operation 99", keyctl(99, 0, 0, 0, 0));
  key_show("operation -1", keyctl(-1, 0, 0, 0, 0));
}

static void permissions(void) {
  long key = add_key("user", "perm", "x", 1, PROCESS);
  key_show("too many bits", keyctl(SETPERM, (int)key, 0x40000000));
  key_show("view only", keyctl(SETPERM, (int)key, 0x21010000));
  char text[8];
  key_show("a possessor reads what it cannot", keyctl(READ, (int)key, text, 8));
  key_show("update", keyctl(UPDATE, (int)key, "y", 1));
  key_show("search", keyctl(SEARCH, PROCESS, "user", "perm", 0));
  key_show("link", keyctl(LINK, (int)key, USER));
  key_describe("still", key);
  key_show("nothing at all", keyctl(SETPERM, (int)key, 0));
  key_describe("now", key);
  key_show("not even that", keyctl(SETPERM, (int)key, 0x3f3f3f3f));
  key_show("unlink", keyctl(UNLINK, (int)key, PROCESS));
  key_show("unlink again", keyctl(UNLINK, (int)key, PROCESS));
  long own = add_key("user", "own", "x", 1, PROCESS);
  key_show("to a user", keyctl(CHOWN, (int)own, 1000, -1));
  key_show("to a group", keyctl(CHOWN, (int)own, -1, 5));
  key_show("to nobody", keyctl(CHOWN, 0x7ffffff0, -1, -1));
  key_describe("his", own);
  key_show("with its permissions", keyctl(SETPERM, (int)own, 0x3f3f0000));
}

static void ends(void) {
  long key = add_key("user", "end", "x", 1, PROCESS), ring = add_key("keyring", "ring", NULL, 0, PROCESS), in = add_key("user", "in", "x", 1, (int)ring);
  key_show("timeout", keyctl(SET_TIMEOUT, (int)key, 5));
  key_show("an update takes it away", keyctl(UPDATE, (int)key, "x", 1));
  sleep_ms(6000);
  key_show("read", keyctl(READ, (int)key, (char[8]){ 0 }, 8));
  key_show("timeout", keyctl(SET_TIMEOUT, (int)key, 5));
  char text[8];
  key_show("read", keyctl(READ, (int)key, text, 8));
  sleep_ms(6000);
  key_show("expired: read", keyctl(READ, (int)key, text, 8));
  key_show("update", keyctl(UPDATE, (int)key, "y", 1));
  key_show("search", keyctl(SEARCH, PROCESS, "user", "end", 0));
  key_describe("describe", key);
  key_show("timeout of none", keyctl(SET_TIMEOUT, (int)key, 0));
  key_show("read", keyctl(READ, (int)key, text, 8));
  key_show("revoke", keyctl(REVOKE, (int)key));
  key_show("revoked: read", keyctl(READ, (int)key, text, 8));
  key_show("revoke again", keyctl(REVOKE, (int)key));
  key_show("link", keyctl(LINK, (int)key, USER));
  key_show("search", keyctl(SEARCH, PROCESS, "user", "end", 0));
  say("in its place %d", add_key("user", "end", "x", 1, PROCESS) != key);
  say("found inside %d", keyctl(SEARCH, PROCESS, "user", "in", 0) == in);
  key_show("revoke the keyring", keyctl(REVOKE, (int)ring));
  key_show("add to it", add_key("user", "more", "x", 1, (int)ring));
  key_show("not found inside", keyctl(SEARCH, PROCESS, "user", "in", 0));
  key_show("clear it", keyctl(CLEAR, (int)ring));
  key_show("clear a key", keyctl(CLEAR, (int)in));
  sleep_ms(310000);
  say("taken out later %d", key_has(PROCESS, ring));
}

int main(void) {
  key_show("no process keyring", keyctl(GET_ID, PROCESS, 0));
  key_show("no thread keyring", keyctl(GET_ID, THREAD, 0));
  key_show("no authority", keyctl(GET_ID, REQKEY_AUTH, 0));
  key_show("no requester", keyctl(GET_ID, REQUESTOR, 0));
  key_show("add to no keyring", keyctl(CLEAR, THREAD));
  key_describe("which makes it", THREAD);
  adding();
  key_describe("the process's", PROCESS);
  permissions();
  ends();
  return 0;
}
