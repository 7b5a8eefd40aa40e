"""Scheduling domains: which CPUs share work, and how eagerly (SD_* and structs of linux/sched.h; linux/topology.h)."""

from __future__ import annotations

from typing import Final

__all__ = (
    "CPU_IDLE",
    "CPU_LOAD_IDX_MAX",
    "CPU_MAX_IDLE_TYPES",
    "CPU_NEWLY_IDLE",
    "CPU_NOT_IDLE",
    "SCHED_LOAD_SCALE",
    "SCHED_POWER_SCALE",
    "SCHED_POWER_SHIFT",
    "SD_BALANCE_EXEC",
    "SD_BALANCE_FORK",
    "SD_BALANCE_NEWIDLE",
    "SD_BALANCE_WAKE",
    "SD_LOAD_BALANCE",
    "SD_PREFER_SIBLING",
    "SD_WAKE_AFFINE",
    "WF_SYNC",
    "SchedDomain",
    "SchedGroup",
)

# SchedDomain.flags.
SD_LOAD_BALANCE: Final = 0x0001  # balance here at all
SD_BALANCE_NEWIDLE: Final = 0x0002  # when a CPU is about to go idle
SD_BALANCE_EXEC: Final = 0x0004  # place who executes a program
SD_BALANCE_FORK: Final = 0x0008  # place newborns
SD_BALANCE_WAKE: Final = 0x0010  # place who wakes
SD_WAKE_AFFINE: Final = 0x0020  # let who wakes come to the CPU of its waker
SD_PREFER_SIBLING: Final = 0x1000  # what a domain above would go by

# enum cpu_idle_type: why a CPU balances.
CPU_IDLE: Final = 0
CPU_NOT_IDLE: Final = 1
CPU_NEWLY_IDLE: Final = 2
CPU_MAX_IDLE_TYPES: Final = 3

CPU_LOAD_IDX_MAX: Final = 5  # averages of a CPU's load
SCHED_LOAD_SCALE: Final = 1024
SCHED_POWER_SHIFT: Final = 10
SCHED_POWER_SCALE: Final = 1 << SCHED_POWER_SHIFT  # the power of a CPU that has nothing else to do

WF_SYNC: Final = 0x10000  # beside the states that a wake-up is for: the waker is about to sleep


class SchedGroup:
    """A part of a domain, which the others are weighed against (struct sched_group): here one CPU.

    power: what that can do for fair tasks; all domains share the group (struct sched_group_power).
    """

    __slots__ = ("cpu", "power", "power_orig")  # derived

    def __init__(self, cpu: int) -> None:
        self.cpu: int = cpu
        self.power: int = SCHED_POWER_SCALE
        self.power_orig: int = SCHED_POWER_SCALE


class SchedDomain:
    """What a CPU sees of those it shares work with (struct sched_domain, as SD_CPU_INIT has it).

    Intervals are in ms, last_balance in ticks.
    """

    __slots__ = (
        "name",
        "span",
        "groups",
        "min_interval",
        "max_interval",
        "busy_factor",
        "imbalance_pct",
        "cache_nice_tries",
        "busy_idx",
        "idle_idx",
        "newidle_idx",
        "wake_idx",
        "forkexec_idx",
        "flags",
        "last_balance",
        "balance_interval",
        "nr_balance_failed",
        "lb_count",
        "lb_failed",
        "lb_balanced",
        "lb_imbalance",
        "lb_gained",
        "lb_hot_gained",
        "lb_nobusyg",
        "lb_nobusyq",
        "alb_count",
        "alb_failed",
        "alb_pushed",
        "ttwu_wake_remote",
        "ttwu_move_affine",
    )  # derived

    def __init__(self, span: int, groups: list[SchedGroup]) -> None:
        self.name: str = "CPU"
        self.span: int = span  # a mask of CPUs
        self.groups: list[SchedGroup] = groups  # the CPU's own first, then upwards, then from 0 on
        self.min_interval: int = 1
        self.max_interval: int = 4
        self.busy_factor: int = 64  # so much less often while it is busy
        self.imbalance_pct: int = 125
        self.cache_nice_tries: int = 1  # failures after which it does not matter who is hot
        # Which average of the CPUs' loads to go by, 0 for what it is now.
        self.busy_idx: int = 2
        self.idle_idx: int = 1
        self.newidle_idx: int = 0
        self.wake_idx: int = 0
        self.forkexec_idx: int = 0
        self.flags: int = (
            SD_LOAD_BALANCE
            | SD_BALANCE_NEWIDLE
            | SD_BALANCE_EXEC
            | SD_BALANCE_FORK
            | SD_WAKE_AFFINE
            | SD_PREFER_SIBLING
        )
        self.last_balance: int = 0
        self.balance_interval: int = 1
        self.nr_balance_failed: int = 0
        # What /proc/schedstat shows; of lists, for each CPU_* type.
        self.lb_count: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_failed: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_balanced: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_imbalance: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_gained: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_hot_gained: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_nobusyg: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.lb_nobusyq: list[int] = [0] * CPU_MAX_IDLE_TYPES
        self.alb_count: int = 0
        self.alb_failed: int = 0
        self.alb_pushed: int = 0
        self.ttwu_wake_remote: int = 0
        self.ttwu_move_affine: int = 0
