"""The controller net_cls: a number for the packets of a group's tasks (net/sched/cls_cgroup.c).

Differs: there are no queueing disciplines, whose filters alone ask for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cgroup import NET_CLS_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.limits import UINT_MAX

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("NetClsSubsys",)


class CgroupClsState(CgroupSubsysState):
    """A group's number (struct cgroup_cls_state)."""

    __slots__ = ("classid",)

    def __init__(self, cgroup: Cgroup, classid: int) -> None:
        super().__init__(cgroup)
        self.classid = classid


def _cls_state(cgrp: Cgroup) -> CgroupClsState:
    css = cgrp.subsys[NET_CLS_SUBSYS_ID]
    assert isinstance(css, CgroupClsState)
    return css


def _write_classid(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    _cls_state(cgrp).classid = value & UINT_MAX


class NetClsSubsys(CgroupSubsys):
    """The controller."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "net_cls", NET_CLS_SUBSYS_ID)

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return the number of the group above."""
        return CgroupClsState(cgrp, _cls_state(cgrp.parent).classid if cgrp.parent is not None else 0)

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the file of every group."""
        return [Cftype("classid", read_u64=lambda cgrp, _: _cls_state(cgrp).classid, write_u64=_write_classid)]
