"""Telling of new names of the machine (kernel/utsname_sysctl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.kernel import wait

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("uts_proc_notify",)


def uts_proc_notify(k: Kernel, proc: str) -> None:
    """Tell who polls UTS_PROC_HOSTNAME or UTS_PROC_DOMAINNAME that somebody has set it, in whatever namespace."""
    poll = k.sysctl_polls.get(proc)
    if poll is None:
        return  # a kernel without /proc
    poll.event += 1
    wait.wake_up_interruptible(poll.wait)
