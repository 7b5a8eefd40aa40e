"""Ports of the host when those outside do not read, or are gone."""

from __future__ import annotations

import socket
import struct

import pytest

from procession.hw import published
from procession.hw.published import CONNECTED, DATA, ENDED, PublishedPorts

MUCH = bytes(5 << 20)


@pytest.fixture
def port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def ports(port):
    made = PublishedPorts({port: 80})
    yield made
    made.close()


@pytest.fixture
def outside(ports, port):
    sock = socket.create_connection(("127.0.0.1", port))
    assert ports.wait(None, -1, forever=False)
    assert ports.take() == [(CONNECTED, 1, 80, b"")]
    yield sock
    sock.close()


def test_who_does_not_read_is_not_waited_for_for_ever(ports, outside, monkeypatch):
    monkeypatch.setattr(published, "_PATIENCE_MS", 1)
    ports.send(1, MUCH)
    ports.finish(1)
    ports.drain()
    found = bytearray()
    while part := outside.recv(1 << 20):
        found += part
        ports.take()
    assert found == MUCH


def test_who_reads_gets_all_before_the_end(ports, outside, monkeypatch):
    monkeypatch.setattr(published, "_PATIENCE_MS", 1)
    ports.send(1, MUCH)
    ports.drop(1)
    sizes = [len(outside.recv(1 << 20))]
    while sizes[-1]:
        ports.drain()
        sizes.append(len(outside.recv(1 << 20)))
    assert sum(sizes) == len(MUCH)
    ports.send(1, b"x")     # nobody any more: nothing happens
    ports.finish(1)
    ports.drop(1)
    ports.pause(1, on=True)
    assert ports.take() == []


def test_who_has_broken_off_has_ended(ports, outside):
    outside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    outside.close()
    assert ports.wait(None, -1, forever=False)
    ports.send(1, b"x")
    ports.finish(1)
    assert ports.take() == [(ENDED, 1, 0, b"")]
    ports.drain()


def test_something_else_ends_the_wait(ports, outside):
    a, b = socket.socketpair()
    with a, b:
        assert not ports.wait(0, a.fileno(), forever=False)
        b.send(b"x")
        assert ports.wait(None, a.fileno(), forever=False)
    outside.send(b"y")
    assert ports.wait(None, -1, forever=False)
    assert ports.take() == [(DATA, 1, 0, b"y")]


def test_closing_ends_connections_too(ports, outside):
    ports.close()
    assert outside.recv(1) == b""
