"""fanotify's constants (include/linux/fanotify.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.fsnotify_backend import (
    FS_ACCESS,
    FS_CLOSE_NOWRITE,
    FS_CLOSE_WRITE,
    FS_EVENT_ON_CHILD,
    FS_ISDIR,
    FS_MODIFY,
    FS_OPEN,
)
from procession.include.linux.types import Arg

# fanotify_init(2).
FAN_CLOEXEC: Final = 1
FAN_NONBLOCK: Final = 2
FAN_CLASS_NOTIF: Final = 0
FAN_CLASS_CONTENT: Final = 4
FAN_CLASS_PRE_CONTENT: Final = 8
FAN_UNLIMITED_QUEUE: Final = 0x10
FAN_UNLIMITED_MARKS: Final = 0x20
FAN_ALL_CLASS_BITS: Final = FAN_CLASS_CONTENT | FAN_CLASS_PRE_CONTENT
FAN_ALL_INIT_FLAGS: Final = FAN_CLOEXEC | FAN_NONBLOCK | FAN_ALL_CLASS_BITS | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS

# fanotify_mark(2).
FAN_MARK_ADD: Final = 1
FAN_MARK_REMOVE: Final = 2
FAN_MARK_DONT_FOLLOW: Final = 4
FAN_MARK_ONLYDIR: Final = 8
FAN_MARK_MOUNT: Final = 0x10
FAN_MARK_IGNORED_MASK: Final = 0x20
FAN_MARK_IGNORED_SURV_MODIFY: Final = 0x40
FAN_MARK_FLUSH: Final = 0x80
FAN_ALL_MARK_FLAGS: Final = 0xFF

FAN_ALL_EVENTS: Final = FS_ACCESS | FS_MODIFY | FS_CLOSE_WRITE | FS_CLOSE_NOWRITE | FS_OPEN
FANOTIFY_METADATA_VERSION: Final = 3
FAN_NOFD: Final = -1


class FanotifyClass(IntEnum):
    """When a group is told, fanotify_init(2)."""

    CLASS_NOTIF = FAN_CLASS_NOTIF
    CLASS_CONTENT = FAN_CLASS_CONTENT
    CLASS_PRE_CONTENT = FAN_CLASS_PRE_CONTENT


class FanotifyInit(IntFlag):
    """fanotify_init(2)."""

    CLOEXEC = FAN_CLOEXEC
    NONBLOCK = FAN_NONBLOCK
    UNLIMITED_QUEUE = FAN_UNLIMITED_QUEUE
    UNLIMITED_MARKS = FAN_UNLIMITED_MARKS


class FanotifyMark(IntFlag):
    """fanotify_mark(2)."""

    ADD = FAN_MARK_ADD
    REMOVE = FAN_MARK_REMOVE
    DONT_FOLLOW = FAN_MARK_DONT_FOLLOW
    ONLYDIR = FAN_MARK_ONLYDIR
    MOUNT = FAN_MARK_MOUNT
    IGNORED_MASK = FAN_MARK_IGNORED_MASK
    IGNORED_SURV_MODIFY = FAN_MARK_IGNORED_SURV_MODIFY
    FLUSH = FAN_MARK_FLUSH


class FanotifyEvents(IntFlag):
    """What fanotify_mark(2) asks for."""

    ACCESS = FS_ACCESS
    MODIFY = FS_MODIFY
    CLOSE_WRITE = FS_CLOSE_WRITE
    CLOSE_NOWRITE = FS_CLOSE_NOWRITE
    OPEN = FS_OPEN
    ONDIR = FS_ISDIR
    EVENT_ON_CHILD = FS_EVENT_ON_CHILD


FanotifyInitArg = Annotated[
    int,
    Arg(
        "int",
        32,
        flags=FanotifyInit,
        prefix="FAN_",
        values=FanotifyClass,
        mask=FAN_ALL_CLASS_BITS,
        unknown="FAN_CLASS_???",
    ),
]
FanotifyMarkArg = Annotated[int, Arg("int", 32, flags=FanotifyMark, prefix="FAN_MARK_")]
FanotifyMaskArg = Annotated[int, Arg("int", 64, flags=FanotifyEvents, prefix="FAN_")]
