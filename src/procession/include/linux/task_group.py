"""Groups of tasks that share the CPU as one (struct task_group and struct cfs_bandwidth of kernel/sched.c).

Functions are in kernel/sched_group.py and kernel/sched_bandwidth.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.include.linux.time import NSEC_PER_MSEC

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import SchedEntity
    from procession.kernel.sched_autogroup import Autogroup
    from procession.kernel.sched_fair import CfsRq

__all__ = ("RUNTIME_INF", "CfsBandwidth", "TaskGroup")

RUNTIME_INF: Final = (1 << 64) - 1
ROOT_TASK_GROUP_LOAD: Final = 1024  # shares of a new group
DEFAULT_CFS_PERIOD_NS: Final = 100 * NSEC_PER_MSEC


class CfsBandwidth:
    """How much of the CPU's time a group may use, of all CPUs together (struct cfs_bandwidth). Times in ns."""

    __slots__ = (
        "period_timer",
        "slack_timer",
        "start_timer",
        "period_ns",
        "quota_ns",
        "runtime",
        "runtime_expires",
        "hierarchal_quota",
        "idle",
        "timer_active",
        "throttled_cfs_rq",
        "nr_periods",
        "nr_throttled",
        "throttled_time",
    )  # derived

    period_timer: Hrtimer
    slack_timer: Hrtimer
    start_timer: Callable[[TaskGroup, Hrtimer, int], None]  # arm one of them for the next multiple of a period

    def __init__(self) -> None:
        self.period_ns: int = DEFAULT_CFS_PERIOD_NS
        self.quota_ns: int = RUNTIME_INF
        self.runtime: int = 0  # what is left of this period's quota and no CPU has taken yet
        self.runtime_expires: int = 0
        self.hierarchal_quota: int = RUNTIME_INF  # quota / period of the strictest group above or here, << 20
        self.idle: bool = False  # nobody took any in this period so far
        self.timer_active: bool = False
        self.throttled_cfs_rq: list[CfsRq] = []  # who waits for the next period, the first to be throttled first
        self.nr_periods: int = 0
        self.nr_throttled: int = 0
        self.throttled_time: int = 0


class TaskGroup:
    """Tasks that are one to those outside (struct task_group)."""

    __slots__ = (
        "kernel",
        "parent",
        "children",
        "se",
        "cfs_rq",
        "shares",
        "load_weight",
        "cfs_bandwidth",
        "autogroup",
    )  # derived

    def __init__(self, kernel: Kernel, parent: TaskGroup | None) -> None:
        self.kernel: Kernel = kernel
        self.parent: TaskGroup | None = parent  # None: this is the root
        self.children: dict[TaskGroup, None] = {}  # the oldest first
        self.se: list[SchedEntity] = []  # by CPU: what stands for the group in its parent's queue; the root has none
        self.cfs_rq: list[CfsRq] = []  # by CPU: the queue of its own
        self.shares: int = ROOT_TASK_GROUP_LOAD
        self.load_weight: int = 0  # what its queues weigh on average, as they have said
        self.cfs_bandwidth: CfsBandwidth = CfsBandwidth()
        self.autogroup: Autogroup | None = None  # whose group this is
