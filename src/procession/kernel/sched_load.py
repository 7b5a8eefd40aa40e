"""The load average (calc_global_load in kernel/sched.c; spec 18.3).

Differs: 3.2 samples on a tick; here the sampling times are the same, but the sums are made up later, whenever the
number of running tasks is about to change or is read. In between it was constant, so nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import FIXED_1, FSHIFT
from procession.include.linux.time import HZ, NSEC_PER_SEC

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("FIXED_1", "calc_global_load", "calc_load_init", "get_avenrun")

EXP: Final = (1884, 2014, 2037)  # 1/exp(5 s / 1, 5, 15 min), fixed point
LOAD_FREQ_NS: Final = (5 * HZ + 1) * NSEC_PER_SEC // HZ
_STEP_BY_STEP: Final = 64


def calc_load_init(k: Kernel) -> None:
    """Start at zero, with the first sample due in five seconds."""
    k.sched.calc_load_update_ns = k.clock.now_ns + LOAD_FREQ_NS + 10 * NSEC_PER_SEC // HZ


def calc_global_load(k: Kernel) -> None:
    """Take all samples that are due, with what runs and waits uninterruptibly now."""
    now_ns = k.clock.now_ns
    if now_ns < k.sched.calc_load_update_ns:
        return
    samples = 1 + (now_ns - k.sched.calc_load_update_ns) // LOAD_FREQ_NS
    k.sched.calc_load_update_ns += samples * LOAD_FREQ_NS
    active = max(0, sum(rq.nr_running + rq.nr_uninterruptible for rq in k.sched.runqueues)) * FIXED_1
    for i, exp in enumerate(EXP):
        load = k.sched.avenrun[i]
        if samples > _STEP_BY_STEP:
            exp = fixed_power_int(exp, samples)
            k.sched.avenrun[i] = calc_load(load, exp, active)
        else:
            for _ in range(samples):
                load = calc_load(load, exp, active)
            k.sched.avenrun[i] = load


def calc_load(load: int, exp: int, active: int) -> int:
    """Return load decayed by exp towards active, rounded."""
    return (load * exp + active * (FIXED_1 - exp) + (1 << (FSHIFT - 1))) >> FSHIFT


def fixed_power_int(x: int, n: int) -> int:
    """Return x**n in fixed point."""
    result = FIXED_1
    while n:
        if n & 1:
            result = (result * x + (1 << (FSHIFT - 1))) >> FSHIFT
        n >>= 1
        if n:
            x = (x * x + (1 << (FSHIFT - 1))) >> FSHIFT
    return result


def get_avenrun(k: Kernel, offset: int = 0, shift: int = 0) -> tuple[int, int, int]:
    """Return the three averages up to now, in units of FIXED_1, with offset added and shifted left.

    /proc/loadavg shows them with offset FIXED_1 // 200.
    """
    calc_global_load(k)
    one, five, fifteen = k.sched.avenrun
    return (one + offset) << shift, (five + offset) << shift, (fifteen + offset) << shift
