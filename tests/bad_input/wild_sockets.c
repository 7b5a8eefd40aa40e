/* Random calls on sockets of every family; argv: seed, rounds, how many processes there are at once.
 *
 * They share what was opened before they were forked, and send one another descriptors, of sockets too, so that there
 * is garbage in flight. Most arguments are such as make sense, for otherwise nothing would ever be connected.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS 28
#define STEPS 220
#define AREA 65536
#ifndef SIOCINQ
#define SIOCINQ FIONREAD
#endif

static _Thread_local uint64_t state;
/* What this process knows of its descriptors: a socket's family and type, and whether somebody can call it. */
static struct { int family, type, listens; } known[FDS];
static char *area; /* AREA bytes, then a page to read, then none */
static int base;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 11;
}

static int one_of(const int *from, size_t n) { return from[rnd() % n]; }
#define ONE_OF(...) one_of((const int[]){ __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))

static uint64_t hostile(void)
{
	const uint64_t fixed[] = {
		0, 1, -1ULL, -4096ULL, 0x800000000000, 0x7ffffffff000, 1ULL << 63, 1ULL << 31, 1ULL << 32, 0xffffffff,
		0x7fffffff, 0xffffffffff600000, 0xdeadbeef, 4096, 65536, 3,
	};
	switch (rnd() & 3) {
	case 0: return rnd() << 11 | rnd();
	case 1: return (uint64_t)area + AREA + 4096 - (rnd() & 31);
	case 2: return (uint64_t)area + AREA + (rnd() & 4095);
	default: return fixed[rnd() % (sizeof fixed / sizeof fixed[0])];
	}
}

/* Now and then something else than what makes sense. */
static uint64_t maybe(uint64_t good) { return rnd() % 24 ? good : hostile(); }
static void *memory(void) { return (void *)maybe((uint64_t)area + rnd() % AREA / 2); }
static int fd(void) { return (int)maybe(base + rnd() % (FDS + 6)); }

/* A socket of a family and type if there is one, 0 for any. */
static int a_socket(int family, int type, int listens)
{
	for (int tries = 0; tries < 60; tries++) {
		uint64_t i = rnd() % FDS;
		if (known[i].family && (!family || known[i].family == family) && (!type || known[i].type == type) && known[i].listens >= listens)
			return (int)maybe(base + i);
	}
	return fd();
}
static int any_socket(void) { return (rnd() & 15) ? a_socket(0, 0, 0) : fd(); }
static int family_of(int socket) { return socket >= base && socket < base + FDS ? known[socket - base].family : 0; }
static size_t length(void)
{
	static const size_t lengths[] = { 0, 1, 4, 16, 100, 1000, 1500, 4096, 16384, 20000, 65535 };
	return maybe(lengths[rnd() % (sizeof lengths / sizeof lengths[0])] + (rnd() & 1)) & 0x7fffffff;
}

static int flags(void)
{
	return (rnd() & 7) ? MSG_DONTWAIT | (int)maybe((rnd() & 3) ? 0 : 1U << rnd() % 20) : (int)maybe(1U << rnd() % 31);
}

/* What is new takes the place of something. */
static void put(int new)
{
	if (new < 0 || (new >= base && new < base + FDS))
		return;
	int i = (int)(rnd() % FDS);
	for (int tries = 0; tries < 6 && known[i].family; tries++)
		i = (int)(rnd() % FDS);
	socklen_t len = 4;
	dup2(new, base + i);
	close(new);
	memset(known + i, 0, sizeof known[i]);
	getsockopt(base + i, SOL_SOCKET, SO_DOMAIN, &known[i].family, &len);
	getsockopt(base + i, SOL_SOCKET, SO_TYPE, &known[i].type, &len);
	getsockopt(base + i, SOL_SOCKET, SO_ACCEPTCONN, &known[i].listens, &len);
}

static socklen_t address(struct sockaddr_storage *at, int family)
{
	static const int kinds[][3] = { [AF_UNIX] = { 0, 2, 3 }, [AF_INET] = { 5, 6, 7 }, [AF_INET6] = { 8, 9, 8 }, [AF_NETLINK] = { 10, 10, 10 } };
	socklen_t len = sizeof *at;
	memset(at, 0, sizeof *at);
	/* Of somebody who is there. */
	if ((rnd() & 3) && getsockname(a_socket(family, 0, (int)(rnd() & 1)), (void *)at, &len) == 0)
		return len;
	memset(at, 0, sizeof *at);
	struct sockaddr_un *un = (void *)at;
	struct sockaddr_in *in = (void *)at;
	struct sockaddr_in6 *in6 = (void *)at;
	struct sockaddr_nl *nl = (void *)at;
	uint16_t port = htons((uint16_t)((rnd() & 7) ? 1000 + rnd() % 5 : 0));
	switch ((rnd() & 15) && family > 0 && family <= AF_NETLINK ? (uint64_t)kinds[family][rnd() % 3] : rnd() % 12) {
	case 0: case 1:
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, 20, "/tmp/s%d", (int)(rnd() % 6));
		return sizeof *un;
	case 2: case 3: case 4:
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path + 1, 20, "name%d", (int)(rnd() % 5));
		return offsetof(struct sockaddr_un, sun_path) + 6;
	case 5: case 6: case 7:
		in->sin_family = AF_INET;
		in->sin_port = port;
		in->sin_addr.s_addr = htonl((uint32_t)ONE_OF(INADDR_LOOPBACK, INADDR_LOOPBACK, INADDR_LOOPBACK, 0, 0x7f000002, 0x0a000001, -1, 0x7fffffff, (int)0xe0000001));
		return sizeof *in;
	case 8: case 9:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		in6->sin6_addr.s6_addr[15] = rnd() & 7 ? 1 : 0;
		if ((rnd() & 7) == 0) {
			in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 255;
			in6->sin6_addr.s6_addr[12] = 127;
		}
		if ((rnd() & 7) == 0) {
			in6->sin6_addr.s6_addr[0] = 0xfe, in6->sin6_addr.s6_addr[1] = 0x80;
			in6->sin6_scope_id = (uint32_t)(rnd() & 3);
		}
		return sizeof *in6;
	case 10:
		nl->nl_family = AF_NETLINK;
		nl->nl_pid = (uint32_t)(rnd() & 3);
		nl->nl_groups = (uint32_t)(rnd() & 1 ? rnd() : 0);
		return sizeof *nl;
	default:
		for (size_t i = 0; i < sizeof *at; i++)
			((char *)at)[i] = (char)rnd();
		at->ss_family = (sa_family_t)(rnd() % 20);
		return (socklen_t)maybe(rnd() % 140);
	}
}

static void new_socket(void)
{
	int nonblock = (rnd() & 7) ? SOCK_NONBLOCK : 0;
	int type = ONE_OF(SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW) | nonblock;
	int s[2];
	switch (rnd() % 10) {
	case 0: case 1:
		if (socketpair(AF_UNIX, type, 0, s) == 0)
			put(s[0]), put(s[1]);
		break;
	case 2: case 3: put(socket(AF_UNIX, type, 0)); break;
	case 4: case 5: case 6: put(socket(AF_INET, type, (rnd() & 7) ? 0 : ONE_OF(1, 6, 17, 2, 255, 136))); break;
	case 7: put(socket(AF_INET6, type, (rnd() & 7) ? 0 : ONE_OF(58, 6, 17, 255, 136))); break;
	case 8: put(socket(AF_NETLINK, SOCK_RAW | nonblock, ONE_OF(0, 0, 4, 4, 15, 16, 9, 31))); break;
	default: put(socket((int)maybe(rnd() % 45), (int)maybe(type), (int)maybe(rnd() % 260)));
	}
}

/* Descriptors and credentials to be sent, and what makes no sense. */
static size_t control(char *at)
{
	size_t used = 0;
	for (int i = (int)(rnd() % 3); i >= 0 && used < 200; i--) {
		struct cmsghdr *c = (void *)(at + used);
		int n = (int)(rnd() % 4);
		int *data = (void *)CMSG_DATA(c);
		c->cmsg_level = SOL_SOCKET;
		switch (rnd() & 7) {
		case 0: case 1: case 2: case 3: case 4:
			c->cmsg_type = SCM_RIGHTS;
			for (int j = 0; j < n; j++)
				data[j] = (rnd() & 1) ? a_socket(AF_UNIX, 0, 0) : fd();
			c->cmsg_len = CMSG_LEN((size_t)n * 4);
			break;
		case 5:
			c->cmsg_type = SCM_CREDENTIALS;
			data[0] = (int)maybe((uint64_t)getpid()), data[1] = (int)maybe(0), data[2] = (int)maybe(0);
			c->cmsg_len = CMSG_LEN(12);
			break;
		default:
			c->cmsg_level = ONE_OF(0, 41, 1, 6, 17), c->cmsg_type = (int)(rnd() % 70);
			for (int j = 0; j < 5; j++)
				data[j] = (int)maybe(rnd() & 3);
			c->cmsg_len = CMSG_LEN(rnd() % 21);
		}
		if (rnd() % 16 == 0)
			c->cmsg_len = maybe(rnd() % 40);
		used += CMSG_SPACE(20);
	}
	return used;
}

/* A question or an order to the kernel's own end of a netlink socket. */
static size_t netlink(char *at)
{
	struct nlmsghdr *h = (void *)at;
	size_t used = NLMSG_HDRLEN + (size_t)ONE_OF(0, 1, 8, 12, 16, 16, 24, 56, 72);
	memset(at, 0, 256);
	h->nlmsg_type = (uint16_t)maybe((uint64_t)((rnd() & 3) ? 16 + rnd() % 70 : rnd() % 16));
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | ONE_OF(0, NLM_F_DUMP, NLM_F_DUMP, NLM_F_ACK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0xffff));
	at[16] = (char)ONE_OF(0, 1, 2, 10, 17, 99);
	for (size_t i = 17; i < used; i++)
		at[i] = (char)((rnd() & 3) ? 0 : rnd() & 1 ? 1 : rnd());
	for (int i = (int)(rnd() % 4); i > 0; i--) {
		struct rtattr *a = (void *)(at + used);
		a->rta_len = (uint16_t)maybe((uint64_t)ONE_OF(4, 5, 8, 8, 8, 12, 20));
		a->rta_type = (uint16_t)maybe(rnd() % 30);
		for (int j = 4; j < 20; j++)
			at[used + (size_t)j] = (char)(j == 4 && (rnd() & 1) ? 127 : (rnd() & 1) ? (int)(rnd() & 1) : 0);
		used += a->rta_len && a->rta_len <= 20 ? RTA_ALIGN(a->rta_len) : 8;
	}
	h->nlmsg_len = (uint32_t)maybe(used);
	return used;
}

/* Never more than there are: what lies behind them is our own stack. */
static uint64_t several(void *many) { return (rnd() & 15) ? maybe((uint64_t)many) : (uint64_t)area + rnd() % AREA / 2; }

static void send_something(void)
{
	static _Thread_local char buffer[512], cmsg[512];
	struct sockaddr_storage to;
	int s = any_socket(), family = family_of(s);
	socklen_t len = (rnd() & 3) == 0 || known[(s - base) & 15].type != SOCK_STREAM ? address(&to, family) : 0;
	struct iovec v[2] = { { memory(), length() }, { memory(), length() } };
	if ((rnd() & 15) == 0 || family == AF_NETLINK) {
		v[0].iov_base = buffer, v[0].iov_len = netlink(buffer);
		v[1].iov_len = 0;
	}
	struct msghdr m = { .msg_name = len ? &to : 0, .msg_namelen = len, .msg_iov = v, .msg_iovlen = maybe(1 + rnd() % 2) };
	if (rnd() & 1)
		m.msg_control = cmsg, m.msg_controllen = maybe(control(cmsg));
	struct mmsghdr many[3] = { { .msg_hdr = m }, { .msg_hdr = m }, { .msg_hdr = m } };
	switch (rnd() % 6) {
	case 0: syscall(SYS_sendto, s, v[0].iov_base, v[0].iov_len, flags(), maybe((uint64_t)m.msg_name), (int)maybe(len)); break;
	case 1: syscall(SYS_sendmmsg, s, several(many), (unsigned)(rnd() & 3), flags()); break;
	case 2: write(s, memory(), length()); break;
	case 3: writev(s, v, 2); break;
	default: syscall(SYS_sendmsg, s, maybe((uint64_t)&m), flags());
	}
}

static void receive_something(void)
{
	static _Thread_local char cmsg[512];
	struct sockaddr_storage from;
	socklen_t len = (socklen_t)maybe(rnd() % 130);
	struct iovec v[2] = { { memory(), length() }, { memory(), length() } };
	struct msghdr m = { .msg_name = (rnd() & 1) ? &from : 0, .msg_namelen = len, .msg_iov = v, .msg_iovlen = maybe(1 + rnd() % 2) };
	if (rnd() & 1)
		m.msg_control = cmsg, m.msg_controllen = maybe(rnd() % 200);
	struct mmsghdr many[3] = { { .msg_hdr = m }, { .msg_hdr = m }, { .msg_hdr = m } };
	struct timespec soon = { 0, (long)maybe(2000000) };
	switch (rnd() % 6) {
	case 0: syscall(SYS_recvfrom, any_socket(), v[0].iov_base, v[0].iov_len, flags(), maybe((uint64_t)&from), maybe((uint64_t)&len)); break;
	case 1: syscall(SYS_recvmmsg, any_socket(), several(many), (unsigned)(rnd() & 3), flags(), (rnd() & 1) ? &soon : 0); break;
	case 2: read(any_socket(), memory(), length()); break;
	case 3: readv(any_socket(), v, 2); break;
	default:
		if (syscall(SYS_recvmsg, any_socket(), maybe((uint64_t)&m), flags()) >= 0 && m.msg_control == cmsg)
			for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
				if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len <= sizeof cmsg)
					for (size_t i = 0; CMSG_LEN(4 * i + 4) <= c->cmsg_len; i++)
						put(((int *)(void *)CMSG_DATA(c))[i]);
	}
}

static void options(void)
{
	int s = any_socket(), family = family_of(s);
	int level = family == AF_INET6 && (rnd() & 1) ? 41 : family == AF_NETLINK ? 270 : family == AF_INET ? ONE_OF(0, 6, 17) : ONE_OF(6, 41, 58, 255, 136);
	if (rnd() & 1)
		level = SOL_SOCKET;
	level = (int)maybe((uint64_t)level);
	int name = (int)maybe(rnd() % (level == 41 ? 76 : level == 6 || level == 270 ? 24 : 50));
	int value[32];
	socklen_t len = (socklen_t)maybe((uint64_t)ONE_OF(0, 1, 2, 4, 4, 4, 8, 12, 16, 20, 32, 128));
	for (int i = 0; i < 32; i++)
		value[i] = (int)((rnd() & 1) ? rnd() & 1 : rnd() & 1 ? maybe(rnd() % 70000) : hostile());
	if (level == SOL_SOCKET && name == SO_ATTACH_FILTER) {
		struct { uint16_t code; uint8_t jt, jf; uint32_t k; } program[3] = {
			{ (uint16_t)ONE_OF(0, 0x20, 0x28, 0x30, 0x80, 0xb1), 0, 0, (uint32_t)maybe(rnd() % 30) }, { 0x15, 0, (uint8_t)(rnd() & 1), 6 }, { 0x16, 0, 0, 0 },
		};
		struct { uint16_t n; void *at; } filter = { (uint16_t)maybe(3), program };
		syscall(SYS_setsockopt, s, level, name, &filter, 16);
		return;
	}
	if (rnd() & 1)
		syscall(SYS_setsockopt, s, level, name, maybe((uint64_t)value), len);
	else
		syscall(SYS_getsockopt, s, level, name, maybe((uint64_t)value), maybe((uint64_t)&len));
}

static int epoll_fd(void) { return (int)maybe(base + FDS + (rnd() & 1)); }

static void notices(void)
{
	struct epoll_event event = { (uint32_t)maybe(1U << rnd() % 8 | ((rnd() & 3) ? 0 : 1U << (30 + rnd() % 2))), { .u64 = rnd() } };
	struct epoll_event events[8];
	struct pollfd p[5];
	switch (rnd() % 10) {
	case 0: dup2(epoll_create(1), base + FDS + (int)(rnd() & 1)); break;
	case 1: case 2: case 3:
		syscall(SYS_epoll_ctl, epoll_fd(), (int)maybe((rnd() & 1) ? 1 : 1 + rnd() % 3), any_socket(), maybe((uint64_t)&event));
		break;
	case 4: syscall(SYS_epoll_wait, epoll_fd(), maybe((uint64_t)events), (int)maybe(8), (int)(rnd() & 1)); break;
	case 5:
		for (int i = 0; i < 5; i++)
			p[i] = (struct pollfd){ fd(), (short)rnd(), 0 };
		poll(p, 5, (int)(rnd() & 1));
		break;
	case 6: fcntl(any_socket(), F_SETOWN, (int)((rnd() & 3) ? getpid() : (rnd() & 1) ? -getpgrp() : (int)hostile())); break;
	case 7: fcntl(any_socket(), 10 /* F_SETSIG */, ONE_OF(0, SIGIO, SIGURG, SIGRTMIN + 3, 65, -1)); break;
	case 8: fcntl(any_socket(), F_SETFL, ((rnd() & 7) ? O_NONBLOCK : 0) | ((rnd() & 1) ? O_ASYNC : 0)); break;
	default: ioctl(any_socket(), (unsigned long)maybe((uint64_t)ONE_OF(FIOASYNC, FIONBIO, SIOCINQ, 0x5411, 0x8905, 0x8901, 0x8902, 0x8906, 0x8907, 0x8910, 0x8912, 0x8913, 0x8914, 0x8915, 0x8916, 0x8927, 0x8933, 0x890b, 0x890c)), memory());
	}
}

static void look(void)
{
	static const char *const names[] = {
		"/proc/net/unix", "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/raw", "/proc/net/netlink",
		"/proc/net/sockstat", "/proc/net/snmp", "/proc/net/route", "/proc/net/if_inet6", "/proc/net/dev", "/proc/self/fdinfo/20",
	};
	static _Thread_local char buffer[5000];
	int file = open(names[rnd() % 12], O_RDONLY);
	while (read(file, buffer, 1 + rnd() % sizeof buffer) > 0)
		;
	close(file);
}

/* Somebody who calls one that can be called. */
static void call(void)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	int listener = a_socket(0, 0, 1), s = socket(family_of(listener), SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (getsockname(listener, (void *)&at, &len) == 0)
		connect(s, (void *)&at, len);
	put(s);
}

static void be_called(void)
{
	struct sockaddr_storage at;
	int family = ONE_OF(AF_UNIX, AF_INET, AF_INET, AF_INET6);
	int s = socket(family, family == AF_UNIX && (rnd() & 1) ? SOCK_SEQPACKET | SOCK_NONBLOCK : SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = address(&at, family);
	bind(s, (void *)&at, len);
	listen(s, (int)(rnd() % 5));
	put(s);
}

static void step(void)
{
	struct sockaddr_storage at;
	socklen_t len;
	loff_t offset = (loff_t)(rnd() % 5000);
	int s = any_socket();
	switch (rnd() % 40) {
	case 0: case 1: new_socket(); break;
	case 2: be_called(); break;
	case 3: case 4: case 5: call(); break;
	case 6: case 7:
		len = address(&at, family_of(s));
		syscall(SYS_bind, s, maybe((uint64_t)&at), (int)maybe(len));
		break;
	case 8: listen(s, (int)maybe(rnd() % 5)); break;
	case 9: case 10: case 11: case 12:
		len = address(&at, family_of(s));
		syscall(SYS_connect, s, maybe((uint64_t)&at), (int)maybe(len));
		break;
	case 13: case 14: case 15: case 16:
		len = (socklen_t)maybe(rnd() % 130);
		put((int)syscall(SYS_accept4, (rnd() & 7) ? a_socket(0, 0, 1) : s, maybe((uint64_t)&at), maybe((uint64_t)&len), (int)maybe((rnd() & 7) ? SOCK_NONBLOCK : 0)));
		break;
	case 17: case 18: case 19: case 20: case 21: case 22: send_something(); break;
	case 23: case 24: case 25: case 26: receive_something(); break;
	case 27: if (rnd() & 1) shutdown(s, (int)maybe(rnd() % 3)); break;
	case 28: case 29: case 30: options(); break;
	case 31: case 32: case 33: case 34: notices(); break;
	case 35:
		close(s);
		if (s >= base && s < base + FDS)
			known[s - base].family = 0;
		break;
	case 36: syscall((rnd() & 1) ? SYS_getsockname : SYS_getpeername, s, maybe((uint64_t)&at), maybe((uint64_t)&len)); break;
	case 37: look(); break;
	case 38:
		if (rnd() & 1) syscall(SYS_sendfile, s, base + FDS + 2 + (int)(rnd() & 1), (rnd() & 1) ? &offset : 0, length());
		else if (rnd() & 1) syscall(SYS_splice, base + FDS + 4, 0, s, 0, length(), (rnd() & 7) ? 2 : 0);
		else syscall(SYS_splice, (rnd() & 7) ? s : fd(), 0, base + FDS + 5, 0, length(), (rnd() & 7) ? 2 : 0);
		break;
	default: syscall(SYS_nanosleep, &(struct timespec){ 0, (long)(rnd() % 60000000) }, 0);
	}
}

static void nothing(int sig) { (void)sig; }

static void *other(void *seed)
{
	state = (uint64_t)seed | 1;
	for (int i = 0; i < STEPS / 2; i++)
		step();
	return 0;
}

static void life(uint64_t seed)
{
	struct itimerval often = { { 0, 30000 }, { 0, 30000 } };
	pthread_t thread;
	state = seed * 0x9e3779b97f4a7c15 | 1;
	setitimer(ITIMER_REAL, &often, 0);
	setrlimit(RLIMIT_CPU, &(struct rlimit){ 2, 3 });
	if ((rnd() & 7) == 0)
		unshare(CLONE_NEWNET);
	if ((rnd() & 3) == 0)
		pthread_create(&thread, 0, other, (void *)rnd());
	for (int i = 0; i < STEPS; i++)
		step();
	if ((rnd() & 3) == 0)
		kill(getpid(), SIGKILL);
	_exit(0);
}

static void open_all(void)
{
	int p[2], s[2];
	base = 64;
	for (int i = 0; i < 16; i++)
		(i & 3) ? new_socket() : be_called();
	epoll_create(1), dup2(epoll_create(1), base + FDS), dup2(epoll_create(1), base + FDS + 1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0)
		put(s[0]), put(s[1]);
	dup2(open("/tmp/file", O_RDWR | O_CREAT, 0644), base + FDS + 2), write(base + FDS + 2, area, 9000);
	dup2(open("/dev/zero", O_RDONLY), base + FDS + 3);
	if (pipe2(p, O_NONBLOCK) == 0)
		dup2(p[0], base + FDS + 4), dup2(p[1], base + FDS + 5);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = nothing };
	long rounds = argc > 2 ? atol(argv[2]) : 1;
	int width = argc > 3 ? atoi(argv[3]) : 1, status, out = fcntl(1, F_DUPFD_CLOEXEC, 900);
	const int deaf[] = { SIGIO, SIGURG, SIGALRM, SIGPIPE, SIGRTMIN + 3 };
	area = mmap(0, AREA + 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(area + AREA, 4096, PROT_READ), munmap(area + AREA + 4096, 4096);
	for (size_t i = 0; i < sizeof deaf / sizeof deaf[0]; i++)
		sigaction(deaf[i], &act, 0);
	for (int i = 0; i < 3; i++)
		dup2(open("/dev/null", O_RDWR), i);
	for (long round = 0; round < rounds; round++) {
		uint64_t seed = (strtoul(argv[1], 0, 10) * 1000 + (uint64_t)round) * 64;
		pid_t leader = fork();
		if (leader == 0) {
			setpgid(0, 0);
			state = (seed + 63) * 0x9e3779b97f4a7c15 | 1;
			open_all();
			for (int i = 1; i < width; i++)
				if (fork() == 0)
					life(seed + (uint64_t)i);
			life(seed);
		}
		setpgid(leader, leader);
		while (waitpid(leader, &status, 0) < 0)
			;
		if (round & 1)
			nanosleep(&(struct timespec){ 0, 100000000 }, 0);
		kill(-leader, SIGKILL);
		for (int i = 0; i < 6; i++) {
			char path[20];
			snprintf(path, 20, "/tmp/s%d", i);
			unlink(path);
		}
	}
	while (waitpid(-1, &status, WNOHANG) > 0)
		;
	return write(out, "survived\n", 9) != 9;
}
