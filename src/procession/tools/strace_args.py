"""How strace prints arguments: one printer per Arg.kind, and names of constants by call and position."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
import struct
from typing import Any, TypeAlias

from procession.include.linux.fs import AT_FDCWD, OpenFlags
from procession.include.linux.mm_types import MapFlags, Prot
from procession.include.linux.resource import RLIM_INFINITY, Rlimit
from procession.include.linux.sched import CloneFlags
from procession.include.linux.signal import NSIG, SaFlags, Sig, signame

__all__ = ("CALLS", "LATER_CALLS", "PRINTERS", "Peek", "flag_names", "quote", "sigset")

# Reads user memory for a printer: (pointer, offset, size) -> bytes, None if it is not there.
Peek: TypeAlias = Callable[[Any, int, int], bytes | None]
Printer: TypeAlias = Callable[[Peek, Any], str]

STRING_MAX = 32
_ESCAPES = {9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def pointer(value: Any) -> str:
    """An address; a Python program's buffer has none."""
    if not isinstance(value, int):
        return "<buffer>"
    return hex(value) if value else "NULL"


def quote(data: bytes, *, cut: bool = False) -> str:
    """A string as C writes it: octal escapes, no longer than needed; three dots if it goes on."""
    out = []
    for at, byte in enumerate(data):
        if byte in _ESCAPES:
            out.append(_ESCAPES[byte])
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            digit_follows = at + 1 < len(data) and 48 <= data[at + 1] <= 57
            out.append(f"\\{byte:03o}" if digit_follows else f"\\{byte:o}")
    return '"' + "".join(out) + '"' + ("..." if cut else "")


def string(peek: Peek, ptr: Any, limit: int = 4096) -> str:
    """A NUL-terminated string in user memory."""
    data = c_string(peek, ptr, limit)
    return pointer(ptr) if data is None else quote(data)


def c_string(peek: Peek, ptr: Any, limit: int = 4096) -> bytes | None:
    """Return the bytes before the NUL, None if they cannot be read."""
    if isinstance(ptr, int) and not ptr:
        return None
    out = b""
    while len(out) < limit:
        step = 64 if not isinstance(ptr, int) else min(4096 - (ptr + len(out)) % 4096, 256)
        chunk = peek(ptr, len(out), step)
        if chunk is None:
            # A short buffer, or the last page before a hole: go on byte by byte.
            chunk = peek(ptr, len(out), 1)
            if chunk is None:
                return out or None
        end = chunk.find(0)
        if end >= 0:
            return out + chunk[:end]
        out += chunk
    return out


def data(peek: Peek, ptr: Any, size: int) -> str:
    """The first bytes of a buffer of that size."""
    if size == 0:
        return '""'
    got = peek(ptr, 0, min(size, STRING_MAX))
    return pointer(ptr) if got is None else quote(got, cut=size > STRING_MAX)


def flag_names(value: int, names: Any, prefix: str, zero: str = "0") -> str:
    """The names of the bits of value, what has no name in hex."""
    out = []
    for member in names:
        if member.value and value & member.value == member.value:
            out.append(prefix + member.name)
            value &= ~member.value
    if value:
        out.append(hex(value))
    return "|".join(out) or zero


def enum_name(value: int, names: type[IntEnum], prefix: str) -> str:
    """The name of a constant, the number if it has none."""
    try:
        return prefix + names(value).name
    except ValueError:
        return str(value)


def sigset(mask: int) -> str:
    """A signal set; the complement if that is shorter."""
    full = (1 << NSIG) - 1
    inverse = mask.bit_count() > NSIG * 2 // 3
    shown = ~mask & full if inverse else mask
    names = [signame(n + 1).removeprefix("SIG") for n in range(NSIG) if shown >> n & 1]
    return ("~" if inverse else "") + "[" + " ".join(names) + "]"


def _unpack(fmt: str) -> Callable[[Callable[..., str]], Printer]:
    """Make a printer of a C struct from a function of its fields."""
    layout = struct.Struct("<" + fmt)

    def wrap(fn: Callable[..., str]) -> Printer:
        def printer(peek: Peek, ptr: Any) -> str:
            raw = None if isinstance(ptr, int) and not ptr else peek(ptr, 0, layout.size)
            return pointer(ptr) if raw is None else fn(*layout.unpack(raw))

        return printer

    return wrap


@_unpack("qq")
def _timespec(sec: int, nsec: int) -> str:
    return f"{{tv_sec={sec}, tv_nsec={nsec}}}"


@_unpack("qq")
def _timeval(sec: int, usec: int) -> str:
    return f"{{tv_sec={sec}, tv_usec={usec}}}"


@_unpack("qqqq")
def _itimerval(isec: int, iusec: int, sec: int, usec: int) -> str:
    return f"{{it_interval={{tv_sec={isec}, tv_usec={iusec}}}, it_value={{tv_sec={sec}, tv_usec={usec}}}}}"


@_unpack("qqqq")
def _itimerspec(isec: int, insec: int, sec: int, nsec: int) -> str:
    return f"{{it_interval={{tv_sec={isec}, tv_nsec={insec}}}, it_value={{tv_sec={sec}, tv_nsec={nsec}}}}}"


@_unpack("Q")
def _sigset(mask: int) -> str:
    return sigset(mask)


@_unpack("ii")
def _fd_pair(a: int, b: int) -> str:
    return f"[{a}, {b}]"


@_unpack("QQ")
def _rlimit(cur: int, top: int) -> str:
    return f"{{rlim_cur={_limit(cur)}, rlim_max={_limit(top)}}}"


def _limit(value: int) -> str:
    if value == RLIM_INFINITY:
        return "RLIM64_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and value % 1024 == 0 else str(value)


_KSIGACTION = struct.Struct("<QQQQ")


def _ksigaction(peek: Peek, ptr: Any) -> str:
    raw = None if isinstance(ptr, int) and not ptr else peek(ptr, 0, _KSIGACTION.size)
    if raw is None:
        return pointer(ptr)
    handler, flags, restorer, mask = _KSIGACTION.unpack(raw)
    name = {0: "SIG_DFL", 1: "SIG_IGN"}.get(handler) or hex(handler)
    text = f"{{sa_handler={name}, sa_mask={sigset(mask)}, sa_flags={flag_names(flags, SaFlags, 'SA_')}"
    if flags & SaFlags.RESTORER:
        text += f", sa_restorer={hex(restorer)}"
    return text + "}"


@_unpack("i")
def _wait_status(status: int) -> str:
    return f"[{wait_status(status)}]"


def wait_status(status: int) -> str:
    """A wait status in the macros of wait(2)."""
    if status == 0xFFFF:
        return "{WIFCONTINUED(s)}"
    if status & 0xFF == 0x7F:
        return f"{{WIFSTOPPED(s) && WSTOPSIG(s) == {signame(status >> 8 & 0xFF)}}}"
    if not status & 0x7F:
        return f"{{WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xFF}}}"
    core = " && WCOREDUMP(s)" if status & 0x80 else ""
    return f"{{WIFSIGNALED(s) && WTERMSIG(s) == {signame(status & 0x7F)}{core}}}"


_S_IFMT = {0o140000: "S_IFSOCK", 0o120000: "S_IFLNK", 0o100000: "S_IFREG", 0o060000: "S_IFBLK", 0o040000: "S_IFDIR",
           0o020000: "S_IFCHR", 0o010000: "S_IFIFO"}


@_unpack("QQQIIIIQq")
def _stat(_dev: int, _ino: int, _nlink: int, mode: int, _uid: int, _gid: int, _pad: int, rdev: int, size: int) -> str:
    kind = _S_IFMT.get(mode & 0o170000, oct(mode & 0o170000))
    bits = "".join(f"|{name}" for bit, name in ((0o4000, "S_ISUID"), (0o2000, "S_ISGID"), (0o1000, "S_ISVTX")) if mode & bit)
    last = f"st_rdev=makedev({hex(rdev >> 8)}, {hex(rdev & 0xFF)})" if kind in ("S_IFCHR", "S_IFBLK") else f"st_size={size}"
    return f"{{st_mode={kind}{bits}|0{mode & 0o777:o}, {last}, ...}}"


@_unpack("390s")
def _utsname(raw: bytes) -> str:
    names = [raw[at:at + 65].split(b"\0")[0].decode(errors="replace") for at in range(0, 390, 65)]
    return f'{{sysname="{names[0]}", nodename="{names[1]}", ...}}'


_SIGINFO = struct.Struct("<iiiiiIi")


def _siginfo(peek: Peek, ptr: Any) -> str:
    raw = None if isinstance(ptr, int) and not ptr else peek(ptr, 0, _SIGINFO.size)
    if raw is None:
        return pointer(ptr)
    signo, _errno, code, _pad, pid, uid, status = _SIGINFO.unpack(raw)
    if not signo:
        return "{}"
    return siginfo(signo, code, pid, uid, status)


_CLD = {1: "CLD_EXITED", 2: "CLD_KILLED", 3: "CLD_DUMPED", 4: "CLD_TRAPPED", 5: "CLD_STOPPED", 6: "CLD_CONTINUED"}
_CODES = {0: "SI_USER", 0x80: "SI_KERNEL", -1: "SI_QUEUE", -2: "SI_TIMER", -3: "SI_MESGQ", -6: "SI_TKILL"}
_FAULT = {11: {1: "SEGV_MAPERR", 2: "SEGV_ACCERR"}, 7: {1: "BUS_ADRALN", 2: "BUS_ADRERR", 3: "BUS_OBJERR"},
          8: {1: "FPE_INTDIV", 2: "FPE_INTOVF", 3: "FPE_FLTDIV"}, 4: {1: "ILL_ILLOPC", 2: "ILL_ILLOPN"},
          5: {1: "TRAP_BRKPT", 2: "TRAP_TRACE"}}


def siginfo(signo: int, code: int, pid: int, uid: int, status: int, utime: int = 0, stime: int = 0, addr: int = 0) -> str:
    """A siginfo_t as strace prints it."""
    head = f"si_signo={signame(signo)}, si_code="
    if signo == Sig.SIGCHLD and code in _CLD:
        shown = str(status) if code == 1 else signame(status)
        return (f"{{{head}{_CLD[code]}, si_pid={pid}, si_uid={uid}, si_status={shown}, si_utime={utime}, "
                f"si_stime={stime}}}")
    if code > 0 and code in _FAULT.get(signo, {}):
        return f"{{{head}{_FAULT[signo][code]}, si_addr={pointer(addr)}}}"
    name = _CODES.get(code, str(code))
    return f"{{{head}{name}}}" if code == 0x80 else f"{{{head}{name}, si_pid={pid}, si_uid={uid}}}"


def _rusage(peek: Peek, ptr: Any) -> str:
    raw = None if isinstance(ptr, int) and not ptr else peek(ptr, 0, 32)
    if raw is None:
        return pointer(ptr)
    us, uu, ss, su = struct.unpack("<qqqq", raw)
    return f"{{ru_utime={{tv_sec={us}, tv_usec={uu}}}, ru_stime={{tv_sec={ss}, tv_usec={su}}}, ...}}"


@_unpack("QiiQ")
def _sigaltstack(sp: int, flags: int, _pad: int, size: int) -> str:
    names = {0: "0", 1: "SS_ONSTACK", 2: "SS_DISABLE"}
    return f"{{ss_sp={pointer(sp)}, ss_flags={names.get(flags, hex(flags))}, ss_size={size}}}"


@_unpack("i")
def _sched_param(priority: int) -> str:
    return f"[{priority}]"


PRINTERS: dict[str, Printer] = {
    "path": string,
    "ptr": lambda _peek, value: pointer(value),
    "struct timespec": _timespec,
    "struct timeval": _timeval,
    "struct itimerval": _itimerval,
    "struct itimerspec": _itimerspec,
    "sigset_t": _sigset,
    "struct sigaction": _ksigaction,
    "fd_pair": _fd_pair,
    "struct rlimit": _rlimit,
    "wait_status": _wait_status,
    "struct stat": _stat,
    "struct utsname": _utsname,
    "siginfo_t": _siginfo,
    "struct rusage": _rusage,
    "dirfd": lambda _peek, value: "AT_FDCWD" if value == AT_FDCWD else str(value),
    "stack_t": _sigaltstack,
    "struct sched_param": _sched_param,
    "ioctl_arg": lambda _peek, value: pointer(value),
    "fd": lambda _peek, value: "AT_FDCWD" if value == AT_FDCWD else str(value),
    "uid": lambda _peek, value: str(value) if value != 0xFFFFFFFF else "-1",
    "mode": lambda _peek, value: f"0{value:o}" if value else "000",
    "signal": lambda _peek, value: signame(value),
}


def _open_flags(value: int) -> str:
    access = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")[value & 3]
    rest = flag_names(value & ~3, [f for f in OpenFlags if f.value > 3], "O_", "")
    return f"{access}|{rest}" if rest else access


def _clone_flags(value: int) -> str:
    flags = flag_names(value & ~0xFF, CloneFlags, "CLONE_", "")
    sig = signame(value & 0xFF) if value & 0xFF else ""
    return "|".join(part for part in (flags, sig) if part) or "0"


def _mmap_flags(value: int) -> str:
    kind = {1: "MAP_SHARED", 2: "MAP_PRIVATE"}.get(value & 3, str(value & 3))
    rest = flag_names(value & ~3, [f for f in MapFlags if f.value > 3], "MAP_", "")
    return f"{kind}|{rest}" if rest else kind


def _access_mode(value: int) -> str:
    return "|".join(name for bit, name in ((4, "R_OK"), (2, "W_OK"), (1, "X_OK")) if value & bit) or "F_OK"


def _signal(value: int) -> str:
    return signame(value)


def _one_of(*names: str) -> Callable[[int], str]:
    return lambda value: names[value] if 0 <= value < len(names) else hex(value)


def _at_flags(value: int) -> str:
    names = ((0x100, "AT_SYMLINK_NOFOLLOW"), (0x200, "AT_REMOVEDIR"), (0x400, "AT_SYMLINK_FOLLOW"),
             (0x800, "AT_NO_AUTOMOUNT"), (0x1000, "AT_EMPTY_PATH"))
    out = [name for bit, name in names if value & bit]
    rest = value & ~0x1F00
    return "|".join(out + ([hex(rest)] if rest else [])) or "0"


_FCNTL = {0: "F_DUPFD", 1: "F_GETFD", 2: "F_SETFD", 3: "F_GETFL", 4: "F_SETFL", 5: "F_GETLK", 6: "F_SETLK",
          7: "F_SETLKW", 8: "F_SETOWN", 9: "F_GETOWN", 1030: "F_DUPFD_CLOEXEC", 1031: "F_SETPIPE_SZ", 1032: "F_GETPIPE_SZ"}
_IOCTL = {0x5401: "TCGETS", 0x5402: "TCSETS", 0x5403: "TCSETSW", 0x5404: "TCSETSF", 0x540F: "TIOCGPGRP",
          0x5410: "TIOCSPGRP", 0x5413: "TIOCGWINSZ", 0x541B: "FIONREAD", 0x5421: "FIONBIO", 0x540E: "TIOCSCTTY"}
_FUTEX = ("FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP",
          "FUTEX_LOCK_PI", "FUTEX_UNLOCK_PI", "FUTEX_TRYLOCK_PI", "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET")


def _futex_op(value: int) -> str:
    base = value & ~0x180
    name = _FUTEX[base] if base < len(_FUTEX) else hex(base)
    return name + ("_PRIVATE" if value & 0x80 else "") + ("|FUTEX_CLOCK_REALTIME" if value & 0x100 else "")


def _prot(value: int) -> str:
    return flag_names(value, Prot, "PROT_", "PROT_NONE")


def _rlimit_name(value: int) -> str:
    return enum_name(value, Rlimit, "RLIMIT_")


_CLOCKS = _one_of("CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID",
                  "CLOCK_MONOTONIC_RAW", "CLOCK_REALTIME_COARSE", "CLOCK_MONOTONIC_COARSE", "CLOCK_BOOTTIME")
_HOW = _one_of("SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK")
_WHENCE = _one_of("SEEK_SET", "SEEK_CUR", "SEEK_END")
_ITIMERS = _one_of("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")
_ARCH = {0x1001: "ARCH_SET_GS", 0x1002: "ARCH_SET_FS", 0x1003: "ARCH_GET_FS", 0x1004: "ARCH_GET_GS"}

# Calls that came after 3.2: their names, for those who ask in vain.
LATER_CALLS = {
    312: "kcmp", 313: "finit_module", 314: "sched_setattr", 315: "sched_getattr", 316: "renameat2", 317: "seccomp",
    318: "getrandom", 319: "memfd_create", 320: "kexec_file_load", 321: "bpf", 322: "execveat", 323: "userfaultfd",
    324: "membarrier", 325: "mlock2", 326: "copy_file_range", 327: "preadv2", 328: "pwritev2", 329: "pkey_mprotect",
    330: "pkey_alloc", 331: "pkey_free", 332: "statx", 333: "io_pgetevents", 334: "rseq", 424: "pidfd_send_signal",
    425: "io_uring_setup", 434: "pidfd_open", 435: "clone3", 436: "close_range", 437: "openat2", 438: "pidfd_getfd",
    439: "faccessat2", 440: "process_madvise", 441: "epoll_pwait2", 448: "process_mrelease", 449: "futex_waitv",
    452: "fchmodat2",
}

# Printers by call and position, where the type alone does not tell.
CALLS: dict[str, dict[int, Callable[[int], str]]] = {
    "open": {1: _open_flags}, "openat": {2: _open_flags}, "pipe2": {1: lambda v: _open_flags(v).removeprefix("O_RDONLY|") if v else "0"},
    "mmap": {0: pointer, 2: _prot, 3: _mmap_flags, 5: lambda v: hex(v) if v else "0"},
    "mprotect": {0: pointer, 2: _prot}, "munmap": {0: pointer}, "brk": {0: pointer}, "mremap": {0: pointer, 4: pointer},
    "access": {1: _access_mode}, "faccessat": {2: _access_mode}, "unlinkat": {2: _at_flags}, "newfstatat": {3: _at_flags},
    "kill": {1: _signal}, "tkill": {1: _signal}, "tgkill": {2: _signal}, "rt_sigaction": {0: _signal},
    "rt_sigqueueinfo": {1: _signal}, "rt_sigprocmask": {0: _HOW}, "fcntl": {1: lambda v: _FCNTL.get(v, hex(v))},
    "ioctl": {1: lambda v: _IOCTL.get(v, hex(v))}, "futex": {1: _futex_op}, "lseek": {2: _WHENCE},
    "setitimer": {0: _ITIMERS}, "getitimer": {0: _ITIMERS}, "clock_gettime": {0: _CLOCKS}, "clock_nanosleep": {0: _CLOCKS},
    "clock_getres": {0: _CLOCKS}, "arch_prctl": {0: lambda v: _ARCH.get(v, hex(v)), 1: pointer},
    "getrlimit": {0: _rlimit_name}, "setrlimit": {0: _rlimit_name}, "prlimit64": {1: _rlimit_name},
    "getrusage": {0: lambda v: {0: "RUSAGE_SELF", -1: "RUSAGE_CHILDREN", 1: "RUSAGE_THREAD"}.get(v, str(v))},
    "waitid": {0: _one_of("P_ALL", "P_PID", "P_PGID")}, "set_tid_address": {0: pointer}, "unshare": {0: _clone_flags},
    "clone": {0: _clone_flags, 1: pointer}, "set_robust_list": {0: pointer},
}
