"""/proc/stat (fs/proc/stat.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.time import NSEC_PER_CLOCK_T, NSEC_PER_SEC
from procession.kernel import sched

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("cpu_times", "idle_ns", "show_stat")


def cpu_times(k: Kernel, cpu: int) -> tuple[int, int, int, int]:
    """Return (user, nice, system, idle) of a CPU in ns.

    The clocks of CPUs differ by a turn at most; each has what it has not used by the executing one's.
    """
    rq: sched.Rq = k.sched.runqueues[cpu]
    sched.account_process_times(rq, rq.curr)
    stat = rq.cpustat
    used_ns = stat.user + stat.nice + stat.system
    return stat.user, stat.nice, stat.system, max(0, k.clock.now_ns - used_ns)


def idle_ns(k: Kernel) -> int:
    """Return the idle time of all CPUs together."""
    return sum(cpu_times(k, cpu)[3] for cpu in range(k.nr_cpus))


def _cpu_line(name: str, times: tuple[int, ...]) -> str:
    user, nice, system, idle = (ns // NSEC_PER_CLOCK_T for ns in times)
    return f"{name} {user} {nice} {system} {idle} 0 0 0 0 0 0\n"


def show_stat(current: Task) -> bytes:
    """Return the counters of the machine. Differs: there are no interrupts."""
    k = current.kernel
    times = [cpu_times(k, cpu) for cpu in range(k.nr_cpus)]
    lines = [_cpu_line("cpu ", tuple(map(sum, zip(*times, strict=True))))]
    lines += [_cpu_line(f"cpu{cpu}", each) for cpu, each in enumerate(times)]
    lines += [
        "intr 0\n",
        f"ctxt {sched.nr_context_switches(k)}\n",
        f"btime {k.boot_time_ns // NSEC_PER_SEC}\n",
        f"processes {k.total_forks}\n",
        f"procs_running {sched.nr_running(k)}\n",
        "procs_blocked 0\n",
        "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
    ]
    return "".join(lines).encode()
