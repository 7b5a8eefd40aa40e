"""The C structs of the ABI as tuples a Python program can read, named as the standard library names them."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from procession.arch.python import checks
from procession.arch.python.errors import oserror
from procession.include.linux.errno import Errno
from procession.include.linux.limits import LONG_MIN, ULONG_MAX
from procession.include.linux.signal import NSIG
from procession.include.linux.time import NSEC_PER_SEC
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.signal import Siginfo

__all__ = (
    "EPOLL_EVENT",
    "INT",
    "ITIMERVAL",
    "POLLFD",
    "RLIMIT",
    "RUSAGE",
    "SIGACTION",
    "SIGINFO",
    "SIGVAL",
    "STAT",
    "SYSINFO",
    "TIMESPEC",
    "TIMEVAL",
    "TMS",
    "UID",
    "DirEntry",
    "Rusage",
    "SignalInfo",
    "Stat",
    "SysInfo",
    "Tms",
    "Uname",
    "WaitidResult",
    "dirents",
    "mask_of",
    "rusage",
    "set_of",
    "siginfo",
    "signal_info",
    "stat",
    "sysinfo",
    "timespec",
    "uname",
    "waitid_result",
)

TIMESPEC: Final = Struct("<qq")
TIMEVAL: Final = Struct("<qq")
ITIMERVAL: Final = Struct("<qqqq")
RLIMIT: Final = Struct("<QQ")
RUSAGE: Final = Struct("<18q")  # four words of time, then ru_maxrss to ru_nivcsw
SIGACTION: Final = Struct("<QQQQ")
SIGINFO: Final = Struct("<iiiiiIi")
STAT: Final = Struct("<QQQIIIiQqqqqqqqqq24x")
SYSINFO: Final = Struct("<qQQQQQQQQQHHiQQI4x")
TMS: Final = Struct("<qqqq")
INT: Final = Struct("<i")
UID: Final = Struct("<I")
SIGVAL: Final = Struct("<Q")
POLLFD: Final = Struct("<ihh")
EPOLL_EVENT: Final = Struct("<IQ")


class Stat(NamedTuple):
    """struct stat; times in nanoseconds."""

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_rdev: int
    st_blksize: int
    st_blocks: int
    st_atime_ns: int
    st_mtime_ns: int
    st_ctime_ns: int


def stat(data: bytes) -> Stat:
    """Decode struct stat."""
    (
        dev,
        ino,
        nlink,
        mode,
        uid,
        gid,
        _pad,
        rdev,
        size,
        blksize,
        blocks,
        atime,
        atime_ns,
        mtime,
        mtime_ns,
        ctime,
        ctime_ns,
    ) = STAT.unpack(data)
    return Stat(
        mode,
        ino,
        dev,
        nlink,
        uid,
        gid,
        size,
        rdev,
        blksize,
        blocks,
        atime * NSEC_PER_SEC + atime_ns,
        mtime * NSEC_PER_SEC + mtime_ns,
        ctime * NSEC_PER_SEC + ctime_ns,
    )


class Rusage(NamedTuple):
    """struct rusage; times in nanoseconds (the kernel's microseconds times 1000)."""

    utime_ns: int
    stime_ns: int
    maxrss: int
    minflt: int
    majflt: int
    inblock: int
    oublock: int
    nvcsw: int
    nivcsw: int


def rusage(data: bytes) -> Rusage:
    """Decode struct rusage."""
    r = RUSAGE.unpack(data)
    utime_us, stime_us = r[0] * 1_000_000 + r[1], r[2] * 1_000_000 + r[3]
    return Rusage(utime_us * 1000, stime_us * 1000, r[4], r[8], r[9], r[11], r[12], r[16], r[17])


class Uname(NamedTuple):
    """struct new_utsname."""

    sysname: str
    nodename: str
    release: str
    version: str
    machine: str
    domainname: str


def uname(data: bytes) -> Uname:
    """Decode struct new_utsname."""
    return Uname(*(string.to_text(data[n * 65 : n * 65 + 65].split(b"\0", 1)[0]) for n in range(6)))


class WaitidResult(NamedTuple):
    """What waitid() reports about a child."""

    si_pid: int
    si_uid: int
    si_signo: int
    si_status: int
    si_code: int


def waitid_result(data: bytes) -> WaitidResult | None:
    """Decode siginfo_t; None if no child has changed (WNOHANG)."""
    signo, _errno, code, _pad, pid, uid, status = SIGINFO.unpack_from(data)
    return WaitidResult(pid, uid, signo, status, code) if pid else None


class SignalInfo(NamedTuple):
    """What a handler installed with SA_SIGINFO gets as its second argument (siginfo_t)."""

    si_signo: int
    si_code: int
    si_pid: int
    si_uid: int
    si_status: int
    si_addr: int
    si_value: int


def siginfo(data: bytes) -> SignalInfo:
    """Decode siginfo_t; its members share memory, so that not all of them mean something."""
    signo, _errno, code, _pad, pid, uid, status = SIGINFO.unpack_from(data)
    return SignalInfo(
        signo, code, pid, uid, status, int.from_bytes(data[16:24], "little"), int.from_bytes(data[24:32], "little")
    )


def signal_info(info: Siginfo) -> SignalInfo:
    """Return a copy of info for the program."""
    if info.code < 0 and info.raw:
        # A program's own bytes, passed on unread.
        return siginfo(info.raw)._replace(si_signo=int(info.signo))
    return SignalInfo(int(info.signo), int(info.code), info.pid, info.uid, info.status, info.addr, info.value)


class SysInfo(NamedTuple):
    """struct sysinfo."""

    uptime: int
    loads: tuple[int, int, int]
    totalram: int
    freeram: int
    sharedram: int
    bufferram: int
    totalswap: int
    freeswap: int
    procs: int
    mem_unit: int


def sysinfo(data: bytes) -> SysInfo:
    """Decode struct sysinfo."""
    s = SYSINFO.unpack(data)
    return SysInfo(s[0], s[1:4], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[15])


class Tms(NamedTuple):
    """struct tms and the result of times(2), in clock ticks."""

    utime: int
    stime: int
    cutime: int
    cstime: int
    elapsed: int


class DirEntry(NamedTuple):
    """struct linux_dirent64."""

    d_ino: int
    d_type: int
    d_name: str


_DIRENT: Final = Struct("<QqHB")


def dirents(data: bytes) -> list[DirEntry]:
    """Decode what getdents64() has returned."""
    entries = []
    at = 0
    while at < len(data):
        ino, _off, length, kind = _DIRENT.unpack_from(data, at)
        name = data[at + _DIRENT.size : at + length].split(b"\0", 1)[0]
        entries.append(DirEntry(ino, kind, string.to_text(name)))
        at += length
    return entries


def timespec(what: str, ns: int) -> bytes:
    """Encode nanoseconds as struct timespec; raises TypeError, ValueError for what is no number of them."""
    if not isinstance(ns, int):
        raise TypeError(f"{what}: int expected, a number of nanoseconds, not {type(ns).__name__} ({ns!r:.80})")
    return checks.packed(what, TIMESPEC, *divmod(ns, NSEC_PER_SEC))


def mask_of(signals: int | Iterable[int]) -> int:
    """Return a set of signals as sigset_t; an int is one already.

    Raises EINVAL for no signal (sigaddset(3)), TypeError for what is no number, ValueError for no sigset_t.
    """
    if isinstance(signals, int):
        return checks.integer("a set of signals", signals, LONG_MIN, ULONG_MAX) & ULONG_MAX
    if not isinstance(signals, Iterable):
        raise TypeError(f"a set of signals: ints expected, not {type(signals).__name__} ({signals!r:.80})")
    mask = 0
    for sig in signals:
        if not isinstance(sig, int):
            raise TypeError(f"a set of signals: int expected, not {type(sig).__name__} ({sig!r:.80})")
        if not 1 <= sig <= NSIG:
            raise oserror(Errno.EINVAL)
        mask |= 1 << (sig - 1)
    return mask


def set_of(mask: int) -> frozenset[int]:
    """Return the signals in a sigset_t."""
    return frozenset(n + 1 for n in range(64) if mask >> n & 1)
