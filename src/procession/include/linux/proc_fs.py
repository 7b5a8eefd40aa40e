"""What /proc is built of (include/linux/proc_fs.h): its super block, directories, links, and inodes that have a pid."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    MAX_LFS_FILESIZE,
    MAX_NON_LFS,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    DirFile,
    Inode,
    Kstat,
    SuperBlock,
    generic_file_llseek,
)
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.uidgid import GLOBAL_ROOT, INVALID_ID, make_kgid, make_kuid

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry, File, Iattr, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid, PidNamespace
    from procession.include.linux.sched import Task


PROC_NUMBUF: Final = 13  # bytes of a number that is written, with a NUL


class ProcSuperBlock(SuperBlock):
    """One instance of /proc: it shows the processes of one pid namespace.

    pids: the directories of those that were looked up, so that a name keeps its inode number.
    """

    __slots__ = ("ns", "pids")

    def __init__(self, k: Kernel, s_dev: int, magic: int, ns: PidNamespace) -> None:
        super().__init__(k, "proc", s_dev, magic, s_blocksize=1024)
        self.ns = ns
        self.pids: dict[Pid, PidInode] = {}


class ProcInode(Inode):
    """An inode of /proc: made when it is first asked for, stamped with that time, empty."""

    d_cache = False
    d_negative = False
    i_fop_fsync = False
    # How far one can move in a directory: with default_llseek anywhere, else to the s_maxbytes of a file system of old.
    d_maxbytes: ClassVar[int] = MAX_LFS_FILESIZE

    def __init__(self, sb: ProcSuperBlock, mode: int, nlink: int = 1) -> None:
        ino = sb.s_next_ino
        sb.s_next_ino = ino + 1
        super().__init__(sb, ino, mode, i_nlink=nlink)
        k = sb.kernel
        self.i_atime_ns = self.i_mtime_ns = self.i_ctime_ns = k.boot_time_ns + k.clock.now_ns

    @property
    def proc_sb(self) -> ProcSuperBlock:
        """Its i_sb, which is proc's own."""
        sb = self.i_sb
        assert isinstance(sb, ProcSuperBlock)
        return sb

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file, which for most directories can be moved in as in a file."""
        if self.i_mode & S_IFMT == S_IFDIR:
            return ProcDirFile(path, flags, mode)
        return super().open(current, path, flags, mode)

    def getattr(self, current: Task) -> Kstat:
        """Show a file that takes no room."""
        stat = super().getattr(current)
        stat.blocks = 0
        return stat


class ProcDirFile(DirFile):
    """An open directory of /proc."""

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; the end is at 0. Raises EINVAL, ENXIO."""
        inode = self.inode
        return generic_file_llseek(self, offset, whence, inode.d_maxbytes if isinstance(inode, ProcInode) else 0)


class ProcDir(ProcInode):
    """A directory whose entries never change."""

    d_cache = True
    d_maxbytes = MAX_NON_LFS

    def __init__(self, sb: ProcSuperBlock, mode: int = 0o555) -> None:
        super().__init__(sb, S_IFDIR | mode, 2)
        self.entries: dict[str, Inode] = {}

    def add(self, name: str, inode: Inode) -> None:
        """Put an entry there."""
        self.entries[name] = inode
        if inode.i_mode & S_IFMT == S_IFDIR:
            self.i_nlink += 1

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT."""
        inode = self.entries.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the entries in the order they were added."""
        return [(name, inode.i_ino, (inode.i_mode & S_IFMT) >> 12) for name, inode in self.entries.items()]


class ProcLink(ProcInode):
    """A symbolic link with a text that may depend on the reader; size: what stat(2) says of its length."""

    def __init__(self, sb: ProcSuperBlock, text: Callable[[Task], str], size: int) -> None:
        super().__init__(sb, S_IFLNK | 0o777)
        self.text = text
        self.i_size = size

    def readlink(self, current: Task) -> str:
        """Return the text."""
        return self.text(current)


class PidInode(ProcInode):
    """What all inodes that belong to a task have in common."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, mode: int, nlink: int = 1) -> None:
        super().__init__(sb, mode, nlink)
        self.pid = pid

    def task(self) -> Task | None:
        """Return the task, None if it is gone (get_proc_task)."""
        users = self.pid.tasks[PIDTYPE_PID]
        return next(reversed(users)) if users else None

    def revalidate(self, task: Task) -> None:
        """Belong to the task's user if it may be dumped, else to root (pid_revalidate)."""
        if self.i_mode == S_IFDIR | 0o555 or (task.mm is not None and task.mm.dumpable == 1):
            self.i_uid, self.i_gid = task.real_cred.euid, task.real_cred.egid
        else:
            ns = (task.mm.user_ns if task.mm is not None else None) or task.kernel.users.init_user_ns
            uid, gid = make_kuid(ns, 0), make_kgid(ns, 0)
            self.i_uid = GLOBAL_ROOT if uid == INVALID_ID else uid
            self.i_gid = GLOBAL_ROOT if gid == INVALID_ID else gid

    def setattr(self, attr: Iattr) -> None:
        """Refuse another mode (proc_setattr); raises EPERM."""
        if attr.mode is not None:
            raise LinuxError(Errno.EPERM, "the mode of a process's file")

    def forget(self, tid: Pid) -> None:
        """Drop what is remembered of a thread, if this is a process's directory."""

    def flush(self) -> None:
        """Let go what is held for a task that is gone."""


def proc_flush_task(p: Task) -> None:
    """A task is being released: forget its directories in every /proc, and what is mounted there."""
    own = p.pids[PIDTYPE_PID]
    for sb in p.kernel.vfs.proc_sbs:
        if not sb.pids or own is None:
            continue
        gone = sb.pids.pop(own, None)
        if gone is not None:
            gone.forget(own)
            gone.flush()
        leader = p.group_leader.pids[PIDTYPE_PID]
        process = sb.pids.get(leader) if leader is not None else None
        if process is not None:
            process.forget(own)
        root = sb.s_root
        if root is not None and root.d_subdirs and leader is not None:
            _flush_names(root, sb.ns.level, own, leader)


def _flush_names(root: Dentry, level: int, own: Pid, leader: Pid) -> None:
    """Let the names of own's directories lead nowhere: /proc/PID/task/TID, and /proc/TID, which is seldom looked up."""
    if level > min(own.level, leader.level):
        return
    name = str(own.numbers[level].nr)
    process = _named(root, str(leader.numbers[level].nr))
    tasks = _named(process, "task") if process is not None else None
    for directory in (tasks, root):
        if directory is not None and directory.d_subdirs is not None:
            directory.d_subdirs.pop(name, None)


def _named(directory: Dentry, name: str) -> Dentry | None:
    return directory.d_subdirs.get(name) if directory.d_subdirs is not None else None
