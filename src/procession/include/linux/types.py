"""C types of system-call arguments, as annotations (include/linux/types.h).

A system call's signature says how each register is read: `Int` is sign-extended from 32 bits, `ULong` taken
whole. The same annotation tells strace how to print it, and the table of system calls which constants are understood.
`Arg.kind` names a printer in tools/strace.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final, Protocol, TypeAlias


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


class Arg:
    """How a register becomes an argument, how strace prints it, and which of its constants are understood.

    kind: "int", "addr", "fd", "path", "buf", "outbuf" (the length is the next argument, or the result), or another
    name that tools/strace_args.PRINTERS has.  out: written by the call, so printed at its exit.
    values: the constants it may be, or that it may begin with if flags are or-ed in: then those of the bits in mask.
    flags: the bits it may have, in the order strace prints them.  prefix: what the C names begin with.
    unknown: how strace calls all of them, else made of prefix.
    accepts: the members that 3.2 takes here, None for all.  refused: those that 3.2 takes and this kernel does not.
    """

    __slots__ = (
        "kind",
        "bits",
        "signed",
        "out",
        "flags",
        "prefix",
        "values",
        "mask",
        "unknown",
        "accepts",
        "refused",
    )  # derived

    def __init__(
        self,
        kind: str = "int",
        bits: int = 64,
        signed: bool = False,
        out: bool = False,
        flags: type[IntFlag] | None = None,
        prefix: str = "",
        values: type[IntEnum] | None = None,
        mask: int = 0,
        unknown: str = "",
        accepts: tuple[int, ...] | None = None,
        refused: tuple[int, ...] = (),
    ) -> None:
        self.kind: Final[str] = kind
        self.bits: Final[int] = bits
        self.signed: Final[bool] = signed
        self.out: Final[bool] = out
        self.flags: Final[type[IntFlag] | None] = flags
        self.prefix: Final[str] = prefix
        self.values: Final[type[IntEnum] | None] = values
        self.mask: Final[int] = mask
        self.unknown: Final[str] = unknown
        self.accepts: Final[tuple[int, ...] | None] = accepts
        self.refused: Final[tuple[int, ...]] = refused


Int = Annotated[int, Arg("int", 32, signed=True)]
UInt = Annotated[int, Arg("int", 32)]
Long = Annotated[int, Arg("int", 64, signed=True)]
ULong = Annotated[int, Arg("int", 64)]
Addr = Annotated[int, Arg("addr", 64)]
SizeT = Annotated[int, Arg("int", 64)]
OffT = Annotated[int, Arg("int", 64, signed=True)]
PidNr = Annotated[int, Arg("int", 32, signed=True)]
UidT = Annotated[int, Arg("uid", 32)]
Fd = Annotated[int, Arg("descriptor", 32, signed=True)]
DirFd = Annotated[int, Arg("fd", 32, signed=True)]
ModeT = Annotated[int, Arg("mode", 32)]
# Signed to the kernel, but strace does not show it.
Length = Annotated[int, Arg("unsigned", 64, signed=True)]
UInt32 = Annotated[int, Arg("unsigned", 32, signed=True)]
# The upper half of an offset, which strace prints with the lower one.
HiddenArg = Annotated[int, Arg("hidden", 64)]
SigNr = Annotated[int, Arg("signal", 32, signed=True)]
TimeT = Annotated[int, Arg("time", 64, signed=True)]

# A claim of user space, checked by uaccess at each use: a virtual address or a Python program's buffer.
UserPtr: TypeAlias = int | HostBuffer
Path = Annotated[UserPtr, Arg("path")]
# What a symbolic link says: a path that nothing is looked up by.
LinkText = Annotated[UserPtr, Arg("link_text")]
# Where a new thread's stack begins: a number, but for a Python program, which has no addresses for that.
StackTop = Annotated[UserPtr, Arg("addr", 64)]
# A string that is not a file's name: a long one is cut off.
Str = Annotated[UserPtr, Arg("string")]
InBuf = Annotated[UserPtr, Arg("buf")]
OutBuf = Annotated[UserPtr, Arg("outbuf", out=True)]
IoVec = Annotated[UserPtr, Arg("iovec")]
IoVecOut = Annotated[UserPtr, Arg("iovec", out=True)]
IntOut = Annotated[UserPtr, Arg("int *", out=True)]
IoVecRemote = Annotated[UserPtr, Arg("iovec_addr")]
OutStr = Annotated[UserPtr, Arg("outstring", out=True)]
LongOut = Annotated[UserPtr, Arg("long *", out=True)]
AddrOut = Annotated[UserPtr, Arg("void **", out=True)]
Int64Ptr = Annotated[UserPtr, Arg("long *")]
# Read and written back.
OffsetPtr = Annotated[UserPtr, Arg("offset *", out=True)]
Groups = Annotated[UserPtr, Arg("gid_t[]")]
GroupsOut = Annotated[UserPtr, Arg("gid_t[]", out=True)]
CharVec = Annotated[UserPtr, Arg("char[]", out=True)]
