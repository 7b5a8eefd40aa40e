"""The calls: what each touches from its beginning.

Descriptors are the first argument where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.steps import READS, WRITES, Object
from procession.include.linux.fcntl import (
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETFD,
    F_GETFL,
    F_GETLK,
    F_SETFD,
    F_SETLK,
    F_SETLKW,
    O_CREAT,
    O_TRUNC,
)
from procession.include.linux.fdtable import FD_MASK, FD_SHIFT
from procession.include.linux.mm_types import PROT_WRITE
from procession.include.linux.mman import MAP_SHARED
from procession.include.linux.sched import CLONE_FILES, CLONE_FS, CLONE_VM
from procession.include.linux.wait import P_PID

if TYPE_CHECKING:
    from procession.explorer.footprints import Footprints
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.sched import Task

__all__ = ("CALLS", "OPENS", "file_of", "inode_object")

Call = Callable[["Footprints", "Task", tuple[Any, ...]], None]


def inode_object(inode: Inode) -> Object:
    """Return the object that is an inode's contents."""
    return ("inode", inode.i_sb.s_dev, inode.i_ino)


def file_of(task: Task, fd: int) -> File | None:
    """Return what a descriptor stands for, None if it is not open."""
    files = task.files
    if files is None or not 0 <= fd < len(files.fd):
        return None
    return files.fd[fd]


# Calls that open a file, and which of their arguments the flags are.
OPENS: Final[dict[str, int]] = {"open": 1, "openat": 2, "creat": 0}


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
    fp.touch(("blocked", task.tgid), WRITES)  # ppoll and pselect change the mask for a while


def _socket(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sockets",), WRITES)
    fp.touch(("groups",), READS)


def _path_reads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], READS)


def _path_at_reads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[1], READS)


def _stat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sizes", fp.path(task, args[0], READS).decode(errors="surrogateescape")), READS)


def _stat_at(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sizes", fp.path(task, args[1], READS).decode(errors="surrogateescape")), READS)


def _open(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    name = fp.path(task, args[0], WRITES if args[1] & O_CREAT else READS)
    if args[1] & O_TRUNC:
        fp.touch(("sizes", name.decode(errors="surrogateescape")), WRITES)


def _openat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _open(fp, task, args[1:])


def _creat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _open(fp, task, (args[0], O_CREAT | O_TRUNC))


def _name_changes(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], WRITES)


def _name_at_changes(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[1], WRITES)


def _two_names(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], WRITES)
    fp.path(task, args[1], WRITES)


def _two_names_at(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[1], WRITES)
    fp.path(task, args[3], WRITES)


def _execve(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], READS)
    fp.touch(("sigactions", task.tgid), WRITES)
    fp.touch(("task", task.tgid), WRITES)
    fp.shared.discard(task.tgid)
    files = task.files
    if files is not None:
        for fd, file in enumerate(files.fd):
            if file is not None and files.close_on_exec[fd >> FD_SHIFT] >> (fd & FD_MASK) & 1:
                fp.close(task, fd)


def _clone(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args and isinstance(args[0], int) and args[0] & (CLONE_FILES | CLONE_FS) and not args[0] & CLONE_VM:
        fp.everything()  # a descriptor table that two processes share, and nothing else: nobody does that


def _wait4(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] > 0:
        fp.touch(("task", args[0]), READS)
        return
    fp.looks_at_children(task)
    if args[0] != -1:
        fp.touch(("groups",), READS)


def _waitid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] == P_PID:
        fp.touch(("task", args[1]), READS)
        return
    fp.looks_at_children(task)
    fp.touch(("groups",), READS)


def _kill(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] > 0:
        fp.touch(("task", args[0]), READS)
    else:
        fp.touch(("groups",), READS)
        for p in fp.k.tasks:
            fp.touch(("task", p.tgid), READS)


def _tgkill(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", args[0]), READS)


def _mask(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("blocked", task.tgid), WRITES)


def _sigaction(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sigactions", task.tgid), WRITES if args[1] else READS)


def _reads_self(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", task.tgid), READS)


def _reads_task(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", args[0] or task.tgid), READS)


def _setpgid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", args[0] or task.tgid), WRITES)
    fp.touch(("groups",), WRITES)


def _setsid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _setpgid(fp, task, (0,))


def _fcntl(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    cmd = args[1]
    if cmd in (F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD):
        return
    file = file_of(task, args[0])
    if file is None:
        return
    if cmd in (F_SETLK, F_SETLKW, F_GETLK):
        fp.touch(("locks", *inode_object(file.f_path.dentry.d_inode)[1:]), READS if cmd == F_GETLK else WRITES)
    elif cmd == F_GETFL:
        fp.touch(("position", *inode_object(file.f_path.dentry.d_inode)[1:]), READS)
    else:
        fp.everything()


def _flock(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    file = file_of(task, args[0])
    if file is not None:
        fp.touch(("locks", *inode_object(file.f_path.dentry.d_inode)[1:]), WRITES)


def _mmap(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[3] & MAP_SHARED and args[2] & PROT_WRITE:
        fp.shared.add(task.tgid)


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
    fp.touch(("ids", "shm"), READS)
    fp.shared.add(task.tgid)


CALLS: Final[dict[str, Call]] = {
    "accept": _socket,
    "accept4": _socket,
    "access": _stat,
    "alarm": _nothing,
    "bind": _socket,
    "chdir": _path_reads,
    "clock_nanosleep": _nothing,
    "clone": _clone,
    "close": _close,
    "connect": _socket,
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
    "faccessat": _stat_at,
    "fadvise64": _nothing,
    "fchdir": _nothing,
    "fcntl": _fcntl,
    "flock": _flock,
    "fork": _nothing,
    "fstat": _fd_preads,
    "ftruncate": _fd_pwrites,
    "futex": _nothing,  # its word is in memory that is shared, or nobody else's
    "getdents": _fd_writes,
    "getdents64": _fd_writes,
    "getitimer": _nothing,
    "getpeername": _socket,
    "getpgid": _reads_task,
    "getpgrp": _reads_self,
    "getppid": _reads_self,
    "getsid": _reads_task,
    "getsockname": _socket,
    "getsockopt": _socket,
    "ioctl": _fd_writes,
    "kill": _kill,
    "link": _two_names,
    "linkat": _two_names_at,
    "listen": _socket,
    "lseek": _lseek,
    "lstat": _stat,
    "may_lose_cpu": _everything,  # of labs: a place inside a call
    "mkdir": _name_changes,
    "mkdirat": _name_at_changes,
    "mknod": _name_changes,
    "mmap": _mmap,
    "mprotect": _nothing,
    "msgctl": _ipc_ids("msg"),
    "msgget": _ipc_ids("msg"),
    "msgrcv": _ipc_object("msg"),
    "msgsnd": _ipc_object("msg"),
    "munmap": _nothing,
    "nanosleep": _nothing,
    "newfstatat": _stat_at,
    "open": _open,
    "openat": _openat,
    "pause": _nothing,
    "pipe": _nothing,
    "pipe2": _nothing,
    "poll": _all_fds,
    "ppoll": _all_fds,
    "pread64": _fd_preads,
    "preadv": _fd_preads,
    "prlimit64": _nothing,
    "pselect6": _all_fds,
    "pwrite64": _fd_pwrites,
    "pwritev": _fd_pwrites,
    "read": _fd_reads,
    "readlink": _path_reads,
    "readlinkat": _path_at_reads,
    "readv": _fd_reads,
    "recvfrom": _socket,
    "recvmsg": _socket,
    "rename": _two_names,
    "renameat": _two_names_at,
    "restart_syscall": _nothing,
    "rmdir": _name_changes,
    "rt_sigaction": _sigaction,
    "rt_sigpending": _mask,
    "rt_sigprocmask": _mask,
    "rt_sigqueueinfo": _kill,
    "rt_sigsuspend": _mask,
    "rt_sigtimedwait": _mask,
    "rt_tgsigqueueinfo": _tgkill,
    "sched_yield": _nothing,
    "select": _all_fds,
    "semctl": _ipc_ids("sem"),
    "semget": _ipc_ids("sem"),
    "semop": _ipc_object("sem"),
    "semtimedop": _ipc_object("sem"),
    "sendmsg": _socket,
    "sendto": _socket,
    "set_robust_list": _nothing,
    "setitimer": _nothing,
    "setpgid": _setpgid,
    "setrlimit": _nothing,
    "setsid": _setsid,
    "setsockopt": _socket,
    "shmat": _shmat,
    "shmctl": _ipc_ids("shm"),
    "shmdt": _ipc_ids("shm"),
    "shmget": _ipc_ids("shm"),
    "shutdown": _socket,
    "signalfd4": _nothing,
    "socket": _nothing,
    "socketpair": _nothing,
    "stat": _stat,
    "symlink": _two_names,
    "tgkill": _tgkill,
    "timer_create": _nothing,
    "timer_delete": _nothing,
    "timer_gettime": _nothing,
    "timer_settime": _nothing,
    "timerfd_create": _nothing,
    "timerfd_settime": _fd_writes,
    "tkill": _tgkill,
    "unlink": _name_changes,
    "unlinkat": _name_at_changes,
    "vfork": _nothing,
    "wait4": _wait4,
    "waitid": _waitid,
    "write": _fd_writes,
    "writev": _fd_writes,
    "=load": _nothing,
    "=store": _nothing,
}
