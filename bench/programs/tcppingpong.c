// Sends a byte to a child and back through a TCP connection of the loopback, argv[1] times.
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), here = socket(AF_INET, SOCK_STREAM, 0), status;
    char byte = 'x';
    if (bind(listener, (void *)&at, length) || listen(listener, 1) || getsockname(listener, (void *)&at, &length))
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        close(here);
        int there = accept(listener, 0, 0);
        while (read(there, &byte, 1) == 1)
            if (write(there, &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    if (connect(here, (void *)&at, length))
        return 1;
    for (long n = argc > 1 ? atol(argv[1]) : 1; n > 0; n--)
        if (write(here, &byte, 1) != 1 || read(here, &byte, 1) != 1)
            return 1;
    shutdown(here, SHUT_WR);
    return waitpid(pid, &status, 0) != pid || status != 0;
}
