"""Programs that the kernel runs (include/linux/kmod.h); functions in kernel/kmod.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import Completion
    from procession.include.linux.workqueue import WorkStruct

# What call_usermodehelper_exec() waits for.
UMH_NO_WAIT: Final = -1  # nothing
UMH_WAIT_EXEC: Final = 0  # that the program runs, or cannot be run
UMH_WAIT_PROC: Final = 1  # that it has ended

UmhInit = Callable[["Task", "SubprocessInfo", "Cred"], None]
UmhCleanup = Callable[["SubprocessInfo"], None]


class SubprocessInfo:
    """One program to be run (struct subprocess_info).

    init: called by the new process before it becomes the program, with the credentials that it will have, which may be
    changed; a LinuxError that it raises is the result.  cleanup: called when this is given back.  data: theirs.
    retval: a negative errno, or a wait status.
    """

    __slots__ = ("work", "complete", "path", "argv", "envp", "wait", "retval", "init", "cleanup", "data")  # derived

    def __init__(self, work: WorkStruct, path: str, argv: Sequence[bytes], envp: Sequence[bytes]) -> None:
        self.work: WorkStruct = work
        self.complete: Completion | None = None
        self.path: str = path
        self.argv: tuple[bytes, ...] = tuple(argv)
        self.envp: tuple[bytes, ...] = tuple(envp)
        self.wait: int = UMH_NO_WAIT
        self.retval: int = 0
        self.init: UmhInit | None = None
        self.cleanup: UmhCleanup | None = None
        self.data: Any = None
