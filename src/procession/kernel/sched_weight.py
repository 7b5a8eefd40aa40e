"""Weights: what a nice value is worth, and what virtual time is (the tables of kernel/sched.c; spec 17.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import MAX_RT_PRIO, SCHED_IDLE

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("NICE_0_LOAD", "PRIO_TO_WEIGHT", "WEIGHT_IDLEPRIO", "calc_delta_fair", "set_load_weight")

NICE_0_LOAD: Final = 1024
WEIGHT_IDLEPRIO: Final = 3
PRIO_TO_WEIGHT: Final = (
    88761,
    71755,
    56483,
    46273,
    36291,
    29154,
    23254,
    18705,
    14949,
    11916,
    9548,
    7620,
    6100,
    4904,
    3906,
    3121,
    2501,
    1991,
    1586,
    1277,
    1024,
    820,
    655,
    526,
    423,
    335,
    272,
    215,
    172,
    137,
    110,
    87,
    70,
    56,
    45,
    36,
    29,
    23,
    18,
    15,
)
PRIO_TO_WMULT: Final = (
    48388,
    59856,
    76040,
    92818,
    118348,
    147320,
    184698,
    229616,
    287308,
    360437,
    449829,
    563644,
    704093,
    875809,
    1099582,
    1376151,
    1717300,
    2157191,
    2708050,
    3363326,
    4194304,
    5237765,
    6557202,
    8165337,
    10153587,
    12820798,
    15790321,
    19976592,
    24970740,
    31350126,
    39045157,
    49367440,
    61356676,
    76695844,
    95443717,
    119304647,
    148102320,
    186737708,
    238609294,
    286331153,
)
_INVERSE: Final = dict(zip(PRIO_TO_WEIGHT, PRIO_TO_WMULT, strict=True)) | {WEIGHT_IDLEPRIO: 1431655765}
_WMULT_SHIFT: Final = 32
_HALF: Final = 1 << (_WMULT_SHIFT - 1)


def calc_delta_fair(delta_ns: int, weight: int) -> int:
    """Return real time as virtual time of an entity of this weight."""
    if weight == NICE_0_LOAD:
        return delta_ns
    inverse = _INVERSE.get(weight) or (1 << _WMULT_SHIFT) // weight
    return (delta_ns * NICE_0_LOAD * inverse + _HALF) >> _WMULT_SHIFT


def set_load_weight(p: Task) -> None:
    """Set the weight by which p shares the CPU."""
    if p.policy == SCHED_IDLE:
        p.se.weight = WEIGHT_IDLEPRIO
    else:
        p.se.weight = PRIO_TO_WEIGHT[p.static_prio - MAX_RT_PRIO]
