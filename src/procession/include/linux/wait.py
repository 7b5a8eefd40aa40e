"""Wait queues and completions, the options of wait4(2) (include/linux/wait.h, completion.h).

The functions are in kernel/wait.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock


WNOHANG: Final = 0x1
WUNTRACED: Final = 0x2
WSTOPPED: Final = WUNTRACED
WEXITED: Final = 0x4
WCONTINUED: Final = 0x8
WNOWAIT: Final = 0x01000000
# In C these three begin with two underscores, which Python's class bodies would mangle.
WNOTHREAD: Final = 0x20000000
WALL: Final = 0x40000000
WCLONE: Final = 0x80000000

# Not a class body: there, names that begin with two underscores are mangled.
WaitFlags = IntFlag(
    "WaitFlags",
    {
        "WNOHANG": WNOHANG,
        "WEXITED": WEXITED,
        "WSTOPPED": WSTOPPED,
        "WCONTINUED": WCONTINUED,
        "WNOWAIT": WNOWAIT,
        "__WCLONE": WCLONE,
        "__WALL": WALL,
        "__WNOTHREAD": WNOTHREAD,
    },
)
_WAIT4: Final = (WNOHANG, WUNTRACED, WCONTINUED, WNOTHREAD, WALL, WCLONE)


# A wait status: the signal that ended the process, 0 if none did, and whether a core was begun.
WTERMSIG_MASK: Final = 0x7F
WCOREFLAG: Final = 0x80
WSTOPPED_BYTE: Final = 0x7F  # ours: the low byte of a stop's status; the signal is above it
W_CONTINUED: Final = 0xFFFF

# waitid(2).
P_ALL: Final = 0
P_PID: Final = 1
P_PGID: Final = 2


class IdType(IntEnum):
    """waitid(2)."""

    ALL = P_ALL
    PID = P_PID
    PGID = P_PGID


Wait4Arg = Annotated[int, Arg("int", 32, signed=True, flags=WaitFlags, unknown="W???", accepts=_WAIT4)]
WaitidArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=WaitFlags,
        unknown="W???",
        accepts=(WNOHANG, WEXITED, WSTOPPED, WCONTINUED, WNOWAIT),
    ),
]
IdTypeArg = Annotated[int, Arg("int", 32, signed=True, values=IdType, prefix="P_")]
WaitStatus = Annotated[UserPtr, Arg("wait_status", out=True)]


@dataclass(eq=False, slots=True)
class WaitQueueEntry:
    """One sleeper on one queue (wait_queue_t)."""

    task: Task
    exclusive: bool = False
    # Called by wake_up with the key; returns true if it woke somebody. None: try_to_wake_up (default_wake_function).
    func: Callable[[WaitQueueEntry, int, object], bool] | None = None


@dataclass(eq=False, slots=True)
class WaitQueueHead:
    """Sleepers in wake order: non-exclusive ones newest first, then exclusive ones oldest first."""

    lock: SpinLock
    task_list: list[WaitQueueEntry] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Completion:
    """struct completion: done counts complete() calls nobody has consumed yet."""

    wait: WaitQueueHead
    done: int = 0
