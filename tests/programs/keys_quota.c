/* Quotas of keys: /proc/sys/kernel/keys, /proc/key-users, whose a key is; what expires is taken away. */
// needs: root
// differs: other limits today
#include "keys.h"

static void show_file(const char *name) {
  char text[400] = "", path[80];
  snprintf(path, sizeof path, "/proc/%s", name);
  int fd = must(open(path, O_RDONLY));
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  while (n > 0 && text[n - 1] == '\n') text[--n] = 0;
  say("%s: %s", name, text);
}
static void set(const char *name, const char *value) {
  char path[80];
  snprintf(path, sizeof path, "/proc/sys/kernel/keys/%s", name);
  int fd = must(open(path, O_WRONLY));
  key_show(name, write(fd, value, strlen(value)));
  close(fd);
}

int main(void) {
  show_file("sys/kernel/keys/maxkeys"), show_file("sys/kernel/keys/maxbytes");
  show_file("sys/kernel/keys/root_maxkeys"), show_file("sys/kernel/keys/root_maxbytes"), show_file("sys/kernel/keys/gc_delay");
  show_file("key-users");
  long ring = keyctl(GET_ID, PROCESS, 1), key = add_key("user", "mine", "12345", 5, PROCESS);
  show_file("key-users");
  key_show("give it away", keyctl(CHOWN, (int)key, 1000, -1));
  show_file("key-users");
  key_show("and back", keyctl(CHOWN, (int)key, 0, -1));
  key_show("update", keyctl(UPDATE, (int)key, "1234567890", 10));
  show_file("key-users");
  set("root_maxbytes", "120\n");
  key_ok("one more", add_key("user", "of some length, but not too much", "12345", 5, PROCESS));
  key_show("longer", keyctl(UPDATE, (int)key, "12345678901234567890123456789012345678901234567890123456789012345678901234567890", 80));
  set("root_maxbytes", "20000\n");
  set("root_maxkeys", "0");
  set("root_maxkeys", "4");
  key_show("too many", add_key("user", "another", "x", 1, PROCESS));
  set("root_maxkeys", "200");
  set("gc_delay", "5");
  long end = add_key("user", "end", "x", 1, PROCESS);
  key_show("timeout", keyctl(SET_TIMEOUT, (int)end, 3));
  sleep_ms(4000);
  say("expired, and there %d", key_has((int)ring, end));
  sleep_ms(6000);
  say("later %d", key_has((int)ring, end));
  show_file("key-users");
  key_show("revoke", keyctl(REVOKE, (int)key));
  sleep_ms(4000);
  say("revoked, and there %d", key_has((int)ring, key));
  sleep_ms(3000);
  say("later %d", key_has((int)ring, key));
  show_file("key-users");
  set("gc_delay", "300");
  return 0;
}
