"""Tasks that sleep in state D for too long (kernel/hung_task.c; spec proc-kthreads 7).

Differs: the log hears of them when something else runs then, for a machine that idles stays idle; no thread khungtaskd
looks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.printk import KERN_ERR
from procession.include.linux.sched import TASK_UNINTERRUPTIBLE
from procession.include.linux.time import KTIME_MAX, NSEC_PER_SEC
from procession.include.linux.timer import TimerList
from procession.kernel import hrtimer, panic, sched_show

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("hung_task_init", "proc_hung_task_timeout")

_VFORK: Final = "do_fork"  # where the parent of a vfork(2) sleeps, which is nobody's fault


def hung_task_init(k: Kernel) -> None:
    """Begin to look."""
    k.hung_task.timer = TimerList(watchdog)
    k.hung_task.timer.slack_ns = KTIME_MAX  # no program is interrupted for this
    proc_hung_task_timeout(k)


def proc_hung_task_timeout(k: Kernel) -> None:
    """The time-out was set: the next look is that much later; at 0 there is none."""
    timeout = k.hung_task.timeout_secs
    if timeout:
        hrtimer.mod_timer(k, k.hung_task.timer, min(k.clock.now_ns + timeout * NSEC_PER_SEC, KTIME_MAX))
    else:
        hrtimer.del_timer(k, k.hung_task.timer)


def watchdog(k: Kernel) -> None:
    """Look at all tasks, and again after the next time-out."""
    check_hung_uninterruptible_tasks(k)
    proc_hung_task_timeout(k)


def check_hung_uninterruptible_tasks(k: Kernel) -> None:
    """Report who is in state D and was it at the last look, without having run meanwhile."""
    hung = k.hung_task
    before, hung.sleepers = hung.sleepers, {}
    left = hung.check_count
    for leader in k.tasks:
        for t in leader.signal.threads:
            if not left:
                return
            left -= 1
            # Not those that can be killed.
            if t.state == TASK_UNINTERRUPTIBLE and t.wchan != _VFORK:
                check_hung_task(t, before.get(t))


def check_hung_task(t: Task, last_switch_count: int | None) -> None:
    k = t.kernel
    hung = k.hung_task
    switch_count = t.nvcsw + t.nivcsw
    if not switch_count:
        return  # a newborn that nobody has waked yet
    hung.sleepers[t] = switch_count
    if switch_count != last_switch_count or not hung.warnings:
        return
    hung.warnings -= 1
    k.printk(f"INFO: task {t.comm}:{t.pid} blocked for more than {hung.timeout_secs} seconds.", KERN_ERR)
    k.printk('"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.', KERN_ERR)
    sched_show.sched_show_task(t)
    if hung.panic:
        panic.panic(k, "hung_task: blocked tasks")
