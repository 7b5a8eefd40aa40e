"""What of the fair class is left to the chooser. Asking changes nothing: an answer of 0 is what happens unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.chooser import GOES_ON, RUNS_FIRST, SLICE_ENDS
from procession.hw.costs import SWITCH_NS
from procession.include.linux.bug import bug
from procession.include.linux.sched import MAX_RT_PRIO, TIF_NEED_RESCHED
from procession.kernel.sched_weight import calc_delta_fair

if TYPE_CHECKING:
    from procession.include.linux.sched import SchedEntity, Task
    from procession.kernel.sched import Rq
    from procession.kernel.sched_fair import CfsRq

__all__ = ("choose_after_fork", "choose_after_trap", "choose_entity", "choose_turn")

_OWN_END: Final = 0  # CfsRq.turn_end_ns: the turn takes as long as 3.2 gives it
# What a turn may be cut to: each is half as long again as the one before.
SHORT_TURNS_NS: Final[tuple[int, ...]] = tuple(500 * 3**n >> n for n in range(22))


def _candidates(cfs: CfsRq, first: SchedEntity) -> list[SchedEntity]:
    """Return first, and whom a real machine might let run in its place, the most urgent before the others.

    That is who lags behind, and whoever is ahead of the last one by no more than tasks get ahead of each other anyway
    (sysctl_sched_latency, in virtual time): in the long run everybody has the share that his nice value gives.
    """
    least = cfs.timeline[0][0]
    curr = cfs.curr
    if curr is not None:
        ran_ns = max(0, cfs.rq.kernel.clock.now_ns - curr.exec_start)
        least = min(least, curr.vruntime + calc_delta_fair(ran_ns, curr.weight))
    most = least + cfs.sched.sysctl_sched_latency
    return [first, *(se for vruntime, _, se in cfs.timeline if vruntime <= most and se is not first)]


def _leader(se: SchedEntity) -> int:
    """Return the number of the task that would run first of what stands for se, by which it is known."""
    while se.my_q is not None:
        cfs = se.my_q
        se = cfs.curr if cfs.curr is not None else cfs.timeline[0][2]
    p = se.task
    if p is None:
        bug("a freed task is queued")
    return p.pid


def choose_entity(cfs: CfsRq, kind: str, first: SchedEntity) -> SchedEntity:
    """Ask who of a queue it shall be."""
    candidates = _candidates(cfs, first)
    return candidates[cfs.rq.kernel.chooser.choose(kind, [_leader(se) for se in candidates])]


def _rivals(curr: Task) -> list[SchedEntity]:
    """Return whom a real machine might let run in curr's place, in any of the groups that curr is in."""
    rivals: list[SchedEntity] = []
    se = curr.se
    while True:
        if se.cfs_rq.timeline:
            rivals += _candidates(se.cfs_rq, se)[1:]
        if se.parent is None:
            return rivals
        se = se.parent


def _has_company(curr: Task) -> bool:
    se = curr.se
    while not se.cfs_rq.timeline:
        if se.parent is None:
            return False
        se = se.parent
    return True


def choose_after_trap(rq: Rq, curr: Task) -> None:
    """Ask whether curr goes on to user mode, or somebody else is to run before it does."""
    se = curr.se
    if se.cfs_rq.curr is not se or not _has_company(curr) or curr.state or curr.ti_flags & TIF_NEED_RESCHED:
        return
    if se.sum_exec_runtime - se.prev_sum_exec_runtime + rq.kernel.clock.now_ns - se.exec_start <= SWITCH_NS:
        return  # it has only just been chosen
    candidates = [se, *_rivals(curr)]
    answer = rq.kernel.chooser.choose(GOES_ON, [_leader(candidate) for candidate in candidates])
    if answer:
        _run_next(candidates[answer])
        curr.ti_flags |= TIF_NEED_RESCHED


def _run_next(se: SchedEntity) -> None:
    """Have se picked next, and the groups that it is in."""
    while True:
        se.cfs_rq.chosen = se
        if se.parent is None:
            return
        se = se.parent


def choose_after_fork(rq: Rq, p: Task) -> None:
    """Ask whether p, newborn and queued, shall run before its parent, who runs."""
    parent = rq.curr
    if parent is not rq.kernel.current or parent.prio < MAX_RT_PRIO or p.prio < MAX_RT_PRIO or parent is rq.idle:
        return
    if parent.ti_flags & TIF_NEED_RESCHED or p.se.cfs_rq.throttle_count:
        return
    if rq.kernel.chooser.choose(RUNS_FIRST, (parent.pid, p.pid)):
        _run_next(p.se)
        parent.ti_flags |= TIF_NEED_RESCHED


def choose_turn(rq: Rq, curr: Task, ideal_ns: int) -> None:
    """Ask when the turn of curr, who has got company, shall end."""
    if not _rivals(curr):
        return
    cfs = rq.cfs
    turns_ns = [ideal_ns, *(turn_ns for turn_ns in SHORT_TURNS_NS if turn_ns < ideal_ns)]
    answer = rq.kernel.chooser.choose(SLICE_ENDS, turns_ns)
    cfs.turn_end_ns = rq.kernel.clock.now_ns + turns_ns[answer] if answer else _OWN_END
