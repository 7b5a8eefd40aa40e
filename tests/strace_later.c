/* System calls and arguments that came after 3.2, those of interfaces, of capabilities and of keys, in every shape: what
   strace says of them must be what the host's strace says. Most fail, as their results are the kernel's affair. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define S(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD ((void *)1)
#define NOBODY 0x7ffffff

static long z[512];

static void handler(int sig) { (void)sig; }

static void opened(void)
{
    struct { unsigned long flags, mode, resolve, more; } how = { O_RDONLY | O_CLOEXEC, 0, 0x3f, 0 };

    S(openat2, -1, "x", &how, 24L);
    how.flags = O_CREAT | O_WRONLY, how.mode = 0640, how.resolve = 0;
    S(openat2, -1, "x", &how, 24L);
    how.flags = 0x500000000 | O_RDWR, how.mode = 0, how.resolve = 0x40;
    S(openat2, -1, "x", &how, 24L);
    how.flags = O_TMPFILE | O_RDWR, how.resolve = 0x48;
    S(openat2, -1, "/nope", &how, 24L);
    S(openat2, -1, "x", BAD, 24L);
    S(open, "/nope", O_TMPFILE | O_RDWR | O_CLOEXEC | O_PATH, 0600);
    S(open, "/nope", 020000000 | O_CLOEXEC | 0x4000000, 0600);
    S(open, "/nope", 020000000 | 0x4000000, 0600);
    S(openat2, -1, "x", &how, 8L);
    S(faccessat2, -1, "x", R_OK, 0);
    S(faccessat2, -1, "x", F_OK, AT_EACCESS);
    S(faccessat2, -1, "x", W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    S(faccessat2, -1, "x", X_OK, AT_SYMLINK_NOFOLLOW | 0x40000);
    S(renameat2, -1, "a", -2, "b", 7);
    S(close_range, 3000, -1, 6);
    S(close_range, 7, 3, 0);
    S(copy_file_range, -1, 0L, -1, 0L, 5L, 0);
    S(preadv2, -1, BAD, 1L, 0L, 0L, 8);
    S(memfd_create, "name", 0x1003);
    S(execveat, -1, "x", 0L, 0L, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static void statx_calls(void)
{
    unsigned char b[256];
    int fd = S(open, "/dev/null", O_RDONLY);

    S(statx, -1, "x", 0, 0x7ff, b);
    S(statx, -1, "x", 0x2000, 0x800, b);
    S(statx, -1, "x", 0x4000 | AT_SYMLINK_NOFOLLOW, 0x1fff, b);
    S(statx, -1, "x", 0x6000 | AT_NO_AUTOMOUNT, 0x10000, b);
    S(statx, AT_FDCWD, "/nope", AT_EMPTY_PATH, 0, BAD);
    S(statx, fd, "", AT_EMPTY_PATH, 0x7ff, b);
    S(statx, AT_FDCWD, "/", 0, 0x17ff, b);
    S(close, fd);
}

static void random_bytes(void)
{
    S(getrandom, z, 0L, 1);
    S(getrandom, z, 5L, 0xff);
    S(getrandom, BAD, 5L, 0);
}

static void cloned(void)
{
    struct { unsigned long flags, pidfd, child, parent, signal, stack, size, tls, set, count, cgroup; } a = { 0 };
    int pidfd = -1, parent = -1, ids[2] = { 1, 5 };
    long child;
    sigset_t chld;

    a.signal = 99, a.flags = 0x80000000;
    S(clone3, &a, 64L);
    a.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_SETTLS | CLONE_THREAD;
    a.pidfd = 0x1000, a.child = 0x2000, a.parent = 0x3000, a.tls = 0x4000, a.stack = 0x5000, a.size = 0x6000;
    S(clone3, &a, 64L);
    a.set = (long)ids, a.count = 2;
    S(clone3, &a, 80L);
    a.flags = 0x200000000 | CLONE_THREAD, a.cgroup = 7;
    S(clone3, &a, 88L);
    a.set = 1;
    S(clone3, &a, 88L);
    S(clone3, BAD, 88L);
    S(clone3, &a, 8L);
    memset(&a, 0, sizeof a);
    sigemptyset(&chld), sigaddset(&chld, SIGCHLD), sigprocmask(SIG_BLOCK, &chld, 0);
    a.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, a.pidfd = (long)&pidfd, a.parent = (long)&parent, a.signal = SIGCHLD;
    child = S(clone3, &a, 64L);
    if (!child)
        S(exit_group, 3);
    S(wait4, child, z, 0, 0L);
    S(pidfd_send_signal, pidfd, 0, 0L, 0);
    S(close, pidfd);
    S(pidfd_open, NOBODY, 0);
    S(pidfd_send_signal, -1, 10, 0L, 0);
    S(pidfd_getfd, -1, 5, 0);
    S(waitid, 3, 77, z, 4, 0L);
}

static void scheduled(void)
{
    struct { unsigned size, policy; unsigned long flags; int nice; unsigned priority; unsigned long runtime, deadline, period; unsigned min, max; long more; } a =
        { 48, 1, 0, -5, 7, 8, 9, 10, 11, 12, 0 };

    S(sched_setattr, NOBODY, &a, 0);
    a.size = 56, a.policy = 6, a.flags = 0x1f;
    S(sched_setattr, NOBODY, &a, 1);
    a.flags = 0x68;
    S(sched_setattr, NOBODY, &a, 1);
    a.flags = 0x10;
    S(sched_setattr, NOBODY, &a, 0);
    a.flags = 0x60, a.policy = 99;
    S(sched_setattr, NOBODY, &a, 0);
    a.flags = 0x101, a.size = 64;
    S(sched_setattr, NOBODY, &a, 0);
    a.size = 20;
    S(sched_setattr, NOBODY, &a, 0);
    a.size = 0;
    S(sched_setattr, NOBODY, &a, 0);
    S(sched_setattr, NOBODY, BAD, 0);
    S(sched_getattr, NOBODY, &a, 48, 0);
    S(sched_getattr, 0, &a, 48, 0);
    S(sched_getattr, 0, &a, 7, 0);
    S(membarrier, 0x10000, 0, 0);
    S(membarrier, 0, 1, 0);
    S(membarrier, 8, 7, -1);
    S(membarrier, 8, 2, 5);
    S(rseq, BAD, 32, 0, 0x53053053);
    S(kcmp, NOBODY, NOBODY, 0, 5L, -1L);
    S(kcmp, NOBODY, NOBODY, 3, 5L, 6L);
    S(kcmp, NOBODY, NOBODY, 99, 5L, 6L);
    S(mlock2, 1L, 0L, 3);
}

static void waited(void)
{
    int e = S(epoll_create1, 0);
    struct { unsigned long val, uaddr; unsigned flags, reserved; } w[40] = { { 1, 0x1000, 2, 0 }, { 0, 0, 0x82, 0 }, { 7, 1, 0, 9 }, { 7, 1, 0x45, 0 } };

    S(futex_waitv, w, 4, 1, 0L, 0);
    S(futex_waitv, w, 40, 1, 0L, 0);
    S(futex_waitv, BAD, 4, 1, 0L, 0);
    S(futex_waitv, w, 0, 0, 0L, 0);
    S(epoll_pwait2, -1, z, 5, (long[]){ 5, 6 }, 0L, 8L);
    S(epoll_pwait2, e, z, 5, (long[]){ 0, 6 }, 0L, 8L);
    S(epoll_pwait2, e, z, 5, (long[]){ 0, -6 }, 0L, 8L);
    S(close, e);
}

static void filtered(void)
{
    struct { unsigned short len; void *filter; } prog = { 3, BAD };
    static const unsigned actions[] = { 0, 0x80000000, 0x30000, 0x50000, 0x7fc00000, 0x7ff00000, 0x7ffc0000, 0x7fff0000, 0x12340000 };

    for (int i = 0; i < 9; i++)
        S(seccomp, 2, 1, &actions[i]);
    S(seccomp, 2, 0, BAD);
    S(seccomp, 0, 1, 5L);
    S(seccomp, 1, 7, &prog);
    S(seccomp, 1, 0x11, BAD);
    S(seccomp, 1, 0x100, BAD);
    S(seccomp, 77, 5, &prog);
    S(seccomp, 3, 5, 1L);
    S(prctl, 22, 2L, &prog);    /* PR_SET_SECCOMP, in vain */
    S(prctl, 22, 2L, BAD);
    S(prctl, 22, 99L, 5L, 6L, 7L);
}

static void processes(void)
{
    S(prctl, 26, 1L);           /* PR_SET_TSC */
    S(prctl, 26, 99L);
    S(prctl, 25, z);
    S(prctl, 47, 1L, 5L, 0L, 0L);   /* PR_CAP_AMBIENT */
    S(prctl, 47, 2L, 99L, 1L, 0L);
    S(prctl, 47, 4L, 5L, 0L, 0L);
    S(prctl, 47, 99L, 5L, 0L, 0L);
    S(prctl, 36, 1L);           /* PR_SET_CHILD_SUBREAPER */
    S(prctl, 37, z);
    S(prctl, 37, BAD);
    S(prctl, 36, 0L);
    S(prctl, 38, 5L, 0L, 0L, 0L);   /* PR_SET_NO_NEW_PRIVS */
    S(prctl, 39, 0L, 0L, 0L, 0L);
    S(prctl, 33, 0L, 0L, 0L, 0L);   /* PR_MCE_KILL */
    S(prctl, 33, 1L, 9L, 0L, 0L);
    S(prctl, 33, 77L, 9L, 0L, 0L);
    S(prctl, 34, 0L, 0L, 0L, 0L);
    S(prctl, 34, 5L, 0L, 0L, 0L);
    S(prctl, 28, 0x1000L);      /* PR_SET_SECUREBITS */
    S(prctl, 28, 0x10L);
    S(prctl, 27);
    S(prctl, 24, 3L);
    S(prctl, 23, 41L);
    S(capset, (int[]){ 0x20080522, NOBODY }, (int[]){ 3, 1, 0, 0x100, 0, 0 });
    S(capset, (int[]){ 0x20080522, NOBODY }, BAD);
    S(capset, (int[]){ 0x19980330, NOBODY }, (int[]){ 3, 1, 0 });
    S(capget, (int[]){ 0x20080522, NOBODY }, z);
}

static void descriptors(void)
{
    int p[2], fd = open("/dev/null", O_RDWR), mem;

    pipe(p);
    S(fcntl, -1, 1033, 0x1f);   /* F_ADD_SEALS */
    S(fcntl, -1, 1034, 5);
    mem = S(memfd_create, "m", 2);
    S(fcntl, mem, 1033, 6);
    S(fcntl, mem, 1034);
    S(close, mem);
    S(fcntl, fd, F_SETOWN_EX, (int[]){ 0, 0 });
    S(fcntl, fd, F_SETOWN_EX, (int[]){ 9, 1 });
    S(fcntl, fd, F_SETOWN_EX, BAD);
    S(fcntl, fd, F_GETOWN_EX, z);
    S(fcntl, -1, F_GETOWN_EX, z);
    S(fcntl, -1, 37, (struct flock[]){ { .l_type = 1 } });  /* F_OFD_SETLK */
    S(fcntl, -1, F_NOTIFY, 7L);
    S(timer_create, 99, (long[]){ 7, 10 | 4L << 32, 12 }, z);
    S(timer_create, 99, (long[]){ 7, 10 | 2L << 32, 0x1000, 0x2000 }, z);
    S(timer_create, 99, (long[]){ 7, 10 | 7L << 32 }, z);
    S(futex, 1L, 4, 1, 5L, 1L, 7);
    S(futex, 1L, 12, 1, 5L, 1L, 7);
    S(poll, BAD, 1, 0);
    memset(z, 0, sizeof z);
    S(ppoll, z, 40, BAD, 0L, 8L);
    S(select, -1, z, 0L, 0L, 0L);
    S(mq_getsetattr, -1, (long[]){ O_NONBLOCK, 1, 2, 3 }, z);
    S(mq_getsetattr, -1, (long[]){ 0, 1, 2, 3 }, z);
    S(mq_getsetattr, -1, (long[]){ O_NONBLOCK | 1, 1, 2, 3 }, z);
    close(fd), close(p[0]), close(p[1]);
}

/* Keys: none is there, and what the caller gives is printed. */
static void keys(void)
{
    struct iovec v[2] = { { "ab", 2 }, { "cde", 3 } };
    static const int operations[] = { 0, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 15, 16, 17, 19, 99 };

    for (int i = 0; i < 16; i++)
        S(keyctl, operations[i], 0x7654321, 5L, 6L, 7L);
    S(keyctl, 1, BAD);
    S(keyctl, 5, 0x7654321, 0x3f3f3f3f);
    S(keyctl, 5, 0x7654321, 0);
    S(keyctl, 5, 0x7654321, 0x40000001);
    S(keyctl, 5, 0x7654321, 0x80000000);
    S(keyctl, 19, 0x7654321, 5L, 200L, 7L);
    S(keyctl, 14, 99);
    S(keyctl, 14, -5);
    S(keyctl, 14, -1);
    S(keyctl, 20, 0x7654321, v, 2L, -3L);
    S(keyctl, 20, 0x7654321, BAD, 2L, -3L);
    S(keyctl, 12, 0x7654321, "abc", 3L, -3L);
}

static void interfaces(void)
{
    struct ifreq r;
    int s = S(socket, AF_INET, SOCK_DGRAM, 0);
    static const unsigned get[] = { 0x8913, 0x8915, 0x8917, 0x8919, 0x891b, 0x891d, 0x8921, 0x8927, 0x8933, 0x8942, 0x8910 };
    static const unsigned set[] = { 0x8914, 0x8916, 0x8918, 0x891a, 0x891c, 0x891e, 0x8922, 0x8924, 0x8943 };
    struct sockaddr_in in = { AF_INET, 0x1234, { 0x04030201 } };

    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, "lo");
    S(ioctl, s, 0x8913, &r);
    for (int i = 0; i < 11; i++) {
        memset(&r, 0, sizeof r);
        strcpy(r.ifr_name, i == 6 || i == 9 ? "nope" : "lo");
        if (i == 10)
            r.ifr_ifindex = 1;
        S(ioctl, s, get[i], &r);
        S(ioctl, -1, get[i], &r);
    }
    S(ioctl, -1, 0x8913, BAD);
    for (int i = 0; i < 9; i++) {
        memset(&r, 0, sizeof r);
        strcpy(r.ifr_name, "nope");
        r.ifr_ifindex = 0x1147;
        S(ioctl, -1, set[i], &r);
        memcpy(&r.ifr_addr, &in, sizeof in);
        S(ioctl, -1, set[i], &r);
    }
    memset(&r, 0, sizeof r);
    for (int i = 0; i < 3; i++) {
        r.ifr_addr.sa_family = i == 2 ? 772 : i;
        memcpy(r.ifr_addr.sa_data, "\1\2\3\4\5\6\7", 7);
        S(ioctl, -1, 0x8924, &r);
        S(ioctl, -1, 0x8916, &r);
    }
    S(close, s);
}

static void messages(void)
{
    struct sockaddr_in6 six = { AF_INET6, htons(80), htonl(7), { { { [15] = 1 } } }, 5 }, mapped = { AF_INET6, htons(80), 0, { { { [10] = 0xff, 0xff, 1, 2, 3, 4 } } }, 0 };
    unsigned nl[3] = { 16, 5, 6 };
    char control[128] = { 0 };
    struct iovec iov = { "hi", 2 };
    struct mmsghdr m[3];
    int pair[2], one = 1, length;
    struct linger l = { 1, 5 };

    S(connect, -1, &six, sizeof six);
    S(connect, -1, &mapped, sizeof mapped);
    S(connect, -1, &six, 24);
    S(bind, -1, nl, 12);
    nl[2] = 0;
    S(bind, -1, nl, 12);
    S(bind, -1, nl, 2);
    S(bind, -1, "\1\0", 2);
    S(bind, -1, "\1\0\0", 3);
    S(bind, -1, "\17\0abc", 5);
    S(bind, -1, "\377\0abc", 5);
    S(bind, -1, nl, 1);
    S(bind, -1, BAD, 12);
    S(bind, -1, 0L, 12);
    S(socketpair, 1, 2, 0, pair);
    memset(m, 0, sizeof m);
    for (int i = 0; i < 3; i++)
        m[i].msg_hdr.msg_iov = &iov, m[i].msg_hdr.msg_iovlen = 1;
    S(sendmmsg, pair[0], m, 2, 0);
    S(sendmmsg, -1, m, 3, 0);
    S(sendmmsg, -1, BAD, 3, 0);
    iov = (struct iovec){ z, 100 };
    S(recvmmsg, pair[1], m, 2, 0, 0L);
    S(recvmmsg, -1, m, 2, 0, 0L);
    S(setsockopt, pair[1], 1, 16, &one, 4);
    iov = (struct iovec){ "hi", 2 };
    m[0].msg_hdr.msg_control = control;
    m[0].msg_hdr.msg_controllen = 56;
    ((long *)control)[0] = 28, ((int *)control)[2] = 1, ((int *)control)[3] = 2, ((int *)control)[4] = NOBODY;
    ((int *)control)[8] = 24, ((int *)control)[10] = 0, ((int *)control)[11] = 5;
    S(sendmsg, -1, &m[0].msg_hdr, 0);
    ((int *)control)[8] = 4;
    S(sendmsg, -1, &m[0].msg_hdr, 0);
    m[0].msg_hdr.msg_control = BAD;
    S(sendmsg, -1, &m[0].msg_hdr, 0);
    S(sendmsg, -1, BAD, 0);
    S(recvmsg, -1, BAD, 0);
    length = 12;
    S(getsockopt, pair[0], 1, 13, z, (length = 8, &length));
    S(getsockopt, pair[0], 1, 3, BAD, &length);
    S(getsockopt, -1, 1, 17, z, &length);
    S(setsockopt, pair[0], 1, 13, &l, 8);
    S(setsockopt, pair[0], 1, 13, BAD, 8);
    S(setsockopt, -1, 1, 2, BAD, 4);
    S(setsockopt, -1, 6, 1, &one, 4);
    S(setsockopt, -1, 0, 2, &one, 4);
    S(setsockopt, -1, 41, 26, &one, 4);
    S(setsockopt, -1, 17, 1, &one, 4);
    S(setsockopt, -1, 99, 1, "abc", 3);
    S(accept, -1, z, BAD);
    close(S(socket, 16, 3, 0));
    S(socket, 16, 3, 99);
    S(socket, 2, 1, 99);
    S(socket, 99, 1, 99);
    S(close, pair[0]);
    S(close, pair[1]);
}

/* What is only printed whole if that is asked for. */
static void whole(void)
{
    struct termios2 { unsigned flags[4]; unsigned char line, characters[19]; unsigned speeds[2]; } t = { { 0 }, 0, "abc", { 9600, 19200 } };
    int fd = open("/dev/null", O_RDONLY), master = open("/dev/ptmx", O_RDWR | O_NOCTTY);

    S(fstat, fd, z);
    S(stat, "/", z);
    S(getrusage, 0, z);
    for (int line = 0; line < 40; line += 39) {
        t.line = line;
        S(ioctl, -1, 0x5402, &t);
        S(ioctl, -1, 0x402c542b, &t);
    }
    S(ioctl, master, 0x5405, z);
    S(close, fd);
    fd = S(open, "/proc/self/fdinfo", O_RDONLY | O_DIRECTORY);
    S(getdents64, fd, z, 1000L);
    S(close, fd);
    S(close, master);
}

static int executor(void *path)
{
    char *argv[] = { path, "again", 0 };

    S(nanosleep, (long[]){ 0, 50000000 }, 0L);
    S(execve, path, argv, 0L);
    return 1;
}

static int last(void *unused)
{
    S(nanosleep, (long[]){ 0, 50000000 }, 0L);
    S(exit, 4);
    return 1;
}

/* A leader has ended when its threads have, too. A thread executes a program: its leader is gone, and it has its number. And a signal's handler returns. */
static void executed(void)
{
    static char stack[16384];
    pid_t child = fork();

    if (!child) {
        clone(last, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0);
        S(exit, 4);
    }
    S(wait4, child, z, 0, 0L);
    child = fork();
    if (!child) {
        clone(executor, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, "/proc/self/exe");
        S(pause);
    }
    S(wait4, child, z, 0, 0L);
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        S(exit_group, 5);
    opened(), statx_calls(), random_bytes(), cloned(), scheduled(), waited(), filtered(), processes(), descriptors(), keys();
    interfaces(), messages(), whole(), executed();
    S(prctl, 22, 1L, 5L);       /* PR_SET_SECCOMP: read, write and exit only */
    S(exit, 0);
}
