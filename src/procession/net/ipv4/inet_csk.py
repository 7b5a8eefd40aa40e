"""Timers of connections, and their end (net/ipv4/inet_connection_sock.c, net/inet_connection_sock.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.fs import POLLERR, POLLIN, POLLOUT, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM
from procession.include.linux.signal import POLL_ERR, POLL_IN, POLL_OUT
from procession.include.linux.tcp import TCP_CLOSE, TCP_ESTABLISHED
from procession.include.linux.time import HZ, TICK_PERIOD_NS
from procession.kernel import hrtimer, wait
from procession.net import sock_async
from procession.net.core import net_namespace
from procession.net.ipv4 import inet_hashtables
from procession.net.ipv4.sock import SOCK_BINDPORT_LOCK, InetSock, TcpSock, inet_net, jiffies

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer

__all__ = (
    "ICSK_ACK_PUSHED",
    "ICSK_ACK_PUSHED2",
    "ICSK_ACK_SCHED",
    "ICSK_ACK_TIMER",
    "ICSK_TIME_PROBE0",
    "ICSK_TIME_RETRANS",
    "TCP_DELACK_MAX",
    "TCP_DELACK_MIN",
    "inet_csk_clear_xmit_timer",
    "inet_csk_destroy_sock",
    "inet_csk_reset_delack_timer",
    "inet_csk_reset_keepalive_timer",
    "inet_csk_reset_xmit_timer",
    "sk_data_ready",
    "sk_error_report",
    "sk_put",
    "sk_reset_timer",
    "sk_send_sigurg",
    "sk_state_change",
    "sk_stream_kill_queues",
    "sk_stream_write_space",
    "sk_wake_all",
    "tcp_clear_xmit_timers",
    "tcp_done",
    "tcp_set_state",
    "tcp_write_queue_purge",
)

# TcpSock.csk_pending.
ICSK_TIME_RETRANS: Final = 1
ICSK_TIME_PROBE0: Final = 3

# TcpSock.ack_pending.
ICSK_ACK_SCHED: Final = 1
ICSK_ACK_TIMER: Final = 2
ICSK_ACK_PUSHED: Final = 4
ICSK_ACK_PUSHED2: Final = 8

TCP_DELACK_MIN: Final = HZ // 25
TCP_DELACK_MAX: Final = HZ // 5


def sk_reset_timer(sk: TcpSock, timer: Hrtimer | None, expires: int) -> None:
    """Have a timer run at a tick. One that stands earlier stays: its function looks what is due."""
    assert timer is not None
    expires_ns = max(expires, jiffies(sk.kernel) + 1) * TICK_PERIOD_NS  # never at once
    if timer.queued and timer.expires_ns <= expires_ns:
        return
    hrtimer.hrtimer_start(sk.kernel, timer, expires_ns)


def inet_csk_reset_xmit_timer(sk: TcpSock, what: int, when: int, max_when: int) -> None:
    """Have the timer of retransmission run in when ticks, for that reason."""
    sk.csk_pending = what
    sk.csk_timeout = jiffies(sk.kernel) + min(when, max_when)
    sk_reset_timer(sk, sk.retransmit_timer, sk.csk_timeout)


def inet_csk_clear_xmit_timer(sk: TcpSock) -> None:
    """Nothing is to be sent again. The timer finds that out by itself."""
    sk.csk_pending = 0


def inet_csk_reset_delack_timer(sk: TcpSock, ticks: int) -> None:
    """Have an acknowledgement sent in so many ticks."""
    sk.ack_pending |= ICSK_ACK_TIMER
    sk.ack_timeout = jiffies(sk.kernel) + ticks
    sk_reset_timer(sk, sk.delack_timer, sk.ack_timeout)


def inet_csk_reset_keepalive_timer(sk: TcpSock, ticks: int) -> None:
    """Have the timer of keepalives run in so many ticks."""
    timer = sk.keep_timer
    assert timer is not None
    timer.queued = False
    hrtimer.hrtimer_start(sk.kernel, timer, (jiffies(sk.kernel) + ticks) * TICK_PERIOD_NS)


def tcp_clear_xmit_timers(sk: TcpSock) -> None:
    """Stop all timers (inet_csk_clear_xmit_timers)."""
    sk.csk_pending = 0
    sk.ack_pending = 0
    for timer in (sk.retransmit_timer, sk.delack_timer, sk.keep_timer):
        if timer is not None:
            timer.queued = False


# Waking.


def sk_wake_all(sk: InetSock) -> None:
    """Something has changed (sock_def_wakeup)."""
    wait.wake_up_all(sk.wait)


def sk_state_change(sk: TcpSock) -> None:
    """The connection is in another state."""
    wait.wake_up_all(sk.wait)


def sk_data_ready(sk: TcpSock) -> None:
    """Something can be read (sock_def_readable)."""
    wait.wake_up_interruptible_sync(sk.wait, POLLIN | POLLRDNORM | POLLRDBAND)
    sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_WAITD, POLL_IN)


def sk_error_report(sk: TcpSock) -> None:
    """There is an error (sock_def_error_report)."""
    wait.wake_up_interruptible(sk.wait, POLLERR)
    sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_IO, POLL_ERR)


def sk_stream_write_space(sk: TcpSock) -> None:
    """Tell who waits for room if there is enough."""
    if sk.sndbuf - sk.wmem_queued >= sk.wmem_queued >> 1 and sk.nospace:
        sk.nospace = False
        wait.wake_up_interruptible(sk.wait, POLLOUT | POLLWRNORM | POLLWRBAND)
        if not sk.shutdown & 2:
            sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_SPACE, POLL_OUT)


def sk_send_sigurg(sk: TcpSock) -> None:
    """Tell the owner of a socket's file that an urgent byte is on the way."""
    sock_async.sk_send_sigurg(sk)


# States and the end.


def tcp_set_state(sk: TcpSock, state: int) -> None:
    """Be in another state; a closed socket gives back its place and the port it was not bound to."""
    old = sk.state
    if state == TCP_ESTABLISHED:
        if old != TCP_ESTABLISHED:
            inet_net(sk.net).count("TcpCurrEstab")
    elif state == TCP_CLOSE:
        inet_hashtables.inet_unhash(sk)
        if sk.bind_hash is not None and not sk.userlocks & SOCK_BINDPORT_LOCK:
            inet_hashtables.inet_put_port(sk)
    if old == TCP_ESTABLISHED and state != TCP_ESTABLISHED:
        inet_net(sk.net).count("TcpCurrEstab", -1)
    sk.state = state


def tcp_done(sk: TcpSock) -> None:
    """End a connection at once."""
    if sk.state in (2, 3):
        inet_net(sk.net).count("TcpAttemptFails")
    tcp_set_state(sk, TCP_CLOSE)
    tcp_clear_xmit_timers(sk)
    sk.shutdown = 3
    if not sk.dead:
        sk_state_change(sk)
    else:
        inet_csk_destroy_sock(sk)


def tcp_write_queue_purge(sk: TcpSock) -> None:
    """Forget what was to be sent."""
    sk.write_queue.clear()
    sk.send_head = 0
    sk.wmem_queued = 0
    sk.packets_out = 0


def sk_stream_kill_queues(sk: TcpSock) -> None:
    """Forget what is queued either way."""
    sk.receive_queue.clear()
    sk.ofo_queue.clear()
    sk.backlog.clear()
    sk.rmem = 0
    tcp_write_queue_purge(sk)


def inet_csk_destroy_sock(sk: TcpSock) -> None:
    """Free a socket that nobody refers to any more: neither a program nor the other end's packets."""
    if sk.destroyed:
        return
    sk.destroyed = True
    tcp_clear_xmit_timers(sk)
    inet_hashtables.inet_unhash(sk)
    sk_stream_kill_queues(sk)
    sk.error_queue.clear()
    if sk.bind_hash is not None:
        inet_hashtables.inet_put_port(sk)
    if sk.orphan:
        sk.kernel.net.orphan_count -= 1
    sk_put(sk)


def sk_put(sk: TcpSock) -> None:
    """No file is a socket's any more: it is not counted, and its network may go.

    Differs: in 3.2 that is when the last segment has been answered.
    """
    if sk.counted:
        sk.counted = False
        net_namespace.put_net(sk.kernel, sk.net)
        sk.kernel.caches["TCP"].free()
