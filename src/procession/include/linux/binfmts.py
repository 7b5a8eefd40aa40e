"""A program about to be executed (include/linux/binfmts.h)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from procession.lib import string

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


class LinuxBinprm:
    """struct linux_binprm."""

    __slots__ = (
        "filename",
        "interp",
        "file",
        "interpreter",
        "buf",
        "mm",
        "vma",
        "vma_pages",
        "p",
        "argc",
        "envc",
        "exec",
        "cred",
        "unsafe",
        "per_clear",
        "secure",
        "recursion_depth",
        "cap_effective",
        "nondump",
        "path_inaccessible",
        "argv",
        "envp",
    )  # derived

    def __init__(self, filename: str, interp: str) -> None:
        self.filename: str = filename
        self.interp: str = interp
        self.file: File | None = None
        self.interpreter: File | None = None  # ours: a variable of load_elf_binary()
        self.buf: bytes = b""
        self.mm: MmStruct | None = None
        self.vma: VmArea | None = None
        self.vma_pages: int = 0  # of the new stack, which count as the old memory's until that goes
        self.p: int = 0  # top of the new stack, user address
        self.argc: int = 0
        self.envc: int = 0
        self.exec: int = 0
        self.cred: Cred | None = None
        self.unsafe: int = 0
        self.per_clear: int = 0
        self.secure: bool = False
        self.recursion_depth: int = 0
        self.cap_effective: bool = False
        self.nondump: bool = False  # BINPRM_FLAGS_ENFORCE_NONDUMP: a file of the program is not readable by its user
        self.path_inaccessible: bool = False  # no interpreter can open filename: it is a descriptor that exec closes
        self.argv: list[bytes] = []
        self.envp: list[bytes] = []


class CoredumpParams:
    """What a core is for, and where it goes (struct coredump_params).

    write: puts bytes at a place of the file; raises what writing to it raises.  limit: bytes, or RLIM_INFINITY.
    """

    __slots__ = ("signr", "write", "limit")  # derived

    def __init__(self, signr: int, write: Callable[[int, bytes], Awaitable[None]], limit: int) -> None:
        self.signr: Final[int] = signr
        self.write: Final[Callable[[int, bytes], Awaitable[None]]] = write
        self.limit: Final[int] = limit


CoreDump: TypeAlias = "Callable[[Task, CoredumpParams], Coroutine[Any, Any, None]]"


class LinuxBinfmt:
    """struct linux_binfmt: load_binary raises ENOEXEC to let the next format try; core_dump None: writes no cores."""

    __slots__ = ("name", "load_binary", "core_dump")  # derived

    def __init__(
        self,
        name: str,
        load_binary: Callable[[Task, LinuxBinprm], Coroutine[Any, Any, None]],
        core_dump: CoreDump | None = None,
    ) -> None:
        self.name: Final[str] = name
        self.load_binary: Final[Callable[[Task, LinuxBinprm], Coroutine[Any, Any, None]]] = load_binary
        self.core_dump: Final[CoreDump | None] = core_dump


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


class CompatStrings:
    """An array of strings whose pointers have 32 bits (struct user_arg_ptr with is_compat)."""

    __slots__ = ("address",)

    def __init__(self, address: int) -> None:
        self.address = address


def program_file(name: str) -> bytes:
    """Return the contents of the file that stands for the program registered as name."""
    return PYTHON_MAGIC + string.to_bytes(name) + b"\n"
