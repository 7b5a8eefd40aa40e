"""How strace prints arguments whose meaning another one decides, a command: fcntl, ioctl, prctl, futex."""

from __future__ import annotations

import struct
from typing import Any, Final

from procession.include.asm.ioctls import (
    FIBMAP,
    FIGETBSZ,
    FIOASYNC,
    FIOCLEX,
    FIONBIO,
    FIONCLEX,
    FIONREAD,
    FIOQSIZE,
    TCFLSH,
    TCGETA,
    TCGETS,
    TCGETS2,
    TCSBRK,
    TCSBRKP,
    TCSETA,
    TCSETAF,
    TCSETAW,
    TCSETS,
    TCSETS2,
    TCSETSF,
    TCSETSF2,
    TCSETSW,
    TCSETSW2,
    TCXONC,
    TIOCCBRK,
    TIOCCONS,
    TIOCEXCL,
    TIOCGDEV,
    TIOCGETD,
    TIOCGLCKTRMIOS,
    TIOCGPGRP,
    TIOCGPTN,
    TIOCGSID,
    TIOCGSOFTCAR,
    TIOCGWINSZ,
    TIOCMBIC,
    TIOCMBIS,
    TIOCMSET,
    TIOCNOTTY,
    TIOCNXCL,
    TIOCOUTQ,
    TIOCPKT,
    TIOCSBRK,
    TIOCSCTTY,
    TIOCSETD,
    TIOCSIG,
    TIOCSLCKTRMIOS,
    TIOCSPGRP,
    TIOCSPTLCK,
    TIOCSSOFTCAR,
    TIOCSTI,
    TIOCSWINSZ,
    TIOCVHANGUP,
    Ioctl,
)
from procession.include.linux import prctl
from procession.include.linux.fcntl import (
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETFD,
    F_GETFL,
    F_GETLEASE,
    F_GETLK,
    F_GETOWN,
    F_GETOWN_EX,
    F_GETPIPE_SZ,
    F_GETSIG,
    F_NOTIFY,
    F_OFD_GETLK,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_SETFD,
    F_SETFL,
    F_SETLEASE,
    F_SETLK,
    F_SETLKW,
    F_SETOWN,
    F_SETOWN_EX,
    F_SETPIPE_SZ,
    F_SETSIG,
    DnotifyFlags,
    FdFlags,
    LockType,
    OwnerType,
    Whence,
)
from procession.include.linux.futex import (
    FUTEX_CMP_REQUEUE,
    FUTEX_CMP_REQUEUE_PI,
    FUTEX_LOCK_PI,
    FUTEX_REQUEUE,
    FUTEX_TRYLOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_WAIT,
    FUTEX_WAIT_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
    FUTEX_WAKE_BITSET,
    FUTEX_WAKE_OP,
    FutexCmd,
)
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.memfd import F_ADD_SEALS, F_GET_SEALS, Seals
from procession.include.linux.prctl import (
    PR_GET_DUMPABLE,
    PR_GET_KEEPCAPS,
    PR_GET_NAME,
    PR_GET_PDEATHSIG,
    PR_GET_SECCOMP,
    PR_GET_SECUREBITS,
    PR_GET_TIMERSLACK,
    PR_GET_TIMING,
    PR_GET_TSC,
    PR_MCE_KILL,
    PR_MCE_KILL_GET,
    PR_SET_NAME,
    PR_TASK_PERF_EVENTS_DISABLE,
    PR_TASK_PERF_EVENTS_ENABLE,
    Prctl,
    SecureBits,
)
from procession.include.linux.seccomp import SECCOMP_MODE_FILTER
from procession.include.linux.signal import signame
from procession.tools.strace_args import flag_names, hexadecimal, pointer, value_name
from procession.tools.strace_files import open_flags
from procession.tools.strace_later import sock_fprog
from procession.tools.strace_sockets import IFREQ_COMMANDS, ifreq
from procession.tools.strace_structs import CAPS, INT, STRUCTS, Printer, Shown
from procession.tools.strace_tty import modem_lines, termios

__all__ = ("COMMANDS", "COMMAND_RESULTS")

# fcntl(2).

_NO_ARGUMENT: Final = frozenset({F_GETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_GET_SEALS})
_FLOCK: Final = struct.Struct("<hh4xqqi4x")


def _fcntl_arg(shown: Shown, at: int) -> str | None:
    cmd, value = shown.args[at - 1], shown.args[at]
    if cmd in _NO_ARGUMENT:
        return None
    if cmd in (F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW):
        return _flock(shown, value, cmd)
    if not isinstance(value, int):
        return pointer(value)
    if cmd in (F_DUPFD, F_DUPFD_CLOEXEC, F_SETOWN, F_SETPIPE_SZ):
        return str((value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000)
    if cmd == F_SETFD:
        return flag_names(value & 0xFFFFFFFF, FdFlags, "FD_")
    if cmd == F_SETFL:
        return open_flags(value)
    if cmd == F_ADD_SEALS:
        return flag_names(value & 0xFFFFFFFF, Seals, "F_SEAL_")
    if cmd == F_SETSIG:
        return signame(value & 0xFFFFFFFF)
    if cmd == F_NOTIFY:
        return flag_names(value & 0xFFFFFFFF, DnotifyFlags, "DN_")
    if cmd == F_SETLEASE:
        return value_name(value, LockType, "F_")
    if cmd in (F_SETOWN_EX, F_GETOWN_EX):
        fields = None if cmd == F_GETOWN_EX and shown.failed else shown.read(value, struct.Struct("<ii"))
        if fields is None:
            return pointer(value)
        return f"{{type={value_name(fields[0], OwnerType, 'F_OWNER_')}, pid={fields[1]}}}"
    return hex(value & ULONG_MAX) if value else "0"


def _flock(shown: Shown, ptr: Any, cmd: int) -> str:
    getting = cmd in (F_GETLK, F_OFD_GETLK)
    fields = None if getting and shown.failed else shown.read(ptr, _FLOCK)
    if fields is None:
        return pointer(ptr)
    kind, whence, start, length, pid = fields
    text = (
        f"{{l_type={value_name(kind, LockType, 'F_', bits=16)}, "
        f"l_whence={value_name(whence, Whence, 'SEEK_', bits=16)}, l_start={start}, l_len={length}"
    )
    return text + (f", l_pid={pid}}}" if getting else "}")


def _fcntl_result(shown: Shown, ret: int) -> str | None:
    cmd = shown.args[1]
    if cmd in (F_DUPFD, F_DUPFD_CLOEXEC):
        return shown.descriptor(ret)
    if cmd == F_GETFL:
        return f"{hexadecimal(ret)} (flags {open_flags(ret)})"
    if cmd == F_GETFD and ret:
        return f"{hexadecimal(ret)} (flags {flag_names(ret, FdFlags, 'FD_')})"
    if cmd == F_GETLEASE:
        return f"{hexadecimal(ret)} ({value_name(ret, LockType, 'F_')})"
    if cmd == F_GET_SEALS and ret:
        return f"{hexadecimal(ret)} (seals {flag_names(ret, Seals, 'F_SEAL_')})"
    if cmd == F_GETSIG and ret:
        return f"{ret} ({signame(ret)})"
    return None


# ioctl(2).

_AMBIGUOUS: Final = {
    TCSETS: "SNDCTL_TMR_START or TCSETS",
    TCSETSW: "SNDCTL_TMR_STOP or TCSETSW",
    TCSETSF: "SNDCTL_TMR_CONTINUE or TCSETSF",
}
_DIRECTIONS: Final = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")


def _ioctl_cmd(shown: Shown, at: int) -> str:
    cmd = shown.args[at]
    if cmd in _AMBIGUOUS:
        return _AMBIGUOUS[Ioctl(cmd)]
    try:
        return Ioctl(cmd).name
    except ValueError:
        size = cmd >> 16 & 0x3FFF
        return f"_IOC({_DIRECTIONS[cmd >> 30]}, {cmd >> 8 & 0xFF:#x}, {cmd & 0xFF:#x}, {hexadecimal(size)})"


_BARE_IOCTLS: Final = frozenset(
    {FIOCLEX, FIONCLEX, TIOCNOTTY, TIOCEXCL, TIOCNXCL, TIOCSBRK, TIOCCBRK, TIOCCONS, TIOCVHANGUP}
)
_NUMBER_IOCTLS: Final = frozenset({TIOCSCTTY, TCSBRK, TCSBRKP})
_INT_IN: Final = frozenset({TIOCSPGRP, FIONBIO, FIOASYNC, TIOCSPTLCK, TIOCPKT, TIOCSETD, TIOCSSOFTCAR})
_INT_OUT: Final = frozenset({TIOCGPGRP, TIOCGSID, TIOCOUTQ, FIONREAD, TIOCGPTN, TIOCGETD, TIOCGSOFTCAR, TIOCGDEV})
_MODEM_IN: Final = frozenset({TIOCMSET, TIOCMBIS, TIOCMBIC})
_TERMIOS_IN: Final = frozenset({TCSETS, TCSETSW, TCSETSF, TCSETS2, TCSETSW2, TCSETSF2, TIOCSLCKTRMIOS})
_TERMIOS2: Final = frozenset({TCGETS2, TCSETS2, TCSETSW2, TCSETSF2})
_TERMIO_IN: Final = frozenset({TCSETA, TCSETAW, TCSETAF})
_TERMIOS_OUT: Final = frozenset({TCGETS, TCGETS2, TCGETA, TIOCGLCKTRMIOS})
_QUEUES: Final = {TCFLSH: ("TCIFLUSH", "TCOFLUSH", "TCIOFLUSH"), TCXONC: ("TCOOFF", "TCOON", "TCIOFF", "TCION")}
_WINSIZE: Final = struct.Struct("<HHHH")


def _ioctl_arg(shown: Shown, at: int) -> str | None:
    cmd, ptr = shown.args[at - 1], shown.args[at]
    if cmd in _BARE_IOCTLS:
        return None
    if cmd in _NUMBER_IOCTLS:
        return str(ptr)
    if cmd in _INT_IN or (cmd in _INT_OUT and not shown.failed):
        return STRUCTS["int *"](shown, at)
    if cmd in _TERMIOS_IN or cmd in _TERMIO_IN or (cmd in _TERMIOS_OUT and not shown.failed):
        return termios(shown, ptr, old=cmd in _TERMIO_IN or cmd == TCGETA, new=cmd in _TERMIOS2)
    if cmd in _QUEUES:
        names = _QUEUES[Ioctl(cmd)]
        return names[ptr] if ptr in range(len(names)) else f"{ptr:#x} /* TC??? */"
    if cmd == TIOCSWINSZ or (cmd == TIOCGWINSZ and not shown.failed):
        fields = shown.read(ptr, _WINSIZE)
        if fields is None:
            return pointer(ptr)
        return "{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}".format(*fields)
    if cmd in _MODEM_IN:
        return modem_lines(shown, ptr)
    if cmd == TIOCSTI:
        return _quoted_byte(shown, ptr)
    if cmd in IFREQ_COMMANDS:
        return ifreq(shown, cmd, ptr)
    if not isinstance(ptr, int):
        return pointer(ptr)
    known = cmd in Ioctl.__members__.values() and cmd not in (FIBMAP, FIGETBSZ, FIOQSIZE, TIOCSIG)
    return pointer(ptr) if known else hexadecimal(ptr & ULONG_MAX)


def _quoted_byte(shown: Shown, ptr: Any) -> str:
    raw = shown.peek(ptr, 0, 1) if ptr else None
    return shown.quote(raw) if raw else pointer(ptr)


# prctl(2), arch_prctl(2).

_DUMP: Final = {0: "SUID_DUMP_DISABLE", 1: "SUID_DUMP_USER", 2: "SUID_DUMP_ROOT"}
_TSC: Final = {1: "PR_TSC_ENABLE", 2: "PR_TSC_SIGSEGV"}
_SECCOMP: Final = {0: "SECCOMP_MODE_DISABLED", 1: "SECCOMP_MODE_STRICT", 2: "SECCOMP_MODE_FILTER"}
_MCE: Final = {0: "PR_MCE_KILL_CLEAR", 1: "PR_MCE_KILL_SET"}
_MCE_POLICY: Final = {0: "PR_MCE_KILL_LATE", 1: "PR_MCE_KILL_EARLY", 2: "PR_MCE_KILL_DEFAULT"}
_BARE: Final = frozenset(
    {
        PR_GET_DUMPABLE,
        PR_GET_KEEPCAPS,
        PR_GET_TIMING,
        PR_GET_SECCOMP,
        PR_GET_SECUREBITS,
        PR_GET_TIMERSLACK,
        PR_TASK_PERF_EVENTS_DISABLE,
        PR_TASK_PERF_EVENTS_ENABLE,
    }
)
_AMBIENT: Final = {
    1: "PR_CAP_AMBIENT_IS_SET",
    2: "PR_CAP_AMBIENT_RAISE",
    3: "PR_CAP_AMBIENT_LOWER",
    4: "PR_CAP_AMBIENT_CLEAR_ALL",
}
_OF_ONE_CAP: Final = (1, 2, 3)
_ALL_FOUR: Final = frozenset(
    {PR_MCE_KILL, PR_MCE_KILL_GET, prctl.PR_SET_NO_NEW_PRIVS, prctl.PR_GET_NO_NEW_PRIVS, prctl.PR_CAP_AMBIENT}
)
_COMM_MAX: Final = 15


def _table(value: int, names: dict[int, str], unknown: str) -> str:
    return names.get(value) or f"{hexadecimal(value & ULONG_MAX)} /* {unknown}_??? */"


def _prctl_arg(shown: Shown, at: int) -> str | None:
    option, value = shown.args[0], shown.args[at]
    if option in _BARE:
        return None
    if option == PR_SET_NAME or (option == PR_GET_NAME and not shown.failed):
        return shown.string(value, min(_COMM_MAX, shown.style.limit))
    if option in (PR_GET_PDEATHSIG, PR_GET_TSC, prctl.PR_GET_CHILD_SUBREAPER) and not shown.failed:
        found = shown.read_int(value, INT)
        if found is None:
            return pointer(value)
        if option == prctl.PR_GET_CHILD_SUBREAPER:
            return f"[{found}]"
        return f"[{signame(found)}]" if option == PR_GET_PDEATHSIG else f"[{_table(found, _TSC, 'PR_TSC')}]"
    if not isinstance(value, int) or option in (PR_GET_PDEATHSIG, PR_GET_TSC, PR_GET_NAME):
        return pointer(value)
    match option:
        case prctl.PR_SET_PDEATHSIG:
            return signame(value) if value else "0"
        case prctl.PR_SET_DUMPABLE:
            return _table(value, _DUMP, "SUID_DUMP")
        case prctl.PR_SET_TSC:
            return _table(value, _TSC, "PR_TSC")
        case prctl.PR_CAP_AMBIENT:
            return _table(value, _AMBIENT, "PR_CAP_AMBIENT")
        case prctl.PR_SET_CHILD_SUBREAPER | prctl.PR_SET_NO_NEW_PRIVS:
            return str(value)
        case prctl.PR_SET_SECCOMP:
            return _table(value, _SECCOMP, "SECCOMP_MODE")
        case prctl.PR_MCE_KILL:
            return _table(value, _MCE, "PR_MCE_KILL")
        case prctl.PR_CAPBSET_READ | prctl.PR_CAPBSET_DROP:
            return _table(value, CAPS, "CAP")
        case prctl.PR_SET_SECUREBITS:
            return flag_names(value, SecureBits, "SECBIT_")
        case prctl.PR_SET_KEEPCAPS | prctl.PR_SET_TIMING | prctl.PR_SET_TIMERSLACK:
            return str((value & ULONG_MAX ^ 1 << 63) - (1 << 63))
    return hexadecimal(value & ULONG_MAX)


def _prctl_args(shown: Shown, at: int) -> str | None:
    option = shown.args[0]
    if option == prctl.PR_SET_SECCOMP and shown.args[1] not in _SECCOMP:
        return hexadecimal(shown.args[at] & ULONG_MAX)
    if option == prctl.PR_SET_SECCOMP and at == 2 and shown.args[1] == SECCOMP_MODE_FILTER:
        return sock_fprog(shown, shown.args[at])
    if option == prctl.PR_CAP_AMBIENT and at == 2 and shown.args[1] in _OF_ONE_CAP:
        return _table(shown.args[at], CAPS, "CAP")
    if option == PR_MCE_KILL and at == 2 and shown.args[1] == prctl.PR_MCE_KILL_SET:
        return _table(shown.args[at], _MCE_POLICY, "PR_MCE_KILL")
    if option in Prctl.__members__.values() and option not in _ALL_FOUR:
        return None
    return hexadecimal(shown.args[at] & ULONG_MAX)


def _prctl_result(shown: Shown, ret: int) -> str | None:
    option = shown.args[0]
    if option == PR_GET_DUMPABLE:
        return f"{hexadecimal(ret)} ({_DUMP[ret]})".replace("0x", "") if ret in _DUMP else None
    if option == PR_MCE_KILL_GET:
        return f"{ret} ({_MCE_POLICY[ret]})" if ret in _MCE_POLICY else None
    if option == PR_GET_SECUREBITS and ret:
        return f"{ret:#x} ({flag_names(ret, SecureBits, 'SECBIT_')})"
    return None


def _arch_prctl_arg(shown: Shown, at: int) -> str | None:
    getting = shown.args[0] in (0x1003, 0x1004)
    return STRUCTS["void **"](shown, at) if getting and not shown.failed else pointer(shown.args[at])


# futex(2).

_TIMED: Final = (FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI)
_COUNTED: Final = (FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_CMP_REQUEUE_PI)
_ONE_ARGUMENT: Final = (FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI)
_OPS: Final = ("FUTEX_OP_SET", "FUTEX_OP_ADD", "FUTEX_OP_OR", "FUTEX_OP_ANDN", "FUTEX_OP_XOR")
_COMPARES: Final = (
    "FUTEX_OP_CMP_EQ",
    "FUTEX_OP_CMP_NE",
    "FUTEX_OP_CMP_LT",
    "FUTEX_OP_CMP_LE",
    "FUTEX_OP_CMP_GT",
    "FUTEX_OP_CMP_GE",
)


def _futex_val(shown: Shown, at: int) -> str | None:
    cmd, value = shown.args[1] & 0x7F, shown.args[at]
    known = cmd in FutexCmd.__members__.values()
    if at == 2:
        return None if cmd in (*_ONE_ARGUMENT, FUTEX_LOCK_PI) else str(value)
    if cmd in (FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET):
        return "FUTEX_BITSET_MATCH_ANY" if value == 0xFFFFFFFF else hexadecimal(value)
    if cmd == FUTEX_WAKE_OP:
        return _wake_op(value)
    if cmd in (FUTEX_CMP_REQUEUE, FUTEX_CMP_REQUEUE_PI):
        return str(value)
    return None if known else hexadecimal(value)


def _wake_op(value: int) -> str:
    shift, op, cmp = value >> 31, value >> 28 & 7, value >> 24 & 15
    name = _OPS[op] if op < len(_OPS) else f"{op:#x} /* FUTEX_OP_??? */"
    compare = _COMPARES[cmp] if cmp < len(_COMPARES) else f"{cmp:#x} /* FUTEX_OP_CMP_??? */"
    head = "FUTEX_OP_OPARG_SHIFT<<28|" if shift else ""
    return f"{head}{name}<<28|{hexadecimal(value >> 12 & 0xFFF)}<<12|{compare}<<24|{hexadecimal(value & 0xFFF)}"


def _futex_arg(shown: Shown, at: int) -> str | None:
    cmd, value = shown.args[1] & 0x7F, shown.args[at]
    if cmd not in FutexCmd.__members__.values():
        return pointer(value) if value else "0"
    if at == 4:
        return pointer(value) if cmd in (*_COUNTED, FUTEX_WAIT_REQUEUE_PI) else None
    if cmd in _TIMED:
        return STRUCTS["struct timespec"](shown, at)
    if cmd in _COUNTED and isinstance(value, int):
        return str(value & 0xFFFFFFFF)
    return None


COMMANDS: Final[dict[str, Printer]] = {
    "fcntl_arg": _fcntl_arg,
    "ioctl": _ioctl_cmd,
    "ioctl_arg": _ioctl_arg,
    "prctl_arg": _prctl_arg,
    "prctl_args": _prctl_args,
    "arch_prctl_arg": _arch_prctl_arg,
    "futex_arg": _futex_arg,
    "futex_val": _futex_val,
}

COMMAND_RESULTS: Final = {"fcntl_arg": _fcntl_result, "prctl_arg": _prctl_result}
