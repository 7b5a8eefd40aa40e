"""How loaded each of several CPUs is, now and on average, and what it can do (kernel/sched.c, sched_fair.c).

A CPU's load is the weight of the fair tasks and groups in its own queue. Who looks for work goes by the lesser of that
and an average, who is looked at for work by the greater: so tasks do not go back and forth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.limits import UINT_MAX
from procession.include.linux.time import NSEC_PER_MSEC, TICK_PERIOD_NS
from procession.include.linux.topology import CPU_LOAD_IDX_MAX, SCHED_POWER_SCALE, SCHED_POWER_SHIFT, SchedDomain

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel, SchedState
    from procession.kernel.sched_rq import Rq

__all__ = (
    "cpu_avg_load_per_task",
    "idle_cpu",
    "jiffies",
    "sched_rt_avg_update",
    "smp_processor_id",
    "source_load",
    "target_load",
    "update_cpu_load",
    "update_group_power",
)

# What is left of a load after 1, 2, 4 … ticks without one, in 128ths, for each average; and after which there is none.
_DEGRADE_SHIFT: Final = 7
_DEGRADE_ZERO_TICKS: Final = (0, 8, 32, 64, 128)
_DEGRADE_FACTOR: Final = (
    (0, 0, 0, 0, 0, 0, 0),
    (64, 32, 8, 0, 0, 0, 0),
    (96, 72, 40, 12, 1, 0, 0),
    (112, 98, 75, 43, 15, 1, 0),
    (120, 112, 98, 76, 45, 16, 2),
)


def jiffies(k: Kernel) -> int:
    """Return how many ticks there have been since boot."""
    return k.clock.now_ns // TICK_PERIOD_NS


def smp_processor_id(k: Kernel) -> int:
    """Return the CPU that executes; of a timer's function, the CPU that has armed it, which would be interrupted."""
    irq_cpu = k.sched.irq_cpu
    return k.cpu if irq_cpu < 0 else irq_cpu


def idle_cpu(rq: Rq) -> bool:
    """Whether a CPU has nobody to run."""
    return rq.curr is rq.idle and not rq.nr_running


# Load.


def source_load(rq: Rq, type: int) -> int:
    """Return a guess at the load of a CPU that a task would be taken from, rather too low; type: which average."""
    total = rq.cfs.load
    return min(rq.cpu_load[type - 1], total) if type else total


def target_load(rq: Rq, type: int) -> int:
    """Return a guess at the load of a CPU that a task would come to, rather too high."""
    total = rq.cfs.load
    return max(rq.cpu_load[type - 1], total) if type else total


def cpu_avg_load_per_task(rq: Rq) -> int:
    """Return how much a CPU's tasks weigh each, 0 if it has none."""
    return rq.cfs.load // rq.nr_running if rq.nr_running else 0


def update_cpu_load(rq: Rq) -> None:
    """At a tick, fold the load into its averages; what ticks were left out count as without any."""
    rq.nr_load_updates += 1
    now = jiffies(rq.kernel)
    missed = now - rq.last_load_update_tick - 1
    if missed < 0:
        return
    rq.last_load_update_tick = now
    load = rq.cfs.load
    cpu_load = rq.cpu_load
    cpu_load[0] = load
    for i in range(1, CPU_LOAD_IDX_MAX):
        scale = 1 << i
        old_load = _decay_load_missed(cpu_load[i], missed, i)
        # Rounded up when it rises, so that it gets there.
        new_load = load + scale - 1 if load > old_load else load
        cpu_load[i] = (old_load * (scale - 1) + new_load) >> i
    _sched_avg_update(rq)


def _decay_load_missed(load: int, missed: int, i: int) -> int:
    if not missed:
        return load
    if missed >= _DEGRADE_ZERO_TICKS[i]:
        return 0
    if i == 1:
        return load >> missed
    for factor in _DEGRADE_FACTOR[i]:
        if missed & 1:
            load = load * factor >> _DEGRADE_SHIFT
        missed >>= 1
    return load


# Power.


def _sched_avg_period(state: SchedState) -> int:
    return (state.sysctl_sched_time_avg & UINT_MAX) * NSEC_PER_MSEC // 2


def _sched_avg_update(rq: Rq) -> None:
    """Halve what real-time tasks took for each period that is over.

    Differs: with a period of 0 3.2 never comes back from here; then nothing is remembered.
    """
    period_ns = _sched_avg_period(rq.kernel.sched)
    now_ns = rq.kernel.clock.now_ns
    if not period_ns:
        rq.age_stamp = now_ns
        rq.rt_avg = 0
        return
    over = (now_ns - rq.age_stamp - 1) // period_ns
    if over > 0:
        rq.age_stamp += over * period_ns
        rq.rt_avg >>= over


def sched_rt_avg_update(rq: Rq, delta_ns: int) -> None:
    """Note that real-time tasks had a CPU for so long."""
    rq.rt_avg += delta_ns
    _sched_avg_update(rq)


def _scale_rt_power(rq: Rq) -> int:
    """Return what real-time tasks leave of a CPU, on average."""
    total = _sched_avg_period(rq.kernel.sched) + rq.kernel.clock.now_ns - rq.age_stamp
    available = max(0, total - rq.rt_avg)
    return available // (max(total, SCHED_POWER_SCALE) >> SCHED_POWER_SHIFT)


def update_group_power(sd: SchedDomain, rq: Rq) -> None:
    """Find out what a CPU can do for fair tasks (update_cpu_power); sd: its own domain."""
    group = sd.groups[0]
    group.power_orig = SCHED_POWER_SCALE
    rq.cpu_power = group.power = max(1, _scale_rt_power(rq))
