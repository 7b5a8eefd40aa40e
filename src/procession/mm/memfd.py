"""memfd_create(2): files in memory without a name, and the seals on them (mm/memfd.c, mm/shmem.c, as of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table, ramfs
from procession.fs import inode as fs_inode
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC, O_LARGEFILE, O_RDWR
from procession.include.linux.fs import (
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    FMODE_READ,
    FMODE_WRITE,
    S_IFREG,
    S_IXUGO,
    Dentry,
    Iattr,
    PathRef,
)
from procession.include.linux.magic import TMPFS_MAGIC
from procession.include.linux.memfd import (
    F_ALL_SEALS,
    F_SEAL_EXEC,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    MFD_ALLOW_SEALING,
    MFD_CLOEXEC,
    MFD_EXEC,
    MFD_HUGETLB,
    MFD_NAME_MAX_LEN,
    MFD_NOEXEC_SEAL,
    MemfdArg,
)
from procession.include.linux.mm_types import PAGE_MASK, VM_MAYWRITE, VM_SHARED, VM_WRITE
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import Fd, Str
from procession.lib import string
from procession.mm import shmem, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode, SuperBlock
    from procession.include.linux.mm_types import VmArea
    from procession.include.linux.sched import Task

__all__ = ("MemfdInode", "memfd_add_seals", "memfd_get_seals", "sys_memfd_create")

_MODE: Final = FMODE_READ | FMODE_WRITE | FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE
_WRITE_SEALS: Final = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE


class MemfdInode(ramfs.RamfsReg):
    """The file behind such a descriptor (struct shmem_inode_info). seals: F_SEAL_…, what nobody may do any more."""

    seals: int = F_SEAL_SEAL

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return another open file of it: /proc/PID/fd leads here."""
        return MemfdFile(path, flags, mode)

    def write_data(self, pos: int, data: bytes) -> int:
        """Write, page by page, what the seals allow; raises EPERM for nothing at all (shmem_write_begin)."""
        if self.seals & _WRITE_SEALS:
            raise LinuxError(Errno.EPERM, "sealed against writing")
        if self.seals & F_SEAL_GROW and pos + len(data) > self.i_size:
            whole = (self.i_size & PAGE_MASK) - pos
            if whole <= 0:
                raise LinuxError(Errno.EPERM, "sealed against growing")
            data = data[:whole]
        return super().write_data(pos, data)

    def truncate(self, size: int) -> None:
        """Set the size; raises EPERM if a seal is against it (shmem_setattr)."""
        if (size < self.i_size and self.seals & F_SEAL_SHRINK) or (size > self.i_size and self.seals & F_SEAL_GROW):
            raise LinuxError(Errno.EPERM, "sealed against a change of size")
        super().truncate(size)

    def setattr(self, attr: Iattr) -> None:
        """Keep who may execute it as it is, once that is sealed; raises EPERM."""
        if attr.mode is not None and self.seals & F_SEAL_EXEC and (attr.mode ^ self.i_mode) & S_IXUGO:
            raise LinuxError(Errno.EPERM, "sealed against becoming executable")


class MemfdFile(ramfs.RegularFile):
    """Its open file."""

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Agree, unless it is to be written to and sealed against that; raises EPERM (shmem_mmap)."""
        inode = self.inode
        assert isinstance(inode, MemfdInode)
        if inode.seals & _WRITE_SEALS and vma.vm_flags & VM_SHARED:
            if vma.vm_flags & VM_WRITE:
                raise LinuxError(Errno.EPERM, "sealed against writing")
            vma.vm_flags &= ~VM_MAYWRITE
        super().mmap(current, vma)


class MadeMemfdFile(MemfdFile):
    """The open file that memfd_create(2) makes, which does not keep it from being executed."""

    f_writer = False


@later_syscall
def sys_memfd_create(current: Task, uname: Str, flags: MemfdArg) -> Fd:
    """Make a file in memory (memfd_create(2)); raises EINVAL, EFAULT, EMFILE, ENFILE.

    Differs: MFD_HUGETLB is refused with EINVAL.
    """
    if flags & MFD_HUGETLB:
        current.kernel.not_modelled("memfd_create: MFD_HUGETLB")
        raise LinuxError(Errno.EINVAL, "memfd_create: MFD_HUGETLB")
    if flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC):
        raise LinuxError(Errno.EINVAL, "memfd_create: unknown flags")
    if flags & MFD_EXEC and flags & MFD_NOEXEC_SEAL:
        raise LinuxError(Errno.EINVAL, "memfd_create: MFD_EXEC with MFD_NOEXEC_SEAL")
    try:
        name = uaccess.strncpy_from_user(current, uname, MFD_NAME_MAX_LEN + 1)
    except LinuxError as error:
        if error.errno == Errno.ENAMETOOLONG:
            raise LinuxError(Errno.EINVAL, "memfd_create: a long name") from None
        raise
    fd = fs_file.alloc_fd(current, 0, O_CLOEXEC if flags & MFD_CLOEXEC else 0)
    try:
        file = _memfd_file(current, "memfd:" + string.to_text(name), flags)
    except LinuxError:
        fs_file.put_unused_fd(current, fd)
        raise
    fs_file.fd_install(current, fd, file)
    return fd


def _memfd_file(current: Task, name: str, flags: int) -> File:
    """Return the open file of a new inode; raises ENFILE."""
    mnt = shmem.shm_mnt(current.kernel)
    sb: SuperBlock = mnt.mnt_sb
    inode = MemfdInode(sb, fs_inode.get_next_ino(sb), S_IFREG | 0o777, i_nlink=0)
    if flags & MFD_NOEXEC_SEAL:
        inode.i_mode &= ~S_IXUGO
        inode.seals = F_SEAL_EXEC
    elif flags & MFD_ALLOW_SEALING:
        inode.seals = 0
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(sb)
    fs_inode.inode_init_owner(current, inode, None)
    dentry = Dentry(name, sb.s_root, inode, d_deleted=True)
    return file_table.alloc_file(current, MadeMemfdFile(PathRef(mnt, dentry), O_RDWR | O_LARGEFILE, _MODE))


# Seals.


def memfd_get_seals(file: File) -> int:
    """Return the seals of a file in memory; raises EINVAL for another one (F_GET_SEALS)."""
    inode = file.inode
    if isinstance(inode, MemfdInode):
        return inode.seals
    if isinstance(inode, ramfs.RamfsReg) and inode.i_sb.s_type == "tmpfs" and inode.i_sb.s_magic == TMPFS_MAGIC:
        return F_SEAL_SEAL
    raise LinuxError(Errno.EINVAL, "no file that can be sealed")


def memfd_add_seals(file: File, seals: int) -> None:
    """Seal a file for ever; raises EINVAL, EBUSY while somebody may write to it by a mapping (F_ADD_SEALS).

    Raises EPERM if it is not open for writing, or sealed against more seals.
    """
    if not file.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EPERM, "not open for writing")
    if seals & ~F_ALL_SEALS:
        raise LinuxError(Errno.EINVAL, "unknown seals")
    if memfd_get_seals(file) & F_SEAL_SEAL:
        raise LinuxError(Errno.EPERM, "sealed against more seals")
    inode = file.inode
    assert isinstance(inode, MemfdInode)
    if seals & F_SEAL_WRITE and not inode.seals & F_SEAL_WRITE and _is_mapped_writable(inode):
        raise LinuxError(Errno.EBUSY, "mapped for writing")
    if seals & F_SEAL_EXEC and inode.i_mode & S_IXUGO:
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
    inode.seals |= seals


def _is_mapped_writable(inode: Inode) -> bool:
    """Whether somebody may write to the file by a mapping, now or after an mprotect(2)."""
    return any(vma.vm_flags & VM_SHARED and vma.vm_flags & VM_MAYWRITE for vma in inode.i_mmap)
