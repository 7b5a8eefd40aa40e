"""Priorities of input and output (include/linux/ioprio.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from procession.include.linux.types import Arg

IOPRIO_CLASS_SHIFT: Final = 13
IOPRIO_PRIO_MASK: Final = (1 << 13) - 1

IOPRIO_CLASS_NONE: Final = 0
IOPRIO_CLASS_RT: Final = 1
IOPRIO_CLASS_BE: Final = 2
IOPRIO_CLASS_IDLE: Final = 3

IOPRIO_BE_NR: Final = 8
IOPRIO_NORM: Final = 4

IOPRIO_WHO_PROCESS: Final = 1
IOPRIO_WHO_PGRP: Final = 2
IOPRIO_WHO_USER: Final = 3


class IoprioClass(IntEnum):
    """Classes."""

    NONE = IOPRIO_CLASS_NONE
    RT = IOPRIO_CLASS_RT
    BE = IOPRIO_CLASS_BE
    IDLE = IOPRIO_CLASS_IDLE


class IoprioWho(IntEnum):
    """Whose."""

    PROCESS = IOPRIO_WHO_PROCESS
    PGRP = IOPRIO_WHO_PGRP
    USER = IOPRIO_WHO_USER


def ioprio_class(ioprio: int) -> int:
    """Return the class of a priority (IOPRIO_PRIO_CLASS)."""
    return ioprio >> IOPRIO_CLASS_SHIFT


def ioprio_data(ioprio: int) -> int:
    """Return the level within the class (IOPRIO_PRIO_DATA)."""
    return ioprio & IOPRIO_PRIO_MASK


def ioprio_valid(ioprio: int) -> bool:
    """Whether it says something."""
    return ioprio_class(ioprio) != IOPRIO_CLASS_NONE


IoprioWhoArg = Annotated[int, Arg("int", 32, signed=True, values=IoprioWho, prefix="IOPRIO_WHO_")]
IoprioArg = Annotated[int, Arg("ioprio", 32, signed=True)]
