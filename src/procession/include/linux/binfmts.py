"""A program about to be executed (include/linux/binfmts.h)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import File
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.sched import Task


BINPRM_BUF_SIZE: Final = 128
BINPRM_MAX_RECURSION: Final = 4
MAX_ARG_STRLEN: Final = 131072
# Ours: what the file of a Python program begins with; the name it was registered by follows.
PYTHON_MAGIC: Final = b"\x7fPYP\n"


@dataclass(eq=False, slots=True)
class LinuxBinprm:
    """struct linux_binprm."""

    filename: str
    interp: str
    file: File | None = None
    interpreter: File | None = None  # ours: a variable of load_elf_binary()
    buf: bytes = b""
    mm: MmStruct | None = None
    vma: VmArea | None = None
    p: int = 0  # top of the new stack, user address
    argc: int = 0
    envc: int = 0
    exec: int = 0
    cred: Cred | None = None
    unsafe: int = 0
    per_clear: int = 0
    secure: bool = False
    recursion_depth: int = 0
    cap_effective: bool = False
    nondump: bool = False  # BINPRM_FLAGS_ENFORCE_NONDUMP: a file of the program is not readable by its user
    argv: list[bytes] = field(default_factory=list)
    envp: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CoredumpParams:
    """What a core is for, and where it goes (struct coredump_params).

    write: puts bytes at a place of the file; raises what writing to it raises.  limit: bytes, or RLIM_INFINITY.
    """

    signr: int
    write: Callable[[int, bytes], Awaitable[None]]
    limit: int


CoreDump: TypeAlias = "Callable[[Task, CoredumpParams], Coroutine[Any, Any, None]]"


@dataclass(frozen=True, slots=True)
class LinuxBinfmt:
    """struct linux_binfmt: load_binary raises ENOEXEC to let the next format try; core_dump None: leaves no cores."""

    name: str
    load_binary: Callable[[Task, LinuxBinprm], Coroutine[Any, Any, None]]
    core_dump: CoreDump | None = None


class UserStrings:
    """What a Python program passes where C passes a NULL-terminated array of strings (argv, envp)."""

    __slots__ = ("strings",)

    def __init__(self, strings: tuple[bytes, ...]) -> None:
        self.strings = strings

    def __eq__(self, other: object) -> bool:
        return type(other) is UserStrings and other.strings == self.strings

    def __hash__(self) -> int:
        return hash(self.strings)

    def __repr__(self) -> str:
        return repr(list(self.strings))


def program_file(name: str) -> bytes:
    """Return the contents of the file that stands for the program registered as name."""
    return PYTHON_MAGIC + name.encode("utf-8", "surrogateescape") + b"\n"
