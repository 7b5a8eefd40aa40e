"""Signal information: the kernel's own kinds and the 128 bytes user space sees (asm-generic/siginfo.h).

Ours as a file: in 3.2 copy_siginfo_to_user() is in kernel/signal.c. si_code here has no __SI_ class bits; the layout
of the union follows from signal and code.

Differs: where 3.2 passes on bytes of its stack that it never wrote, as si_value after tkill(2), they are 0.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX, ULONG_MAX
from procession.include.linux.seccomp import SYS_SECCOMP
from procession.include.linux.signal import (
    CLD_CONTINUED,
    SI_KERNEL,
    SI_MESGQ,
    SI_SIGIO,
    SI_TIMER,
    SI_USER,
    SIGBUS,
    SIGCHLD,
    SIGFPE,
    SIGILL,
    SIGIO,
    SIGSEGV,
    SIGSYS,
    SIGTRAP,
    Siginfo,
)
from procession.include.linux.uidgid import from_kuid_munged, make_kuid
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "SEND_SIG_FORCED",
    "SEND_SIG_NOINFO",
    "SEND_SIG_PRIV",
    "SIGINFO_SIZE",
    "AnyInfo",
    "copy_siginfo_to_user",
    "copy_siginfo_to_user32",
    "hide_sender",
    "native_siginfo",
    "rename_sender",
    "siginfo_from_user",
    "trace_fields",
)

SIGINFO_SIZE: Final = 128


class SpecialInfo:
    """What a sender passes instead of a siginfo_t; code is what the receiver will read as si_code."""

    __slots__ = ("code", "name")

    def __init__(self, name: str, code: int) -> None:
        self.name = name
        self.code = code

    def __repr__(self) -> str:
        return self.name


SEND_SIG_NOINFO: Final = SpecialInfo("SEND_SIG_NOINFO", SI_USER)  # from a user: the sender's pid and uid
SEND_SIG_PRIV: Final = SpecialInfo("SEND_SIG_PRIV", SI_KERNEL)  # from the kernel
SEND_SIG_FORCED: Final = SpecialInfo("SEND_SIG_FORCED", SI_USER)  # from the kernel, without a queue entry

AnyInfo: TypeAlias = Siginfo | SpecialInfo

_KILL: Final = struct.Struct("<iii4xiI104x")  # pid, uid
_TIMER: Final = struct.Struct("<iii4xiiQ96x")  # timer id, overrun, value
_RT: Final = struct.Struct("<iii4xiIQ96x")  # pid, uid, value
_CHLD: Final = struct.Struct("<iii4xiIi4xqq80x")  # pid, uid, status, utime, stime
_FAULT: Final = struct.Struct("<iii4xQ104x")  # address
_POLL: Final = struct.Struct("<iii4xqi100x")  # band, fd
_SYS: Final = struct.Struct("<iii4xQQ96x")  # address; number and architecture in one word

_QUEUED32: Final = struct.Struct("<iiiiII")  # the beginning of _RT in i386's siginfo_t
_SI_ERRNO_CODE: Final = 12  # where the first three numbers, which all have, end
_SI_UID: Final = 20
_SI_PID: Final = 16  # where _KILL, _RT and _CHLD have the sender's number
# Which bytes copy_siginfo_to_user() writes of them: no padding.
_MEMBERS: Final[dict[struct.Struct, tuple[tuple[int, int], ...]]] = {
    _KILL: ((16, 24),),
    _TIMER: ((16, 32),),
    _RT: ((16, 32),),
    _CHLD: ((16, 28), (32, 48)),
    _FAULT: ((16, 24),),
    _POLL: ((16, 28),),
    _SYS: ((16, 32),),
}
_WITH_CLASS: Final = (SI_TIMER, SI_MESGQ)  # 3.2 keeps these codes of its own as positive numbers

_FAULTS: Final = frozenset({SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP})
_TRAP_CODES: Final = 4  # beyond them a SIGTRAP's code is a tracer's, with pid and uid


def _layout(signo: int, code: int) -> struct.Struct:
    """Return which member of the union a signal uses."""
    if code < 0:
        if code == SI_TIMER:
            return _TIMER
        return _POLL if code == SI_SIGIO else _RT
    if 0 < code < SI_KERNEL:
        if signo == SIGCHLD:
            return _CHLD
        if signo in _FAULTS and (signo != SIGTRAP or code <= _TRAP_CODES):
            return _FAULT
        if signo == SIGIO:
            return _POLL
        if signo == SIGSYS and code == SYS_SECCOMP:
            return _SYS
    return _KILL


def copy_siginfo_to_user(current: Task, to: UserPtr, info: Siginfo) -> None:
    """Write what info says at to, a siginfo_t: of the union only the members its code has; raises EFAULT.

    The other bytes stay as they are, unless the code is negative: then all 128 are written.
    """
    if not uaccess.user_pointer_ok(current, to, SIGINFO_SIZE):
        raise LinuxError(Errno.EFAULT, "no room for a siginfo")
    data = _packed(info)
    code = info.code
    if code < 0 and (info.raw or code not in _WITH_CLASS):
        uaccess.copy_to_user(current, to, data)
        return
    uaccess.copy_to_user(current, to, data[:_SI_ERRNO_CODE])
    for start, end in _MEMBERS[_member(info)]:
        uaccess.copy_to_user(current, to, data[start:end], start)


# The 32-bit siginfo_t: which words of the union, which begins at 12 there and at 16 here, follow one another.
_MEMBERS_32: Final[dict[struct.Struct, tuple[int, ...]]] = {
    _KILL: (16, 20),
    _TIMER: (16, 20, 24),
    _RT: (16, 20, 24),
    _CHLD: (16, 20, 24, 32, 40),
    _FAULT: (16,),
    _POLL: (16, 24),
    _SYS: (16, 24, 28),
}


def copy_siginfo_to_user32(current: Task, to: UserPtr, info: Siginfo) -> None:
    """Do the same with i386's siginfo_t (arch/x86/ia32/ia32_signal.c): pointers and longs are cut. Raises EFAULT."""
    if not uaccess.user_pointer_ok(current, to, SIGINFO_SIZE):
        raise LinuxError(Errno.EFAULT, "no room for a siginfo")
    data = _packed(info)
    words = (16, 20, 24) if info.code < 0 else _MEMBERS_32[_member(info)]
    uaccess.copy_to_user(current, to, data[:_SI_ERRNO_CODE] + b"".join([data[at : at + 4] for at in words]))


def native_siginfo(current: Task, uinfo: UserPtr) -> UserPtr:
    """Return a 32-bit siginfo as a native one; of the union only what sigqueue(3) sets. Raises EFAULT."""
    signo, errno, code, nr, uid, value = _QUEUED32.unpack(uaccess.copy_from_user(current, uinfo, _QUEUED32.size))
    return uaccess.KernelBuffer(_RT.pack(signo, errno, code, nr, uid, value))


def _member(info: Siginfo) -> struct.Struct:
    """Return which member of the union info's signal uses."""
    # What a file's news send has the class POLL whatever the signal, and none of them comes without a band.
    if info.band and info.code > 0:
        return _POLL
    # What a child sends has the class CHLD whatever its exit signal; faults and polls have no pid.
    return _CHLD if info.pid and 0 < info.code <= CLD_CONTINUED else _layout(info.signo, info.code)


def _packed(info: Siginfo) -> bytes:
    """Return info as user space's siginfo_t, 128 bytes."""
    signo, code = info.signo, info.code
    if code < 0 and info.raw:
        return struct.pack("<i", signo) + info.raw[4:]
    layout = _member(info)
    if layout is _KILL:
        return _KILL.pack(signo, info.errno, code, info.pid, info.uid & UINT_MAX)
    if layout is _CHLD:
        return _CHLD.pack(signo, info.errno, code, info.pid, info.uid & UINT_MAX, info.status, info.utime, info.stime)
    if layout is _FAULT:
        return _FAULT.pack(signo, info.errno, code, info.addr & ULONG_MAX)
    if layout is _RT:
        return _RT.pack(signo, info.errno, code, info.pid, info.uid & UINT_MAX, info.value & ULONG_MAX)
    if layout is _TIMER:
        return _TIMER.pack(signo, info.errno, code, info.tid, info.overrun, info.value & ULONG_MAX)
    if layout is _SYS:
        return _SYS.pack(signo, info.errno, code, info.addr & ULONG_MAX, info.value & ULONG_MAX)
    return _POLL.pack(signo, info.errno, code, info.band, info.fd)


def siginfo_from_user(data: bytes) -> Siginfo:
    """Return what 128 bytes of a user's siginfo_t say; the bytes are kept, since 3.2 passes them on unread."""
    signo, errno, code = struct.unpack_from("<iii", data)
    info = Siginfo(signo=signo, errno=errno, code=code, raw=data)
    layout = _layout(signo, code)
    rest = layout.unpack(data)[3:]
    if layout is _KILL:
        info.pid, info.uid = rest
    elif layout is _RT:
        info.pid, info.uid, info.value = rest
    elif layout is _CHLD:
        info.pid, info.uid, info.status, info.utime, info.stime = rest
    elif layout is _FAULT:
        (info.addr,) = rest
    elif layout is _TIMER:
        info.tid, info.overrun, info.value = rest
    elif layout is _SYS:
        info.addr, info.value = rest
    else:
        info.band, info.fd = rest
    return info


def hide_sender(info: Siginfo) -> Siginfo:
    """Return info for a receiver in whose namespace the sender has no number: si_pid is 0."""
    raw = info.raw
    info = info.copy()
    info.pid, info.raw = 0, raw and raw[:_SI_PID] + bytes(4) + raw[_SI_PID + 4 :]
    return info


def rename_sender(info: Siginfo, t: Task) -> Siginfo:
    """Return info for a receiver in another user namespace: the sender has named a user as it calls him itself."""
    k = t.kernel
    uid = from_kuid_munged(k, t.cred.user_ns, make_kuid(k.current.cred.user_ns, info.uid & UINT_MAX))
    raw = info.raw
    info = info.copy()
    info.uid, info.raw = uid, raw and raw[:_SI_UID] + uid.to_bytes(4, "little") + raw[_SI_UID + 4 :]
    return info


def trace_fields(info: AnyInfo, current: Task) -> tuple[int, ...]:
    """Return what a trace event says of info: errno, code, then what strace prints of a signal, which is ours.

    That is pid, uid, status, utime, stime, addr, value, timer, overrun.
    """
    if isinstance(info, Siginfo) and info.band:
        # As the members of the union lie that strace prints of most signals.
        return info.errno, int(info.code), info.band & UINT_MAX, info.band >> 32, 0, 0, 0, 0, info.fd, 0, 0
    if isinstance(info, Siginfo):
        return (
            info.errno,
            int(info.code),
            info.pid,
            info.uid,
            info.status,
            info.utime,
            info.stime,
            info.addr,
            info.value,
            info.tid,
            info.overrun,
        )
    if info is SEND_SIG_NOINFO:
        return 0, SI_USER, current.tgid, current.cred.uid, 0, 0, 0, 0, 0, 0, 0
    return 0, int(info.code), 0, 0, 0, 0, 0, 0, 0, 0, 0
