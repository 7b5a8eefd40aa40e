"""Connections from outside: each is one of the kernel's own to the port that was published (ours; `--publish`).

The host's end is hw/published.py. What comes is looked for whenever every CPU is idle, and every few milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.console import HostConsole
from procession.hw.published import CONNECTED, DATA
from procession.include.linux.errno import LinuxError
from procession.include.linux.inet import INADDR_LOOPBACK, IPPROTO_TCP, SOCKADDR_IN
from procession.include.linux.socket import AF_INET, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_STREAM
from procession.include.linux.tcp import TCP_CLOSE, TCP_SYN_SENT, TCPF_CLOSE_WAIT, TCPF_ESTABLISHED
from procession.include.linux.time import NSEC_PER_MSEC
from procession.include.linux.timer import TimerList
from procession.kernel import hrtimer
from procession.mm.uaccess import KernelBuffer
from procession.net.core import net_namespace
from procession.net.ipv4 import af_inet, inet_stream, tcp, tcp_ipv4, tcp_recvmsg
from procession.net.ipv4.sock import TcpSock

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.hw.published import Ports
    from procession.include.linux.kernel import Kernel

__all__ = ("Published", "publish_drain", "publish_init", "publish_shutdown")

_INTERVAL_NS: Final = 5 * NSEC_PER_MSEC
_SLICE_NS: Final = 20 * NSEC_PER_MSEC  # of the host's time, if the console cannot be waited for
_ENOUGH: Final = 1 << 18  # bytes that may wait to be taken inside: then no more is taken in


class Published:
    """The ports, and the connections by their numbers.  idle: what else is waited for when every CPU is idle."""

    __slots__ = ("connections", "idle", "outside", "timer")

    def __init__(self, k: Kernel, outside: Ports, idle: Callable[[Kernel, int | None], bool] | None) -> None:
        self.outside = outside
        self.idle = idle
        self.connections: dict[int, Inner] = {}
        self.timer = TimerList(self.poll)

    def poll(self, k: Kernel) -> None:
        """Look, and again a little later."""
        self.look(k)
        hrtimer.mod_timer(k, self.timer, k.clock.now_ns + _INTERVAL_NS)

    def look(self, k: Kernel) -> bool:
        """Do what has come, and take outwards what was sent; returns whether there was any of it."""
        happened = False
        for what, number, port, data in self.outside.take():
            happened = True
            if what == CONNECTED:
                self.connect(k, number, port)
                continue
            inner = self.connections.get(number)
            if inner is None:
                continue
            if what == DATA:
                inner.waiting += data
            else:
                inner.ended = True
        for number, inner in list(self.connections.items()):
            happened |= self.move(number, inner)
        return happened

    def connect(self, k: Kernel, number: int, port: int) -> None:
        """Call the port inside; the host's end is dropped if nobody answers."""
        if k.net.softnet is None:
            self.outside.drop(number)  # no program has made a socket yet
            return
        sk = TcpSock(k, k.init_net_ns, AF_INET, SOCK_STREAM, IPPROTO_TCP, af_inet.stream_ops())
        sk.counted = False  # it has no file, and never will
        net_namespace.put_net(k, k.init_net_ns)
        tcp_ipv4.tcp_init_sock(sk)
        sk.owned = True
        try:
            inet_stream.tcp_connect(sk, SOCKADDR_IN.pack(AF_INET, port.to_bytes(2), INADDR_LOOPBACK))
        except LinuxError:
            self.outside.drop(number)
            tcp_ipv4.release_sock(sk)
            tcp.tcp_close(sk)
            return
        tcp_ipv4.release_sock(sk)
        self.connections[number] = Inner(sk)

    def move(self, number: int, inner: Inner) -> bool:
        """Move what can be moved of a connection, both ways; returns whether anything was."""
        sk = inner.sk
        if sk.state == TCP_SYN_SENT:
            return False
        moved = False
        if inner.waiting and 1 << sk.state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT):
            sent = kernel_sendmsg(sk, bytes(inner.waiting))
            del inner.waiting[:sent]
            moved = sent > 0
        self.outside.pause(number, on=len(inner.waiting) > _ENOUGH)
        # Reading makes room, so that more may have come.
        while data := tcp_recvmsg.tcp_read_sock(sk):
            self.outside.send(number, data)
            moved = True
        if sk.done and not inner.finished:
            inner.finished = True
            self.outside.finish(number)
            moved = True
        if inner.ended and not inner.waiting and not inner.shut:
            inner.shut = True
            sk.owned = True
            tcp.tcp_shutdown(sk, 2)
            tcp_ipv4.release_sock(sk)
            moved = True
        if sk.state == TCP_CLOSE or (inner.shut and inner.finished):
            del self.connections[number]
            self.outside.drop(number)
            tcp.tcp_close(sk)
            moved = True
        return moved

    def wait(self, k: Kernel, timeout_ns: int | None) -> bool:
        """Every CPU is idle: wait for what comes, there or at the console (Kernel.pm_idle)."""
        console = k.console.fileno() if isinstance(k.console, HostConsole) else -1
        while True:
            if self.look(k):
                k.clock.sync()
                return True
            if self.idle is not None and self.idle(k, 0):
                return True
            if timeout_ns == 0:
                return False
            # What lies at a console that nobody wants to read does not count.
            other = console if k.tty.is_console or k.tty.console_wait.task_list else -1
            step_ns = timeout_ns if other >= 0 or console < 0 or timeout_ns is not None else None
            step_ns = _SLICE_NS if console < 0 and step_ns is None else step_ns
            found = self.outside.wait(step_ns, other, forever=timeout_ns is None)
            if timeout_ns is not None:
                happened = self.look(k)
                if happened:
                    k.clock.sync()
                return happened
            console = -1 if found and other >= 0 else console


class Inner:
    """A connection's end inside.  waiting: bytes for it.  ended: no more come.  shut, finished: its ends were told."""

    __slots__ = ("ended", "finished", "shut", "sk", "waiting")

    def __init__(self, sk: TcpSock) -> None:
        self.sk = sk
        self.waiting = bytearray()
        self.ended = False
        self.finished = False
        self.shut = False


def kernel_sendmsg(sk: TcpSock, data: bytes) -> int:
    """Send without waiting; returns how much was taken."""
    call = tcp.tcp_sendmsg(sk.kernel.current, sk, KernelBuffer(data), len(data), MSG_DONTWAIT | MSG_NOSIGNAL)
    sent = 0
    try:
        call.send(None)
    except StopIteration as done:
        sent = done.value
    except LinuxError:
        pass  # no room: later
    return sent


def publish_init(k: Kernel) -> None:
    """Begin to look for connections from outside, if any port was published."""
    outside = k.net.published
    if outside is None:
        return
    published = Published(k, outside, k.pm_idle)
    k.net.published_inside = published
    k.pm_idle = published.wait
    hrtimer.mod_timer(k, published.timer, _INTERVAL_NS)


def publish_drain(k: Kernel) -> None:
    """The last program has ended: what it has sent outwards still goes there."""
    published = k.net.published_inside
    if published is None:
        return
    while published.look(k):
        pass
    published.outside.drain()


def publish_shutdown(k: Kernel) -> None:
    """Nothing comes any more."""
    if k.net.published is not None:
        k.net.published.close()
