"""The provider of an explored run: it asks a strategy, and keeps the steps with what they touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.footprints import Footprints
from procession.explorer.queries import Query, Watch
from procession.explorer.steps import Node, Object, Step
from procession.hw.chooser import OF_STEPS, TIME_PASSES, Provider, RunEnded
from procession.include.linux.errno import Errno
from procession.include.linux.sched import EXIT_ZOMBIE, PF_KTHREAD, TASK_STOPPED_BIT

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.trace.events import Event

__all__ = ("TOO_LONG", "Diverged", "Recorder", "Redundant", "Strategy", "Survivor", "TooLong")

TOO_LONG: Final = 20_000  # steps of one schedule, unless somebody says otherwise
STEP_NS: Final = 50_000  # of computing for each of these, without a call: 1 s
_EVENTS: Final = (
    "sys_exit",
    "signal_generate",
    "signal_deliver",
    "sched_wakeup",
    "sched_process_fork",
    "sched_process_exit",
    "sched_process_free",
    "sched_process_reparent",
)


class Redundant(RunEnded):
    """All that can be had from here on is like a schedule that was there before: this run needs no end."""


class TooLong(RunEnded):
    """A schedule has come to more steps than it may have."""


class Diverged(RunEnded):
    """The program did not ask what it had asked when it was last run so far: something else than its calls decides."""


class Strategy:
    """Who answers the questions of one run, and hears of its steps."""

    footprints = True

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Return the index of a candidate; recorder.nodes are the questions before this one."""
        return 0

    def begins(self, recorder: Recorder, nr: int) -> None:
        """Hear of each step as it begins, the step before being complete. Raises Redundant to give the run up."""


class Survivor:
    """A process that was there when the program had ended and nobody could go on.

    where: the function it slept in, "" for a zombie.  stopped, zombie: how it was.  parent: its parent's number.
    """

    __slots__ = ("comm", "nr", "parent", "stopped", "where", "zombie")

    def __init__(self, p: Task) -> None:
        self.nr = p.pid
        self.comm = p.comm
        self.parent = p.real_parent.tgid
        self.zombie = p.exit_state == EXIT_ZOMBIE
        self.stopped = bool(p.state & TASK_STOPPED_BIT)
        self.where = "" if self.zombie else p.wchan


class Recorder(Provider):
    """One run.

    steps, nodes: what was done and asked so far.  names: of threads by ancestry: "P" the program, "P.2" its second
    child.  doing: the call that each thread is about to make, or sleeps in.  survivors: who is left, once the program
    has ended and all the others sleep; None before.  watch: the events that queries speak of, if there are any.
    """

    explores = True

    def __init__(
        self,
        strategy: Strategy,
        *,
        without: frozenset[str] = frozenset(),
        max_steps: int = TOO_LONG,
        optional: frozenset[str] = frozenset(),
        faults: int = 0,
    ) -> None:
        self.optional = optional
        self.faults = faults
        self.strategy = strategy
        self.without = without
        self.max_steps = max_steps
        self.steps: list[Step] = []
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {TIME_PASSES: "time"}
        self.families: dict[int, int] = {}
        self.doing: dict[int, tuple[str, tuple[Any, ...]]] = {}
        self.asleep: set[int] = set()
        self.barrier = False
        self.node = -1
        self.survivors: list[Survivor] | None = None
        self.ended = 1 << 62  # the step with which init goes on behind the end of the program
        self.k: Kernel | None = None
        self.footprints: Footprints | None = None
        self.watch: Watch | None = None

    def again(self, strategy: Strategy) -> Recorder:
        """Return one for another run on the same machine, put back to where it is now, after these steps."""
        other = Recorder(
            strategy, without=self.without, max_steps=self.max_steps, optional=self.optional, faults=self.faults
        )
        other.k = self.k
        other.names = dict(self.names)
        other.families = dict(self.families)
        other.doing = dict(self.doing)
        other.asleep = set(self.asleep)
        other.barrier = self.barrier
        for step in self.steps:
            strategy.begins(other, step.nr)
            other.steps.append(step)
        if self.steps:
            other.steps[-1] = self.steps[-1].copy()  # it goes on
        if self.footprints is not None and strategy.footprints:
            other.footprints = self.footprints.again(other.steps[-1] if self.steps else None)
        return other

    def attach(
        self, machine: Machine, queries: Sequence[Query] = (), listener: Callable[[Event], None] | None = None
    ) -> None:
        """Listen to what happens on a machine that is about to run with this as its provider.

        listener: who passes the events on to on_event(), or to somebody else once this run is over.
        """
        self.k = machine.kernel
        if self.strategy.footprints:
            self.footprints = Footprints(self.k, self.without)
        machine.trace.subscribe(listener or self.on_event, *_EVENTS, vital=True)
        if queries:
            self.watch = Watch(self, self.k, queries)
            machine.trace.subscribe(self.watch.on_event, *self.watch.events(), vital=True)

    # Questions.

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        """Ask the strategy."""
        asked = candidates
        if kind in OF_STEPS:
            self._complete()
            asked = self._fair(candidates)
            if len(asked) == 1:
                return candidates.index(asked[0])
            self.node = len(self.nodes)
        answer = self.strategy.pick(self, kind, asked)
        self.nodes.append(Node(kind, tuple(asked), answer, len(self.steps) - (kind not in OF_STEPS)))
        return candidates.index(asked[answer])

    def _fair(self, candidates: Sequence[int]) -> Sequence[int]:
        """Leave out who has asked the same twice in a row, and heard that nothing has changed: somebody else is due.

        Else a loop that polls would be a schedule of any length (Musuvathi, Qadeer: Fair stateless model checking).
        """
        steps = self.steps
        if len(steps) < 2:
            return candidates
        last, before = steps[-1], steps[-2]
        if (
            last.nr != before.nr
            or (last.what, _numbers(last)) != (before.what, _numbers(before))
            or last.result != before.result
            or last.nr not in candidates
            or not _polls(last)
        ):
            return candidates
        return [nr for nr in candidates if nr != last.nr]

    def enters(self, nr: int, name: str, args: tuple[Any, ...]) -> None:
        """Hear which call a thread is about to make."""
        self.doing[nr] = (name, args)
        self.asleep.discard(nr)

    def leaves(self, nr: int) -> None:
        """Hear that a thread's call is over, and what it computes then is a step of its own."""
        self.doing.pop(nr, None)
        self.asleep.discard(nr)

    def begins(self, nr: int) -> None:
        """Begin the next step."""
        k = self.k
        assert k is not None
        self._complete()
        if len(self.steps) >= self.max_steps:
            raise TooLong(f"more than {self.max_steps} steps")
        self.strategy.begins(self, nr)
        name, args = self.doing.get(nr, ("", ()))
        step = Step(nr, name, args, nr in self.asleep, self.node)
        step.barrier, self.barrier = self.barrier, False
        self.node = -1
        self.asleep.add(nr)
        self.steps.append(step)
        if nr == 1 and self.survivors is None:
            self._look_for_survivors(k)
        if self.footprints is not None:
            self.footprints.begin(step, _task(k, nr))

    def expected(self, nr: int) -> dict[Object, int]:
        """Return what a thread's next step is going to touch, as far as its call tells."""
        if self.footprints is None or self.k is None:
            return {}
        name, args = self.doing.get(nr, ("", ()))
        step = Step(nr, name, args, False, -1)
        self.footprints.expected(step, _task(self.k, nr))
        return step.touched

    def _complete(self) -> None:
        """Note what the last step has left its thread in; after that nothing is added to it."""
        if self.footprints is not None and self.steps and self.k is not None:
            self.footprints.complete(_task(self.k, self.steps[-1].nr))

    def computes(self, ns: int) -> None:
        """Raise TooLong where a program goes on and on without a call."""
        if ns > self.max_steps * STEP_NS:
            raise TooLong(f"more than {self.max_steps * STEP_NS / 1e9:g} s of computing without a call")

    def time_passes(self) -> None:
        """Everybody sleeps: what comes then comes behind all that was."""
        self.barrier = True

    def _look_for_survivors(self, k: Kernel) -> None:
        """Note who is left, if the program has ended."""
        program = k.init_program
        if program is None or not program.nr:
            return
        leader = _task(k, program.nr)
        if leader is not None and not leader.exit_state:
            return
        self.ended = len(self.steps) - 1
        self.survivors = [
            Survivor(p)
            for p in k.tasks
            if p.pid not in (1, program.nr)
            and not p.flags & PF_KTHREAD
            and p.exit_state <= EXIT_ZOMBIE
            and not (p.exit_state and p.real_parent.pid == 1)
        ]

    # Events.

    def on_event(self, event: Event) -> None:
        """Hear of one."""
        e: Any = event
        if e.event == "sched_process_fork":
            self._born(e)
        elif self.steps and e.event == "sched_wakeup":
            if not self.barrier:  # else it is time that wakes, not who was the last to go to sleep
                self.steps[-1].wakes.append(e.pid)
        elif self.steps and e.event == "sys_exit":
            self._call_ended(e, self.steps[-1])
        elif self.steps and self.footprints is not None and self.k is not None:
            self._touched(e, self.k, self.footprints)

    def _call_ended(self, e: Any, step: Step) -> None:
        if self.footprints is not None and self.k is not None:
            self.footprints.ended(self.k.current, e.name, e.ret)
        if e.common_pid == step.nr and e.name == step.what:
            step.result = e.ret

    def _touched(self, e: Any, k: Kernel, fp: Footprints) -> None:
        """Note what an event says of what the step touches."""
        match e.event:
            case "signal_generate":
                self.steps[-1].sent.append((e.sig, e.pid))
                t = _task(k, e.pid)
                if t is not None:
                    fp.signal(e.sig, t)
            case "signal_deliver":
                self.steps[-1].took.append((e.sig, e.sa_handler))
                fp.delivered(e.sig, k.current)
            case "sched_process_exit":
                fp.dies(k.current)
            case "sched_process_free":
                p = _task(k, e.pid)
                if p is not None and p.tgid == p.pid:
                    fp.reaped(p, e.reaper_pid if e.reaper_pid != e.pid else p.real_parent.tgid)
            case "sched_process_reparent":
                fp.reparented(e.pid, e.new_parent)

    def _born(self, e: Any) -> None:
        """Name a newborn after its parent."""
        parent, child = e.parent_pid, e.child_pid
        k = self.k
        assert k is not None
        nth = self.families.get(-parent, 0) + 1
        self.families[-parent] = nth
        program = k.init_program
        as_init = program is not None and program.as_init
        if parent == 1 and as_init:
            self.names[1] = "P"
        if parent == 1 and nth == 1 and not as_init:
            self.names[child] = "P"
        else:
            self.names[child] = f"{self.names.get(parent, 'kernel')}.{nth}"
        p = _task(k, child)
        self.families[child] = child if p is None else p.tgid
        if not self.steps:
            return
        self.steps[-1].wakes.append(child)
        forker = _task(k, parent)
        if self.footprints is not None and forker is not None and p is not None:
            self.footprints.born(forker, p)


def _numbers(step: Step) -> list[int]:
    """Return the arguments that are numbers; buffers of Python are others each time."""
    return [arg for arg in step.args if isinstance(arg, int)]


def _polls(step: Step) -> bool:
    """Whether a step asked for something, and there was nothing."""
    if step.what in ("sched_yield", "nanosleep"):
        return True
    if step.what in ("wait4", "waitid", "poll", "select", "epoll_wait"):
        return step.result == 0
    return step.result == -Errno.EAGAIN


def _task(k: Kernel, nr: int) -> Task | None:
    """Return the thread with a number of the first namespace."""
    pid = k.init_pid_ns.pids.get(nr)
    if pid is None:
        return None
    for task in pid.tasks[0] or ():
        return task
    return None
