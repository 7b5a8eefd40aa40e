/* A small shell with job control, as it is written in classes on systems programming.
 *
 * It reads commands from standard input: a program with arguments, with & for the background, or quit, jobs, bg JOB,
 * fg JOB, where JOB is a process ID or %number. Signals that are typed, SIGINT and SIGTSTP, it passes on to the
 * foreground job. With -p it prints no prompt.
 *
 * As it stands it is right in every order of what happens. Five mistakes can be compiled in:
 *   BROKEN_ADDJOB   SIGCHLD is not blocked from the fork to addjob(): a job that ends at once is deleted before it is
 *                   added, and then stays for ever
 *   BROKEN_WAITFG   looks whether the job still runs, opens the signals and pauses: SIGCHLD comes in between, and
 *                   nothing after it
 *   BROKEN_ZOMBIES  reaps one child for a SIGCHLD, which may stand for several
 *   BROKEN_GROUP    passes signals on to the job's first process alone, not to its group
 *   BROKEN_HANDLER  prints with signals open, to a buffer that the handler uses, too: a line comes out twice */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAXLINE 256
#define MAXARGS 32
#define MAXJOBS 16

enum state { UNDEF, FG, BG, ST };
struct job {
  pid_t pid;
  int jid;
  enum state state;
  char cmdline[MAXLINE];
};

extern char **environ;
static struct job jobs[MAXJOBS];
static char buffer[2 * MAXLINE];
static size_t used;

/* --- signals --- */

static sigset_t block(void) {
  sigset_t all, old;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &old);
  return old;
}
static void restore(sigset_t old) { sigprocmask(SIG_SETMASK, &old, NULL); }

static void install(int sig, void (*handler)(int)) {
  struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
  sigfillset(&action.sa_mask);
  sigaction(sig, &action, NULL);
}

/* --- output: signals are to be blocked --- */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  used += (size_t)vsnprintf(buffer + used, sizeof buffer - used, format, ap);
  va_end(ap);
  if (write(1, buffer, used) < 0) _exit(1);
  used = 0;
}

/* --- the list of jobs: signals are to be blocked --- */

static struct job *by_pid(pid_t pid) {
  for (struct job *job = jobs; job < jobs + MAXJOBS; job++)
    if (job->pid == pid) return job;
  return NULL;
}
static struct job *by_jid(int jid) {
  for (struct job *job = jobs; job < jobs + MAXJOBS; job++)
    if (job->pid && job->jid == jid) return job;
  return NULL;
}
static struct job *foreground(void) {
  for (struct job *job = jobs; job < jobs + MAXJOBS; job++)
    if (job->state == FG) return job;
  return NULL;
}
static struct job *addjob(pid_t pid, enum state state, const char *cmdline) {
  int jid = 0;
  for (struct job *job = jobs; job < jobs + MAXJOBS; job++)
    if (job->jid > jid) jid = job->jid;
  struct job *job = by_pid(0);
  if (!job) return NULL;
  job->pid = pid;
  job->jid = jid + 1;
  job->state = state;
  strcpy(job->cmdline, cmdline);
  return job;
}
static void deletejob(struct job *job) { memset(job, 0, sizeof *job); }

static void listjobs(void) {
  static const char *const names[] = { "", "Foreground", "Running", "Stopped" };
  for (struct job *job = jobs; job < jobs + MAXJOBS; job++)
    if (job->pid) say("[%d] (%d) %s %s", job->jid, job->pid, names[job->state], job->cmdline);
}

/* --- handlers --- */

static void changed(pid_t pid, int status) {
  struct job *job = by_pid(pid);
  if (!job) return;
  if (WIFSTOPPED(status)) {
    job->state = ST;
    say("Job [%d] (%d) stopped by signal %d\n", job->jid, pid, WSTOPSIG(status));
    return;
  }
  if (WIFSIGNALED(status)) say("Job [%d] (%d) terminated by signal %d\n", job->jid, pid, WTERMSIG(status));
  deletejob(job);
}

static void sigchld(int sig) {
  (void)sig;
  int status, saved = errno;
  pid_t pid;
#ifdef BROKEN_ZOMBIES
  if ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) changed(pid, status);
#else
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) changed(pid, status);
#endif
  errno = saved;
}

static void pass_on(int sig) {
  int saved = errno;
  struct job *job = foreground();
#ifdef BROKEN_GROUP
  if (job) kill(job->pid, sig);
#else
  if (job) kill(-job->pid, sig);
#endif
  errno = saved;
}

/* --- commands --- */

/* Sleep until pid is not the foreground job any more. Signals are blocked; old is what they were. */
static void waitfg(pid_t pid, sigset_t old) {
  for (struct job *job; (job = by_pid(pid)) && job->state == FG;) {
#ifdef BROKEN_WAITFG
    restore(old);
    pause();
    block();
#else
    sigsuspend(&old);
#endif
  }
  restore(old);
}

static void bgfg(char **argv) {
  const char *what = argv[1];
  if (!what) {
    say("%s command requires PID or %%jobid argument\n", argv[0]);
    return;
  }
  const char *digits = what + (*what == '%');
  if (!isdigit((unsigned char)*digits)) {
    say("%s: argument must be a PID or %%jobid\n", argv[0]);
    return;
  }
  int number = atoi(digits);
  sigset_t old = block();
  struct job *job = *what == '%' ? by_jid(number) : number > 0 ? by_pid(number) : NULL;
  if (!job) {
    if (*what == '%')
      say("%s: No such job\n", what);
    else
      say("(%s): No such process\n", what);
    restore(old);
    return;
  }
  int fg = !strcmp(argv[0], "fg");
  job->state = fg ? FG : BG;
  kill(-job->pid, SIGCONT);
  if (fg) {
    waitfg(job->pid, old);
    return;
  }
  say("[%d] (%d) %s", job->jid, job->pid, job->cmdline);
  restore(old);
}

static int builtin(char **argv) {
  if (!strcmp(argv[0], "quit")) exit(0);
  if (!strcmp(argv[0], "bg") || !strcmp(argv[0], "fg")) {
    bgfg(argv);
    return 1;
  }
  if (strcmp(argv[0], "jobs")) return 0;
  sigset_t old = block();
  listjobs();
  restore(old);
  return 1;
}

static void run(char **argv, sigset_t old) {
  setpgid(0, 0);
  signal(SIGINT, SIG_DFL);
  signal(SIGTSTP, SIG_DFL);
  signal(SIGCHLD, SIG_DFL);
  restore(old);
  execve(argv[0], argv, environ);
  say("%s: Command not found\n", argv[0]);
  _exit(0);
}

/* Split a line into words; whether it ends in &. */
static int parse(char *line, char **argv) {
  int argc = 0;
  for (char *word = strtok(line, " \n"); word && argc < MAXARGS - 1; word = strtok(NULL, " \n")) argv[argc++] = word;
  int bg = argc && !strcmp(argv[argc - 1], "&");
  argv[argc - bg] = NULL;
  return bg;
}

static void eval(const char *cmdline) {
  char line[MAXLINE], *argv[MAXARGS];
  strcpy(line, cmdline);
  int bg = parse(line, argv);
  if (!argv[0] || builtin(argv)) return;
#ifdef BROKEN_ADDJOB
  sigset_t old;
  sigprocmask(SIG_BLOCK, NULL, &old);
#else
  sigset_t old = block();
#endif
  pid_t pid = fork();
  if (pid == 0) run(argv, old);
  setpgid(pid, pid); /* here as well: whoever comes first */
#ifdef BROKEN_ADDJOB
  block();
#endif
  struct job *job = addjob(pid, bg ? BG : FG, cmdline);
  if (!bg) {
    waitfg(pid, old);
    return;
  }
  int jid = job ? job->jid : 0;
#ifdef BROKEN_HANDLER
  restore(old);
#endif
  say("[%d] (%d) %s", jid, pid, cmdline);
  restore(old);
}

int main(int argc, char **argv) {
  char cmdline[MAXLINE];
  int prompt = !(argc > 1 && !strcmp(argv[1], "-p"));
  install(SIGCHLD, sigchld);
  install(SIGINT, pass_on);
  install(SIGTSTP, pass_on);
  for (;;) {
    if (prompt) {
      sigset_t old = block();
      say("tsh> ");
      restore(old);
    }
    if (!fgets(cmdline, sizeof cmdline, stdin)) exit(0);
    eval(cmdline);
  }
}
