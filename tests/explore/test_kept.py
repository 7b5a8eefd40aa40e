"""A machine that is kept and put back for each run: no run can tell it from one that has just booted."""

from collections import OrderedDict, deque
import gc
from importlib import import_module
import inspect
import re
import sys
import weakref

from bench.exploring import names
import pytest
from tests.explore import models, objects

from procession import Machine
from procession.explorer import explore
from procession.explorer.dpor import dpor
from procession.explorer.jobs import _unpacked, packed, work
from procession.explorer.kept import Kept
from procession.explorer.recorder import Strategy
from procession.explorer.sight import Job, Looker
from procession.explorer.snapshot import CannotBeTaken, Snapshot
from procession.explorer.steps import READS
from procession.explorer.subject import Subject
from procession.explorer.wakeup import Follow, Wanted

RUNS = 24
WARM = 2  # runs that are made on machines of their own, before one is kept
NOTHING = frozenset()


def programs():
    """Return all small programs there are for the explorer, by name."""
    found = {f"bench.{name}": import_module(f"bench.models.{name}").main for name in names()}
    for module in (models, objects):
        for name, fn in inspect.getmembers(module, inspect.iscoroutinefunction):
            if fn.__module__ == module.__name__ and list(inspect.signature(fn).parameters) == ["linux"]:
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = fn
    return found


PROGRAMS = programs()


def seen(run):
    """All that is to be known of a run."""
    kernel = run.machine.kernel
    return (
        run.outcome, run.detail, list(run.machine.chooser.record), run.recorder.nodes, run.recorder.names,
        [(repr(one), one.touched, one.wakes, one.result, one.barrier, one.sent, one.took, one.node)
         for one in run.recorder.steps],
        kernel.clock.now_ns, list(kernel.printk_log),
        {task.pid: (task.comm, task.utime, task.stime) for task in kernel.tasks},
    )  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_runs(name):
    """Of all orders, or the first of them."""
    told = []
    for keeps in (False, True):
        subject = Subject(PROGRAMS[name])
        subject.keeps = keeps
        found = []
        for run in dpor(subject):
            found.append(seen(run))
            del run
            if len(found) == RUNS:
                break
        told.append(found)
        assert (subject.keeps, subject._kept is not None) == (keeps, keeps and len(found) > WARM)
    assert told[0] == told[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_events(name):
    """Every event there is, and what put the kernel back left nothing of the run before."""
    subject = Subject(PROGRAMS[name])
    fresh = []
    recorder = subject.recorder(Strategy())
    machine = subject.machine(recorder)
    recorder.attach(machine)
    machine.trace.subscribe(fresh.append)
    subject.end_of(machine)
    kept = Kept(subject, NOTHING)
    for _ in range(3):
        kept.put_back(Strategy())
        assert {id(one) for one in kept.changed()} == {id(kept.relay), id(kept.machine.chooser)}
        events = []
        kept.machine.trace.subscribe(events.append)
        subject._end_of(kept.machine, kept.machine.go_on)
        assert events
        assert [str(one) for one in fresh[-len(events) :]] == [str(one) for one in events]


def test_memory_is_put_back():
    """Of all frames: those in use when the program begins, and those that were never used before."""
    kept = Kept(Subject(PROGRAMS["objects.shared"]), NOTHING)
    frames, mm = kept.machine.frames, kept.machine.kernel.mm
    used, end = mm.next_fresh, mm.next_fresh + 3
    rows = (frames.phys[: end * 4096], frames.count[:end], frames.mapcount[:end], frames.pflags[:end])
    before = [row.tolist() for row in rows]
    assert any(before[0][: used * 4096])
    mm.next_fresh = end
    for row in rows:
        for place in range(len(row)):
            row[place] ^= 85
    kept.put_back(Strategy())
    assert mm.next_fresh == used
    assert [row.tolist() for row in rows] == before


def test_whoever_holds_a_run_keeps_its_machine():
    """It is as that run has left it, and the next one is made on another."""
    subject = Subject(PROGRAMS["bench.two_children"])
    runs = [subject.run(Strategy()) for _ in range(5)]
    assert len({id(run.machine) for run in runs}) == 5
    assert len({repr(seen(run)) for run in runs}) == 1
    del runs
    gc.collect()
    for _ in range(3):
        subject.run(Strategy())
    assert subject.run(Strategy()).machine is subject._kept.machine


def test_a_worker_keeps_one():
    """So that what it has seen of one schedule does not hold on to the machine."""
    data = packed(Looker(Subject(PROGRAMS["bench.two_children"])))
    _unpacked.cache_clear()
    for _ in range(2):
        assert len(work(data, [Job()] * 20).sights) == 20
    subject = _unpacked(data).looker.subject
    assert (subject.keeps, subject.runs, subject.lost) == (True, 40, 0)
    assert subject._kept is not None


def noted(recorder):
    """All that a recorder has noted, as it is now."""
    fp = recorder.footprints
    return (
        dict(recorder.names), dict(recorder.families), dict(recorder.doing), set(recorder.asleep), recorder.barrier,
        list(recorder.nodes), [(repr(one), dict(one.touched), list(one.wakes), one.result) for one in recorder.steps],
        {mm: dict(things) for mm, things in fp.maps.items()}, set(fp.several), fp.passes, dict(fp.goes), fp.serial,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["bench.two_children", "objects.mapped", "objects.position", "objects.attached"])
def test_what_a_run_notes_is_its_own(name):
    """The recorder that others go on from stays as it is, and so do the choices of whoever holds a run's."""
    subject = Subject(PROGRAMS[name])
    kept = Kept(subject, NOTHING)
    before = noted(kept.recorder)
    told = []
    for _ in range(2):
        recorder = kept.put_back(Strategy())
        record = kept.machine.chooser.record
        subject._end_of(kept.machine, kept.machine.go_on)
        assert noted(kept.recorder) == before
        told.append((record, recorder.steps, noted(recorder)[:7]))  # the others are by what each run has made anew
    assert told[0][0] is not told[1][0]
    assert told[0][2] == told[1][2]
    assert len(told[0][1]) > len(kept.recorder.steps)


async def ends(linux):
    """Go on for ever if the child was not over at once, or be killed by it; else exit."""
    parent = await linux.getpid()
    if not await linux.fork():
        await linux.kill(parent, linux.SIGTERM)
        await linux.exit(0)
    await linux.signal(linux.SIGTERM, linux.SIG_IGN)
    if (await linux.waitpid(-1, linux.WNOHANG))[0]:
        return 4
    while True:
        await linux.sched_yield()


async def sleeps(linux):
    """Sleep for ever if the child was not over at once."""
    if not await linux.fork():
        await linux.exit(5)
    if (await linux.waitpid(-1, linux.WNOHANG))[0]:
        return 5
    return await linux.pause()


@pytest.mark.parametrize(("main", "hows"), [(ends, {"exit", "signal", "endless"}), (sleeps, {"exit", "deadlock"})])
def test_after_runs_that_end_otherwise(main, hows):
    """Given up, asleep for ever, at it for ever, killed: the next one is as it would be on a machine of its own."""
    told = []
    for keeps in (False, True):
        subject = Subject(main, max_steps=60)
        subject.keeps = keeps
        found = []
        for run in dpor(subject):
            found.append(seen(run))
            del run
            given_up = subject.run(Follow((), Wanted(-1, {18: {("nothing",): READS}}, ())))
            assert given_up.outcome is None
            del given_up
        assert {outcome.how for outcome, *_ in found if outcome is not None} == hows
        assert (subject.lost, subject._kept is not None) == (0, keeps)
        told.append(found)
    assert told[0] == told[1]


def nothing_wrong(run):
    """A property of one's own, for which each run has a machine of its own."""
    assert run.machine.command is not None


def test_explore_says_the_same():
    """Of a search by deviations, with faults."""
    main = PROGRAMS["bench.two_children"]
    reports = []
    for keeps in (True, False):
        report = explore(main, deviations=3, faults=1, properties=() if keeps else (nothing_wrong,))
        reports.append((report.outcomes, report.classes, report.schedules))
    assert reports[0] == reports[1]


class Slots:
    __slots__ = ("a", "b")


class Attributes:
    pass


def test_a_snapshot():
    """Every kind of object, over and over, and no reference is lost or left."""
    one = Slots()
    one.a = [1, "two", (3, {"four": bytearray(b"five")}), {6, "seven"}]
    one.b = Attributes()
    one.b.itself = one
    one.b.number = 8
    here = object.__new__(Slots)
    before = repr((one.a, vars(one.b)["number"]))
    snapshot = Snapshot(one)
    counts = [sys.getrefcount(thing) for thing in (one, one.a, one.b, here, one.a[1], Slots)]
    for number in range(100):
        assert snapshot.changed() == []
        assert snapshot.put_back() == 0
        one.a[2][1]["four"] += b"!" * (number + 1)
        one.a[2][1][number] = here
        one.a[3].discard(6)
        one.a[3].add(str(number))
        one.a.append(here)
        one.b.number, one.b.other = number, here
        del one.b.itself
        one.a, one.b = here, one.a
        assert len(snapshot.changed()) == 6
        assert snapshot.put_back() == 6
        assert repr((one.a, vars(one.b)["number"])) == before
        assert list(vars(one.b)) == ["itself", "number"]
    assert counts == [sys.getrefcount(thing) for thing in (one, one.a, one.b, here, one.a[1], Slots)]


def test_what_cannot_be_taken():
    for thing in ((number for number in range(3)), deque(), OrderedDict(), weakref.ref(Slots)):
        with pytest.raises(CannotBeTaken, match=f"^an object of {re.escape(repr(type(thing)))}$"):
            Snapshot([[thing]])


def test_a_machine_boots_to_the_program_once():
    subject = Subject(PROGRAMS["bench.two_children"])
    machine = Machine()
    subject.boot_to_program(machine)
    with pytest.raises(RuntimeError, match="a machine runs once"):
        subject.boot_to_program(machine)
    assert machine.go_on().exit_code == 0
