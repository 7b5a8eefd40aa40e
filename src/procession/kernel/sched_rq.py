"""A CPU's run queue (struct rq of kernel/sched.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.hw.clock import NEVER
from procession.include.linux.kernel_stat import CpuUsageStat
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.topology import CPU_LOAD_IDX_MAX, SCHED_POWER_SCALE

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task
    from procession.include.linux.topology import SchedDomain
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.sched_rt import RtRq

__all__ = ("Rq",)


class Rq:
    """One CPU's run queue (struct rq)."""

    __slots__ = (
        "active_balance",
        "active_mm",
        "age_stamp",
        "avg_idle",
        "cfs",
        "cpu",
        "cpu_load",
        "cpu_power",
        "cpustat",
        "curr",
        "dead",
        "idle",
        "idle_balance",
        "idle_stamp",
        "kernel",
        "last_load_update_tick",
        "leaf_cfs_rq_list",
        "limit_ns",
        "lock",
        "next_balance",
        "nohz_balance_kick",
        "nr_load_updates",
        "nr_running",
        "nr_switches",
        "nr_uninterruptible",
        "pcount",
        "push_cpu",
        "rq_cpu_time",
        "rt",
        "rt_avg",
        "run_delay",
        "sched_count",
        "sched_goidle",
        "sd",
        "stop",
        "tick",
        "tick_ns",
        "ttwu_count",
        "ttwu_local",
        "yld_count",
    )

    cfs: CfsRq
    rt: RtRq

    def __init__(self, k: Kernel, cpu: int, idle: Task) -> None:
        self.kernel = k
        self.cpu = cpu
        self.lock = SpinLock(k.lock_class("rq->lock"))
        self.cpustat = CpuUsageStat()
        self.curr = idle
        self.idle = idle
        self.active_mm: MmStruct | None = None  # whose page tables the CPU has; idle and kernel threads leave it so
        self.dead: Task | None = None  # left this CPU for the last time; finish_task_switch puts it
        self.nr_running = 0  # the running task included, idle not
        self.nr_switches = 0
        self.nr_uninterruptible = 0  # may be negative: only the sum over all CPUs has a meaning
        # What /proc/schedstat shows.
        self.yld_count = 0  # calls of sched_yield(2)
        self.sched_count = 0  # of do_schedule()
        self.sched_goidle = 0
        self.ttwu_count = 0  # wake-ups
        self.ttwu_local = 0  # on several CPUs, those by a task of the same one
        self.rq_cpu_time = 0  # how long others than idle ran, up to the last switch
        self.run_delay = 0  # how long tasks waited for this CPU, all together
        self.pcount = 0  # how many turns that were
        self.tick_ns = NEVER  # when the running task's turn ends
        self.limit_ns = NEVER  # when the machine loop gives another CPU its turn
        # What several CPUs share work by (CONFIG_SMP); sd is None if there is one.
        self.sd: SchedDomain | None = None
        self.tick = 0  # the last one that this CPU has seen, or that was over when it stopped idling
        self.cpu_load = [0] * CPU_LOAD_IDX_MAX  # its load now, and averaged over more and more ticks
        self.last_load_update_tick = 0
        self.nr_load_updates = 0
        self.next_balance = 0  # the tick at which to balance
        self.idle_balance = False  # the tick, or the kick, found it idle
        self.nohz_balance_kick = False  # a busy CPU asks this idle one to balance for all that are idle
        self.idle_stamp = 0  # ns: since when it is idle, 0 if somebody has come
        self.avg_idle = 2 * k.sched.sysctl_sched_migration_cost  # ns: how long it is idle at a time
        self.rt_avg = 0  # ns that real-time tasks took, halved each period
        self.age_stamp = 0  # when it was halved last
        self.cpu_power = SCHED_POWER_SCALE  # what is left of it for others
        self.stop = False  # its migration thread is about to run, so it does not go idle
        self.active_balance = False  # its running task is to be pushed to push_cpu
        self.push_cpu = 0
        self.leaf_cfs_rq_list: list[CfsRq] = []  # those that have, or had lately, somebody: groups before those above
