"""Ports of the host that lead inside."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time

import pytest

from procession import Machine
from procession.hw.console import BufferConsole
from procession.tools import trace_ports
from procession.tools.replay import Difference, Replay
from procession.tools.tracefile import TraceWriter, trace_hash


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def server(linux):
    """Answer each of two connections with what it sent, backwards, when it has sent all."""
    listener = await linux.socket()
    await linux.bind(listener, ("127.0.0.1", 80))
    await linux.listen(listener, 5)
    for _ in range(2):
        fd, _ = await linux.accept(listener)
        data = b""
        while piece := await linux.recv(fd, 65536):
            data += piece
        await linux.write(fd, data[::-1])
        await linux.close(fd)


def talk(port, data, answers):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        answers.append(answer)


def test_connections_from_outside():
    """What is sent arrives, both ways, also more than a window holds; the machine waits for it."""
    port = free_port()
    machine = Machine(publish={port: 80})
    answers = []
    data = [b"hello", bytes(range(256)) * 2000]

    def clients():
        for piece in data:
            talk(port, piece, answers)

    thread = threading.Thread(target=clients)
    machine.kernel.trace.subscribe(lambda event: thread.start() if event.name == "listen" else None, "sys_enter")
    assert machine.run(server).exit_code == 0
    thread.join()
    assert answers == [piece[::-1] for piece in data]


def test_a_port_that_is_in_use():
    """It is told at once, with the port's number."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=str(port)):
            Machine(publish={port: 80})


@pytest.mark.parametrize("ports", [{0: 80}, {80: 0}, {65536: 80}, {8080: "80"}])
def test_what_is_no_port(ports):
    """Mistakes are told at the call."""
    with pytest.raises((TypeError, ValueError)):
        Machine(publish=ports)


# Recorded, and replayed without whoever was outside.

DATA = [b"hello", bytes(range(256)) * 2000]


async def telling_server(linux):
    """The same, and it says how much came, and in how many pieces at which times."""
    listener = await linux.socket()
    await linux.bind(listener, ("127.0.0.1", 80))
    await linux.listen(listener, 5)
    for _ in DATA:
        fd, _ = await linux.accept(listener)
        data = b""
        while piece := await linux.recv(fd, 65536):
            data += piece
            await linux.write(1, f"{len(piece)} at {await linux.clock_gettime(0)}\n".encode())
        await linux.write(fd, data[::-1])
        await linux.close(fd)


def recorded(path, main, pieces=DATA, **options):
    """Record a run with clients; returns its machine and result."""
    port = free_port()
    machine = Machine(publish={port: 80}, trace=True, **options)
    answers = []

    def clients():
        for piece in pieces:
            talk(port, piece, answers)

    thread = threading.Thread(target=clients)
    machine.trace.subscribe(lambda event: thread.start() if event.name == "listen" else None, "sys_enter")
    with path.open("w") as out:
        TraceWriter(machine, out)
        result = machine.run(main)
    thread.join()
    assert answers == [piece[::-1] for piece in pieces]
    return result


@pytest.mark.parametrize("options", [{}, {"realtime": True}, {"cpus": 2, "seed": 3}], ids=str)
def test_a_replay_needs_no_clients(tmp_path, options):
    """Byte for byte the same run: each event, and all output, with nobody at a port that is not even opened."""
    path = tmp_path / "trace"
    result = recorded(path, telling_server, **options)
    console = BufferConsole()
    with Replay(path, program=telling_server, console=console) as replay:
        done = replay.finish()
    assert (done.events, done.sha256) == (len(result.trace), trace_hash(result.trace))
    assert console.stdout == result.stdout
    assert result.stdout.count(b"\n") > len(DATA)
    assert json.loads(path.read_text().partition("\n")[0])["not_repeatable"] == ["without the same Python programs"]


def test_a_replay_of_clients_can_be_gone_back_in(tmp_path):
    """The second time the same comes again."""
    path = tmp_path / "trace"
    recorded(path, telling_server)
    with Replay(path, program=telling_server) as replay:
        last = replay.until("sys_exit:name=recvfrom,ret=5")
        assert replay.back_to(last.number) == last


async def lonely_server(linux):
    listener = await linux.socket()
    await linux.bind(listener, ("127.0.0.1", 80))
    await linux.listen(listener, 5)
    await linux.write(1, b"ready\n")
    await linux.accept(listener)


def test_a_recording_that_was_cut_off_while_nobody_came(tmp_path):
    """Ctrl-C ends the server; the replay ends there, too."""
    path = tmp_path / "trace"
    machine = Machine(publish={free_port(): 80}, trace=True)

    def interrupt():
        time.sleep(0.2)
        signal.raise_signal(signal.SIGINT)

    with path.open("w") as out:
        TraceWriter(machine, out)
        alarm = threading.Thread(target=interrupt)
        machine.trace.subscribe(lambda event: alarm.start() if event.name == "accept" else None, "sys_enter")
        with pytest.raises(KeyboardInterrupt):
            machine.run(lonely_server)
        alarm.join()
    with Replay(path, program=lonely_server) as replay:
        assert replay.finish().how["how"] == "KeyboardInterrupt"


@pytest.mark.parametrize(("old", "new"), [
    ('"published","time_ns"', '"publishes","time_ns"'), ('"data":"aGVsbG8="', '"data":"aGVsbG8"'),
    ('"op":"data"', '"op":"date"'), ('"connection":1', '"connection":"1"'), ('"port":80', '"port":70000'),
    ('"call":', '"call":-'),
], ids=str)
def test_what_came_is_not_what_a_trace_says(tmp_path, old, new):
    """Somebody's trace may say anything; the replay does not wait for ever for what cannot come."""
    path = tmp_path / "trace"
    recorded(path, telling_server, [b"hello", b"hello"])
    text = path.read_text()
    changed = text.replace(old, new)
    assert changed != text
    path.write_text(changed)
    with Replay(path, program=telling_server) as replay, pytest.raises(Difference, match="published ports are"):
        replay.finish()


def test_more_than_a_trace_takes_in(tmp_path, monkeypatch):
    """It says so there, and the replay goes up to there."""
    monkeypatch.setattr(trace_ports, "ARRIVALS_LIMIT", 1000)
    path = tmp_path / "trace"
    recorded(path, telling_server)
    arrived = [line["data"] for line in map(json.loads, path.read_text().splitlines()) if line["event"] == "published"]
    assert [text for text in arrived if text] == ["aGVsbG8="]
    with Replay(path, program=telling_server) as replay:
        replay.until("sys_exit:name=recvfrom,ret=5")
        with pytest.raises(Difference, match="not repeatable: more than 0 MiB came through published ports"):
            replay.finish()
