/* Keys that user space makes: /sbin/request-key, what it is told, how it makes a key or refuses one. */
// needs: root
// differs: permissions, and what a helper sees of its requester, are otherwise today
#include "keys.h"

static int out;

/* The helper: argv is create KEY UID GID THREAD PROCESS SESSION. */
static int helper(int argc, char **argv, char **envp) {
  out = open("/keys_out", O_WRONLY | O_APPEND);
  int key = atoi(argv[2]), session = atoi(argv[7]);
  char callout[64] = "", cwd[64], number[20];
  dup2(out, 1);
  say("helper: %d arguments, %s, uid %s, gid %s, thread %d, process %d, session %d", argc, argv[1], argv[3], argv[4], atoi(argv[5]) != 0, atoi(argv[6]) != 0, session != 0);
  for (; *envp; envp++) say("environment %s", *envp);
  say("in %s, own uid %d", getcwd(cwd, sizeof cwd), getuid());
  char text[100] = "", name[40];
  snprintf(name, sizeof name, "keyring;0;0;1f3f0000;_req.%d", key);
  keyctl(DESCRIBE, SESSION, text, sizeof text);
  say("its session is what it should be %d", !strcmp(text, name));
  say("in it %d", key_count(SESSION));
  key_show("without authority", keyctl(INSTANTIATE, key, "no", 2, 0));
  key_show("authority for another", keyctl(ASSUME, session));
  key_show("for -5", keyctl(ASSUME, -5));
  key_ok("authority", keyctl(ASSUME, key));
  snprintf(name, sizeof name, ".request_key_auth;0;0;0b010000;%x", key);
  keyctl(DESCRIBE, REQKEY_AUTH, text, sizeof text);
  say("the authority as well %d", !strcmp(text, name));
  key_show("what was asked", keyctl(READ, REQKEY_AUTH, callout, sizeof callout));
  say("%s", callout);
  key_describe("the key", key);
  say("the requester's keys are found %d", request_key("user", "requester's", NULL, 0) > 0);
  say("the destination %d", keyctl(GET_ID, REQUESTOR, 0) > 0);
  if (!strcmp(callout, "nothing")) return 7;
  if (!strcmp(callout, "negate")) return (void)key_show("negate", keyctl(NEGATE, key, 30, 0)), 0;
  if (!strcmp(callout, "reject")) {
    key_show("with no error", keyctl(REJECT, key, 30, 0, 0));
    key_show("with one of the kernel's", keyctl(REJECT, key, 30, 512, 0));
    return (void)key_show("reject", keyctl(REJECT, key, 30, EKEYREJECTED, 0)), 0;
  }
  if (!strcmp(callout, "pieces")) {
    struct iovec iov[2] = { { "pie", 3 }, { "ces", 3 } };
    return (void)key_show("pieces", keyctl(INSTANTIATE_IOV, key, iov, 2, REQUESTOR)), 0;
  }
  snprintf(number, sizeof number, "made");
  key_show("another key", keyctl(INSTANTIATE, session, number, 4, 0));
  key_show("a wild payload", keyctl(INSTANTIATE, key, 8, 4, 0));
  key_show("into the authority", keyctl(INSTANTIATE, key, number, 4, REQKEY_AUTH));
  key_show("make it", keyctl(INSTANTIATE, key, number, 4, strcmp(callout, "here") ? 0 : THREAD));
  key_show("make it again", keyctl(INSTANTIATE, key, number, 4, 0));
  key_show("no authority any more", keyctl(GET_ID, REQKEY_AUTH, 0));
  return 0;
}

static void request(const char *callout, const char *name, int ring) {
  char text[64] = "";
  must(close(open("/keys_out", O_CREAT | O_WRONLY | O_TRUNC, 0600)));
  say("-- %s", callout);
  long key = request_key("user", name, callout, ring);
  key_ok("request", key);
  int fd = open("/keys_out", O_RDONLY);
  char told[4096];
  ssize_t n = read(fd, told, sizeof told);
  if (n > 0 && write(1, told, (size_t)n) != n) _exit(9);
  close(fd);
  if (key == -1) return;
  key_describe("it", key);
  key_show("read", keyctl(READ, (int)key, text, sizeof text));
  say("%s", text);
  say("in the session %d, the process's %d", key_has(SESSION, key), key_has(PROCESS, key));
}

int main(int argc, char **argv, char **envp) {
  if (strstr(argv[0], "request-key")) return helper(argc, argv, envp);
  keyctl(JOIN, NULL);
  add_key("user", "requester's", "x", 1, PROCESS);
  key_show("no helper", request_key("user", "none", "info", 0));
  key_show("a while later", request_key("user", "none", "info", 0));
  key_show("no such type", request_key("nonsense", "a", "info", 0));
  key_show("wild callout", request_key("user", "a", (char *)8, 0));
  install_request_key();
  request("make", "one", 0);
  request("here", "two", 0);
  request("pieces", "three", PROCESS);
  request("nothing", "four", 0);
  key_show("four again", request_key("user", "four", "make", 0));
  request("negate", "five", 0);
  key_show("five again", request_key("user", "five", "make", 0));
  request("reject", "six", 0);
  key_ok("six again", request_key("user", "six", "make", 0));
  say("found, not asked for %d", request_key("user", "one", "make", 0) > 0);
  key_show("where requested keys go", keyctl(SET_REQKEY, -1));
  key_show("to the process's", keyctl(SET_REQKEY, 2));
  key_show("it was", keyctl(SET_REQKEY, 6));
  key_show("it is", keyctl(SET_REQKEY, -1));
  request("make", "seven", 0);
  unlink("/sbin/request-key"), unlink("/keys_out");
  return 0;
}
