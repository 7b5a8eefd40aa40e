/* A timer on the CPU clock of a child that was reaped has nothing left and cannot be armed again; it stays ours to delete. */
#include "check.h"

struct spec { struct timespec interval, value; };
static int id;
static void show_timer(const char *what) {
  struct spec s;
  long result = syscall(SYS_timer_gettime, id, &s);
  if (result) say("%s: %s", what, errname(errno));
  else say("%s: %s", what, s.value.tv_sec || s.value.tv_nsec ? "armed" : "disarmed");
}

int main(void) {
  pid_t child;
  CHILD(child) for (;;) pause();
  int clock = (int)(~(unsigned)child << 3 | 2);     /* its process's, as MAKE_PROCESS_CPUCLOCK() has it */
  struct spec s = { { 0, 0 }, { 1000, 0 } };
  struct timespec t;
  wait_asleep(child);
  must(syscall(SYS_timer_create, clock, NULL, &id));
  show_timer("new");
  show("arm", syscall(SYS_timer_settime, id, 0, &s, NULL));
  show_timer("then");
  kill(child, SIGKILL);
  reap(child);
  show_timer("of the dead");
  show("arm it", syscall(SYS_timer_settime, id, 0, &s, NULL));
  show("disarm it", syscall(SYS_timer_settime, id, 0, &(struct spec){ { 0, 0 }, { 0, 0 } }, NULL));
  show("its clock", syscall(SYS_clock_gettime, clock, &t));
  show("another timer on it", syscall(SYS_timer_create, clock, NULL, &(int){ 0 }));
  show("overrun", syscall(SYS_timer_getoverrun, id));
  show("delete", syscall(SYS_timer_delete, id));
  show("delete again", syscall(SYS_timer_delete, id));
  return 0;
}
