"""Replays: a recorded run is run again, event by event, stops where it is told to, and says where it differs."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests import starter
from tests.hw.elf import EXIT, elf

from procession import Deadlock, Machine
from procession.hw.console import HostConsole
from procession.include.linux.signal import SIGUSR1
from procession.tools.replay import Difference, Replay, TraceError
from procession.tools.tracefile import FORMAT, TraceWriter, as_dict, trace_hash
from procession.tools.tracepoint import parse_event

SHELL = "/bin/sh"
SCRIPT = "echo a | cat; read x y; echo got $x; sleep 1 & wait; (exit 3); head -c 8 /dev/urandom | od -x; kill -USR1 $$"
INPUT = b"typed \xff\xfe text\nunread"


def record(path, program, *, names=(), run=None, **options):
    """Run and record; returns the events."""
    kernel = Machine(**{"root": "/", "trace": True, **options})
    with path.open("w") as out:
        TraceWriter(kernel, out, names)
        kernel.run(program, **(run or {}))
    return kernel.events


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A trace with input, choices, signals and several processes, and its events."""
    path = tmp_path_factory.mktemp("replay") / "trace.jsonl"
    return path, record(path, ["/bin/sh", "-c", SCRIPT], stdin=INPUT, cpus=2, seed=5, memory=256 << 20)


def edited(path, tmp_path, edit):
    """A copy of a trace whose list of lines was edited."""
    lines = path.read_text().splitlines(keepends=True)
    edit(lines)
    copy = tmp_path / "edited.jsonl"
    copy.write_text("".join(lines))
    return copy


# The whole run.


def test_a_replay_needs_nothing_but_the_trace(recorded):
    """Neither input nor options: it is all in there."""
    path, events = recorded
    with Replay(path) as replay:
        done = replay.finish()
        assert (done.events, done.sha256) == (len(events), trace_hash(events))
        assert done.how["status"] == SIGUSR1
        assert replay.kernel.nr_cpus == 2
    assert '"event":"console_read"' in path.read_text()


def test_the_seed_is_not_what_choices_come_from(recorded, tmp_path):
    """They are recorded, so that another way of choosing replays too."""
    async def worker(sys, number):
        await sys.sched_setaffinity(0, {number})
        for second in range(1, 4):
            await sys.clock_nanosleep(sys.CLOCK_MONOTONIC, sys.TIMER_ABSTIME, second * 10**9)

    async def main(sys):
        for number in range(3):
            await sys.clone(worker, number)
        for _ in range(3):
            await sys.wait()

    path = tmp_path / "trace"
    events = record(path, main, root=None, cpus=3, seed=9)
    other = edited(path, tmp_path, lambda lines: lines.__setitem__(0, lines[0].replace('"seed":9', '"seed":4')))
    with Replay(other, program=main) as replay:
        assert replay.finish().sha256 == trace_hash(events)
    kernel = Machine(cpus=3, seed=4, trace=True)
    kernel.run(main)
    assert kernel.events != events


@pytest.mark.parametrize("names", [(), ("sched_process_exit", "sys_enter")])
def test_only_some_events(tmp_path, names):
    path = tmp_path / "trace"
    events = record(path, ["/bin/true"], names=names)
    with Replay(path) as replay:
        assert replay.finish().events == len([event for event in events if not names or event[4] in names])


def test_other_ends_than_an_exit(tmp_path):
    """A deadlock is one again, and a program that is not there is not there again."""
    async def waits(sys):
        await sys.pause()

    path = tmp_path / "trace"
    with pytest.raises(Deadlock):
        record(path, waits, root=None)
    with Replay(path, program=waits) as replay:
        done = replay.finish()
    assert done.how["how"] == "Deadlock"
    assert "waits:17 S in sys_pause" in done.how["why"]


def test_a_realtime_run_takes_no_time_the_second_time(tmp_path, monkeypatch):
    """The host's clock gave answers; they are in the trace, and nobody sleeps again."""
    path = tmp_path / "trace"
    reader, writer = os.pipe()
    listen, out = os.pipe()

    def type_an_answer():
        assert os.read(listen, 100) == b"ready\n"
        time.sleep(0.1)
        os.write(writer, b"x\n")

    typist = threading.Thread(target=type_an_answer)
    typist.start()
    script = "echo ready; read x; date +%N; sleep 1; date +%N"
    events = record(path, ["/bin/sh", "-c", script], realtime=True, console=HostConsole(reader, out, out))
    typist.join()
    for fd in (reader, writer, listen, out):
        os.close(fd)
    assert '"event":"host_time"' in path.read_text()
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with Replay(path) as replay:
        assert replay.finish().sha256 == trace_hash(events)
    assert slept == []


def test_signals_to_the_host_process_are_not_in_a_realtime_run(tmp_path):
    """They let the engine out, in the midst of what a program computes; the host's time is not asked for then."""
    came, over = [], threading.Event()

    def disturb():
        while not over.wait(0.002):
            os.kill(os.getpid(), signal.SIGUSR1)

    old = signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
    disturber = threading.Thread(target=disturb)
    disturber.start()
    path = tmp_path / "trace"
    try:
        script = "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $i"
        events = record(path, ["/bin/dash", "-c", script], realtime=True)
    finally:
        over.set()
        disturber.join()
        signal.signal(signal.SIGUSR1, old)
    assert came
    with Replay(path) as replay:
        assert replay.finish().sha256 == trace_hash(events)


def test_output_that_failed_fails_again(tmp_path):
    path = tmp_path / "trace"
    reader, writer = os.pipe()
    os.close(reader)
    events = record(path, ["/bin/sh", "-c", "trap '' PIPE; echo x; echo $?"], console=HostConsole(0, writer, 2))
    os.close(writer)
    assert '"errno":32' in path.read_text()
    with Replay(path) as replay:
        assert replay.finish().sha256 == trace_hash(events)


def test_failures_on_purpose_and_cores_are_replayed(tmp_path):
    """They are part of what was asked for; cores are not kept again."""
    path, cores = tmp_path / "trace", tmp_path / "cores"
    script = "/bin/true || echo refused; sh -c 'kill -SEGV $$'; cat /proc/sys/kernel/core_pattern"
    options = ("--fail", "%fork:2", "--core", str(cores), "--trace", str(path))
    run = starter.run("run", *options, "--", SHELL, "-c", script)
    before = sorted(cores.iterdir())
    assert b"refused" in run.stderr
    done = procession("replay", path)
    assert (done.returncode, done.stdout[:10]) == (0, b"identical:")
    assert sorted(cores.iterdir()) == before


# Stopping.


def test_it_stops_at_the_event_and_not_behind_it(recorded):
    """The machine is as it was: the task that dies is still there, in its call, on its CPU."""
    path, events = recorded
    with Replay(path) as replay:
        stop = replay.until("sched_process_exit")
        assert stop.event == events[stop.number - 1]
        assert list(stop.before) == events[stop.number - 11:stop.number - 1]
        kernel = replay.kernel
        assert kernel.current.pid == stop["pid"] == kernel.init_pid_ns.pids[stop["pid"]].numbers[0].nr
        assert kernel.clock.now_ns == stop["time_ns"]
        assert not kernel.halted
        assert kernel.current.exit_state == 0
        row = next(line.split() for line in replay.ps().splitlines() if f" {stop['pid']} " in line)
        assert row[4] == "R+"
        assert row[-2] == "exit_group"


def test_what_can_be_meant_by_an_event(recorded):
    path, events = recorded
    exits = [number for number, event in enumerate(events, 1) if event[4] == "sched_process_exit"]
    with Replay(path) as replay:
        assert replay.until(7).number == 7
        assert replay.until("11").number == 11
        assert replay.until("sched_process_exit").number == exits[0]
        assert replay.until("sched_process_exit").number == exits[1]
        assert replay.back_to("sched_process_exit@2").number == exits[1]
        late = replay.until("999.5ms")
        assert replay.find("500us") < late.number
        assert events[late.number - 2][0] < 999_500_000 <= late["time_ns"]
        assert replay.until("sched_process_exit:exit_code=768")["comm"] == "sh"
        end = replay.until("signal_generate:sig=SIGUSR1,pid=21")
        assert (end["sig"], end["common_pid"]) == (10, 21)
        assert replay.finish().sha256 == trace_hash(events)


def test_going_back(recorded):
    path, events = recorded
    with Replay(path) as replay:
        for number in (900, 20, 500, 1):
            stop = replay.back_to(number)
            assert (stop.number, stop.event) == (number, events[number - 1])
            assert replay.kernel.clock.now_ns == events[number - 1][0]


def test_memory_can_be_read_at_a_stop(tmp_path):
    """Registers and pages are the program's, in the midst of its call."""
    path = tmp_path / "trace"
    program = {"/t": elf("be" + "78563412" + "b827000000 0f05" + EXIT)}     # mov esi, 0x12345678; getpid
    record(path, ["/t"], root=program, memory=8 << 20)
    with Replay(path, root=program) as replay:
        replay.until("sys_enter:name=getpid")
        assert replay.kernel.current.thread.q[6] == 0x12345678


@pytest.mark.parametrize("spec", [
    "", "nothing", "sched_switch:colour=1", "sched_switch:pid", "0", "1.5", "sched_switch@0", "12 ms", "-3",
    "sched_switch@x", "\N{SUPERSCRIPT TWO}",
])
def test_what_is_no_event(spec):
    with pytest.raises(ValueError, match=r".+"):
        parse_event(spec)


def test_an_event_that_is_not_there_or_has_gone_by(recorded):
    path, events = recorded
    with Replay(path) as replay:
        replay.until(100)
        for spec in (99, 100, len(events) + 1, "oom_kill", "sched_process_exit@999", "100s"):
            with pytest.raises(ValueError, match=r"no such event|gone by"):
                replay.until(spec)
        assert replay.until(101).number == 101


def test_threads_end_with_their_replay(recorded):
    path, _ = recorded
    with Replay(path) as replay:
        replay.until(50)
    Replay(path).close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("procession")]
    with pytest.raises(RuntimeError):
        replay.finish()


# Not the same run.


def test_another_file_is_another_run(tmp_path):
    """The first event that differs is named, with both sides."""
    path, root = tmp_path / "trace", tmp_path / "root"
    root.mkdir()
    program = root / "t"
    program.write_bytes(elf("b827000000 0f05" + EXIT))
    program.chmod(0o755)
    record(path, ["/t"], root=root)
    program.write_bytes(elf("b86e000000 0f05" + EXIT))      # getppid instead of getpid
    with Replay(path) as replay, pytest.raises(Difference) as caught:
        replay.finish()
    assert '"getpid"' in caught.value.recorded
    assert '"getppid"' in caught.value.now
    program.unlink()
    with Replay(path) as replay, pytest.raises(Difference):
        replay.finish()


def test_other_bytes_of_the_same_length_are_seen(tmp_path):
    path, root = tmp_path / "trace", {"/bin/t": b"#!/bin/cat\n", "/data": "one"}

    async def cat(sys):
        await sys.print(await sys.read_file("/data"))

    record(path, cat, root=root)
    with Replay(path, root={**root, "/data": "two"}, program=cat) as replay, pytest.raises(Difference, match="output"):
        replay.finish()


def test_a_recording_that_goes_on_differently(recorded, tmp_path):
    path, events = recorded
    for edit, words in (
        (lambda lines: lines.insert(400, lines[10]), "now"),
        (lambda lines: lines.pop(200), "now"),
        (lambda lines: lines.__setitem__(-1, lines[-1].replace('"status":10', '"status":0')), "the run ends"),
    ):
        with Replay(edited(path, tmp_path, edit)) as replay, pytest.raises(Difference, match=words):
            replay.finish()
    assert events


@pytest.mark.parametrize("keep", [1, 2, 30, 500, -1])
def test_a_recording_that_was_cut_off(recorded, tmp_path, keep):
    """It replays up to its end; half a line does not count."""
    path, events = recorded
    lines = path.read_bytes().splitlines(keepends=True)
    count = sum(line.startswith(b'{"time_ns"') for line in lines[:keep])
    cut = tmp_path / "cut"
    cut.write_bytes(b"".join(lines[:keep]) + lines[keep][:20])
    with Replay(cut) as replay:
        done = replay.finish()
        assert (done.events, done.how) == (count, None)
        assert done.sha256 == trace_hash(events[:count])
        if count:
            assert replay.kernel.clock.now_ns == events[count - 1][0]


HEADERS = {
    "empty": "", "no newline": "{}", "no JSON": "hello\n", "no object": "[1]\n", "no run": '{"event":"end"}\n',
    "deep": "[" * 100_000 + "\n", "NUL": "\0\n", "an old format": '{"event":"run","format":1}\n',
    "no format": '{"event":"run"}\n', "nothing else": f'{{"event":"run","format":{FORMAT}}}\n',
}


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
def test_a_file_that_is_no_trace(tmp_path, text):
    path = tmp_path / "trace"
    path.write_text(text)
    with pytest.raises(TraceError):
        Replay(path)
    done = subprocess.run(
        [sys.executable, "-m", "procession.cli", "replay", path], capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"procession: {path}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("change", [
    {"argv": []}, {"argv": [1]}, {"argv": "sh"}, {"env": {"A": 1}}, {"env": []}, {"cpus": 0}, {"cpus": 1 << 40},
    {"cpus": "1"}, {"memory": 1}, {"memory": 1 << 70}, {"memory": -1}, {"root": "/"}, {"root": {}},
    {"root": {"path": "/no/such"}}, {"names": ["x"]}, {"names": [[]]}, {"seed": None}, {"seed": 1.5},
    {"programs": ["/bin/x"]}, {"programs": [0]}, {"cwd": 3}, {"realtime": 0}, {"boot_time_ns": "now"}, {"as_init": 1},
    {"root": {"path": "\ud800"}}, {"root": {"path": "a\0b"}}, {"tty": None}, {"winsize": 5}, {"winsize": []},
    {"argv": ["a\0"]}, {"argv": ["\ud800"]}, {"env": {"A=": ""}}, {"cwd": "\0"},
    {"format": FORMAT - 2}, {"format": FORMAT + 1},
    {"volumes": None}, {"volumes": ["/v"]}, {"volumes": [{}]}, {"volumes": [{"guest": "/v", "path": 1, "writable": 1}]},
    {"volumes": [{"guest": "v", "path": "/v", "writable": True}]}, {"not_repeatable": [1]}, {"not_repeatable": "x"},
    {"closed": None}, {"closed": [3]}, {"closed": [-1]}, {"closed": ["1"]},
    {"winsize": [24]}, {"winsize": ["24", "80"]}, {"winsize": [-1, 80]}, {"winsize": [24, 1 << 16]},
])
def test_a_description_that_makes_no_sense(recorded, tmp_path, change):
    path, _ = recorded

    def edit(lines):
        lines[0] = json.dumps({**json.loads(lines[0]), **change}) + "\n"

    with pytest.raises(TraceError):
        Replay(edited(path, tmp_path, edit))


@pytest.mark.parametrize("name", ["argv", "tty", "winsize", "fail"])
def test_a_description_that_lacks_something(recorded, tmp_path, name):
    path, _ = recorded

    def edit(lines):
        header = json.loads(lines[0])
        del header[name]
        lines[0] = json.dumps(header) + "\n"

    with pytest.raises(TraceError, match=f"no {name}"):
        Replay(edited(path, tmp_path, edit))


@pytest.mark.parametrize("line", ["an event", "the end", '{"event":"choice"}'])
def test_lines_after_the_end(recorded, tmp_path, line):
    path, events = recorded

    def edit(lines):
        lines.append({"an event": lines[-2], "the end": lines[-1]}.get(line, line + "\n"))

    with Replay(edited(path, tmp_path, edit)) as replay:
        with pytest.raises(TraceError, match="comes after the end"):
            replay.finish()
        with pytest.raises(TraceError, match="comes after the end"):
            replay.until(len(events) + 1)


@pytest.mark.parametrize("line", ["junk", "{}", '{"event":5}', "[]"])
def test_junk_in_the_middle(recorded, tmp_path, line):
    path, _ = recorded
    with (
        Replay(edited(path, tmp_path, lambda lines: lines.insert(300, line + "\n"))) as replay,
        pytest.raises(TraceError, match="line 301"),
    ):
        replay.finish()


def test_answers_without_an_answer(recorded, tmp_path):
    path, _ = recorded

    def edit(lines):
        at = next(at for at, line in enumerate(lines) if '"event":"console_read"' in line)
        lines[at] = lines[at].replace('"data":', '"date":')

    with Replay(edited(path, tmp_path, edit)) as replay, pytest.raises(TraceError, match="has no"):
        replay.finish()


def test_python_programs_have_to_be_given(tmp_path):
    async def main(sys):
        await sys.execve("/bin/other", ["other"])

    async def other(sys):
        await sys.print("other")

    path = tmp_path / "trace"
    events = record(path, main, root=None, programs={"/bin/other": other})
    with pytest.raises(TraceError, match="/bin/other"):
        Replay(path, program=main)
    with Replay(path, program=main, programs={"/bin/other": other}) as replay:
        assert replay.until("sched_process_exec:filename=/bin/other").number
        assert replay.finish().sha256 == trace_hash(events)


# The command.


COMMAND = [sys.executable, "-m", "procession.cli"]


def procession(*arguments):
    return starter.run(*arguments, timeout=60)


def test_the_command(recorded, tmp_path):
    path, events = recorded
    done = procession("replay", path)
    assert done.returncode == 0
    assert done.stdout.decode() == (
        f"identical: {len(events)} events, sha256 {trace_hash(events)}; killed by SIGUSR1\n"
    )
    done = procession("replay", path, "--until", "signal_generate:sig=SIGUSR1", "--show")
    assert b"a\ngot typed\n" in done.stdout
    assert b"signal_generate: sig=10 errno=0 code=0 comm=sh pid=21" in done.stdout
    assert b" sh " in done.stdout
    assert b" kill " in done.stdout
    assert procession("replay", path, "--until", "nonsense").returncode == 125
    assert procession("replay", path, "--until", "oom_kill").stderr.count(b"\n") == 1
    other = edited(path, tmp_path, lambda lines: lines.pop(100))
    done = procession("replay", other)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"this is not the recorded run" in done.stderr
    assert b"recorded:" in done.stderr
    assert b"now:" in done.stderr


def test_input_from_a_terminal_is_recorded(tmp_path):
    path = tmp_path / "trace"
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", "--trace", path, "--", "/bin/sh", "-c", "echo ready; read x; echo =$x"],
        stdin=slave, stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    os.write(master, b"from a terminal\n")
    assert process.communicate(timeout=30)[0] == b"=from a terminal\n"
    os.close(master)
    os.close(slave)
    done = procession("replay", path, "--show")
    assert done.stdout.startswith(b"ready\n=from a terminal\nidentical: ")


def test_a_run_that_was_interrupted_replays_up_to_there(tmp_path):
    path = tmp_path / "trace"
    process = subprocess.Popen(
        [*COMMAND, "run", "--trace", path, "--", "/bin/sh", "-c", "echo on; while :; do :; done"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"on\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["event"] == "end"
    done = procession("replay", path)
    assert done.returncode == 0
    assert done.stdout.startswith(b"identical: %d events" % last["events"])


def test_recording_changes_nothing():
    plain, traced = Machine(root="/", trace=True), Machine(root="/", trace=True)
    TraceWriter(traced, io.StringIO())
    results = [kernel.run(["/bin/sh", "-c", "echo a | cat"]) for kernel in (plain, traced)]
    assert results[0].trace == results[1].trace
    assert results[0].stdout == results[1].stdout == b"a\n"
    assert as_dict(results[0].trace[0])["event"] == "sched_process_fork"


@pytest.mark.parametrize(("number", "which"), [
    (FORMAT - 2, f"format {FORMAT - 2}"), (FORMAT + 1, f"format {FORMAT + 1}"), (0, "format 0"),
    (True, "an unknown format"), ("2", "an unknown format"), (None, "an unknown format"),
])
def test_another_format_is_refused_in_one_line(recorded, tmp_path, number, which):
    """Even if all else is as it should be."""
    path, _ = recorded
    other = edited(path, tmp_path, lambda lines: lines.__setitem__(
        0, json.dumps({**json.loads(lines[0]), "format": number}) + "\n"
    ))
    done = subprocess.run(
        [sys.executable, "-m", "procession.cli", "replay", other], capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == (
        f"procession: {other}: a trace of {which}; this version reads 3 and 4: record it again\n"
    )


def test_bytes_that_are_no_utf_8_come_back(tmp_path):
    """In names, paths, arguments, variables and what is typed; the trace itself is ASCII."""
    odd = "\udcff\u00e4\udc80\\xff"

    async def other(sys):
        await sys.set_name(odd[:3])
        assert sys.argv[1] == odd
        assert sys.environ["A"] == odd
        await sys.write(1, await sys.read(0, 100))

    async def main(sys):
        await sys.execve(f"/bin/{odd}", ["other", odd], {"A": odd})

    path = tmp_path / "trace"
    programs = {f"/bin/{odd}": other}
    machine = Machine(root=None, programs=programs, stdin=os.fsencode(odd))
    with path.open("w", encoding="ascii") as out:
        TraceWriter(machine, out)
        result = machine.run(main, odd, env={"B": odd})
    assert result.stdout == os.fsencode(odd)
    lines = list(map(json.loads, path.read_text(encoding="ascii").splitlines()))
    assert lines[0]["argv"][1] == lines[0]["env"]["B"] == odd
    (called,) = (line for line in lines if line.get("name") == "execve" and line["event"] == "sys_enter")
    assert called["args"][1:] == [["other", odd], [f"A={odd}"]]
    assert {line["filename"] for line in lines if line["event"] == "sched_process_exec"} == {"/bin/main", f"/bin/{odd}"}
    assert odd[:3] in {line.get("comm") for line in lines}
    (typed,) = (line["data"] for line in lines if line["event"] == "console_read")
    assert os.fsencode(typed) == os.fsencode(odd)
    with Replay(path, program=main, programs=programs) as replay:
        assert replay.finish().how["status"] == 0
