"""/proc/stat (fs/proc/stat.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.time import NSEC_PER_CLOCK_T, NSEC_PER_SEC
from procession.kernel import sched

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("cpu_times", "show_stat")


def cpu_times(k: Kernel) -> tuple[int, int, int]:
    """Return (user, system, idle) of all CPUs together in ns: what all tasks have used, and all that are gone."""
    user, system = k.sched.cpustat_user_ns, k.sched.cpustat_system_ns
    for p in k.tasks:
        for t in p.signal.threads:
            user += t.utime
            system += t.stime
    return user, system, max(0, k.clock.now_ns * k.nr_cpus - user - system)


def _cpu_line(name: str, times: tuple[int, int, int], parts: int) -> str:
    user, system, idle = (ns // parts // NSEC_PER_CLOCK_T for ns in times)
    return f"{name} {user} 0 {system} {idle} 0 0 0 0 0 0\n"


def show_stat(current: Task) -> bytes:
    """Return the counters of the machine. Differs: CPUs share the times evenly, there are no interrupts."""
    k = current.kernel
    times = cpu_times(k)
    lines = [_cpu_line("cpu ", times, 1)]
    lines += [_cpu_line(f"cpu{cpu}", times, k.nr_cpus) for cpu in range(k.nr_cpus)]
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
