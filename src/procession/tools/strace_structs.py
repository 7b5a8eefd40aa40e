"""How strace prints what arguments point to: one printer per Arg.kind that is a C struct or an array.

Those of files and of waiting for them are in strace_files.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import struct
from typing import Any, Final, TypeAlias

from procession.include.linux.cred import Cap
from procession.include.linux.errno import MAX_ERRNO
from procession.include.linux.limits import PATH_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.resource import RLIM_INFINITY
from procession.include.linux.signal import SA_RESTORER, SaFlags, SsFlags, signame
from procession.include.linux.syscalls import Param
from procession.tools.strace_args import (
    PLAIN,
    Peek,
    Style,
    comment_time,
    data,
    flag_names,
    pointer,
    quote,
    siginfo,
    sigset,
    string,
    wait_status,
)

__all__ = (
    "AFTER",
    "BEFORE",
    "CAPS",
    "INT",
    "LONG",
    "STRUCTS",
    "Printer",
    "Shown",
    "array",
    "sigevent",
    "struct_printer",
)


@dataclass(slots=True)
class Shown:
    """A call that is being printed.

    ret: None at its entry.  before: what was behind pointers at its entry, by the argument's position.
    descriptor: what is printed for one.
    """

    args: tuple[Any, ...]
    params: tuple[Param, ...]
    peek: Peek
    style: Style = PLAIN
    ret: int | None = None
    before: dict[int, Any] = field(default_factory=dict)
    descriptor: Callable[[int], str] = str

    @property
    def failed(self) -> bool:
        """Whether it returned an errno, or a wish to be restarted."""
        return self.ret is not None and -MAX_ERRNO <= self.ret < 0

    def read(self, ptr: Any, fmt: struct.Struct) -> tuple[Any, ...] | None:
        """Return the fields of the struct that ptr points to, None if they cannot be read or are not wanted."""
        if not self.style.verbose or (isinstance(ptr, int) and not ptr):
            return None
        raw = self.peek(ptr, 0, fmt.size)
        return None if raw is None or len(raw) < fmt.size else fmt.unpack(raw)

    def read_int(self, ptr: Any, fmt: struct.Struct) -> int | None:
        """Return one number."""
        found = self.read(ptr, fmt)
        return None if found is None else int(found[0])

    def quote(self, text: bytes, *, cut: bool = False) -> str:
        """A string as C writes it."""
        return quote(text, cut=cut, hexed=self.style.hexed)

    def string(self, ptr: Any, limit: int = PATH_MAX) -> str:
        """A NUL-terminated string."""
        return string(self.peek, ptr, limit, self.style.hexed)

    def short_string(self, ptr: Any) -> str:
        """A NUL-terminated string that is no file's name: a long one is cut off."""
        return self.string(ptr, self.style.limit)

    def data(self, ptr: Any, size: int) -> str:
        """The first bytes of a buffer of that size."""
        return data(self.peek, ptr, size, self.style.limit, self.style.hexed)

    def items(self, count: int) -> int:
        """How many of count items of an array are shown."""
        return min(count, self.style.limit) if self.style.abbrev else count


# Text for the argument at a position; None if it is not shown.
Printer: TypeAlias = Callable[[Shown, int], str | None]

INT: Final = struct.Struct("<i")
UINT: Final = struct.Struct("<I")
LONG: Final = struct.Struct("<q")
_TWO_LONGS: Final = struct.Struct("<qq")


def struct_printer(fmt: str) -> Callable[[Callable[..., str]], Printer]:
    """Make a printer of a C struct from a function of its fields."""
    layout = struct.Struct("<" + fmt)

    def wrap(fn: Callable[..., str]) -> Printer:
        def printer(shown: Shown, at: int) -> str:
            fields = shown.read(shown.args[at], layout)
            return pointer(shown.args[at]) if fields is None else fn(*fields)

        return printer

    return wrap


def array(shown: Shown, ptr: Any, count: int, fmt: struct.Struct, fn: Callable[..., str], separator: str = ", ") -> str:
    """An array of structs; the address if its beginning cannot be read."""
    if isinstance(ptr, int) and not ptr:
        return "NULL"
    if not shown.style.verbose and count > 0:
        return pointer(ptr)
    out = []
    wanted = shown.items(count)
    for at in range(max(count, 0)):
        if at == wanted:
            out.append("...")
            break
        raw = shown.peek(ptr, at * fmt.size, fmt.size)
        if raw is None or len(raw) < fmt.size:
            if not out:
                return pointer(ptr)
            out.append(f"... /* {pointer(ptr + at * fmt.size if isinstance(ptr, int) else ptr)} */")
            break
        out.append(fn(*fmt.unpack(raw)))
    return "[" + separator.join(out) + "]"


# Time.


def _timespec_text(sec: int, nsec: int) -> str:
    return f"{{tv_sec={sec}, tv_nsec={nsec}}}"


def _timeval_text(sec: int, usec: int) -> str:
    return f"{{tv_sec={sec}, tv_usec={usec}}}"


def _interval(text: Callable[[int, int], str]) -> Callable[..., str]:
    return lambda isec, ifraction, sec, fraction: (
        f"{{it_interval={text(isec, ifraction)}, it_value={text(sec, fraction)}}}"
    )


def _two_times(text: Callable[[int, int], str], digits: int) -> Printer:
    """The times of access and change, with the special values of utimensat(2)."""
    special = {0x3FFFFFFF: "UTIME_NOW", 0x3FFFFFFE: "UTIME_OMIT"} if digits == 9 else {}

    def one(sec: int, fraction: int) -> str:
        return special.get(fraction) or text(sec, fraction) + comment_time(sec, fraction, digits)

    return lambda shown, at: array(shown, shown.args[at], 2, _TWO_LONGS, one)


@struct_printer("qq")
def _utimbuf(actime: int, modtime: int) -> str:
    return f"{{actime={actime}{comment_time(actime)}, modtime={modtime}{comment_time(modtime)}}}"


_timespec = struct_printer("qq")(_timespec_text)
_timeval = struct_printer("qq")(_timeval_text)


def _remaining(shown: Shown, at: int) -> str | None:
    """What a sleep has left: only an interrupted one that can be gone on with writes it."""
    return _timespec(shown, at) if shown.ret == -516 else pointer(shown.args[at])


def _left(printer: Printer, *, followed: bool) -> Printer:
    """The rest of a timeout, when something happened before it; followed: not as an address."""

    def after(shown: Shown, at: int) -> str | None:
        if (
            not shown.ret
            or shown.failed
            or (followed and not shown.style.verbose)
            or (isinstance(shown.args[at], int) and not shown.args[at])
        ):
            return None
        return f"left {printer(shown, at)}"

    return after


@struct_printer("ii")
def _timezone(west: int, dst: int) -> str:
    return f"{{tz_minuteswest={west}, tz_dsttime={dst}}}"


@struct_printer("q")
def _time_t(sec: int) -> str:
    return f"[{sec}{comment_time(sec)}]"


@struct_printer("I4xqqqqi4xqqqqqqqqi4xqqqqqi")
def _timex(modes: int, offset: int, freq: int, maxerror: int, esterror: int, status: int, *rest: int) -> str:
    constant, precision, tolerance, sec, usec, *tail = rest
    names = ("tick", "ppsfreq", "jitter", "shift", "stabil", "jitcnt", "calcnt", "errcnt", "stbcnt", "tai")
    shown = {0: "0", 64: "STA_UNSYNC"}.get(status, hex(status))
    return (
        f"{{modes={modes}, offset={offset}, freq={freq}, maxerror={maxerror}, esterror={esterror}, status={shown}, "
        f"constant={constant}, precision={precision}, tolerance={tolerance}, time={_timeval_text(sec, usec)}, "
        + ", ".join(f"{name}={value}" for name, value in zip(names, tail, strict=True))
        + "}"
    )


# Signals.


@struct_printer("Q")
def _sigset(mask: int) -> str:
    return sigset(mask)


def _sized_sigset(shown: Shown, at: int) -> str | None:
    """A signal set whose size is the next argument, if there is one: only the right size is looked at."""
    following = [param.name for param in shown.params[at + 1 :]]
    for name in ("sigsetsize", "sizemask"):
        if name in following and shown.args[at + 1 + following.index(name)] != 8:
            return pointer(shown.args[at])
    return _sigset(shown, at)


def _sigset_pair(shown: Shown, at: int) -> str:
    fields = shown.read(shown.args[at], struct.Struct("<QQ"))
    if fields is None:
        return pointer(shown.args[at])
    mask, size = fields
    inner = shown.read_int(mask, struct.Struct("<Q")) if size == 8 else None
    return f"{{sigmask={pointer(mask) if inner is None else sigset(inner)}, sigsetsize={size}}}"


@struct_printer("QQQQ")
def _ksigaction(handler: int, flags: int, restorer: int, mask: int) -> str:
    name = {0: "SIG_DFL", 1: "SIG_IGN"}.get(handler) or hex(handler)
    text = f"{{sa_handler={name}, sa_mask={sigset(mask)}, sa_flags={flag_names(flags, SaFlags, 'SA_')}"
    if flags & SA_RESTORER:
        text += f", sa_restorer={pointer(restorer)}"
    return text + "}"


def _siginfo(shown: Shown, at: int) -> str:
    ptr = shown.args[at]
    fields = shown.read(ptr, struct.Struct("48s"))
    raw: bytes | None = fields[0] if fields is not None else None
    if raw is None:
        return pointer(ptr)
    signo, _errno, code = struct.unpack_from("<iii", raw)
    if not signo:
        return "{}"
    if signo == 17 and 0 < code <= 6:
        pid, uid, status, utime, stime = struct.unpack_from("<iIi4xqq", raw, 16)
        return siginfo(signo, code, pid, uid, status, utime, stime)
    if code > 0:
        return siginfo(signo, code, 0, 0, 0, addr=struct.unpack_from("<Q", raw, 16)[0])
    pid, uid, value = struct.unpack_from("<iIQ", raw, 16)
    if code == -2:
        return siginfo(signo, code, 0, 0, 0, value=value, timer=pid, overrun=uid)
    return siginfo(signo, code, pid, uid, 0, value=value)


@struct_printer("QiiQ")
def _sigaltstack(sp: int, flags: int, _pad: int, size: int) -> str:
    return f"{{ss_sp={pointer(sp)}, ss_flags={flag_names(flags & 0xFFFFFFFF, SsFlags, 'SS_')}, ss_size={size}}}"


_NOTIFY: Final = {0: "SIGEV_SIGNAL", 1: "SIGEV_NONE", 2: "SIGEV_THREAD", 4: "SIGEV_THREAD_ID"}


@struct_printer("QiiQQ")
def sigevent(value: int, signo: int, notify: int, function: int, attributes: int) -> str:
    """How somebody wants to be told."""
    number = value & 0xFFFFFFFF
    union = f"{{sival_int={number - ((number & 0x80000000) << 1)}, sival_ptr={pointer(value)}}}"
    more = ""
    if notify == 4:
        more = f", sigev_notify_thread_id={(function + 0x80000000 & 0xFFFFFFFF) - 0x80000000}"
    elif notify == 2:
        more = f", sigev_notify_function={pointer(function)}, sigev_notify_attributes={pointer(attributes)}"
    how = _NOTIFY.get(notify) or f"{notify:#x} /* SIGEV_??? */"
    signal = str(signo) if notify not in (0, 2, 4) else signame(signo)
    return f"{{sigev_value={union}, sigev_signo={signal}, sigev_notify={how}{more}}}"


# Processes.


def _wait_status(shown: Shown, at: int) -> str:
    # With WNOHANG and nobody to wait for there is no status.
    status = shown.read_int(shown.args[at], INT) if shown.ret else None
    return pointer(shown.args[at]) if status is None else f"[{wait_status(status)}]"


_USAGE: Final = (
    *("maxrss", "ixrss", "idrss", "isrss", "minflt", "majflt", "nswap"),
    *("inblock", "oublock", "msgsnd", "msgrcv", "nsignals", "nvcsw", "nivcsw"),
)


def _rusage(shown: Shown, at: int) -> str:
    fields = shown.read(shown.args[at], struct.Struct("<18q"))
    if fields is None or (shown.params[0].name == "upid" and not shown.ret):
        return pointer(shown.args[at])
    text = f"{{ru_utime={_timeval_text(*fields[:2])}, ru_stime={_timeval_text(*fields[2:4])}, "
    if shown.style.abbrev:
        return text + "...}"
    return text + ", ".join(f"ru_{name}={value}" for name, value in zip(_USAGE, fields[4:], strict=True)) + "}"


@struct_printer("QQ")
def _rlimit(cur: int, top: int) -> str:
    return f"{{rlim_cur={_limit(cur)}, rlim_max={_limit(top)}}}"


def _limit(value: int) -> str:
    if value == RLIM_INFINITY:
        return "RLIM64_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and value % 1024 == 0 else str(value)


_UTSNAME: Final = ("sysname", "nodename", "release", "version", "machine", "domainname")


def _utsname(shown: Shown, at: int) -> str:
    fields = shown.read(shown.args[at], struct.Struct("65s" * 6))
    if fields is None:
        return pointer(shown.args[at])
    names = [f"{name}={shown.quote(raw.split(bytes(1))[0])}" for name, raw in zip(_UTSNAME, fields, strict=True)]
    return "{" + ", ".join([*names[:2], "..."] if shown.style.abbrev else names) + "}"


@struct_printer("qqqq")
def _tms(utime: int, stime: int, cutime: int, cstime: int) -> str:
    shown = [f"{n} /* {n / 100:.2f} s */" if n else "0" for n in (utime, stime, cutime, cstime)]
    return "{{tms_utime={}, tms_stime={}, tms_cutime={}, tms_cstime={}}}".format(*shown)


@struct_printer("q3Q6QH6x2QI4x")
def _sysinfo(uptime: int, a: int, b: int, c: int, *rest: int) -> str:
    names = (
        "totalram",
        "freeram",
        "sharedram",
        "bufferram",
        "totalswap",
        "freeswap",
        "procs",
        "totalhigh",
        "freehigh",
        "mem_unit",
    )
    return f"{{uptime={uptime}, loads=[{a}, {b}, {c}], " + ", ".join(map("{}={}".format, names, rest)) + "}"


@struct_printer("i")
def _sched_param(priority: int) -> str:
    return f"[{priority}]"


def _cpumask(shown: Shown, at: int) -> str:
    """A set of CPUs; its size is the argument before, or the result of a call that fills it."""
    size = shown.ret if shown.ret is not None and shown.params[at].arg.out else shown.args[at - 1]
    raw = shown.peek(shown.args[at], 0, min(size or 0, 128))
    if raw is None or not size:
        return pointer(shown.args[at]) if size else "[]"
    mask = int.from_bytes(raw, "little")
    return "[" + " ".join(str(n) for n in range(mask.bit_length()) if mask >> n & 1) + "]"


def _groups(shown: Shown, at: int) -> str:
    count = shown.args[0] if shown.ret is None else shown.ret
    if count < 0 or count > 65536 or (shown.ret is not None and not shown.args[0]):
        return pointer(shown.args[at])
    return array(shown, shown.args[at], count, UINT, str)


_CAP_VERSIONS: Final = {0x19980330: 1, 0x20071026: 2, 0x20080522: 3}


@struct_printer("Ii")
def _cap_header(version: int, pid: int) -> str:
    number = _CAP_VERSIONS.get(version)
    shown = hex(version) if version else "0"
    name = f"_LINUX_CAPABILITY_VERSION_{number}" if number else f"{shown} /* _LINUX_CAPABILITY_VERSION_??? */"
    return f"{{version={name}, pid={pid}}}"


# strace knows those that came after 3.2, too.
CAPS: Final = {cap.value: f"CAP_{cap.name}" for cap in Cap} | {
    36: "CAP_BLOCK_SUSPEND",
    37: "CAP_AUDIT_READ",
    38: "CAP_PERFMON",
    39: "CAP_BPF",
    40: "CAP_CHECKPOINT_RESTORE",
}


def _caps(mask: int) -> str:
    names = [f"1<<{name}" for cap, name in CAPS.items() if mask >> cap & 1]
    rest = mask >> len(CAPS) << len(CAPS)
    return "|".join(names + ([hex(rest)] if rest else [])) or "0"


def _cap_data(shown: Shown, at: int) -> str:
    version = shown.read_int(shown.args[0], UINT)
    if version not in _CAP_VERSIONS:
        return pointer(shown.args[at])
    words = shown.read(shown.args[at], struct.Struct("<3I" if _CAP_VERSIONS[version] == 1 else "<6I"))
    if words is None:
        return pointer(shown.args[at])
    effective, permitted, inheritable = (words[n] | (words[n + 3] << 32 if len(words) > 3 else 0) for n in range(3))
    return f"{{effective={_caps(effective)}, permitted={_caps(permitted)}, inheritable={_caps(inheritable)}}}"


# Numbers behind pointers.


@struct_printer("i")
def _int_ptr(value: int) -> str:
    return f"[{value}]"


def _fd_pair(shown: Shown, at: int) -> str:
    return array(shown, shown.args[at], 2, INT, shown.descriptor)


@struct_printer("q")
def _long_ptr(value: int) -> str:
    return f"[{value}]"


@struct_printer("Q")
def _addr_ptr(value: int) -> str:
    return f"[{pointer(value)}]"


def _offset_ptr(shown: Shown, at: int) -> str:
    """A file offset, and what became of it."""
    before, after = shown.before.get(at), shown.read_int(shown.args[at], LONG)
    if before is None or after is None:
        return pointer(shown.args[at])
    return f"[{before}]" if shown.failed or before == after else f"[{before}] => [{after}]"


def _char_vector(shown: Shown, at: int) -> str:
    """mincore(2)'s answer: one byte a page."""
    pages = (shown.args[1] + PAGE_SIZE - 1) // PAGE_SIZE
    return array(shown, shown.args[at], pages, struct.Struct("<B"), lambda byte: str(byte & 1))


STRUCTS: Final[dict[str, Printer]] = {
    "struct timespec": _timespec,
    "timeout": _timespec,
    "struct timeval": _timeval,
    "timespec_left": _timespec,
    "timeval_left": _timeval,
    "struct itimerval": struct_printer("qqqq")(_interval(_timeval_text)),
    "struct itimerspec": struct_printer("qqqq")(_interval(_timespec_text)),
    "timespec[2]": _two_times(_timespec_text, 9),
    "timeval[2]": _two_times(_timeval_text, 6),
    "struct utimbuf": _utimbuf,
    "remaining": _remaining,
    "struct timezone": _timezone,
    "time_t *": _time_t,
    "struct timex": _timex,
    "sigset_t": _sized_sigset,
    "sigset_pair": _sigset_pair,
    "struct sigaction": _ksigaction,
    "siginfo_t": _siginfo,
    "stack_t": _sigaltstack,
    "struct sigevent": sigevent,
    "wait_status": _wait_status,
    "struct rusage": _rusage,
    "struct rlimit": _rlimit,
    "struct utsname": _utsname,
    "struct tms": _tms,
    "struct sysinfo": _sysinfo,
    "struct sched_param": _sched_param,
    "cpumask": _cpumask,
    "gid_t[]": _groups,
    "cap_header": _cap_header,
    "cap_data": _cap_data,
    "int *": _int_ptr,
    "int[2]": _fd_pair,
    "long *": _long_ptr,
    "void **": _addr_ptr,
    "offset *": _offset_ptr,
    "char[]": _char_vector,
}

# What comes in parentheses after the result, for an argument of that kind.
AFTER: Final[dict[str, Printer]] = {
    "timespec_left": _left(_timespec, followed=True),
    "timeval_left": _left(_timeval, followed=False),
}

# What is remembered of an argument when the call is entered.
BEFORE: Final[dict[str, struct.Struct]] = {"offset *": LONG, "socklen": INT, "struct sched_attr given": UINT}
