"""Descriptors of processes (include/uapi/linux/pidfd.h of 6.18)."""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Final

from procession.include.linux.fcntl import O_EXCL, O_NONBLOCK
from procession.include.linux.types import Arg

PIDFD_NONBLOCK: Final[int] = O_NONBLOCK
PIDFD_THREAD: Final[int] = O_EXCL

PIDFD_SIGNAL_THREAD: Final = 1
PIDFD_SIGNAL_THREAD_GROUP: Final = 2
PIDFD_SIGNAL_PROCESS_GROUP: Final = 4


class Pidfd(IntFlag):
    """pidfd_open(2)."""

    NONBLOCK = O_NONBLOCK
    THREAD = O_EXCL


class PidfdSignal(IntFlag):
    """pidfd_send_signal(2)."""

    THREAD = PIDFD_SIGNAL_THREAD
    THREAD_GROUP = PIDFD_SIGNAL_THREAD_GROUP
    PROCESS_GROUP = PIDFD_SIGNAL_PROCESS_GROUP


PidfdArg = Annotated[int, Arg("int", 32, flags=Pidfd, prefix="PIDFD_")]
PidfdSignalArg = Annotated[int, Arg("int", 32, flags=PidfdSignal, prefix="PIDFD_SIGNAL_")]
