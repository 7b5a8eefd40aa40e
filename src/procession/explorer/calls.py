"""The calls: what each touches from its beginning.

Descriptors are the first argument where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Any, Final

from procession.drivers.tty.tty_io import TtyFile
from procession.explorer.dispositions import handled
from procession.explorer.paths import bytes_at
from procession.explorer.steps import ADDS, READS, WRITES, Object
from procession.include.asm.ioctls import TCGETS, TIOCGPGRP, TIOCGWINSZ
from procession.include.linux.fcntl import (
    AT_FDCWD,
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETFD,
    F_GETFL,
    F_GETLK,
    F_SETFD,
    F_SETFL,
    F_SETLK,
    F_SETLKW,
    O_ASYNC,
    O_CREAT,
    O_EXCL,
    O_NOFOLLOW,
    O_TRUNC,
    O_WRONLY,
)
from procession.include.linux.fdtable import FD_MASK, FD_SHIFT
from procession.include.linux.prctl import PR_SET_PDEATHSIG
from procession.include.linux.socket import AF_UNIX
from procession.include.linux.wait import P_PGID, P_PID
from procession.kernel.pid import find_task_by_vpid, pid_nr, task_pgrp, task_tgid_vnr

if TYPE_CHECKING:
    from procession.explorer.footprints import Footprints
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.sched import Task

__all__ = ("ALL", "ALL_SIGNALS", "CALLS", "MAPS", "file_of", "inode_object")

Call = Callable[["Footprints", "Task", tuple[Any, ...]], None]


def inode_object(inode: Inode) -> Object:
    """Return the object that is an inode's contents."""
    return ("inode", inode.i_sb.s_dev, inode.i_ino)


ALL_SIGNALS: Final = -1  # as a mask
ALL: Final = 0  # in the place of a process group: any of them


def file_of(task: Task, fd: int) -> File | None:
    """Return what a descriptor stands for, None if it is not open."""
    files = task.files
    if files is None or not 0 <= fd < len(files.fd):
        return None
    return files.fd[fd]


# Calls after which other files may be mapped than before.
MAPS: Final = frozenset({"mmap", "mremap", "munmap", "shmat", "shmdt"})

# Of ioctl: what a program asks to see whether a file is a terminal, and how large.
_LOOKS_AT_TERMINAL: Final = frozenset({TCGETS, TIOCGWINSZ, TIOCGPGRP})

_PATH_AT: Final = 2  # offset of a path in a sockaddr
_MSGHDR: Final = 56


def _nothing(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    """Be noticed by nobody."""


def _everything(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.everything()


def _fd_reads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], READS, moves=True)


def _fd_writes(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], WRITES, moves=True)


def _fd_preads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], READS)


def _fd_pwrites(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], WRITES)


def _lseek(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], READS, moves=True)


def _close(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.close(task, args[0])


def _dup_to(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.close(task, args[1])


def _all_fds(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    files = task.files
    if files is not None:
        for file in files.fd:
            if file is not None:
                fp.file(file, READS)
    fp.signals(task, ALL_SIGNALS)  # ppoll and pselect change the mask for a while


def _socket(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sockets",), WRITES)
    fp.touch(("groups", ALL), READS)


def _named_socket(pointer: int, size: int) -> Call:
    """Return what a call does whose arguments have the address of a socket."""

    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        _socket(fp, task, args)
        _unix_name(fp, task, args[pointer], args[size], binds=False)

    return touch


def _unix_name(fp: Footprints, task: Task, pointer: Any, size: Any, *, binds: bool) -> None:
    """Note that the address of a socket is looked up, if it is a path; binds: or made."""
    raw = bytes_at(fp.k, task, pointer, min(size, 110)) if pointer and isinstance(size, int) else b""
    if len(raw) <= _PATH_AT or int.from_bytes(raw[:_PATH_AT], "little") != AF_UNIX or not raw[_PATH_AT]:
        return
    path = raw[_PATH_AT:]
    if binds:
        fp.path_changes(task, AT_FDCWD, path)
    else:
        fp.path(task, AT_FDCWD, path)


def _bind(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _socket(fp, task, args)
    _unix_name(fp, task, args[1], args[2], binds=True)


def _sendmsg(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _socket(fp, task, args)
    header = bytes_at(fp.k, task, args[1], _MSGHDR)
    if len(header) < _MSGHDR:
        fp.everything()
        return
    name, name_size, *_, control_size, _ = struct.unpack("<QI4xQQQQi4x", header)
    fp.passes = fp.passes or control_size > 0
    _unix_name(fp, task, name, name_size, binds=False)


def _stat_at(first: int, *, follow: bool = True) -> Call:
    """Return what a call does that tells something of a file; first: which argument is the path."""

    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        found = fp.path(task, args[first - 1] if first else AT_FDCWD, args[first], follow=follow)
        if found.inode is not None:
            fp.touch(inode_object(found.inode), READS)

    return touch


def _path(first: int, *, follow: bool = True) -> Call:
    """Return what a call does that looks up a path."""

    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        fp.path(task, args[first - 1] if first else AT_FDCWD, args[first], follow=follow)

    return touch


def _inode_changes(first: int) -> Call:
    """Return what a call does that changes the file that a path leads to."""

    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        found = fp.path(task, args[first - 1] if first else AT_FDCWD, args[first])
        if found.inode is not None:
            fp.touch(inode_object(found.inode), WRITES)

    return touch


def _names_change(*paths: int, at: bool = False) -> Call:
    """Return what a call does that makes names or takes them away; paths: which arguments, at: behind directories."""

    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        for index in paths:
            fp.path_changes(task, args[index - 1] if at else AT_FDCWD, args[index])

    return touch


def _symlink(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path_changes(task, AT_FDCWD, args[1])


def _symlinkat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path_changes(task, args[1], args[2])


def _open(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _openat(fp, task, (AT_FDCWD, *args))


def _openat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    flags = args[2]
    creates = bool(flags & O_CREAT)
    fp.opens(
        task, args[0], args[1], flags, follow=not (flags & O_NOFOLLOW or (creates and flags & O_EXCL)), creates=creates
    )


def _creat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _open(fp, task, (args[0], O_CREAT | O_TRUNC | O_WRONLY))


def _random(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("random",), WRITES)


def _getcwd(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fs = task.fs
    dentry = None if fs is None else fs.pwd.dentry
    while dentry is not None and dentry.d_parent is not dentry:
        fp.touch(("name", dentry.d_name), READS)
        dentry = dentry.d_parent


def _execve(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    inode = fp.path(task, AT_FDCWD, args[0]).inode
    if inode is not None:
        fp.touch(inode_object(inode), READS)
        fp.touch(("text", *inode_object(inode)[1:]), READS)
    fp.unmaps()
    for sig in handled(task):
        fp.touch(("sigactions", task.tgid, sig), WRITES)
    fp.touch(("member", task.tgid), WRITES)  # nobody else may move it from now on
    files = task.files
    if files is not None:
        for fd, file in enumerate(files.fd):
            if file is not None and files.close_on_exec[fd >> FD_SHIFT] >> (fd & FD_MASK) & 1:
                fp.close(task, fd)


def _wait4(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] > 0:
        fp.touch(fp.process(task, args[0]), READS)
        return
    fp.looks_at_children(task, groups=args[0] != -1)
    if not args[0]:
        fp.touch(("member", task.tgid), READS)


def _waitid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] == P_PID:
        fp.touch(fp.process(task, args[1]), READS)
        return
    fp.looks_at_children(task, groups=args[0] == P_PGID)


def _kill(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    # An event tells of each that is sent the signal.
    nr = args[0]
    if nr > 0:
        fp.touch(fp.process(task, nr), READS)
    elif nr == -1:
        fp.touch(("groups", ALL), READS)
    elif nr:
        fp.touch(fp.group(task, -nr), READS)
    else:
        fp.touch(("groups", pid_nr(task_pgrp(task))), READS)


def _signals(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.signals(task, ALL_SIGNALS)


def _sigsuspend(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    raw = bytes_at(fp.k, task, args[0], 8)
    fp.signals(task, ALL_SIGNALS & ~int.from_bytes(raw, "little"))


def _sigaction(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sigactions", task.tgid, args[0]), WRITES if args[1] else READS)


def _reads_self(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", task.tgid), READS)


def _reads_task(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(fp.process(task, args[0]) if args[0] else ("task", task.tgid), READS)


def _group_of(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    thing = fp.process(task, args[0]) if args and args[0] else ("task", task.tgid)
    fp.touch(thing, READS)
    fp.touch(("member", thing[1]), READS)


def _setrlimit(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", task.tgid), WRITES)


def _prlimit(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if not args[0]:
        fp.touch(("task", task.tgid), WRITES if args[2] else READS)
    elif args[2]:
        fp.everything()  # what another process may do
    else:
        _reads_task(fp, task, args)


def _setpgid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    thing = fp.process(task, args[0]) if args[0] else ("task", task.tgid)
    fp.touch(thing, READS)
    fp.touch(("member", thing[1]), WRITES)
    p = find_task_by_vpid(task, args[0]) if args[0] else task
    if p is not None:
        fp.moves(p)
    if args[1] in (0, args[0] or task_tgid_vnr(task, task)):
        fp.touch(("groups", thing[1]), ADDS)
    else:
        fp.touch(fp.group(task, args[1]), WRITES)  # if it is there


def _setsid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("groups", task.tgid), WRITES)  # if it is not there
    _setpgid(fp, task, (0, 0))


def _fcntl(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    cmd = args[1]
    if cmd in (F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD):
        return
    file = file_of(task, args[0])
    if file is None:
        return
    if cmd in (F_SETLK, F_SETLKW, F_GETLK):
        fp.touch(("locks", *inode_object(file.f_path.dentry.d_inode)[1:]), READS if cmd == F_GETLK else WRITES)
    elif cmd in (F_GETFL, F_SETFL) and not args[2] & O_ASYNC:
        if file.f_count > 1:
            fp.file(file, READS if cmd == F_GETFL else WRITES, moves=True)
    else:
        fp.everything()


def _flock(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    file = file_of(task, args[0])
    if file is not None:
        fp.touch(("locks", *inode_object(file.f_path.dentry.d_inode)[1:]), WRITES)


def _ioctl(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    file = file_of(task, args[0])
    if file is None:
        return
    if args[1] in _LOOKS_AT_TERMINAL and not isinstance(file, TtyFile):
        return  # it is none, and says so
    fp.file(file, WRITES)


def _prctl(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] == PR_SET_PDEATHSIG:
        fp.touch(("task", task.tgid), WRITES)  # as the parent's end


def _ipc_object(kind: str) -> Call:
    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        fp.touch(("ids", kind), READS)
        fp.touch(("ipc", kind, args[0]), WRITES)

    return touch


def _ipc_ids(kind: str) -> Call:
    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        fp.touch(("ids", kind), WRITES)

    return touch


def _shmat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("ids", "shm"), WRITES)


CALLS: Final[dict[str, Call]] = {
    "accept": _socket,
    "accept4": _socket,
    "access": _stat_at(0),
    "alarm": _nothing,
    "arch_prctl": _nothing,
    "bind": _bind,
    "brk": _nothing,
    "capget": _nothing,
    "chdir": _path(0),
    "clock_getres": _nothing,
    "clock_gettime": _nothing,
    "clock_nanosleep": _nothing,
    "clone": _nothing,
    "close": _close,
    "connect": _named_socket(1, 2),
    "creat": _creat,
    "dup": _nothing,
    "dup2": _dup_to,
    "dup3": _dup_to,
    "epoll_create": _nothing,
    "epoll_create1": _nothing,
    "epoll_ctl": _all_fds,
    "epoll_pwait": _all_fds,
    "epoll_wait": _all_fds,
    "eventfd": _nothing,
    "eventfd2": _nothing,
    "execve": _execve,
    "exit": _nothing,  # an event tells of it, as of every other end
    "exit_group": _nothing,
    "faccessat": _stat_at(1),
    "fadvise64": _nothing,
    "fallocate": _fd_pwrites,
    "fchdir": _nothing,
    "fcntl": _fcntl,
    "fdatasync": _nothing,
    "fgetxattr": _fd_preads,
    "flock": _flock,
    "fork": _nothing,
    "fstat": _fd_preads,
    "fstatfs": _nothing,
    "fsync": _nothing,
    "ftruncate": _fd_pwrites,
    "futex": _nothing,  # its word is in memory that is shared, or nobody else's
    "getcpu": _nothing,
    "getcwd": _getcwd,
    "getdents": _fd_reads,
    "getdents64": _fd_reads,
    "getegid": _nothing,
    "geteuid": _nothing,
    "getgid": _nothing,
    "getgroups": _nothing,
    "getitimer": _nothing,
    "getpeername": _socket,
    "getpgid": _group_of,
    "getpgrp": _group_of,
    "getpid": _nothing,
    "getppid": _reads_self,
    "getresgid": _nothing,
    "getresuid": _nothing,
    "getrandom": _random,
    "getrlimit": _nothing,
    "getrusage": _nothing,
    "getsid": _group_of,
    "getsockname": _socket,
    "getsockopt": _socket,
    "gettid": _nothing,
    "gettimeofday": _nothing,
    "getuid": _nothing,
    "getxattr": _stat_at(0),
    "ioctl": _ioctl,
    "kill": _kill,
    "lgetxattr": _stat_at(0, follow=False),
    "link": _names_change(0, 1),
    "linkat": _names_change(1, 3, at=True),
    "listen": _socket,
    "lseek": _lseek,
    "lstat": _stat_at(0, follow=False),
    "madvise": _nothing,
    "may_lose_cpu": _everything,  # of labs: a place inside a call
    "mkdir": _names_change(0),
    "mkdirat": _names_change(1, at=True),
    "mknod": _names_change(0),
    "mknodat": _names_change(1, at=True),
    "mlock": _nothing,
    "mlockall": _nothing,
    "mmap": _nothing,
    "mprotect": _nothing,
    "mremap": _nothing,
    "msgctl": _ipc_ids("msg"),
    "msgget": _ipc_ids("msg"),
    "msgrcv": _ipc_object("msg"),
    "msgsnd": _ipc_object("msg"),
    "msync": _nothing,
    "munlock": _nothing,
    "munlockall": _nothing,
    "munmap": _nothing,
    "nanosleep": _nothing,
    "newfstatat": _stat_at(1),
    "open": _open,
    "openat": _openat,
    "pause": _nothing,
    "personality": _nothing,
    "pipe": _nothing,
    "pipe2": _nothing,
    "poll": _all_fds,
    "ppoll": _all_fds,
    "prctl": _prctl,
    "pread64": _fd_preads,
    "preadv": _fd_preads,
    "prlimit64": _prlimit,
    "pselect6": _all_fds,
    "pwrite64": _fd_pwrites,
    "pwritev": _fd_pwrites,
    "read": _fd_reads,
    "readahead": _nothing,
    "readlink": _path(0, follow=False),
    "readlinkat": _path(1, follow=False),
    "readv": _fd_reads,
    "recvfrom": _socket,
    "recvmsg": _socket,
    "rename": _names_change(0, 1),
    "renameat": _names_change(1, 3, at=True),
    "restart_syscall": _nothing,
    "rmdir": _names_change(0),
    "rt_sigaction": _sigaction,
    "rt_sigpending": _signals,
    "rt_sigprocmask": _nothing,  # what it opens is handled behind it
    "rt_sigqueueinfo": _kill,
    "rt_sigreturn": _nothing,
    "rt_sigsuspend": _sigsuspend,
    "rt_sigtimedwait": _signals,
    "rt_tgsigqueueinfo": _kill,
    "sched_get_priority_max": _nothing,
    "sched_get_priority_min": _nothing,
    "sched_getaffinity": _nothing,
    "sched_getparam": _reads_task,
    "sched_getscheduler": _reads_task,
    "sched_yield": _nothing,
    "select": _all_fds,
    "semctl": _ipc_ids("sem"),
    "semget": _ipc_ids("sem"),
    "semop": _ipc_object("sem"),
    "semtimedop": _ipc_object("sem"),
    "sendmsg": _sendmsg,
    "sendto": _named_socket(4, 5),
    "set_robust_list": _nothing,
    "set_tid_address": _nothing,
    "setitimer": _nothing,
    "setpgid": _setpgid,
    "setrlimit": _setrlimit,
    "setsid": _setsid,
    "setsockopt": _socket,
    "shmat": _shmat,
    "shmctl": _ipc_ids("shm"),
    "shmdt": _ipc_ids("shm"),
    "shmget": _ipc_ids("shm"),
    "shutdown": _socket,
    "sigaltstack": _nothing,
    "signalfd": _nothing,
    "signalfd4": _nothing,
    "socket": _nothing,
    "socketpair": _nothing,
    "stat": _stat_at(0),
    "statfs": _path(0),
    "statx": _stat_at(1),
    "symlink": _symlink,
    "symlinkat": _symlinkat,
    "sync": _nothing,
    "sync_file_range": _nothing,
    "syncfs": _nothing,
    "tgkill": _kill,
    "time": _nothing,
    "timer_create": _nothing,
    "timer_delete": _nothing,
    "timer_gettime": _nothing,
    "timer_settime": _nothing,
    "timerfd_create": _nothing,
    "timerfd_settime": _fd_writes,
    "times": _nothing,
    "tkill": _kill,
    "truncate": _inode_changes(0),
    "umask": _nothing,
    "uname": _nothing,
    "unlink": _names_change(0),
    "unlinkat": _names_change(1, at=True),
    "utime": _inode_changes(0),
    "utimes": _inode_changes(0),
    "vfork": _nothing,
    "wait4": _wait4,
    "waitid": _waitid,
    "write": _fd_writes,
    "writev": _fd_writes,
}
