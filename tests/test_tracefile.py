"""Trace files: one JSON object a line, the same ones each time."""

from __future__ import annotations

import io
import json

from procession import Machine
from procession.include.trace.events import EVENTS, event_fields
from procession.tools.tracefile import TraceWriter, as_dict, trace_hash

COMMAND = ["/bin/sh", "-c", "echo a | cat; sleep 1 & wait; kill -USR1 $$"]


def write(argv=COMMAND):
    kernel = Machine(root="/")
    out = io.StringIO()
    TraceWriter(kernel, out)
    kernel.run(argv)
    return out.getvalue()


def events_of(text):
    """The events alone, without what the first and last line and the answers from outside say."""
    return [found for found in map(json.loads, text.splitlines()) if found["event"] in EVENTS]


def test_the_first_and_the_last_line_describe_the_run():
    first, *middle, last = map(json.loads, write().splitlines())
    assert (first["event"], first["argv"], first["root"]) == ("run", COMMAND, {"kind": "directory", "path": "/"})
    assert (first["seed"], first["cpus"], first["memory"], first["realtime"]) == (0, 1, 1 << 30, False)
    assert (last["event"], last["how"], last["status"]) == ("end", "exited", 10)
    assert last["events"] == len([line for line in middle if line["event"] in EVENTS])


def test_every_line_has_the_fields_of_its_event():
    events = events_of(write())
    for event in events:
        names = list(event)
        assert names[:5] == ["time_ns", "cpu", "common_pid", "common_comm", "event"]
        assert tuple(names[5:]) == event_fields(event["event"])
    times = [event["time_ns"] for event in events]
    assert times == sorted(times)
    assert {"sched_process_fork", "sched_process_exit", "sched_process_free", "signal_generate", "sys_enter"} <= {
        event["event"] for event in events
    }


def test_a_death_is_told_by_exit_and_free():
    events = events_of(write())
    (end,) = [event for event in events if event["event"] == "sched_process_exit" and event["pid"] == 17]
    assert end["exit_code"] == 10
    assert end["tgid"] == 17


def test_two_runs_are_equal_byte_for_byte():
    assert write() == write()
    assert write() != write(["/bin/true"])


def test_only_the_named_events_are_written():
    kernel = Machine(root="/")
    out = io.StringIO()
    TraceWriter(kernel, out, ("sched_process_exec",))
    kernel.run(["/bin/true"])
    (event,) = events_of(out.getvalue())
    assert (event["event"], event["filename"], event["pid"]) == ("sched_process_exec", "/bin/true", 17)


def test_trace_hash_is_the_runs_fingerprint():
    def events(*argv):
        return Machine(root="/", trace=True).run(list(argv)).trace

    one, again, other = events("/bin/cat", "/etc/passwd"), events("/bin/cat", "/etc/passwd"), events("/bin/true")
    assert trace_hash(one) == trace_hash(again)
    assert len(trace_hash(one)) == 64
    assert trace_hash(one) != trace_hash(other)
    assert trace_hash(one) != trace_hash(one[:-1])
    assert as_dict(one[0])["event"] in EVENTS


def test_a_python_programs_buffers_have_a_place_in_the_trace():
    async def main(sys):
        await sys.write(1, b"four")
        await sys.open("/tmp", 0)
        await sys.clone(child)

    async def child(sys):
        pass

    kernel = Machine()
    out = io.StringIO()
    TraceWriter(kernel, out, ("sys_enter",))
    kernel.run(main)
    events = events_of(out.getvalue())
    written, opened = (event for event in events if event["name"] in ("write", "open"))
    assert written["args"] == [1, "buffer of 4", 4]
    assert opened["args"] == ["buffer of 5", 0, 438]
