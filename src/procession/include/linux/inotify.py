"""inotify's constants (include/linux/inotify.h): what can happen to a file is called as in fsnotify_backend.py, too."""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Final

from procession.include.linux.fcntl import O_CLOEXEC, O_NONBLOCK
from procession.include.linux.fsnotify_backend import (
    FS_ACCESS,
    FS_ATTRIB,
    FS_CLOSE_NOWRITE,
    FS_CLOSE_WRITE,
    FS_CREATE,
    FS_DELETE,
    FS_DELETE_SELF,
    FS_EXCL_UNLINK,
    FS_IN_IGNORED,
    FS_IN_ONESHOT,
    FS_ISDIR,
    FS_MODIFY,
    FS_MOVE_SELF,
    FS_MOVED_FROM,
    FS_MOVED_TO,
    FS_OPEN,
    FS_Q_OVERFLOW,
    FS_UNMOUNT,
)
from procession.include.linux.types import Arg

IN_ALL_EVENTS: Final = 0xFFF
IN_ONLYDIR: Final = 0x1000000
IN_DONT_FOLLOW: Final = 0x2000000
IN_MASK_ADD: Final = 0x20000000


class InotifyMask(IntFlag):
    """inotify_add_watch(2)."""

    ACCESS = FS_ACCESS
    MODIFY = FS_MODIFY
    ATTRIB = FS_ATTRIB
    CLOSE_WRITE = FS_CLOSE_WRITE
    CLOSE_NOWRITE = FS_CLOSE_NOWRITE
    OPEN = FS_OPEN
    MOVED_FROM = FS_MOVED_FROM
    MOVED_TO = FS_MOVED_TO
    CREATE = FS_CREATE
    DELETE = FS_DELETE
    DELETE_SELF = FS_DELETE_SELF
    MOVE_SELF = FS_MOVE_SELF
    UNMOUNT = FS_UNMOUNT
    Q_OVERFLOW = FS_Q_OVERFLOW
    IGNORED = FS_IN_IGNORED
    ONLYDIR = IN_ONLYDIR
    DONT_FOLLOW = IN_DONT_FOLLOW
    EXCL_UNLINK = FS_EXCL_UNLINK
    MASK_ADD = IN_MASK_ADD
    ISDIR = FS_ISDIR
    ONESHOT = FS_IN_ONESHOT


class InotifyInit(IntFlag):
    """inotify_init1(2)."""

    NONBLOCK = O_NONBLOCK
    CLOEXEC = O_CLOEXEC


InotifyMaskArg = Annotated[int, Arg("int", 32, flags=InotifyMask, prefix="IN_")]
InotifyInitArg = Annotated[int, Arg("int", 32, signed=True, flags=InotifyInit, prefix="IN_")]
