"""Sockets on their way through sockets, and those that only hold each other (net/unix/garbage.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.net.unix.sock import TCP_LISTEN, Skb, UnixSock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel

__all__ = ("UNIX_INFLIGHT_TRIGGER_GC", "unix_collect", "unix_get_socket", "unix_inflight", "unix_notinflight")

UNIX_INFLIGHT_TRIGGER_GC: Final = (
    16000  # sockets on their way: from then on a sender looks whether anybody waits for them
)


def unix_get_socket(file: File) -> UnixSock | None:
    """Return the local socket that a file is, None if it is something else."""
    sk = file.private_data
    return sk if isinstance(sk, UnixSock) else None


def unix_inflight(k: Kernel, files: Iterable[File]) -> None:
    """Files are put into a queue."""
    for file in files:
        sk = unix_get_socket(file)
        if sk is not None:
            sk.inflight += 1
            k.net.unix_tot_inflight += 1
            k.net.gc_inflight_list[sk] = None


def unix_notinflight(k: Kernel, files: Iterable[File]) -> None:
    """Files are taken out of a queue."""
    for file in files:
        sk = unix_get_socket(file)
        if sk is not None:
            sk.inflight -= 1
            k.net.unix_tot_inflight -= 1
            if not sk.inflight:
                del k.net.gc_inflight_list[sk]


def _queues(sk: UnixSock) -> Sequence[UnixSock]:
    """Return the sockets whose messages it holds: a listener those of who wants to be accepted (scan_children)."""
    return tuple(sk.accept_queue) if sk.state == TCP_LISTEN else (sk,)


def _children(sk: UnixSock, candidates: dict[UnixSock, int]) -> list[tuple[UnixSock, Skb, list[UnixSock]]]:
    """Return the messages that hold candidates, whose queue each is in, and these candidates (scan_inflight)."""
    found = []
    for holder in _queues(sk):
        for skb in holder.receive_queue:
            held = [other for file in skb.scm.fp if (other := unix_get_socket(file)) is not None]
            hit = [other for other in held if other in candidates]
            if hit:
                found.append((holder, skb, hit))
    return found


def unix_collect(k: Kernel) -> list[Skb]:
    """Return the messages that nobody can receive any more, taken out of their queues (unix_gc).

    A socket all of whose file's users are messages is garbage, unless one that is none leads to it.
    """
    listed = k.net.gc_inflight_list
    candidates = {sk: sk.inflight for sk in listed if sk.file is not None and sk.file.f_count == sk.inflight}
    for sk in candidates:
        for _, _, held in _children(sk, candidates):
            for other in held:
                candidates[other] -= 1
    # What is left over is held by messages in sockets that somebody has: all that these lead to stays.
    alive = [sk for sk, left in candidates.items() if left > 0]
    while alive:
        sk = alive.pop()
        if sk in candidates:
            reached = [other for _, _, held in _children(sk, candidates) for other in held]
            del candidates[sk]
            alive += reached
    hitlist = []
    for sk in candidates:
        for holder, skb, _ in _children(sk, candidates):
            holder.receive_queue.remove(skb)
            hitlist.append(skb)
    return hitlist
