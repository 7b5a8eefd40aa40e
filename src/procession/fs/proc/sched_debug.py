"""/proc/sched_debug, /proc/schedstat, /proc/PID/schedstat (kernel/sched_debug.c, sched_stats.h; spec proc-kthreads 3).

Differs: as without the statistics that a kernel keeps for each entity: no lines of se->statistics. The only CPU's load
is not averaged: cpu_load has five times the load of now. A cpu cgroup has no path here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.jiffies import INITIAL_JIFFIES, nsecs_to_jiffies
from procession.include.linux.nsproxy import utsname
from procession.include.linux.time import NSEC_PER_MSEC, TICK_PERIOD_NS
from procession.include.linux.topology import CPU_LOAD_IDX_MAX, CPU_MAX_IDLE_TYPES
from procession.kernel import sched_autogroup
from procession.lib import bitmap, string

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.topology import SchedDomain
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.sched_rq import Rq

__all__ = ("proc_pid_schedstat", "sched_debug_show", "show_schedstat")

SCHEDSTAT_VERSION: Final = 15
_FEATURES: Final = 24119  # sched_features.h, as bits
_SCALINGS: Final = ("none", "logaritmic", "linear")
_HEAD: Final = (
    "\nrunnable tasks:\n"
    "            task   PID         tree-key  switches  prio     exec-runtime         sum-exec        sum-sleep\n"
)


def _split_ns(ns: int) -> str:
    """Return ns as milliseconds; the sign of more than -1 ms is lost (SPLIT_NS)."""
    high = ns // NSEC_PER_MSEC if ns >= 0 else -(-ns // NSEC_PER_MSEC)
    return f"{high}.{abs(ns) % NSEC_PER_MSEC:06d}"


def _ns(name: str, ns: int) -> str:
    return f"  .{name:<30}: {_split_ns(ns)}\n"


def _number(name: str, value: int) -> str:
    return f"  .{name:<30}: {value}\n"


def _jiffies(k: Kernel) -> int:
    return INITIAL_JIFFIES + nsecs_to_jiffies(k.clock.now_ns)


def _header(current: Task) -> str:
    k = current.kernel
    state = k.sched
    uts = utsname(current)
    release, version = (string.to_text(text) for text in (uts.release, uts.version.split(b" ", 1)[0]))
    clocks = (
        ("ktime", _split_ns(k.clock.now_ns)),
        ("sched_clk", _split_ns(k.clock.now_ns)),
        ("cpu_clk", _split_ns(k.clock.now_ns)),
        ("jiffies", str(_jiffies(k))),
        ("sched_clock_stable", "1"),
    )
    tunables = (
        ("latency", _split_ns(state.sysctl_sched_latency)),
        ("min_granularity", _split_ns(state.sysctl_sched_min_granularity)),
        ("wakeup_granularity", _split_ns(state.sysctl_sched_wakeup_granularity)),
        ("child_runs_first", str(state.sysctl_sched_child_runs_first)),
        ("features", str(_FEATURES)),
        ("tunable_scaling", f"{state.sysctl_sched_tunable_scaling} ({_SCALINGS[state.sysctl_sched_tunable_scaling]})"),
    )
    lines = [f"Sched Debug Version: v0.10, {release} {version}\n"]
    lines += [f"{name:<40}: {value}\n" for name, value in clocks]
    lines.append("\nsysctl_sched\n")
    lines += [f"  .{'sysctl_sched_' + name:<40}: {value}\n" for name, value in tunables]
    return "".join(lines)


def _cpu(k: Kernel, rq: Rq) -> str:
    now_ns = k.clock.now_ns
    smp = rq.sd is not None
    cpu_load = rq.cpu_load if smp else [rq.cfs.load] * CPU_LOAD_IDX_MAX
    lines = [
        f"\ncpu#{rq.cpu}, 1000.000 MHz\n",
        _number("nr_running", rq.nr_running),
        _number("load", rq.cfs.load),
        _number("nr_switches", rq.nr_switches),
        _number("nr_load_updates", rq.nr_load_updates if smp else now_ns // TICK_PERIOD_NS),
        _number("nr_uninterruptible", rq.nr_uninterruptible),
        _ns("next_balance", INITIAL_JIFFIES + rq.next_balance if smp else 0),
        _number("curr->pid", rq.curr.pid),
        _ns("clock", now_ns),
        *(_number(f"cpu_load[{i}]", load) for i, load in enumerate(cpu_load)),
        _number("yld_count", rq.yld_count),
        _number("sched_switch", 0),
        _number("sched_count", rq.sched_count),
        _number("sched_goidle", rq.sched_goidle),
        *([_number("avg_idle", rq.avg_idle)] if smp else []),
        _number("ttwu_count", rq.ttwu_count),
        _number("ttwu_local", rq.ttwu_local),
    ]
    # The groups that were made last first, the root last.
    lines += [_cfs_rq(tg.cfs_rq[rq.cpu]) for tg in reversed(k.sched.task_groups)]
    rt = rq.rt
    lines += [
        f"\nrt_rq[{rq.cpu}]:\n",
        _number("rt_nr_running", rt.nr_running),
        _number("rt_throttled", int(rt.throttled)),
        _ns("rt_time", rt.rt_time_ns),
        _ns("rt_runtime", rt.runtime_ns),
    ]
    return "".join(lines)


def _cfs_rq(cfs: CfsRq) -> str:
    rq = cfs.rq
    tg = cfs.tg
    first, last = (cfs.timeline[0][0], cfs.timeline[-1][0]) if cfs.timeline else (-1, -1)
    se = tg.se[rq.cpu] if tg.se else None
    lines = [
        f"\ncfs_rq[{rq.cpu}]:{sched_autogroup.task_group_path(tg)}\n",
        _ns("exec_clock", se.sum_exec_runtime if se is not None else rq.rq_cpu_time),
        _ns("MIN_vruntime", first),
        _ns("min_vruntime", cfs.min_vruntime),
        _ns("max_vruntime", last),
        _ns("spread", last - first),
        _ns("spread0", cfs.min_vruntime - rq.kernel.sched.runqueues[0].cfs.min_vruntime),
        _number("nr_spread_over", 0),
        _number("nr_running", cfs.nr_running),
        _number("load", cfs.load),
    ]
    if rq.sd is not None:
        lines += [
            _ns("load_avg", cfs.load_avg),
            _ns("load_period", cfs.load_period),
            _number("load_contrib", cfs.load_contribution),
            _number("load_tg", tg.load_weight),
        ]
    if se is not None:
        lines += [
            _ns("se->exec_start", se.exec_start),
            _ns("se->vruntime", se.vruntime),
            _ns("se->sum_exec_runtime", se.sum_exec_runtime),
            _number("se->load.weight", se.weight),
        ]
    return "".join(lines)


def _tasks(k: Kernel, rq: Rq) -> str:
    lines = [_HEAD, "-" * 106 + "\n"]
    for leader in k.tasks:
        lines += [_task(rq, p) for p in leader.signal.threads if p.se.on_rq and p.cpu == rq.cpu]
    return "".join(lines)


def _task(rq: Rq, p: Task) -> str:
    se = p.se
    vruntime = _split_ns(se.vruntime)
    return (
        f"{'R' if rq.curr is p else ' '}{p.comm:>15} {p.pid:>5} {vruntime:>16} {p.nvcsw + p.nivcsw:>9} {p.prio:>5} "
        f"{vruntime:>16} {_split_ns(se.sum_exec_runtime):>16} {_split_ns(0):>16}"
        f" {sched_autogroup.task_group_path(se.cfs_rq.tg)}\n"
    )


def sched_debug_show(current: Task) -> bytes:
    """Return the tunables, and for each CPU its counts, its queues, and who can run."""
    k = current.kernel
    text = _header(current) + "".join(_cpu(k, rq) + _tasks(k, rq) for rq in k.sched.runqueues)
    return string.to_bytes(text + "\n")


def show_schedstat(current: Task) -> bytes:
    """Return each CPU's counts, how long it ran, how long others waited for it, how many turns there were; its domain.

    What 3.2 has a place for and never counts is 0.
    """
    k = current.kernel
    lines = [f"version {SCHEDSTAT_VERSION}\ntimestamp {_jiffies(k) & (1 << 64) - 1}\n"]
    for rq in k.sched.runqueues:
        lines.append(
            f"cpu{rq.cpu} {rq.yld_count} 0 {rq.sched_count} {rq.sched_goidle} {rq.ttwu_count} {rq.ttwu_local} "
            f"{rq.rq_cpu_time} {rq.run_delay} {rq.pcount}\n"
        )
        if rq.sd is not None:
            lines.append(_domain(rq.sd, k.nr_cpus))
    return "".join(lines).encode()


def _domain(sd: SchedDomain, nr_cpus: int) -> str:
    """Return the line of a CPU's domain: for each kind of balancing how often, and with what success; then the rest."""
    counts = []
    for idle in range(CPU_MAX_IDLE_TYPES):
        counts += [
            sd.lb_count[idle],
            sd.lb_balanced[idle],
            sd.lb_failed[idle],
            sd.lb_imbalance[idle],
            sd.lb_gained[idle],
            sd.lb_hot_gained[idle],
            sd.lb_nobusyq[idle],
            sd.lb_nobusyg[idle],
        ]
    counts += [sd.alb_count, sd.alb_failed, sd.alb_pushed, *[0] * 6, sd.ttwu_wake_remote, sd.ttwu_move_affine, 0]
    return f"domain0 {bitmap.bitmap_scnprintf(sd.span, nr_cpus)} {' '.join(map(str, counts))}\n"


def proc_pid_schedstat(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return how long a task ran, how long it waited for a CPU, in ns, and how often it was put on one."""
    return b"%d %d %d\n" % (task.se.sum_exec_runtime, task.run_delay, task.pcount)
