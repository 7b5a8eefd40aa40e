/* The interpreter of fuzz/terminals.py: the same binary runs on the host and inside.
 *
 *   terminals < PROGRAMS
 *
 * Input: "program NUMBER", steps, "end". A step is a name of the table at the end and its arguments; bytes are hex.
 * Each program runs in a child that leads a session and is both ends of a pseudo-terminal; all children of a batch run
 * at once, for they mostly wait. After a step follow what has come out at the master's end, and the signals that came.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef EXTPROC
#define EXTPROC 0200000
#endif

enum { MOST_INPUT = 1 << 22, MOST_PROGRAMS = 64, MOST_ARGS = 2, ROOM = 4096, PIECE = 250, SETTLE_US = 2000, END_OF_FILE = 4 };

static int master, slave, packets;
static int hung_up;     /* and no settings made since */
static int freely;      /* a 3.2 judges: nothing is done to keep differences out */
static unsigned caught; /* a bit for each signal */

static void must(int good, const char *what) {
  if (good) return;
  printf("%s: errno %d\n", what, errno);
  fflush(stdout);
  _exit(1);
}

static void on_signal(int sig) { caught |= 1u << sig; }

/* --- What is seen. --- */

static void show(const char *what, const unsigned char *data, long n) {
  if (n < 0) {
    printf("  %s: errno %d\n", what, errno);
    return;
  }
  printf("  %s %ld:", what, n);
  for (long i = 0; i < n; i++) printf(data[i] > 32 && data[i] < 127 ? " %c" : " %02x", data[i]);
  printf("\n");
}

/* Signals come as keys do. */
static void see(struct pollfd ends[2]) {
  int n;
  while ((n = poll(ends, 2, 0)) < 0 && errno == EINTR) continue;
  must(n >= 0, "poll");
}

/* The judge moves bytes between the ends in a thread of the kernel's; poll() waits for it where it finds nothing. */
static void settle(void) {
  struct timespec left = {0, SETTLE_US * 1000L};
  struct pollfd ends[] = {{slave, POLLIN, 0}, {master, POLLIN, 0}};
  while (nanosleep(&left, &left) < 0 && errno == EINTR) continue;
  see(ends);
}

/* How much comes at once is chance: only the whole is shown, in packet mode between what is not data. */
static void show_output(void) {
  unsigned char all[2 * ROOM], part[ROOM];
  long n = 0, got;
  while (n < ROOM && (got = read(master, part, sizeof part)) > 0) {
    if (packets && part[0]) {
      if (n) show("out", all, n);
      n = 0;
      show("packet", part, got);
      continue;
    }
    memcpy(all + n, part + packets, got - packets);
    n += got - packets;
  }
  if (n) show("out", all, n);
}

static void show_input(void) {
  unsigned char data[ROOM];
  long n;
  while ((n = read(slave, data, sizeof data)) > 0) show("in", data, n);
  if (!n) show("in", data, n);
}

static void type_byte(unsigned char c) {
  if (write(master, &c, 1) != 1) printf("  not taken: %02x\n", c);
  settle();
}

/* --- Steps. --- */

struct arguments {
  unsigned char data[ROOM]; /* the first argument as bytes */
  long n, numbers[MOST_ARGS];
};

static void keys(struct arguments *a) {
  for (long i = 0; i < a->n; i++) type_byte(a->data[i]);
}

static void print(struct arguments *a) {
  long n = write(slave, a->data, a->n);
  if (n < 0) printf("  errno %d\n", errno);
  else printf("  %ld\n", n);
  settle();
}

static void read_some(struct arguments *a) {
  unsigned char data[ROOM];
  show("read", data, read(slave, data, a->numbers[0] < ROOM ? a->numbers[0] : ROOM));
  settle();
}

static void look(struct arguments *a) {
  (void)a;
  int in = -1, out = -1, screen = -1;
  struct pollfd ends[] = {{slave, POLLIN | POLLOUT | POLLPRI, 0}, {master, POLLIN | POLLOUT | POLLPRI, 0}};
  ioctl(slave, FIONREAD, &in);
  ioctl(slave, TIOCOUTQ, &out);
  ioctl(master, FIONREAD, &screen);
  see(ends);
  printf("  queues %d %d %d, ready %x %x\n", in, out, screen, ends[0].revents, ends[1].revents);
}

/* Start the output and wait until nothing is on its way. */
static void calm(void) {
  tcflow(slave, TCOOFF);
  tcflow(slave, TCOON);
  must(write(slave, "~", 1) == 1, "write");
  settle();
  show_output();
}

/* Of bytes that are read where there were lines, or will be, 3.2 counts wrong; we do not, so there are none. */
static void no_lines(void) {
  for (int i = 0; i < 3; i++) {
    show_input();
    tcflush(slave, TCIFLUSH);
    settle();
  }
}

static void change(struct termios *t) {
  struct termios old;
  if (!freely) calm();
  tcgetattr(slave, &old);
  if (hung_up || (old.c_lflag ^ t->c_lflag) & EXTPROC) no_lines();
  hung_up = 0;
  if (!freely && (old.c_lflag ^ t->c_lflag) & ICANON) {
    type_byte('z'); /* a literal next waits for it; nobody else types it */
    tcflush(slave, TCIFLUSH);
  }
  if (!freely) t->c_lflag |= NOFLSH;
  must(!tcsetattr(slave, TCSANOW, t), "tcsetattr");
  tcgetattr(slave, t);
  printf("  now %x %x %x\n", t->c_iflag, t->c_oflag, t->c_lflag);
  settle();
}

static void flip(struct arguments *a) {
  struct termios t;
  tcgetattr(slave, &t);
  tcflag_t *words[] = {&t.c_iflag, &t.c_oflag, &t.c_lflag};
  *words[a->numbers[0] % 3] ^= (tcflag_t)a->numbers[1];
  change(&t);
}

static void control(struct arguments *a) {
  struct termios t;
  tcgetattr(slave, &t);
  t.c_cc[a->numbers[0] % NCCS] = (cc_t)a->numbers[1];
  change(&t);
}

static void flow(struct arguments *a) {
  printf("  %d\n", tcflow(slave, (int)a->numbers[0]));
  settle();
}

static void flush(struct arguments *a) {
  (void)a;
  calm();
  printf("  %d\n", tcflush(slave, TCIFLUSH));
  settle();
}

static void end_of_file(struct arguments *a) {
  (void)a;
  show_input();
  type_byte(END_OF_FILE);
  show_input();
}

static void sti(struct arguments *a) {
  printf("  %d\n", ioctl(slave, TIOCSTI, a->data));
  settle();
}

static void packet(struct arguments *a) {
  packets = (int)a->numbers[0];
  printf("  %d\n", ioctl(master, TIOCPKT, &packets));
}

static void size(struct arguments *a) {
  struct winsize w = {(unsigned short)a->numbers[0], (unsigned short)a->numbers[1], 0, 0};
  printf("  %d\n", ioctl(a->numbers[0] & 1 ? master : slave, TIOCSWINSZ, &w));
}

static void begin_freely(struct arguments *a) {
  struct termios t;
  (void)a;
  freely = 1;
  tcgetattr(slave, &t);
  t.c_lflag &= ~(tcflag_t)NOFLSH;
  change(&t);
}

/* All keys at once. */
static void type(struct arguments *a) {
  printf("  %ld\n", (long)write(master, a->data, a->n));
  settle();
}

/* A piece at a time: of what comes at once, how much is echoed depends on when a worker of the kernel gets to it. */
static void fill(struct arguments *a) {
  char piece[PIECE];
  long left = a->numbers[0], n = 1;
  memset(piece, 'a', sizeof piece);
  for (; left && n > 0; left -= n) {
    n = write(master, piece, left < PIECE ? left : PIECE);
    settle();
    show_output();
  }
  printf("  left %ld\n", left);
}

static void flush_queues(struct arguments *a) {
  printf("  %d\n", tcflush(slave, (int)a->numbers[0]));
  settle();
}

static void open_slave(void) {
  slave = open(ptsname(master), O_RDWR | O_NONBLOCK);
  must(slave >= 0, "the slave");
}

static void hang_up(struct arguments *a) {
  (void)a;
  printf("  %d\n", ioctl(slave, TIOCVHANGUP, 0));
  close(slave);
  open_slave();
  hung_up = 1;
  settle();
}

static const struct { const char *name; void (*function)(struct arguments *); } steps[] = {
  {"keys", keys}, {"print", print}, {"read", read_some}, {"look", look},     {"flip", flip}, {"control", control},
  {"flow", flow}, {"flush", flush}, {"eof", end_of_file}, {"sti", sti}, {"packet", packet}, {"size", size},
  {"freely", begin_freely}, {"type", type}, {"fill", fill}, {"tcflush", flush_queues}, {"hangup", hang_up},
};

/* --- Programs. --- */

static void parse(char *text, struct arguments *a) {
  a->n = 0;
  for (const char *s = text; s[0] && s[1] && s[0] != ' ' && a->n < ROOM; s += 2) {
    char pair[] = {s[0], s[1], 0};
    a->data[a->n++] = (unsigned char)strtol(pair, 0, 16);
  }
  for (int i = 0; i < MOST_ARGS; i++) a->numbers[i] = strtol(text, &text, 10);
}

static void step(char *line) {
  static struct arguments a;
  char *args = strchr(line, ' ');
  if (args) *args++ = 0;
  printf("> %s %s\n", line, args ? args : "");
  parse(args ? args : line + strlen(line), &a);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (!strcmp(steps[i].name, line)) steps[i].function(&a);
  show_output();
  if (caught) printf("  signals %x\n", caught);
  caught = 0;
}

static void run(char *text) {
  static const int signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP, SIGCONT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], on_signal);
  setsid();
  master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  must(master >= 0 && !unlockpt(master), "/dev/ptmx");
  open_slave();
  fcntl(master, F_SETFL, O_NONBLOCK);
  struct termios t;
  tcgetattr(slave, &t);
  t.c_cc[VEOF] = END_OF_FILE;
  change(&t);
  for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n")) step(line);
}

static int begin(char *text, pid_t *child) {
  int ends[2];
  must(!pipe2(ends, O_CLOEXEC), "pipe");
  *child = fork();
  must(*child >= 0, "fork");
  if (*child) {
    close(ends[1]);
    return ends[0];
  }
  dup2(ends[1], 1);
  static char room[1 << 20]; /* nothing is written before the end, so that no reader is waited for */
  setvbuf(stdout, room, _IOFBF, sizeof room);
  run(text);
  fflush(stdout);
  _exit(0);
}

int main(void) {
  static char input[MOST_INPUT];
  size_t n = fread(input, 1, sizeof input - 1, stdin);
  input[n] = 0;
  int outputs[MOST_PROGRAMS], count = 0, status;
  pid_t children[MOST_PROGRAMS];
  for (char *at = input, *end; count < MOST_PROGRAMS && (end = strstr(at, "end\n")); at = end + 4) {
    *end = 0;
    char *text = strchr(at, '\n');
    must(text != 0, "no program");
    outputs[count] = begin(text + 1, &children[count]);
    count++;
  }
  for (int i = 0; i < count; i++) {
    char data[ROOM];
    long got;
    printf("== %d\n", i);
    fflush(stdout);
    while ((got = read(outputs[i], data, sizeof data)) > 0) fwrite(data, 1, got, stdout);
    must(waitpid(children[i], &status, 0) == children[i], "waitpid");
    if (status) printf("ended with %x\n", status);
  }
  fflush(stdout);
  return 0;
}
