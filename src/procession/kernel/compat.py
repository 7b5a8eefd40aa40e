"""System calls of 32-bit programs whose structures are of 32-bit longs (kernel/compat.c).

As in 3.2 most of them make the native call on structures of the kernel's own (set_fs(KERNEL_DS)): here on a buffer
that is the program's memory, seen as if its words were twice as wide.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_TIME
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.futex import FUTEX_LOCK_PI, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.resource import RLIM_INFINITY
from procession.include.linux.signal import SIG_KERNEL_ONLY_MASK
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.types import Int, PidNr, SigNr, UInt, UserPtr
from procession.kernel import (
    capability,
    exit_wait,
    futex,
    hrtimer,
    itimer,
    ntp,
    posix_timers,
    sched_syscalls,
    siginfo,
    signal_queue,
    signal_syscalls,
    sys,
    time,
    timer,
)
from procession.mm import process_vm_access, uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("WideWords", "wide", "wide_iovec", "wide_struct")

_COMPAT_RLIM_OLD_INFINITY: Final = 0x7FFFFFFF
_LONGEST: Final = 1 << 30  # bytes: more than any structure has
_TIMED_FUTEX: Final = frozenset({FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI})
_FUTEX_CMD_MASK: Final = ~(128 | 256)  # without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
SIGSET_SIZE: Final = 8
_TIMEX32: Final = struct.Struct("<I20i44x")


class WideWords:
    """A structure of 32-bit words in current's memory, as one of 64-bit words.

    signed: which of each pair of words are sign-extended: the first, the second.
    """

    __slots__ = ("_address", "_current", "_is_signed")

    def __init__(self, current: Task, address: int, signed: tuple[bool, bool]) -> None:
        self._current = current
        self._address = address
        self._is_signed = signed

    def load(self, offset: int, size: int) -> bytes:
        """Return words; raises EFAULT."""
        raw = uaccess.copy_from_user(self._current, self._address + offset // 2, (size + 7) // 8 * 4)
        first, second = self._is_signed
        words = []
        for i, word in enumerate(memoryview(raw).cast("i")):
            words.append(word if (second if i & 1 else first) else word & UINT_MAX)
        return b"".join([(word & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little") for word in words])[:size]

    def store(self, offset: int, data: bytes) -> None:
        """Store words, cut; raises EFAULT."""
        cut = b"".join([data[i : i + 4] for i in range(0, len(data), 8)])
        uaccess.copy_to_user(self._current, self._address + offset // 2, cut)

    def __len__(self) -> int:
        return _LONGEST


def wide(current: Task, ptr: UserPtr) -> UserPtr:
    """Return a structure of signed longs as a native one, NULL as it is."""
    return WideWords(current, ptr, (True, True)) if isinstance(ptr, int) and ptr else ptr


def wide_struct(current: Task, ptr: UserPtr) -> UserPtr:
    """Return a structure that has to be there: NULL is an address like others."""
    return WideWords(current, ptr, (True, True)) if isinstance(ptr, int) else ptr


def wide_iovec(current: Task, vec: UserPtr) -> UserPtr:
    """Return an array of 32-bit iovecs as one of native ones: addresses are extended by zeros, lengths by the sign."""
    return WideWords(current, vec, (False, True)) if isinstance(vec, int) else vec


def _int32(value: int) -> int:
    return (value & UINT_MAX ^ 0x80000000) - 0x80000000


# Time.


@compat_syscall
def compat_sys_time(current: Task, tloc: UserPtr) -> Int:
    """time(2)."""
    seconds = _int32(time.getnstimeofday(current.kernel) // NSEC_PER_SEC)
    if tloc:
        uaccess.put_user(current, tloc, seconds, 4)
    return seconds


@compat_syscall
def compat_sys_stime(current: Task, tptr: UserPtr) -> int:
    """Set the time of day in seconds, which may be before 1970; raises EFAULT, EPERM (stime(2))."""
    seconds = uaccess.get_user(current, tptr, 4, True)
    if not capability.capable(current, CAP_SYS_TIME):
        raise LinuxError(Errno.EPERM, "setting the time needs CAP_SYS_TIME")
    time.do_settimeofday(current.kernel, seconds * NSEC_PER_SEC)
    return 0


@compat_syscall
def compat_sys_gettimeofday(current: Task, tv: UserPtr, tz: UserPtr) -> int:
    """gettimeofday(2)."""
    return time.sys_gettimeofday(current, wide(current, tv), tz)


@compat_syscall
def compat_sys_adjtimex(current: Task, utp: UserPtr) -> int:
    """adjtimex(2): each field is of 32 bits; raises what it does, and then, too, stores them."""
    native = _get_timex(current, utp)
    try:
        return time.sys_adjtimex(current, native)
    finally:
        _put_timex(current, utp, native)


@compat_syscall
def compat_sys_clock_adjtime(current: Task, which_clock: Int, utp: UserPtr) -> int:
    """clock_adjtime(2), likewise; the structure is read before the clock is looked at."""
    native = _get_timex(current, utp)
    try:
        return posix_timers.sys_clock_adjtime(current, which_clock, native)
    finally:
        _put_timex(current, utp, native)


def _get_timex(current: Task, utp: UserPtr) -> uaccess.KernelBuffer:
    words = _TIMEX32.unpack(uaccess.copy_from_user(current, utp, _TIMEX32.size))
    return uaccess.KernelBuffer(ntp.TIMEX.pack(*words))


def _put_timex(current: Task, utp: UserPtr, native: uaccess.KernelBuffer) -> None:
    words = [word & UINT_MAX for word in ntp.TIMEX.unpack(native.data)]
    uaccess.copy_to_user(current, utp, struct.pack("<21I", *words))


@compat_syscall
def compat_sys_settimeofday(current: Task, tv: UserPtr, tz: UserPtr) -> int:
    """settimeofday(2)."""
    return time.sys_settimeofday(current, wide(current, tv), tz)


@compat_syscall
def compat_sys_times(current: Task, tbuf: UserPtr) -> Int:
    """times(2)."""
    return _int32(sys.sys_times(current, wide(current, tbuf)))


@compat_syscall
async def compat_sys_nanosleep(current: Task, rqtp: UserPtr, rmtp: UserPtr) -> int:
    """nanosleep(2)."""
    return await hrtimer.sys_nanosleep(current, wide_struct(current, rqtp), wide(current, rmtp))


@compat_syscall
def compat_sys_getitimer(current: Task, which: Int, it: UserPtr) -> int:
    """getitimer(2)."""
    return itimer.sys_getitimer(current, which, wide(current, it))


@compat_syscall
def compat_sys_setitimer(current: Task, which: Int, value: UserPtr, ovalue: UserPtr) -> int:
    """setitimer(2)."""
    return itimer.sys_setitimer(current, which, wide(current, value), wide(current, ovalue))


@compat_syscall
def compat_sys_clock_gettime(current: Task, which_clock: Int, tp: UserPtr) -> int:
    """clock_gettime(2)."""
    return posix_timers.sys_clock_gettime(current, which_clock, wide_struct(current, tp))


@compat_syscall
def compat_sys_clock_settime(current: Task, which_clock: Int, tp: UserPtr) -> int:
    """clock_settime(2)."""
    return posix_timers.sys_clock_settime(current, which_clock, wide_struct(current, tp))


@compat_syscall
def compat_sys_clock_getres(current: Task, which_clock: Int, tp: UserPtr) -> int:
    """clock_getres(2)."""
    return posix_timers.sys_clock_getres(current, which_clock, wide(current, tp))


@compat_syscall
async def compat_sys_clock_nanosleep(current: Task, which_clock: Int, flags: Int, rqtp: UserPtr, rmtp: UserPtr) -> int:
    """clock_nanosleep(2)."""
    request = wide_struct(current, rqtp)
    return await posix_timers.sys_clock_nanosleep(current, which_clock, flags, request, wide(current, rmtp))


@compat_syscall
def compat_sys_timer_gettime(current: Task, timer_id: Int, setting: UserPtr) -> int:
    """timer_gettime(2)."""
    return posix_timers.sys_timer_gettime(current, timer_id, wide_struct(current, setting))


@compat_syscall
def compat_sys_timer_settime(current: Task, timer_id: Int, flags: Int, new: UserPtr, old: UserPtr) -> int:
    """timer_settime(2); raises EINVAL without a new setting."""
    return posix_timers.sys_timer_settime(current, timer_id, flags, wide(current, new), wide(current, old))


@compat_syscall
def compat_sys_timer_create(current: Task, which_clock: Int, event: UserPtr, created: UserPtr) -> int:
    """timer_create(2)."""
    if event:
        value, *rest = struct.unpack("<Iiii", uaccess.copy_from_user(current, event, 16))
        event = uaccess.KernelBuffer(struct.pack("<Qiii44x", value, *rest))
    return posix_timers.sys_timer_create(current, which_clock, event, created)


@compat_syscall
def compat_sys_sysinfo(current: Task, info: UserPtr) -> int:
    """sysinfo(2); sizes beyond 4 GiB are counted in pages."""
    native = uaccess.KernelBuffer(bytes(112))
    timer.sys_sysinfo(current, native)
    uptime, *words = struct.unpack("<qQQQQQQQQQ", native.data[:80])
    loads, sizes = words[:3], words[3:]
    procs, unit = struct.unpack_from("<H", native.data, 80)[0], struct.unpack_from("<I", native.data, 104)[0]
    if (sizes[0] | sizes[4]) >> 32:
        shift = 0
        while unit < 4096:
            unit <<= 1
            shift += 1
        sizes = [size >> shift for size in sizes]
    data = struct.pack("<i9IHHIII8x", uptime, *loads, *[size & UINT_MAX for size in sizes[:6]], procs, 0, 0, 0, unit)
    uaccess.copy_to_user(current, info, data)
    return 0


# Processes.


@compat_syscall
async def compat_sys_wait4(current: Task, pid: PidNr, stat_addr: UserPtr, options: Int, ru: UserPtr) -> int:
    """wait4(2)."""
    return await exit_wait.sys_wait4(current, pid, stat_addr, options, wide(current, ru))


@compat_syscall
async def compat_sys_waitid(current: Task, which: Int, pid: PidNr, uinfo: UserPtr, options: Int, uru: UserPtr) -> int:
    """waitid(2); raises EFAULT without a place for the siginfo, once there is one."""
    info = uaccess.KernelBuffer(bytes(siginfo.SIGINFO_SIZE))
    result = await exit_wait.sys_waitid(current, which, pid, info, options, wide(current, uru))
    found = siginfo.siginfo_from_user(bytes(info.data))
    if found.signo:
        siginfo.copy_siginfo_to_user32(current, uinfo, found)
    return result


@compat_syscall
def compat_sys_getrusage(current: Task, who: Int, ru: UserPtr) -> int:
    """getrusage(2)."""
    return sys.sys_getrusage(current, who, wide_struct(current, ru))


@compat_syscall
def compat_sys_getrlimit(current: Task, resource: UInt, rlim: UserPtr) -> int:
    """getrlimit(2): what is more than 32 bits have room for is no limit."""
    limits = sys.do_prlimit(current, current, resource, None)
    uaccess.copy_to_user(current, rlim, struct.pack("<II", *[min(x, UINT_MAX) for x in limits]))
    return 0


@compat_syscall
def compat_sys_old_getrlimit(current: Task, resource: UInt, rlim: UserPtr) -> int:
    """getrlimit(2) of old: 31 bits."""
    limits = sys.do_prlimit(current, current, resource, None)
    cut = [min(x, _COMPAT_RLIM_OLD_INFINITY) for x in limits]
    uaccess.copy_to_user(current, rlim, struct.pack("<II", *cut))
    return 0


@compat_syscall
def compat_sys_setrlimit(current: Task, resource: UInt, rlim: UserPtr) -> int:
    """setrlimit(2)."""
    words = struct.unpack("<II", uaccess.copy_from_user(current, rlim, 8))
    soft, hard = [RLIM_INFINITY if x == UINT_MAX else x for x in words]
    sys.do_prlimit(current, current, resource, (soft, hard))
    return 0


@compat_syscall
def compat_sys_sched_getaffinity(current: Task, pid: PidNr, length: UInt, mask: UserPtr) -> int:
    """sched_getaffinity(2); words are of 4 bytes. Raises EINVAL, ESRCH, EFAULT."""
    if length * 8 < current.kernel.nr_cpus or length & 3:
        raise LinuxError(Errno.EINVAL, "length of a CPU mask")
    native = uaccess.KernelBuffer(bytes(max(8, length + 7 & ~7)))
    size = min(length, sched_syscalls.sys_sched_getaffinity(current, pid, len(native), native))
    uaccess.copy_to_user(current, mask, native.load(0, size))
    return size


@compat_syscall
async def compat_sys_sched_setaffinity(current: Task, pid: PidNr, length: UInt, mask: UserPtr) -> int:
    """sched_setaffinity(2)."""
    return await sched_syscalls.sys_sched_setaffinity(current, pid, length, mask)


@compat_syscall
def sys32_sched_rr_get_interval(current: Task, pid: PidNr, interval: UserPtr) -> int:
    """sched_rr_get_interval(2)."""
    return sched_syscalls.sys_sched_rr_get_interval(current, pid, wide_struct(current, interval))


@compat_syscall
async def compat_sys_futex(
    current: Task, uaddr: UserPtr, op: Int, val: UInt, utime: UserPtr, uaddr2: UserPtr, val3: UInt
) -> int:
    """futex(2)."""
    if op & _FUTEX_CMD_MASK in _TIMED_FUTEX:
        utime = wide(current, utime)
    return await futex.sys_futex(current, uaddr, op, val, utime, uaddr2, val3)


@compat_syscall
def compat_sys_process_vm_readv(
    current: Task, pid: PidNr, lvec: UserPtr, liovcnt: UInt, rvec: UserPtr, riovcnt: UInt, flags: UInt
) -> int:
    """process_vm_readv(2)."""
    local, remote = wide_iovec(current, lvec), wide_iovec(current, rvec)
    return process_vm_access.sys_process_vm_readv(current, pid, local, liovcnt, remote, riovcnt, flags)


@compat_syscall
def compat_sys_process_vm_writev(
    current: Task, pid: PidNr, lvec: UserPtr, liovcnt: UInt, rvec: UserPtr, riovcnt: UInt, flags: UInt
) -> int:
    """process_vm_writev(2)."""
    local, remote = wide_iovec(current, lvec), wide_iovec(current, rvec)
    return process_vm_access.sys_process_vm_writev(current, pid, local, liovcnt, remote, riovcnt, flags)


# Signals.


@compat_syscall
def compat_sys_sigpending(current: Task, set: UserPtr) -> int:
    """sigpending(2) of old: the first 32 signals."""
    native = uaccess.KernelBuffer(bytes(SIGSET_SIZE))
    signal_syscalls.sys_rt_sigpending(current, native, SIGSET_SIZE)
    uaccess.copy_to_user(current, set, native.load(0, 4))
    return 0


@compat_syscall
def compat_sys_sigprocmask(current: Task, how: Int, set: UserPtr, oset: UserPtr) -> int:
    """sigprocmask(2) of old: the first 32 signals; those above become unblocked by SIG_SETMASK."""
    old = current.blocked
    if set:
        mask = uaccess.get_user(current, set, 4) & ~SIG_KERNEL_ONLY_MASK
        signal_queue.sigprocmask(current, how, mask)
    if oset:
        uaccess.put_user(current, oset, old, 4)
    return 0


@compat_syscall
async def compat_sys_rt_sigtimedwait(
    current: Task, uthese: UserPtr, uinfo: UserPtr, uts: UserPtr, sigsetsize: UInt
) -> int:
    """rt_sigtimedwait(2)."""
    if sigsetsize != SIGSET_SIZE:
        raise LinuxError(Errno.EINVAL, "size of a signal set")
    these = uaccess.get_user(current, uthese, SIGSET_SIZE)
    timeout_ns = time.get_timespec(current, wide(current, uts)) if uts else None
    info = await signal_syscalls.do_sigtimedwait(current, these & ~SIG_KERNEL_ONLY_MASK, timeout_ns)
    if uinfo:
        siginfo.copy_siginfo_to_user32(current, uinfo, info)
    return info.signo


@compat_syscall
def compat_sys_rt_tgsigqueueinfo(current: Task, tgid: PidNr, pid: PidNr, sig: SigNr, uinfo: UserPtr) -> int:
    """rt_tgsigqueueinfo(2)."""
    return signal_syscalls.sys_rt_tgsigqueueinfo(current, tgid, pid, sig, siginfo.native_siginfo(current, uinfo))
