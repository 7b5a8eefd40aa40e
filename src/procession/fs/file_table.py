"""Open file objects: counted, shared, given up (fs/file_table.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import fasync, locks
from procession.fs import inode as fs_inode
from procession.fs.notify import fsnotify
from procession.hw.costs import FILE_NS
from procession.include.linux.bug import bug
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.eventpoll import eventpoll_release
from procession.include.linux.fcntl import O_ASYNC
from procession.include.linux.fs import FMODE_WRITE, S_IFMT, S_IFREG
from procession.include.linux.printk import KERN_INFO
from procession.kernel import capability, pid
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("alloc_file", "files_init", "fput", "get_empty_filp", "get_file")


def files_init(k: Kernel) -> None:
    """Size the file table by the memory: a tenth of it, at 1 KiB a file, at least 8192."""
    fasync.fasync_init(k)
    slab.kmem_cache_create(k, "filp", 192, FILE_NS)
    k.vfs.max_files = max(8192, k.mm.total_pages * 4 // 10)


def get_empty_filp(current: Task) -> None:
    """Count one more open file; the caller makes the File object. Raises ENFILE, without memory too.

    Differs: an object of ours is made by its class, so this only counts.
    """
    k = current.kernel
    if k.vfs.nr_files >= k.vfs.max_files and not capability.capable(current, CAP_SYS_ADMIN):
        k.printk(f"VFS: file-max limit {k.vfs.max_files} reached", KERN_INFO)
        raise LinuxError(Errno.ENFILE, "the file table is full")
    try:
        k.caches["filp"].alloc()
    except LinuxError:
        raise LinuxError(Errno.ENFILE, "no memory for an open file") from None
    k.vfs.nr_files += 1


def alloc_file(current: Task, file: File) -> File:
    """Make file a counted open file: for files that do not come from open(2), such as pipes. Raises ENFILE.

    Differs: takes the object, since its class is what the C function's file_operations are.
    """
    get_empty_filp(current)
    file.f_path.dentry.d_inode.i_count += 1
    return file


def get_file(file: File) -> File:
    """Take a reference."""
    file.f_count += 1
    return file


def fput(current: Task | None, file: File) -> None:
    """Drop a reference; the last one closes the file."""
    file.f_count -= 1
    if file.f_count:
        if file.f_count < 0:
            bug("file put once too often", file)
        return
    inode = file.f_path.dentry.d_inode
    k = inode.i_sb.kernel
    if k.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_close(file)
    if file.f_ep_links:
        eventpoll_release(file)
    locks.locks_remove_flock(file)
    if file.f_flags & O_ASYNC and file.has_fasync():
        file.fasync(current, -1, on=False)
    file.release(current)
    if file.f_owner is not None:
        pid.put_pid(k, file.f_owner.pid)
    if file.f_mode & FMODE_WRITE and inode.i_mode & S_IFMT == S_IFREG and file.f_writer:
        inode.i_writecount -= 1
    free_filp(k)
    fs_inode.iput(inode)


def free_filp(k: Kernel) -> None:
    """Undo get_empty_filp (put_filp)."""
    k.vfs.nr_files -= 1
    k.caches["filp"].free()
