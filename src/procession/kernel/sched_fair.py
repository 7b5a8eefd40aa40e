"""The completely fair scheduling class (kernel/sched_fair.c; spec 17.2).

The red-black tree is a list sorted by (vruntime, serial): with the few runnable tasks of a small machine bisection is
faster, and a tie goes to whoever was queued first, as in the tree. The running task is not in it.

Differs: no groups, no autogroup; several CPUs share work by simple rules: a waking task goes to an idle CPU, a newborn
to the shortest queue, and a CPU that runs dry pulls from the longest.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from procession.hw.chooser import GOES_ON, RUNS_FIRST, RUNS_NEXT, SLICE_ENDS
from procession.hw.costs import SWITCH_NS
from procession.include.linux.bug import bug_on
from procession.include.linux.cgroup import CPUACCT_SUBSYS_ID
from procession.include.linux.sched import MAX_RT_PRIO, SCHED_BATCH, SCHED_IDLE, SCHED_NORMAL, TIF_NEED_RESCHED
from procession.include.linux.time import TICK_PERIOD_NS

if TYPE_CHECKING:
    from procession.include.linux.sched import SchedEntity, Task
    from procession.kernel.sched import Rq

__all__ = (
    "PRIO_TO_WEIGHT",
    "WEIGHT_IDLEPRIO",
    "CfsRq",
    "calc_delta_fair",
    "check_preempt_wakeup",
    "choose_after_fork",
    "choose_after_trap",
    "dequeue_task_fair",
    "enqueue_task_fair",
    "idle_balance",
    "next_tick_fair",
    "pick_next_task_fair",
    "put_prev_task_fair",
    "sched_slice",
    "select_task_rq",
    "select_task_rq_fork",
    "set_curr_task_fair",
    "set_task_cpu",
    "task_fork_fair",
    "task_tick_fair",
    "update_curr",
    "yield_task_fair",
)

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

# CfsRq.turn_end_ns: nobody has asked yet, or the turn takes as long as 3.2 gives it.
_NOT_ASKED: Final = -1
_OWN_END: Final = 0
# What a turn may be cut to: each is half as long again as the one before.
SHORT_TURNS_NS: Final[tuple[int, ...]] = tuple(500 * 3**n >> n for n in range(22))


class CfsRq:
    """The fair tasks of one CPU (struct cfs_rq). Times in ns."""

    __slots__ = (
        "curr",
        "last",
        "latency_ns",
        "load",
        "min_granularity_ns",
        "min_vruntime",
        "next",
        "nr_latency",
        "nr_running",
        "serial",
        "timeline",
        "turn_end_ns",
        "wakeup_granularity_ns",
    )

    def __init__(self, nr_cpus: int) -> None:
        factor = min(nr_cpus, 8).bit_length()  # 1 + log2
        self.latency_ns = 6_000_000 * factor
        self.min_granularity_ns = 750_000 * factor
        self.wakeup_granularity_ns = 1_000_000 * factor
        self.nr_latency = 8
        self.timeline: list[tuple[int, int, Task]] = []
        self.curr: Task | None = None
        self.last: Task | None = None  # was preempted by a wake-up: give it the CPU back if it is fair
        self.next: Task | None = None  # was chosen to run next
        self.turn_end_ns = _NOT_ASKED  # when a turn ends that was chosen to be short
        self.min_vruntime = 0
        self.load = 0  # weights of all that are queued, curr included
        self.nr_running = 0
        self.serial = 0


def calc_delta_fair(delta_ns: int, weight: int) -> int:
    """Return real time as virtual time of a task of this weight."""
    if weight == NICE_0_LOAD:
        return delta_ns
    return (delta_ns * NICE_0_LOAD * _INVERSE[weight] + _HALF) >> _WMULT_SHIFT


def update_curr(cfs: CfsRq, now_ns: int) -> None:
    """Charge the running task up to now."""
    curr = cfs.curr
    if curr is None:
        return
    se = curr.se
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


def _sched_period(cfs: CfsRq, nr_running: int) -> int:
    return nr_running * cfs.min_granularity_ns if nr_running > cfs.nr_latency else cfs.latency_ns


def sched_slice(cfs: CfsRq, se: SchedEntity) -> int:
    """Return the real time se may run before others are due."""
    weight, load, nr_running = se.weight, cfs.load, cfs.nr_running
    if not se.on_rq:
        load += weight
        nr_running += 1
    return _sched_period(cfs, nr_running) * weight // load


def place_entity(cfs: CfsRq, se: SchedEntity, initial: bool) -> None:
    """Give a newborn its debit, or a sleeper credit for at most half a latency."""
    if initial:
        vruntime = cfs.min_vruntime + calc_delta_fair(sched_slice(cfs, se), se.weight)
    else:
        vruntime = cfs.min_vruntime - (cfs.latency_ns >> 1)
    se.vruntime = max(se.vruntime, vruntime)


def _insert(cfs: CfsRq, p: Task) -> None:
    se = p.se
    cfs.serial += 1
    se.serial = cfs.serial
    insort(cfs.timeline, (se.vruntime, se.serial, p))


def _remove(cfs: CfsRq, p: Task) -> None:
    timeline = cfs.timeline
    if timeline[0][2] is p:
        del timeline[0]
        return
    se = p.se
    at = bisect_left(timeline, (se.vruntime, se.serial))
    bug_on(timeline[at][2] is not p, "task not where its vruntime is", p)
    del timeline[at]


def enqueue_task_fair(rq: Rq, p: Task, wakeup: bool) -> None:
    """Queue p. A task that did not sleep has its vruntime relative to min_vruntime meanwhile."""
    cfs = rq.cfs
    se = p.se
    if not wakeup:
        se.vruntime += cfs.min_vruntime
    update_curr(cfs, rq.kernel.clock.now_ns)
    if wakeup:
        place_entity(cfs, se, initial=False)
    cfs.load += se.weight
    cfs.nr_running += 1
    if cfs.curr is not p:
        _insert(cfs, p)
    se.on_rq = True


def dequeue_task_fair(rq: Rq, p: Task, sleep: bool) -> None:
    """Take p off the queue."""
    cfs = rq.cfs
    se = p.se
    update_curr(cfs, rq.kernel.clock.now_ns)
    if cfs.last is p:
        cfs.last = None
    if cfs.next is p:
        cfs.next = None
    if cfs.curr is not p:
        _remove(cfs, p)
    se.on_rq = False
    cfs.load -= se.weight
    cfs.nr_running -= 1
    if not sleep:
        se.vruntime -= cfs.min_vruntime
    # With p gone the others' least vruntime may be higher.
    timeline = cfs.timeline
    curr = cfs.curr
    if timeline:
        vruntime = timeline[0][0]
        if curr is not None and curr.se.on_rq and curr.se.vruntime < vruntime:
            vruntime = curr.se.vruntime
    elif curr is not None:
        vruntime = curr.se.vruntime if sleep or curr is not p else cfs.min_vruntime
    else:
        return
    cfs.min_vruntime = max(cfs.min_vruntime, vruntime)


def put_prev_task_fair(rq: Rq, prev: Task) -> None:
    """Prev stops running; if it can go on it returns to the queue."""
    cfs = rq.cfs
    if prev.se.on_rq:
        update_curr(cfs, rq.kernel.clock.now_ns)
        _insert(cfs, prev)
    cfs.curr = None


def set_curr_task_fair(rq: Rq, p: Task) -> None:
    """P starts running, or becomes a fair task while it runs."""
    cfs = rq.cfs
    se = p.se
    if se.on_rq:
        _remove(cfs, p)
    cfs.curr = p
    se.exec_start = rq.kernel.clock.now_ns
    se.prev_sum_exec_runtime = se.sum_exec_runtime


def pick_next_task_fair(rq: Rq) -> Task:
    """Return the leftmost task, unless a preempted one is about as far left."""
    cfs = rq.cfs
    timeline = cfs.timeline
    p = timeline[0][2]
    last = cfs.last
    if last is not None and wakeup_preempt_entity(cfs, last.se, p.se) < 1:
        p = last
        cfs.last = None
    if cfs.next is not None:
        p = cfs.next
        cfs.next = None
    elif len(timeline) > 1 and rq.kernel.chooser.active:
        p = _choose(rq, RUNS_NEXT, p)

    _remove(cfs, p)
    cfs.curr = p
    cfs.turn_end_ns = _NOT_ASKED
    se = p.se
    se.exec_start = rq.kernel.clock.now_ns
    se.prev_sum_exec_runtime = se.sum_exec_runtime
    return p


def wakeup_preempt_entity(cfs: CfsRq, curr: SchedEntity, se: SchedEntity) -> int:
    """Return 1 if se should preempt curr, 0 if it is too close to bother, -1 if it should not."""
    vdiff = curr.vruntime - se.vruntime
    if vdiff <= 0:
        return -1
    return 1 if vdiff > calc_delta_fair(cfs.wakeup_granularity_ns, se.weight) else 0


def check_preempt_wakeup(rq: Rq, curr: Task, p: Task) -> None:
    """Preempt the running fair task if p, which became runnable, is far enough behind."""
    if curr.ti_flags & TIF_NEED_RESCHED:
        return
    if p.policy != SCHED_NORMAL:
        return  # BATCH and IDLE never preempt on wake-up
    if curr.policy == SCHED_IDLE:
        curr.ti_flags |= TIF_NEED_RESCHED
        return
    cfs = rq.cfs
    update_curr(cfs, rq.kernel.clock.now_ns)
    if wakeup_preempt_entity(cfs, curr.se, p.se) == 1:
        curr.ti_flags |= TIF_NEED_RESCHED
        if cfs.nr_running >= cfs.nr_latency:
            cfs.last = curr


def task_fork_fair(rq: Rq, p: Task) -> None:
    """Place a newborn behind its parent's slice; its vruntime stays relative until it is queued.

    With kernel.sched_child_runs_first the two change places.
    """
    cfs = rq.cfs
    se = p.se
    curr = cfs.curr
    update_curr(cfs, rq.kernel.clock.now_ns)
    if curr is not None:
        se.vruntime = curr.se.vruntime
    place_entity(cfs, se, initial=True)
    if rq.kernel.sched.sysctl_sched_child_runs_first and curr is not None and curr.se.vruntime < se.vruntime:
        # put_prev_task_fair() will put the parent where it belongs now.
        curr.se.vruntime, se.vruntime = se.vruntime, curr.se.vruntime
        rq.curr.ti_flags |= TIF_NEED_RESCHED
    se.vruntime -= cfs.min_vruntime


def yield_task_fair(rq: Rq) -> None:
    """Put the running task behind everybody who can run now: each of them has its turn before it runs again.

    Differs: 3.2 only passes the task over once, if the next is close enough; this is what 2.6 offered as
    sched_compat_yield. Two tasks that yield to each other would else keep a third from running for long.
    """
    cfs = rq.cfs
    curr = rq.curr
    if rq.nr_running == 1:
        return
    if cfs.last is curr:
        cfs.last = None
    if curr.policy != SCHED_BATCH:
        update_curr(cfs, rq.kernel.clock.now_ns)
    if cfs.timeline:
        curr.se.vruntime = max(curr.se.vruntime, cfs.timeline[-1][0])


def task_tick_fair(rq: Rq, curr: Task) -> None:
    """Reschedule if the slice is used up, or somebody lags a slice behind (check_preempt_tick)."""
    cfs = rq.cfs
    update_curr(cfs, rq.kernel.clock.now_ns)
    if cfs.nr_running <= 1:
        return
    se = curr.se
    ideal_ns = sched_slice(cfs, se)
    ran_ns = se.sum_exec_runtime - se.prev_sum_exec_runtime
    if ran_ns > ideal_ns or 0 < cfs.turn_end_ns <= se.exec_start:
        curr.ti_flags |= TIF_NEED_RESCHED
        # So that it is not picked again as the buddy of somebody it was preempted by.
        if cfs.last is curr:
            cfs.last = None
    elif ran_ns >= cfs.min_granularity_ns and se.vruntime - cfs.timeline[0][0] > ideal_ns:
        curr.ti_flags |= TIF_NEED_RESCHED


def next_tick_fair(rq: Rq, curr: Task) -> int:
    """Return the first tick at which task_tick_fair would reschedule."""
    cfs = rq.cfs
    se = curr.se
    now_ns = se.exec_start
    if not cfs.timeline:
        # Company of another class: real-time tasks that are throttled come back by their own timer.
        return now_ns + TICK_PERIOD_NS
    ideal_ns = sched_slice(cfs, se)
    ran_ns = se.sum_exec_runtime - se.prev_sum_exec_runtime
    left_ns = ideal_ns - ran_ns + 1
    lag_left_ns = ideal_ns - (se.vruntime - cfs.timeline[0][0]) + 1
    if se.weight != NICE_0_LOAD:
        lag_left_ns = lag_left_ns * se.weight // NICE_0_LOAD + 1
    lag_left_ns = max(lag_left_ns, cfs.min_granularity_ns - ran_ns)
    # Rounded up: in between nobody looks.
    tick_ns = -(-(now_ns + max(1, min(left_ns, lag_left_ns))) // TICK_PERIOD_NS) * TICK_PERIOD_NS
    if cfs.turn_end_ns == _NOT_ASKED and rq.kernel.chooser.active:
        _choose_turn(rq, curr, ideal_ns)
    return min(tick_ns, cfs.turn_end_ns) if cfs.turn_end_ns > 0 else tick_ns


# What is left to the chooser. Asking changes nothing: an answer of 0 is what happens unasked.


def _candidates(rq: Rq, first: Task) -> list[Task]:
    """Return first, and whom a real machine might let run in its place, the most urgent before the others.

    That is who lags behind, and whoever is ahead of the last one by no more than tasks get ahead of each other anyway
    (sysctl_sched_latency, in virtual time): in the long run everybody has the share that his nice value gives.
    """
    cfs = rq.cfs
    least = cfs.timeline[0][0]
    curr = cfs.curr
    if curr is not None:
        ran_ns = max(0, rq.kernel.clock.now_ns - curr.se.exec_start)
        least = min(least, curr.se.vruntime + calc_delta_fair(ran_ns, curr.se.weight))
    most = least + cfs.latency_ns
    return [first, *(p for vruntime, _, p in cfs.timeline if vruntime <= most and p is not first)]


def _choose(rq: Rq, kind: str, first: Task) -> Task:
    candidates = _candidates(rq, first)
    return candidates[rq.kernel.chooser.choose(kind, [p.pid for p in candidates])]


def choose_after_trap(rq: Rq, curr: Task) -> None:
    """Ask whether curr goes on to user mode, or somebody else is to run before it does."""
    cfs = rq.cfs
    if cfs.curr is not curr or not cfs.timeline or curr.state or curr.ti_flags & TIF_NEED_RESCHED:
        return
    se = curr.se
    if se.sum_exec_runtime - se.prev_sum_exec_runtime + rq.kernel.clock.now_ns - se.exec_start <= SWITCH_NS:
        return  # it has only just been chosen
    p = _choose(rq, GOES_ON, curr)
    if p is not curr:
        cfs.next = p
        curr.ti_flags |= TIF_NEED_RESCHED


def choose_after_fork(rq: Rq, p: Task) -> None:
    """Ask whether p, newborn and queued, shall run before its parent, who runs."""
    cfs = rq.cfs
    parent = cfs.curr
    if parent is None or parent is not rq.kernel.current or parent.ti_flags & TIF_NEED_RESCHED or p.prio < MAX_RT_PRIO:
        return
    if rq.kernel.chooser.choose(RUNS_FIRST, (parent.pid, p.pid)):
        cfs.next = p
        parent.ti_flags |= TIF_NEED_RESCHED


def _choose_turn(rq: Rq, curr: Task, ideal_ns: int) -> None:
    """Ask when the turn of curr, who has got company, shall end."""
    if len(_candidates(rq, curr)) == 1:
        return
    cfs = rq.cfs
    turns_ns = [ideal_ns, *(turn_ns for turn_ns in SHORT_TURNS_NS if turn_ns < ideal_ns)]
    answer = rq.kernel.chooser.choose(SLICE_ENDS, turns_ns)
    cfs.turn_end_ns = rq.kernel.clock.now_ns + turns_ns[answer] if answer else _OWN_END


# Several CPUs.


def _migrate(rq: Rq, dest: Rq, p: Task) -> Rq:
    """Move p, which is on no queue, keeping its place relative to the others."""
    if dest is rq:
        return rq
    set_task_cpu(rq, dest, p)
    p.se.vruntime += dest.cfs.min_vruntime - rq.cfs.min_vruntime
    return dest


def set_task_cpu(rq: Rq, dest: Rq, p: Task) -> None:
    """Let another CPU be p's, whose vruntime is relative or will be made to fit."""
    trace = rq.kernel.trace
    if trace.sched_migrate_task:
        trace.sched_migrate_task(p.comm, p.pid, p.prio, rq.cpu, dest.cpu)
    if p.cgroups is not rq.kernel.cgroups.init_css_set:
        p.cgroups.subsys[CPUACCT_SUBSYS_ID].charge(p)
    p.cpu = dest.cpu


def _allowed(rq: Rq, p: Task) -> list[Rq]:
    return [other for other in rq.kernel.sched.runqueues if p.cpus_allowed >> other.cpu & 1]


def select_task_rq(rq: Rq, p: Task) -> Rq:
    """Return where a waking task goes: where it was if that CPU is idle, else an idle one, else where it was."""
    allowed = _allowed(rq, p)
    if rq in allowed and not rq.nr_running:
        return rq
    for other in allowed:
        if not other.nr_running:
            return _migrate(rq, other, p)
    return rq if rq in allowed else _migrate(rq, allowed[0], p)


def select_task_rq_fork(rq: Rq, p: Task) -> Rq:
    """Return where a newborn goes: the shortest queue, its parent's CPU among equals."""
    best = None
    for other in _allowed(rq, p):
        if best is None or other.nr_running < best.nr_running or (other is rq and other.nr_running == best.nr_running):
            best = other
    assert best is not None
    if best is not rq:
        # A newborn's vruntime is relative already.
        p.cpu = best.cpu
    return best


def idle_balance(rq: Rq) -> None:
    """Before rq goes idle, pull the task that would wait longest on the longest queue."""
    busiest = None
    for other in rq.kernel.sched.runqueues:
        if len(other.cfs.timeline) > 0 and (busiest is None or other.nr_running > busiest.nr_running):
            busiest = other
    if busiest is None or busiest is rq:
        return
    for _, _, p in reversed(busiest.cfs.timeline):
        if p.cpus_allowed >> rq.cpu & 1:
            dequeue_task_fair(busiest, p, sleep=True)
            busiest.nr_running -= 1
            _migrate(busiest, rq, p)
            enqueue_task_fair(rq, p, wakeup=True)
            rq.nr_running += 1
            return
