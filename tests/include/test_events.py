"""Trace events: what they say, that they say it in plain values, and what becomes of listeners that raise."""

from __future__ import annotations

from typing import get_type_hints
import warnings

import pytest

from procession import KernelBug, Machine
from procession.include.linux.tracepoint import ListenerWarning
from procession.include.trace import events
from procession.include.trace.events import COMMON_FIELDS, EVENTS, SchedProcessExit, SchedSwitch, SysEnter, event_fields


async def everything(sys):
    """Forks, signals, stops, timers, an orphan, a full signal queue, exec."""
    await sys.set_name("\udcff\u00e4")
    await sys.sigaction(sys.SIGUSR1, lambda _: None)
    await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR2, sys.SIGRTMIN})
    await sys.raise_signal(sys.SIGUSR1)
    pid = await sys.fork()
    if pid == 0:
        if await sys.fork() == 0:
            await sys.sleep(1)
        await sys.exit(3)
    await sys.wait()
    pid = await sys.fork()
    if pid == 0:
        await sys.pause()
    await sys.kill(pid, sys.SIGSTOP)
    await sys.waitpid(pid, sys.WUNTRACED)
    await sys.kill(pid, sys.SIGKILL)
    await sys.wait()
    await sys.setrlimit(sys.RLIMIT_SIGPENDING, (0, 0))
    await sys.raise_signal(sys.SIGUSR2)
    try:
        await sys.sigqueue(await sys.getpid(), sys.SIGRTMIN)
    except BlockingIOError:
        await sys.sleep(2)
    await sys.execve("/bin/true", ["true"])


async def true(sys):
    """Do nothing."""


@pytest.fixture(scope="module")
def trace():
    return Machine(trace=True, programs={"/bin/true": true}).run(everything).trace


def test_every_event_is_of_its_class(trace):
    assert {type(event) for event in trace} <= set(EVENTS.values())
    assert all(type(event) is EVENTS[event.event] for event in trace)


def test_the_run_has_most_events(trace):
    missing = set(EVENTS) - {event.event for event in trace}
    assert missing == {"sched_migrate_task", "page_fault_user", "oom_kill"}


def test_fields_are_plain_values(trace):
    """An enum's member is equal to its number, and yet not the same in a log or a comparison of texts."""
    for event in trace:
        for name, kind in get_type_hints(type(event), vars(events)).items():
            wanted = tuple if name == "args" else kind
            assert type(getattr(event, name)) is wanted, (event.event, name)


def test_indices_and_names_mean_the_same(trace):
    event = next(event for event in trace if isinstance(event, SysEnter))
    head = (event.time_ns, event.cpu, event.common_pid, event.common_comm, "sys_enter", event.nr, event.name)
    assert event[:7] == head
    assert event_fields("sys_enter") == ("nr", "name", "args")
    assert all(cls._fields[:COMMON_FIELDS] == ("time_ns", "cpu", "common_pid", "common_comm", "event")
               for cls in EVENTS.values())


def test_a_name_that_is_no_utf_8_is_as_os_fsdecode_has_it(trace):
    dead = next(event for event in trace if isinstance(event, SchedProcessExit))
    assert dead.comm == "\udcff\u00e4"
    assert str(dead).split("comm=")[1].split()[0] == "\\xff\u00e4"
    assert "\n".join(map(str, trace)).encode()


def test_a_line_is_ftraces():
    """Put together by hand from TP_printk and trace_print_context of 3.2."""
    event = SchedSwitch(12_345_678_999, 1, 7, "sh", "sched_switch", "sh", 7, 120, "S", "kthreadd", 2, 120)
    assert str(event) == (
        "              sh-7     [001]    12.345678: sched_switch: "
        "prev_comm=sh prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=kthreadd next_pid=2 next_prio=120"
    )


def test_every_event_has_a_line():
    for name, cls in EVENTS.items():
        kinds = get_type_hints(cls, vars(events))
        values = ["x" if kinds[field] is str else () if field == "args" else 5 for field in cls._fields]
        values[4] = name
        assert f": {name}: " in str(cls(*values))


# Listeners.


def test_nobody_listens_at_first():
    trace = Machine(check=False).trace
    assert [getattr(trace, name) for name in EVENTS] == [None] * len(EVENTS)
    heard = []
    trace.subscribe(heard.append, "sys_exit")
    assert [name for name in EVENTS if getattr(trace, name)] == ["sys_exit"]
    trace.unsubscribe(heard.append)
    assert trace.sys_exit is None


def test_subscribing_to_nothing_that_is():
    trace = Machine().trace
    with pytest.raises(ValueError, match=r"^subscribe: no event 'sys_entry'$"):
        trace.subscribe(print, "sys_entry")
    with pytest.raises(TypeError, match=r"^subscribe: a function expected, not 'sys_enter'$"):
        trace.subscribe("sys_enter")


async def three(sys):
    for _ in range(3):
        await sys.getuid()
    await sys.print("ok")


def divides(event):
    return event.nr // 0


@pytest.mark.parametrize("error", [ZeroDivisionError, OSError, LookupError], ids=lambda error: error.__name__)
def test_a_listener_that_raises_is_taken_out_and_the_run_goes_on(error):
    heard, raised = [], []

    def listener(event):
        raised.append(event)
        raise error("mine")

    machine = Machine()
    machine.trace.subscribe(listener, "sys_enter", "sys_exit")
    machine.trace.subscribe(heard.append, "sys_enter")
    with pytest.warns(ListenerWarning, match="was taken out") as warned:
        result = machine.run(three)
    assert result.output == "ok\n"
    assert len(raised) == 1
    assert [event.name for event in heard].count("getuid") == 3
    (found,) = result.listener_errors
    assert (found.listener, found.event) == (listener, raised[0])
    assert type(found.error) is error
    assert len(warned) == 1
    text = str(warned[0].message)
    assert "Traceback" in text
    assert "bug of Procession" not in text
    assert "raise error(" in text
    assert warned[0].filename == __file__


@pytest.mark.parametrize("name", EVENTS)
def test_of_each_event_a_listener_that_raises_is_told_with_what_it_got(name):
    """The next listener hears the event all the same, and the first none any more."""
    heard = []

    def listener(event):
        raise OSError("mine")

    kinds = get_type_hints(EVENTS[name], vars(events))
    fields = tuple("x" if kinds[field] is str else () if field == "args" else n
                   for n, field in enumerate(event_fields(name)))
    machine = Machine(check=False)
    machine.run(true)
    trace = machine.trace
    trace.subscribe(listener)
    trace.subscribe(heard.append, name)
    for _ in range(2):
        getattr(trace, name)(*fields)
    assert [event[COMMON_FIELDS:] for event in heard] == [fields] * 2
    (found,) = trace.errors
    assert (found.listener, found.event, str(found.error)) == (listener, heard[0], "mine")
    assert type(found.event) is EVENTS[name]
    assert [other for other in EVENTS if getattr(trace, other)] == [name]


def test_a_warning_that_is_an_error_comes_out_of_run_and_is_no_bug():
    machine = Machine()
    machine.trace.subscribe(divides, "sys_enter")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ListenerWarning):
            machine.run(three)
    assert machine.console.stdout == b"ok\n"


def test_a_run_that_fails_tells_of_its_listeners_too():
    async def waits(sys):
        await sys.pause()

    machine = Machine()
    machine.trace.subscribe(divides, "sys_enter")
    with pytest.warns(ListenerWarning), pytest.raises(Exception, match="sys_pause"):
        machine.run(waits)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_nobodys_mistake_passes(error):
    def listener(event):
        raise error

    machine = Machine()
    machine.trace.subscribe(listener, "sys_enter")
    with pytest.raises(error):
        machine.run(three)
    assert machine.trace.errors == []


def test_a_validator_that_complains_stops_the_machine():
    def listener(event):
        raise KernelBug("broken")

    machine = Machine()
    machine.trace.subscribe(listener, "sys_enter")
    with pytest.raises(KernelBug, match="broken"):
        machine.run(three)


def test_what_a_vital_listener_raises_ends_the_run():
    def listener(event):
        raise OSError("the disk is full")

    machine = Machine()
    machine.trace.subscribe(listener, "sys_enter", vital=True)
    with pytest.raises(OSError, match="the disk is full"):
        machine.run(three)
    machine = Machine()
    machine.trace.subscribe(listener, "sys_enter", vital=True)
    machine.trace.unsubscribe(listener)
    assert machine.run(three).output == "ok\n"


def test_a_listener_may_unsubscribe_itself():
    heard = []

    def once(event):
        heard.append(event)
        machine.trace.unsubscribe(once)

    machine = Machine()
    machine.trace.subscribe(once, "sys_enter")
    machine.run(three)
    assert len(heard) == 1
