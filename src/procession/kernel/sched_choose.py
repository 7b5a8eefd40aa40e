"""What of the fair class is left to the chooser. Asking changes nothing: an answer of 0 is what happens unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.hw.chooser import (
    GOES_FIRST,
    GOES_ON,
    INSTRUCTION,
    RUNS_FIRST,
    RUNS_NEXT,
    SLICE_ENDS,
    STOPS_INSIDE,
    TIME_PASSES,
    TIMER,
)
from procession.hw.costs import SWITCH_NS
from procession.include.linux.bug import bug
from procession.include.linux.sched import MAX_RT_PRIO, TIF_NEED_RESCHED
from procession.include.linux.signal import SIG_IGN
from procession.kernel.sched_weight import calc_delta_fair

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import SchedEntity, Task
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.sched_rq import Rq

__all__ = (
    "budget_inside",
    "choose_after_call",
    "choose_after_fork",
    "choose_after_trap",
    "choose_before_call",
    "choose_entity",
    "choose_task",
    "choose_turn",
    "put_off",
)

_OWN_END: Final = 0  # CfsRq.turn_end_ns: the turn takes as long as 3.2 gives it
# What a turn may be cut to: each is half as long again as the one before.
# While orders are explored: how long somebody may compute, or make calls that nobody notices, before others are due.
SPIN_NS: Final = 10_000_000
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


# Exploring: a step is one call, up to its end or where it sleeps, and all that its thread then does up to its next one.


def _add_tasks(cfs: CfsRq, tasks: list[Task]) -> None:
    """Add the tasks that wait in a queue, and in those of its groups."""
    for _, _, se in cfs.timeline:
        if se.my_q is not None:
            _add_tasks(se.my_q, tasks)
        elif se.task is not None:
            tasks.append(se.task)


def _due(cfs: CfsRq) -> Task:
    """Return who would be picked of a queue, about as 3.2 does."""
    se = cfs.next if cfs.next is not None and cfs.next.on_rq and cfs.next is not cfs.curr else cfs.timeline[0][2]
    if se.my_q is not None:
        return _due(se.my_q)
    if se.task is None:
        bug("a freed task is queued")
    return se.task


def _candidates_by_number(tasks: list[Task], first: Task) -> list[Task]:
    """Return first, and the others by number: an order that does not depend on how they came to be there.

    The init that waits for the program is none once that has ended, while there are others: what it ends then shall
    have come to its own end. Before, it reaps whom the program has left to it.
    """
    candidates = [first, *sorted((p for p in tasks if p is not first), key=_number)]
    if len(candidates) == 1:
        return candidates
    program = first.kernel.init_program
    if program is None or program.as_init or _lives(first.kernel, program.nr):
        return candidates
    return [p for p in candidates if p.pid != 1]


def _lives(k: Kernel, nr: int) -> bool:
    pid = k.init_pid_ns.pids.get(nr)
    return pid is not None and any(not p.exit_state for p in pid.tasks[0] or ())


def _number(p: Task) -> int:
    return p.pid


def choose_before_call(current: Task, name: str, args: tuple[Any, ...]) -> bool:
    """Ask who shall go first, current with this call or another who can run; returns whether it is another."""
    k = current.kernel
    k.sched.in_call = current.pid
    k.sched.call_ns = k.clock.now_ns
    k.sched.interrupted.discard(current.pid)  # a call before, which had its result all the same
    k.chooser.provider.enters(current.pid, name, args)
    return _choose_step(current, GOES_FIRST)


def choose_after_call(current: Task) -> None:
    """Ask who goes on behind a call of current's, if what it computes then is anybody's business.

    It is that of who sends it a signal which it handles, and of who shares its memory; with all others it does not
    matter, and its next call is the place to ask.
    """
    k = current.kernel
    quiet_ns = k.clock.now_ns - k.sched.call_ns
    if quiet_ns > SPIN_NS:
        k.chooser.provider.computes(quiet_ns)
    if current.state or not _is_watched(current):
        return
    if k.sched.in_call != current.pid:
        if INSTRUCTION in k.chooser.optional:
            _choose_inside(current)
        return
    k.sched.in_call = 0
    k.chooser.provider.leaves(current.pid)
    if _choose_step(current, GOES_ON):
        current.ti_flags |= TIF_NEED_RESCHED


def _is_watched(current: Task) -> bool:
    """Whether somebody could tell at which moment current computes what.

    Its memory is shared, or a signal could come for which it has a handler.
    """
    mm, sighand = current.mm, current.sighand
    if mm is None or sighand is None:
        return False
    if mm.mm_users > 1:
        return True
    blocked = current.blocked
    # At each step of each thread: a generator would take ten times as long when it is compiled.
    for bit, ka in enumerate(sighand.action):  # noqa: SIM110 -- as above
        if ka.handler > SIG_IGN and not blocked >> bit & 1:
            return True
    return False


def budget_inside(current: Task, budget_ns: int) -> int:
    """Return how long current is to compute before it is asked about: one instruction, if it may stop inside its code.

    An exception ends that, too.
    """
    k = current.kernel
    if INSTRUCTION not in k.chooser.optional or not _has_company(current) or not _is_watched(current):
        return budget_ns
    k.clock.next_event_ns = 0
    return 0


def _choose_inside(current: Task) -> None:
    """Ask whether current stops between two instructions, and for whom."""
    k = current.kernel
    if not _has_company(current):
        return
    tasks: list[Task] = []
    _add_tasks(current.se.cfs_rq, tasks)
    candidates = _candidates_by_number([current, *tasks], current)
    if candidates[0] is not current:
        return  # the init that waits for the program
    answer = k.chooser.choose(STOPS_INSIDE, [p.pid for p in candidates])
    if not answer:
        return
    chosen = candidates[answer]
    k.chooser.provider.leaves(current.pid)
    k.chooser.provider.begins(chosen.pid)
    _run_next(chosen.se)
    current.ti_flags |= TIF_NEED_RESCHED


def _choose_step(current: Task, kind: str) -> bool:
    """Ask who of those who can run takes the next step; returns whether it is another than current, who runs."""
    k = current.kernel
    rq: Rq = k.sched.runqueues[k.cpu]
    rivals: list[Task] = []
    due = current
    se = current.se
    while current.prio >= MAX_RT_PRIO:
        if se.cfs_rq.timeline:
            _add_tasks(se.cfs_rq, rivals)
            if k.sched.resched_due and due is current:
                due = _due(se.cfs_rq)
        if se.parent is None:
            break
        se = se.parent
    chosen = _chosen(rq, kind, _candidates_by_number([current, *rivals], due))
    if chosen is not None and chosen is not current:
        _run_next(chosen.se)
    return chosen is not current


def choose_task(rq: Rq) -> bool:
    """Ask who shall run next, if that has not been decided yet; nobody runs. Returns whether it is the idle task."""
    state = rq.kernel.sched
    if state.idles or rq.cfs.chosen is not None:
        return state.idles
    tasks: list[Task] = []
    _add_tasks(rq.cfs, tasks)
    candidates = _candidates_by_number(tasks, _due(rq.cfs))
    rq.kernel.sched.in_call = 0  # a signal that comes between a wakeup and what follows is in time for the call's end
    chosen = _chosen(rq, RUNS_NEXT, candidates)
    if chosen is not None:
        _run_next(chosen.se)
    return chosen is None


def _chosen(rq: Rq, kind: str, candidates: list[Task]) -> Task | None:
    """Ask who of the candidates takes the next step; None for nobody, who is one if timers are asked for and armed."""
    k = rq.kernel
    numbers = [p.pid for p in candidates]
    if TIMER in k.chooser.optional and _timer_is_armed(k):
        numbers.append(TIME_PASSES)
    answer = k.chooser.step(kind, numbers)
    state = k.sched
    state.resched_due = False
    state.step_began_ns = k.clock.now_ns
    if answer < len(candidates):
        return candidates[answer]
    state.idles = True
    return None


def _timer_is_armed(k: Kernel) -> bool:
    return any(timer.queued and timer.serial == serial for _, serial, timer in k.timers.hrtimers)


def put_off(current: Task) -> bool:
    """Let current, who is to give way, go on to its next call first; returns false if it may not.

    What it does up to there nobody notices, so that this is the same, and a question fewer.
    """
    k = current.kernel
    rq: Rq = k.sched.runqueues[k.cpu]
    if (
        not k.chooser.exploring
        or rq.cfs.chosen is not None
        or k.sched.idles
        or rq.rt.nr_running
        or k.clock.now_ns - k.sched.step_began_ns > SPIN_NS
    ):
        return False
    current.ti_flags &= ~TIF_NEED_RESCHED
    k.sched.resched_due = True
    return True
