"""The options of `procession strace` that are strace's own: its letters, and the long names that go with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.tools.strace_lines import Options

__all__ = ("GROUPS", "LETTERS", "Asked", "Letter", "options", "read")


@dataclass(frozen=True, slots=True)
class Letter:
    """One of strace's options.

    letter: "" if it has none.  name: its long name, "" if it has none.  value: what its value is called, "" if there
    is none.  default: where the long name needs no value, what it then means.
    """

    group: str
    letter: str
    name: str
    value: str
    help: str
    default: str | None = None

    @property
    def usage(self) -> str:
        """How it is written."""
        value = f" {self.value}" if self.value and self.default is None else ""
        long_value = f"[={self.value}]" if self.default is not None and self.value else ""
        if value and self.name:
            long_value = f"={self.value}"
        letter = f"-{self.letter}{'' if self.name else value}" if self.letter else ""
        return ", ".join(part for part in (letter, self.name + long_value if self.name else "") if part)


_TRACED: Final = "What is traced"
_SHOWN: Final = "What is shown"
_PRINTED: Final = "How it is printed"
_TIMES: Final = "When and how long"
_SUMMARY: Final = "A summary"
GROUPS: Final = (_TRACED, _SHOWN, _PRINTED, _TIMES, _SUMMARY)

LETTERS: Final = (
    Letter(_TRACED, "f", "--follow-forks", "", "Follow children. -ff with -o: a file for each process, FILE.PID."),
    Letter(_TRACED, "", "--output-separately", "", "With -f and -o, a file for each process."),
    Letter(_TRACED, "p", "--attach", "PID", "Only process PID, from its beginning; may be repeated, or be PID,PID."),
    Letter(
        _SHOWN,
        "e",
        "",
        "EXPR",
        "[trace=]CALL,%CLASS,/REGEX,… or !…; signal=, status=, quiet=, abbrev=, verbose=,"
        " raw=, read=, write=, decode-fds= (docs/tools.md).",
    ),
    Letter(_SHOWN, "P", "--trace-path", "PATH", "Only calls about this file; may be repeated."),
    Letter(_SHOWN, "z", "--successful-only", "", "Only calls that succeed."),
    Letter(_SHOWN, "Z", "--failed-only", "", "Only calls that fail."),
    Letter(
        _SHOWN,
        "q",
        "--quiet",
        "SET",
        "No lines about attaching; -qq: nor about exits; -qqq: no messages at all.",
        "attach,personality",
    ),
    Letter(
        _PRINTED, "o", "--output", "FILE", "Write to FILE instead of stderr; to a command if it begins with | or !."
    ),
    Letter(_PRINTED, "A", "--output-append-mode", "", "Write behind what is in the file already."),
    Letter(_PRINTED, "s", "--string-limit", "N", "How many bytes of a string to show, and items of an array (32)."),
    Letter(_PRINTED, "a", "--columns", "N", "In which column results stand (40)."),
    Letter(_PRINTED, "v", "--no-abbrev", "", "Show structs and arrays whole."),
    Letter(_PRINTED, "x", "--strings-in-hex", "SET", "Strings with other than ASCII in hex; -xx: all strings.", "all"),
    Letter(
        _PRINTED, "y", "--decode-fds", "SET", "Name the file of each descriptor; -yy: sockets and devices, too.", "path"
    ),
    Letter(_PRINTED, "n", "--syscall-number", "", "Show each call's number."),
    Letter(_PRINTED, "i", "--instruction-pointer", "", "Show where in the program each call was made."),
    Letter(
        _TIMES,
        "t",
        "--absolute-timestamps",
        "FORMAT",
        "Time of day inside, in UTC; -tt: with microseconds; -ttt: seconds since 1970.",
        "time",
    ),
    Letter(_TIMES, "r", "--relative-timestamps", "PRECISION", "Time since the line before (s, ms, us, ns).", "us"),
    Letter(_TIMES, "T", "--syscall-times", "PRECISION", "Time spent in each call.", "us"),
    Letter(_SUMMARY, "c", "--summary-only", "", "Count calls, errors and the CPU's time instead of printing calls."),
    Letter(_SUMMARY, "C", "--summary", "", "Print calls, and the table at the end."),
    Letter(
        _SUMMARY,
        "S",
        "--summary-sort-by",
        "COLUMN",
        "Sort the table by time, min-time, max-time, avg-time, calls, errors, name or nothing.",
    ),
    Letter(
        _SUMMARY, "U", "--summary-columns", "COLUMNS", "The table's columns: of these, time-percent and total-time."
    ),
    Letter(_SUMMARY, "w", "--summary-wall-clock", "", "Count the time until a call returned, not the CPU's."),
)
# Long names that are words of -e, and ours that strace has letters for.
_EXPRESSIONS: Final = ("trace", "signal", "status", "abbrev", "verbose", "raw", "read", "write", "inject", "fault")
_OURS: Final = {"E": "--env", "u": "--user"}
# Nothing to do here: nobody stops whom nobody traces.
_NOTHING: Final = ("--seccomp-bpf",)
_ABSENT: Final = {
    "b": "leaving a process at a call",
    "d": "output about strace itself",
    "D": "a tracer in the background",
    "I": "choosing who may interrupt",
    "k": "stack traces",
    "O": "taking off the tracer's own time: it takes none",
    "X": "another style of constants",
    "Y": "names of processes",
}
_ABSENT_LONG: Final = {
    "--detach-on": "b",
    "--debug": "d",
    "--daemonize": "D",
    "--daemonized": "D",
    "--interruptible": "I",
    "--stack-traces": "k",
    "--summary-syscall-overhead": "O",
    "--const-print-style": "X",
    "--decode-pids": "Y",
}
_BY_LETTER: Final = {letter.letter: letter for letter in LETTERS if letter.letter}
_BY_NAME: Final = {letter.name: letter for letter in LETTERS if letter.name}


@dataclass(slots=True)
class Asked:
    """What strace's letters said.

    given: each option in its order, by its letter or else its long name, with the value of the long name ("" if it has
    none), or None for the letter alone.  ours: the words of our own options.  program: what is to be run.
    """

    given: list[tuple[str, str | None]] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    program: list[str] = field(default_factory=list)

    def count(self, key: str) -> int:
        """How often an option was given."""
        return sum(name == key for name, _ in self.given)

    def values(self, key: str) -> list[str]:
        """The values given to an option."""
        return [value for name, value in self.given if name == key and value is not None]

    def last(self, key: str) -> str | None:
        """The last value given to an option."""
        found = self.values(key)
        return found[-1] if found else None


def read(words: Sequence[str], takes_value: Callable[[str], bool | None]) -> Asked:
    """Sort the words before and of the program; raises ValueError, whose text is for the user.

    takes_value: whether an option of our own has a value, None if it is none.
    """
    asked = Asked()
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            _long(word, rest, asked, takes_value)
        else:
            _cluster(word[1:], rest, asked, takes_value)
    asked.program = rest
    return asked


def _next(option: str, rest: list[str]) -> str:
    if not rest:
        raise ValueError(f"strace {option}: its value is missing")
    return rest.pop(0)


def _long(word: str, rest: list[str], asked: Asked, takes_value: Callable[[str], bool | None]) -> None:
    name, equals, value = word.partition("=")
    letter = _BY_NAME.get(name)
    if letter is not None:
        if equals and not letter.value:
            raise ValueError(f"strace {name}: takes no value")
        if not equals and letter.value:
            value = letter.default if letter.default is not None else _next(name, rest)
        asked.given.append((letter.letter or name, value if letter.value else None))
    elif name[2:] in _EXPRESSIONS:
        asked.given.append(("e", f"{name[2:]}={value if equals else _next(name, rest)}"))
    elif name in _ABSENT_LONG:
        raise ValueError(f"strace {name}: not to be had here ({_ABSENT[_ABSENT_LONG[name]]})")
    elif name not in _NOTHING:
        asked.ours.append(word)
        if takes_value(name) and not equals:
            asked.ours.append(_next(name, rest))


def _cluster(letters: str, rest: list[str], asked: Asked, takes_value: Callable[[str], bool | None]) -> None:
    """Take the letters of a word; the rest of the word is the value of the first that has one."""
    for at, key in enumerate(letters):
        letter = _BY_LETTER.get(key)
        ours = _OURS.get(key, "")
        if key == "h":
            asked.ours.append("--help")
        elif letter is not None and (not letter.value or letter.default is not None):
            asked.given.append((key, None))
        elif letter is not None or takes_value(ours):
            value = letters[at + 1 :] or _next(f"-{key}", rest)
            if letter is not None:
                asked.given.append((key, value))
            else:
                asked.ours += [ours, value]
            return
        elif key in _ABSENT:
            raise ValueError(f"strace -{key}: not to be had here ({_ABSENT[key]})")
        else:
            raise ValueError(f"strace -{key}: no such option; --help lists them")


# What they mean.


def _expressions(asked: Asked) -> list[str]:
    """Return all that is as well an -e, in its order."""
    out = []
    quiet = decode = 0
    for key, value in asked.given:
        if key == "q":
            quiet += 1
            out.append("quiet=" + (value or _QUIET[min(quiet, len(_QUIET)) - 1]))
        elif key == "y":
            decode += 1
            out.append("decode-fds=" + (value or ("path" if decode == 1 else "all")))
        elif key == "e":
            out.append(value or "")
        elif key in _ALIASES:
            out.append(_ALIASES[key])
    return out


_QUIET: Final = ("attach,personality", "attach,personality,exit", "all")
_ALIASES: Final = {"v": "abbrev=none", "z": "status=successful", "Z": "status=failed"}
_PRECISIONS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_HEXED: Final = ("all", "non-ascii", "non-ascii-chars")


def _number(option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise ValueError(f"strace {option} {text}: not a number")
    return int(text)


_DIGITS: Final = 9  # enough for any number that an option takes


def _precision(asked: Asked, key: str) -> int | None:
    if not asked.count(key):
        return None
    text = asked.last(key) or "us"
    if text not in _PRECISIONS:
        raise ValueError(f"strace -{key}: {text}: the precision is one of {', '.join(_PRECISIONS)}")
    return _PRECISIONS[text]


def _clock(asked: Asked) -> tuple[str, int]:
    """Return the format and the digits of -t and its long name."""
    count = sum(key == "t" and value is None for key, value in asked.given)
    clock, digits = ("", "time", "time", "unix")[min(count, 3)], 6 if count > 1 else 0
    for value in asked.values("t"):
        for part in value.split(","):
            word = part.removeprefix("format:").removeprefix("precision:")
            if word in ("time", "unix", "none"):
                clock = "" if word == "none" else word
            elif word in _PRECISIONS:
                clock, digits = clock or "time", _PRECISIONS[word]
            else:
                raise ValueError(f"strace --absolute-timestamps={value}: time, unix or none, and s, ms, us or ns")
    return clock, digits


def _pids(asked: Asked) -> frozenset[int]:
    out = set()
    for text in asked.values("p"):
        for word in text.replace(",", " ").split() or [text]:
            pid = _number("-p", word, 0)
            if not pid:
                raise ValueError(f"strace -p {text}: not the number of a process")
            out.add(pid)
    return frozenset(out)


def _hexed(asked: Asked) -> str:
    text = asked.last("x")
    if text is None:
        return ("", "non-ascii", "all")[min(asked.count("x"), 2)]
    if text not in _HEXED:
        raise ValueError(f"strace --strings-in-hex={text}: one of {', '.join(_HEXED)}")
    return text


def _check(asked: Asked) -> None:
    """Refuse what does not go together, as strace does; raises ValueError."""
    counts = asked.count("c") or asked.count("C")
    separate = asked.count("f") > 1 or asked.count("--output-separately")
    if asked.count("c") and asked.count("C"):
        raise ValueError("strace: -c and -C exclude each other")
    if counts and separate:
        raise ValueError("strace: -ff, a file for each process, has no place for the table of -c and -C")
    if separate and (asked.last("o") or "").startswith(("|", "!")):
        raise ValueError("strace: -ff needs files: a command has one input")
    for key in ("w", "S", "U"):
        if asked.count(key) and not counts:
            raise ValueError(f"strace -{key}: goes with -c or -C")
    if asked.count("A") and not asked.count("o"):
        raise ValueError("strace -A: goes with -o")
    if asked.last("o") == "":
        raise ValueError("strace -o '': the name of a file expected")


def options(asked: Asked) -> Options:
    """Return what the letters mean, but for the files; raises ValueError, whose text is for the user."""
    from procession.tools import strace_summary
    from procession.tools.strace_filter import parse_filters
    from procession.tools.strace_lines import Options

    _check(asked)
    summary = None
    if asked.count("c") or asked.count("C"):
        order = strace_summary.sort_by(asked.last("S") or "time")
        chosen = asked.last("U")
        shown = strace_summary.DEFAULT if chosen is None else strace_summary.columns(chosen)
        summary = strace_summary.Summary(shown, order)
    clock, digits = _clock(asked)
    return Options(
        follow=asked.count("f") > 0,
        only=parse_filters(_expressions(asked)),
        limit=_number("-s", asked.last("s"), 32),
        hexed=_hexed(asked),
        column=_number("-a", asked.last("a"), 40),
        to_file=asked.count("o") > 0,
        clock=clock,
        clock_digits=digits,
        relative=_precision(asked, "r"),
        spent=_precision(asked, "T"),
        numbers=asked.count("n") > 0,
        pointers=asked.count("i") > 0,
        paths=tuple(asked.values("P")),
        pids=_pids(asked),
        summary=summary,
        counts_only=asked.count("c") > 0,
        wall=asked.count("w") > 0,
    )
