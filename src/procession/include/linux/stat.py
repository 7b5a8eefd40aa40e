"""statx(2) (include/uapi/linux/stat.h of 6.18)."""

from __future__ import annotations

from enum import IntFlag
import struct
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

STATX_TYPE: Final = 0x1
STATX_MODE: Final = 0x2
STATX_NLINK: Final = 0x4
STATX_UID: Final = 0x8
STATX_GID: Final = 0x10
STATX_ATIME: Final = 0x20
STATX_MTIME: Final = 0x40
STATX_CTIME: Final = 0x80
STATX_INO: Final = 0x100
STATX_SIZE: Final = 0x200
STATX_BLOCKS: Final = 0x400
STATX_BASIC_STATS: Final = 0x7FF
STATX_BTIME: Final = 0x800
STATX_MNT_ID: Final = 0x1000
STATX_RESERVED: Final = 0x80000000  # in C with two underscores before R

STATX_ATTR_MOUNT_ROOT: Final = 0x2000

AT_STATX_FORCE_SYNC: Final = 0x2000
AT_STATX_DONT_SYNC: Final = 0x4000
AT_STATX_SYNC_TYPE: Final = 0x6000


class StatxMask(IntFlag):
    """statx(2): what is wanted."""

    STATX_ALL = 0xFFF
    STATX_BASIC_STATS = STATX_BASIC_STATS
    STATX_TYPE = STATX_TYPE
    STATX_MODE = STATX_MODE
    STATX_NLINK = STATX_NLINK
    STATX_UID = STATX_UID
    STATX_GID = STATX_GID
    STATX_ATIME = STATX_ATIME
    STATX_MTIME = STATX_MTIME
    STATX_CTIME = STATX_CTIME
    STATX_INO = STATX_INO
    STATX_SIZE = STATX_SIZE
    STATX_BLOCKS = STATX_BLOCKS
    STATX_BTIME = STATX_BTIME
    STATX_MNT_ID = STATX_MNT_ID


# struct statx: mask, blksize, attributes, nlink, uid, gid, mode, ino, size, blocks, attributes_mask, the four times,
# rdev, dev, mnt_id, and what is to come.
STATX: Final = struct.Struct("<IIQIIIHxxQQQQqI4xqI4xqI4xqI4xIIIIQ104x")

StatxFlags = Annotated[int, Arg("statx_flags", 32, signed=True)]
StatxMaskArg = Annotated[int, Arg("int", 32, flags=StatxMask, unknown="STATX_???")]
StatxBuf = Annotated[UserPtr, Arg("struct statx", out=True)]
