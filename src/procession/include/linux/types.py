"""C types of system-call arguments, as annotations (include/linux/types.h).

A system call's signature says how each register is read: `Int` is sign-extended from 32 bits, `ULong` taken
whole. The same annotation tells strace how to print it. `Arg.kind` names a printer in tools/strace.
"""

from dataclasses import dataclass
from enum import IntFlag
from typing import Annotated, Protocol, TypeAlias

__all__ = (
    "Arg", "Fd", "HostBuffer", "Int", "Long", "ModeT", "OffT", "Path", "PidNr", "SizeT", "UInt", "ULong",
    "UidT", "UserPtr",
)


class HostBuffer(Protocol):
    """What a Python program passes where an ELF program passes an address.

    uaccess accepts both. Offsets are bytes from the start of the buffer.
    """

    def load(self, offset: int, size: int) -> bytes:
        """Return size bytes; raises EFAULT beyond the end."""
        ...

    def store(self, offset: int, data: bytes) -> None:
        """Write data at offset; raises EFAULT beyond the end."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Arg:
    """How a register becomes an argument, and how strace prints it.

    kind: "int", "ptr", "fd", "path", "buf", "outbuf" (its length is the next argument, or the result when
    out), or the name of a struct ("struct timespec").  out: written by the call, so printed at its exit.
    flags: the IntFlag or IntEnum class whose names are printed.  prefix: what the C names begin with.
    """

    kind: str = "int"
    bits: int = 64
    signed: bool = False
    out: bool = False
    flags: type[IntFlag] | None = None
    prefix: str = ""


Int = Annotated[int, Arg("int", 32, signed=True)]
UInt = Annotated[int, Arg("int", 32)]
Long = Annotated[int, Arg("int", 64, signed=True)]
ULong = Annotated[int, Arg("int", 64)]
SizeT = Annotated[int, Arg("int", 64)]
OffT = Annotated[int, Arg("int", 64, signed=True)]
PidNr = Annotated[int, Arg("int", 32, signed=True)]
UidT = Annotated[int, Arg("uid", 32)]
Fd = Annotated[int, Arg("fd", 32, signed=True)]
ModeT = Annotated[int, Arg("mode", 32)]

# A claim of user space, checked by uaccess at each use: a virtual address or a Python program's buffer.
UserPtr: TypeAlias = int | HostBuffer
Path = Annotated[UserPtr, Arg("path")]
