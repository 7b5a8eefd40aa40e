"""The controller debug: what one can know of groups and css_sets (the end of kernel/cgroup.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import CGRP_RELEASABLE, DEBUG_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.kernel import cgroup, pid
from procession.kernel.stacktrace import function_address

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup, CssSet
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("DebugSubsys",)

_MAX_TASKS_SHOWN_PER_CSS: Final = 25


def _address(k: Kernel, cg: CssSet) -> int:
    """Return what stands for the address of a css_set: that of the first one is in the kernel's own data."""
    return function_address("init_css_set") if cg is k.cgroups.init_css_set else 0


def _current_css_set_cg_links_read(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    return "".join(
        [f"Root {link.cgrp.root.hierarchy_id} group {_name(link.cgrp)}\n" for link in current.cgroups.cg_links]
    )


def _name(cgrp: Cgroup) -> str:
    if cgrp.root.sb is None:
        return "?"
    return cgrp.name if cgrp.parent is not None else "/"


def _cgroup_css_links_read(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    lines = []
    for link in reversed(cgrp.css_sets):
        lines.append(f"css_set {_address(current.kernel, link.cg):016x}\n")
        tasks = list(reversed(link.cg.tasks))
        # One more than it says.
        shown = tasks[: _MAX_TASKS_SHOWN_PER_CSS + 1]
        lines += [f"  task {pid.task_pid_vnr(current, task)}\n" for task in shown]
        if len(tasks) > len(shown):
            lines.append("  ...\n")
    return "".join(lines)


class DebugSubsys(CgroupSubsys):
    """The controller. Differs: a css_set has no address, but for the first one."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "debug", DEBUG_SUBSYS_ID)

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return a state of nothing."""
        return CgroupSubsysState(cgrp)

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of every group."""
        return [
            Cftype("cgroup_refcount", read_u64=lambda cgrp, _: cgrp.count),
            Cftype("taskcount", read_u64=lambda cgrp, _: cgroup.cgroup_task_count(cgrp)),
            Cftype("current_css_set", read_u64=self._current_css_set_read),
            Cftype("current_css_set_refcount", read_u64=self._current_css_set_refcount_read),
            Cftype("current_css_set_cg_links", read_seq=_current_css_set_cg_links_read),
            Cftype("cgroup_css_links", read_seq=_cgroup_css_links_read),
            Cftype("releasable", read_u64=lambda cgrp, _: int(cgrp.flags & CGRP_RELEASABLE != 0)),
        ]

    def _current_css_set_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        current = self.kernel.current
        return _address(self.kernel, current.cgroups)

    def _current_css_set_refcount_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        current = self.kernel.current
        return int(current.cgroups.refcount)
