"""/proc/PID/autogroup (fs/proc/base.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.kernel import sched_autogroup
from procession.lib import kstrtox, string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("sched_autogroup_show", "sched_autogroup_write")

_LOOKED_AT: Final = 12  # PROC_NUMBUF - 1


def sched_autogroup_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the group's name and nice value, nothing for the default group."""
    return sched_autogroup.proc_sched_autogroup_show_task(task)


def sched_autogroup_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Set the group's nice value; returns at most 12, the bytes that were looked at.

    Raises EFAULT, EINVAL, ERANGE, EPERM, EAGAIN.
    """
    data = uaccess.copy_from_user(current, buf, min(count, _LOOKED_AT))
    nice = kstrtox.kstrtoint(string.strim(data))
    sched_autogroup.proc_sched_autogroup_set_nice(current, task, nice)
    return len(data)
