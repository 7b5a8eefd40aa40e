"""How strace prints single values: numbers, strings, constants by name, wait statuses, signals.

What a call's arguments are is said by its declaration (include/linux/syscalls.py); nothing here knows a call's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from typing import Any, Final, TypeAlias

from procession.include.linux.limits import PATH_MAX
from procession.include.linux.signal import NSIG, POLL_MSG, SIGCHLD, SIGIO, signame
from procession.include.linux.types import Arg

__all__ = (
    "ABBREVIATED",
    "PLAIN",
    "Peek",
    "Style",
    "c_string",
    "comment_time",
    "constant",
    "data",
    "date_text",
    "escaped",
    "flag_names",
    "hexadecimal",
    "number",
    "pointer",
    "quote",
    "siginfo",
    "sigset",
    "string",
    "value_name",
    "wait_status",
)

# Reads user memory for a printer: (pointer, offset, size) -> bytes, None if it is not there.
Peek: TypeAlias = Callable[[Any, int, int], bytes | None]

# By default, how many items of an array are shown, and how many bytes of a string.
ABBREVIATED: Final = 32
_ESCAPES: Final = {9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


@dataclass(frozen=True, slots=True)
class Style:
    """How much is shown of a call, and how.

    limit: of a string, how many bytes; of an array, how many items.  hexed: in hex are written "": no bytes, "all",
    "non-ascii": strings that have others than ASCII, "non-ascii-chars": only those in them.  abbrev: structs not whole.
    verbose: what pointers lead to.  raw: nothing but numbers.
    """

    limit: int = ABBREVIATED
    hexed: str = ""
    abbrev: bool = True
    verbose: bool = True
    raw: bool = False


PLAIN: Final = Style()


# Pointers and strings.


def pointer(value: Any) -> str:
    """An address; a Python program's buffer has none."""
    if not isinstance(value, int):
        return "<buffer>"
    return hex(value & 0xFFFFFFFFFFFFFFFF) if value else "NULL"


def hexadecimal(value: int) -> str:
    """A number as printf's %#x writes it: zero has no 0x."""
    return hex(value) if value else "0"


def quote(text: bytes, *, cut: bool = False, hexed: str = "") -> str:
    """A string as C writes it: octal escapes, no longer than needed, or as Style.hexed says; dots if it goes on."""
    return f'"{escaped(text, hexed)}"' + ("..." if cut else "")


def escaped(text: bytes, hexed: str = "", also: bytes = b"") -> str:
    """What stands between a string's quotes; also: bytes that are to be escaped, too."""
    if hexed == "all" or (hexed == "non-ascii" and not all(32 <= byte < 127 or 9 <= byte < 14 for byte in text)):
        return "".join(f"\\x{byte:02x}" for byte in text)
    out = []
    for at, byte in enumerate(text):
        if byte in _ESCAPES:
            out.append(_ESCAPES[byte])
        elif 32 <= byte < 127 and byte not in also:
            out.append(chr(byte))
        elif hexed:
            out.append(f"\\x{byte:02x}")
        else:
            digit_follows = at + 1 < len(text) and 48 <= text[at + 1] <= 57
            out.append(f"\\{byte:03o}" if digit_follows else f"\\{byte:o}")
    return "".join(out)


def c_string(peek: Peek, ptr: Any, limit: int) -> tuple[bytes, bool] | None:
    """Return the bytes before the NUL, at most limit, and whether there are more; None if they cannot be read."""
    if isinstance(ptr, int) and not ptr:
        return None
    out = b""
    while len(out) <= limit:
        step = 64 if not isinstance(ptr, int) else min(4096 - (ptr + len(out)) % 4096, 256)
        # Byte by byte at the end of a short buffer.
        chunk = peek(ptr, len(out), step) or peek(ptr, len(out), 1)
        if not chunk:
            return None
        end = chunk.find(0)
        if end >= 0:
            out += chunk[:end]
            break
        out += chunk
    return out[:limit], len(out) > limit


def string(peek: Peek, ptr: Any, limit: int = PATH_MAX, hexed: str = "") -> str:
    """A NUL-terminated string in user memory, cut after limit bytes."""
    found = c_string(peek, ptr, limit)
    return pointer(ptr) if found is None else quote(found[0], cut=found[1], hexed=hexed)


def data(peek: Peek, ptr: Any, size: int, limit: int = ABBREVIATED, hexed: str = "") -> str:
    """The first bytes of a buffer of that size."""
    if isinstance(ptr, int) and not ptr:
        return "NULL"
    if size <= 0:
        return '""' if not size else pointer(ptr)
    got = peek(ptr, 0, min(size, limit)) if limit else b""
    return pointer(ptr) if got is None else quote(got, cut=size > limit, hexed=hexed)


# Constants.


def _members(names: Iterable[tuple[str, Any]]) -> list[tuple[int, str]]:
    return [(int(member), name) for name, member in names]


def flag_names(value: int, names: type[IntFlag], prefix: str = "", zero: str | None = None, unknown: str = "") -> str:
    """The names of the bits of value, and in hex what has no name; zero, if not given, is a member's name or "0"."""
    members = _members(names.__members__.items())
    if not value:
        nothing = next((prefix + name for bits, name in members if not bits), "0")
        return nothing if zero is None else zero
    out = []
    for bits, name in members:
        if bits and value & bits == bits:
            out.append(prefix + name)
            value &= ~bits
    if value:
        out.append(hex(value) if out else f"{value:#x} /* {unknown or prefix + '???'} */")
    return "|".join(out)


def value_name(value: int, names: type[IntEnum], prefix: str = "", unknown: str = "", bits: int = 32) -> str:
    """The name of a constant; a number and a remark if it has none."""
    for member, name in _members(names.__members__.items()):
        if member == value:
            return prefix + name
    shown = value & (1 << bits) - 1
    return f"{hex(shown) if shown else '0'} /* {unknown or prefix + '???'} */"


def constant(value: int, arg: Arg) -> str:
    """An argument whose declaration names its constants."""
    flags, values = arg.flags, arg.values
    whole = value & (1 << arg.bits) - 1
    if flags is None:
        assert values is not None
        return value_name(value, values, arg.prefix, arg.unknown, arg.bits)
    if values is None:
        return flag_names(whole, flags, arg.prefix, None, arg.unknown)
    rest = flag_names(whole & ~arg.mask, flags, arg.prefix, "", arg.unknown)
    if 0 not in values.__members__.values() and not whole & arg.mask and rest:
        return rest
    first = value_name(whole & arg.mask, values, arg.prefix, arg.unknown, arg.bits)
    return f"{first}|{rest}" if rest else first


def number(value: int, arg: Arg) -> str:
    """An argument that is a plain number."""
    return str(value if arg.signed else value & (1 << arg.bits) - 1)


def comment_time(sec: int, fraction: int = 0, digits: int = 0) -> str:
    """A remark that says a time of the epoch in words, nothing for 0."""
    text = date_text(sec, fraction, digits)
    return f" /* {text} */" if text else ""


def date_text(sec: int, fraction: int = 0, digits: int = 0) -> str:
    """A time of the epoch in words; an empty string for 0 and for what no calendar has."""
    if not sec and not fraction:
        return ""
    try:
        when = datetime.fromtimestamp(sec, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return ""
    return when + (f".{fraction:0{digits}d}" if fraction and digits else "") + "+0000"


# Signals and statuses.


def sigset(mask: int) -> str:
    """A signal set; the complement if that is shorter."""
    full = (1 << NSIG) - 1
    inverse = mask.bit_count() >= NSIG * 2 // 3
    shown = ~mask & full if inverse else mask
    names = [signame(n + 1).removeprefix("SIG") for n in range(NSIG) if shown >> n & 1]
    return ("~" if inverse else "") + "[" + " ".join(names) + "]"


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


_CLD: Final = {
    1: "CLD_EXITED",
    2: "CLD_KILLED",
    3: "CLD_DUMPED",
    4: "CLD_TRAPPED",
    5: "CLD_STOPPED",
    6: "CLD_CONTINUED",
}
_CODES: Final = {
    0: "SI_USER",
    0x80: "SI_KERNEL",
    -1: "SI_QUEUE",
    -2: "SI_TIMER",
    -3: "SI_MESGQ",
    -4: "SI_ASYNCIO",
    -5: "SI_SIGIO",
    -6: "SI_TKILL",
}
_POLL: Final = ("POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP")
_FAULT: Final = {
    4: ("ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK"),
    5: ("TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT"),
    7: ("BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"),
    8: ("FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB"),
    11: ("SEGV_MAPERR", "SEGV_ACCERR"),
}


def siginfo(
    signo: int,
    code: int,
    pid: int,
    uid: int,
    status: int,
    utime: int = 0,
    stime: int = 0,
    addr: int = 0,
    value: int = 0,
    timer: int = 0,
    overrun: int = 0,
) -> str:
    """A siginfo_t as strace prints it."""
    head = f"{{si_signo={signame(signo)}, si_code="
    if signo == SIGCHLD and code in _CLD:
        shown = str(status) if code == 1 else signame(status)
        return (
            f"{head}{_CLD[code]}, si_pid={pid}, si_uid={uid}, si_status={shown}, si_utime={_ticks(utime)}, "
            f"si_stime={_ticks(stime)}}}"
        )
    if signo == SIGIO and 0 < code <= len(_POLL):
        # Of a file's news the band is where others have pid and uid, and the descriptor where they have a value.
        news = f", si_band={uid << 32 | pid}, si_fd={value}" if code <= POLL_MSG else ""
        return f"{head}{_POLL[code - 1]}{news}}}"
    faults = _FAULT.get(signo, ())
    if 0 < code <= len(faults):
        return f"{head}{faults[code - 1]}, si_addr={pointer(addr)}}}"
    name = _CODES.get(code, hex(code) if code > 0 else str(code))
    if code == 0x80:
        return f"{head}{name}}}" if signo not in _FAULT or not addr else f"{head}{name}, si_addr={pointer(addr)}}}"
    number = value & 0xFFFFFFFF
    union = f", si_int={number - ((number & 0x80000000) << 1)}, si_ptr={pointer(value)}" if value else ""
    if code == -2:
        return f"{head}{name}, si_timerid={hex(timer) if timer else 0}, si_overrun={overrun}{union}}}"
    return f"{head}{name}, si_pid={pid}, si_uid={uid}{union if code else ''}}}"


def _ticks(ticks: int) -> str:
    return f"{ticks} /* {ticks / 100:.2f} s */" if ticks else "0"
