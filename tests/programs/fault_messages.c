/* What the kernel log says of programs that fault. */
#include "check.h"

#include <sys/klog.h>
// needs: root
// differs: later kernels say on which CPU it was, and show the code

static char buf[1 << 18];

/* Every number in hex becomes #, but for those that a program cannot choose; COMM[PID] stays. */
static void tell(void) {
  long n = must(klogctl(4, buf, sizeof buf));
  buf[n] = 0;
  for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
    char out[400], *o = out, *text = strchr(line, ']') + 2;
    o += sprintf(o, "%.3s", line);
    for (char *p = text; *p && o < out + 390;) {
      if (!strncmp(p, "test[", 5)) {
        o += sprintf(o, "test[PID]");
        p = strchr(p, ']') + 1;
        continue;
      }
      size_t digits = strspn(p, "0123456789abcdef");
      if (digits >= 5) {
        o += sprintf(o, digits == 16 ? "(16)" : "#");
        p += digits;
      } else *o++ = *p++;
    }
    *o = 0;
    char *in = strstr(out, " in ");
    if (in) strcpy(in, strstr(in, "[#+") ? " in FILE[#+#]" : " in ?");
    say(" %s", out);
  }
}

#define FAULTS(what, ...) do { pid_t child; say(what); \
    CHILD(child) { prctl(PR_SET_NAME, "test"); __VA_ARGS__; _exit(0); } \
    say(" %s", reap(child)); tell(); } while (0)

static void handler(int sig) { _exit(sig); }

int main(void) {
  must(klogctl(5, 0, 0));
  FAULTS("write to 0", *(volatile int *)0 = 1);
  FAULTS("read from 8", (void)*(volatile int *)8);
  FAULTS("a jump to 0", __asm__ volatile("xor %%eax, %%eax; jmp *%%rax" ::: "rax"));
  FAULTS("write to the program", __asm__ volatile("movb $1, main"));
  FAULTS("ignored", signal(SIGSEGV, SIG_IGN); *(volatile int *)0 = 1);
  FAULTS("handled", signal(SIGSEGV, handler); *(volatile int *)0 = 1);
  FAULTS("hlt", __asm__ volatile("hlt"));
  FAULTS("ud2", __asm__ volatile("ud2"));
  FAULTS("int3", __asm__ volatile("int3"));
  FAULTS("division", __asm__ volatile("xor %%eax, %%eax; div %%eax" ::: "eax", "edx"));
  say("that was the tenth");
  sleep_ms(6000);
  FAULTS("no frame to return to", __asm__ volatile("mov $15, %eax; mov $0x100000, %esp; syscall"));
  for (int i = 0; i < 12; i++) {
    pid_t child;
    CHILD(child) {
      prctl(PR_SET_NAME, "test");
      *(volatile int *)0 = 1;
    }
    reap(child);
  }
  say("twelve more, of which nine fit");
  tell();
  sleep_ms(6000);
  FAULTS("after a while", *(volatile int *)0 = 1);
  FAULTS("a signal that was sent", raise(SIGSEGV));
  int fd = (int)must(open("/proc/sys/debug/exception-trace", O_WRONLY));
  must(write(fd, "0", 1));
  FAULTS("turned off", *(volatile int *)0 = 1);
  must(write(fd, "1", 1));
  fd = (int)must(open("/proc/sys/kernel/print-fatal-signals", O_WRONLY));
  must(write(fd, "1", 1));
  pid_t child;
  CHILD(child) {
    prctl(PR_SET_NAME, "test");
    raise(SIGQUIT);
  }
  reap(child);
  CHILD(child) raise(SIGTERM);
  reap(child);
  must(write(fd, "0", 1));
  long n = must(klogctl(4, buf, sizeof buf));
  buf[n] = 0;
  char *first = strchr(buf, ']') + 2, *registers = strstr(buf, "RIP: 0033:[<");
  say("fatal: %.5s%s%s", first, strstr(first, ": pot") ? " potentially unexpected fatal signal 3." : "",
      registers && strstr(registers, "RAX: ") && strstr(registers, "\nRBP: ") == NULL ? " registers" : "");
  int lines = 0;
  for (char *p = buf; (p = strchr(p, '\n')); p++) lines++;
  say("lines: %d", lines);
  return 0;
}
