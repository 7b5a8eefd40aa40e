"""What strace shows: the expressions of -e."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
import re
from typing import Any, Final, TypeAlias

from procession.arch.x86.syscall_table import LATER_CALLS, SYSCALL_NAMES
from procession.include.linux.signal import NSIG, signame
from procession.tools import strace_classes

__all__ = ("DETAILS", "MESSAGES", "STATUSES", "Filter", "parse_filters")

Names: TypeAlias = Callable[[str], bool]

STATUSES: Final = frozenset({"successful", "failed", "unfinished", "unavailable", "detached"})
MESSAGES: Final = frozenset({"attach", "exit", "path-resolution", "personality", "thread-execve"})
DETAILS: Final = frozenset({"path", "socket", "dev", "pidfd"})
_SAME: Final = {"exits": "exit", "superseded": "thread-execve"}
_CALL_SETS: Final = {
    "trace": "call",
    "t": "call",
    "abbrev": "abbrev",
    "a": "abbrev",
    "verbose": "verbose",
    "v": "verbose",
    "raw": "raw",
    "x": "raw",
}
_WORD_SETS: Final = {
    "status": ("status", STATUSES),
    "quiet": ("quiet", MESSAGES),
    "silent": ("quiet", MESSAGES),
    "silence": ("quiet", MESSAGES),
    "q": ("quiet", MESSAGES),
    "decode-fds": ("decode", DETAILS),
    "decode-fd": ("decode", DETAILS),
}
_SIGNALS: Final = ("signal", "signals", "s")
_DESCRIPTORS: Final = {"read": "read", "reads": "read", "r": "read", "write": "write", "writes": "write", "w": "write"}
_TAMPERING: Final = ("inject", "fault")


@dataclass(slots=True)
class Filter:
    """What to show.

    call, signal: of these names, None for all.  status: calls that ended so.  abbrev: calls whose structs are cut
    short, verbose: whose pointers are followed, raw: whose arguments are numbers.  read, write: descriptors whose data
    are dumped.  quiet: messages to leave out.  decode: what to say of descriptors.
    """

    call: Names | None = None
    signal: Names | None = None
    status: frozenset[str] = STATUSES
    abbrev: Names | None = None
    verbose: Names | None = None
    raw: Names | None = None
    read: Callable[[int], bool] | None = None
    write: Callable[[int], bool] | None = None
    quiet: frozenset[str] = frozenset()
    decode: frozenset[str] = frozenset()


def parse_filters(expressions: Sequence[str]) -> Filter:
    """Return what several -e mean together, of a kind the last; raises ValueError.

    trace=a,b,%class,/regex or trace=!a; signal=SIGINT,… or signal=!…; without a word before the sign: trace. The others
    are those of strace(1), but for those that change what the program meets.
    """
    found: dict[str, Any] = {}
    for expression in expressions:
        what, equals, names = expression.partition("=")
        if not equals:
            what, names = "trace", expression
        if what in _CALL_SETS:
            found[_CALL_SETS[what]] = _calls(expression, names)
        elif what in _SIGNALS:
            found["signal"] = _signals(expression, names)
        elif what in _WORD_SETS:
            field, known = _WORD_SETS[what]
            found[field] = _some(expression, names, known, field)
        elif what in _DESCRIPTORS:
            found[_DESCRIPTORS[what]] = _numbers(expression, names)
        elif what in _TAMPERING:
            raise ValueError(f"-e {expression}: calls are not tampered with here; see --fail of procession run")
        else:
            raise ValueError(f"-e {expression}: {what!r} is none of its words: see --help")
    return Filter(**found)


def _calls(expression: str, names: str) -> Names:
    negate = names.startswith("!")
    known = {*SYSCALL_NAMES.values(), *(name for name, _ in LATER_CALLS.values())}
    chosen: set[str] = set()
    for item in filter(None, names.lstrip("!").split(",")):
        name = item.removeprefix("?")
        these = strace_classes.members(name) if name.startswith("%") or name not in known else None
        if name in ("all", "none"):
            chosen |= known if name == "all" else set()
        elif these is not None:
            chosen |= these
        elif name.startswith("/"):
            chosen |= {call for call in known if _search(expression, name[1:], call)}
        elif name.removesuffix("@64") in known:
            chosen.add(name.removesuffix("@64"))
        elif name == item:
            raise ValueError(f"-e {expression}: invalid system call {name!r}")
    return lambda name: (name in chosen) != negate


def _search(expression: str, pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error as error:
        raise ValueError(f"-e {expression}: {error}") from error


def _signals(expression: str, names: str) -> Names:
    negate = names.startswith("!")
    known = {signame(n) for n in range(1, NSIG + 1)}
    chosen: set[str] = set()
    for item in filter(None, names.removeprefix("!").split(",")):
        name = item.upper()
        name = signame(int(name)) if name.isascii() and name.isdecimal() else "SIG" + name.removeprefix("SIG")
        if item in ("all", "none"):
            chosen |= known if item == "all" else set()
        elif name in known:
            chosen.add(name)
        else:
            raise ValueError(f"-e {expression}: invalid signal {item!r}")
    return lambda name: (name in chosen) != negate


def _some(expression: str, names: str, known: Collection[str], what: str) -> frozenset[str]:
    negate = names.startswith("!")
    chosen: set[str] = set()
    for item in filter(None, names.removeprefix("!").split(",")):
        name = _SAME.get(item, item)
        if name in ("all", "none"):
            chosen |= set(known) if name == "all" else set()
        elif name in known:
            chosen.add(name)
        else:
            raise ValueError(f"-e {expression}: invalid {what} {item!r}: one of {', '.join(sorted(known))}")
    return frozenset(set(known) - chosen if negate else chosen)


def _numbers(expression: str, names: str) -> Callable[[int], bool]:
    negate = names.startswith("!")
    every = False
    chosen: set[int] = set()
    for item in filter(None, names.removeprefix("!").split(",")):
        if item in ("all", "none"):
            every = every or item == "all"
        elif item.isascii() and item.isdecimal() and len(item) < _DIGITS:
            chosen.add(int(item))
        else:
            raise ValueError(f"-e {expression}: invalid descriptor {item!r}")
    return lambda fd: (every or fd in chosen) != negate


_DIGITS: Final = 11  # no descriptor has so many
