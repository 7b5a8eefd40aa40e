"""The operations of futex(2) (include/linux/futex.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = ("FutexArg", "FutexCmd", "FutexFlags", "FutexOp", "FutexVal")


class FutexCmd(IntEnum):
    """What to do; with PRIVATE, the word is in no shared memory."""

    WAIT = 0
    WAKE = 1
    FD = 2
    REQUEUE = 3
    CMP_REQUEUE = 4
    WAKE_OP = 5
    LOCK_PI = 6
    UNLOCK_PI = 7
    TRYLOCK_PI = 8
    WAIT_BITSET = 9
    WAKE_BITSET = 10
    WAIT_REQUEUE_PI = 11
    CMP_REQUEUE_PI = 12
    WAIT_PRIVATE = 128
    WAKE_PRIVATE = 129
    REQUEUE_PRIVATE = 131
    CMP_REQUEUE_PRIVATE = 132
    WAKE_OP_PRIVATE = 133
    LOCK_PI_PRIVATE = 134
    UNLOCK_PI_PRIVATE = 135
    TRYLOCK_PI_PRIVATE = 136
    WAIT_BITSET_PRIVATE = 137
    WAKE_BITSET_PRIVATE = 138
    WAIT_REQUEUE_PI_PRIVATE = 139
    CMP_REQUEUE_PI_PRIVATE = 140


class FutexFlags(IntFlag):
    """Or-ed to the operation."""

    CLOCK_REALTIME = 256


FutexOp = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=FutexFlags,
        prefix="FUTEX_",
        values=FutexCmd,
        mask=0xFF,
        accepts=(*[cmd for cmd in FutexCmd if cmd is not FutexCmd.FD], FutexFlags.CLOCK_REALTIME),
        refused=(
            FutexCmd.WAIT_REQUEUE_PI,
            FutexCmd.CMP_REQUEUE_PI,
            FutexCmd.WAIT_REQUEUE_PI_PRIVATE,
            FutexCmd.CMP_REQUEUE_PI_PRIVATE,
        ),
    ),
]
# Which of the other arguments there are depends on the operation.
FutexVal = Annotated[int, Arg("futex_val", 32)]
FutexArg = Annotated[UserPtr, Arg("futex_arg")]
