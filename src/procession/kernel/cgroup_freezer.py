"""The freezer: a group whose tasks can be made to stand still (kernel/cgroup_freezer.c; spec cgroups B1).

Differs: where 3.2 stops the machine if a frozen group has a task in it that is not, nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import FREEZER_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.errno import Errno, LinuxError
from procession.kernel import cgroup, freezer

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("FreezerSubsys", "freezer_state")

CGROUP_THAWED: Final = "THAWED"
CGROUP_FREEZING: Final = "FREEZING"
CGROUP_FROZEN: Final = "FROZEN"


class Freezer(CgroupSubsysState):
    """A group's state (struct freezer)."""

    __slots__ = ("state",)

    def __init__(self, cgroup: Cgroup) -> None:
        super().__init__(cgroup)
        self.state = CGROUP_THAWED


def _freezer(css: CgroupSubsysState | None) -> Freezer:
    assert isinstance(css, Freezer)
    return css


def freezer_state(p: Task) -> str:
    """Return the state of p's group."""
    return _freezer(p.cgroups.subsys[FREEZER_SUBSYS_ID]).state


def _update_if_frozen(k: Kernel, cgrp: Cgroup, state: Freezer) -> None:
    """A group is frozen once all its tasks are, which is noticed when somebody looks."""
    if state.state == CGROUP_FREEZING and all(freezer.is_task_frozen_enough(p) for p in cgroup.cgroup_tasks(k, cgrp)):
        state.state = CGROUP_FROZEN


def _freezer_read(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    if cgroup.cgroup_is_removed(cgrp):
        raise LinuxError(Errno.ENODEV, "the group is gone")
    state = _freezer(cgrp.subsys[FREEZER_SUBSYS_ID])
    _update_if_frozen(current.kernel, cgrp, state)
    return f"{state.state}\n"


def _freezer_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    goal = {b"THAWED": CGROUP_THAWED, b"FROZEN": CGROUP_FROZEN}.get(text)
    if goal is None:
        raise LinuxError(Errno.EINVAL, "no state to be in")
    state = _freezer(cgrp.subsys[FREEZER_SUBSYS_ID])
    _update_if_frozen(current.kernel, cgrp, state)
    if goal == state.state:
        return
    tasks = list(cgroup.cgroup_tasks(current.kernel, cgrp))
    if goal == CGROUP_THAWED:
        for p in tasks:
            freezer.thaw_process(p)
        state.state = CGROUP_THAWED
        return
    state.state = CGROUP_FREEZING
    for p in tasks:
        freezer.freeze_task(p, True)


_FILES: Final = (Cftype("state", read_seq=_freezer_read, write_string=_freezer_write),)


class FreezerSubsys(CgroupSubsys):
    """The controller."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "freezer", FREEZER_SUBSYS_ID, has_fork=True)

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return the state of a group whose tasks run."""
        return Freezer(cgrp)

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return freezer.state; the top group cannot be frozen."""
        return list(_FILES) if cgrp.parent is not None else []

    def can_attach(self, current: Task, cgrp: Cgroup, p: Task) -> None:
        """Let nobody come to what is frozen, or about to be; raises EBUSY."""
        if _freezer(cgrp.subsys[FREEZER_SUBSYS_ID]).state != CGROUP_THAWED:
            raise LinuxError(Errno.EBUSY, "the group is frozen")

    def can_attach_task(self, cgrp: Cgroup, p: Task) -> None:
        """Let nobody leave what is frozen, or about to be; raises EBUSY."""
        if _freezer(p.cgroups.subsys[FREEZER_SUBSYS_ID]).state != CGROUP_THAWED:
            raise LinuxError(Errno.EBUSY, "its group is frozen")

    def fork(self, p: Task) -> None:
        """Freeze who was born in a group that is about to be frozen."""
        state = _freezer(p.cgroups.subsys[FREEZER_SUBSYS_ID])
        if state.cgroup.parent is not None and state.state == CGROUP_FREEZING:
            freezer.freeze_task(p, True)
