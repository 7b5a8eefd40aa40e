"""The scheduler's tunables under /proc/sys/kernel (kernel/sched.c, sched_fair.c, sysctl.c; spec cgroups D4).

sched_migration_cost, sched_nr_migrate, sched_time_avg, sched_shares_window and timer_migration are for several CPUs;
with one they are kept, and have no effect, and there is no directory sched_domain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, UINT_MAX

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel, SchedState

__all__ = ("sched_table",)

MIN_SCHED_GRANULARITY_NS: Final = 100_000
MAX_SCHED_GRANULARITY_NS: Final = 1_000_000_000

# As kernel/sysctl.py's: how to read, how to write, least, most.
IntTable = Callable[..., Any]


def _update_nr_latency(k: Kernel) -> None:
    """Follow a change of one of the first tunables (sched_proc_update_handler)."""
    state = k.sched
    state.sched_nr_latency = -(-state.sysctl_sched_latency // state.sysctl_sched_min_granularity)
    k.clock.next_event_ns = 0


def _put_latency(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_latency = value
    _update_nr_latency(k)


def _put_min_granularity(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_min_granularity = value
    _update_nr_latency(k)


def _put_wakeup_granularity(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_wakeup_granularity = value
    _update_nr_latency(k)


def _put_tunable_scaling(k: Kernel, value: int) -> None:
    # How the first three depend on the number of CPUs, which does not change.
    k.sched.sysctl_sched_tunable_scaling = value
    _update_nr_latency(k)


def _put_migration_cost(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_migration_cost = value


def _put_nr_migrate(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_nr_migrate = value


def _put_time_avg(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_time_avg = value


def _put_shares_window(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_shares_window = value


def _put_timer_migration(k: Kernel, value: int) -> None:
    k.sched.sysctl_timer_migration = value


def _put_child_runs_first(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_child_runs_first = value


def _put_autogroup_enabled(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_autogroup_enabled = value


def _put_cfs_bandwidth_slice(k: Kernel, value: int) -> None:
    k.sched.sysctl_sched_cfs_bandwidth_slice = value


def _put_max_lock_depth(k: Kernel, value: int) -> None:
    k.sched.max_lock_depth = value


def _sched_rt_handler(k: Kernel, period: int, runtime: int) -> None:
    """Let real-time tasks run for so many µs of each period; raises EINVAL for no period, EBUSY for no time."""
    if not period:
        raise LinuxError(Errno.EINVAL, "a period of no length")
    if not runtime:
        raise LinuxError(Errno.EBUSY, "some real-time tasks are the kernel's own")
    state: SchedState = k.sched
    state.sysctl_sched_rt_period = period
    state.sysctl_sched_rt_runtime = runtime
    for rq in state.runqueues:
        rq.rt.set_runtime(state)
    k.clock.next_event_ns = 0


def _put_rt_period(k: Kernel, value: int) -> None:
    _sched_rt_handler(k, value & UINT_MAX, k.sched.sysctl_sched_rt_runtime)


def _put_rt_runtime(k: Kernel, value: int) -> None:
    _sched_rt_handler(k, k.sched.sysctl_sched_rt_period, value)


def _rt_period(k: Kernel) -> int:
    period = k.sched.sysctl_sched_rt_period
    return period if period <= INT_MAX else period - UINT_MAX - 1


def sched_table(number: IntTable) -> dict[str, Any]:
    """Return the files, made by number (kern_table)."""
    low, high = MIN_SCHED_GRANULARITY_NS, MAX_SCHED_GRANULARITY_NS
    return {
        "sched_child_runs_first": number(lambda k: k.sched.sysctl_sched_child_runs_first, _put_child_runs_first),
        "sched_min_granularity_ns": number(
            lambda k: k.sched.sysctl_sched_min_granularity, _put_min_granularity, low, high
        ),
        "sched_latency_ns": number(lambda k: k.sched.sysctl_sched_latency, _put_latency, low, high),
        "sched_wakeup_granularity_ns": number(
            lambda k: k.sched.sysctl_sched_wakeup_granularity, _put_wakeup_granularity, 0, high
        ),
        "sched_tunable_scaling": number(lambda k: k.sched.sysctl_sched_tunable_scaling, _put_tunable_scaling, 0, 2),
        "sched_migration_cost": number(lambda k: k.sched.sysctl_sched_migration_cost, _put_migration_cost),
        "sched_nr_migrate": number(lambda k: k.sched.sysctl_sched_nr_migrate, _put_nr_migrate),
        "sched_time_avg": number(lambda k: k.sched.sysctl_sched_time_avg, _put_time_avg),
        "sched_shares_window": number(lambda k: k.sched.sysctl_sched_shares_window, _put_shares_window),
        "timer_migration": number(lambda k: k.sched.sysctl_timer_migration, _put_timer_migration, 0, 1),
        "sched_rt_period_us": number(_rt_period, _put_rt_period),
        "sched_rt_runtime_us": number(lambda k: k.sched.sysctl_sched_rt_runtime, _put_rt_runtime),
        "sched_autogroup_enabled": number(
            lambda k: k.sched.sysctl_sched_autogroup_enabled, _put_autogroup_enabled, 0, 1
        ),
        "sched_cfs_bandwidth_slice_us": number(
            lambda k: k.sched.sysctl_sched_cfs_bandwidth_slice, _put_cfs_bandwidth_slice, 1
        ),
        "max_lock_depth": number(lambda k: k.sched.max_lock_depth, _put_max_lock_depth),
    }
