"""Ports of the host that lead inside: what `--publish HOST:GUEST` opens, on the host's 127.0.0.1 alone.

Everything that waits is waited for by `wait`; all other calls return at once. A connection is named by its number, from
1. What is sent outwards is kept here until the host takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
import select
import socket
from typing import Final, Protocol

__all__ = ("CONNECTED", "DATA", "ENDED", "Happening", "Ports", "PublishedPorts")

# What it is, the connection's number, the machine's port, data.
Happening = tuple[str, int, int, bytes]

# What take() tells of a connection.
CONNECTED: Final = "connected"
DATA: Final = "data"
ENDED: Final = "ended"  # nothing more comes from outside

_LOCALHOST: Final = "127.0.0.1"
_BACKLOG: Final = 128
_PATIENCE_MS: Final = 5000  # that who is outside may take nothing of the last words
_TAKEN_AT_ONCE: Final = 65536  # bytes that are taken at once


class Ports(Protocol):
    """What the machine needs of the host. What take() returns decides all; the other calls are told, or pass time."""

    def take(self) -> list[Happening]:
        """Return what has happened, in the order it was found."""

    def wait(self, timeout_ns: int | None, other: int, *, forever: bool) -> bool:
        """Wait until something comes, or at the descriptor `other` (-1 for none); returns whether it did.

        forever: nothing else can end the machine's wait, whatever the time-out is.
        """

    def pause(self, number: int, *, on: bool) -> None:
        """Say whether more can be taken in from a connection."""

    def send(self, number: int, data: bytes) -> None:
        """Send outwards."""

    def finish(self, number: int) -> None:
        """Send nothing more outwards, once what there is has gone."""

    def drop(self, number: int) -> None:
        """Close a connection when the host has taken all: nobody is at that port, or the end inside is gone."""

    def drain(self) -> None:
        """Wait until the host has taken all, or for as long as it takes nothing."""

    def close(self) -> None:
        """Close all of it."""


class _Connection:
    """One from outside.

    pending: what the host has not taken yet.  ended, closing: nothing more comes, or goes.  dropped: it is to be closed
    when all has gone.  paused: there is no room for more inside.
    """

    __slots__ = ("closing", "dropped", "ended", "paused", "pending", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.pending = bytearray()
        self.ended = False
        self.closing = False
        self.paused = False
        self.dropped = False


class PublishedPorts:
    """Listens at ports of the host.  ports: those of the machine, by the host's."""

    __slots__ = ("_connections", "_listeners", "_next", "ports")

    def __init__(self, ports: Mapping[int, int]) -> None:
        """Open them; raises OSError, with the port as its filename, if the host's is in use or not to be had."""
        self.ports = dict(ports)
        self._listeners: dict[socket.socket, int] = {}
        self._connections: dict[int, _Connection] = {}
        self._next = 0
        try:
            for host, guest in self.ports.items():
                self._listeners[_listener(host)] = guest
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close all of it."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in self._connections.values():
            connection.sock.close()
        self._connections.clear()

    def take(self) -> list[Happening]:
        """Return what has happened, in the order it was found."""
        found: list[Happening] = []
        for listener, guest in self._listeners.items():
            while (taken := _accept(listener)) is not None:
                self._next += 1
                self._connections[self._next] = _Connection(taken)
                found.append((CONNECTED, self._next, guest, b""))
        for number, connection in list(self._connections.items()):
            self._flush(number, connection)
            if connection.ended or connection.paused:
                continue
            data = _receive(connection.sock)
            if data:
                found.append((DATA, number, 0, data))
            elif data is not None:
                connection.ended = True
                found.append((ENDED, number, 0, b""))
        return found

    def pause(self, number: int, *, on: bool) -> None:
        """Say whether more can be taken in from a connection."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.paused = on

    def send(self, number: int, data: bytes) -> None:
        """Send outwards."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.pending += data
            self._flush(number, connection)

    def finish(self, number: int) -> None:
        """Send nothing more outwards, once what there is has gone."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.closing = True
            self._flush(number, connection)

    def drop(self, number: int) -> None:
        """Close a connection when the host has taken all: nobody is at that port, or the end inside is gone."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.dropped = connection.ended = True
            self._flush(number, connection)

    def _flush(self, number: int, connection: _Connection) -> None:
        """Let the host have what it takes."""
        try:
            while connection.pending:
                sent = connection.sock.send(connection.pending)
                del connection.pending[:sent]
            if connection.closing:
                connection.closing = False
                connection.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            # Whoever was outside has gone; take() tells of it.
            connection.pending.clear()
            connection.closing = False
        if connection.dropped:
            connection.sock.close()
            del self._connections[number]

    def drain(self) -> None:
        """Wait until the host has taken all, or for as long as it takes nothing."""
        while any(connection.pending for connection in self._connections.values()):
            poll = select.poll()
            for connection in self._connections.values():
                if connection.pending:
                    poll.register(connection.sock, select.POLLOUT)
            if not poll.poll(_PATIENCE_MS):
                return
            for number, connection in list(self._connections.items()):
                self._flush(number, connection)

    def wait(self, timeout_ns: int | None, other: int, *, forever: bool) -> bool:
        """Wait until something comes, or at the descriptor `other` (-1 for none); returns whether it did."""
        poll = select.poll()
        for listener in self._listeners:
            poll.register(listener, select.POLLIN)
        for connection in self._connections.values():
            reading = 0 if connection.ended or connection.paused else select.POLLIN
            poll.register(connection.sock, reading | (select.POLLOUT if connection.pending else 0))
        if other >= 0:
            poll.register(other, select.POLLIN)
        return bool(poll.poll(None if timeout_ns is None else -(-timeout_ns // 1_000_000)))


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOCALHOST, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, error.strerror, str(port)) from None
    return listener


def _accept(listener: socket.socket) -> socket.socket | None:
    try:
        taken, _ = listener.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return None
    taken.setblocking(False)
    return taken


def _receive(sock: socket.socket) -> bytes | None:
    """Return what has come, nothing at the end, None if there is nothing yet."""
    try:
        return sock.recv(_TAKEN_AT_ONCE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
