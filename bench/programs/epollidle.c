// Has argv[1] idle TCP connections in an epoll, and one on which a byte comes argv[2] times, marked by a line each.
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener, poll;
static struct sockaddr_in at = {.sin_family = AF_INET};

// Returns the end that nobody polls.
static int connection(int *polled) {
    struct epoll_event event = {.events = EPOLLIN};
    int here = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(here, (void *)&at, sizeof at))
        exit(1);
    event.data.fd = *polled = accept(listener, 0, 0);
    if (*polled < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, *polled, &event))
        exit(2);
    return here;
}

int main(int argc, char **argv) {
    socklen_t length = sizeof at;
    struct rlimit many = {65536, 65536};
    struct epoll_event events[16];
    int polled, idle = argc > 1 ? atoi(argv[1]) : 10;
    char byte = 'x';
    listener = socket(AF_INET, SOCK_STREAM, 0);
    poll = epoll_create(1);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setrlimit(RLIMIT_NOFILE, &many) || bind(listener, (void *)&at, length) || listen(listener, 5) ||
        getsockname(listener, (void *)&at, &length))
        return 1;
    for (int i = 0; i < idle; i++)
        connection(&polled);
    int here = connection(&polled);
    if (write(1, "begin\n", 6) != 6)
        return 1;
    for (long n = argc > 2 ? atol(argv[2]) : 1; n > 0; n--)
        if (write(here, &byte, 1) != 1 || epoll_wait(poll, events, 16, -1) != 1 || events[0].data.fd != polled ||
            read(polled, &byte, 1) != 1)
            return 1;
    return write(1, "end\n", 4) != 4;
}
