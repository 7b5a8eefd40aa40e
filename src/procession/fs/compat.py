"""System calls of 32-bit programs on files (fs/compat.c)."""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Any, Final

from procession.fs import aio, fcntl, namei, read_write, readdir, select, stat, statfs, timerfd, utimes, vmsplice
from procession.fs import open as fs_open
from procession.include.linux.aio_abi import SIZEOF_IO_EVENT
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, F_GETLK, F_SETLK, F_SETLKW
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.types import DirFd, Fd, Int, ModeT, Path, UInt, UserPtr
from procession.kernel import compat, user
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("cp_stat64",)

_F_GETLK64: Final = 12
_LOCK_64: Final = {_F_GETLK64: F_GETLK, 13: F_SETLK, 14: F_SETLKW}
_FLOCK: Final = struct.Struct("<hh4xqqi4x")
_COMPAT_FLOCK: Final = struct.Struct("<hhiii")
_COMPAT_FLOCK64: Final = struct.Struct("<hhqqi")
_COMPAT_OFF_T_MAX: Final = 0x7FFFFFFF
_MAX_AIO_SUBMITS: Final = 512
_STATFS: Final = struct.Struct("<7q8s3q32x")
_COMPAT_STATFS: Final = struct.Struct("<7I8s3I16x")
_COMPAT_STATFS64: Final = struct.Struct("<2I5Q8s3I16x")
# st_dev, ino, nlink, mode, uid, gid, rdev, size, blksize, blocks, and three times
_STAT: Final = struct.Struct("<QQQIII4xQqqqqqqqqq24x")
_COMPAT_STAT: Final = struct.Struct("<H2xIHHHHH2xIII6I8x")
_STAT64: Final = struct.Struct("<Q4xIIIIIQ4xqIQ6IQ")


# Status.


def _native_stat(statbuf: uaccess.KernelBuffer) -> tuple[int, ...]:
    return _STAT.unpack(bytes(statbuf.data))


def cp_compat_stat(current: Task, native: uaccess.KernelBuffer, ubuf: UserPtr) -> None:
    """Store a 32-bit struct stat; raises EOVERFLOW if it has no room for something, EFAULT."""
    dev, ino, nlink, mode, uid, gid, rdev, size, blksize, blocks, *times = _native_stat(native)
    if max(dev, rdev) > 0xFFFF or ino > UINT_MAX or nlink > 0xFFFF or size > _COMPAT_OFF_T_MAX:
        raise LinuxError(Errno.EOVERFLOW, "struct stat of 32 bits")
    k = current.kernel
    uid, gid = user.high2low(k, uid), user.high2low(k, gid, "overflowgid")
    times = [word & UINT_MAX for word in times]
    data = _COMPAT_STAT.pack(dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks & UINT_MAX, *times)
    uaccess.copy_to_user(current, ubuf, data)


def cp_stat64(current: Task, native: uaccess.KernelBuffer, ubuf: UserPtr) -> None:
    """Store i386's struct stat64 (arch/x86/ia32/sys_ia32.c); raises EFAULT."""
    dev, ino, nlink, mode, uid, gid, rdev, size, blksize, blocks, *times = _native_stat(native)
    times = [word & UINT_MAX for word in times]
    head = (dev, ino & UINT_MAX, mode, nlink & UINT_MAX, uid, gid, rdev, size, blksize, blocks)
    uaccess.copy_to_user(current, ubuf, _STAT64.pack(*head, *times, ino))


def _put_statfs(current: Task, native: uaccess.KernelBuffer, ubuf: UserPtr, *, wide: bool) -> int:
    words = _STATFS.unpack(bytes(native.data))
    if not wide and max(words[1:7]) > UINT_MAX:
        raise LinuxError(Errno.EOVERFLOW, "struct statfs of 32 bits")
    uaccess.copy_to_user(current, ubuf, (_COMPAT_STATFS64 if wide else _COMPAT_STATFS).pack(*words))
    return 0


def _check_statfs64_size(size: int) -> None:
    if size != _COMPAT_STATFS64.size:
        raise LinuxError(Errno.EINVAL, "size of struct statfs64")


@compat_syscall
def compat_sys_statfs(current: Task, pathname: Path, buf: UserPtr) -> int:
    """statfs(2); raises EOVERFLOW, too."""
    native = uaccess.KernelBuffer(bytes(_STATFS.size))
    statfs.sys_statfs(current, pathname, native)
    return _put_statfs(current, native, buf, wide=False)


@compat_syscall
def compat_sys_fstatfs(current: Task, fd: Fd, buf: UserPtr) -> int:
    """fstatfs(2); raises EOVERFLOW, too."""
    native = uaccess.KernelBuffer(bytes(_STATFS.size))
    statfs.sys_fstatfs(current, fd, native)
    return _put_statfs(current, native, buf, wide=False)


@compat_syscall
def compat_sys_statfs64(current: Task, pathname: Path, sz: UInt, buf: UserPtr) -> int:
    """statfs(2) with 64-bit numbers; raises EINVAL for another size of the structure."""
    _check_statfs64_size(sz)
    native = uaccess.KernelBuffer(bytes(_STATFS.size))
    statfs.sys_statfs(current, pathname, native)
    return _put_statfs(current, native, buf, wide=True)


@compat_syscall
def compat_sys_fstatfs64(current: Task, fd: Fd, sz: UInt, buf: UserPtr) -> int:
    """fstatfs(2) with 64-bit numbers; raises EINVAL for another size of the structure."""
    _check_statfs64_size(sz)
    native = uaccess.KernelBuffer(bytes(_STATFS.size))
    statfs.sys_fstatfs(current, fd, native)
    return _put_statfs(current, native, buf, wide=True)


def with_stat(
    current: Task,
    call: Callable[[Task, Any, UserPtr], int],
    what: Any,
    statbuf: UserPtr,
    put: Callable[[Task, uaccess.KernelBuffer, UserPtr], None],
) -> int:
    """Make a call that fills a struct stat, and put what it says into statbuf in another layout; raises as both."""
    native = uaccess.KernelBuffer(bytes(_STAT.size))
    call(current, what, native)
    put(current, native, statbuf)
    return 0


@compat_syscall
def compat_sys_newstat(current: Task, filename: Path, statbuf: UserPtr) -> int:
    """stat(2) with 32-bit numbers; raises EOVERFLOW, too."""
    return with_stat(current, stat.sys_stat, filename, statbuf, cp_compat_stat)


@compat_syscall
def compat_sys_newlstat(current: Task, filename: Path, statbuf: UserPtr) -> int:
    """lstat(2) with 32-bit numbers; raises EOVERFLOW, too."""
    return with_stat(current, stat.sys_lstat, filename, statbuf, cp_compat_stat)


@compat_syscall
def compat_sys_newfstat(current: Task, fd: Fd, statbuf: UserPtr) -> int:
    """fstat(2) with 32-bit numbers; raises EOVERFLOW, too."""
    return with_stat(current, stat.sys_fstat, fd, statbuf, cp_compat_stat)


# Descriptors.


@compat_syscall
async def compat_sys_open(current: Task, filename: Path, flags: Int, mode: ModeT) -> int:
    """open(2), which does not add O_LARGEFILE."""
    return await fs_open.do_sys_open(current, AT_FDCWD, namei.getname(current, filename), flags, mode)


@compat_syscall
async def compat_sys_openat(current: Task, dfd: DirFd, filename: Path, flags: Int, mode: ModeT) -> int:
    """openat(2), which does not add O_LARGEFILE."""
    return await fs_open.do_sys_open(current, dfd, namei.getname(current, filename), flags, mode)


@compat_syscall
async def compat_sys_fcntl64(current: Task, fd: Fd, cmd: UInt, arg: UserPtr) -> int:
    """fcntl(2): record locks in both sizes; raises EOVERFLOW if a lock has no room in the smaller."""
    if cmd in (F_GETLK, F_SETLK, F_SETLKW):
        return await _lock(current, fd, cmd, arg, _COMPAT_FLOCK)
    if cmd in _LOCK_64:
        return await _lock(current, fd, _LOCK_64[cmd], arg, _COMPAT_FLOCK64)
    return await fcntl.sys_fcntl(current, fd, cmd, arg)


async def _lock(current: Task, fd: int, cmd: int, arg: UserPtr, layout: struct.Struct) -> int:
    native = uaccess.KernelBuffer(_FLOCK.pack(*layout.unpack(uaccess.copy_from_user(current, arg, layout.size))))
    result = await fcntl.sys_fcntl(current, fd, cmd, native)
    if cmd == F_GETLK:
        type, whence, start, length, pid = _FLOCK.unpack(bytes(native.data))
        if layout is _COMPAT_FLOCK:
            if start > _COMPAT_OFF_T_MAX:
                raise LinuxError(Errno.EOVERFLOW, "a lock beyond 2 GiB")
            length = min(length, _COMPAT_OFF_T_MAX)
        uaccess.copy_to_user(current, arg, layout.pack(type, whence, start, length, pid))
    return result


class _Vector(compat.WideWords):
    """An array of 32-bit iovecs as compat_do_readv_writev() has it: what is wrong with it becomes a bad length."""

    __slots__ = ()

    def load(self, offset: int, size: int) -> bytes:
        """Return words; raises EINVAL."""
        try:
            return super().load(offset, size)
        except LinuxError:
            # 3.2 hands the error to rw_verify_area() as if it were how much is to be moved.
            raise LinuxError(Errno.EINVAL, "a bad vector counts as a negative length") from None


def _vector(current: Task, vec: UserPtr) -> UserPtr:
    return _Vector(current, vec, (False, True)) if isinstance(vec, int) else vec


@compat_syscall
async def compat_sys_readv(current: Task, fd: Fd, vec: UserPtr, vlen: UInt) -> int:
    """readv(2)."""
    return await read_write.sys_readv(current, fd, _vector(current, vec), vlen)


@compat_syscall
async def compat_sys_writev(current: Task, fd: Fd, vec: UserPtr, vlen: UInt) -> int:
    """writev(2)."""
    return await read_write.sys_writev(current, fd, _vector(current, vec), vlen)


@compat_syscall
async def compat_sys_preadv(current: Task, fd: Fd, vec: UserPtr, vlen: UInt, pos_low: UInt, pos_high: UInt) -> int:
    """preadv(2)."""
    pos = _s64(pos_low, pos_high)
    return await read_write.sys_preadv(current, fd, _vector(current, vec), vlen, pos, 0)


@compat_syscall
async def compat_sys_pwritev(current: Task, fd: Fd, vec: UserPtr, vlen: UInt, pos_low: UInt, pos_high: UInt) -> int:
    """pwritev(2)."""
    pos = _s64(pos_low, pos_high)
    return await read_write.sys_pwritev(current, fd, _vector(current, vec), vlen, pos, 0)


def _s64(low: int, high: int) -> int:
    return (high << 32 | low) - (high >> 31 << 64)


@compat_syscall
async def compat_sys_vmsplice(current: Task, fd: Fd, iov: UserPtr, nr_segs: UInt, flags: UInt) -> int:
    """vmsplice(2)."""
    return await vmsplice.sys_vmsplice(current, fd, compat.wide_iovec(current, iov), nr_segs, flags)


@compat_syscall
async def compat_sys_io_setup(current: Task, nr_reqs: UInt, ctx32p: UserPtr) -> int:
    """io_setup(2)."""
    native = uaccess.KernelBuffer(uaccess.copy_from_user(current, ctx32p, 4).ljust(8, b"\0"))
    result = await aio.sys_io_setup(current, nr_reqs, native)
    uaccess.copy_to_user(current, ctx32p, bytes(native.data[:4]))
    return result


@compat_syscall
async def compat_sys_io_submit(current: Task, ctx_id: UInt, nr: Int, iocb: UserPtr) -> int:
    """io_submit(2): all pointers are looked at first, and no more than 512."""
    if nr < 0:
        raise LinuxError(Errno.EINVAL, "io_submit: negative count")
    nr = min(nr, _MAX_AIO_SUBMITS)
    pointers = struct.unpack(f"<{nr}I", uaccess.copy_from_user(current, iocb, 4 * nr) if nr else b"")
    native = uaccess.KernelBuffer(struct.pack(f"<{nr}Q", *pointers))
    return await aio.do_io_submit(current, ctx_id, nr, native, compat=True)


@compat_syscall
async def compat_sys_io_getevents(
    current: Task, ctx_id: UInt, min_nr: Int, nr: Int, events: UserPtr, timeout: UserPtr
) -> int:
    """io_getevents(2): addresses are looked at first."""
    if not uaccess.user_pointer_ok(current, events, SIZEOF_IO_EVENT * (nr & UINT_MAX)):
        raise LinuxError(Errno.EFAULT, "io_getevents: bad address")
    time = compat.wide(current, timeout)
    if timeout:
        time = uaccess.KernelBuffer(uaccess.copy_from_user(current, time, 16))
    return await aio.sys_io_getevents(current, ctx_id, min_nr, nr, events, time)


@compat_syscall
def compat_sys_getdents64(current: Task, fd: Fd, dirent: UserPtr, count: UInt) -> int:
    """getdents64(2)."""
    return readdir.sys_getdents64(current, fd, dirent, count)


# select(2).


def _fd_set(current: Task, n: int, ptr: UserPtr) -> UserPtr:
    """Return a set of descriptors whose words are of 32 bits."""
    if not isinstance(ptr, int) or not ptr:
        return ptr
    return _FdSet32(current, ptr, (n + 31) // 32 * 4)


class _FdSet32:
    """A set of that many bytes, to be had as one of 64-bit words: what is beyond it is empty, and not stored."""

    __slots__ = ("_address", "_current", "_size")

    def __init__(self, current: Task, address: int, size: int) -> None:
        self._current = current
        self._address = address
        self._size = size

    def load(self, offset: int, size: int) -> bytes:
        """Return a part; raises EFAULT."""
        there = max(0, min(size, self._size - offset))
        return uaccess.copy_from_user(self._current, self._address, there, offset).ljust(size, b"\0")

    def store(self, offset: int, data: bytes) -> None:
        """Overwrite a part; raises EFAULT."""
        uaccess.copy_to_user(self._current, self._address, data[: max(0, self._size - offset)], offset)

    def __len__(self) -> int:
        return self._size + 4


@compat_syscall
async def compat_sys_select(current: Task, n: Int, inp: UserPtr, outp: UserPtr, exp: UserPtr, tvp: UserPtr) -> int:
    """select(2)."""
    sets = [_fd_set(current, n, ptr) for ptr in (inp, outp, exp)]
    return await select.sys_select(current, n, sets[0], sets[1], sets[2], compat.wide(current, tvp))


@compat_syscall
async def compat_sys_old_select(current: Task, arg: UserPtr) -> int:
    """select(2) of old, whose arguments are in memory; raises EFAULT."""
    n, inp, outp, exp, tvp = struct.unpack("<iIIII", uaccess.copy_from_user(current, arg, 20))
    return await compat_sys_select(current, n, inp, outp, exp, tvp)


@compat_syscall
async def compat_sys_pselect6(
    current: Task, n: Int, inp: UserPtr, outp: UserPtr, exp: UserPtr, tsp: UserPtr, sig: UserPtr
) -> int:
    """pselect6(2)."""
    sets = [_fd_set(current, n, ptr) for ptr in (inp, outp, exp)]
    pair = compat.WideWords(current, sig, (False, False)) if isinstance(sig, int) and sig else sig
    return await select.sys_pselect6(current, n, sets[0], sets[1], sets[2], compat.wide(current, tsp), pair)


@compat_syscall
async def compat_sys_ppoll(
    current: Task, ufds: UserPtr, nfds: UInt, tsp: UserPtr, sigmask: UserPtr, sigsetsize: UInt
) -> int:
    """ppoll(2)."""
    return await select.sys_ppoll(current, ufds, nfds, compat.wide(current, tsp), sigmask, sigsetsize)


# Times.


@compat_syscall
def compat_sys_utime(current: Task, filename: Path, t: UserPtr) -> int:
    """utime(2)."""
    return utimes.sys_utime(current, filename, compat.wide(current, t))


@compat_syscall
def compat_sys_utimes(current: Task, filename: Path, t: UserPtr) -> int:
    """utimes(2)."""
    return utimes.sys_utimes(current, filename, compat.wide(current, t))


@compat_syscall
def compat_sys_futimesat(current: Task, dfd: DirFd, filename: Path, t: UserPtr) -> int:
    """futimesat(2)."""
    return utimes.sys_futimesat(current, dfd, filename, compat.wide(current, t))


@compat_syscall
def compat_sys_utimensat(current: Task, dfd: DirFd, filename: Path, t: UserPtr, flags: Int) -> int:
    """utimensat(2)."""
    return utimes.sys_utimensat(current, dfd, filename, compat.wide(current, t), flags)


@compat_syscall
def compat_sys_timerfd_settime(current: Task, ufd: Fd, flags: Int, utmr: UserPtr, otmr: UserPtr) -> int:
    """timerfd_settime(2)."""
    new = compat.wide_struct(current, utmr)
    return timerfd.sys_timerfd_settime(current, ufd, flags, new, compat.wide(current, otmr))


@compat_syscall
def compat_sys_timerfd_gettime(current: Task, ufd: Fd, otmr: UserPtr) -> int:
    """timerfd_gettime(2)."""
    return timerfd.sys_timerfd_gettime(current, ufd, compat.wide_struct(current, otmr))
