"""Ports of the host that lead inside."""

from __future__ import annotations

import socket
import threading

import pytest

from procession import Machine


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
