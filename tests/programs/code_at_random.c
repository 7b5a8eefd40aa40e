/* Thousands of random steps with code that is illegal, that holds what is illegal, and that changes from one to the
 * other: called at two addresses of a file and in memory of its own, moved, protected, unmapped, rewritten, with
 * children, and with a timer that interrupts all of it. Each call does what the bytes that are there say.
 */
#include "check.h"
// a real 3.2.4: [qemu crashed]: qemu 7.2 ends at LOCK with BT of a register
#include <ucontext.h>

enum { PAGE = 4096, PAGES = 2, SLOT = 6, SLOTS = PAGES * PAGE / SLOT - 1 };
/* Legal (returns the number), legal with what is illegal inside, illegal, and illegal behind a prefix. */
static const unsigned char kinds[][SLOT] = {
  { 0xb8, 1, 0, 0, 0, 0xc3 }, { 0xb8, 0xf0, 0x0f, 0xab, 0xc0, 0xc3 },
  { 0xf0, 0x0f, 0xab, 0xc0, 0xc3, 0x90 }, { 0x66, 0xf0, 0x0f, 0xb3, 0xc8, 0xc3 },
};
static uint64_t state = 7;
static volatile uintptr_t wrong_at;
static unsigned char *views[3], *w, *places[2];
static int fd, illegal, legal, bad;

static unsigned below(unsigned n) {
  state = state * 6364136223846793005ul + 1442695040888963407ul;
  return (unsigned)(state >> 33) % n;
}

static void on_sigill(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  wrong_at = (uintptr_t)info->si_addr;
  uintptr_t *sp = (uintptr_t *)uc->uc_mcontext.gregs[REG_RSP];
  uc->uc_mcontext.gregs[REG_RIP] = (long)*sp;
  uc->uc_mcontext.gregs[REG_RSP] += 8;
}
static void on_alarm(int sig) { (void)sig; }

/* A few slots, those at the border among them, so that they are met again and again. */
static int some_slot(void) {
  int border = PAGE / SLOT;
  if (below(3)) return border - 2 + (int)below(5);
  int row = (int)below(8);
  return row * 40 + (int)below(2);
}

static void call(unsigned char *view, int slot) {
  unsigned char *at = view + slot * SLOT;
  int kind = 0;
  while (memcmp(at, kinds[kind], SLOT)) kind++;
  int inside = kind == 1 && below(2);
  wrong_at = 0;
  unsigned result = ((unsigned (*)(void))(at + inside))();
  int is_illegal = kind > 1 || inside;
  int right = is_illegal ? wrong_at == (uintptr_t)(at + inside) : !wrong_at && result == (kind ? 0xc0ab0ff0 : 1);
  if (!right && !bad++) say("kind %d, inside %d: wrong", kind, inside);
  if (wrong_at) illegal++;
  else legal++;
}

static void rewrite(unsigned char *view) {
  int slot = some_slot();
  memcpy(view + slot * SLOT, kinds[below(4)], SLOT);
}

static void map_view(int i, unsigned char *at, int first, int pages) {
  int flags = MAP_FIXED | (i ? MAP_PRIVATE : MAP_SHARED);
  if (mmap(at + first * PAGE, (size_t)pages * PAGE, PROT_READ | PROT_EXEC, flags, fd, first * PAGE) == MAP_FAILED)
    say("mmap: %s", errname(errno));
}

static void move(int i) {
  unsigned char *to = places[i] + (views[i] == places[i] ? PAGES * PAGE : 0);
  if (mremap(views[i], PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
    say("mremap: %s", errname(errno));
  views[i] = to;
}

static void steps(int n, int children) {
  while (n--) {
    int i = (int)below(2), what = (int)below(29);
    if (what < 18) {
      int slot = some_slot();
      call(views[below(3)], slot);
    }
    else if (what < 22) rewrite(w);
    else if (what < 25) rewrite(views[2]);
    else if (what == 25) move(i);
    else if (what == 26) mprotect(views[i], PAGE, PROT_READ), mprotect(views[i], PAGE, PROT_READ | PROT_EXEC);
    else if (what == 27) munmap(views[i] + PAGE, PAGE), map_view(i, views[i], 1, 1);
    else if (children) {
      pid_t pid = fork();
      if (!pid) {
        bad = 0;
        steps(40, 0);
        _exit(bad != 0);
      }
      int status;
      waitpid(pid, &status, 0);
      if (status && !bad++) say("child: %s", wait_str(status));
    }
  }
}

static void run(const char *name) {
  illegal = legal = bad = 0;
  steps(2500, 1);
  say("%s: legal %d, illegal %d, wrong %d", name, legal, illegal, bad);
}

int main(int argc, char **argv) {
  static char stack[65536], name[] = "/tmp/codeXXXXXX";
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction sa = { .sa_sigaction = on_sigill, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  struct sigaction alarm = { .sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART };
  sigaltstack(&ss, 0);
  sigaction(SIGILL, &sa, 0);
  sigaction(SIGALRM, &alarm, 0);
  if (argc > 1) state = strtoull(argv[1], 0, 0);
  fd = mkstemp(name);
  unlink(name);
  if (ftruncate(fd, PAGES * PAGE)) say("ftruncate: %s", errname(errno));
  w = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  views[2] = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < SLOTS; i++) memcpy(w + i * SLOT, kinds[0], SLOT);
  memcpy(views[2], w, PAGES * PAGE);
  for (int i = 0; i < 2; i++) {
    views[i] = places[i] = mmap(0, 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    map_view(i, views[i], 0, PAGES);
  }
  run("alone");
  setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 500 }, { 0, 500 } }, 0);
  run("with a timer");
  return 0;
}
