"""/proc/timer_list: the timers that are armed (kernel/time/timer_list.c).

Differs: the timers of all CPUs are one queue, shown as the first CPU's, with resolution of a nanosecond and no tick
behind them; a timer has no address but the order in which it was armed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.jiffies import nsecs_to_jiffies

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("timer_list_show",)

_CLOCKS: Final = ("ktime_get", "ktime_get_real", "ktime_get_boottime")
_BASE: Final = 0xFFFFFFFF81C00000
_TIMERS: Final = 0xFFFF880000000000


def timer_list_show(current: Task) -> bytes:
    """Return what is due when, by clock."""
    k = current.kernel
    lines = ["Timer List Version: v0.6\n", f"HRTIMER_MAX_CLOCK_BASES: {len(_CLOCKS)}\n"]
    lines.append(f"now at {k.clock.now_ns} nsecs\n")
    for cpu in range(k.nr_cpus):
        lines.append(f"\ncpu: {cpu}\n")
        for index in range(len(_CLOCKS)):
            lines += _clock(k, cpu, index)
        expires = k.timers.next_timer_ns if not cpu else 0
        lines += [f"  .expires_next   : {expires} nsecs\n", "  .hres_active    : 1\n", "  .nr_events      : 0\n"]
        lines += ["  .nr_retries     : 0\n", "  .nr_hangs       : 0\n", "  .max_hang_time  : 0 nsecs\n"]
        lines.append(f"jiffies: {nsecs_to_jiffies(k.clock.now_ns)}\n")
    return "".join(lines).encode()


def _clock(k: Kernel, cpu: int, index: int) -> list[str]:
    offset_ns = k.boot_time_ns if index == 1 else 0
    lines = [
        f" clock {index}:\n",
        f"  .base:       {_BASE + (cpu * len(_CLOCKS) + index) * 64:x}\n",
        f"  .index:      {index}\n",
        "  .resolution: 1 nsecs\n",
        f"  .get_time:   {_CLOCKS[index]}\n",
        f"  .offset:     {offset_ns} nsecs\n",
        "active timers:\n",
    ]
    armed = sorted(k.timers.hrtimers, key=lambda each: each[:2]) if not cpu and index < 2 else []
    now_ns = k.clock.now_ns
    number = 0
    for due_ns, serial, timer in armed:
        # Who is cancelled stays in the heap for a while.
        if timer.serial != serial or timer.realtime != (index == 1):
            continue
        at_ns, left_ns = timer.expires_ns, due_ns - now_ns
        lines.append(f" #{number}: <{_TIMERS + serial * 64:x}>, {_function(timer)}, S:01\n")
        lines.append(f" # expires at {at_ns}-{at_ns} nsecs [in {left_ns} to {left_ns} nsecs]\n")
        number += 1
    return lines


def _function(timer: Hrtimer) -> str:
    name = getattr(timer.function, "__name__", "")
    return str(name).strip("_") or type(timer.function).__name__
