"""Files that are only descriptors: they share one inode without a place in any tree (fs/anon_inodes.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.fs import dcache, file_table, namespace
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.errno import LinuxError
from procession.include.linux.fcntl import O_ACCMODE, O_CLOEXEC, O_NONBLOCK
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, Dentry, Inode, PathRef
from procession.include.linux.magic import ANON_INODE_FS_MAGIC

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("anon_inode_getfd", "anon_inode_getfile", "anon_inode_init")

_READ_WRITE: Final = FMODE_READ | FMODE_WRITE


def anon_inode_init(k: Kernel) -> None:
    """Make the one inode."""
    sb = fs_super.sget(k, "anon_inodefs", ANON_INODE_FS_MAGIC)
    # No type bits, and for nobody but root: as 3.2 has it.
    inode = Inode(sb, fs_inode.get_next_ino(sb), 0o600)
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns
    sb.s_root = dcache.d_make_root(inode)
    k.vfs.anon_inode_mnt = namespace.kern_mount(k, sb)


def anon_inode_getfile(current: Task, name: str, cls: type[File], priv: Any, flags: int) -> File:
    """Return a new open file of class cls, named anon_inode:name, with priv as its private_data; raises ENFILE.

    Differs: the class stands for the file_operations.
    """
    mnt = current.kernel.vfs.anon_inode_mnt
    dentry = Dentry("anon_inode:" + name, mnt.mnt_root, mnt.mnt_root.d_inode)
    dentry.d_parent = dentry
    path = PathRef(mnt, dentry)
    file = cls(path, flags & (O_ACCMODE | O_NONBLOCK), _READ_WRITE if flags & O_ACCMODE else FMODE_READ)
    file_table.alloc_file(current, file)
    file.private_data = priv
    return file


def anon_inode_getfd(current: Task, name: str, cls: type[File], priv: Any, flags: int) -> int:
    """As anon_inode_getfile, installed in a new descriptor; raises EMFILE, ENFILE."""
    fd = fs_file.alloc_fd(current, 0, flags & O_CLOEXEC)
    try:
        file = anon_inode_getfile(current, name, cls, priv, flags)
    except LinuxError:
        fs_file.put_unused_fd(current, fd)
        raise
    fs_file.fd_install(current, fd, file)
    return fd
