/* no_new_privs, filters of system calls and ambient capabilities. */
// later: all
// needs: root
#include "check.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ptrace.h>
#include <sys/user.h>

enum { NR_SECCOMP = 317, SET_NO_NEW_PRIVS = 38, GET_NO_NEW_PRIVS = 39, CAP_AMBIENT = 47 };
enum { ACTION_AVAIL = 2, IS_SET = 1, RAISE = 2, LOWER = 3, CLEAR_ALL = 4, NET_RAW = 13, SYS_TIME = 25 };
#define KILL_PROCESS 0x80000000U
#define ALLOW 0x7fff0000U
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

static long install(struct sock_filter *code, unsigned short length) {
  struct sock_fprog program = { length, code };
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#define INSTALL(...) install((struct sock_filter[]){ __VA_ARGS__ }, sizeof((struct sock_filter[]){ __VA_ARGS__ }) / 8)

/* Of one call only, all others are as they were. */
static long on_call(int nr, unsigned action) {
  return INSTALL(LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1), RETURN(action), RETURN(ALLOW));
}
static long getppid_(void) { return syscall(SYS_getppid); }

static void caught(int sig, siginfo_t *info, void *context) {
  (void)context;
  int nr;
  unsigned arch;
  void *address;
  memcpy(&address, (char *)info + 16, 8), memcpy(&nr, (char *)info + 24, 4), memcpy(&arch, (char *)info + 28, 4);
  say("signal %d code %d errno %d call %d arch %x from somewhere %d", sig, info->si_code, info->si_errno,
      nr == SYS_getppid, arch, address != NULL);
}

static void privileges(void) {
  pid_t pid;
  show("no_new_privs", prctl(GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  show("2", prctl(SET_NO_NEW_PRIVS, 2, 0, 0, 0));
  show("more than one argument", prctl(SET_NO_NEW_PRIVS, 1, 1, 0, 0));
  CHILD(pid) {
    must(setuid(1000));
    show("a filter without it", on_call(SYS_getppid, SECCOMP_RET_ERRNO | EPERM));
    show("it", prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show("a filter with it", on_call(SYS_getppid, SECCOMP_RET_ERRNO | EPERM));
    _exit(0);
  }
  wait_for(pid);
  char self[300] = { 0 };
  must(readlink("/proc/self/exe", self, sizeof self - 1));
  char command[400];
  snprintf(command, sizeof command, "cp %s setuid && chmod 4755 setuid && chmod 755 .", self);
  must(system(command));
  CHILD(pid) {
    must(setuid(1000));
    execl("./setuid", "x", "ids", NULL);
    _exit(98);
  }
  say("set-user-ID: %s", reap(pid));
  CHILD(pid) {
    must(setuid(1000));
    must(prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    execl("./setuid", "x", "ids", NULL);
    _exit(98);
  }
  say("with no_new_privs: %s", reap(pid));
}

static void answers(void) {
  pid_t pid;
  CHILD(pid) {
    must(on_call(SYS_getppid, SECCOMP_RET_ERRNO | EIO));
    show("refused", getppid_());
    show("mode", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    must(on_call(SYS_getppid, SECCOMP_RET_ERRNO | EPERM));
    show("by the last of two", getppid_());
    pid_t child;
    CHILD(child) {
      show("a child is refused, too", getppid_());
      _exit(0);
    }
    wait_for(child);
    must(on_call(SYS_getppid, ALLOW));
    show("none takes it back", getppid_());
    must(on_call(SYS_getppid, SECCOMP_RET_TRACE | 3));
    show("ERRNO is graver than TRACE", getppid_());
    show("another mode", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
    must(on_call(SYS_getppid, SECCOMP_RET_ERRNO | 0xffff));
    say("an errno too large: %d", (getppid_(), errno == 4095));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(on_call(SYS_getppid, SECCOMP_RET_ERRNO));
    show("ERRNO 0", getppid_());
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(on_call(SYS_getppid, SECCOMP_RET_KILL));
    getppid_();
    _exit(1);
  }
  say("KILL: %s", reap(pid));
  CHILD(pid) {
    on_siginfo(SIGSYS, caught, 0);
    must(on_call(SYS_getppid, KILL_PROCESS));
    getppid_();
    _exit(1);
  }
  say("KILL_PROCESS, handled or not: %s", reap(pid));
  CHILD(pid) {
    on_siginfo(SIGSYS, caught, 0);
    must(on_call(SYS_getppid, SECCOMP_RET_TRAP | 9));
    say("TRAP: ax as it was %d", getppid_() == SYS_getppid);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(on_call(SYS_getppid, SECCOMP_RET_TRACE | 9));
    show("TRACE, by nobody", getppid_());
    _exit(0);
  }
  wait_for(pid);
}

static void traced(void) {
  pid_t pid;
  CHILD(pid) {
    must(ptrace(PTRACE_TRACEME, 0, 0, 0));
    raise(SIGSTOP);
    must(on_call(SYS_getppid, SECCOMP_RET_TRACE | 9));
    show("TRACE, let through", getppid_() > 0);
    show("TRACE, asked for no more", getppid_());
    _exit(0);
  }
  int status;
  unsigned long message = 0;
  must(waitpid(pid, &status, 0));
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, 0x80));
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  must(waitpid(pid, &status, 0));
  must(ptrace(PTRACE_GETEVENTMSG, pid, 0, &message));
  say("event %d, message %lu", status >> 16, message);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, 0));
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  say("%s", reap(pid));
}

enum { GETPPID = 64, GETPGRP = 65, GETUID = 24, GETSID = 147 }; /* by INT 0x80 */
static long by_interrupt(long nr) {
  long ax = nr;
  __asm__ volatile("int $0x80" : "+a"(ax) : "b"(0L), "c"(0L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
  return ax;
}
static long refused_by_interrupt(void) {
  return INSTALL(LOAD(4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 4), LOAD(0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GETPPID, 3, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GETPGRP, 3, 0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GETSID, 3, 0), RETURN(ALLOW), RETURN(SECCOMP_RET_ERRNO | EDOM),
                 RETURN(SECCOMP_RET_TRACE | 5), RETURN(SECCOMP_RET_TRAP | 6));
}
/* What a tracer sees of calls that filters decide about, and what becomes of the number that it changes. */
static long refused_and_traced(void) {
  return INSTALL(LOAD(4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4), LOAD(0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 3, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 3, 0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsid, 3, 0), RETURN(ALLOW), RETURN(SECCOMP_RET_ERRNO | EPERM),
                 RETURN(SECCOMP_RET_TRACE | 5), RETURN(SECCOMP_RET_TRAP | 6));
}
static void changed(pid_t pid, long nr, long ax) {
  struct user_regs_struct regs;
  must(ptrace(PTRACE_GETREGS, pid, 0, &regs));
  regs.orig_rax = (unsigned long long)nr;
  if (nr == -1) regs.rax = (unsigned long long)ax;
  must(ptrace(PTRACE_SETREGS, pid, 0, &regs));
}
static void by_the_numbers(pid_t pid, int seen, int calls) {
  static const long into[2][6] = { { 0, 0, SYS_getppid, SYS_getuid, -1, 1000 }, { 0, 0, GETPPID, GETUID, -1, 1000 } };
  int status, events = 0;
  while (must(waitpid(pid, &status, 0)), WIFSTOPPED(status)) {
    int event = status >> 16, sig = WSTOPSIG(status);
    struct user_regs_struct regs;
    must(ptrace(PTRACE_GETREGS, pid, 0, &regs));
    long nr = (long)regs.orig_rax;
    if (sig == (SIGTRAP | 0x80) && (nr == SYS_getppid || nr == SYS_getpgrp || nr == SYS_getsid || nr == SYS_getuid || nr == 1000))
      say("  call %d: %d", nr == SYS_getpgrp ? 1 : nr == SYS_getsid ? 2 : nr == SYS_getppid ? 3 : nr == SYS_getuid ? 4 : 5,
          (int)regs.rax > 0 ? 1 : (int)regs.rax);
    if (event) {
      events++;
      say("  event %d", event);
      if (events > 1 && events <= 5) changed(pid, into[calls == 2][events], 77);
    }
    must(ptrace(calls == 1 ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, event || sig & 0x80 || sig == SIGSTOP ? 0 : sig));
  }
  say("%d: %s, %d events", seen, wait_str(status), events);
}
static void changing(int calls) {
  pid_t pid;
  int status;
  say("%s", calls == 2 ? "by INT 0x80" : calls ? "with its calls looked at" : "without");
  CHILD(pid) {
    on_siginfo(SIGSYS, caught, 0);
    must(ptrace(PTRACE_TRACEME, 0, 0, 0));
    raise(SIGSTOP);
    if (calls == 2) {
      must(refused_by_interrupt());
      say("refused: %ld", by_interrupt(GETPPID));
      say("let through: %d", by_interrupt(GETPGRP) > 0);
      for (int i = 0; i < 4; i++) say("into another: %ld", by_interrupt(GETPGRP));
      _exit(0);
    }
    must(refused_and_traced());
    show("refused", getppid_());
    show("let through", syscall(SYS_getpgrp) > 0);
    show("into a refused one", syscall(SYS_getpgrp));
    show("into another", syscall(SYS_getpgrp));
    show("into none", syscall(SYS_getpgrp));
    show("into one that there is not", syscall(SYS_getpgrp));
    say("trapped: ax as it was %d", syscall(SYS_getsid, 0) == SYS_getsid);
    _exit(0);
  }
  must(waitpid(pid, &status, 0));
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, 0x81));
  must(ptrace(calls == 1 ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, 0));
  by_the_numbers(pid, 1, calls);
}

static void caught32(int sig, siginfo_t *info, void *context) {
  (void)context;
  int nr;
  unsigned arch;
  memcpy(&nr, (char *)info + 24, 4), memcpy(&arch, (char *)info + 28, 4);
  say("signal %d errno %d call %d arch %x", sig, info->si_errno, nr, arch);
}
static void calls_of_32_bits(void) {
  pid_t pid;
  CHILD(pid) {
    on_siginfo(SIGSYS, caught32, 0);
    must(refused_by_interrupt());
    say("refused %ld, of 64 bits not: %d", by_interrupt(GETPPID), getppid_() > 0);
    say("traced by nobody %ld", by_interrupt(GETPGRP));
    say("allowed %ld", by_interrupt(GETUID));
    say("trapped: ax as it was %d", by_interrupt(GETSID) == GETSID);
    _exit(0);
  }
  wait_for(pid);
}

static void arguments(void) {
  pid_t pid;
  CHILD(pid) {
    /* The second argument, its lower half: dup2(1, 77) is refused. */
    struct sock_filter code[] = { LOAD(16 + 8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 77, 0, 1),
                                  RETURN(SECCOMP_RET_ERRNO | EDOM), RETURN(ALLOW) };
    struct sock_fprog program = { 4, code };
    show("seccomp(2)", syscall(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, 0, &program));
    show("one argument", syscall(SYS_dup2, 1, 77));
    show("another", syscall(SYS_dup2, 1, 78));
    /* (nr + arch's lowest byte) by way of memory, arithmetic and the index register: 3 * 2 - 6 == 0. */
    must(INSTALL(BPF_STMT(BPF_LD | BPF_IMM, 3), BPF_STMT(BPF_ST, 5), BPF_STMT(BPF_LDX | BPF_MEM, 5),
                 BPF_STMT(BPF_LD | BPF_IMM, 2), BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 1, 0), RETURN(SECCOMP_RET_KILL),
                 BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 6), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(0),
                 BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 1),
                 BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, SYS_getppid),
                 BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 1, 0), RETURN(SECCOMP_RET_ERRNO | ENXIO), RETURN(ALLOW)));
    show("computed", getppid_());
    must(INSTALL(LOAD(4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), RETURN(SECCOMP_RET_KILL),
                 LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1), RETURN(SECCOMP_RET_ERRNO | EDOM),
                 RETURN(ALLOW)));
    show("by the architecture", syscall(SYS_getuid));
    /* A division by an index of 0 ends the program with 0: KILL. */
    must(INSTALL(LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getgid, 1, 0), RETURN(ALLOW),
                 BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RETURN(ALLOW)));
    syscall(SYS_getgid);
    _exit(1);
  }
  say("%s", reap(pid));
}

static void not_programs(void) {
  show("no instructions", install((struct sock_filter[]){ RETURN(0) }, 0));
  show("half a word", INSTALL(LOAD(2), RETURN(ALLOW)));
  show("beyond the data", INSTALL(LOAD(64), RETURN(ALLOW)));
  show("memory never written", INSTALL(BPF_STMT(BPF_LD | BPF_MEM, 1), RETURN(ALLOW)));
  show("written on one way only", INSTALL(LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 1),
                                          BPF_STMT(BPF_LD | BPF_MEM, 1), RETURN(ALLOW)));
  show("no such memory", INSTALL(BPF_STMT(BPF_ST, 16), RETURN(ALLOW)));
  show("no return at the end", INSTALL(RETURN(ALLOW), BPF_STMT(BPF_LD | BPF_IMM, 1)));
  show("a jump beyond it", INSTALL(BPF_JUMP(BPF_JMP | BPF_JA, 5, 0, 0), RETURN(ALLOW)));
  show("a branch beyond it", INSTALL(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RETURN(ALLOW)));
  show("division by 0", INSTALL(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(ALLOW)));
  show("a shift by 32", INSTALL(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(ALLOW)));
  show("a load of 16 bits", INSTALL(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(ALLOW)));
  show("no program", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0, 0, 0));
  show("no mode", prctl(PR_SET_SECCOMP, 3, 0, 0, 0));
  show("no operation", syscall(NR_SECCOMP, 9, 0, 0));
  show("unknown flags", syscall(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, 1U << 20, 0));
  unsigned action = ALLOW;
  show("is there ALLOW", syscall(NR_SECCOMP, ACTION_AVAIL, 0, &action));
  action = 0x12340000;
  show("another action", syscall(NR_SECCOMP, ACTION_AVAIL, 0, &action));
}

static void too_many(void) {
  static struct sock_filter code[4096];
  pid_t pid;
  CHILD(pid) {
    for (size_t i = 0; i < 4096; i++) code[i] = (struct sock_filter)RETURN(ALLOW);
    int installed = 0;
    while (installed < 20 && install(code, 4096) == 0) installed++;
    say("filters of 4096 instructions: at last %s", installed < 20 ? errname(errno) : "all");
    _exit(0);
  }
  wait_for(pid);
}

static long other_threads;
static struct gate installed;
static void *thread(void *arg) {
  (void)arg;
  pass_gate(&installed);
  other_threads = syscall(SYS_getppid) == -1 ? errno : 0;
  return NULL;
}
static pid_t own_tid;
static struct gate own_done, own_go;
static void *hold(void *arg) {
  (void)arg;
  must(on_call(SYS_getppid, SECCOMP_RET_ERRNO | EIO));
  own_tid = gettid_();
  open_gate(&own_done);
  pass_gate(&own_go);
  return NULL;
}
static void *own_filter(void *arg) {
  pthread_t t;
  own_done = new_gate(), own_go = new_gate();
  pthread_create(&t, NULL, hold, NULL);
  pass_gate(&own_done);
  return arg;
}
static void *killed(void *arg) {
  own_tid = gettid_();
  must(on_call(SYS_getppid, SECCOMP_RET_KILL));
  open_gate(&own_done);
  getppid_();
  say("not killed");
  return arg;
}
static void threads(void) {
  pid_t pid;
  CHILD(pid) {
    pthread_t t;
    struct sock_filter code[] = { LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                                  RETURN(SECCOMP_RET_ERRNO | EDOM), RETURN(ALLOW) };
    struct sock_fprog program = { 4, code };
    installed = new_gate();
    pthread_create(&t, NULL, thread, NULL);
    show("for all threads", syscall(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, 1, &program));
    open_gate(&installed);
    pthread_join(t, NULL);
    say("another one: %s", errname((int)other_threads));
    pthread_create(&t, NULL, own_filter, NULL);
    pthread_join(t, NULL);
    say("but for one with its own: %d", syscall(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, 1, &program) == own_tid);
    show("if that is an error", syscall(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, 0x11, &program));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    pthread_t t;
    own_done = new_gate();
    pthread_create(&t, NULL, killed, NULL);
    pass_gate(&own_done);
    while (tgkill_(getpid(), own_tid, 0) == 0) sleep_ms(1); /* musl's pthread_join() would wait for ever */
    _exit(6);
  }
  say("KILL_THREAD of one of two: %s", reap(pid));
}

struct caps { unsigned effective, permitted, inheritable; };
static void ambient(void) {
  pid_t pid;
  show("set", prctl(CAP_AMBIENT, IS_SET, NET_RAW, 0, 0));
  show("not inheritable", prctl(CAP_AMBIENT, RAISE, NET_RAW, 0, 0));
  show("no capability", prctl(CAP_AMBIENT, RAISE, 99, 0, 0));
  show("no operation", prctl(CAP_AMBIENT, 9, NET_RAW, 0, 0));
  show("all of one", prctl(CAP_AMBIENT, CLEAR_ALL, NET_RAW, 0, 0));
  CHILD(pid) {
    struct { unsigned version; int pid; } header = { 0x20080522, 0 };
    struct caps data[2];
    must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    must(setuid(1000));
    must(syscall(SYS_capget, &header, data));
    data[0].effective = data[0].inheritable = data[0].permitted = 1U << NET_RAW | 1U << SYS_TIME;
    data[1].effective = data[1].inheritable = data[1].permitted = 0;
    must(syscall(SYS_capset, &header, data));
    show("raised", prctl(CAP_AMBIENT, RAISE, NET_RAW, 0, 0));
    show("raised", prctl(CAP_AMBIENT, RAISE, SYS_TIME, 0, 0));
    show("lowered", prctl(CAP_AMBIENT, LOWER, SYS_TIME, 0, 0));
    show("set", prctl(CAP_AMBIENT, IS_SET, NET_RAW, 0, 0));
    show("set", prctl(CAP_AMBIENT, IS_SET, SYS_TIME, 0, 0));
    execl("/proc/self/exe", "x", "caps", NULL);
    _exit(98);
  }
  say("%s", reap(pid));
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "ids")) return geteuid() == 0;
  if (argc > 1) {
    struct { unsigned version; int pid; } header = { 0x20080522, 0 };
    struct caps data[2];
    must(syscall(SYS_capget, &header, data));
    say("after an exec: effective %x permitted %x inheritable %x", data[0].effective, data[0].permitted, data[0].inheritable);
    return 0;
  }
  go_to_scratch();
  privileges();
  answers();
  traced();
  changing(0);
  changing(1);
  changing(2);
  calls_of_32_bits();
  arguments();
  not_programs();
  too_many();
  threads();
  ambient();
  return 0;
}
