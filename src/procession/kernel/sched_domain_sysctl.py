"""The domains of several CPUs under /proc/sys/kernel/sched_domain (sd_alloc_ctl_domain_table of kernel/sched.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procession.include.linux.limits import INT_MAX
from procession.include.linux.topology import CPU_LOAD_IDX_MAX, SchedDomain

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("domain_table",)

# As kernel/sysctl.py's: how to read, how to write, least, most.
NumberTable = Callable[..., Any]
Get = Callable[[SchedDomain], int]
Put = Callable[[SchedDomain, int], None]


def _put_min_interval(sd: SchedDomain, value: int) -> None:
    sd.min_interval = value


def _put_max_interval(sd: SchedDomain, value: int) -> None:
    sd.max_interval = value


def _put_busy_idx(sd: SchedDomain, value: int) -> None:
    sd.busy_idx = value


def _put_idle_idx(sd: SchedDomain, value: int) -> None:
    sd.idle_idx = value


def _put_newidle_idx(sd: SchedDomain, value: int) -> None:
    sd.newidle_idx = value


def _put_wake_idx(sd: SchedDomain, value: int) -> None:
    sd.wake_idx = value


def _put_forkexec_idx(sd: SchedDomain, value: int) -> None:
    sd.forkexec_idx = value


def _put_busy_factor(sd: SchedDomain, value: int) -> None:
    sd.busy_factor = value


def _put_imbalance_pct(sd: SchedDomain, value: int) -> None:
    sd.imbalance_pct = value


def _put_cache_nice_tries(sd: SchedDomain, value: int) -> None:
    sd.cache_nice_tries = value


def _put_flags(sd: SchedDomain, value: int) -> None:
    sd.flags = value


def _field(number: NumberTable, cpu: int, get: Get, put: Put, low: int, high: int) -> Any:
    """A field of a CPU's domain."""

    def domain(k: Kernel) -> SchedDomain:
        sd: SchedDomain | None = k.sched.runqueues[cpu].sd
        assert sd is not None
        return sd

    return number(lambda k: get(domain(k)), lambda k, value: put(domain(k), value), low, high)


def domain_table(nr_cpus: int, int_table: NumberTable, ulong_table: NumberTable, name: Any) -> dict[str, Any]:
    """Return the directory, with the files of each CPU's domain; nothing for the only CPU.

    Differs: an index beyond the averages that there are is EINVAL; 3.2 reads what lies behind them.
    """
    if nr_cpus == 1:
        return {}
    return {
        "sched_domain": {
            f"cpu{cpu}": {"domain0": {**_files(cpu, int_table, ulong_table), "name": name}} for cpu in range(nr_cpus)
        }
    }


def _files(cpu: int, int_table: NumberTable, ulong_table: NumberTable) -> dict[str, Any]:
    longs: dict[str, tuple[Get, Put]] = {
        "min_interval": (lambda sd: sd.min_interval, _put_min_interval),
        "max_interval": (lambda sd: sd.max_interval, _put_max_interval),
    }
    indices: dict[str, tuple[Get, Put]] = {
        "busy_idx": (lambda sd: sd.busy_idx, _put_busy_idx),
        "idle_idx": (lambda sd: sd.idle_idx, _put_idle_idx),
        "newidle_idx": (lambda sd: sd.newidle_idx, _put_newidle_idx),
        "wake_idx": (lambda sd: sd.wake_idx, _put_wake_idx),
        "forkexec_idx": (lambda sd: sd.forkexec_idx, _put_forkexec_idx),
    }
    ints: dict[str, tuple[Get, Put]] = {
        "busy_factor": (lambda sd: sd.busy_factor, _put_busy_factor),
        "imbalance_pct": (lambda sd: sd.imbalance_pct, _put_imbalance_pct),
        "cache_nice_tries": (lambda sd: sd.cache_nice_tries, _put_cache_nice_tries),
        "flags": (lambda sd: sd.flags, _put_flags),
    }
    files = {name: _field(ulong_table, cpu, get, put, 0, INT_MAX) for name, (get, put) in longs.items()}
    for name, (get, put) in indices.items():
        files[name] = _field(int_table, cpu, get, put, 0, CPU_LOAD_IDX_MAX)
    for name, (get, put) in ints.items():
        files[name] = _field(int_table, cpu, get, put, -INT_MAX - 1, INT_MAX)
    return files
