"""Constants of the calls about files and names (include/linux/fcntl.h, fs.h, falloc.h, xattr.h, stat.h).

For signatures: they are printed and listed, code computes with plain ints. Members stand in strace's order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Any

from procession.include.linux.fs import OpenFlags
from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "AccessArg",
    "AtFlags",
    "AtFollowArg",
    "AtLinkArg",
    "AtOwnerArg",
    "AtRemoveArg",
    "AtStatArg",
    "CloexecArg",
    "DevArg",
    "Dirents",
    "FallocateArg",
    "FcntlArg",
    "FcntlCmd",
    "FcntlCmdArg",
    "FdFlags",
    "FdPair",
    "FileModeArg",
    "FlockArg",
    "LockType",
    "MountArg",
    "MountTypeArg",
    "OpenArg",
    "OpenMode",
    "OwnerType",
    "PipeFlagsArg",
    "SpliceArg",
    "StatBuf",
    "StatfsBuf",
    "SyncFileRangeArg",
    "Timespecs",
    "Timevals",
    "UmountArg",
    "Utimbuf",
    "Whence",
    "WhenceArg",
    "XattrArg",
)


class OpenMode(IntEnum):
    """The lowest bits of open(2)'s flags."""

    RDONLY = 0
    WRONLY = 1
    RDWR = 2
    ACCMODE = 3


class AtFlags(IntFlag):
    """Flags of calls that take a directory and a name."""

    SYMLINK_NOFOLLOW = 0x100
    REMOVEDIR = 0x200
    SYMLINK_FOLLOW = 0x400
    NO_AUTOMOUNT = 0x800
    EMPTY_PATH = 0x1000


class AccessMode(IntFlag):
    """access(2)."""

    F_OK = 0
    R_OK = 4
    W_OK = 2
    X_OK = 1


class Whence(IntEnum):
    """lseek(2)."""

    SET = 0
    CUR = 1
    END = 2


class FcntlCmd(IntEnum):
    """fcntl(2)."""

    DUPFD = 0
    GETFD = 1
    SETFD = 2
    GETFL = 3
    SETFL = 4
    GETLK = 5
    SETLK = 6
    SETLKW = 7
    SETOWN = 8
    GETOWN = 9
    SETSIG = 10
    GETSIG = 11
    SETOWN_EX = 15
    GETOWN_EX = 16
    SETLEASE = 1024
    GETLEASE = 1025
    NOTIFY = 1026
    DUPFD_CLOEXEC = 1030
    SETPIPE_SZ = 1031
    GETPIPE_SZ = 1032


class FdFlags(IntFlag):
    """What F_SETFD sets."""

    CLOEXEC = 1


class LockType(IntEnum):
    """struct flock."""

    RDLCK = 0
    WRLCK = 1
    UNLCK = 2


class OwnerType(IntEnum):
    """struct f_owner_ex."""

    TID = 0
    PID = 1
    PGRP = 2


class FlockOp(IntFlag):
    """flock(2)."""

    SH = 1
    EX = 2
    NB = 4
    UN = 8
    MAND = 32
    READ = 64
    WRITE = 128


class Fallocate(IntFlag):
    """fallocate(2)."""

    KEEP_SIZE = 1
    PUNCH_HOLE = 2


class SyncFileRange(IntFlag):
    """sync_file_range(2)."""

    WAIT_BEFORE = 1
    WRITE = 2
    WAIT_AFTER = 4


class Xattr(IntFlag):
    """setxattr(2)."""

    CREATE = 1
    REPLACE = 2


class MountFlags(IntFlag):
    """mount(2)."""

    RDONLY = 1
    NOSUID = 2
    NODEV = 4
    NOEXEC = 8
    SYNCHRONOUS = 16
    REMOUNT = 32
    MANDLOCK = 64
    DIRSYNC = 128
    NOATIME = 0x400
    NODIRATIME = 0x800
    BIND = 0x1000
    MOVE = 0x2000
    REC = 0x4000
    SILENT = 0x8000
    POSIXACL = 0x10000
    UNBINDABLE = 0x20000
    PRIVATE = 0x40000
    SLAVE = 0x80000
    SHARED = 0x100000
    RELATIME = 0x200000
    KERNMOUNT = 0x400000
    I_VERSION = 0x800000
    STRICTATIME = 0x1000000


class UmountFlags(IntFlag):
    """umount2(2)."""

    MNT_FORCE = 1
    MNT_DETACH = 2
    MNT_EXPIRE = 4
    UMOUNT_NOFOLLOW = 8


class SpliceFlags(IntFlag):
    """splice(2)."""

    MOVE = 1
    NONBLOCK = 2
    MORE = 4
    GIFT = 8


OpenArg = Annotated[int, Arg("open_flags", 32, signed=True, flags=OpenFlags, prefix="O_", values=OpenMode, mask=3)]
AccessArg = Annotated[int, Arg("int", 32, signed=True, flags=AccessMode, unknown="?_OK")]
WhenceArg = Annotated[int, Arg("int", 32, signed=True, values=Whence, prefix="SEEK_")]
FcntlCmdArg = Annotated[int, Arg("int", 32, values=FcntlCmd, prefix="F_", refused=(FcntlCmd.SETLEASE, FcntlCmd.NOTIFY))]
# A number for most commands.
FcntlArg = Annotated[Any, Arg("fcntl_arg", out=True)]
FlockArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=FlockOp,
        prefix="LOCK_",
        accepts=(FlockOp.SH, FlockOp.EX, FlockOp.NB, FlockOp.UN),
        refused=(FlockOp.MAND, FlockOp.READ, FlockOp.WRITE),
    ),
]
FallocateArg = Annotated[int, Arg("int", 32, signed=True, flags=Fallocate, prefix="FALLOC_FL_")]
SyncFileRangeArg = Annotated[int, Arg("int", 32, flags=SyncFileRange, prefix="SYNC_FILE_RANGE_")]
XattrArg = Annotated[int, Arg("int", 32, signed=True, flags=Xattr, prefix="XATTR_")]
MountArg = Annotated[
    int,
    Arg(
        "int",
        64,
        flags=MountFlags,
        prefix="MS_",
        refused=(MountFlags.MOVE, MountFlags.UNBINDABLE, MountFlags.SLAVE, MountFlags.SHARED),
    ),
]
# Means nothing unless something new is mounted.
MountTypeArg = Annotated[UserPtr, Arg("mount_type")]
UmountArg = Annotated[
    int, Arg("int", 32, signed=True, flags=UmountFlags, unknown="MNT_???", refused=(UmountFlags.MNT_EXPIRE,))
]
SpliceArg = Annotated[int, Arg("int", 32, flags=SpliceFlags, prefix="SPLICE_F_")]
CloexecArg = Annotated[int, Arg("int", 32, signed=True, flags=OpenFlags, prefix="O_", accepts=(OpenFlags.CLOEXEC,))]
PipeFlagsArg = Annotated[
    int, Arg("int", 32, signed=True, flags=OpenFlags, prefix="O_", accepts=(OpenFlags.NONBLOCK, OpenFlags.CLOEXEC))
]
AtStatArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=AtFlags,
        prefix="AT_",
        accepts=(AtFlags.SYMLINK_NOFOLLOW, AtFlags.NO_AUTOMOUNT, AtFlags.EMPTY_PATH),
    ),
]
AtRemoveArg = Annotated[int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AtFlags.REMOVEDIR,))]
AtLinkArg = Annotated[
    int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AtFlags.SYMLINK_FOLLOW, AtFlags.EMPTY_PATH))
]
AtOwnerArg = Annotated[
    int,
    Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AtFlags.SYMLINK_NOFOLLOW, AtFlags.EMPTY_PATH)),
]
AtFollowArg = Annotated[
    int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AtFlags.SYMLINK_NOFOLLOW,))
]
FileModeArg = Annotated[int, Arg("file_mode", 32)]
DevArg = Annotated[int, Arg("dev", 32)]
FdPair = Annotated[UserPtr, Arg("int[2]", out=True)]
StatBuf = Annotated[UserPtr, Arg("struct stat", out=True)]
StatfsBuf = Annotated[UserPtr, Arg("struct statfs", out=True)]
Dirents = Annotated[UserPtr, Arg("dirents", out=True)]
Timespecs = Annotated[UserPtr, Arg("timespec[2]")]
Timevals = Annotated[UserPtr, Arg("timeval[2]")]
Utimbuf = Annotated[UserPtr, Arg("struct utimbuf")]
