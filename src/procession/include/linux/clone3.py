"""clone3(2) (include/uapi/linux/sched.h of 6.18)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.fs import File

CLONE_PIDFD: Final = 0x1000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_CLEAR_SIGHAND: Final = 0x100000000
CLONE_INTO_CGROUP: Final = 0x200000000
CLONE_LEGACY_FLAGS: Final = 0xFFFFFFFF
CLONE_NEWTIME: Final = 0x80

# struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
# cgroup.
CLONE_ARGS: Final = struct.Struct("<11Q")
CLONE_ARGS_SIZE_VER0: Final = 64
CLONE_ARGS_SIZE_VER2: Final = 88
MAX_PID_NS_LEVEL: Final = 32

CloneArgsIn = Annotated[UserPtr, Arg("struct clone_args", out=True)]


class KernelCloneArgs:
    """What is asked of a fork that clone(2) of 3.2 cannot be asked for (struct kernel_clone_args).

    wants_pidfd, pidfd: whether and where to store a descriptor of the child.  set_tid: the numbers it shall have, from
    its own pid namespace outwards.  clear_sighand: it begins without handlers.  fd, file: the descriptor, once made.
    """

    __slots__ = ("pidfd", "set_tid", "clear_sighand", "wants_pidfd", "fd", "file")  # derived

    def __init__(self, pidfd: UserPtr = 0, set_tid: tuple[int, ...] = (), clear_sighand: bool = False) -> None:
        self.pidfd: UserPtr = pidfd
        self.set_tid: tuple[int, ...] = set_tid
        self.clear_sighand: bool = clear_sighand
        self.wants_pidfd: bool = False
        self.fd: int = -1
        self.file: File | None = None
