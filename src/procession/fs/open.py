"""Opening, closing, and what changes a file by its name or descriptor (fs/open.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.drivers.tty import tty_io
from procession.fs import attr, file_table, fs_struct, leases, locks, namei, namespace, pipe, ramfs
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_SYS_CHROOT, CAP_SYS_TTY_CONFIG
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_SYMLINK_NOFOLLOW,
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    O_ACCMODE,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_LARGEFILE,
    O_NOFOLLOW,
    O_PATH,
    O_TRUNC,
    O_WRONLY,
    AccessArg,
    AtOwnerArg,
    FallocateArg,
    OpenArg,
)
from procession.include.linux.fdtable import FD_MASK, FD_SHIFT
from procession.include.linux.fs import (
    FMODE_EXEC,
    FMODE_NONOTIFY,
    FMODE_WRITE,
    MAX_NON_LFS,
    MAY_ACCESS,
    MAY_CHDIR,
    MAY_EXEC,
    MAY_WRITE,
    S_IALLUGO,
    S_IFDIR,
    S_IFIFO,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    Dentry,
    File,
    PathRef,
)
from procession.include.linux.mount import MNT_NOEXEC
from procession.include.linux.openat2 import (
    AT_EACCESS,
    CLOSE_RANGE_CLOEXEC,
    CLOSE_RANGE_UNSHARE,
    TMPFILE_BIT,
    CloseRangeArg,
    FaccessatArg,
)
from procession.include.linux.prctl import SECBIT_NO_SETUID_FIXUP
from procession.include.linux.syscalls import later_syscall, syscall
from procession.include.linux.types import DirFd, Fd, Length, ModeT, OffT, Path, UidT, UInt, UserPtr
from procession.include.linux.uidgid import INVALID_ID, make_kgid, make_kuid
from procession.kernel import capability, cred, user_namespace

if TYPE_CHECKING:
    from procession.fs.namei import Nameidata
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import Dentry, File
    from procession.include.linux.sched import Task

__all__ = (
    "do_filp_open",
    "do_sys_open",
    "do_tmpfile",
    "do_truncate",
    "filp_open",
    "sys_access",
    "sys_chdir",
    "sys_chmod",
    "sys_chown",
    "sys_chroot",
    "sys_close",
    "sys_close_range",
    "sys_creat",
    "sys_faccessat",
    "sys_faccessat2",
    "sys_fallocate",
    "sys_fchdir",
    "sys_fchmod",
    "sys_fchmodat",
    "sys_fchmodat2",
    "sys_fchown",
    "sys_fchownat",
    "sys_ftruncate",
    "sys_lchown",
    "sys_open",
    "sys_openat",
    "sys_truncate",
    "sys_vhangup",
)


async def do_sys_open(current: Task, dfd: int, name: str, flags: int, mode: int) -> int:
    """Open name and return its new descriptor; sleeps for the other end of a FIFO."""
    fd = fs_file.alloc_fd(current, 0, flags)
    try:
        file = await do_filp_open(current, dfd, name, flags & ~FMODE_EXEC, mode)
    except BaseException:
        fs_file.put_unused_fd(current, fd)
        raise
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_open(file)
    fs_file.fd_install(current, fd, file)
    return fd


async def filp_open(current: Task, name: str, flags: int, mode: int) -> File:
    """Open name for the kernel itself, as open(2) does; sleeps for the other end of a FIFO."""
    return await do_filp_open(current, AT_FDCWD, name, flags, mode)


async def do_filp_open(current: Task, dfd: int, name: str, flags: int, mode: int, nd: Nameidata | None = None) -> File:
    """Open name, or what nd has come to; what a FIFO's other end is waited for with takes over the one counted."""
    if flags & TMPFILE_BIT and "O_TMPFILE" in current.kernel.later:
        return do_tmpfile(current, dfd, name, flags, mode)
    file, truncate = namei.do_filp_open(current, dfd, name, flags, mode, nd)
    inode = file.f_path.dentry.d_inode
    fifo = inode.i_mode & S_IFMT == S_IFIFO
    if (not fifo and not truncate and inode.i_flock is None) or flags & O_PATH:
        return file
    try:
        if fifo:
            return await pipe.fifo_open(current, inode, file)
        await _claim(current, file, flags, truncate)
    except BaseException:
        file_table.fput(current, file)
        raise
    return file


async def _claim(current: Task, file: File, flags: int, truncate: bool) -> None:
    """Wait for the holders of leases, then empty the file if that is wanted.

    Raises EAGAIN with O_NONBLOCK, or for locks of somebody else that are mandatory; ERESTARTSYS.
    """
    inode = file.f_path.dentry.d_inode
    if inode.i_flock is not None:
        current.held.append(file)
        try:
            await leases.break_lease(current, inode, flags)
        finally:
            current.held.pop()
    if truncate:
        locks.locks_verify_locked(current, inode)
        do_truncate(current, file.f_path.dentry, 0)


def do_tmpfile(current: Task, dfd: int, name: str, flags: int, mode: int) -> File:
    """Open a new regular file of a directory that has no name there (O_TMPFILE).

    Raises EINVAL unless it is opened for writing and flags say so in full, EOPNOTSUPP where the file system cannot.
    """
    if not flags & O_DIRECTORY or not flags & O_ACCMODE or flags & O_CREAT:
        raise LinuxError(Errno.EINVAL, "O_TMPFILE")
    path = namei.path_lookupat(current, dfd, name, follow=not flags & O_NOFOLLOW, directory=True)
    namespace.mnt_want_write(path.mnt)
    directory = path.dentry.d_inode
    namei.inode_permission(current, directory, MAY_WRITE | MAY_EXEC)
    if not isinstance(directory, ramfs.RamfsDir):
        raise LinuxError(Errno.EOPNOTSUPP, "O_TMPFILE on this file system")
    fs = current.fs
    assert fs is not None
    file_table.get_empty_filp(current)
    try:
        inode = directory.tmpfile(mode & S_IALLUGO & ~fs.umask, linkable=not flags & O_EXCL)
        fs_inode.inode_init_owner(current, inode, directory)
        dentry = Dentry(f"#{inode.i_ino}", path.dentry, inode, d_deleted=True)
        plain = flags & ~(O_EXCL | TMPFILE_BIT | O_DIRECTORY)
        return namei.dentry_open(current, PathRef(path.mnt, dentry), plain)
    except BaseException:
        file_table.free_filp(current.kernel)
        raise


@syscall
async def sys_open(current: Task, filename: Path, flags: OpenArg, mode: ModeT) -> Fd:
    """Open or create a file (open(2))."""
    return await do_sys_open(current, AT_FDCWD, namei.getname(current, filename), flags | O_LARGEFILE, mode)


@syscall
async def sys_openat(current: Task, dfd: DirFd, filename: Path, flags: OpenArg, mode: ModeT) -> Fd:
    """Open or create a file relative to a directory (openat(2))."""
    return await do_sys_open(current, dfd, namei.getname(current, filename), flags | O_LARGEFILE, mode)


@syscall
async def sys_creat(current: Task, pathname: Path, mode: ModeT) -> Fd:
    """Open for writing, created or emptied (creat(2))."""
    flags = O_CREAT | O_WRONLY | O_TRUNC | O_LARGEFILE
    return await do_sys_open(current, AT_FDCWD, namei.getname(current, pathname), flags, mode)


@syscall
async def sys_close(current: Task, fd: Fd) -> int:
    """Close a descriptor (close(2)). It is gone whatever is returned, so a restart makes no sense: EINTR."""
    file = fs_file.fcheck(current, fd)
    if file is not None and file.lingers():
        return await _close_lingering(current, file, fd)
    try:
        fs_file.close_fd(current, fd)
    except LinuxError as error:
        if error.errno >= Errno.ERESTARTSYS:
            raise LinuxError(Errno.EINTR, error.why) from error
        raise
    return 0


async def _close_lingering(current: Task, file: File, fd: int) -> int:
    """Close the last descriptor of a file whose last words are waited for."""
    current.held.append(file_table.get_file(file))
    try:
        fs_file.close_fd(current, fd)
        if file.f_count == 1:
            await file.linger(current)
    finally:
        current.held.remove(file)
        file_table.fput(current, file)
    return 0


@later_syscall
def sys_close_range(current: Task, fd: UInt, max_fd: UInt, flags: CloseRangeArg) -> int:
    """Close the descriptors from fd to max_fd, or have exec close them (close_range(2)); raises EINVAL, EMFILE."""
    if flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC):
        raise LinuxError(Errno.EINVAL, "close_range: unknown flags")
    if fd > max_fd:
        raise LinuxError(Errno.EINVAL, "close_range: ends before it begins")
    if flags & CLOSE_RANGE_UNSHARE:
        displaced = fs_file.unshare_files(current)
        if displaced is not None:
            fs_file.put_files_struct(current, displaced)
    files = current.files
    assert files is not None
    for nr, _ in list(files.open_files()):
        if not fd <= nr <= max_fd:
            continue
        if flags & CLOSE_RANGE_CLOEXEC:
            with files.file_lock:
                files.close_on_exec[nr >> FD_SHIFT] |= 1 << (nr & FD_MASK)
        else:
            fs_file.close_fd(current, nr)
    return 0


@syscall
def sys_vhangup(current: Task) -> int:
    """Hang up the controlling terminal, if there is one (vhangup(2)); raises EPERM."""
    if not capability.capable(current, CAP_SYS_TTY_CONFIG):
        raise LinuxError(Errno.EPERM, "vhangup")
    tty_io.tty_vhangup_self(current)
    return 0


# Size.


def do_truncate(current: Task, dentry: Dentry, length: int) -> None:
    """Set the size of a file; raises EINVAL, EFBIG."""
    if length < 0:
        raise LinuxError(Errno.EINVAL, "negative length")
    attr.truncate_inode(current, dentry, length)


@syscall
async def sys_truncate(current: Task, path: Path, length: Length) -> int:
    """Set the size of a file by name (truncate(2))."""
    if length < 0:
        raise LinuxError(Errno.EINVAL, "negative length")
    ref = namei.user_path_at(current, AT_FDCWD, path, follow=True)
    inode = ref.dentry.d_inode
    kind = inode.i_mode & S_IFMT
    if kind == S_IFDIR:
        raise LinuxError(Errno.EISDIR, "truncate of a directory")
    if kind != S_IFREG:
        raise LinuxError(Errno.EINVAL, "truncate of a special file")
    namespace.mnt_want_write(ref.mnt)
    namei.inode_permission(current, inode, MAY_WRITE)
    if inode.i_writecount < 0:
        raise LinuxError(Errno.ETXTBSY, "being executed")
    if inode.i_flock is not None:
        await _break_leases(current, ref)
        await locks.locks_verify_truncate(current, inode, None, length)
    do_truncate(current, ref.dentry, length)
    return 0


async def _break_leases(current: Task, path: PathRef) -> None:
    """Wait for the holders of leases on a file whose size is to be set by its name; raises EAGAIN, ERESTARTSYS.

    Meanwhile it is kept, and written (get_write_access), as by one who has it open.
    """
    file = file_table.alloc_file(current, File(path, O_WRONLY, FMODE_WRITE | FMODE_NONOTIFY))
    inode = file.inode
    inode.i_writecount += 1
    current.held.append(file)
    try:
        await leases.break_lease(current, inode, O_WRONLY)
    finally:
        current.held.pop()
        file_table.fput(current, file)


@syscall
async def sys_ftruncate(current: Task, fd: Fd, length: Length) -> int:
    """Set the size of an open file (ftruncate(2))."""
    if length < 0:
        raise LinuxError(Errno.EINVAL, "negative length")
    file = fs_file.fget_light(current, fd)
    inode = file.f_path.dentry.d_inode
    if inode.i_mode & S_IFMT != S_IFREG or not file.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EINVAL, "not open for writing, or no regular file")
    if not file.f_flags & O_LARGEFILE and length > MAX_NON_LFS:
        raise LinuxError(Errno.EINVAL, "beyond 2 GiB, and opened without O_LARGEFILE")
    await locks.locks_verify_truncate(current, inode, file, length)
    do_truncate(current, file.f_path.dentry, length)
    return 0


@syscall
def sys_fallocate(current: Task, fd: Fd, mode: FallocateArg, offset: OffT, len: OffT) -> int:
    """Reserve space (fallocate(2)): EOPNOTSUPP, as on 3.2's tmpfs, after the checks that come first."""
    file = fs_file.fget_light(current, fd)
    if offset < 0 or len <= 0:
        raise LinuxError(Errno.EINVAL, "fallocate range")
    if mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) or mode == FALLOC_FL_PUNCH_HOLE:
        raise LinuxError(Errno.EOPNOTSUPP, "fallocate mode")
    if not file.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EBADF, "not open for writing")
    kind = file.inode.i_mode & S_IFMT
    if kind == S_IFIFO:
        raise LinuxError(Errno.ESPIPE, "fallocate of a pipe")
    if kind not in (S_IFREG, S_IFDIR):
        raise LinuxError(Errno.ENODEV, "fallocate of a special file")
    if offset + len >= 1 << 63:
        raise LinuxError(Errno.EFBIG, "fallocate range")
    raise LinuxError(Errno.EOPNOTSUPP, "fallocate")


# Access.


@syscall
def sys_faccessat(current: Task, dfd: DirFd, filename: Path, mode: AccessArg) -> int:
    """Check what the real user may do (faccessat(2), without its library's flags)."""
    return _faccessat(current, dfd, filename, mode, 0)


@later_syscall
def sys_faccessat2(current: Task, dfd: DirFd, filename: Path, mode: AccessArg, flags: FaccessatArg) -> int:
    """Check what the real user may do, or with AT_EACCESS the effective one (faccessat2(2)); raises EINVAL."""
    if flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise LinuxError(Errno.EINVAL, "faccessat2: unknown flags")
    return _faccessat(current, dfd, filename, mode, flags)


def _faccessat(current: Task, dfd: int, filename: UserPtr, mode: int, flags: int) -> int:
    """Check with the ids and capabilities that are meant (do_faccessat)."""
    if mode & ~7:
        raise LinuxError(Errno.EINVAL, "access mode")
    name = namei.getname(current, filename, empty=bool(flags & AT_EMPTY_PATH))
    follow = not flags & AT_SYMLINK_NOFOLLOW
    old = current.cred
    if flags & AT_EACCESS or (
        old.fsuid == old.uid and old.fsgid == old.gid and _effective_for_real(old) == old.cap_effective
    ):
        _access(current, dfd, name, mode, follow=follow)
        return 0
    new = cred.prepare_creds(current)
    new.fsuid, new.fsgid = new.uid, new.gid
    new.cap_effective = _effective_for_real(new)
    current.cred = new  # override_creds
    try:
        _access(current, dfd, name, mode, follow=follow)
    finally:
        current.cred = old
        cred.put_cred(current.kernel, new)
    return 0


def _effective_for_real(c: Cred) -> int:
    """Return the capabilities that count for the real user."""
    if c.securebits & SECBIT_NO_SETUID_FIXUP:
        return c.cap_effective
    return c.cap_permitted if c.uid == make_kuid(c.user_ns, 0) else 0


def _access(current: Task, dfd: int, name: str, mode: int, *, follow: bool) -> None:
    path = namei.path_lookupat(current, dfd, name, follow=follow)
    inode = path.dentry.d_inode
    if mode & MAY_EXEC and inode.i_mode & S_IFMT == S_IFREG and path.mnt.mnt_flags & MNT_NOEXEC:
        raise LinuxError(Errno.EACCES, "mounted noexec")
    namei.inode_permission(current, inode, mode | MAY_ACCESS)
    if mode & MAY_WRITE and inode.i_mode & S_IFMT in (S_IFREG, S_IFDIR, S_IFLNK):
        namespace.mnt_want_write(path.mnt)


@syscall
def sys_access(current: Task, filename: Path, mode: AccessArg) -> int:
    """Check what the real user may do (access(2))."""
    return sys_faccessat(current, AT_FDCWD, filename, mode)


# Places.


def _set_pwd(current: Task, path: PathRef) -> None:
    namei.inode_permission(current, path.dentry.d_inode, MAY_EXEC | MAY_CHDIR)
    assert current.fs is not None
    fs_struct.set_fs_pwd(current.fs, path)


@syscall
def sys_chdir(current: Task, filename: Path) -> int:
    """Change the working directory (chdir(2))."""
    _set_pwd(current, namei.user_path_at(current, AT_FDCWD, filename, follow=True, directory=True))
    return 0


@syscall
def sys_fchdir(current: Task, fd: Fd) -> int:
    """Change the working directory to an open one (fchdir(2))."""
    path = fs_file.fget_raw(current, fd).f_path
    if path.dentry.d_inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, "fchdir")
    _set_pwd(current, path)
    return 0


@syscall
def sys_chroot(current: Task, filename: Path) -> int:
    """Change the root directory (chroot(2)); the working directory stays where it is."""
    path = namei.user_path_at(current, AT_FDCWD, filename, follow=True, directory=True)
    namei.inode_permission(current, path.dentry.d_inode, MAY_EXEC | MAY_CHDIR)
    if not capability.ns_capable(current, user_namespace.admin_ns(current.kernel, current.cred), CAP_SYS_CHROOT):
        raise LinuxError(Errno.EPERM, "chroot")
    assert current.fs is not None
    fs_struct.set_fs_root(current.fs, path)
    return 0


# Mode and owner.


def _chmod(current: Task, path: PathRef, mode: int) -> None:
    namespace.mnt_want_write(path.mnt)
    attr.chmod_inode(current, path.dentry, mode)


@syscall
def sys_chmod(current: Task, filename: Path, mode: ModeT) -> int:
    """Set the permission bits (chmod(2))."""
    return sys_fchmodat(current, AT_FDCWD, filename, mode)


@syscall
def sys_fchmodat(current: Task, dfd: DirFd, filename: Path, mode: ModeT) -> int:
    """Set the permission bits of a file named relative to a directory (fchmodat(2); the call has no flags)."""
    _chmod(current, namei.user_path_at(current, dfd, filename, follow=True), mode)
    return 0


@later_syscall
def sys_fchmodat2(current: Task, dfd: DirFd, filename: Path, mode: ModeT, flags: AtOwnerArg) -> int:
    """Set the permission bits of a file named relative to a directory, or of dfd itself (fchmodat2(2)).

    Raises EINVAL, EOPNOTSUPP for a symbolic link itself, and what chmod(2) does.
    """
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise LinuxError(Errno.EINVAL, "fchmodat2: unknown flags")
    empty = bool(flags & AT_EMPTY_PATH)
    path = namei.user_path_at(current, dfd, filename, follow=not flags & AT_SYMLINK_NOFOLLOW, empty=empty)
    if path.dentry.d_inode.i_mode & S_IFMT == S_IFLNK:
        raise LinuxError(Errno.EOPNOTSUPP, "the mode of a symbolic link")
    _chmod(current, path, mode)
    return 0


@syscall
def sys_fchmod(current: Task, fd: Fd, mode: ModeT) -> int:
    """Set the permission bits of an open file (fchmod(2))."""
    _chmod(current, fs_file.fget_light(current, fd).f_path, mode)
    return 0


def _chown(current: Task, path: PathRef, user: int, group: int) -> None:
    namespace.mnt_want_write(path.mnt)
    ns = current.cred.user_ns
    uid, gid = make_kuid(ns, user & INVALID_ID), make_kgid(ns, group & INVALID_ID)
    if (uid == INVALID_ID != user & INVALID_ID) or (gid == INVALID_ID != group & INVALID_ID):
        raise LinuxError(Errno.EINVAL, "no such user or group here")
    attr.chown_inode(current, path.dentry, -1 if uid == INVALID_ID else uid, -1 if gid == INVALID_ID else gid)


@syscall
def sys_chown(current: Task, filename: Path, user: UidT, group: UidT) -> int:
    """Set owner and group (chown(2))."""
    _chown(current, namei.user_path_at(current, AT_FDCWD, filename, follow=True), user, group)
    return 0


@syscall
def sys_lchown(current: Task, filename: Path, user: UidT, group: UidT) -> int:
    """Set owner and group, of a symbolic link itself (lchown(2))."""
    _chown(current, namei.user_path_at(current, AT_FDCWD, filename, follow=False), user, group)
    return 0


@syscall
def sys_fchownat(current: Task, dfd: DirFd, filename: Path, user: UidT, group: UidT, flag: AtOwnerArg) -> int:
    """Set owner and group of a file named relative to a directory (fchownat(2))."""
    if flag & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise LinuxError(Errno.EINVAL, "fchownat flags")
    path = namei.user_path_at(
        current, dfd, filename, follow=not flag & AT_SYMLINK_NOFOLLOW, empty=bool(flag & AT_EMPTY_PATH)
    )
    _chown(current, path, user, group)
    return 0


@syscall
def sys_fchown(current: Task, fd: Fd, user: UidT, group: UidT) -> int:
    """Set owner and group of an open file (fchown(2))."""
    _chown(current, fs_file.fget_light(current, fd).f_path, user, group)
    return 0
