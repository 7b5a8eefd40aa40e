"""Wait queues and completions, the options of wait4(2) (include/linux/wait.h, completion.h).

The functions are in kernel/wait.py.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Any, Final

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
_enum: Callable[..., Any] = IntFlag
WaitFlags: Final[type[IntFlag]] = _enum(
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
    module=__name__,
)
_WAIT4: Final[tuple[int, ...]] = (WNOHANG, WUNTRACED, WCONTINUED, WNOTHREAD, WALL, WCLONE)


# A wait status: the signal that ended the process, 0 if none did, and whether a core was begun.
WTERMSIG_MASK: Final = 0x7F
WCOREFLAG: Final = 0x80
WSTOPPED_BYTE: Final = 0x7F  # ours: the low byte of a stop's status; the signal is above it
W_CONTINUED: Final = 0xFFFF

# waitid(2).
P_ALL: Final = 0
P_PID: Final = 1
P_PGID: Final = 2
P_PIDFD: Final = 3


class IdType(IntEnum):
    """waitid(2)."""

    ALL = P_ALL
    PID = P_PID
    PGID = P_PGID
    PIDFD = P_PIDFD


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
IdTypeArg = Annotated[int, Arg("int", 32, signed=True, values=IdType, prefix="P_", accepts=(P_ALL, P_PID, P_PGID))]
WaitStatus = Annotated[UserPtr, Arg("wait_status", out=True)]


class WaitQueueEntry:
    """One sleeper on one queue (wait_queue_t)."""

    __slots__ = ("task", "exclusive", "func")  # derived

    def __init__(
        self, task: Task, exclusive: bool = False, func: Callable[[WaitQueueEntry, int, object], bool] | None = None
    ) -> None:
        self.task: Task = task
        self.exclusive: bool = exclusive
        # Called by wake_up with the key; returns whether it woke. None: try_to_wake_up (default_wake_function).
        self.func: Callable[[WaitQueueEntry, int, object], bool] | None = func


class WaitQueueHead:
    """Sleepers in wake order: non-exclusive ones newest first, then exclusive ones oldest first."""

    __slots__ = ("lock", "task_list")  # derived

    def __init__(self, lock: SpinLock) -> None:
        self.lock: SpinLock = lock
        self.task_list: list[WaitQueueEntry] = []


class Completion:
    """struct completion: done counts complete() calls nobody has consumed yet."""

    __slots__ = ("wait", "done")  # derived

    def __init__(self, wait: WaitQueueHead) -> None:
        self.wait: WaitQueueHead = wait
        self.done: int = 0
