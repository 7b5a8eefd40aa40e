/* explored.h: what the programs of this directory share. With -DFIXED a program is what it should have been. */
#ifndef EXPLORED_H
#define EXPLORED_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Write text at once: nothing is buffered, so nothing is written twice after a fork. */
static inline void put(int fd, const char *text) {
  size_t size = strlen(text);
  for (ssize_t n; size; text += n, size -= (size_t)n)
    if ((n = write(fd, text, size)) < 0) _exit(98);
}

/* The exit status as a shell has it: the code, or 128 + the signal. */
static inline int code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
#endif
