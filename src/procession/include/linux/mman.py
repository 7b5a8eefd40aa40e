"""Constants of the calls about memory (include/linux/mman.h, fadvise.h, asm-generic/mman-common.h).

For signatures: they are printed and listed, code computes with plain ints. Members stand in strace's order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.mm_types import MAP_FIXED_NOREPLACE, MAP_HUGETLB, MapFlags, Prot
from procession.include.linux.types import Arg

# The lowest bits of mmap(2)'s flags.
MAP_FILE: Final = 0
MAP_SHARED: Final = 1
MAP_PRIVATE: Final = 2
MAP_TYPE: Final = 0xF  # the bits that say which of the two


class MapType(IntEnum):
    """The lowest bits of mmap(2)'s flags."""

    MAP_FILE = MAP_FILE
    MAP_SHARED = MAP_SHARED
    MAP_PRIVATE = MAP_PRIVATE


# madvise(2).
MADV_NORMAL: Final = 0
MADV_RANDOM: Final = 1
MADV_SEQUENTIAL: Final = 2
MADV_WILLNEED: Final = 3
MADV_DONTNEED: Final = 4
MADV_FREE: Final = 8  # of 4.5
MADV_REMOVE: Final = 9
MADV_DONTFORK: Final = 10
MADV_DOFORK: Final = 11
MADV_MERGEABLE: Final = 12
MADV_UNMERGEABLE: Final = 13
MADV_HUGEPAGE: Final = 14
MADV_NOHUGEPAGE: Final = 15


class Madvise(IntEnum):
    """madvise(2)."""

    NORMAL = MADV_NORMAL
    RANDOM = MADV_RANDOM
    SEQUENTIAL = MADV_SEQUENTIAL
    WILLNEED = MADV_WILLNEED
    DONTNEED = MADV_DONTNEED
    FREE = MADV_FREE
    REMOVE = MADV_REMOVE
    DONTFORK = MADV_DONTFORK
    DOFORK = MADV_DOFORK
    MERGEABLE = MADV_MERGEABLE
    UNMERGEABLE = MADV_UNMERGEABLE
    HUGEPAGE = MADV_HUGEPAGE
    NOHUGEPAGE = MADV_NOHUGEPAGE


# mremap(2).
MREMAP_MAYMOVE: Final = 1
MREMAP_FIXED: Final = 2


class MremapFlags(IntFlag):
    """mremap(2)."""

    MAYMOVE = MREMAP_MAYMOVE
    FIXED = MREMAP_FIXED


# msync(2).
MS_SYNC: Final = 4
MS_ASYNC: Final = 1
MS_INVALIDATE: Final = 2


class MsyncFlags(IntFlag):
    """msync(2)."""

    SYNC = MS_SYNC
    ASYNC = MS_ASYNC
    INVALIDATE = MS_INVALIDATE


# mlockall(2).
MCL_CURRENT: Final = 1
MCL_FUTURE: Final = 2


class MlockallFlags(IntFlag):
    """mlockall(2)."""

    CURRENT = MCL_CURRENT
    FUTURE = MCL_FUTURE


# posix_fadvise(2).
POSIX_FADV_NORMAL: Final = 0
POSIX_FADV_RANDOM: Final = 1
POSIX_FADV_SEQUENTIAL: Final = 2
POSIX_FADV_WILLNEED: Final = 3
POSIX_FADV_DONTNEED: Final = 4
POSIX_FADV_NOREUSE: Final = 5


class Fadvise(IntEnum):
    """posix_fadvise(2)."""

    NORMAL = POSIX_FADV_NORMAL
    RANDOM = POSIX_FADV_RANDOM
    SEQUENTIAL = POSIX_FADV_SEQUENTIAL
    WILLNEED = POSIX_FADV_WILLNEED
    DONTNEED = POSIX_FADV_DONTNEED
    NOREUSE = POSIX_FADV_NOREUSE


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
        accepts=(MAP_SHARED, MAP_PRIVATE, *[flag for flag in MapFlags if flag != MAP_FIXED_NOREPLACE]),
        refused=(MAP_HUGETLB,),
    ),
]
_ADVICE: Final = tuple([int(advice) for advice in Madvise if advice != MADV_FREE])
MadviseArg = Annotated[int, Arg("int", 32, signed=True, values=Madvise, prefix="MADV_", accepts=_ADVICE)]
MremapArg = Annotated[int, Arg("int", 64, flags=MremapFlags, prefix="MREMAP_")]
MsyncArg = Annotated[int, Arg("int", 32, signed=True, flags=MsyncFlags, prefix="MS_")]
MlockallArg = Annotated[int, Arg("int", 32, signed=True, flags=MlockallFlags, prefix="MCL_")]
FadviseArg = Annotated[int, Arg("int", 32, signed=True, values=Fadvise, prefix="POSIX_FADV_")]
OffsetArg = Annotated[int, Arg("offset", 64)]
# Looked at with MREMAP_FIXED only.
NewAddrArg = Annotated[int, Arg("mremap_addr", 64)]
