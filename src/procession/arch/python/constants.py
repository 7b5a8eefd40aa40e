"""Numbers of the ABI as attributes of Sys: sys.SIGCHLD, sys.O_CREAT, sys.CLONE_VM, sys.WNOHANG."""

from __future__ import annotations

__all__ = ("Constants",)


class Constants:
    """x86-64 Linux's names and numbers, and the W… macros of <sys/wait.h>."""

    __slots__ = ()

    SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1 = range(1, 11)
    SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP = range(11, 21)
    SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR = range(21, 31)
    SIGSYS = 31
    SIGRTMIN, SIGRTMAX = 32, 64
    SIG_DFL, SIG_IGN = 0, 1
    SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2
    SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO = 1, 2, 4
    SA_ONSTACK, SA_RESTART, SA_NODEFER, SA_RESETHAND = 0x08000000, 0x10000000, 0x40000000, 0x80000000

    CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND = 0x100, 0x200, 0x400, 0x800
    CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_THREAD = 0x2000, 0x4000, 0x8000, 0x10000
    CLONE_NEWNS, CLONE_SYSVSEM, CLONE_SETTLS, CLONE_PARENT_SETTID = 0x20000, 0x40000, 0x80000, 0x100000
    CLONE_CHILD_CLEARTID, CLONE_UNTRACED, CLONE_CHILD_SETTID = 0x200000, 0x800000, 0x1000000
    CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER = 0x4000000, 0x8000000, 0x10000000
    CLONE_NEWPID, CLONE_NEWNET, CLONE_IO = 0x20000000, 0x40000000, 0x80000000

    WNOHANG, WUNTRACED, WSTOPPED, WEXITED, WCONTINUED = 1, 2, 2, 4, 8
    WNOWAIT, WNOTHREAD, WALL, WCLONE = 0x01000000, 0x20000000, 0x40000000, 0x80000000
    P_ALL, P_PID, P_PGID = 0, 1, 2
    CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED = range(1, 7)

    O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_NOCTTY = 0, 1, 2, 0o100, 0o200, 0o400
    O_TRUNC, O_APPEND, O_NONBLOCK = 0o1000, 0o2000, 0o4000
    O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC = 0o200000, 0o400000, 0o2000000
    AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR = -100, 0x100, 0x200
    SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2
    F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_SETOWN, F_GETOWN = 0, 1, 2, 3, 4, 8, 9
    F_DUPFD_CLOEXEC, FD_CLOEXEC = 1030, 1
    POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 1, 2, 4, 8, 16, 32
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3
    EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLONESHOT, EPOLLET = 1, 4, 8, 16, 1 << 30, 1 << 31
    R_OK, W_OK, X_OK, F_OK = 4, 2, 1, 0

    PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC = 0, 1, 2, 4
    MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 0x10, 0x20

    ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF = 0, 1, 2
    CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID = 0, 1, 2, 3
    TIMER_ABSTIME = 1
    FUTEX_WAIT, FUTEX_WAKE, FUTEX_PRIVATE_FLAG = 0, 1, 128

    RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS = range(6)
    RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING = range(6, 12)
    RLIM_INFINITY = (1 << 64) - 1
    RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD = 0, -1, 1
    PRIO_PROCESS, PRIO_PGRP, PRIO_USER = 0, 1, 2
    SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 0, 1, 2, 3, 5
    PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME = 1, 2, 15, 16

    @staticmethod
    def WIFEXITED(status: int) -> bool:
        """Whether a wait status says that the child called exit."""
        return status & 0x7F == 0

    @staticmethod
    def WEXITSTATUS(status: int) -> int:
        """Return the exit code."""
        return status >> 8 & 0xFF

    @staticmethod
    def WIFSIGNALED(status: int) -> bool:
        """Whether a signal has killed the child."""
        return 0 < status & 0x7F < 0x7F

    @staticmethod
    def WTERMSIG(status: int) -> int:
        """Return the signal that killed it."""
        return status & 0x7F

    @staticmethod
    def WCOREDUMP(status: int) -> bool:
        """Whether it has left a core file."""
        return bool(status & 0x80)

    @staticmethod
    def WIFSTOPPED(status: int) -> bool:
        """Whether the child is stopped."""
        return status & 0xFF == 0x7F

    @staticmethod
    def WSTOPSIG(status: int) -> int:
        """Return the signal that stopped it."""
        return status >> 8 & 0xFF

    @staticmethod
    def WIFCONTINUED(status: int) -> bool:
        """Whether the child was continued."""
        return status == 0xFFFF
