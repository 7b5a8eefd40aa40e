"""What users give to Machine, as it must be: their mistakes are told here, not found by the kernel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from procession.arch.python.program import check_program
from procession.hw.chooser import Choice, Provider, Recorded
from procession.hw.console import Console
from procession.hw.published import PublishedPorts
from procession.include.linux.later import later_names, release_of
from procession.include.linux.limits import USHRT_MAX
from procession.include.linux.utsname import NEW_UTS_LEN
from procession.include.trace.events import EVENTS
from procession.lib import string

if TYPE_CHECKING:
    from procession.boot import PythonProgram
    from procession.fs.overlay import RootSpec

__all__ = (
    "check_encodes",
    "check_flags",
    "check_kind",
    "check_memory",
    "check_out",
    "check_range",
    "check_text",
    "check_tree",
    "checked_argv",
    "checked_closed",
    "checked_console",
    "checked_env",
    "checked_hostname",
    "checked_input",
    "checked_later",
    "checked_programs",
    "checked_release",
    "checked_root",
    "checked_winsize",
    "event_names",
    "provider",
    "published_ports",
)

MIN_MEMORY: Final = 4 << 20
MAX_MEMORY: Final = 64 << 30
MAX_WINSIZE: Final = 0xFFFF


def check_kind(name: str, value: object, *kinds: type) -> None:
    """Raise TypeError unless value is one of kinds."""
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name}: {wanted} expected, not {type(value).__name__} ({value!r})")


def check_flags(**flags: object) -> None:
    """Raise TypeError unless all are True or False, or the int that C has for it."""
    for name, value in flags.items():
        check_kind(name, value, bool, int)


def check_out(who: str, out: Any) -> None:
    """Raise TypeError unless out can be written to."""
    try:
        out.write  # noqa: B018 -- has it one?
    except AttributeError:
        raise TypeError(f"{who}: an open text file expected, not {out!r:.80}") from None


def check_range(name: str, value: int, least: int, most: int) -> None:
    """Raise TypeError, ValueError unless value is an int from least to most."""
    check_kind(name, value, int)
    if not least <= value <= most:
        raise ValueError(f"{name}: {least} to {most}, not {value}")


def check_memory(memory: int) -> None:
    """Raise TypeError, ValueError unless a machine can have so many bytes."""
    check_kind("memory", memory, int)
    if memory < MIN_MEMORY:
        raise ValueError(f"memory: at least {MIN_MEMORY >> 20} MiB")
    if memory > MAX_MEMORY:
        raise ValueError(f"memory: at most {MAX_MEMORY >> 30} GiB")


def check_text(name: str, value: object) -> None:
    """Raise TypeError, ValueError unless value can be a C string."""
    check_kind(name, value, str)
    if "\0" in str(value):
        raise ValueError(f"{name}: a NUL character in {value!r}")
    check_encodes(name, str(value))


def check_encodes(name: str, text: str) -> None:
    """Raise ValueError unless text is UTF-8, or bytes as os.fsdecode() reads them."""
    try:
        string.to_bytes(text)
    except UnicodeEncodeError:
        raise ValueError(f"{name}: {text!r} stands for no bytes") from None


def checked_hostname(hostname: str) -> bytes:
    """Return the name as bytes; raises TypeError, ValueError for what no machine is called."""
    check_text("hostname", hostname)
    name = string.to_bytes(hostname)
    if not 0 < len(name) <= NEW_UTS_LEN:
        raise ValueError(f"hostname: 1 to {NEW_UTS_LEN} bytes, not {len(name)}")
    return name


def published_ports(ports: Mapping[int, int] | None) -> PublishedPorts | None:
    """Open ports of the host, None if none are wanted; raises TypeError, ValueError for what is no port, OSError."""
    if not ports:
        return None
    check_kind("publish", ports, Mapping)
    for host, guest in ports.items():
        check_range("publish", host, 1, USHRT_MAX)
        check_range("publish", guest, 1, USHRT_MAX)
    return PublishedPorts(ports)


def checked_later(later: str | Collection[str]) -> frozenset[str]:
    """Return the names; raises TypeError, ValueError for what is none of include/linux/later.py."""
    check_kind("later", later, str, tuple, list, set, frozenset)
    for name in later:
        check_text("later: a name", name)
    return later_names(later)


def checked_release(release: str) -> bytes:
    """Return what uname(2) says as bytes; raises TypeError, ValueError."""
    check_text("release", release)
    return release_of(release)


def checked_closed(closed: Collection[int]) -> tuple[int, ...]:
    """Return the descriptors, each once; raises TypeError, ValueError unless they are of 0, 1 and 2."""
    for fd in closed:
        check_range("closed", fd, 0, 2)
    return tuple(sorted(set(closed)))


def provider(choices: Sequence[Choice] | Provider | None) -> Provider | None:
    """Return who makes the choices, None if the seed does; raises TypeError, ValueError for what no chooser records."""
    if choices is None or isinstance(choices, Provider):
        return choices
    number = 0
    for choice in choices:
        if not isinstance(choice, Choice):
            raise TypeError(f"choices: those of a chooser.record expected, not {choice!r}")
        if choice.number <= number or not 0 < choice.answer < len(choice.candidates):
            raise ValueError(f"choices: no run makes {choice!r} here")
        number = choice.number
    return Recorded(list(choices))


def checked_console(console: Console | None) -> Console | None:
    """Return the console; raises TypeError unless it is one."""
    if console is not None and (isinstance(console, type) or not isinstance(console, Console)):
        raise TypeError(f"console: a console of procession.hw.console expected, not {console!r}")
    return console


def checked_input(stdin: bytes) -> bytes:
    """Return the input as bytes; raises TypeError."""
    check_kind("stdin", stdin, bytes, bytearray, memoryview)
    return bytes(stdin)


def checked_winsize(winsize: tuple[int, int]) -> tuple[int, int]:
    """Return (rows, columns); raises TypeError, ValueError."""
    if not isinstance(winsize, Sequence) or len(winsize) != len(("rows", "columns")):
        raise TypeError(f"winsize: (rows, columns) expected, not {winsize!r}")
    for number in winsize:
        check_range("winsize", number, 0, MAX_WINSIZE)
    return winsize[0], winsize[1]


def checked_root(root: RootSpec) -> RootSpec:
    """Return what may be a root; raises TypeError, ValueError."""
    if root is None:
        return root
    if isinstance(root, str | Path):
        check_text("root", str(root))
        return root
    check_kind("root", root, str, Path, Mapping)
    for path, contents in root.items():
        check_text("root: a path", path)
        check_kind(f"root: {path}", contents, bytes, str)
        if isinstance(contents, str):
            check_encodes(f"root: {path}", contents)
        if contents and path.endswith("/"):
            raise ValueError(f"root: {path}: a directory has no contents of its own")
    check_tree("root", root)
    return root


def check_tree(name: str, paths: Iterable[str]) -> None:
    """Raise ValueError if one of the paths goes through another one, which is a file."""
    files = {PurePosixPath("/", path) for path in paths if not path.endswith("/")}
    for path in files:
        for above in path.parents:
            if above in files:
                raise ValueError(f"{name}: {path}: {above} is a file and has none below it")


def checked_programs(programs: Mapping[str, PythonProgram] | None) -> dict[str, PythonProgram]:
    """Return programs by their paths; raises TypeError, ValueError."""
    check_kind("programs", programs, Mapping, type(None))
    for path, program in (programs or {}).items():
        check_text("programs: a path", path)
        if not path or path.endswith("/") or "\n" in path:
            raise ValueError(f"programs: {path!r} is no path of a program")
        check_program(f"programs: {path}", program)
    check_tree("programs", programs or {})
    return dict(programs or {})


def event_names(trace: bool | Iterable[str]) -> tuple[str, ...] | None:
    """Return the events to keep, () for all, None for none."""
    if isinstance(trace, bool):
        return () if trace else None
    if isinstance(trace, str | bytes) or not isinstance(trace, Iterable):
        raise TypeError(f"trace: True or a list of events expected, not {trace!r}")
    names = tuple(trace)
    unknown = [str(name) for name in names if name not in EVENTS]
    if unknown:
        raise ValueError(f"trace: no event {', '.join(unknown)}")
    return names or None


def checked_argv(program: PythonProgram | Sequence[str], args: Sequence[str]) -> list[str]:
    """Return the whole argv; a Python program's is made up of its name."""
    if callable(program):
        check_program("program", program)
        argv = [f"/bin/{getattr(program, '__name__', 'main')}", *args]
    elif isinstance(program, Sequence) and not isinstance(program, str | bytes):
        argv = [*program, *args]
    else:
        raise TypeError(f"program: `async def main(linux)` or a list of strings expected, not {program!r}")
    if not argv:
        raise ValueError("program: an empty argv")
    for text in argv:
        check_text("program: an argument", text)
    return argv


def checked_env(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables; raises TypeError, ValueError for what no environment holds."""
    check_kind("env", env, Mapping)
    for name, value in env.items():
        check_text("env: a name", name)
        check_text(f"env: {name}", value)
        if not name or "=" in name:
            raise ValueError(f"env: {name!r} is no name of a variable")
    return dict(env)
