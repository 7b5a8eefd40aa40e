/* Descriptors of all kinds, in all places where a system call may have one. Works in the directory argv[1]. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void pipes(int p[2])
{
	struct pollfd polled[3] = {{-1, POLLIN, 0}, {0, POLLIN, 0}, {0, POLLOUT, 0}};
	struct epoll_event event = {EPOLLIN, {.fd = 3}};
	fd_set set;
	int e;

	pipe(p);
	write(p[1], "x\1\377", 3);
	polled[1].fd = p[0];
	polled[2].fd = p[1];
	poll(polled, 3, 0);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	FD_SET(p[1], &set);
	select(10, &set, 0, 0, 0);
	e = epoll_create1(0);
	epoll_ctl(e, EPOLL_CTL_ADD, p[0], &event);
	epoll_wait(e, &event, 1, 0);
	close(e);
}

static void sockets(int passed[2], const char *name)
{
	struct sockaddr_un address = {AF_UNIX, "sock"}, abstract = {AF_UNIX};
	size_t length = strlen(name) < 50 ? strlen(name) : 50;
	char control[64] = {0};
	struct iovec io = {"z", 1};
	struct msghdr message = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(2 * sizeof(int))
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int s[2], server, client, accepted, datagram;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	write(s[0], "hi", 2);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(server, (void *)&address, sizeof address);
	listen(server, 3);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	connect(client, (void *)&address, sizeof address);
	write(client, "early", 5);
	accepted = accept(server, 0, 0);
	write(client, "late", 4);
	write(accepted, "x", 1);
	datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
	/* No two runs have the same directory, and so the same name. */
	memcpy(abstract.sun_path + 1, name + strlen(name) - length, length);
	bind(datagram, (void *)&abstract, sizeof(short) + 1 + length);
	fsync(datagram);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(header), passed, 2 * sizeof(int));
	sendmsg(s[0], &message, 0);
	unlink("sock");
}

static void files(void)
{
	char buffer[8];
	sigset_t none;
	int fd, dir;

	fd = open("/dev/null", O_RDWR);
	read(fd, buffer, 1);
	dup(fd);
	dup2(fd, 50);
	fcntl(fd, F_DUPFD, 60);
	fcntl(fd, F_GETFD);
	fd = open("a<b>\"c\t\303\244", O_CREAT | O_RDWR, 0600);
	unlink("a<b>\"c\t\303\244");
	ftruncate(fd, 4096);
	mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	close(99);
	write(-1, "", 0);
	fd = eventfd(0, 0);
	write(fd, "12345678", 8);
	sigemptyset(&none);
	signalfd(-1, &none, 0);
	timerfd_create(CLOCK_MONOTONIC, 0);
	symlink("/etc/passwd", "link");
	fd = open("link", O_RDONLY | O_CLOEXEC);
	unlink("link");
	lseek(fd, 5, SEEK_SET);
	dir = open("/usr", O_DIRECTORY);
	openat(dir, "nope", 0);
	fchdir(dir);
	open("/nope", O_RDONLY);
	unlink("none");
}

static void vectors(void)
{
	struct iovec out[2] = {{"abc", 3}, {"defghijklmnopqrstuvwxyz", 20}};
	char one[2], two[40];
	struct iovec in[2] = {{one, 2}, {two, 40}};
	int p[2];

	pipe(p);
	writev(p[1], out, 2);
	readv(p[0], in, 2);
	pwrite(p[1], one, 1, 0);
	writev(99, out, 2);
}

int main(int argc, char **argv)
{
	int p[2];

	if (argc != 2 || chdir(argv[1]))
		return 1;
	pipes(p);
	sockets(p, argv[1]);
	files();
	vectors();
	return 3;
}
