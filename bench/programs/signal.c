// Sends itself SIGUSR1, whose handler counts, argv[1] times.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t got;

static void count(int sig) {
    (void)sig;
    got = got + 1;
}

int main(int argc, char **argv) {
    long times = argc > 1 ? atol(argv[1]) : 1;
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGUSR1, &action, 0);
    pid_t self = getpid();
    for (long n = 0; n < times; n++)
        if (kill(self, SIGUSR1))
            return 1;
    return got != times;
}
