"""Namespaces as files, the later way: /proc/PID/ns/NAME leads to them (fs/nsfs.c, fs/proc/namespaces.c as of 6.18).

A namespace has one file, as long as it is open or mounted somewhere, and a number for as long as it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.fs import dcache, file_table, namei, namespace
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.asm.ioctls import NS_GET_NSTYPE, NS_GET_OWNER_UID, NS_GET_PARENT, NS_GET_USERNS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC, O_RDONLY
from procession.include.linux.fs import (
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    Dentry,
    File,
    Inode,
    Kstat,
    MntNamespace,
    PathRef,
    SuperBlock,
)
from procession.include.linux.ipc_namespace import IpcNamespace
from procession.include.linux.magic import NSFS_MAGIC
from procession.include.linux.nsproxy import UserNamespace, UtsNamespace
from procession.include.linux.pid import PidNamespace
from procession.include.linux.proc_ns import NsFile, NsfsInode
from procession.include.linux.sched import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)
from procession.include.linux.uidgid import uid_here
from procession.include.linux.undo import Undo
from procession.ipc import namespace as ipc_namespace
from procession.kernel import pid, rcupdate, user, user_namespace, utsname
from procession.mm import uaccess
from procession.net.core import net_namespace

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.proc_ns import Namespace
    from procession.include.linux.sched import Task

__all__ = ("NsfsFile", "NsfsSuperBlock", "ns_get_name", "ns_get_path", "put_ns")

_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE

# The numbers of those that are there from the beginning; others have what comes behind them (PROC_…_INIT_INO).
_PID_INIT_INO: Final = 0xEFFFFFFC
_USER_INIT_INO: Final = 0xEFFFFFFD
_UTS_INIT_INO: Final = 0xEFFFFFFE
_IPC_INIT_INO: Final = 0xEFFFFFFF
_DYNAMIC_FIRST: Final = 0xF0000000


class NsfsSuperBlock(SuperBlock):
    """The one instance, which no path leads to. inodes: those that were looked up."""

    __slots__ = ("inodes",)

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "nsfs", fs_super.get_anon_bdev(k), NSFS_MAGIC)
        self.inodes: dict[Namespace, NsfsInode] = {}


class NsfsFile(NsFile):
    """An open one, which can be asked what it belongs to."""

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """Return a descriptor of the owner or the parent, the kind, or the owner's uid (ns_ioctl).

        Raises EINVAL where there is none, EPERM where it is not seen, EMFILE, ENFILE, EFAULT, ENOTTY.
        """
        ns: Namespace = self.private_data
        if "NS_GET_USERNS" not in current.kernel.later:
            raise LinuxError(Errno.ENOTTY, "nothing to ask of a namespace")
        if cmd == NS_GET_NSTYPE:
            return _kind(ns)[1]
        if cmd == NS_GET_USERNS:
            return _open_related_ns(current, _ns_get_owner(current, _owner(current.kernel, ns)))
        if cmd == NS_GET_PARENT:
            return _open_related_ns(current, _ns_get_parent(current, ns))
        if cmd != NS_GET_OWNER_UID:
            raise LinuxError(Errno.ENOTTY, "not what a namespace knows")
        if not isinstance(ns, UserNamespace):
            raise LinuxError(Errno.EINVAL, "not a user namespace")
        owner = ns.owner if ns.creator is None else ns.creator.uid
        uaccess.put_user(current, arg, uid_here(current, owner), 4)
        return 0


def _kind(ns: Namespace) -> tuple[str, int]:
    """Return what a link to a namespace begins with, and the flag that makes one (proc_ns_operations)."""
    if isinstance(ns, UtsNamespace):
        return "uts", CLONE_NEWUTS
    if isinstance(ns, IpcNamespace):
        return "ipc", CLONE_NEWIPC
    if isinstance(ns, PidNamespace):
        return "pid", CLONE_NEWPID
    if isinstance(ns, UserNamespace):
        return "user", CLONE_NEWUSER
    return ("mnt", CLONE_NEWNS) if isinstance(ns, MntNamespace) else ("net", CLONE_NEWNET)


def _owner(k: Kernel, ns: Namespace) -> UserNamespace | None:
    """Return the user namespace that a namespace belongs to: for one of users the one that it was made in."""
    if not isinstance(ns, UserNamespace):
        return ns.user_ns or k.users.init_user_ns
    return ns.parent if ns.creator is None else ns.creator.user_ns


def _ns_get_owner(current: Task, owner: UserNamespace | None) -> UserNamespace:
    """Return owner if it is current's own user namespace, or one below that; raises EPERM."""
    if owner is None or not user_namespace.in_userns(current.cred.user_ns, owner):
        raise LinuxError(Errno.EPERM, "not to be seen from here")
    return owner


def _ns_get_parent(current: Task, ns: Namespace) -> Namespace:
    """Return the namespace that one of users or processes was made in; raises EINVAL, EPERM."""
    if isinstance(ns, UserNamespace):
        return _ns_get_owner(current, _owner(current.kernel, ns))
    if not isinstance(ns, PidNamespace):
        raise LinuxError(Errno.EINVAL, "such namespaces have no parents")
    active, parent = pid.task_active_pid_ns(current), ns.parent
    at = parent
    while at is not None and at is not active:
        at = at.parent
    if at is None or parent is None:
        raise LinuxError(Errno.EPERM, "not to be seen from here")
    return parent


def _open_related_ns(current: Task, ns: Namespace) -> int:
    """Return a descriptor of a namespace, closed by exec; raises EMFILE, ENFILE."""
    k = current.kernel
    fd = fs_file.alloc_fd(current, 0, O_CLOEXEC)
    with Undo() as undo:
        undo.push((fs_file.put_unused_fd, current, fd))
        file_table.get_empty_filp(current)
        undo.push((file_table.free_filp, k))
        opened = namei.dentry_open(current, ns_get_path(k, _kind(ns)[0], ns), O_RDONLY)
    fs_file.fd_install(current, fd, opened)
    return fd


class _NsfsInode(NsfsInode):
    """A namespace's file. Holds a reference to it as long as it is there."""

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file, in which one cannot move."""
        out = NsfsFile(path, flags, mode & ~_SEEKABLE)
        out.private_data = self.ns
        return out

    def getattr(self, current: Task) -> Kstat:
        """Show a file with a name, though none leads to it."""
        stat = super().getattr(current)
        stat.nlink = 1
        return stat

    def truncate(self, size: int) -> None:
        """Accept that, without any effect."""

    def evict(self) -> None:
        """Let the namespace go."""
        sb = self.i_sb
        assert isinstance(sb, NsfsSuperBlock)
        if sb.inodes.pop(self.ns, None) is not None:
            put_ns(sb.kernel, self.ns)


def put_ns(k: Kernel, ns: Namespace) -> None:
    """Drop a reference to a namespace of whatever kind (proc_ns_operations.put)."""
    if isinstance(ns, IpcNamespace):
        ipc_namespace.put_ipc_ns(k, ns)
    elif isinstance(ns, UtsNamespace):
        utsname.put_uts_ns(k, ns)
    elif isinstance(ns, PidNamespace):
        pid.put_pid_ns(k, ns)
    elif isinstance(ns, UserNamespace):
        user.put_user_ns(k, ns)
    elif isinstance(ns, MntNamespace):
        namespace.put_mnt_ns(k, ns)
    else:
        net_namespace.put_net(k, ns)


def _instance(k: Kernel) -> NsfsSuperBlock:
    """Return the one instance, made when first used: without it everything is as in 3.2."""
    mnt = k.vfs.nsfs_mnt
    if mnt is None:
        sb = NsfsSuperBlock(k)
        sb.s_next_ino = _DYNAMIC_FIRST
        sb.s_root = dcache.d_make_root(Inode(sb, 1, 0o600))
        mnt = k.vfs.nsfs_mnt = namespace.kern_mount(k, sb)
    found = mnt.mnt_sb
    assert isinstance(found, NsfsSuperBlock)
    return found


def _number(sb: NsfsSuperBlock, ns: Namespace) -> int:
    """Return ns's number, which it has from when it is first asked for."""
    if not ns.inum:
        k = sb.kernel
        if ns is k.init_pid_ns:
            ns.inum = _PID_INIT_INO
        elif ns is k.users.init_user_ns:
            ns.inum = _USER_INIT_INO
        elif ns is k.init_uts_ns:
            ns.inum = _UTS_INIT_INO
        elif ns is k.init_ipc_ns:
            ns.inum = _IPC_INIT_INO
        else:
            ns.inum = fs_inode.get_next_ino(sb)
    return ns.inum


def ns_get_name(k: Kernel, kind: str, ns: Namespace) -> str:
    """Return what a link to ns says: pid:[4026531836]."""
    return f"{kind}:[{_number(_instance(k), ns)}]"


def _drop_unused(inode: NsfsInode) -> None:
    """It was looked at, and then neither opened nor mounted."""
    if inode.i_count <= 0:
        inode.evict()


def ns_get_path(k: Kernel, kind: str, ns: Namespace) -> PathRef:
    """Return where ns's file is."""
    sb = _instance(k)
    inode = sb.inodes.get(ns)
    if inode is None:
        _number(sb, ns)
        inode = sb.inodes[ns] = _NsfsInode(sb, ns)
        inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(sb)
        rcupdate.call_rcu(k, _drop_unused, inode)
    mnt = k.vfs.nsfs_mnt
    assert mnt is not None
    dentry = Dentry(ns_get_name(k, kind, ns), mnt.mnt_root, inode)
    dentry.d_parent = dentry
    return PathRef(mnt, dentry)
