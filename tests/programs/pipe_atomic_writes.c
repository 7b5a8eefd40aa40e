/* Writes of up to PIPE_BUF bytes from several processes never mix. */
#include "check.h"

int main(void) {
  int p[2];
  must(pipe(p));
  for (int w = 0; w < 4; w++) {
    pid_t child;
    CHILD(child) {
      char record[4096];
      memset(record, 'a' + w, sizeof record);
      for (int i = 0; i < 20; i++) must(write(p[1], record, 1000 + (size_t)w * 1032));
      _exit(0);
    }
  }
  close(p[1]);
  static char all[400000];
  size_t n = 0;
  for (ssize_t r; (r = read(p[0], all + n, 3000)) > 0;) n += (size_t)r;
  int records[4] = { 0 }, broken = 0;
  for (size_t i = 0; i < n;) {
    int w = all[i] - 'a';
    size_t size = 1000 + (size_t)w * 1032, j = 0;
    while (j < size && all[i + j] == 'a' + w) j++;
    if (j != size) broken++;
    records[w]++;
    i += j ? j : 1;
  }
  say("%d bytes, broken %d, records %d %d %d %d", (int)n, broken, records[0], records[1], records[2], records[3]);
  while (wait(NULL) > 0) continue;
  return 0;
}
