"""The smaller files about the machine: softirqs, consoles, execdomains, diskstats, tty/ldiscs, latency_stats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.latencytop import show_latency_record
from procession.include.linux.mm_types import PAGE_SHIFT
from procession.kernel import latencytop

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "consoles_show",
    "diskstats_show",
    "execdomains_show",
    "iomem_show",
    "latency_stats_show",
    "latency_stats_write",
    "ldiscs_show",
    "softirqs_show",
    "swaps_show",
)

_SOFTIRQS: Final = ("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "BLOCK_IOPOLL", "TASKLET", "SCHED", "HRTIMER", "RCU")


def softirqs_show(current: Task) -> bytes:
    """Return how often each has run on each CPU (fs/proc/softirqs.c): never, as what they do is done at once."""
    cpus = range(current.kernel.nr_cpus)
    lines = [" " * 20 + "".join([f"CPU{cpu:<8d}" for cpu in cpus]) + "\n"]
    lines += [f"{name:>12}:" + "".join([f" {0:10d}" for _ in cpus]) + "\n" for name in _SOFTIRQS]
    return "".join(lines).encode()


def consoles_show(current: Task) -> bytes:
    """Return where the kernel's messages go (fs/proc/consoles.c): to no device, or to the terminal's."""
    if not current.kernel.tty.is_console:
        return b""
    return f"{'hvc0':<21}{'-W-'} (EC p  )  229:0\n".encode()


def execdomains_show(current: Task) -> bytes:
    """Return the one personality that runs programs (kernel/exec_domain.c)."""
    return b"0-0\tLinux           \t[kernel]\n"


def diskstats_show(current: Task) -> bytes:
    """Return what each disk has done (block/genhd.c): there is none."""
    return b""


def iomem_show(current: Task) -> bytes:
    """Return what addresses lead to (kernel/resource.c): memory."""
    return b"00000000-%08x : System RAM\n" % ((current.kernel.mm.total_pages << PAGE_SHIFT) - 1)


def swaps_show(current: Task) -> bytes:
    """Return the heading (mm/swapfile.c): there is no swap."""
    return b"Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"


def ldiscs_show(current: Task) -> bytes:
    """Return the line disciplines of terminals (drivers/tty/tty_ldisc.c)."""
    return b"n_tty       0\n"


def latency_stats_show(current: Task) -> bytes:
    """Return what all tasks together have slept for (kernel/latencytop.c)."""
    records = current.kernel.latency_record
    return ("Latency Top version : v0.1\n" + "".join(map(show_latency_record, records))).encode()


def latency_stats_write(current: Task, buf: UserPtr, count: int) -> int:
    """Forget it, whatever is written."""
    latencytop.clear_global_latency_tracing(current.kernel)
    return count
