"""How much CPU time the tasks of a group have used (the end of kernel/sched.c; spec cgroups B2).

Nothing is added up where tasks run: what a task has used since it came to its group is added when it leaves, moves to
another CPU, or when somebody looks. The top group has whatever the CPUs were busy with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cgroup import CPUACCT_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.time import NSEC_PER_CLOCK_T
from procession.kernel import cgroup, sched

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup, CssSet
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("CpuacctSubsys",)


class Cpuacct(CgroupSubsysState):
    """A group's counters (struct cpuacct). Times in ns.

    cpuusage: by CPU, the groups below included; of the top group: what is not to be counted any more.
    seen: what its tasks had used when that was last added up.
    """

    __slots__ = ("cpuusage", "parent", "seen", "system", "user")

    def __init__(self, cgroup: Cgroup, parent: Cpuacct | None, nr_cpus: int) -> None:
        super().__init__(cgroup)
        self.parent = parent
        self.cpuusage = [0] * nr_cpus
        self.user = 0
        self.system = 0
        self.seen: dict[Task, tuple[int, int, int]] = {}

    def charge(self, p: Task) -> None:
        """Add what p has used since it was last looked at to its group, and to those above."""
        if self.parent is None:
            return
        now = sched.task_sched_runtime(p), p.utime, p.stime
        runtime, utime, stime = (new - old for new, old in zip(now, self.seen.get(p, (0, 0, 0)), strict=True))
        self.seen[p] = now
        ca: Cpuacct | None = self
        while ca is not None and ca.parent is not None:
            ca.cpuusage[p.cpu] += runtime
            ca.user += utime
            ca.system += stime
            ca = ca.parent


def _cpuacct(css: CgroupSubsysState | None) -> Cpuacct:
    assert isinstance(css, Cpuacct)
    return css


def _charge_all(k: Kernel, cgrp: Cgroup) -> Cpuacct:
    """Bring the counters of a group up to now."""
    ca = _cpuacct(cgrp.subsys[CPUACCT_SUBSYS_ID])
    if ca.parent is not None:
        for p in cgroup.cgroup_tasks(k, cgrp):
            ca.charge(p)
        for child in cgrp.children.values():
            _charge_all(k, child)
    return ca


def _busy_times(k: Kernel, cpu: int) -> tuple[int, int]:
    """Return what a CPU has spent in programs and in the kernel."""
    rq: sched.Rq = k.sched.runqueues[cpu]
    sched.account_process_times(rq, rq.curr)
    return rq.cpustat.user + rq.cpustat.nice, rq.cpustat.system


def _usage(k: Kernel, cgrp: Cgroup) -> list[int]:
    """Return what was used on each CPU since the last reset."""
    ca = _charge_all(k, cgrp)
    if ca.parent is not None:
        return ca.cpuusage
    return [sum(_busy_times(k, cpu)) - before for cpu, before in enumerate(ca.cpuusage)]


def _cpuusage_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if value:
        raise LinuxError(Errno.EINVAL, "it can only be reset")
    k = current.kernel
    ca = _charge_all(k, cgrp)
    for cpu in range(k.nr_cpus):
        ca.cpuusage[cpu] = 0 if ca.parent is not None else sum(_busy_times(k, cpu))


def _percpu_show(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    return "".join(f"{ns} " for ns in _usage(current.kernel, cgrp)) + "\n"


def _stats_show(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    k = current.kernel
    ca = _charge_all(k, cgrp)
    user, system = ca.user, ca.system
    if ca.parent is None:
        user, system = map(sum, zip(*(_busy_times(k, cpu) for cpu in range(k.nr_cpus)), strict=True))
    return f"user {user // NSEC_PER_CLOCK_T}\nsystem {system // NSEC_PER_CLOCK_T}\n"


class CpuacctSubsys(CgroupSubsys):
    """The controller."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "cpuacct", CPUACCT_SUBSYS_ID, has_exit=True)

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return counters at 0."""
        parent = _cpuacct(cgrp.parent.subsys[CPUACCT_SUBSYS_ID]) if cgrp.parent is not None else None
        return Cpuacct(cgrp, parent, self.kernel.nr_cpus)

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of every group."""
        return [
            Cftype("usage", read_u64=self._cpuusage_read, write_u64=_cpuusage_write),
            Cftype("usage_percpu", read_seq=_percpu_show),
            Cftype("stat", read_seq=_stats_show),
        ]

    def _cpuusage_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        return sum(_usage(self.kernel, cgrp))

    def attach_task(self, cgrp: Cgroup, old: CssSet, p: Task) -> None:
        """Leave what was used before to the old group."""
        self._leave(_cpuacct(old.subsys[CPUACCT_SUBSYS_ID]), p)
        ca = _cpuacct(cgrp.subsys[CPUACCT_SUBSYS_ID])
        if ca.parent is not None:
            ca.seen[p] = sched.task_sched_runtime(p), p.utime, p.stime

    def exit(self, cgrp: Cgroup, old_cgrp: Cgroup, p: Task) -> None:
        """Charge for the last time; the rest is the top group's."""
        self._leave(_cpuacct(old_cgrp.subsys[CPUACCT_SUBSYS_ID]), p)

    def _leave(self, ca: Cpuacct, p: Task) -> None:
        ca.charge(p)
        ca.seen.pop(p, None)
