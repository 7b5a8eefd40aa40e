"""Reading, writing and seeking (fs/read_write.c; spec files 8)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_APPEND, WhenceArg
from procession.include.linux.fs import FMODE_LSEEK, FMODE_PREAD, FMODE_PWRITE, FMODE_READ, FMODE_WRITE, S_IFMT, S_IFREG
from procession.include.linux.limits import UIO_MAXIOV
from procession.include.linux.syscalls import syscall
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
    "KernelBuffer",
    "sys_lseek",
    "sys_pread64",
    "sys_preadv",
    "sys_pwrite64",
    "sys_pwritev",
    "sys_read",
    "sys_readv",
    "sys_sendfile",
    "sys_write",
    "sys_writev",
)

MAX_RW_COUNT: Final = 0x7FFFF000
_TOP: Final = 1 << 63


class KernelBuffer:
    """Kernel memory in a user pointer's place (set_fs(KERNEL_DS))."""

    __slots__ = ("data",)

    def __init__(self, data: bytearray) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return True

    def load(self, offset: int, size: int) -> bytes:
        """Return size bytes."""
        return bytes(self.data[offset : offset + size])

    def store(self, offset: int, data: bytes) -> None:
        """Write data at offset."""
        self.data[offset : offset + len(data)] = data


class IovBuffer:
    """The pieces of user memory of a struct iovec array, as if they were one."""

    __slots__ = ("current", "segments", "total")

    def __init__(self, current: Task, segments: list[tuple[int, int]], total: int) -> None:
        self.current = current
        self.segments = segments
        self.total = total

    def __len__(self) -> int:
        return self.total

    def __bool__(self) -> bool:
        return True

    def _pieces(self, offset: int, size: int) -> list[tuple[int, int]]:
        """Return (address, length) of what [offset, offset + size) covers."""
        pieces = []
        for base, length in self.segments:
            if offset >= length:
                offset -= length
                continue
            part = min(size, length - offset)
            pieces.append((base + offset, part))
            size -= part
            offset = 0
            if not size:
                break
        return pieces

    def load(self, offset: int, size: int) -> bytes:
        """Gather size bytes; raises EFAULT."""
        current = self.current
        return b"".join([uaccess.load(current, base, part) for base, part in self._pieces(offset, size)])

    def store(self, offset: int, data: bytes) -> None:
        """Scatter data; raises EFAULT."""
        done = 0
        for base, part in self._pieces(offset, len(data)):
            uaccess.store(self.current, base, data[done : done + part])
            done += part


def _rw_file(current: Task, fd: int, mode: int) -> File:
    """Return the file of fd if it was opened with mode; raises EBADF."""
    file = fs_file.fget_light(current, fd)
    if not file.f_mode & mode:
        raise LinuxError(Errno.EBADF, "wrong open mode")
    return file


def _rw_count(count: int) -> int:
    """Cut a count to what one call moves; raises EINVAL for a negative one."""
    if count & _TOP:
        raise LinuxError(Errno.EINVAL, "negative count")
    return min(count, MAX_RW_COUNT)


@syscall
async def sys_read(current: Task, fd: Fd, buf: OutBuf, count: SizeT) -> int:
    """Read from a descriptor (read(2))."""
    files = current.files
    assert files is not None
    table = files.fd
    file = table[fd] if 0 <= fd < len(table) else None
    if file is None or not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EBADF, f"descriptor {fd}")
    if count > MAX_RW_COUNT:
        count = _rw_count(count)
    if files.count == 1:
        return await file.read(current, buf, count, None)
    file.f_count += 1
    current.held.append(file)
    try:
        return await file.read(current, buf, count, None)
    finally:
        current.held.pop()
        file_table.fput(current, file)


@syscall
async def sys_write(current: Task, fd: Fd, buf: InBuf, count: SizeT) -> int:
    """Write to a descriptor (write(2))."""
    files = current.files
    assert files is not None
    table = files.fd
    file = table[fd] if 0 <= fd < len(table) else None
    if file is None or not file.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EBADF, f"descriptor {fd}")
    if count > MAX_RW_COUNT:
        count = _rw_count(count)
    if files.count == 1:
        return await file.write(current, buf, count, None)
    file.f_count += 1
    current.held.append(file)
    try:
        return await file.write(current, buf, count, None)
    finally:
        current.held.pop()
        file_table.fput(current, file)


async def _do_rw(current: Task, file: File, buf: UserPtr, count: int, pos: int | None, *, write: bool) -> int:
    """Read or write with a reference held, so that another thread's close does not end it."""
    file.f_count += 1
    current.held.append(file)
    try:
        if write:
            return await file.write(current, buf, count, pos)
        return await file.read(current, buf, count, pos)
    finally:
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
    return await _do_rw(current, file, buf, _rw_count(count), pos, write=False)


@syscall
async def sys_pwrite64(current: Task, fd: Fd, buf: InBuf, count: SizeT, pos: OffT) -> int:
    """Write at a position (pwrite(2)); with O_APPEND at the end nevertheless."""
    file = _at_file(current, fd, pos, FMODE_WRITE, FMODE_PWRITE)
    return await _do_rw(current, file, buf, _rw_count(count), pos, write=True)


def rw_copy_check_uvector(current: Task, vec: UserPtr, vlen: int) -> list[tuple[int, int]]:
    """Return the (address, length) pairs of an iovec array, cut to MAX_RW_COUNT bytes; raises EINVAL, EFAULT."""
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
        part = min(length, room)
        if not uaccess.access_ok(base, part):
            raise LinuxError(Errno.EFAULT, f"iovec {base:#x}")
        room -= part
        if part:
            segments.append((base, part))
    return segments


async def _do_readv_writev(current: Task, file: File, vec: UserPtr, vlen: int, pos: int | None, *, write: bool) -> int:
    segments = rw_copy_check_uvector(current, vec, vlen)
    if not segments:
        return 0
    if len(segments) == 1:
        base, length = segments[0]
        return await _do_rw(current, file, base, length, pos, write=write)
    total = sum([length for _, length in segments])
    return await _do_rw(current, file, IovBuffer(current, segments, total), total, pos, write=write)


@syscall
async def sys_readv(current: Task, fd: Fd, vec: IoVecOut, vlen: ULong) -> int:
    """Read into several buffers (readv(2))."""
    return await _do_readv_writev(current, _rw_file(current, fd, FMODE_READ), vec, vlen, None, write=False)


@syscall
async def sys_writev(current: Task, fd: Fd, vec: IoVec, vlen: ULong) -> int:
    """Write several buffers as one (writev(2))."""
    return await _do_readv_writev(current, _rw_file(current, fd, FMODE_WRITE), vec, vlen, None, write=True)


@syscall
async def sys_preadv(current: Task, fd: Fd, vec: IoVecOut, vlen: ULong, pos_l: OffT, pos_h: HiddenArg) -> int:
    """Read into several buffers at a position (preadv(2)); all of it is in pos_l."""
    file = _at_file(current, fd, pos_l, FMODE_READ, FMODE_PREAD)
    return await _do_readv_writev(current, file, vec, vlen, pos_l, write=False)


@syscall
async def sys_pwritev(current: Task, fd: Fd, vec: IoVec, vlen: ULong, pos_l: OffT, pos_h: HiddenArg) -> int:
    """Write several buffers at a position (pwritev(2)); all of it is in pos_l."""
    file = _at_file(current, fd, pos_l, FMODE_WRITE, FMODE_PWRITE)
    return await _do_readv_writev(current, file, vec, vlen, pos_l, write=True)


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


@syscall
async def sys_sendfile(current: Task, out_fd: Fd, in_fd: Fd, offset: OffsetPtr, count: SizeT) -> int:
    """Copy from a regular file to a descriptor inside the kernel (sendfile(2)).

    Raises EINVAL if the input is no regular file or the output is opened O_APPEND, EAGAIN, EPIPE.
    """
    pos = None
    if not isinstance(offset, int) or offset:
        pos = uaccess.get_user(current, offset, 8, signed=True)
    source = _rw_file(current, in_fd, FMODE_READ)
    if pos is not None and not source.f_mode & FMODE_PREAD:
        raise LinuxError(Errno.ESPIPE, "not seekable")
    if pos is not None and pos < 0:
        raise LinuxError(Errno.EINVAL, "negative offset")
    count = _rw_count(count)
    sink = _rw_file(current, out_fd, FMODE_WRITE)
    if source.inode.i_mode & S_IFMT != S_IFREG or sink.f_flags & O_APPEND:
        raise LinuxError(Errno.EINVAL, "sendfile of this pair")
    current.held += (file_table.get_file(source), file_table.get_file(sink))
    try:
        start = source.f_pos if pos is None else pos
        done = await _copy(current, source, start, sink, count)
    finally:
        del current.held[-2:]
        file_table.fput(current, source)
        file_table.fput(current, sink)
    if pos is None:
        source.f_pos = start + done
    else:
        uaccess.put_user(current, offset, start + done, 8)
    return done


async def _copy(current: Task, source: File, start: int, sink: File, count: int) -> int:
    """Copy up to count bytes in pieces of what a pipe holds; returns how many went."""
    done = 0
    while done < count:
        buffer = KernelBuffer(bytearray(min(count - done, 65536)))
        got = await source.read(current, buffer, len(buffer), start + done)
        if not got:
            break
        try:
            put = await sink.write(current, KernelBuffer(buffer.data[:got]), got, None)
        except LinuxError:
            if done:
                break
            raise
        done += put
        if put < got:
            break
    return done
