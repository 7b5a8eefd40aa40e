"""What happens to a task whose group has no memory left (mm/memcontrol.c; spec cgroups B6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import (
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMCG_OOM,
    TIF_MEMDIE,
    fatal_signal_pending,
    set_task_state,
)
from procession.include.linux.time import TICK_PERIOD_NS
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import hrtimer, sched, wait
from procession.mm import oom_kill
from procession.mm.memcontrol import MemCgroup

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("mem_cgroup_oom_synchronize",)


class OomWait(WaitQueueEntry):
    """Who waits for room in a group (struct oom_wait_info)."""

    __slots__ = ("memcg",)

    def __init__(self, task: Task, memcg: MemCgroup) -> None:
        super().__init__(task, func=memcg_oom_wake_function)
        self.memcg = memcg


def memcg_oom_wake_function(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Wake who waits for the group, or for one above or below it."""
    assert isinstance(entry, OomWait)
    assert isinstance(key, MemCgroup)
    if key not in entry.memcg.subtree() and entry.memcg not in key.subtree():
        return False
    return sched.try_to_wake_up(entry.task, mode)


async def mem_cgroup_oom_synchronize(current: Task) -> None:
    """Kill somebody of the group that current has found full, or sleep until there is room; then it tries again.

    In 3.2 that happens in the midst of the fault (mem_cgroup_handle_oom).
    """
    memcg = current.memcg_oom
    current.memcg_oom = None
    current.ti_flags &= ~TIF_MEMCG_OOM
    k = current.kernel
    controller = k.mm.memcg
    if memcg is None or controller is None or memcg.res.margin() or fatal_signal_pending(current):
        return
    tree = memcg.subtree()
    for each in tree:
        each.under_oom += 1
    locked = not any(each.oom_lock for each in tree)
    entry = OomWait(current, memcg)
    wait.prepare_to_wait(controller.oom_waitq, entry, TASK_KILLABLE)
    if locked:
        for each in tree:
            each.oom_lock = True
            for ctx in each.oom_notify:
                ctx.signal(1)
    if locked and not memcg.oom_kill_disable:
        wait.finish_wait(controller.oom_waitq, entry)
        oom_kill.mem_cgroup_out_of_memory(k, memcg)
    else:
        await sched.schedule(current, "mem_cgroup_handle_oom", controller.oom_waitq)
        wait.finish_wait(controller.oom_waitq, entry)
    if locked:
        for each in tree:
            each.oom_lock = False
    controller.oom_recover(memcg)
    for each in tree:
        each.under_oom -= 1
    if current.ti_flags & TIF_MEMDIE or fatal_signal_pending(current):
        return
    # Give who dies the chance to.
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    await hrtimer.schedule_timeout(current, TICK_PERIOD_NS, "schedule_timeout_uninterruptible")
    set_task_state(current, TASK_RUNNING)
