// Sends a byte to a child and back through two pipes, argv[1] times.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int there[2], back[2], status;
    char byte = 'x';
    if (pipe(there) || pipe(back))
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (long n = argc > 1 ? atol(argv[1]) : 1; n > 0; n--)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            return 1;
    close(there[1]);
    return waitpid(pid, &status, 0) != pid || status != 0;
}
