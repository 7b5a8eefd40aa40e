"""openat2(2), and flags of later relatives (include/uapi/linux/openat2.h, close_range.h, fcntl.h, fs.h of 6.18)."""

from __future__ import annotations

from enum import IntFlag
import struct
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

RESOLVE_NO_XDEV: Final = 0x1
RESOLVE_NO_MAGICLINKS: Final = 0x2
RESOLVE_NO_SYMLINKS: Final = 0x4
RESOLVE_BENEATH: Final = 0x8
RESOLVE_IN_ROOT: Final = 0x10
RESOLVE_CACHED: Final = 0x20


class Resolve(IntFlag):
    """openat2(2)."""

    NO_XDEV = RESOLVE_NO_XDEV
    NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS
    NO_SYMLINKS = RESOLVE_NO_SYMLINKS
    BENEATH = RESOLVE_BENEATH
    IN_ROOT = RESOLVE_IN_ROOT
    CACHED = RESOLVE_CACHED


# struct open_how: flags, mode, resolve.
OPEN_HOW: Final = struct.Struct("<3Q")
VALID_OPEN_FLAGS: Final = 0o37777703
TMPFILE_BIT: Final = 0o20000000  # in C __O_TMPFILE, which Python's classes would mangle; with O_DIRECTORY: O_TMPFILE

# close_range(2).
CLOSE_RANGE_UNSHARE: Final = 2
CLOSE_RANGE_CLOEXEC: Final = 4


class CloseRange(IntFlag):
    """close_range(2)."""

    UNSHARE = CLOSE_RANGE_UNSHARE
    CLOEXEC = CLOSE_RANGE_CLOEXEC


AT_EACCESS: Final = 0x200

# renameat2(2).
RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
RENAME_WHITEOUT: Final = 4


class RenameFlags(IntFlag):
    """renameat2(2)."""

    NOREPLACE = RENAME_NOREPLACE
    EXCHANGE = RENAME_EXCHANGE
    WHITEOUT = RENAME_WHITEOUT


# preadv2(2), pwritev2(2).
RWF_HIPRI: Final = 0x1
RWF_DSYNC: Final = 0x2
RWF_SYNC: Final = 0x4
RWF_NOWAIT: Final = 0x8
RWF_APPEND: Final = 0x10
RWF_NOAPPEND: Final = 0x20


class Rwf(IntFlag):
    """preadv2(2)."""

    HIPRI = RWF_HIPRI
    DSYNC = RWF_DSYNC
    SYNC = RWF_SYNC
    NOWAIT = RWF_NOWAIT
    APPEND = RWF_APPEND
    NOAPPEND = RWF_NOAPPEND


OpenHowPtr = Annotated[UserPtr, Arg("struct open_how")]
CloseRangeArg = Annotated[int, Arg("int", 32, flags=CloseRange, prefix="CLOSE_RANGE_")]
FaccessatArg = Annotated[int, Arg("faccessat_flags", 32, signed=True)]
RenameArg = Annotated[
    int, Arg("int", 32, flags=RenameFlags, prefix="RENAME_", accepts=(RENAME_NOREPLACE, RENAME_EXCHANGE))
]
RwfArg = Annotated[int, Arg("int", 32, signed=True, flags=Rwf, prefix="RWF_")]
