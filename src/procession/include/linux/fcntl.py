"""Constants of the calls about files and names (include/linux/fcntl.h, fs.h, falloc.h, xattr.h, stat.h).

For signatures: they are printed and listed, code computes with plain ints. Members stand in strace's order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Any, Final

from procession.include.linux.memfd import F_ADD_SEALS, F_GET_SEALS
from procession.include.linux.types import Arg, UserPtr

# The lowest bits of open(2)'s flags.
O_RDONLY: Final = 0
O_ACCMODE: Final = 3
# open(2) flags and File.f_flags, in the order strace prints them.
O_WRONLY: Final = 0o1
O_RDWR: Final = 0o2
O_CREAT: Final = 0o100
O_EXCL: Final = 0o200
O_NOCTTY: Final = 0o400
O_TRUNC: Final = 0o1000
O_APPEND: Final = 0o2000
O_NONBLOCK: Final = 0o4000
O_SYNC: Final = 0o4010000
O_DSYNC: Final = 0o10000
O_DIRECT: Final = 0o40000
O_LARGEFILE: Final = 0o100000
O_NOFOLLOW: Final = 0o400000
O_NOATIME: Final = 0o1000000
O_CLOEXEC: Final = 0o2000000
O_PATH: Final = 0o10000000
O_DIRECTORY: Final = 0o200000
O_ASYNC: Final = 0o20000

AT_FDCWD: Final = -100


class OpenFlags(IntFlag):
    """open(2) flags and File.f_flags, in the order strace prints them."""

    WRONLY = O_WRONLY
    RDWR = O_RDWR
    CREAT = O_CREAT
    EXCL = O_EXCL
    NOCTTY = O_NOCTTY
    TRUNC = O_TRUNC
    APPEND = O_APPEND
    NONBLOCK = O_NONBLOCK
    SYNC = O_SYNC
    DSYNC = O_DSYNC
    DIRECT = O_DIRECT
    LARGEFILE = O_LARGEFILE
    NOFOLLOW = O_NOFOLLOW
    NOATIME = O_NOATIME
    CLOEXEC = O_CLOEXEC
    PATH = O_PATH
    DIRECTORY = O_DIRECTORY
    ASYNC = O_ASYNC


class OpenMode(IntEnum):
    """The lowest bits of open(2)'s flags."""

    RDONLY = O_RDONLY
    WRONLY = O_WRONLY
    RDWR = O_RDWR
    ACCMODE = O_ACCMODE


# Flags of calls that take a directory and a name.
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_REMOVEDIR: Final = 0x200
AT_SYMLINK_FOLLOW: Final = 0x400
AT_NO_AUTOMOUNT: Final = 0x800
AT_EMPTY_PATH: Final = 0x1000


class AtFlags(IntFlag):
    """Flags of calls that take a directory and a name."""

    SYMLINK_NOFOLLOW = AT_SYMLINK_NOFOLLOW
    REMOVEDIR = AT_REMOVEDIR
    SYMLINK_FOLLOW = AT_SYMLINK_FOLLOW
    NO_AUTOMOUNT = AT_NO_AUTOMOUNT
    EMPTY_PATH = AT_EMPTY_PATH


# access(2).
F_OK: Final = 0
R_OK: Final = 4
W_OK: Final = 2
X_OK: Final = 1


class AccessMode(IntFlag):
    """access(2)."""

    F_OK = F_OK
    R_OK = R_OK
    W_OK = W_OK
    X_OK = X_OK


# lseek(2).
SEEK_SET: Final = 0
SEEK_CUR: Final = 1
SEEK_END: Final = 2


class Whence(IntEnum):
    """lseek(2)."""

    SET = SEEK_SET
    CUR = SEEK_CUR
    END = SEEK_END


# fcntl(2).
F_DUPFD: Final = 0
F_GETFD: Final = 1
F_SETFD: Final = 2
F_GETFL: Final = 3
F_SETFL: Final = 4
F_GETLK: Final = 5
F_SETLK: Final = 6
F_SETLKW: Final = 7
F_SETOWN: Final = 8
F_GETOWN: Final = 9
F_SETSIG: Final = 10
F_GETSIG: Final = 11
F_SETOWN_EX: Final = 15
F_GETOWN_EX: Final = 16
F_OFD_GETLK: Final = 36  # of 3.15, as the next two
F_OFD_SETLK: Final = 37
F_OFD_SETLKW: Final = 38
F_SETLEASE: Final = 1024
F_GETLEASE: Final = 1025
F_NOTIFY: Final = 1026
F_DUPFD_CLOEXEC: Final = 1030
F_SETPIPE_SZ: Final = 1031
F_GETPIPE_SZ: Final = 1032


class FcntlCmd(IntEnum):
    """fcntl(2)."""

    DUPFD = F_DUPFD
    GETFD = F_GETFD
    SETFD = F_SETFD
    GETFL = F_GETFL
    SETFL = F_SETFL
    GETLK = F_GETLK
    SETLK = F_SETLK
    SETLKW = F_SETLKW
    SETOWN = F_SETOWN
    GETOWN = F_GETOWN
    SETSIG = F_SETSIG
    GETSIG = F_GETSIG
    SETOWN_EX = F_SETOWN_EX
    GETOWN_EX = F_GETOWN_EX
    OFD_GETLK = F_OFD_GETLK
    OFD_SETLK = F_OFD_SETLK
    OFD_SETLKW = F_OFD_SETLKW
    SETLEASE = F_SETLEASE
    GETLEASE = F_GETLEASE
    NOTIFY = F_NOTIFY
    DUPFD_CLOEXEC = F_DUPFD_CLOEXEC
    SETPIPE_SZ = F_SETPIPE_SZ
    GETPIPE_SZ = F_GETPIPE_SZ
    ADD_SEALS = F_ADD_SEALS
    GET_SEALS = F_GET_SEALS


# F_NOTIFY: what is to be told of, in the order strace prints it.
DN_ACCESS: Final = 0x1
DN_MODIFY: Final = 0x2
DN_CREATE: Final = 0x4
DN_DELETE: Final = 0x8
DN_RENAME: Final = 0x10
DN_ATTRIB: Final = 0x20
DN_MULTISHOT: Final = 0x80000000


class DnotifyFlags(IntFlag):
    """F_NOTIFY: what is to be told of."""

    ACCESS = DN_ACCESS
    MODIFY = DN_MODIFY
    CREATE = DN_CREATE
    DELETE = DN_DELETE
    RENAME = DN_RENAME
    ATTRIB = DN_ATTRIB
    MULTISHOT = DN_MULTISHOT


# What F_SETFD sets.
FD_CLOEXEC: Final = 1


class FdFlags(IntFlag):
    """What F_SETFD sets."""

    CLOEXEC = FD_CLOEXEC


# struct flock.
F_RDLCK: Final = 0
F_WRLCK: Final = 1
F_UNLCK: Final = 2


class LockType(IntEnum):
    """struct flock."""

    RDLCK = F_RDLCK
    WRLCK = F_WRLCK
    UNLCK = F_UNLCK


# struct f_owner_ex.
F_OWNER_TID: Final = 0
F_OWNER_PID: Final = 1
F_OWNER_PGRP: Final = 2


class OwnerType(IntEnum):
    """struct f_owner_ex."""

    TID = F_OWNER_TID
    PID = F_OWNER_PID
    PGRP = F_OWNER_PGRP


# flock(2).
LOCK_SH: Final = 1
LOCK_EX: Final = 2
LOCK_NB: Final = 4
LOCK_UN: Final = 8
LOCK_MAND: Final = 32
LOCK_READ: Final = 64
LOCK_WRITE: Final = 128


class FlockOp(IntFlag):
    """flock(2)."""

    SH = LOCK_SH
    EX = LOCK_EX
    NB = LOCK_NB
    UN = LOCK_UN
    MAND = LOCK_MAND
    READ = LOCK_READ
    WRITE = LOCK_WRITE


# fallocate(2).
FALLOC_FL_KEEP_SIZE: Final = 1
FALLOC_FL_PUNCH_HOLE: Final = 2


class Fallocate(IntFlag):
    """fallocate(2)."""

    KEEP_SIZE = FALLOC_FL_KEEP_SIZE
    PUNCH_HOLE = FALLOC_FL_PUNCH_HOLE


# sync_file_range(2).
SYNC_FILE_RANGE_WAIT_BEFORE: Final = 1
SYNC_FILE_RANGE_WRITE: Final = 2
SYNC_FILE_RANGE_WAIT_AFTER: Final = 4


class SyncFileRange(IntFlag):
    """sync_file_range(2)."""

    WAIT_BEFORE = SYNC_FILE_RANGE_WAIT_BEFORE
    WRITE = SYNC_FILE_RANGE_WRITE
    WAIT_AFTER = SYNC_FILE_RANGE_WAIT_AFTER


# setxattr(2).
XATTR_CREATE: Final = 1
XATTR_REPLACE: Final = 2


class Xattr(IntFlag):
    """setxattr(2)."""

    CREATE = XATTR_CREATE
    REPLACE = XATTR_REPLACE


# mount(2).
MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_SYNCHRONOUS: Final = 16
MS_REMOUNT: Final = 32
MS_MANDLOCK: Final = 64
MS_DIRSYNC: Final = 128
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_MOVE: Final = 0x2000
MS_REC: Final = 0x4000
MS_SILENT: Final = 0x8000
MS_POSIXACL: Final = 0x10000
MS_UNBINDABLE: Final = 0x20000
MS_PRIVATE: Final = 0x40000
MS_SLAVE: Final = 0x80000
MS_SHARED: Final = 0x100000
MS_RELATIME: Final = 0x200000
MS_KERNMOUNT: Final = 0x400000
MS_I_VERSION: Final = 0x800000
MS_STRICTATIME: Final = 0x1000000


class MountFlags(IntFlag):
    """mount(2)."""

    RDONLY = MS_RDONLY
    NOSUID = MS_NOSUID
    NODEV = MS_NODEV
    NOEXEC = MS_NOEXEC
    SYNCHRONOUS = MS_SYNCHRONOUS
    REMOUNT = MS_REMOUNT
    MANDLOCK = MS_MANDLOCK
    DIRSYNC = MS_DIRSYNC
    NOATIME = MS_NOATIME
    NODIRATIME = MS_NODIRATIME
    BIND = MS_BIND
    MOVE = MS_MOVE
    REC = MS_REC
    SILENT = MS_SILENT
    POSIXACL = MS_POSIXACL
    UNBINDABLE = MS_UNBINDABLE
    PRIVATE = MS_PRIVATE
    SLAVE = MS_SLAVE
    SHARED = MS_SHARED
    RELATIME = MS_RELATIME
    KERNMOUNT = MS_KERNMOUNT
    I_VERSION = MS_I_VERSION
    STRICTATIME = MS_STRICTATIME


# umount2(2).
MNT_FORCE: Final = 1
MNT_DETACH: Final = 2
MNT_EXPIRE: Final = 4
UMOUNT_NOFOLLOW: Final = 8


class UmountFlags(IntFlag):
    """umount2(2)."""

    MNT_FORCE = MNT_FORCE
    MNT_DETACH = MNT_DETACH
    MNT_EXPIRE = MNT_EXPIRE
    UMOUNT_NOFOLLOW = UMOUNT_NOFOLLOW


# splice(2).
SPLICE_F_MOVE: Final = 1
SPLICE_F_NONBLOCK: Final = 2
SPLICE_F_MORE: Final = 4
SPLICE_F_GIFT: Final = 8


class SpliceFlags(IntFlag):
    """splice(2)."""

    MOVE = SPLICE_F_MOVE
    NONBLOCK = SPLICE_F_NONBLOCK
    MORE = SPLICE_F_MORE
    GIFT = SPLICE_F_GIFT


OpenArg = Annotated[int, Arg("open_flags", 32, signed=True, flags=OpenFlags, prefix="O_", values=OpenMode, mask=3)]
AccessArg = Annotated[int, Arg("int", 32, signed=True, flags=AccessMode, unknown="?_OK")]
WhenceArg = Annotated[int, Arg("int", 32, signed=True, values=Whence, prefix="SEEK_")]
_LATER_CMDS: Final = (F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_ADD_SEALS, F_GET_SEALS)
_CMDS: Final = tuple([int(cmd) for cmd in FcntlCmd if cmd not in _LATER_CMDS])
FcntlCmdArg = Annotated[int, Arg("int", 32, values=FcntlCmd, prefix="F_", accepts=_CMDS)]
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
        accepts=(LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN),
        refused=(LOCK_MAND, LOCK_READ, LOCK_WRITE),
    ),
]
FallocateArg = Annotated[int, Arg("int", 32, signed=True, flags=Fallocate, prefix="FALLOC_FL_")]
SyncFileRangeArg = Annotated[int, Arg("int", 32, flags=SyncFileRange, prefix="SYNC_FILE_RANGE_")]
XattrArg = Annotated[int, Arg("int", 32, signed=True, flags=Xattr, prefix="XATTR_")]
MountArg = Annotated[int, Arg("int", 64, flags=MountFlags, prefix="MS_")]
# Means nothing unless something new is mounted.
MountTypeArg = Annotated[UserPtr, Arg("mount_type")]
UmountArg = Annotated[int, Arg("int", 32, signed=True, flags=UmountFlags, unknown="MNT_???")]
SpliceArg = Annotated[int, Arg("int", 32, flags=SpliceFlags, prefix="SPLICE_F_")]
CloexecArg = Annotated[int, Arg("int", 32, signed=True, flags=OpenFlags, prefix="O_", accepts=(O_CLOEXEC,))]
PipeFlagsArg = Annotated[
    int, Arg("int", 32, signed=True, flags=OpenFlags, prefix="O_", accepts=(O_NONBLOCK, O_CLOEXEC))
]
AtStatArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=AtFlags,
        prefix="AT_",
        accepts=(AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH),
    ),
]
AtRemoveArg = Annotated[int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AT_REMOVEDIR,))]
AtLinkArg = Annotated[
    int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AT_SYMLINK_FOLLOW, AT_EMPTY_PATH))
]
AtOwnerArg = Annotated[
    int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH))
]
AtFollowArg = Annotated[int, Arg("int", 32, signed=True, flags=AtFlags, prefix="AT_", accepts=(AT_SYMLINK_NOFOLLOW,))]
FileModeArg = Annotated[int, Arg("file_mode", 32)]
DevArg = Annotated[int, Arg("dev", 32)]
FdPair = Annotated[UserPtr, Arg("int[2]", out=True)]
StatBuf = Annotated[UserPtr, Arg("struct stat", out=True)]
StatfsBuf = Annotated[UserPtr, Arg("struct statfs", out=True)]
Dirents = Annotated[UserPtr, Arg("dirents", out=True)]
Dirents64 = Annotated[UserPtr, Arg("dirents64", out=True)]
Timespecs = Annotated[UserPtr, Arg("timespec[2]")]
Timevals = Annotated[UserPtr, Arg("timeval[2]")]
Utimbuf = Annotated[UserPtr, Arg("struct utimbuf")]
