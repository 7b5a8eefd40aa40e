"""Timers that may be late (include/linux/timer.h, TIMER_DEFERRABLE); functions in kernel/hrtimer.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel


class TimerList:
    """One deferrable timer; function runs, outside interrupts, when the kernel is entered after expires_ns.

    slack_ns: a program is made to enter it only when so much more has passed.
    """

    __slots__ = ("function", "expires_ns", "slack_ns")  # derived

    def __init__(self, function: Callable[[Kernel], object]) -> None:
        self.function: Callable[[Kernel], object] = function
        self.expires_ns: int = 0
        self.slack_ns: int = 0
