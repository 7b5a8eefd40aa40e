"""The cpu controller: how groups share the CPUs (the end of kernel/sched.c; spec cgroups B3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cgroup import CPU_CGROUP_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import MAX_RT_PRIO
from procession.kernel import sched_bandwidth, sched_group

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup, CssSet
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.task_group import TaskGroup

__all__ = ("CpuSubsys",)


class CpuState(CgroupSubsysState):
    """A group's task_group; the top group's is the root of them, which is made later."""

    __slots__ = ("tg",)

    def __init__(self, cgroup: Cgroup, tg: TaskGroup | None) -> None:
        super().__init__(cgroup)
        self.tg = tg


def _tg_of(k: Kernel, css: CgroupSubsysState | None) -> TaskGroup:
    assert isinstance(css, CpuState)
    return k.sched.root_task_group if css.tg is None else css.tg


def _shares_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    sched_group.sched_group_set_shares(cgroup_tg(current.kernel, cgrp), value)


def _quota_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    sched_bandwidth.tg_set_cfs_quota(cgroup_tg(current.kernel, cgrp), value)


def _period_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    sched_bandwidth.tg_set_cfs_period(cgroup_tg(current.kernel, cgrp), value)


def _stat_show(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    cfs_b = cgroup_tg(current.kernel, cgrp).cfs_bandwidth
    return f"nr_periods {cfs_b.nr_periods}\nnr_throttled {cfs_b.nr_throttled}\nthrottled_time {cfs_b.throttled_time}\n"


def cgroup_tg(k: Kernel, cgrp: Cgroup) -> TaskGroup:
    """Return the task_group of a group."""
    return _tg_of(k, cgrp.subsys[CPU_CGROUP_SUBSYS_ID])


class CpuSubsys(CgroupSubsys):
    """The controller."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "cpu", CPU_CGROUP_SUBSYS_ID, has_exit=True)

    def _shares_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        return sched_group.sched_group_shares(cgroup_tg(self.kernel, cgrp))

    def _quota_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        return sched_bandwidth.tg_get_cfs_quota(cgroup_tg(self.kernel, cgrp))

    def _period_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        return sched_bandwidth.tg_get_cfs_period(cgroup_tg(self.kernel, cgrp))

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return a group with 1024 shares and no limit; raises ENOMEM."""
        if cgrp.parent is None:
            return CpuState(cgrp, None)
        return CpuState(cgrp, sched_group.sched_create_group(self.kernel, cgroup_tg(self.kernel, cgrp.parent)))

    def destroy(self, cgrp: Cgroup) -> None:
        """Give the group back."""
        sched_group.sched_destroy_group(self.kernel, cgroup_tg(self.kernel, cgrp))

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of every group."""
        return [
            Cftype("shares", read_u64=self._shares_read, write_u64=_shares_write),
            Cftype("cfs_quota_us", read_s64=self._quota_read, write_s64=_quota_write),
            Cftype("cfs_period_us", read_u64=self._period_read, write_u64=_period_write),
            Cftype("stat", read_seq=_stat_show),
        ]

    def can_attach_task(self, cgrp: Cgroup, p: Task) -> None:
        """Let only fair tasks be moved, as there are no groups of real-time ones; raises EINVAL."""
        if p.prio < MAX_RT_PRIO:
            raise LinuxError(Errno.EINVAL, "a real-time task")

    def attach_task(self, cgrp: Cgroup, old: CssSet, p: Task) -> None:
        """Let a thread be one of the group."""
        self._move(p)

    def exit(self, cgrp: Cgroup, old_cgrp: Cgroup, p: Task) -> None:
        """Let a thread that is exiting be one of the top group."""
        self._move(p)

    def _move(self, p: Task) -> None:
        p.sched_task_group = _tg_of(self.kernel, p.cgroups.subsys[CPU_CGROUP_SUBSYS_ID])
        sched_group.sched_move_task(p)
