"""Reading, writing and seeking (fs/read_write.c; spec files 8)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table, locks, splice
from procession.fs.notify import fsnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_APPEND, O_NONBLOCK, WhenceArg
from procession.include.linux.fs import (
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    FMODE_READ,
    FMODE_WRITE,
    S_IFIFO,
    S_IFMT,
    S_IFREG,
    S_IFSOCK,
)
from procession.include.linux.limits import UIO_MAXIOV
from procession.include.linux.mm_types import TASK_SIZE
from procession.include.linux.openat2 import (
    RWF_APPEND,
    RWF_DSYNC,
    RWF_HIPRI,
    RWF_NOAPPEND,
    RWF_NOWAIT,
    RWF_SYNC,
    RwfArg,
)
from procession.include.linux.syscalls import later_syscall, syscall
from procession.include.linux.types import (
    Fd,
    HiddenArg,
    InBuf,
    IoVec,
    IoVecOut,
    OffsetPtr,
    OffT,
    OutBuf,
    SizeT,
    ULong,
    UserPtr,
)
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = (
    "rw_copy_check_uvector",
    "sys_lseek",
    "sys_pread64",
    "sys_preadv",
    "sys_preadv2",
    "sys_pwrite64",
    "sys_pwritev",
    "sys_pwritev2",
    "sys_read",
    "sys_readv",
    "sys_sendfile",
    "sys_write",
    "sys_writev",
)

MAX_RW_COUNT: Final = 0x7FFFF000
_TOP: Final = 1 << 63
_FAR: Final = _TOP - 1 - MAX_RW_COUNT  # a position up to which no call goes beyond the last


def _rw_file(current: Task, fd: int, mode: int) -> File:
    """Return the file of fd if it was opened with mode; raises EBADF."""
    file = fs_file.fget_light(current, fd)
    if not file.f_mode & mode:
        raise LinuxError(Errno.EBADF, "wrong open mode")
    return file


def rw_verify_area(file: File, pos: int, count: int) -> int:
    """Return how much of count bytes one call moves, at most MAX_RW_COUNT.

    Raises EINVAL if the count is negative, or the position is or becomes so; where that is allowed, EOVERFLOW if it
    goes beyond the last byte. Mandatory locks, for which one may have to wait, are rw_verify_locks' matter.
    """
    if count & _TOP:
        raise LinuxError(Errno.EINVAL, "negative count")
    if pos & _TOP:
        if not file.f_unsigned_offset:
            raise LinuxError(Errno.EINVAL, "negative position")
        if count >= 2 * _TOP - pos:
            raise LinuxError(Errno.EOVERFLOW, "beyond the last byte")
    elif pos + count >= _TOP and not file.f_unsigned_offset:
        raise LinuxError(Errno.EINVAL, "the position becomes negative")
    return min(count, MAX_RW_COUNT)


async def rw_verify_locked_area(current: Task, file: File, pos: int, count: int, *, write: bool) -> int:
    """As rw_verify_area, and wait for mandatory locks; raises EAGAIN, EDEADLK, ERESTARTSYS, too."""
    size = rw_verify_area(file, pos, count)
    if current.kernel.vfs.mandlock:
        await locks.rw_verify_locks(current, file, pos, count, write=write)
    return size


def _check_op(file: File, *, write: bool) -> None:
    """Raise EINVAL for a kind of file that has no such operation."""
    if not file.has_op(write=write):
        raise LinuxError(Errno.EINVAL, "no such operation on this kind of file")


def _verify(current: Task, file: File, buf: UserPtr, count: int, pos: int, *, write: bool) -> int:
    """Return how much is to be moved, the checks in vfs_read's order; raises EINVAL, EFAULT, EOVERFLOW."""
    if not uaccess.user_pointer_ok(current, buf, count):
        _check_op(file, write=write)
        raise LinuxError(Errno.EFAULT, "not the user's memory")
    if count > MAX_RW_COUNT or pos > _FAR:
        _check_op(file, write=write)
    return rw_verify_area(file, pos, count)


@syscall
async def sys_read(current: Task, fd: Fd, buf: OutBuf, count: SizeT) -> int:
    """Read from a descriptor (read(2))."""
    files = current.files
    assert files is not None
    table = files.fd
    file = table[fd] if 0 <= fd < len(table) else None
    if file is None or not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EBADF, f"descriptor {fd}")
    if count > MAX_RW_COUNT or file.f_pos > _FAR or not isinstance(buf, int) or buf + count > TASK_SIZE:
        count = _verify(current, file, buf, count, file.f_pos, write=False)
    if files.count != 1 or current.kernel.vfs.mandlock:
        return await _do_rw(current, file, buf, count, None, write=False)
    try:
        done = await file.read(current, buf, count, None)
        current.rchar += done
        if done and current.kernel.vfs.nr_fsnotify_marks:
            fsnotify.fsnotify_access(file)
    finally:
        current.syscr += 1
    return done


@syscall
async def sys_write(current: Task, fd: Fd, buf: InBuf, count: SizeT) -> int:
    """Write to a descriptor (write(2))."""
    files = current.files
    assert files is not None
    table = files.fd
    file = table[fd] if 0 <= fd < len(table) else None
    if file is None or not file.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EBADF, f"descriptor {fd}")
    if count > MAX_RW_COUNT or file.f_pos > _FAR or not isinstance(buf, int) or buf + count > TASK_SIZE:
        count = _verify(current, file, buf, count, file.f_pos, write=True)
    if files.count != 1 or current.kernel.vfs.mandlock:
        return await _do_rw(current, file, buf, count, None, write=True)
    try:
        done = await file.write(current, buf, count, None)
        current.wchar += done
        if done and current.kernel.vfs.nr_fsnotify_marks:
            fsnotify.fsnotify_modify(file)
    finally:
        current.syscw += 1
    return done


async def _do_rw(current: Task, file: File, buf: UserPtr, count: int, pos: int | None, *, write: bool) -> int:
    """Read or write with a reference held, so that another thread's close does not end it; counted in /proc/PID/io."""
    if current.kernel.vfs.mandlock:
        await locks.rw_verify_locks(current, file, file.f_pos if pos is None else pos, count, write=write)
    file.f_count += 1
    current.held.append(file)
    try:
        if write:
            done = await file.write(current, buf, count, pos)
            current.wchar += done
            if done and current.kernel.vfs.nr_fsnotify_marks:
                fsnotify.fsnotify_modify(file)
        else:
            done = await file.read(current, buf, count, pos)
            current.rchar += done
            if done and current.kernel.vfs.nr_fsnotify_marks:
                fsnotify.fsnotify_access(file)
        return done
    finally:
        if write:
            current.syscw += 1
        else:
            current.syscr += 1
        current.held.pop()
        file_table.fput(current, file)


def _at_file(current: Task, fd: int, pos: int, mode: int, at: int) -> File:
    """Return the file for a call that gives a position; raises EINVAL, EBADF, ESPIPE."""
    if pos < 0:
        raise LinuxError(Errno.EINVAL, "negative offset")
    file = fs_file.fget_light(current, fd)
    if not file.f_mode & at:
        raise LinuxError(Errno.ESPIPE, "not seekable")
    if not file.f_mode & mode:
        raise LinuxError(Errno.EBADF, "wrong open mode")
    return file


@syscall
async def sys_pread64(current: Task, fd: Fd, buf: OutBuf, count: SizeT, pos: OffT) -> int:
    """Read at a position (pread(2))."""
    file = _at_file(current, fd, pos, FMODE_READ, FMODE_PREAD)
    count = _verify(current, file, buf, count, pos, write=False)
    return await _do_rw(current, file, buf, count, pos, write=False)


@syscall
async def sys_pwrite64(current: Task, fd: Fd, buf: InBuf, count: SizeT, pos: OffT) -> int:
    """Write at a position (pwrite(2)); with O_APPEND at the end nevertheless."""
    file = _at_file(current, fd, pos, FMODE_WRITE, FMODE_PWRITE)
    count = _verify(current, file, buf, count, pos, write=True)
    return await _do_rw(current, file, buf, count, pos, write=True)


def rw_copy_check_uvector(
    current: Task, vec: UserPtr, vlen: int, *, check_access: bool = True
) -> list[tuple[int, int]]:
    """Return the (address, length) pairs of an iovec array, cut to MAX_RW_COUNT bytes; raises EINVAL, EFAULT.

    check_access: they are addresses of current's.
    """
    if vlen > UIO_MAXIOV:
        raise LinuxError(Errno.EINVAL, "too many iovecs")
    if not vlen:
        return []
    raw = uaccess.copy_from_user(current, vec, 16 * vlen)
    segments = []
    room = MAX_RW_COUNT
    for base, length in struct.iter_unpack("<QQ", raw):
        if length & _TOP:
            raise LinuxError(Errno.EINVAL, "negative iovec length")
        if check_access and not uaccess.access_ok(base, length):
            raise LinuxError(Errno.EFAULT, f"iovec {base:#x}")
        part = min(length, room)
        room -= part
        segments.append((base, part))
    return segments


async def _do_readv_writev(current: Task, file: File, vec: UserPtr, vlen: int, pos: int | None, *, write: bool) -> int:
    """Move what an iovec array names; raises EINVAL, EFAULT, and what the file does."""
    _check_op(file, write=write)
    segments = rw_copy_check_uvector(current, vec, vlen)
    total = sum([length for _, length in segments])
    if total:
        await rw_verify_locked_area(current, file, file.f_pos if pos is None else pos, total, write=write)
    file.f_count += 1
    current.held.append(file)
    try:
        done = await _do_segments(current, file, segments, total, pos, write=write) if total else 0
        if current.kernel.vfs.nr_fsnotify_marks:
            if not write:
                fsnotify.fsnotify_access(file)  # though it has read nothing
            elif done:
                fsnotify.fsnotify_modify(file)
        return done
    finally:
        current.held.pop()
        file_table.fput(current, file)


async def _do_segments(
    current: Task, file: File, segments: list[tuple[int, int]], total: int, pos: int | None, *, write: bool
) -> int:
    """Let the file take all segments at once, if it can, or one after the other."""
    if not file.f_op_aio:
        return await _do_loop_readv_writev(current, file, segments, pos, write=write)
    buf = segments[0][0] if len(segments) == 1 else uaccess.IovBuffer(current, segments, total)
    if write:
        return await file.write(current, buf, total, pos)
    return await file.read(current, buf, total, pos)


async def _do_loop_readv_writev(
    current: Task, file: File, segments: list[tuple[int, int]], pos: int | None, *, write: bool
) -> int:
    """Read or write piece by piece, until one is not done in full; returns how much all were."""
    done = 0
    for base, length in segments:
        try:
            at = None if pos is None else pos + done
            if write:
                moved = await file.write(current, base, length, at)
            else:
                moved = await file.read(current, base, length, at)
        except LinuxError:
            if not done:
                raise
            break
        done += moved
        if moved != length:
            break
    return done


async def _vfs_readv(current: Task, fd: int, vec: UserPtr, vlen: int, pos: int | None) -> int:
    """Read into several buffers. Counted whether or not it reads anything, or even has a file."""
    done = 0
    try:
        file = _rw_file(current, fd, FMODE_READ) if pos is None else _at_file(current, fd, pos, FMODE_READ, FMODE_PREAD)
        done = await _do_readv_writev(current, file, vec, vlen, pos, write=False)
    finally:
        current.rchar += done
        current.syscr += 1
    return done


async def _vfs_writev(current: Task, fd: int, vec: UserPtr, vlen: int, pos: int | None) -> int:
    """Write several buffers as one; counted as _vfs_readv is."""
    done = 0
    try:
        if pos is None:
            file = _rw_file(current, fd, FMODE_WRITE)
        else:
            file = _at_file(current, fd, pos, FMODE_WRITE, FMODE_PWRITE)
        done = await _do_readv_writev(current, file, vec, vlen, pos, write=True)
    finally:
        current.wchar += done
        current.syscw += 1
    return done


@syscall
async def sys_readv(current: Task, fd: Fd, vec: IoVecOut, vlen: ULong) -> int:
    """Read into several buffers (readv(2))."""
    return await _vfs_readv(current, fd, vec, vlen, None)


@syscall
async def sys_writev(current: Task, fd: Fd, vec: IoVec, vlen: ULong) -> int:
    """Write several buffers as one (writev(2))."""
    return await _vfs_writev(current, fd, vec, vlen, None)


@syscall
async def sys_preadv(current: Task, fd: Fd, vec: IoVecOut, vlen: ULong, pos_l: OffT, pos_h: HiddenArg) -> int:
    """Read into several buffers at a position (preadv(2)); all of it is in pos_l."""
    if pos_l < 0:
        raise LinuxError(Errno.EINVAL, "negative offset")
    return await _vfs_readv(current, fd, vec, vlen, pos_l)


@syscall
async def sys_pwritev(current: Task, fd: Fd, vec: IoVec, vlen: ULong, pos_l: OffT, pos_h: HiddenArg) -> int:
    """Write several buffers at a position (pwritev(2)); all of it is in pos_l."""
    if pos_l < 0:
        raise LinuxError(Errno.EINVAL, "negative offset")
    return await _vfs_writev(current, fd, vec, vlen, pos_l)


@later_syscall
async def sys_preadv2(
    current: Task, fd: Fd, vec: IoVecOut, vlen: ULong, pos_l: OffT, pos_h: HiddenArg, flags: RwfArg
) -> int:
    """Read into several buffers at a position, -1 for where the file stands, with flags (preadv2(2)).

    Raises EOPNOTSUPP for unknown flags, EAGAIN with RWF_NOWAIT, and what preadv(2) does.
    """
    return await _rw2(current, fd, vec, vlen, pos_l, flags, write=False)


@later_syscall
async def sys_pwritev2(
    current: Task, fd: Fd, vec: IoVec, vlen: ULong, pos_l: OffT, pos_h: HiddenArg, flags: RwfArg
) -> int:
    """Write several buffers at a position, -1 for where the file stands, with flags (pwritev2(2)).

    Raises EOPNOTSUPP for unknown flags, EINVAL, EAGAIN with RWF_NOWAIT, and what pwritev(2) does.
    """
    return await _rw2(current, fd, vec, vlen, pos_l, flags, write=True)


async def _rw2(current: Task, fd: int, vec: UserPtr, vlen: int, pos: int, flags: int, *, write: bool) -> int:
    if pos < -1:
        raise LinuxError(Errno.EINVAL, "negative offset")
    at = None if pos == -1 else pos
    file = fs_file.fget_light(current, fd)
    saved, changed = file.f_flags, _kiocb_flags(file, flags)
    # Of a call with RWF_NOWAIT nothing sleeps, and nothing does in files of memory that are written to at their end:
    # nobody else sees the file like this.
    file.f_flags = changed
    try:
        if write:
            return await _vfs_writev(current, fd, vec, vlen, at)
        return await _vfs_readv(current, fd, vec, vlen, at)
    finally:
        if changed != saved:
            file.f_flags = saved


def _kiocb_flags(file: File, flags: int) -> int:
    """Return f_flags for one call; raises EOPNOTSUPP, EINVAL (kiocb_set_rw_flags)."""
    if flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND):
        raise LinuxError(Errno.EOPNOTSUPP, "unknown RWF_ flags")
    if flags & RWF_APPEND and flags & RWF_NOAPPEND:
        raise LinuxError(Errno.EINVAL, "RWF_APPEND with RWF_NOAPPEND")
    f_flags = file.f_flags
    if flags & RWF_NOWAIT:
        if file.inode.i_mode & S_IFMT not in (S_IFREG, S_IFIFO, S_IFSOCK):
            raise LinuxError(Errno.EOPNOTSUPP, "RWF_NOWAIT of this kind of file")
        f_flags |= O_NONBLOCK
    if flags & RWF_APPEND:
        f_flags |= O_APPEND
    if flags & RWF_NOAPPEND:
        f_flags &= ~O_APPEND
    return f_flags


@syscall
def sys_lseek(current: Task, fd: Fd, offset: OffT, whence: WhenceArg) -> OffT:
    """Move the file position (lseek(2)); whence up to SEEK_HOLE, which is 3.1's."""
    file = fs_file.fget_light(current, fd)
    if not 0 <= whence <= 4:
        raise LinuxError(Errno.EINVAL, "whence")
    if not file.f_mode & FMODE_LSEEK:
        raise LinuxError(Errno.ESPIPE, "not seekable")
    return file.llseek(current, offset, whence)


# sendfile.


async def do_sendfile(current: Task, out_fd: int, in_fd: int, pos: int | None, count: int) -> tuple[int, int]:
    """Copy count bytes from a regular file at pos (None: at its position) to a descriptor.

    Returns bytes, and the position in the input behind them; raises EBADF, ESPIPE, EINVAL, and what both files do.
    """
    source = _rw_file(current, in_fd, FMODE_READ)
    if pos is not None and not source.f_mode & FMODE_PREAD:
        raise LinuxError(Errno.ESPIPE, "not seekable")
    start = source.f_pos if pos is None else pos
    count = await rw_verify_locked_area(current, source, start, count, write=False)
    sink = _rw_file(current, out_fd, FMODE_WRITE)
    count = await rw_verify_locked_area(current, sink, sink.f_pos, count, write=True)
    current.held += (file_table.get_file(source), file_table.get_file(sink))
    try:
        done = await splice.do_splice_direct(current, source, start, sink, count)
        current.rchar += done
        current.wchar += done
        if pos is None and done:
            source.f_pos = start + done
    finally:
        current.syscr += 1
        current.syscw += 1
        del current.held[-2:]
        file_table.fput(current, source)
        file_table.fput(current, sink)
    return done, start + done


@syscall
async def sys_sendfile(current: Task, out_fd: Fd, in_fd: Fd, offset: OffsetPtr, count: SizeT) -> int:
    """Copy from a regular file to a descriptor inside the kernel (sendfile(2)).

    Raises EINVAL if the input is no regular file or the output is opened O_APPEND, EAGAIN, EPIPE.
    """
    if isinstance(offset, int) and not offset:
        return (await do_sendfile(current, out_fd, in_fd, None, count))[0]
    pos = uaccess.get_user(current, offset, 8, signed=True)
    try:
        done, pos = await do_sendfile(current, out_fd, in_fd, pos, count)
    finally:
        uaccess.put_user(current, offset, pos, 8)  # after an error, too, and a bad address is the worse one
    return done
