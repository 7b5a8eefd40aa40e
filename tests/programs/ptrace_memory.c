/* PTRACE_PEEK* and POKE* go past protections, and write copies of what is read-only: the file and others keep theirs. A
   word that is not all there is EIO, and the part that was there is written. */
#include "trace.h"

static char *page;
static const char text[] = "read only text";

int main(void) {
  page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 2 * 4096, 4096);
  memset(page, 'a', 2 * 4096);
  pid_t pid = start_traced(sleep_for_ever);
  unsigned long word = 0;
  must(mprotect(page, 4096, PROT_NONE));
  pid_t hidden = start_traced(sleep_for_ever);
  show_ok("peek", trace(PTRACE_PEEKDATA, pid, (unsigned long)page, (unsigned long)&word));
  say("%.8s", (char *)&word);
  show_ok("peek PROT_NONE", trace(PTRACE_PEEKTEXT, hidden, (unsigned long)page, (unsigned long)&word));
  say("%.8s", (char *)&word);
  show_ok("peek at an odd place, over two pages",
          trace(PTRACE_PEEKDATA, pid, (unsigned long)page + 4093, (unsigned long)&word));
  show_ok("poke PROT_NONE", trace(PTRACE_POKEDATA, hidden, (unsigned long)page, 0x4141414141414141));
  show_ok("peek", trace(PTRACE_PEEKDATA, hidden, (unsigned long)page, (unsigned long)&word));
  say("%.8s", (char *)&word);
  show_ok("the other one", trace(PTRACE_PEEKDATA, pid, (unsigned long)page, (unsigned long)&word));
  say("%.8s", (char *)&word);
  show_ok("poke read-only text", trace(PTRACE_POKETEXT, pid, (unsigned long)text, 0x4242424242424242));
  show_ok("peek", trace(PTRACE_PEEKDATA, pid, (unsigned long)text, (unsigned long)&word));
  say("%.8s, and ours \"%s\"", (char *)&word, text);

  show_ok("peek before a hole", trace(PTRACE_PEEKDATA, pid, (unsigned long)page + 2 * 4096 - 4, (unsigned long)&word));
  show_ok("poke before a hole", trace(PTRACE_POKEDATA, pid, (unsigned long)page + 2 * 4096 - 4, 0x4343434343434343));
  must(trace(PTRACE_PEEKDATA, pid, (unsigned long)page + 2 * 4096 - 8, (unsigned long)&word));
  say("%.8s", (char *)&word);
  show_ok("peek at nothing", trace(PTRACE_PEEKDATA, pid, 0, (unsigned long)&word));
  show_ok("poke at nothing", trace(PTRACE_POKEDATA, pid, 0, 1));
  show_ok("peek beyond all", trace(PTRACE_PEEKDATA, pid, -4096ul, (unsigned long)&word));
  show_ok("peek to nowhere", trace(PTRACE_PEEKDATA, pid, (unsigned long)page, 8));

  char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t sharer = start_traced(sleep_for_ever);
  show_ok("poke shared memory", trace(PTRACE_POKEDATA, sharer, (unsigned long)shared, 0x4444444444444444));
  say("ours: %.8s", shared);
  kill(pid, SIGKILL);
  kill(hidden, SIGKILL);
  kill(sharer, SIGKILL);
  for (int i = 0; i < 3; i++) wait_trace(-1);
  return 0;
}
