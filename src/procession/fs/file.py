"""Descriptor tables (fs/file.c, and the parts of kernel/exit.c and fs/open.c that work on them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file_table, locks
from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC
from procession.include.linux.fdtable import FilesStruct
from procession.include.linux.fs import FMODE_PATH
from procession.include.linux.resource import RLIMIT_NOFILE
from procession.include.linux.spinlock import SpinLock

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "alloc_fd",
    "close_files",
    "do_close_on_exec",
    "dup_fd",
    "exit_files",
    "expand_files",
    "fd_install",
    "fget",
    "fget_light",
    "fget_raw",
    "filp_close",
    "init_files",
    "put_files_struct",
    "put_unused_fd",
    "reset_files_struct",
    "unshare_files",
)

NR_OPEN_DEFAULT: Final = 64


def init_files(k: Kernel) -> FilesStruct:
    """Make an empty table."""
    k.caches["files_cache"].alloc()
    return FilesStruct(SpinLock(k.lock_class("files->file_lock")))


def fget_light(current: Task, fd: int) -> File:
    """Return the open file of fd without taking a reference; raises EBADF, also for O_PATH descriptors.

    Context: the file stays alive as long as the caller does not sleep. One that sleeps takes a reference if
    `current.files.count > 1`: else nobody could close it meanwhile.
    """
    files = current.files
    assert files is not None
    if fd >= 0:
        table = files.fd
        if fd < len(table):
            file = table[fd]
            if file is not None and not file.f_mode & FMODE_PATH:
                return file
    raise LinuxError(Errno.EBADF, f"descriptor {fd}")


def fget(current: Task, fd: int) -> File:
    """Return the open file of fd with a reference taken (give it back with fput); raises EBADF."""
    file = fget_light(current, fd)
    file.f_count += 1
    return file


def fget_raw(current: Task, fd: int) -> File:
    """As fget_light, but an O_PATH descriptor will do (fget_raw_light)."""
    files = current.files
    assert files is not None
    if 0 <= fd < len(files.fd):
        file = files.fd[fd]
        if file is not None:
            return file
    raise LinuxError(Errno.EBADF, f"descriptor {fd}")


def expand_files(current: Task, files: FilesStruct, nr: int) -> None:
    """Make room for descriptor nr; raises EMFILE beyond fs.nr_open."""
    if nr < len(files.fd):
        return
    if nr >= current.kernel.vfs.sysctl_nr_open:
        raise LinuxError(Errno.EMFILE, "beyond fs.nr_open")
    while nr >= files.max_fds:
        files.max_fds = 128 if files.max_fds < 128 else files.max_fds * 2
    files.fd.extend([None] * (nr + 1 - len(files.fd)))


def alloc_fd(current: Task, start: int = 0, flags: int = 0) -> int:
    """Reserve the lowest free descriptor not below start; flags: O_CLOEXEC. Raises EMFILE."""
    files = current.files
    assert files is not None
    with files.file_lock:
        low = files.next_fd
        low = max(low, start)
        free = ~(files.open_fds >> low)
        fd = low + (free & -free).bit_length() - 1
        if fd >= current.signal.rlim[RLIMIT_NOFILE][0]:
            raise LinuxError(Errno.EMFILE, "RLIMIT_NOFILE")
        if fd >= len(files.fd):
            expand_files(current, files, fd)
        if start <= files.next_fd:
            files.next_fd = fd + 1
        bit = 1 << fd
        files.open_fds |= bit
        if flags & O_CLOEXEC:
            files.close_on_exec |= bit
        else:
            files.close_on_exec &= ~bit
        return fd


def put_unused_fd_locked(files: FilesStruct, fd: int) -> None:
    """Free the number fd (__put_unused_fd)."""
    files.file_lock.assert_held()
    files.open_fds &= ~(1 << fd)
    files.next_fd = min(files.next_fd, fd)


def put_unused_fd(current: Task, fd: int) -> None:
    """Give a reserved descriptor back."""
    files = current.files
    assert files is not None
    with files.file_lock:
        put_unused_fd_locked(files, fd)


def fd_install(current: Task, fd: int, file: File) -> None:
    """Make a reserved descriptor lead to file; the caller's reference passes to the table."""
    files = current.files
    assert files is not None
    with files.file_lock:
        if files.fd[fd] is not None:
            bug("descriptor installed twice", fd)
        files.fd[fd] = file


def filp_close(current: Task, file: File, files: FilesStruct | None) -> None:
    """A descriptor of file is gone: drop its process's record locks and the reference.

    Differs: no file system here has a flush method.
    """
    if file.f_count <= 0:
        bug("closing a file that nobody holds", file)
    if not file.f_mode & FMODE_PATH:
        locks.locks_remove_posix(file, files)
    file_table.fput(current, file)


def close_fd(current: Task, fd: int) -> None:
    """Close one descriptor; raises EBADF."""
    files = current.files
    assert files is not None
    with files.file_lock:
        table = files.fd
        file = table[fd] if 0 <= fd < len(table) else None
        if file is None:
            raise LinuxError(Errno.EBADF, f"descriptor {fd}")
        table[fd] = None
        bit = ~(1 << fd)
        files.close_on_exec &= bit
        files.open_fds &= bit
        files.next_fd = min(files.next_fd, fd)
    filp_close(current, file, files)


def dup_fd(current: Task, oldf: FilesStruct) -> FilesStruct:
    """Return a copy of a table, every file with one more reference. Raises EMFILE, ENOMEM."""
    k = current.kernel
    k.caches["files_cache"].alloc()
    with oldf.file_lock:
        open_fds = oldf.open_fds
        # open_files is rounded up to whole words of the bitmap, as count_open_files() does.
        open_files = (open_fds.bit_length() + 63) & ~63
        if open_files > k.vfs.sysctl_nr_open:
            k.caches["files_cache"].free()
            raise LinuxError(Errno.EMFILE, "beyond fs.nr_open")
        table = oldf.fd[:open_files]
        for fd, file in enumerate(table):
            if file is not None:
                file.f_count += 1
            elif open_fds >> fd & 1:
                open_fds &= ~(1 << fd)  # reserved by a thread that is just opening: the copy has nothing there
        new = FilesStruct(SpinLock(oldf.file_lock.cls), 1, oldf.next_fd, oldf.close_on_exec & open_fds, open_fds, table)
    if open_files > NR_OPEN_DEFAULT:
        while new.max_fds < open_files:
            new.max_fds = 128 if new.max_fds < 128 else new.max_fds * 2
    if open_fds != oldf.open_fds:
        new.next_fd = 0
    return new


def close_files(current: Task, files: FilesStruct) -> None:
    """Close everything, lowest descriptor first."""
    for file in files.fd:
        if file is not None:
            filp_close(current, file, files)
    files.fd.clear()
    files.open_fds = 0


def put_files_struct(current: Task, files: FilesStruct) -> None:
    """Drop a user of a table; the last one closes its files."""
    files.count -= 1
    if files.count:
        return
    close_files(current, files)
    current.kernel.caches["files_cache"].free()


def reset_files_struct(current: Task, files: FilesStruct) -> None:
    """Go back to another table, dropping the present one."""
    old = current.files
    with current.alloc_lock:
        current.files = files
    if old is not None:
        put_files_struct(current, old)


def exit_files(tsk: Task) -> None:
    """Take a dying task's descriptors away."""
    files = tsk.files
    if files is None:
        return
    with tsk.alloc_lock:
        tsk.files = None
    put_files_struct(tsk, files)


def unshare_files(current: Task) -> FilesStruct | None:
    """Give current a table of its own. Returns the shared one it had, whose reference is now the caller's, or None.

    Raises EMFILE, ENOMEM. (exec puts the old table after success, or goes back to it with reset_files_struct.)
    """
    files = current.files
    if files is None or files.count == 1:
        return None
    copy = dup_fd(current, files)
    with current.alloc_lock:
        current.files = copy
    return files


def do_close_on_exec(current: Task, files: FilesStruct) -> None:
    """Close the descriptors marked close-on-exec, lowest first."""
    doomed = files.close_on_exec & files.open_fds
    while doomed:
        bit = doomed & -doomed
        doomed &= ~bit
        fd = bit.bit_length() - 1
        with files.file_lock:
            file = files.fd[fd]
            if file is not None:
                files.fd[fd] = None
                put_unused_fd_locked(files, fd)
        if file is not None:
            filp_close(current, file, files)
    files.close_on_exec = 0
