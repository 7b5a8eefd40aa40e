"""The completely fair scheduling class (kernel/sched_fair.c; spec 17.2).

The red-black tree is a list sorted by (vruntime, serial): with the few runnable tasks of a small machine bisection is
faster, and a tie goes to whoever was queued first, as in the tree. Who runs is not in it.

A task's entity stands in the queue of its group (se.cfs_rq), the group's in that of the group above (se.parent), and
so on up to the CPU's own queue, rq.cfs. Without groups that is where all tasks are, and each loop has one step.

What may be chosen otherwise is in sched_choose.py, several CPUs are in sched_balance.py, groups in sched_group.py and
their limits in sched_bandwidth.py.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from procession.hw.chooser import RUNS_NEXT
from procession.hw.clock import NEVER
from procession.include.linux.bug import bug, bug_on
from procession.include.linux.sched import SCHED_BATCH, SCHED_IDLE, SCHED_NORMAL, TIF_NEED_RESCHED
from procession.include.linux.time import TICK_PERIOD_NS
from procession.kernel import sched_choose, sched_entity, sched_throttle
from procession.kernel.sched_weight import NICE_0_LOAD, calc_delta_fair

if TYPE_CHECKING:
    from procession.include.linux.kernel import SchedState
    from procession.include.linux.sched import SchedEntity, Task
    from procession.include.linux.task_group import TaskGroup
    from procession.kernel.sched_rq import Rq

__all__ = (
    "NOT_ASKED",
    "CfsRq",
    "check_preempt_wakeup",
    "dequeue_entity",
    "dequeue_task_fair",
    "enqueue_entity",
    "enqueue_task_fair",
    "next_tick_fair",
    "pick_next_task_fair",
    "put_prev_task_fair",
    "sched_slice",
    "set_curr_task_fair",
    "task_fork_fair",
    "task_move_group_fair",
    "task_tick_fair",
    "update_curr",
    "yield_task_fair",
)

NOT_ASKED: Final = -1  # CfsRq.turn_end_ns: nobody has asked yet


class CfsRq:
    """The fair tasks and groups of one CPU, in one group (struct cfs_rq). Times in ns."""

    __slots__ = (
        "chosen",
        "curr",
        "h_nr_running",
        "last",
        "load",
        "load_avg",
        "load_contribution",
        "load_exec_stamp",
        "load_last",
        "load_period",
        "load_stamp",
        "min_vruntime",
        "next",
        "nr_running",
        "rq",
        "runtime_enabled",
        "runtime_expires",
        "runtime_remaining",
        "sched",
        "serial",
        "smp",
        "task_weight",
        "tasks",
        "tg",
        "throttle_count",
        "throttled",
        "throttled_timestamp",
        "timeline",
        "turn_end_ns",
    )

    def __init__(self, rq: Rq, tg: TaskGroup) -> None:
        self.rq = rq
        self.tg = tg
        self.sched: SchedState = rq.kernel.sched
        self.timeline: list[tuple[int, int, SchedEntity]] = []
        self.curr: SchedEntity | None = None
        self.last: SchedEntity | None = None  # was preempted by a wake-up: give it the CPU back if it is fair
        self.next: SchedEntity | None = None  # has preempted it, or shares a group with who went to sleep: likewise
        self.chosen: SchedEntity | None = None  # by the chooser, to run next
        self.turn_end_ns = NOT_ASKED  # when a turn ends that was chosen to be short; of a CPU's own queue
        self.min_vruntime = 0
        self.load = 0  # weights of all that are queued, curr included
        self.nr_running = 0
        self.serial = 0
        # Of several CPUs' queues: the tasks in it, who came last first; and what a group's has weighed on average.
        self.smp = rq.kernel.nr_cpus > 1
        self.tasks: list[Task] = []
        self.task_weight = 0
        self.load_avg = 0  # weight times ns, in load_period
        self.load_period = 0
        self.load_stamp = 0  # when that was updated last,
        self.load_last = 0  # when there was somebody then
        self.load_exec_stamp = 0  # and how long the group had run
        self.load_contribution = 0  # what the group knows of it
        # Of a group's queue.
        self.h_nr_running = 0  # tasks in it, and in those below that are not throttled
        self.runtime_enabled = False  # the group has a quota
        self.runtime_remaining = 0  # of it, for this CPU; negative: a debt
        self.runtime_expires = 0
        self.throttled = False
        self.throttled_timestamp = 0
        self.throttle_count = 0  # groups throttled from here up


def update_curr(cfs: CfsRq, now_ns: int) -> None:
    """Charge who runs up to now."""
    se = cfs.curr
    if se is None:
        return
    delta_ns = now_ns - se.exec_start
    if delta_ns <= 0:
        return
    se.exec_start = now_ns
    se.sum_exec_runtime += delta_ns
    weight = se.weight
    vruntime = se.vruntime + (delta_ns if weight == NICE_0_LOAD else calc_delta_fair(delta_ns, weight))
    se.vruntime = vruntime
    timeline = cfs.timeline
    if timeline and timeline[0][0] < vruntime:
        vruntime = timeline[0][0]
    cfs.min_vruntime = max(cfs.min_vruntime, vruntime)
    if cfs.runtime_enabled:
        sched_throttle.account_cfs_rq_runtime(cfs, delta_ns)


def _sched_period(sched: SchedState, nr_running: int) -> int:
    if nr_running > sched.sched_nr_latency:
        return nr_running * sched.sysctl_sched_min_granularity
    return sched.sysctl_sched_latency


def sched_slice(cfs: CfsRq, se: SchedEntity) -> int:
    """Return the real time se may run before others are due."""
    slice_ns = _sched_period(cfs.sched, cfs.nr_running if se.on_rq else cfs.nr_running + 1)
    while True:
        load = se.cfs_rq.load if se.on_rq else se.cfs_rq.load + se.weight
        slice_ns = slice_ns * se.weight // load
        if se.parent is None:
            return slice_ns
        se = se.parent


def _insert(cfs: CfsRq, se: SchedEntity) -> None:
    cfs.serial += 1
    se.serial = cfs.serial
    insort(cfs.timeline, (se.vruntime, se.serial, se))


def _remove(cfs: CfsRq, se: SchedEntity) -> None:
    timeline = cfs.timeline
    if timeline[0][2] is se:
        del timeline[0]
        return
    at = bisect_left(timeline, (se.vruntime, se.serial))
    bug_on(timeline[at][2] is not se, "entity not where its vruntime is", se)
    del timeline[at]


def enqueue_entity(cfs: CfsRq, se: SchedEntity, wakeup: bool) -> None:
    """Queue se. A task that did not sleep has its vruntime relative to min_vruntime meanwhile."""
    if not wakeup:
        se.vruntime += cfs.min_vruntime
    update_curr(cfs, cfs.rq.kernel.clock.now_ns)
    if cfs.smp:
        sched_entity.account_entity_enqueue(cfs, se)
    cfs.load += se.weight
    cfs.nr_running += 1
    grouped = se.parent is not None
    if grouped:
        sched_entity.update_cfs_shares(cfs)
    if wakeup:
        # place_entity(), for a sleeper.
        se.vruntime = max(se.vruntime, cfs.min_vruntime - (cfs.sched.sysctl_sched_latency >> 1))
    if cfs.curr is not se:
        _insert(cfs, se)
    se.on_rq = True
    if grouped and cfs.nr_running == 1:
        sched_throttle.check_enqueue_throttle(cfs)


def dequeue_entity(cfs: CfsRq, se: SchedEntity, sleep: bool) -> None:
    """Take se off the queue."""
    update_curr(cfs, cfs.rq.kernel.clock.now_ns)
    if cfs.last is se or cfs.next is se:
        _clear_buddies(se)
    if cfs.chosen is se:
        cfs.chosen = None
    if cfs.curr is not se:
        _remove(cfs, se)
    se.on_rq = False
    if cfs.smp:
        sched_entity.account_entity_dequeue(cfs, se)
    cfs.load -= se.weight
    cfs.nr_running -= 1
    if not sleep:
        se.vruntime -= cfs.min_vruntime
    if se.parent is not None:
        sched_throttle.return_cfs_rq_runtime(cfs)
    _update_min_vruntime(cfs, se, sleep)
    if se.parent is not None:
        sched_entity.update_cfs_shares(cfs)


def _update_min_vruntime(cfs: CfsRq, se: SchedEntity, sleep: bool) -> None:
    """With se gone the others' least vruntime may be higher."""
    timeline = cfs.timeline
    curr = cfs.curr
    if timeline:
        vruntime = timeline[0][0]
        if curr is not None and curr.on_rq and curr.vruntime < vruntime:
            vruntime = curr.vruntime
    elif curr is not None:
        vruntime = curr.vruntime if sleep or curr is not se else cfs.min_vruntime
    else:
        return
    cfs.min_vruntime = max(cfs.min_vruntime, vruntime)


def enqueue_task_fair(rq: Rq, p: Task, wakeup: bool) -> None:
    """Queue p, and the groups above it that had nobody to run."""
    se = p.se
    enqueue_entity(se.cfs_rq, se, wakeup)
    if se.parent is None or _enqueue_groups(se):
        rq.nr_running += 1


def _enqueue_groups(se: SchedEntity) -> bool:
    """Queue what stands for the groups of se, who has been; returns False if one is throttled: nobody can run then."""
    while se.parent is not None:
        cfs = se.cfs_rq
        cfs.h_nr_running += 1
        if cfs.throttled:
            return False
        se = se.parent
        if not se.on_rq:
            enqueue_entity(se.cfs_rq, se, wakeup=True)
        elif se.parent is not None:
            _update_group(se.cfs_rq)
    return True


def _update_group(cfs: CfsRq) -> None:
    """A group below has got or lost somebody."""
    if cfs.smp:
        sched_entity.update_cfs_load(cfs, False)
    sched_entity.update_cfs_shares(cfs)


def dequeue_task_fair(rq: Rq, p: Task, sleep: bool) -> None:
    """Take p off the queue, and the groups above it that have nobody else to run."""
    se = p.se
    dequeue_entity(se.cfs_rq, se, sleep)
    if se.parent is None or _dequeue_groups(se, sleep):
        rq.nr_running -= 1


def _dequeue_groups(se: SchedEntity, sleep: bool) -> bool:
    """Take off what stands for the groups of se, who is gone; returns False if one is throttled: it was off before."""
    emptied = True
    while se.parent is not None:
        cfs = se.cfs_rq
        cfs.h_nr_running -= 1
        if cfs.throttled:
            return False
        se = se.parent
        if emptied and not cfs.load:
            dequeue_entity(se.cfs_rq, se, sleep=True)
            continue
        if emptied and sleep:
            _set_next_buddy(se)  # the rest of the turn is its group's
        emptied = False
        if se.parent is not None:
            _update_group(se.cfs_rq)
    return True


# Who runs.


def put_prev_task_fair(rq: Rq, prev: Task) -> None:
    """Prev stops running; if it can go on it returns to the queue."""
    se = prev.se
    now_ns = rq.kernel.clock.now_ns
    while True:
        cfs = se.cfs_rq
        if se.on_rq:
            update_curr(cfs, now_ns)
        if cfs.runtime_enabled:
            sched_throttle.check_cfs_rq_runtime(cfs)
        if se.on_rq:
            _insert(cfs, se)
        cfs.curr = None
        if se.parent is None:
            return
        se = se.parent


def set_curr_task_fair(rq: Rq, p: Task) -> None:
    """P starts running, or becomes a fair task while it runs."""
    se = p.se
    while True:
        cfs = se.cfs_rq
        if se.on_rq:
            _remove(cfs, se)
        cfs.curr = se
        se.exec_start = rq.kernel.clock.now_ns
        se.prev_sum_exec_runtime = se.sum_exec_runtime
        if cfs.runtime_enabled:
            sched_throttle.account_cfs_rq_runtime(cfs, 0)
        if se.parent is None:
            return
        se = se.parent


def pick_next_task_fair(rq: Rq) -> Task:
    """Return who is due: of the CPU's own queue, or of the group that is due there, and so on down."""
    cfs = rq.cfs
    cfs.turn_end_ns = NOT_ASKED
    k = rq.kernel
    now_ns = k.clock.now_ns
    exploring = k.chooser.exploring
    while True:
        timeline = cfs.timeline
        se = timeline[0][2]
        next = cfs.next
        asked = exploring or k.chooser.active or cfs.chosen is not None  # the last choice of a recorded run
        if asked or cfs.last is not None or (next is not None and next is not se):
            se = _pick_next_entity(cfs, se)
            _remove(cfs, se)
        else:
            if next is not None:
                _clear_buddies(se)
            del timeline[0]
        cfs.curr = se
        se.exec_start = now_ns
        se.prev_sum_exec_runtime = se.sum_exec_runtime
        if se.my_q is None:
            p = se.task
            if p is None:
                bug("a freed task is queued")
            return p
        cfs = se.my_q


def _pick_next_entity(cfs: CfsRq, left: SchedEntity) -> SchedEntity:
    """Return the leftmost one, unless a buddy is about as far left; or who is chosen."""
    se = left
    last, next = cfs.last, cfs.next
    if last is not None and wakeup_preempt_entity(cfs, last, left) < 1:
        se = last
    if next is not None and wakeup_preempt_entity(cfs, next, left) < 1:
        se = next
    if se is last or se is next:
        _clear_buddies(se)
    if cfs.chosen is not None:
        se = cfs.chosen
        cfs.chosen = None
    elif cfs.rq.kernel.chooser.active and len(cfs.timeline) > 1:
        se = sched_choose.choose_entity(cfs, RUNS_NEXT, se)
    return se


# Buddies.


def _set_next_buddy(se: SchedEntity) -> None:
    """Have se picked next if that is fair, and the groups that it is in."""
    if se.task is not None and se.task.policy == SCHED_IDLE:
        return
    while True:
        se.cfs_rq.next = se
        if se.parent is None:
            return
        se = se.parent


def _set_last_buddy(se: SchedEntity) -> None:
    """Se, which runs, is being preempted: let it, and the groups that it is in, come back soon."""
    if se.task is not None and se.task.policy == SCHED_IDLE:
        return
    while True:
        se.cfs_rq.last = se
        if se.parent is None:
            return
        se = se.parent


def _clear_buddies(se: SchedEntity) -> None:
    """Forget that se is the buddy of its queue, and of those above, as far as it is."""
    entity = se
    while entity.cfs_rq.last is entity:
        entity.cfs_rq.last = None
        if entity.parent is None:
            break
        entity = entity.parent
    while se.cfs_rq.next is se:
        se.cfs_rq.next = None
        if se.parent is None:
            return
        se = se.parent


# Preemption.


def wakeup_preempt_entity(cfs: CfsRq, curr: SchedEntity, se: SchedEntity) -> int:
    """Return 1 if se should preempt curr, 0 if it is too close to bother, -1 if it should not."""
    vdiff = curr.vruntime - se.vruntime
    if vdiff <= 0:
        return -1
    return 1 if vdiff > calc_delta_fair(cfs.sched.sysctl_sched_wakeup_granularity, se.weight) else 0


def check_preempt_wakeup(rq: Rq, curr: Task, p: Task) -> None:
    """Preempt the running fair task if p, which became runnable, is far enough behind."""
    pse = p.se
    if pse.cfs_rq.throttle_count or curr.ti_flags & TIF_NEED_RESCHED:
        return
    if curr.policy == SCHED_IDLE and p.policy != SCHED_IDLE:
        curr.ti_flags |= TIF_NEED_RESCHED
        return
    if p.policy != SCHED_NORMAL:
        return  # BATCH and IDLE never preempt others on wake-up
    se = curr.se
    scale = se.cfs_rq.nr_running >= rq.kernel.sched.sched_nr_latency
    if se.cfs_rq is not pse.cfs_rq:
        se, pse = sched_entity.find_matching_se(se, pse)
    cfs = se.cfs_rq
    update_curr(cfs, rq.kernel.clock.now_ns)
    if wakeup_preempt_entity(cfs, se, pse) == 1:
        if pse.parent is None:
            cfs.next = pse
        else:
            _set_next_buddy(pse)
        curr.ti_flags |= TIF_NEED_RESCHED
        if scale and se.on_rq and se.task is not None:
            _set_last_buddy(se)


def task_fork_fair(rq: Rq, p: Task) -> None:
    """Place a newborn behind its parent's slice; its vruntime stays relative until it is queued.

    With kernel.sched_child_runs_first the two change places.
    """
    se = p.se
    cfs = se.cfs_rq
    curr = cfs.curr
    update_curr(cfs, rq.kernel.clock.now_ns)
    if curr is not None:
        se.vruntime = curr.vruntime
    # Its debit (place_entity()).
    se.vruntime = max(se.vruntime, cfs.min_vruntime + calc_delta_fair(sched_slice(cfs, se), se.weight))
    if cfs.sched.sysctl_sched_child_runs_first and curr is not None and curr.vruntime < se.vruntime:
        # put_prev_task_fair() will put the parent where it belongs now.
        curr.vruntime, se.vruntime = se.vruntime, curr.vruntime
        rq.curr.ti_flags |= TIF_NEED_RESCHED
    se.vruntime -= cfs.min_vruntime


def task_move_group_fair(rq: Rq, p: Task, on_rq: bool) -> None:
    """Let p's place among its own be the same in the group that is its now; a queued one's vruntime is relative."""
    se = p.se
    if not on_rq:
        se.vruntime -= se.cfs_rq.min_vruntime
    sched_entity.set_task_rq(p, rq)
    if not on_rq:
        se.vruntime += se.cfs_rq.min_vruntime


def yield_task_fair(rq: Rq) -> None:
    """Put the running task behind everybody who can run now: each of them has its turn before it runs again.

    Differs: 3.2 only passes the task over once, if the next is close enough; this is what 2.6 offered as
    sched_compat_yield. Two tasks that yield to each other would else keep a third from running for long.
    """
    curr = rq.curr
    if rq.nr_running == 1:
        return
    se = curr.se
    while True:
        cfs = se.cfs_rq
        if cfs.last is se or cfs.next is se:
            _clear_buddies(se)
        if curr.policy != SCHED_BATCH:
            update_curr(cfs, rq.kernel.clock.now_ns)
        if cfs.timeline:
            se.vruntime = max(se.vruntime, cfs.timeline[-1][0])
        if se.parent is None:
            return
        se = se.parent


# The tick.


def task_tick_fair(rq: Rq, curr: Task) -> None:
    """Reschedule if the slice is used up, or somebody lags a slice behind, in any of the groups that curr is in."""
    se = curr.se
    turn_is_over = 0 < rq.cfs.turn_end_ns <= rq.kernel.clock.now_ns
    while True:
        cfs = se.cfs_rq
        update_curr(cfs, rq.kernel.clock.now_ns)
        if cfs.smp and se.parent is not None:
            update_curr(se.parent.cfs_rq, rq.kernel.clock.now_ns)
            sched_entity.update_entity_shares_tick(cfs, se.parent)
        if cfs.nr_running > 1:
            _check_preempt_tick(cfs, se, curr, turn_is_over)
        if se.parent is None:
            return
        se = se.parent


def _check_preempt_tick(cfs: CfsRq, se: SchedEntity, curr: Task, turn_is_over: bool) -> None:
    ideal_ns = sched_slice(cfs, se)
    ran_ns = se.sum_exec_runtime - se.prev_sum_exec_runtime
    if ran_ns > ideal_ns or turn_is_over:
        curr.ti_flags |= TIF_NEED_RESCHED
        # So that it is not picked again as the buddy of somebody it was preempted by.
        if cfs.last is se or cfs.next is se:
            _clear_buddies(se)
    elif ran_ns >= cfs.sched.sysctl_sched_min_granularity and se.vruntime - cfs.timeline[0][0] > ideal_ns:
        curr.ti_flags |= TIF_NEED_RESCHED


def next_tick_fair(rq: Rq, curr: Task) -> int:
    """Return the first tick at which task_tick_fair would reschedule, NEVER if there is none."""
    se = curr.se
    at_ns = NEVER
    turn_ns = 0  # of the innermost of curr and its groups that has company
    while True:
        cfs = se.cfs_rq
        if cfs.timeline:
            ideal_ns = sched_slice(cfs, se)
            at_ns = min(at_ns, _next_preempt_tick(cfs, se, ideal_ns))
            turn_ns = turn_ns or ideal_ns
        if cfs.runtime_enabled:
            at_ns = min(at_ns, sched_throttle.next_assignment(cfs, se.exec_start))
        if se.parent is None:
            break
        se = se.parent
    if not turn_ns and rq.nr_running > 1:
        # Company of another class: real-time tasks that are throttled come back by their own timer.
        at_ns = min(at_ns, se.exec_start + TICK_PERIOD_NS)
    # Rounded up: in between nobody looks.
    tick_ns = NEVER if at_ns == NEVER else -(-at_ns // TICK_PERIOD_NS) * TICK_PERIOD_NS
    cfs = rq.cfs
    if not turn_ns:
        return tick_ns
    if cfs.turn_end_ns == NOT_ASKED and rq.kernel.chooser.active:
        sched_choose.choose_turn(rq, curr, turn_ns)
    return min(tick_ns, cfs.turn_end_ns) if cfs.turn_end_ns > 0 else tick_ns


def _next_preempt_tick(cfs: CfsRq, se: SchedEntity, ideal_ns: int) -> int:
    """Return when _check_preempt_tick would reschedule, if it looked all the time."""
    ran_ns = se.sum_exec_runtime - se.prev_sum_exec_runtime
    left_ns = ideal_ns - ran_ns + 1
    lag_left_ns = ideal_ns - (se.vruntime - cfs.timeline[0][0]) + 1
    if se.weight != NICE_0_LOAD:
        lag_left_ns = lag_left_ns * se.weight // NICE_0_LOAD + 1
    lag_left_ns = max(lag_left_ns, cfs.sched.sysctl_sched_min_granularity - ran_ns)
    return se.exec_start + max(1, min(left_ns, lag_left_ns))
