"""Traces that are not quite what was recorded, and what the recorded terminal answered."""

from __future__ import annotations

import json
import struct

import pytest
from tests.test_replay import INPUT, SCRIPT, edited, record

from procession import Deadlock
from procession.hw.console import BufferConsole
from procession.include.linux.sched import CLONE_SIGHAND, CLONE_THREAD, CLONE_VM
from procession.tools.replay import Difference, Replay, TraceError
from procession.tools.tracefile import is_event, trace_hash
from procession.tools.tracepoint import parse_event


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("replay") / "trace.jsonl"
    return path, record(path, ["/bin/sh", "-c", SCRIPT], stdin=INPUT, cpus=2, seed=5, memory=256 << 20)


def choices_of(lines):
    return [at for at, line in enumerate(lines) if line.startswith('{"event":"choice"')]


@pytest.mark.parametrize(("change", "complaint"), [
    ({"candidates": []}, "is no choice"), ({"candidates": ["17", "18"]}, "is no choice"),
    ({"answer": 0}, "is no choice"),
    ({"answer": 9}, "is no choice"), ({"number": True}, "is no choice"), ({"kind": 1}, "is no choice"),
])
def test_a_choice_that_is_none(recorded, tmp_path, change, complaint):
    def edit(lines):
        at = choices_of(lines)[0]
        lines[at] = json.dumps({**json.loads(lines[at]), **change}, separators=(",", ":")) + "\n"

    with pytest.raises(TraceError, match=complaint):
        Replay(edited(recorded[0], tmp_path, edit))


def test_a_choice_among_others(recorded, tmp_path):
    """The machine asks something else there than it did."""
    def edit(lines):
        at = choices_of(lines)[1]
        found = json.loads(lines[at])
        lines[at] = json.dumps({**found, "candidates": [*found["candidates"], 99]}, separators=(",", ":")) + "\n"

    copy = edited(recorded[0], tmp_path, edit)
    with Replay(copy) as replay, pytest.raises(Difference) as failed:
        replay.finish()
    assert "99" in failed.value.recorded
    assert "now asked: " in failed.value.now


def test_a_choice_at_another_moment(recorded, tmp_path):
    """It is the same one, but an event comes before it that came behind it."""
    def edit(lines):
        at = next(at for at in choices_of(lines) if is_event(lines[at + 1]))
        lines[at], lines[at + 1] = lines[at + 1], lines[at]

    with Replay(edited(recorded[0], tmp_path, edit)) as replay, pytest.raises(Difference) as failed:
        replay.finish()
    assert failed.value.now.startswith('{"event":"choice"')
    assert is_event(failed.value.recorded)


def test_an_end_that_does_not_come(recorded, tmp_path):
    copy = edited(recorded[0], tmp_path, lambda lines: lines.insert(-1, lines[10]))
    with Replay(copy) as replay, pytest.raises(Difference) as failed:
        replay.finish()
    assert failed.value.now.startswith("the run ends: {'how': 'exited'")
    assert is_event(failed.value.recorded)


def test_an_end_that_does_not_say_how(recorded, tmp_path):
    copy = edited(recorded[0], tmp_path, lambda lines: lines.__setitem__(-1, '{"event":"end"}\n'))
    with Replay(copy) as replay, pytest.raises(TraceError, match="does not say how the run ended"):
        replay.finish()


def test_another_end_has_what_ended_the_run_as_its_cause(tmp_path):
    async def waits(sys):
        await sys.pause()

    path = tmp_path / "trace"
    with pytest.raises(Deadlock):
        record(path, waits, root=None)
    copy = edited(path, tmp_path, lambda lines: lines.__setitem__(-1, lines[-1].replace("Deadlock", "KernelPanic")))
    with Replay(copy, program=waits) as replay, pytest.raises(Difference, match="KernelPanic") as failed:
        replay.finish()
    assert isinstance(failed.value.__cause__, Deadlock)


def test_a_run_ends_once(recorded):
    path, events = recorded
    replay = Replay(path)
    assert replay.find(parse_event("5")) == 5
    with pytest.raises(TypeError, match=r"not 5\.5"):
        replay.find(5.5)
    assert replay.finish().events == len(events)
    with pytest.raises(ValueError, match="the run has ended"):
        replay.finish()
    for _ in range(2):
        replay.close()
        assert replay.number == 0
    with pytest.raises(RuntimeError, match="closed"):
        replay.ps()


def test_a_time_that_is_missing(tmp_path):
    async def sleeps(sys):
        await sys.print(await sys.gettimeofday())

    path = tmp_path / "trace"
    events = record(path, sleeps, root=None, realtime=True)

    def edit(lines):
        lines.pop(next(at for at, line in enumerate(lines) if line.startswith('{"event":"host_time"')))

    with Replay(path, program=sleeps) as replay:
        assert replay.finish().sha256 == trace_hash(events)
    with Replay(edited(path, tmp_path, edit), program=sleeps) as replay, pytest.raises(Difference) as failed:
        replay.finish()
    assert failed.value.now == "the host's time is asked for"


def test_a_thread_that_executes_takes_its_call_along(tmp_path):
    """It has the leader's number then, and returns from execve, where the table of processes shows it."""
    async def main(sys):
        await sys.clone(other, flags=CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
        await sys.pause()

    async def other(sys):
        await sys.execve("/bin/new", ["new"])

    async def new(sys):
        await sys.exit(3)

    path = tmp_path / "trace"
    events = record(path, main, root=None, programs={"/bin/new": new})
    (execs,) = [event for event in events if event[4] == "sched_process_exec" and event.old_pid != event.pid]
    with Replay(path, program=main, programs={"/bin/new": new}) as replay:
        stop = replay.until(f"sched_process_exec:old_pid={execs.old_pid}")
        assert stop.event == execs
        (line,) = [line for line in replay.ps().splitlines() if " new" in line]
        assert "execve" in line
        assert "pause" not in replay.ps()
        assert replay.finish().sha256 == trace_hash(events)


class Resized(BufferConsole):
    """A terminal whose window has another size when it is asked for the second time."""

    def __init__(self):
        super().__init__()
        self.sizes = [None, (30, 100)]

    def winsize(self):
        return self.sizes.pop(0) if self.sizes else None


def test_the_size_of_a_window_is_recorded(tmp_path):
    async def asks(sys):
        for _ in range(3):
            await sys.sleep(0.5)
            buffer = bytearray(8)
            await sys.ioctl(1, 0x5413, buffer)
            await sys.print(*struct.unpack_from("2H", buffer))

    path = tmp_path / "trace"
    console = Resized()
    events = record(path, asks, root=None, tty=True, console=console)
    assert console.stdout == 3 * b"30 100\r\n"
    assert '"event":"console_winsize"' in path.read_text()
    with Replay(path, program=asks) as replay:
        assert replay.finish().sha256 == trace_hash(events)
