"""A group for each session: what setsid(2) does for interactive use (kernel/sched_autogroup.c; spec cgroups C)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.jiffies import jiffies_to_ns
from procession.include.linux.printk import KERN_WARNING
from procession.include.linux.sched import threads_from
from procession.include.linux.time import HZ
from procession.kernel import capability, sched_group, sched_weight

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import SignalStruct, Task
    from procession.include.linux.task_group import TaskGroup

__all__ = (
    "Autogroup",
    "proc_sched_autogroup_set_nice",
    "proc_sched_autogroup_show_task",
    "sched_autogroup_create_attach",
    "sched_autogroup_exit",
    "sched_autogroup_fork",
    "task_group_path",
)

_NICE_INTERVAL_NS: Final = jiffies_to_ns(HZ // 10)


class Autogroup:
    """The group of those that a call of setsid(2) has begun with (struct autogroup)."""

    __slots__ = ("id", "nice", "refcount", "tg")

    def __init__(self, tg: TaskGroup, number: int) -> None:
        self.tg = tg
        self.id = number
        self.nice = 0
        self.refcount = 0  # processes


def _autogroup_create(k: Kernel) -> Autogroup | None:
    """Make an autogroup, for which nobody is asked; None if there is no memory: the root group will do."""
    what = "kmalloc()"
    try:
        k.caches["autogroup"].alloc()
        what = "sched_create_group()"
        tg = sched_group.sched_create_group(k, k.sched.root_task_group)
    except LinuxError:
        if what != "kmalloc()":
            k.caches["autogroup"].free()
        if k.printk_ratelimit("autogroup_create"):
            k.printk(f"autogroup_create: {what} failure.", KERN_WARNING)
        return None
    k.sched.autogroup_seq_nr += 1
    ag = tg.autogroup = Autogroup(tg, k.sched.autogroup_seq_nr)
    return ag


def _autogroup_kref_put(k: Kernel, ag: Autogroup) -> None:
    ag.refcount -= 1
    if ag.refcount:
        return
    ag.tg.autogroup = None
    sched_group.sched_destroy_group(k, ag.tg)
    k.caches["autogroup"].free()


def sched_autogroup_create_attach(p: Task) -> None:
    """Move p's process into an autogroup of its own: it leads a session now."""
    k = p.kernel
    sig = p.signal
    prev = sig.autogroup
    sig.autogroup = ag = _autogroup_create(k)
    if ag is not None:
        ag.refcount += 1
    for t in threads_from(p):
        sched_group.sched_move_task(t)
    if prev is not None:
        _autogroup_kref_put(k, prev)


def sched_autogroup_fork(current: Task, sig: SignalStruct) -> None:
    """Let a new process be in the autogroup of current."""
    sig.autogroup = ag = current.signal.autogroup
    if ag is not None:
        ag.refcount += 1


def sched_autogroup_exit(k: Kernel, sig: SignalStruct) -> None:
    """Forget the autogroup of a process that is freed."""
    if sig.autogroup is not None:
        _autogroup_kref_put(k, sig.autogroup)
        sig.autogroup = None


# What /proc shows.


def task_group_path(tg: TaskGroup) -> str:
    """Return what /proc/sched_debug calls a group."""
    if tg.autogroup is not None:
        return f"/autogroup-{tg.autogroup.id}"
    return "" if tg.se else "/"


def proc_sched_autogroup_set_nice(current: Task, p: Task, nice: int) -> None:
    """Let p's autogroup weigh what a task of this nice value does.

    Raises EINVAL for another value, or if p is in none, EPERM for less than 0 if current may not, EAGAIN if there was
    another change in the last 100 ms and current is not the administrator.
    """
    sched = current.kernel.sched
    if not -20 <= nice <= 19:
        raise LinuxError(Errno.EINVAL, f"nice value {nice}")
    if nice < 0 and not capability.can_nice(current, current, nice):
        raise LinuxError(Errno.EPERM, "beyond RLIMIT_NICE")
    now_ns = current.kernel.clock.now_ns
    if not capability.capable(current, CAP_SYS_ADMIN) and now_ns < sched.autogroup_nice_next_ns:
        raise LinuxError(Errno.EAGAIN, "the nice value of an autogroup was changed not long ago")
    sched.autogroup_nice_next_ns = now_ns + _NICE_INTERVAL_NS
    ag = p.signal.autogroup
    if ag is None:
        raise LinuxError(Errno.EINVAL, "the shares of the root group")
    sched_group.sched_group_set_shares(ag.tg, sched_weight.PRIO_TO_WEIGHT[nice + 20])
    ag.nice = nice


def proc_sched_autogroup_show_task(p: Task) -> bytes:
    """Return what /proc/PID/autogroup shows: nothing if p is in none."""
    ag = p.signal.autogroup
    return b"/autogroup-%d nice %d\n" % (ag.id, ag.nice) if ag is not None else b""
