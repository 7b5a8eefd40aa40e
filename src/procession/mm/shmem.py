"""Shared anonymous memory: files without a name, in the page cache (mm/shmem.c).

The pages of such a file live nowhere else, so they are never clean and never dropped; the last reference to the
file, that of the last area that maps it, frees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache, file_table
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_RDWR
from procession.include.linux.fs import (
    FMODE_READ,
    FMODE_WRITE,
    MAX_LFS_FILESIZE,
    S_IFDIR,
    S_IFREG,
    Dentry,
    File,
    Inode,
    PathRef,
    SuperBlock,
    Vfsmount,
)
from procession.include.linux.magic import TMPFS_MAGIC
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE, VM_NORESERVE, VM_SHARED
from procession.mm import filemap, util

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import VmArea
    from procession.include.linux.sched import Task

__all__ = ("ShmemFile", "ShmemInode", "mmap_zero", "shm_mnt", "shmem_file_setup", "shmem_zero_setup")


class ShmemInode(Inode):
    """The memory behind a shared anonymous mapping. committed: pages promised for it."""

    committed: int = 0

    def readpage(self, index: int) -> bytes:
        """Return nothing: a page not written yet is a hole."""
        return b""

    def evict(self) -> None:
        """Free the memory; the last file of it is closed."""
        k = self.i_sb.kernel
        filemap.truncate_inode_pages(k, self, 0)
        k.mm.vm_committed -= self.committed
        self.committed = 0


class ShmemFile(File):
    """The open file that areas of shared anonymous memory refer to."""

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Agree to be mapped."""


def shmem_file_setup(current: Task, name: str, size: int, vm_flags: int) -> File:
    """Return an unlinked file of size bytes of memory; raises EINVAL, ENOMEM, ENFILE."""
    k = current.kernel
    if size > MAX_LFS_FILESIZE:
        raise LinuxError(Errno.EINVAL, "larger than any file")
    mnt = shm_mnt(k)
    sb = mnt.mnt_sb
    pages = 0 if vm_flags & VM_NORESERVE else size + PAGE_SIZE - 1 >> PAGE_SHIFT
    util.vm_enough_memory(current, pages)
    inode = ShmemInode(sb, fs_inode.get_next_ino(sb), S_IFREG | 0o777, i_nlink=0)
    inode.i_size = size
    inode.committed = pages
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(sb)
    fs_inode.inode_init_owner(current, inode, None)
    # A writable regular file counts as a writer of its inode (fput takes it back).
    inode.i_writecount = 1
    root = sb.s_root
    assert root is not None
    dentry = Dentry(name, root, inode, d_deleted=True)
    file = ShmemFile(PathRef(mnt, dentry), O_RDWR, FMODE_READ | FMODE_WRITE)
    try:
        return file_table.alloc_file(current, file)
    except Exception:
        k.mm.vm_committed -= pages
        raise


def shm_mnt(k: Kernel) -> Vfsmount:
    """Return the kernel's own mount of tmpfs, which has no place in the tree."""
    if k.mm.shm_mnt is None:
        sb: SuperBlock = fs_super.sget(k, "tmpfs", TMPFS_MAGIC)
        inode = Inode(sb, fs_inode.get_next_ino(sb), S_IFDIR | 0o1777)
        sb.s_root = dcache.d_make_root(inode)
        k.mm.shm_mnt = Vfsmount(sb, sb.s_root, None, None, mnt_devname="tmpfs")
    return k.mm.shm_mnt


def shmem_zero_setup(current: Task, vma: VmArea) -> None:
    """Put a fresh file of shared memory behind an area; raises ENOMEM, ENFILE."""
    file = shmem_file_setup(current, "dev/zero", vma.vm_end - vma.vm_start, vma.vm_flags)
    if vma.vm_file is not None:
        file_table.fput(current, vma.vm_file)
    vma.vm_file = file


def mmap_zero(current: Task, vma: VmArea) -> None:
    """File.mmap of /dev/zero: shared memory, or plain anonymous memory that keeps the device's name."""
    if vma.vm_flags & VM_SHARED:
        shmem_zero_setup(current, vma)
        return
    assert vma.vm_file is not None
    file_table.fput(current, vma.vm_file)
    vma.vm_file = None
    vma.vm_pgoff = vma.vm_start >> PAGE_SHIFT
    vma.name = "/dev/zero"
