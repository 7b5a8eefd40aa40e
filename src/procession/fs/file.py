"""Descriptor tables (fs/file.c, and the parts of kernel/exit.c and fs/open.c that work on them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file_table, locks
from procession.fs.notify.dnotify import dnotify
from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC
from procession.include.linux.fdtable import FD_FULL, FD_MASK, FD_SHIFT, FilesStruct
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
    "fcheck",
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


def fcheck(current: Task, fd: int) -> File | None:
    """Return the open file of fd without taking a reference, None if there is none."""
    files = current.files
    assert files is not None
    return files.fd[fd] if 0 <= fd < len(files.fd) else None


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
    more = [0] * ((nr >> FD_SHIFT) + 1 - len(files.open_fds))
    files.open_fds += more
    files.close_on_exec += more


def find_next_zero_bit(words: list[int], start: int) -> int:
    """Return the first bit not below start that is not set; beyond the end none is."""
    at = start >> FD_SHIFT
    if at >= len(words):
        return start
    free = ~(words[at] | (1 << (start & FD_MASK)) - 1) & FD_FULL
    while not free:
        at += 1
        if at == len(words):
            return at << FD_SHIFT
        free = ~words[at] & FD_FULL
    return (at << FD_SHIFT) + (free & -free).bit_length() - 1


def alloc_fd(current: Task, start: int = 0, flags: int = 0) -> int:
    """Reserve the lowest free descriptor not below start; flags: O_CLOEXEC. Raises EMFILE."""
    files = current.files
    assert files is not None
    with files.file_lock:
        fd = find_next_zero_bit(files.open_fds, max(files.next_fd, start))
        if fd >= current.signal.rlim[RLIMIT_NOFILE][0]:
            raise LinuxError(Errno.EMFILE, "RLIMIT_NOFILE")
        if fd >= len(files.fd):
            expand_files(current, files, fd)
        if start <= files.next_fd:
            files.next_fd = fd + 1
        at, bit = fd >> FD_SHIFT, 1 << (fd & FD_MASK)
        files.open_fds[at] |= bit
        if flags & O_CLOEXEC:
            files.close_on_exec[at] |= bit
        else:
            files.close_on_exec[at] &= ~bit
        return fd


def put_unused_fd_locked(files: FilesStruct, fd: int) -> None:
    """Free the number fd (__put_unused_fd)."""
    files.file_lock.assert_held()
    files.open_fds[fd >> FD_SHIFT] &= ~(1 << (fd & FD_MASK))
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
    """A descriptor of file is gone: tell the file, drop its process's record locks and the reference."""
    if file.f_count <= 0:
        bug("closing a file that nobody holds", file)
    file.flush(current)
    if not file.f_mode & FMODE_PATH:
        if current.kernel.vfs.nr_fsnotify_marks:
            dnotify.dnotify_flush(file, files)
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
        at, bit = fd >> FD_SHIFT, ~(1 << (fd & FD_MASK))
        files.close_on_exec[at] &= bit
        files.open_fds[at] &= bit
        files.next_fd = min(files.next_fd, fd)
    filp_close(current, file, files)


def dup_fd(current: Task, oldf: FilesStruct) -> FilesStruct:
    """Return a copy of a table, every file with one more reference. Raises EMFILE, ENOMEM."""
    k = current.kernel
    k.caches["files_cache"].alloc()
    new = FilesStruct(SpinLock(oldf.file_lock.cls))
    with oldf.file_lock:
        open_files = count_open_files(oldf)
        if open_files > k.vfs.sysctl_nr_open:
            k.caches["files_cache"].free()
            raise LinuxError(Errno.EMFILE, "beyond fs.nr_open")
        new.fd = oldf.fd[:open_files]
        words = len(new.fd) + FD_MASK >> FD_SHIFT
        new.next_fd = oldf.next_fd
        new.open_fds = oldf.open_fds[:words]
        new.close_on_exec = oldf.close_on_exec[:words]
        for at, bits in enumerate(new.open_fds):
            if bits:
                _dup_word(new, at, bits)
    if open_files > NR_OPEN_DEFAULT:
        while new.max_fds < open_files:
            new.max_fds = 128 if new.max_fds < 128 else new.max_fds * 2
    return new


def count_open_files(files: FilesStruct) -> int:
    """Return how many places a copy needs: up to the last descriptor, in whole words of 3.2's bitmaps, of 64 bits."""
    words = files.open_fds
    last = len(words)
    while last and not words[last - 1]:
        last -= 1
    return (last << FD_SHIFT) + 63 & ~63


def _dup_word(new: FilesStruct, at: int, bits: int) -> None:
    """Take references to the files of one word of a copied table.

    What is reserved by a thread that is just opening is free in the copy.
    """
    table = new.fd
    base = at << FD_SHIFT
    while bits:
        low = bits & -bits
        bits ^= low
        fd = base + low.bit_length() - 1
        file = table[fd]
        if file is not None:
            file.f_count += 1
            continue
        new.open_fds[at] &= ~low
        new.close_on_exec[at] &= ~low
        new.next_fd = 0


def close_files(current: Task, files: FilesStruct) -> None:
    """Close everything, lowest descriptor first."""
    for _, file in files.open_files():
        filp_close(current, file, files)
    files.fd.clear()
    files.open_fds.clear()
    files.close_on_exec.clear()


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
    for at, doomed in enumerate(files.close_on_exec):
        if not doomed:
            continue
        files.close_on_exec[at] = 0
        doomed &= files.open_fds[at]
        fd = at << FD_SHIFT
        while doomed:
            if doomed & 1:
                _close_on_exec(current, files, fd)
            doomed >>= 1
            fd += 1


def _close_on_exec(current: Task, files: FilesStruct, fd: int) -> None:
    with files.file_lock:
        file = files.fd[fd]
        if file is not None:
            files.fd[fd] = None
            put_unused_fd_locked(files, fd)
    if file is not None:
        filp_close(current, file, files)
