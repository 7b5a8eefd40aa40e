/* The C interpreter of fuzz programs: the same binary runs them on the host and inside. Its twin is interpreter.py.
 *
 *   interpreter < PROGRAMS          run each program in a PID namespace of its own, print a transcript of each
 *   interpreter ACTOR               what an actor executes to go on after exec
 *
 * Input, made by generator.encode():
 *   program NUMBER ACTORS TERMINAL FREELY   begins a program; TERMINAL is 1 if it is given one, FREELY if only a 3.2
 *                                   judges it: then nobody is kept from acting, and more is shown
 *   ACTOR FLAGS OP ARG...           one step
 *   end
 * OP is the number of a system call, or a letter: F fork or clone, X exec, A sigaction, R return from a handler,
 * T write to a terminal's master.
 *
 * PID 1 of the namespace is the controller. It hands each step to its actor through a pipe. Everybody is SCHED_FIFO on
 * one CPU, the controller with the lowest priority: it runs only when all actors sleep, are stopped or dead, so a step
 * is over when the controller runs again, and the order of wake-ups decides who runs first among the actors. After
 * each step it prints what the actors said and what has changed in /proc.
 *
 * Actors share memory with one another in all ways clone(2) offers, so they use no libc state: system calls are made
 * here, buffers are on the stack.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ACTORS = 8, MOST_ARGS = 6, RECORD = 160, STACK = 65536, MOST_INPUT = 1 << 22, TIDS = 1024 };
enum { LOG_R = 3, LOG_W = 4, FIRST_COMMAND = 5 }; /* descriptors; actor k reads 5 + 2k, 6 + 2k is the writing end */
enum { DFL, IGN, HANDLER, NESTED };
enum { PATIENCE_S = 20, NAP_MS = 12 };
#define EINTR_ 4

static char stacks[MOST_ACTORS][STACK] __attribute__((aligned(16)));
static short actor_of[TIDS]; /* of this address space */
static const char *own_path;

static long call6(long nr, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define call3(nr, a, b, c) call6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* --- Lines of text. --- */

struct line { char text[1024]; int n; };
static void put(struct line *l, const char *s) {
  while (*s && l->n < (int)sizeof l->text - 1) l->text[l->n++] = *s++;
}
static void put_base(struct line *l, unsigned long v, unsigned base) {
  char digits[24];
  int n = sizeof digits - 1;
  digits[n] = 0;
  do digits[--n] = "0123456789abcdef"[v % base]; while (v /= base);
  put(l, digits + n);
}
static void put_number(struct line *l, long v) {
  if (v < 0) put(l, "-");
  put_base(l, v < 0 ? -(unsigned long)v : (unsigned long)v, 10);
}
static void say(struct line *l) {
  put(l, "\n");
  call3(SYS_write, LOG_W, l->text, l->n);
}

static const char *skip(const char *s) {
  while (*s == ' ') s++;
  return s;
}
static long number(const char **s) {
  int negative = **s == '-';
  if (negative) ++*s;
  unsigned long v = 0;
  while (**s >= '0' && **s <= '9') v = v * 10 + (unsigned long)(*(*s)++ - '0');
  return negative ? -(long)v : (long)v;
}

/* --- Actors. --- */

struct self { int me; long tid; };
static void loop(struct self self, int in_handler);

static long gettid_(void) { return call3(SYS_gettid, 0, 0, 0); }

static long be_born(int me) {
  long tid = gettid_();
  actor_of[tid % TIDS] = (short)me;
  struct line l;
  l.n = 0;
  put(&l, "B ");
  put_number(&l, me);
  put(&l, " ");
  put_number(&l, tid);
  say(&l);
  return tid;
}

/* The words of a siginfo that are defined for its code. */
static void put_info(struct line *l, const int *info) {
  int code = info[2];
  put(l, " sig ");
  put_number(l, info[0]);
  put(l, " code ");
  put_number(l, code);
  put(l, " pid ");
  put_number(l, info[4]);
  if (code == SI_QUEUE || (code >= CLD_EXITED && code <= CLD_CONTINUED)) {
    put(l, " value ");
    put_number(l, info[6]);
  }
}

static void begin_handler(struct line *l) {
  put_number(l, gettid_());
  put(l, " handler");
}
static void on_signal(int sig) {
  struct line l;
  l.n = 0;
  begin_handler(&l);
  put(&l, " sig ");
  put_number(&l, sig);
  say(&l);
}
static void on_siginfo(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  struct line l;
  l.n = 0;
  begin_handler(&l);
  put_info(&l, (const int *)info);
  say(&l);
}
/* A handler that takes commands itself, until it is told to return. */
static void nest(void) {
  long tid = gettid_();
  loop((struct self){ actor_of[tid % TIDS], tid }, 1);
}
static void on_signal_nested(int sig) {
  on_signal(sig);
  nest();
}
static void on_siginfo_nested(int sig, siginfo_t *info, void *context) {
  on_siginfo(sig, info, context);
  nest();
}

__asm__(".text\n.type restorer_,@function\nrestorer_:\n  mov $15, %eax\n  syscall\n.size restorer_, .-restorer_\n");
void restorer_(void);

/* A sig disposition flags mask */
static long set_action(const long *arg) {
  struct { unsigned long handler, flags, restorer, mask; } sa;
  sa.flags = (unsigned long)arg[2] | 0x04000000;
  sa.restorer = (unsigned long)restorer_;
  sa.mask = (unsigned long)arg[3];
  int info = (arg[2] & SA_SIGINFO) != 0;
  switch (arg[1]) {
    case DFL: sa.handler = 0; break;
    case IGN: sa.handler = 1; break;
    case HANDLER: sa.handler = info ? (unsigned long)on_siginfo : (unsigned long)on_signal; break;
    default: sa.handler = info ? (unsigned long)on_siginfo_nested : (unsigned long)on_signal_nested;
  }
  return call6(SYS_rt_sigaction, arg[0], (long)&sa, 0, 8, 0, 0);
}

/* clone(2) onto a new stack; the child begins in enter(actor) and never leaves it. */
long clone_onto(unsigned long flags, void *stack_top, long actor);
__asm__(".text\n.type clone_onto,@function\nclone_onto:\n"
        "  mov %rdx, %r12\n" /* caller's r12 is saved around this in fork_() */
        "  xor %edx, %edx\n  xor %r10d, %r10d\n  xor %r8d, %r8d\n  mov $56, %eax\n  syscall\n"
        "  test %rax, %rax\n  jz 1f\n  ret\n"
        "1: xor %ebp, %ebp\n  mov %r12, %rdi\n  call enter\n  hlt\n.size clone_onto, .-clone_onto\n");
__attribute__((used)) void enter(long actor) {
  long tid = be_born((int)actor);
  loop((struct self){ (int)actor, tid }, 0);
}
static long fork_(unsigned long flags, int child) {
  if (!(flags & CLONE_VM)) return call6(SYS_clone, (long)flags, 0, 0, 0, 0, 0);
  long result;
  void *top = stacks[child] + STACK - 64;
  __asm__ volatile("call clone_onto" : "=a"(result) : "D"(flags), "S"(top), "d"((long)child)
                   : "rcx", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
  return result;
}

static long exec_(long which, int me) {
  char actor[2] = { (char)('0' + me), 0 };
  const char *argv[] = { own_path, actor, NULL }, *envp[] = { NULL };
  return call3(SYS_execve, which ? "/nonexistent" : own_path, argv, envp);
}

/* An argument: a number; =V,V... a pointer to 64-bit values; sTEXT to text, ^C being a control character; iSIG,CODE,VALUE to a siginfo;
   ?N to N bytes, shown as int words; ?m to a signal set; ?i to a siginfo; ?dN to N bytes of data. */
struct arg { char out; int size; uint64_t memory[32]; };
static long parse(const char **s, struct arg *a) {
  a->out = 0;
  memset(a->memory, 0, sizeof a->memory);
  char kind = **s;
  if (kind != '=' && kind != 's' && kind != 'i' && kind != '?') return number(s);
  ++*s;
  if (kind == 's') {
    char *text = (char *)a->memory;
    for (int n = 0; **s && **s != ' ' && n < 255; n++) {
      if (**s == '^') ++*s, text[n] = *(*s)++ & 31;
      else text[n] = *(*s)++;
    }
  } else if (kind == 'i') {
    int *info = (int *)a->memory;
    info[0] = (int)number(s), ++*s;
    info[2] = (int)number(s), ++*s;
    info[4] = 77;
    info[6] = (int)number(s);
  } else if (kind == '=') {
    for (int n = 0; n < 32; n++) {
      a->memory[n] = (uint64_t)number(s);
      if (**s != ',') break;
      ++*s;
    }
  } else {
    a->out = 'w';
    if (**s == 'm' || **s == 'i' || **s == 'd') a->out = *(*s)++;
    a->size = (int)number(s);
  }
  return (long)a->memory;
}
static void put_output(struct line *l, const struct arg *a, long result) {
  if (a->out == 'w') {
    for (int n = 0; n < a->size / 4; n++) put(l, " "), put_number(l, ((const int *)a->memory)[n]);
  } else if (a->out == 'm') {
    put(l, " "), put_base(l, a->memory[0], 16);
  } else if (a->out == 'i') {
    put_info(l, (const int *)a->memory);
  } else if (a->out == 'd') {
    const char *data = (const char *)a->memory;
    put(l, " \"");
    for (long n = 0; n < result && n < 255; n++) {
      char c[2] = { data[n] == '\n' ? '$' : data[n] ? data[n] : '0', 0 };
      put(l, c);
    }
    put(l, "\"");
  }
}

static void answer(long tid, long result, const struct arg *args, int count) {
  struct line l;
  l.n = 0;
  put_number(&l, tid);
  put(&l, " = ");
  put_number(&l, result);
  for (int n = 0; n < count && result >= 0; n++)
    if (args[n].out) put_output(&l, &args[n], result);
  say(&l);
}

/* F flags child: the child goes on in the same loop, or begins one of its own if it has a new stack. */
static void do_fork(struct self *self, const long *arg) {
  long child = fork_((unsigned long)arg[0], (int)arg[1]);
  if (child == 0) {
    self->me = (int)arg[1];
    self->tid = be_born(self->me);
    return;
  }
  struct line l;
  l.n = 0;
  if (child > 0) {
    put(&l, "B ");
    put_number(&l, arg[1]);
    put(&l, " ");
    put_number(&l, child);
    put(&l, "\n");
  }
  put_number(&l, self->tid);
  put(&l, " = ");
  put_number(&l, child);
  say(&l);
}

static void make_call(long tid, long nr, const char *s) {
  struct arg args[MOST_ARGS];
  long value[MOST_ARGS] = { 0 };
  int count = 0;
  for (s = skip(s); *s && count < MOST_ARGS; s = skip(s)) {
    value[count] = parse(&s, &args[count]);
    count++;
  }
  answer(tid, call6(nr, value[0], value[1], value[2], value[3], value[4], value[5]), args, count);
}

/* T fd text size: what the keys do, later kernels do a little after the call. So they wait for it, and signals for the
   answer. */
static void type(long tid, const char *s) {
  struct arg args[3];
  long value[3];
  unsigned long all = ~0UL, old;
  struct timespec nap = { 0, NAP_MS * 500000L };
  for (int n = 0; n < 3; n++) s = skip(s), value[n] = parse(&s, &args[n]);
  call6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&old, 8, 0, 0);
  long result = call3(SYS_write, value[0], value[1], value[2]);
  call3(SYS_nanosleep, &nap, 0, 0);
  answer(tid, result, NULL, 0);
  call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
}

static void loop(struct self self, int in_handler) {
  const int home = self.me;
  for (;;) {
    char text[RECORD + 1];
    long n = call3(SYS_read, FIRST_COMMAND + 2 * self.me, text, RECORD);
    if (n == -EINTR_) continue;
    if (n != RECORD) call3(SYS_exit_group, 97, 0, 0);
    text[RECORD] = 0;
    const char *s = skip(text);
    char op = *s;
    if (op >= '0' && op <= '9') {
      long nr = number(&s);
      make_call(self.tid, nr, s);
      continue;
    }
    s++;
    if (op == 'T') {
      type(self.tid, s);
      continue;
    }
    long arg[MOST_ARGS] = { 0 };
    int count = 0;
    for (s = skip(s); *s && count < MOST_ARGS; s = skip(s)) arg[count++] = number(&s);
    if (op == 'F') do_fork(&self, arg);
    else if (op == 'A') answer(self.tid, set_action(arg), NULL, 0);
    else if (op == 'X') answer(self.tid, exec_(arg[0], self.me), NULL, 0);
    else if (op == 'R') {
      int leave = in_handler && self.me == home;
      answer(self.tid, leave, NULL, 0);
      if (leave) return;
    }
  }
}

/* --- The controller. It is one process with memory of its own. --- */

/* stat: /proc/TID/stat, which stays open: a descriptor of a task that is gone says ESRCH. asked: steps not answered. */
struct watched { long tid; int stat, asked; char shown[256]; };
static struct watched actors[MOST_ACTORS];
static int actor_count;
static int terminal; /* whether the program has one */
static int freely;   /* whether what later kernels do otherwise may show */
static int network;  /* whether it has a network, which is a loopback */
static int reader = -1; /* who may be waiting for a pipe */
static int late;        /* whether somebody who was asleep has been asked to do what takes a nap */
static struct { char text[1 << 16]; int n; } out;

static void show(const char *s, int n) {
  for (int i = 0; i < n && out.n < (int)sizeof out.text; i++) out.text[out.n++] = s[i];
}
static void show_line(struct line *l) {
  put(l, "\n");
  show(l->text, l->n);
}
static void flush(void) {
  for (int n = 0; n < out.n;) {
    long done = call3(SYS_write, 1, out.text + n, out.n - n);
    if (done <= 0) call3(SYS_exit_group, 98, 0, 0);
    n += (int)done;
  }
  out.n = 0;
}

static void set_priority(int priority) {
  struct sched_param p = { .sched_priority = priority };
  if (call3(SYS_sched_setscheduler, 0, SCHED_FIFO, &p)) call3(SYS_exit_group, 96, 0, 0);
}

static long open_proc(long tid, const char *file) {
  struct line path;
  path.n = 0;
  put(&path, "/proc/");
  put_number(&path, tid);
  put(&path, file);
  path.text[path.n] = 0;
  return call6(SYS_openat, AT_FDCWD, (long)path.text, O_RDONLY, 0, 0, 0);
}

/* "B actor tid" is for the controller, all else for the transcript. */
static void take_line(const char *s, int n) {
  if (*s != 'B') {
    show("  ", 2);
    show(s, n);
    long tid = number(&s);
    if (s[1] != '=') return;
    for (int k = 0; k < actor_count; k++)
      if (actors[k].tid == tid) actors[k].asked--;
    return;
  }
  s += 2;
  struct watched *actor = &actors[number(&s)];
  s++;
  long tid = number(&s);
  if (tid == actor->tid) return;
  actor->asked = 0;
  if (actor->tid) call3(SYS_close, actor->stat, 0, 0);
  actor->tid = tid;
  actor->shown[0] = 0;
  actor->stat = (int)open_proc(tid, "/stat");
}
static void drain_log(void) {
  static char text[65536];
  long n = call3(SYS_read, LOG_R, text, sizeof text);
  if (n <= 0) return;
  for (char *s = text, *end; s < text + n; s = end) {
    end = (char *)memchr(s, '\n', (size_t)(text + n - s));
    end = end ? end + 1 : text + n;
    take_line(s, (int)(end - s));
  }
}

/* In the order of their numbers, unless a 3.2 judges: which thread of a killed process ends first, and so whose children
   come to init first, depends on who was named there. */
static void reap(void) {
  struct { long pid; int status; } dead[MOST_ACTORS], one;
  int n = 0, at;
  while (n < MOST_ACTORS && (one.pid = call6(SYS_wait4, -1, (long)&one.status, WNOHANG | __WALL, 0, 0, 0)) > 0) {
    for (at = n++; at && !freely && dead[at - 1].pid > one.pid; at--) dead[at] = dead[at - 1];
    dead[at] = one;
  }
  for (at = 0; at < n; at++) {
    struct line l;
    l.n = 0;
    put(&l, "  init reaps ");
    put_number(&l, dead[at].pid);
    put(&l, " ");
    put_number(&l, dead[at].status);
    show_line(&l);
  }
}

static long read_status(long tid, char *text, long size) {
  long fd = open_proc(tid, "/status");
  if (fd < 0) return -1;
  long n = call3(SYS_read, fd, text, size - 1);
  call3(SYS_close, fd, 0, 0);
  if (n > 0) text[n] = 0;
  return n;
}

/* state ppid pgrp session threads | pending blocked ignored caught | exit_signal: fields of /proc/PID/stat; in programs
   with a terminal also whether this is the controlling one, and its foreground group. What is
   sent to a process that has ended stays pending in 3.2 and is dropped by later kernels: not shown. */
static void picture(int stat, struct line *l) {
  char text[1024];
  long n = call6(SYS_pread64, stat, (long)text, sizeof text - 1, 0, 0, 0);
  if (n <= 0) {
    put(l, "gone");
    return;
  }
  text[n] = 0;
  char *s = strrchr(text, ')'), tty[64];
  int field = 2, tty_n = 0;
  for (s = s ? s + 1 : text; *s && *s != '\n'; ) {
    while (*s == ' ') s++;
    char *end = s;
    while (*end && *end != ' ' && *end != '\n') end++;
    char saved = *end;
    *end = 0;
    field++;
    if ((field >= 3 && field <= 6) || field == 20 || (field >= 31 && field <= 34) || field == 38) {
      if (field != 3) put(l, " ");
      put(l, field == 31 && l->text[0] == 'Z' && !freely ? "-" : s);
    }
    if (field == 7) tty[tty_n++] = *s == '0' ? '0' : '1';
    if (field == 8)
      for (tty[tty_n++] = ' '; *s && tty_n < (int)sizeof tty - 1; s++) tty[tty_n++] = *s;
    *end = saved;
    s = end;
  }
  tty[tty_n] = 0;
  if (terminal) put(l, " tty "), put(l, tty);
}
static void look(int k) {
  if (!actors[k].tid || actors[k].shown[0] == 'g') return;
  struct line l;
  l.n = 0;
  picture(actors[k].stat, &l);
  l.text[l.n] = 0;
  if (!strcmp(l.text, actors[k].shown)) return;
  memcpy(actors[k].shown, l.text, (size_t)l.n + 1);
  struct line show_it;
  show_it.n = 0;
  put(&show_it, "  a");
  put_number(&show_it, k);
  put(&show_it, " ");
  put_number(&show_it, actors[k].tid);
  put(&show_it, ": ");
  put(&show_it, actors[k].shown);
  show_line(&show_it);
}
static void look_around(void) {
  drain_log();
  reap();
  for (int k = 0; k < actor_count; k++) look(k);
}
/* After a step that changes nobody else. */
static void look_at(int actor) {
  drain_log();
  look(actor);
}

static const char *const wanted[] = { "State:", "Tgid:", "PPid:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:" };
static void show_status(int k) {
  char text[4096];
  if (!actors[k].tid || read_status(actors[k].tid, text, sizeof text) <= 0) return;
  struct line l;
  l.n = 0;
  put(&l, "  status a");
  put_number(&l, k);
  int state = l.n + 1;
  for (char *s = text, *end; *s; s = end + 1) {
    end = strchr(s, '\n');
    if (!end) break;
    *end = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
      size_t n = strlen(wanted[i]);
      if (strncmp(s, wanted[i], n)) continue;
      for (s += n; *s == '\t' || *s == ' ' || *s == '0'; s++) continue;
      char *word_end = strchr(s, ' ');
      if (word_end) *word_end = 0;
      if (l.text[state] == 'Z' && !freely && (i == 4 || i == 5)) continue; /* as above */
      put(&l, " ");
      put(&l, *s ? s : "0");
    }
  }
  show_line(&l);
}

/* One actor at a time may wait for a pipe: who of several is woken has changed.
   A parent asleep in vfork: 3.2 lets no signal through to it, today's kernels let a fatal one. So meanwhile only its
   child acts, and sends no signals to others. */
static int may_act(int actor, char flag, const char *args) {
  if (freely) return 1;
  if (flag == 'r' && reader >= 0 && reader != actor && actors[reader].asked > 0) {
    char state = actors[reader].shown[0];
    if (state != 'g' && state != 'Z') return 0;
  }
  for (int k = 0; k < actor_count; k++) {
    if (actors[k].shown[0] != 'D') continue;
    if (actor <= k) return 0;
    if (flag != 's') continue;
    args = skip(args);
    if (args[0] != 'a' || args[1] != '0' + actor) return 0;
  }
  return 1;
}

/* Actors in arguments become their numbers: a2 the pid, -a2 the group. */
static void resolve(struct line *l, const char *s) {
  while (*s && *s != '\n') {
    if (*s == 'a' && s[1] >= '0' && s[1] < '0' + MOST_ACTORS && (s[-1] == ' ' || s[-1] == '-' || s[-1] == '=')) {
      long tid = actors[s[1] - '0'].tid;
      put_number(l, tid ? tid : 999);
      s += 2;
    } else {
      char c[2] = { *s++, 0 };
      put(l, c);
    }
  }
}

/* The actor meant, or the next one who can do it; -1 if there is nobody. */
static int choose(int meant, char flag, const char *args) {
  for (int n = 0; n < actor_count; n++) {
    int k = (meant + n) % actor_count;
    if (actors[k].tid && actors[k].shown[0] != 'g' && actors[k].shown[0] != 'Z' && may_act(k, flag, args)) return k;
  }
  return -1;
}

static void step(const char *s) {
  int actor = (int)number(&s);
  s = skip(s);
  char flag = *s++;
  s = skip(s);
  const char *args = s;
  while (*args && *args != ' ' && *args != '\n') args++;
  struct line l;
  l.n = 0;
  actor = choose(actor, flag, args);
  if (actor == -1) {
    put(&l, "> nobody");
    show_line(&l);
    return;
  }
  put(&l, "> a");
  put_number(&l, actor);
  put(&l, " ");
  int begin = l.n;
  resolve(&l, s);
  char record[RECORD];
  memset(record, ' ', RECORD);
  memcpy(record, l.text + begin, (size_t)(l.n - begin));
  show_line(&l);
  actors[actor].asked++;
  if (flag == 'r') reader = actor;
  call3(SYS_write, FIRST_COMMAND + 1 + 2 * actor, record, RECORD);
  /* A 3.2 hands keys and output over in threads of the kernel that are not SCHED_FIFO. Who sleeps types in a later step. */
  late |= flag == 'z' && actors[actor].asked > 1;
  if (flag == 'z' || late || (freely && terminal)) {
    struct timespec nap = { 0, NAP_MS * 1000000L };
    call3(SYS_nanosleep, &nap, 0, 0);
  }
  if (flag == '-' || flag == 'r') look_at(actor);
  else look_around();
}

/* Its descriptors are the first after the pipes. */
static void open_terminal(int *ends) {
  int unlock = 0, number;
  struct line path;
  ends[0] = (int)call6(SYS_openat, AT_FDCWD, (long)"/dev/ptmx", O_RDWR | O_NOCTTY, 0, 0, 0);
  call3(SYS_ioctl, ends[0], TIOCSPTLCK, &unlock);
  if (call3(SYS_ioctl, ends[0], TIOCGPTN, &number)) call3(SYS_exit_group, 93, 0, 0);
  path.n = 0;
  put(&path, "/dev/pts/");
  put_number(&path, number);
  path.text[path.n] = 0;
  ends[1] = (int)call6(SYS_openat, AT_FDCWD, (long)path.text, O_RDWR | O_NOCTTY, 0, 0, 0);
  if (ends[1] < 0) call3(SYS_exit_group, 93, 0, 0);
}

static void bring_up_loopback(void) {
  struct { char name[16]; short flags; char rest[22]; } lo = { "lo", 0x41, "" };
  int fd = (int)call3(SYS_socket, 2, 2, 0);
  if (call3(SYS_ioctl, fd, 0x8914, &lo)) call3(SYS_exit_group, 91, 0, 0);
  call3(SYS_close, fd, 0, 0);
}

static void control(const char *s, const char *end, int count) {
  actor_count = count;
  signal(SIGALRM, SIG_DFL);
  call3(SYS_setsid, 0, 0, 0);
  if (call6(SYS_mount, (long)"proc", (long)"/proc", (long)"proc", 0, 0, 0)) call3(SYS_exit_group, 95, 0, 0);
  int fds[2];
  for (int k = 0; k <= count; k++) call3(SYS_pipe, fds, 0, 0);
  call3(SYS_fcntl, LOG_R, F_SETFL, O_NONBLOCK);
  /* What the actors share by name: a set, a queue, a segment, each called 0. */
  if (call3(SYS_semget, 0, 2, 0600) || call3(SYS_msgget, 0, 0600, 0) || call3(SYS_shmget, 0, 8192, 0600))
    call3(SYS_exit_group, 92, 0, 0);
  if (network) bring_up_loopback();
  int ends[2];
  if (terminal) open_terminal(ends);
  set_priority(20);
  if (call6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0) == 0) enter(0);
  for (int k = 0; terminal && k < 2; k++) call3(SYS_close, ends[k], 0, 0);
  set_priority(10);
  look_around();
  while (s < end) {
    step(s);
    const char *newline = (const char *)memchr(s, '\n', (size_t)(end - s));
    s = newline ? newline + 1 : end;
  }
  for (int k = 0; k < count; k++) show_status(k);
  flush();
}

/* --- The batch. --- */

static char input[MOST_INPUT + 1];
static volatile long running;
static void out_of_patience(int sig) {
  (void)sig;
  if (running) kill((pid_t)running, SIGKILL);
}

static void run_program(const char *s, const char *end, int count) {
  running = call6(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | (network ? CLONE_NEWNET : 0) | SIGCHLD, 0, 0, 0, 0, 0);
  if (running == 0) {
    control(s, end, count);
    _exit(0);
  }
  alarm(PATIENCE_S);
  int status = -1;
  while (waitpid((pid_t)running, &status, 0) == -1) continue;
  running = 0;
  alarm(0);
  if (status == 0) return;
  struct line l;
  l.n = 0;
  put(&l, "FAILED ");
  put_number(&l, status);
  show_line(&l);
  flush();
}

int main(int argc, char **argv) {
  own_path = argv[0];
  if (argc > 1) enter(argv[1][0] - '0');
  long n, length = 0;
  while (length < MOST_INPUT && (n = read(0, input + length, (size_t)(MOST_INPUT - length))) > 0) length += n;
  cpu_set_t one;
  if (sched_getaffinity(0, sizeof one, &one)) return 94;
  int cpu = 0;
  while (!CPU_ISSET(cpu, &one)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one)) return 94;
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = out_of_patience;
  sigaction(SIGALRM, &sa, NULL);
  setpriority(PRIO_PROCESS, 0, 0);
  set_priority(30);
  for (char *s = input; *s; ) {
    const char *header = s + strlen("program ");
    long which = number(&header);
    header++;
    int count = (int)number(&header);
    header++;
    terminal = (int)number(&header);
    header++;
    freely = (int)number(&header);
    header++;
    network = (int)number(&header);
    struct line l;
  l.n = 0;
    put(&l, "== ");
    put_number(&l, which);
    show_line(&l);
    flush();
    char *begin = strchr(s, '\n') + 1, *end = strstr(begin, "end\n");
    run_program(begin, end, count);
    s = end + 4;
  }
  return 0;
}
