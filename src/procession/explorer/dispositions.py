"""What a process does about signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.signal import SIG_DFL, SIG_IGN, SIG_KERNEL_IGNORE_MASK

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction

__all__ = ("handled", "ignored", "is_ignored")


def handled(task: Task) -> list[int]:
    """Return the signals that a process has handlers for."""
    sighand = task.sighand
    if sighand is None:
        return []
    return [sig for sig, ka in enumerate(sighand.action, 1) if ka.handler > SIG_IGN]


def is_ignored(ka: KSigaction, sig: int) -> bool:
    """Whether this is how a signal comes to nothing."""
    return ka.handler == SIG_IGN or (ka.handler == SIG_DFL and bool(SIG_KERNEL_IGNORE_MASK >> (sig - 1) & 1))


def ignored(task: Task) -> list[int]:
    """Return the signals that come to nothing in a process, unless they are blocked."""
    sighand = task.sighand
    if sighand is None:
        return []
    return [sig for sig, ka in enumerate(sighand.action, 1) if is_ignored(ka, sig)]
