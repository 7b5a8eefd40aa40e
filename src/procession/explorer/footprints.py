"""What a step touches of the kernel: from the call that it makes, and from the trace events of what came of it.

Objects are what a person would name: the pending signals of a process, a pipe, a file, a name in a directory. What a
call does that no entry of the table describes touches everything, so that a gap costs schedules and never an outcome.
What everybody shares and nobody sees (tasklist_lock, run queues, free memory, counters) is no object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.steps import ADD, EVERYTHING, READ, WRITE, Object, Step
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
from procession.include.linux.fs import S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK
from procession.include.linux.mm_types import PROT_WRITE
from procession.include.linux.mman import MAP_SHARED
from procession.include.linux.sched import CLONE_FILES, CLONE_FS
from procession.include.linux.signal import (
    SA_SIGINFO,
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_STOP_MASK,
    SIGCONT,
    SIGRTMIN,
)
from procession.include.linux.wait import P_PID
from procession.tools.peek import peek

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("KINDS", "Footprints")

# The kinds of objects: each can be left out, to see which outcomes are then lost.
KINDS: Final = (
    "anonymous",  # eventfd, epoll, signalfd, timerfd: all files that have no inode of their own
    "blocked",  # signals that are pending and blocked, by process, and the mask
    "children",  # whose children there are, by parent
    "everything",
    "groups",  # who is in which process group
    "ids",  # what of System V IPC there is
    "inode",  # contents of a file or pipe, by device and number
    "ipc",  # contents of one object of System V IPC
    "locks",  # record locks and flock, by inode
    "memory",  # an address space that several threads share
    "name",  # what a name in any directory leads to
    "pending",  # signals that are pending and not blocked, by process
    "position",  # of a file that several descriptors share
    "random",  # what is left of the random bytes
    "shared",  # memory that several address spaces share
    "sigactions",  # how a process handles signals
    "sizes",  # what stat tells of a file, by its name
    "sockets",
    "stops",  # who is stopped
    "task",  # whether a process lives, is a zombie or stopped, and who its parent is
    "terminal",
)

_CONTENTS_FREE: Final = frozenset({"null", "zero", "full"})
_UINT: Final = 0xFFFFFFFF

Call = Callable[["Footprints", "Task", tuple[Any, ...]], None]


class Footprints:
    """Fills in what the steps of one run touch.

    without: kinds that are left out.  shared: processes that have memory in common with another one.
    """

    __slots__ = ("k", "shared", "step", "without")

    def __init__(self, k: Kernel, without: frozenset[str]) -> None:
        self.k = k
        self.without = without
        self.shared: set[int] = set()
        self.step: Step | None = None

    def touch(self, thing: Object, how: int) -> None:
        """Note that the current step touches something."""
        if self.step is not None and thing[0] not in self.without:
            self.step.touch(thing, how)

    def everything(self) -> None:
        """Note that nobody knows what the current step touches."""
        self.touch(EVERYTHING, WRITE)

    # Steps.

    def begin(self, step: Step, task: Task | None) -> None:
        """Note what a step touches from its beginning: its call, and what every step of the thread does."""
        self.step = step
        if task is None or task.mm is None:
            return
        # A signal that comes before or after any call of a program is seen in another place.
        self.touch(("pending", task.tgid), READ)
        if task.mm.mm_users > 1:
            owner = task.mm.owner
            self.touch(("memory", task.tgid if owner is None else owner.tgid), WRITE)
        if task.tgid in self.shared:
            self.touch(("shared",), WRITE)
        if not step.what:
            return
        call = CALLS.get(step.what)
        if call is None:
            self.everything()
        else:
            call(self, task, step.args)

    def ended(self, task: Task, name: str, args: tuple[Any, ...], result: int) -> None:
        """Note what is only known now that a call has its result."""
        if result < 0 or name not in _OPENS:
            return
        flags = args[_OPENS[name]] if name != "creat" else O_CREAT | O_TRUNC
        if flags & O_TRUNC:
            self.fd(task, result, WRITE)

    # What things are.

    def file(self, file: File, how: int, *, moves: bool = False) -> None:
        """Note an access to what is behind an open file; moves: at its position, which is another then."""
        inode = file.f_path.dentry.d_inode
        sb = inode.i_sb
        mode = inode.i_mode & S_IFMT
        if mode == S_IFSOCK:
            self.touch(("sockets",), WRITE)
        elif sb.s_type in ("proc", "sysfs", "cgroup", "debugfs"):
            self.everything()
        elif mode == S_IFIFO:
            self.touch(_inode(inode), WRITE)
        elif mode == S_IFCHR:
            self._device(file, inode, how)
        elif sb.s_type == "anon_inodefs":
            self.touch(("anonymous",), WRITE)
        else:
            self.touch(_inode(inode), how)
            if moves and file.f_count > 1:
                self.touch(("position", *_inode(inode)[1:]), WRITE)
            if how != READ:
                self.touch(("sizes", file.f_path.dentry.d_name), WRITE)

    def _device(self, file: File, inode: Inode, how: int) -> None:
        kind = type(file).__name__
        if kind in ("NullFile", "ZeroFile", "FullFile"):
            return
        if kind == "RandomFile":
            self.touch(("random",), WRITE)
        elif kind == "ConsoleFile":
            self.touch(("inode", "console", 0 if how == READ else file.private_data), WRITE)
        else:
            self.touch(("terminal",), WRITE)
            self.touch(("groups",), READ)

    def fd(self, task: Task, fd: int, how: int, *, moves: bool = False) -> None:
        """Note an access through a descriptor."""
        file = _file(task, fd)
        if file is not None:
            self.file(file, how, moves=moves)

    def close(self, task: Task, fd: int) -> None:
        """Note what closing a descriptor does, if it is the last one of its file."""
        file = _file(task, fd)
        if file is None:
            return
        inode = file.f_path.dentry.d_inode
        if inode.i_flock:
            self.touch(("locks", *_inode(inode)[1:]), WRITE)
        if file.f_count > 1:
            return
        mode = inode.i_mode & S_IFMT
        if mode in (S_IFIFO, S_IFSOCK) or mode not in (S_IFREG, S_IFCHR) or type(file).__name__ == "TtyFile":
            self.file(file, WRITE)

    def path(self, task: Task, pointer: Any, how: int) -> bytes:
        """Note that a path is looked up, and, with how WRITE, that what its last name leads to changes; returns it."""
        text = _text(self.k, task, pointer)
        names = [name for name in text.split(b"/") if name not in (b"", b".", b"..")]
        if text.startswith((b"/proc/", b"/sys/")):
            self.everything()
        for name in names:
            self.touch(("name", name.decode(errors="surrogateescape")), READ)
        if names and how != READ:
            self.touch(("name", names[-1].decode(errors="surrogateescape")), how)
        return names[-1] if names else b""

    # Events.

    def signal(self, sig: int, t: Task) -> None:
        """Note that a signal is sent to t."""
        sighand = t.sighand
        if sighand is None:
            return
        bit = 1 << (sig - 1)
        self.touch(("sigactions", t.tgid), READ)
        if bit & SIG_KERNEL_STOP_MASK or sig == SIGCONT:
            self.touch(("task", t.tgid), WRITE)
            self.touch(("stops",), WRITE)
            self.touch(("pending", t.tgid), WRITE)
            return
        ka = sighand.action[sig - 1]
        if t.blocked & bit or t.real_blocked & bit:
            self.touch(("blocked", t.tgid), WRITE)
            return
        if ka.handler == SIG_IGN or (ka.handler == SIG_DFL and bit & SIG_KERNEL_IGNORE_MASK):
            return
        alike = sig < SIGRTMIN and ka.handler != SIG_DFL and not ka.flags & SA_SIGINFO
        self.touch(("pending", t.tgid), ADD if alike else WRITE)

    def delivered(self, t: Task) -> None:
        """Note that t handles a signal."""
        self.touch(("pending", t.tgid), WRITE)
        self.touch(("blocked", t.tgid), WRITE)

    def born(self, parent: Task, child: Task) -> None:
        """Note a fork."""
        self.touch(("children", parent.tgid), WRITE)
        self.touch(("groups",), ADD)
        if parent.tgid in self.shared:
            self.shared.add(child.tgid)

    def dies(self, p: Task) -> None:
        """Note what the end of a thread does: files are closed, children go elsewhere, the parent hears of it."""
        files = p.files
        if files is not None and files.count == 1:
            for fd, file in enumerate(files.fd):
                if file is not None:
                    self.close(p, fd)
        self.touch(("task", p.tgid), WRITE)
        self.touch(("stops",), READ)
        if p.children:
            self.touch(("children", p.tgid), WRITE)
        for child in p.children:
            self.touch(("task", child.tgid), WRITE)
        parent = p.real_parent
        self.touch(("sigactions", parent.tgid), READ)

    def reparented(self, child: int, to: int) -> None:
        """Note that a child has another parent."""
        self.touch(("task", child), WRITE)
        self.touch(("children", to), ADD)

    def stopped(self, p: Task) -> None:
        """Note that a process has stopped, or goes on."""
        self.touch(("task", p.tgid), WRITE)
        self.touch(("stops",), WRITE)

    def reaped(self, nr: int, parent: int) -> None:
        """Note that a process is gone for good."""
        self.touch(("task", nr), WRITE)
        self.touch(("children", parent), WRITE)
        self.touch(("groups",), ADD)

    def looks_at_children(self, task: Task) -> None:
        """Note that a wait looks at all children."""
        self.touch(("children", task.tgid), READ)
        for t in task.signal.threads:
            for child in t.children:
                self.touch(("task", child.tgid), READ)
            for child in t.ptraced or ():
                self.touch(("task", child.tgid), READ)


def _inode(inode: Inode) -> Object:
    return ("inode", inode.i_sb.s_dev, inode.i_ino)


def _file(task: Task, fd: int) -> File | None:
    files = task.files
    if files is None or not 0 <= fd < len(files.fd):
        return None
    return files.fd[fd]


def _text(k: Kernel, task: Task, pointer: Any) -> bytes:
    """Return the path at a user pointer, b"" where there is none."""
    if not isinstance(pointer, int):
        try:
            data: bytes = pointer.load(0, len(pointer))
        except AttributeError:
            return b""
        return data.split(b"\0", 1)[0]
    if task.mm is None:
        return b""
    out = b""
    while len(out) < 4096:
        part = peek(k, task.mm, pointer + len(out), 64 - (pointer + len(out)) % 64)
        if part is None:
            return out
        out += part
        if b"\0" in part:
            break
    return out.split(b"\0", 1)[0]


# The calls: what each touches from its beginning. Descriptors are the first argument where nothing else is said.

_OPENS: Final[dict[str, int]] = {"open": 1, "openat": 2, "creat": 0}


def _nothing(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    """Be noticed by nobody."""


def _fd_reads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], READ, moves=True)


def _fd_writes(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], WRITE, moves=True)


def _fd_preads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], READ)


def _fd_pwrites(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], WRITE)


def _lseek(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.fd(task, args[0], READ, moves=True)


def _close(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.close(task, args[0])


def _dup_to(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.close(task, args[1])


def _all_fds(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    files = task.files
    if files is not None:
        for file in files.fd:
            if file is not None:
                fp.file(file, READ)
    fp.touch(("blocked", task.tgid), WRITE)  # ppoll and pselect change the mask for a while


def _socket(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sockets",), WRITE)
    fp.touch(("groups",), READ)


def _path_reads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], READ)


def _path_at_reads(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[1], READ)


def _stat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sizes", fp.path(task, args[0], READ).decode(errors="surrogateescape")), READ)


def _stat_at(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sizes", fp.path(task, args[1], READ).decode(errors="surrogateescape")), READ)


def _open(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    name = fp.path(task, args[0], WRITE if args[1] & O_CREAT else READ)
    if args[1] & O_TRUNC:
        fp.touch(("sizes", name.decode(errors="surrogateescape")), WRITE)


def _openat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _open(fp, task, args[1:])


def _creat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _open(fp, task, (args[0], O_CREAT | O_TRUNC))


def _name_changes(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], WRITE)


def _name_at_changes(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[1], WRITE)


def _two_names(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], WRITE)
    fp.path(task, args[1], WRITE)


def _two_names_at(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[1], WRITE)
    fp.path(task, args[3], WRITE)


def _execve(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.path(task, args[0], READ)
    fp.touch(("sigactions", task.tgid), WRITE)
    fp.touch(("task", task.tgid), WRITE)
    fp.shared.discard(task.tgid)
    files = task.files
    if files is not None:
        for fd, file in enumerate(files.fd):
            if file is not None and files.close_on_exec[fd >> FD_SHIFT] >> (fd & FD_MASK) & 1:
                fp.close(task, fd)


def _clone(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args and isinstance(args[0], int) and args[0] & (CLONE_FILES | CLONE_FS) and not args[0] & 0x100:
        fp.everything()  # a descriptor table that two processes share, and nothing else: nobody does that


def _wait4(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] > 0:
        fp.touch(("task", args[0]), READ)
        return
    fp.looks_at_children(task)
    if args[0] != -1:
        fp.touch(("groups",), READ)


def _waitid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] == P_PID:
        fp.touch(("task", args[1]), READ)
        return
    fp.looks_at_children(task)
    fp.touch(("groups",), READ)


def _kill(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[0] > 0:
        fp.touch(("task", args[0]), READ)
    else:
        fp.touch(("groups",), READ)
        for p in fp.k.tasks:
            fp.touch(("task", p.tgid), READ)


def _tgkill(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", args[0]), READ)


def _mask(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("blocked", task.tgid), WRITE)


def _sigaction(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("sigactions", task.tgid), WRITE if args[1] else READ)


def _reads_self(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", task.tgid), READ)


def _reads_task(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", args[0] or task.tgid), READ)


def _setpgid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("task", args[0] or task.tgid), WRITE)
    fp.touch(("groups",), WRITE)


def _setsid(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    _setpgid(fp, task, (0,))


def _fcntl(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    cmd = args[1]
    if cmd in (F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD):
        return
    file = _file(task, args[0])
    if file is None:
        return
    if cmd in (F_SETLK, F_SETLKW, F_GETLK):
        fp.touch(("locks", *_inode(file.f_path.dentry.d_inode)[1:]), READ if cmd == F_GETLK else WRITE)
    elif cmd == F_GETFL:
        fp.touch(("position", *_inode(file.f_path.dentry.d_inode)[1:]), READ)
    else:
        fp.everything()


def _flock(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    file = _file(task, args[0])
    if file is not None:
        fp.touch(("locks", *_inode(file.f_path.dentry.d_inode)[1:]), WRITE)


def _mmap(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    if args[3] & MAP_SHARED and args[2] & PROT_WRITE:
        fp.shared.add(task.tgid)


def _ipc_object(kind: str) -> Call:
    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        fp.touch(("ids", kind), READ)
        fp.touch(("ipc", kind, args[0]), WRITE)

    return touch


def _ipc_ids(kind: str) -> Call:
    def touch(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
        fp.touch(("ids", kind), WRITE)

    return touch


def _shmat(fp: Footprints, task: Task, args: tuple[Any, ...]) -> None:
    fp.touch(("ids", "shm"), READ)
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
