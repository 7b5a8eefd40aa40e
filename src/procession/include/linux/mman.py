"""Constants of the calls about memory (include/linux/mman.h, fadvise.h, asm-generic/mman-common.h).

For signatures: they are printed and listed, code computes with plain ints. Members stand in strace's order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from procession.include.linux.mm_types import MapFlags, Prot
from procession.include.linux.types import Arg

__all__ = (
    "FadviseArg",
    "MadviseArg",
    "MapArg",
    "MapType",
    "MlockallArg",
    "MremapArg",
    "MsyncArg",
    "NewAddrArg",
    "OffsetArg",
    "ProtArg",
)


class MapType(IntEnum):
    """The lowest bits of mmap(2)'s flags."""

    MAP_FILE = 0
    MAP_SHARED = 1
    MAP_PRIVATE = 2


class Madvise(IntEnum):
    """madvise(2)."""

    NORMAL = 0
    RANDOM = 1
    SEQUENTIAL = 2
    WILLNEED = 3
    DONTNEED = 4
    REMOVE = 9
    DONTFORK = 10
    DOFORK = 11
    MERGEABLE = 12
    UNMERGEABLE = 13
    HUGEPAGE = 14
    NOHUGEPAGE = 15


class MremapFlags(IntFlag):
    """mremap(2)."""

    MAYMOVE = 1
    FIXED = 2


class MsyncFlags(IntFlag):
    """msync(2)."""

    SYNC = 4
    ASYNC = 1
    INVALIDATE = 2


class MlockallFlags(IntFlag):
    """mlockall(2)."""

    CURRENT = 1
    FUTURE = 2


class Fadvise(IntEnum):
    """posix_fadvise(2)."""

    NORMAL = 0
    RANDOM = 1
    SEQUENTIAL = 2
    WILLNEED = 3
    DONTNEED = 4
    NOREUSE = 5


ProtArg = Annotated[int, Arg("int", 64, flags=Prot, prefix="PROT_")]
MapArg = Annotated[
    int,
    Arg(
        "int",
        64,
        flags=MapFlags,
        values=MapType,
        mask=0xF,
        unknown="MAP_???",
        accepts=(MapType.MAP_SHARED, MapType.MAP_PRIVATE, *MapFlags),
        refused=(MapFlags.MAP_HUGETLB,),
    ),
]
MadviseArg = Annotated[int, Arg("int", 32, signed=True, values=Madvise, prefix="MADV_")]
MremapArg = Annotated[int, Arg("int", 64, flags=MremapFlags, prefix="MREMAP_")]
MsyncArg = Annotated[int, Arg("int", 32, signed=True, flags=MsyncFlags, prefix="MS_")]
MlockallArg = Annotated[int, Arg("int", 32, signed=True, flags=MlockallFlags, prefix="MCL_")]
FadviseArg = Annotated[int, Arg("int", 32, signed=True, values=Fadvise, prefix="POSIX_FADV_")]
OffsetArg = Annotated[int, Arg("offset", 64)]
# Looked at with MREMAP_FIXED only.
NewAddrArg = Annotated[int, Arg("mremap_addr", 64)]
