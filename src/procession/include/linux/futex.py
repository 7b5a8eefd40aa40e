"""The operations of futex(2) (include/linux/futex.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

# What to do; with PRIVATE, the word is in no shared memory.
FUTEX_WAIT: Final = 0
FUTEX_WAKE: Final = 1
FUTEX_FD: Final = 2
FUTEX_REQUEUE: Final = 3
FUTEX_CMP_REQUEUE: Final = 4
FUTEX_WAKE_OP: Final = 5
FUTEX_LOCK_PI: Final = 6
FUTEX_UNLOCK_PI: Final = 7
FUTEX_TRYLOCK_PI: Final = 8
FUTEX_WAIT_BITSET: Final = 9
FUTEX_WAKE_BITSET: Final = 10
FUTEX_WAIT_REQUEUE_PI: Final = 11
FUTEX_CMP_REQUEUE_PI: Final = 12
FUTEX_WAIT_PRIVATE: Final = 128
FUTEX_WAKE_PRIVATE: Final = 129
FUTEX_REQUEUE_PRIVATE: Final = 131
FUTEX_CMP_REQUEUE_PRIVATE: Final = 132
FUTEX_WAKE_OP_PRIVATE: Final = 133
FUTEX_LOCK_PI_PRIVATE: Final = 134
FUTEX_UNLOCK_PI_PRIVATE: Final = 135
FUTEX_TRYLOCK_PI_PRIVATE: Final = 136
FUTEX_WAIT_BITSET_PRIVATE: Final = 137
FUTEX_WAKE_BITSET_PRIVATE: Final = 138
FUTEX_WAIT_REQUEUE_PI_PRIVATE: Final = 139
FUTEX_CMP_REQUEUE_PI_PRIVATE: Final = 140


class FutexCmd(IntEnum):
    """What to do; with PRIVATE, the word is in no shared memory."""

    WAIT = FUTEX_WAIT
    WAKE = FUTEX_WAKE
    FD = FUTEX_FD
    REQUEUE = FUTEX_REQUEUE
    CMP_REQUEUE = FUTEX_CMP_REQUEUE
    WAKE_OP = FUTEX_WAKE_OP
    LOCK_PI = FUTEX_LOCK_PI
    UNLOCK_PI = FUTEX_UNLOCK_PI
    TRYLOCK_PI = FUTEX_TRYLOCK_PI
    WAIT_BITSET = FUTEX_WAIT_BITSET
    WAKE_BITSET = FUTEX_WAKE_BITSET
    WAIT_REQUEUE_PI = FUTEX_WAIT_REQUEUE_PI
    CMP_REQUEUE_PI = FUTEX_CMP_REQUEUE_PI
    WAIT_PRIVATE = FUTEX_WAIT_PRIVATE
    WAKE_PRIVATE = FUTEX_WAKE_PRIVATE
    REQUEUE_PRIVATE = FUTEX_REQUEUE_PRIVATE
    CMP_REQUEUE_PRIVATE = FUTEX_CMP_REQUEUE_PRIVATE
    WAKE_OP_PRIVATE = FUTEX_WAKE_OP_PRIVATE
    LOCK_PI_PRIVATE = FUTEX_LOCK_PI_PRIVATE
    UNLOCK_PI_PRIVATE = FUTEX_UNLOCK_PI_PRIVATE
    TRYLOCK_PI_PRIVATE = FUTEX_TRYLOCK_PI_PRIVATE
    WAIT_BITSET_PRIVATE = FUTEX_WAIT_BITSET_PRIVATE
    WAKE_BITSET_PRIVATE = FUTEX_WAKE_BITSET_PRIVATE
    WAIT_REQUEUE_PI_PRIVATE = FUTEX_WAIT_REQUEUE_PI_PRIVATE
    CMP_REQUEUE_PI_PRIVATE = FUTEX_CMP_REQUEUE_PI_PRIVATE


# Or-ed to the operation.
FUTEX_PRIVATE_FLAG: Final = 128
FUTEX_CLOCK_REALTIME: Final = 256


class FutexFlags(IntFlag):
    """Or-ed to the operation."""

    CLOCK_REALTIME = FUTEX_CLOCK_REALTIME


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
        accepts=(*[cmd for cmd in FutexCmd if cmd is not FUTEX_FD], FUTEX_CLOCK_REALTIME),
        refused=(
            FUTEX_WAIT_REQUEUE_PI,
            FUTEX_CMP_REQUEUE_PI,
            FUTEX_WAIT_REQUEUE_PI_PRIVATE,
            FUTEX_CMP_REQUEUE_PI_PRIVATE,
        ),
    ),
]
# Which of the other arguments there are depends on the operation.
FutexVal = Annotated[int, Arg("futex_val", 32)]
FutexArg = Annotated[UserPtr, Arg("futex_arg")]
