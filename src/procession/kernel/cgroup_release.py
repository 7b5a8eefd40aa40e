"""Release agents: the program that is run when a group has nobody in it any more (kernel/cgroup.c; spec cgroups A7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import LinuxError
from procession.include.linux.kmod import UMH_WAIT_EXEC
from procession.include.linux.workqueue import WorkStruct
from procession.kernel import cgroup, kmod, workqueue
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("cgroup_release_init",)

_ENVIRONMENT: Final = (b"HOME=/", b"PATH=/sbin:/bin:/usr/sbin:/usr/bin")


def cgroup_release_init(k: Kernel) -> None:
    """Say how the agents are run; after the queues of work."""
    work = WorkStruct(cgroup_release_agent)
    k.cgroups.schedule_release = lambda: _schedule(k, work)


def _schedule(k: Kernel, work: WorkStruct) -> None:
    workqueue.schedule_work(k, work)


async def cgroup_release_agent(current: Task, work: WorkStruct) -> None:
    """Tell the agents of all groups that have become empty, in a worker; what becomes of them nobody asks."""
    waiting = current.kernel.cgroups.release_list
    while waiting:
        cgrp = waiting.pop(0)
        cgrp.release_queued = False
        agent = cgrp.root.release_agent_path
        argv = (string.to_bytes(agent), string.to_bytes(cgroup.cgroup_path(cgrp)))
        try:
            await kmod.call_usermodehelper(current, agent, argv, _ENVIRONMENT, UMH_WAIT_EXEC)
        except LinuxError:
            pass  # there is nobody to tell that there is no such program
