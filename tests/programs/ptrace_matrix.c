/* Every request in every state of a tracee: its error, and the state that the tracee is in then. */
// differs: later kernels have other rules for SEIZE, LISTEN, KILL and options; 3.2's PTRACE_KILL is a resume
// needs: glibc
#include "trace.h"
#include <sys/uio.h>
#include <sys/user.h>

enum { RUNNING, SIGNAL, GROUP, ENTRY, LEAVE, EVENT, SEIZED, TRAP, SEIZED_GROUP, LISTENING, ZOMBIE, UNTRACED, OTHERS, STATES };
static const char *const states[STATES] = {"running", "signal", "group stop", "entry", "exit", "event", "seized", "trap", "seized group", "listening", "zombie", "untraced", "of another"};

static void body(int state) {
  if (state == ENTRY || state == LEAVE)
    for (;;) getppid();
  if (state == EVENT)
    for (;;) {
      pid_t pid = fork();
      if (!pid) _exit(0);
      waitpid(pid, NULL, 0);
    }
  if (state == ZOMBIE) _exit(5);
  for (;;) pause();
}

static pid_t middle;
static pid_t make(int state) {
  pid_t pid;
  int traced = state != SEIZED && state != TRAP && state != SEIZED_GROUP && state != LISTENING && state != UNTRACED && state != OTHERS;
  if (state == OTHERS) {
    int ends[2];
    must(pipe(ends));
    CHILD(middle) {
      CHILD(pid) must(trace(PTRACE_TRACEME, 0, 0, 0)), raise(SIGSTOP), body(state);
      wait_trace(pid), must(write(ends[1], &pid, sizeof pid));
      for (;;) pause();
    }
    must(read(ends[0], &pid, sizeof pid)), close(ends[0]), close(ends[1]);
    return pid;
  }
  CHILD(pid) {
    if (traced) must(trace(PTRACE_TRACEME, 0, 0, 0)), raise(SIGSTOP);
    body(state);
  }
  if (traced) wait_trace(pid);
  else sleep_ms(1);
  switch (state) {
  case RUNNING: must(trace(PTRACE_CONT, pid, 0, 0)), sleep_ms(1); break;
  case GROUP: must(trace(PTRACE_CONT, pid, 0, SIGSTOP)), wait_trace(pid); break;
  case LEAVE: must(trace(PTRACE_SYSCALL, pid, 0, 0)), wait_trace(pid); /* fall through */
  case ENTRY: must(trace(PTRACE_SYSCALL, pid, 0, 0)), wait_trace(pid); break;
  case EVENT: must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEFORK)), must(trace(PTRACE_CONT, pid, 0, 0)), wait_trace(pid); break;
  case ZOMBIE: must(trace(PTRACE_CONT, pid, 0, 0)); siginfo_t info; must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT)); break;
  case SEIZED: case TRAP: case SEIZED_GROUP: case LISTENING: must(trace(0x4206, pid, 0, SEIZE_DEVEL)); break;
  default: break;
  }
  if (state == TRAP) must(trace(0x4207, pid, 0, 0)), wait_trace(pid);
  if (state == SEIZED_GROUP || state == LISTENING) must(kill(pid, SIGSTOP)), wait_trace(pid), must(trace(PTRACE_CONT, pid, 0, SIGSTOP)), wait_trace(pid);
  if (state == LISTENING) must(trace(0x4208, pid, 0, 0));
  return pid;
}

static char room[4096];
static struct iovec iov;
static unsigned long page;
/* data: what is given; 'r' room, 'b' a bad address, 'k' the kernel's, 'i' an iovec of its own; else a number. */
struct row { const char *name; long request; unsigned long addr; char kind; unsigned long data; };
static const struct row rows[] = {
  {"TRACEME", 0, 0, 0, 0}, {"ATTACH", 16, 0, 0, 0}, {"SEIZE", 0x4206, 0, 0, SEIZE_DEVEL}, {"SEIZE without the flag", 0x4206, 0, 0, 0}, {"SEIZE, more bits", 0x4206, 77, 0, SEIZE_DEVEL | 0xffff},
  {"PEEKDATA", 2, 1, 'r', 0}, {"PEEKDATA of nothing", 2, 8, 'r', 0}, {"PEEKDATA to nowhere", 2, 1, 'b', 0}, {"POKEDATA", 5, 1, 0, 7}, {"POKETEXT to nothing", 4, 8, 0, 7},
  {"PEEKUSR", 3, 120, 'r', 0}, {"PEEKUSR 4", 3, 4, 'r', 0}, {"PEEKUSR 920", 3, 920, 'r', 0}, {"PEEKUSR 928", 3, 928, 'r', 0}, {"PEEKUSR to nowhere", 3, 0, 'b', 0}, {"POKEUSR", 6, 0, 0, 1}, {"POKEUSR tsize", 6, 736, 0, 1}, {"POKEUSR cs", 6, 136, 0, 0}, {"POKEUSR dr7", 6, 904, 0, 0x20000}, {"POKEUSR dr4", 6, 880, 0, 1}, {"POKEUSR dr6", 6, 896, 0, 1},
  {"GETREGS", 12, 0, 'r', 0}, {"GETREGS bad", 12, 0, 'b', 0}, {"GETREGS kernel", 12, 0, 'k', 0}, {"SETREGS bad", 13, 0, 'b', 0}, {"SETREGS kernel", 13, 0, 'k', 0}, {"GETFPREGS", 14, 0, 'r', 0}, {"GETFPREGS bad", 14, 0, 'b', 0}, {"SETFPREGS kernel", 15, 0, 'k', 0}, {"GETFPXREGS", 18, 0, 'r', 0}, {"SETFPXREGS", 19, 0, 'r', 0},
  {"GET_THREAD_AREA 12", 25, 12, 'r', 0}, {"GET_THREAD_AREA 11", 25, 11, 'r', 0}, {"GET_THREAD_AREA -1", 25, -1ul, 'r', 0}, {"GET_THREAD_AREA bad", 25, 12, 'b', 0}, {"SET_THREAD_AREA 15", 26, 15, 'r', 0}, {"SET_THREAD_AREA 15, bad", 26, 15, 'b', 0},
  {"ARCH_PRCTL GET_FS", 30, 1, 0, 0x1003}, {"ARCH_PRCTL unknown", 30, 1, 0, 0x1005}, {"ARCH_PRCTL SET_GS kernel", 30, -1ul, 0, 0x1001},
  {"CONT", 7, 0, 0, 0}, {"CONT 10", 7, 0, 0, 10}, {"CONT 64", 7, 0, 0, 64}, {"CONT 65", 7, 0, 0, 65}, {"CONT -1", 7, 0, 0, -1ul}, {"SYSCALL", 24, 0, 0, 0}, {"SYSCALL 65", 24, 0, 0, 65}, {"SYSEMU", 31, 0, 0, 0}, {"SYSEMU_SINGLESTEP", 32, 0, 0, 0}, {"SINGLESTEP", 9, 0, 0, 0}, {"SINGLESTEP 99", 9, 0, 0, 99}, {"SINGLEBLOCK", 33, 0, 0, 0},
  {"KILL", 8, 0, 0, 0}, {"DETACH", 17, 0, 0, 0}, {"DETACH 65", 17, 0, 0, 65}, {"DETACH 9", 17, 0, 0, 9}, {"SETOPTIONS", 0x4200, 0, 0, 0x7f}, {"SETOPTIONS unknown", 0x4200, 0, 0, 0x80}, {"OLDSETOPTIONS", 21, 0, 0, 1}, {"GETEVENTMSG", 0x4201, 0, 'r', 0}, {"GETEVENTMSG bad", 0x4201, 0, 'b', 0},
  {"GETSIGINFO", 0x4202, 0, 'r', 0}, {"GETSIGINFO bad", 0x4202, 0, 'b', 0}, {"SETSIGINFO", 0x4203, 0, 'r', 0}, {"SETSIGINFO bad", 0x4203, 0, 'b', 0},
  {"GETREGSET", 0x4204, 1, 'i', 0}, {"GETREGSET of half a word", 0x4204, 1, 'i', 12}, {"GETREGSET unknown", 0x4204, 99, 'i', 0}, {"GETREGSET bad", 0x4204, 1, 'b', 0}, {"GETREGSET TLS", 0x4204, 0x200, 'i', 0}, {"GETREGSET IOPERM", 0x4204, 0x201, 'i', 0}, {"GETREGSET FP", 0x4204, 2, 'i', 0}, {"SETREGSET nothing", 0x4205, 1, 'i', 1}, {"GETREGSET to the kernel", 0x4204, 1, 'i', 3}, {"SETREGSET from the kernel", 0x4205, 1, 'i', 3}, {"SETREGSET from nowhere", 0x4205, 1, 'i', 4}, {"SETREGSET unknown", 0x4205, 99, 'i', 0},
  {"INTERRUPT", 0x4207, 0, 0, 0}, {"LISTEN", 0x4208, 0, 0, 0}, {"unknown", 0x1234, 0, 0, 0}, {"unknown 10", 10, 0, 0, 0}, {"negative", -1, 0, 0, 0},
};

static void ask(const struct row *r, int state, char *out, size_t size) {
  pid_t pid = make(state);
  unsigned long addr = r->addr, data = r->data;
  iov.iov_base = room, iov.iov_len = r->data == 12 ? 12 : r->data == 1 ? 0 : sizeof room;
  if (r->kind == 'i' && (data == 3 || data == 4)) iov.iov_base = (void *)(data == 3 ? 0xffff800000000000 : 8);
  if (addr == 1 && (r->request == 2 || r->request == 5 || r->request == 30)) addr = page;
  if (r->kind == 'r') data = (unsigned long)room;
  if (r->kind == 'b') data = 8;
  if (r->kind == 'k') data = 0xffff800000000000;
  if (r->kind == 'i') data = (unsigned long)&iov;
  long result = trace(r->request, r->request ? pid : 0, addr, data);
  int error = errno;
  sleep_ms(1);
  snprintf(out, size, "%s/%c", result == -1 ? errname(error) : "0", state_of(pid));
  kill(pid, SIGKILL);
  if (state == OTHERS) kill(middle, SIGKILL), wait_trace(middle);
  else
    for (;;) {
      int status;
      pid_t got = waitpid(pid, &status, __WALL);
      if (state == ZOMBIE && (got != pid || status != 5 << 8)) say("the end of a zombie after %s: %s", r->name, got == pid ? wait_str(status) : "gone");
      if (got == -1 || WIFEXITED(status) || WIFSIGNALED(status)) break;
      trace(PTRACE_CONT, pid, 0, 0);
    }
  while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) continue;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  page = (unsigned long)room;
  for (size_t i = 1; i < sizeof rows / sizeof *rows; i++) {
    /* One line a request; states that answer alike stand together. */
    char line[900], cells[STATES][32];
    int n = snprintf(line, sizeof line, "%s:", rows[i].name);
    for (int s = 0; s < STATES; s++) ask(rows + i, s, cells[s], sizeof cells[s]);
    for (int s = 0; s < STATES; s++) {
      if (!cells[s][0]) continue;
      n += snprintf(line + n, sizeof line - (size_t)n, " %s (%s", cells[s], states[s]);
      for (int t = s + 1; t < STATES; t++)
        if (!strcmp(cells[t], cells[s])) n += snprintf(line + n, sizeof line - (size_t)n, ", %s", states[t]), cells[t][0] = 0;
      n += snprintf(line + n, sizeof line - (size_t)n, ")");
    }
    say("%s", line);
  }
  return 0;
}
