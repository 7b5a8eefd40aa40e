"""Faults of what waits in a queue: descriptors of epoll, futexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.labs.lab import Lab
from procession.labs.patch import Patch

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)


# A signalfd that epoll watches.


async def _watcher(linux: Sys, epfd: int, sfd: int) -> None:
    await linux.epoll_ctl(epfd, linux.EPOLL_CTL_ADD, sfd, linux.EPOLLIN)


async def _signalfd(linux: Sys) -> None:
    epfd = await linux.epoll_create()
    sfd = await linux.signalfd(-1, {linux.SIGUSR1})
    await linux.clone(_watcher, epfd, sfd)
    await linux.wait()
    await linux.close(epfd)
    await linux.print("right: epoll has forgotten whom it watched")


# A PI lock that is requeued to itself.


async def _waits(linux: Sys, condition: int) -> None:
    await linux.futex(condition, linux.FUTEX_WAIT_REQUEUE_PI, 0, 0, condition + 4)
    await linux.exit(0)


async def _requeue(linux: Sys) -> None:
    condition = await linux.mmap()
    lock = condition + 4
    await linux.futex(lock, linux.FUTEX_LOCK_PI, 0)
    await linux.clone(_waits, condition, flags=linux.CLONE_VM | linux.CLONE_SIGHAND | linux.CLONE_THREAD)
    await linux.sleep(0.01)
    await linux.futex(condition, linux.FUTEX_CMP_REQUEUE_PI, 1, 1, lock, 0)
    await linux.poke(lock, bytes(4))  # as if nobody had it
    try:
        await linux.futex(lock, linux.FUTEX_CMP_REQUEUE_PI, 1, 1, lock, 0)
    except OSError as error:
        await linux.print("right: a lock cannot be requeued to itself:", error.strerror)
    await linux.sleep(0.01)
    await linux.exit_group(0)


LABS: Final = (
    Lab(
        "signalfd-epoll",
        2012,
        "epoll watches a signalfd whose process is gone, and touches freed memory",
        "d80e731ecab4, 971316f0503a",
        "A signalfd announces signals on a queue of the process that asks, which is freed with it. epoll kept its "
        "place in the queue of the process that had added the descriptor: when that one had ended and the epoll "
        "file lived on elsewhere, its end wrote to freed memory. Since 3.3 the end of the process tells epoll "
        "(POLLFREE). In both kernels here a freed queue is no queue any more, as with slab poisoning.",
        _signalfd,
        in_32=True,
        points=(
            Patch(
                "kernel.fork:put_sighand",
                '        k.caches["sighand_cache"].free()\n',
                '        k.caches["sighand_cache"].free()\n'
                "        if sighand.signalfd_wqh is not None:\n"
                "            sighand.signalfd_wqh.task_list = None  # poison\n",
            ),
        ),
        mutation=(
            Patch(
                "kernel.fork:put_sighand",
                '        k.caches["sighand_cache"].free()\n',
                "        if sighand.signalfd_wqh is not None:  # signalfd_cleanup()\n"
                "            for entry in list(sighand.signalfd_wqh.task_list):\n"
                "                entry.base.pwqlist.remove(entry)\n"
                '        k.caches["sighand_cache"].free()\n',
            ),
        ),
    ),
    Lab(
        "futex-requeue-self",
        2014,
        "A lock is requeued to itself, and a waiter leaves its place behind",
        "e9c243a5a6de, CVE-2014-3153; 6f7b0a2a5c0f, CVE-2012-6647",
        "Who waits for a condition is requeued to a PI lock, and waits in that lock's tree with a part of its "
        "kernel stack. Requeued from the lock to the same lock, after the program had written a 0 there, it was "
        "woken as owner and left, while its place in the tree stayed: a pointer into a stack that is gone, with "
        "which phones were rooted (Towelroot). Both kernels here look when such a waiter leaves.",
        _requeue,
        in_32=True,
        until="3.2.60",
        points=(
            Patch(
                "kernel.futex_requeue_pi:futex_wait_requeue_pi",
                "        futex.unqueue_me(k, q)\n",
                "        futex.unqueue_me(k, q)\n"
                "        if current.pi_blocked_on is not None:\n"
                "            from procession.include.linux.bug import bug\n"
                "            bug('it leaves its stack in the tree of a lock', current)\n",
            ),
        ),
        mutation=(
            Patch(
                "kernel.futex_requeue_pi:futex_requeue_pi",
                "    k = current.kernel\n",
                "    k = current.kernel\n"
                "    if uaddr1 == uaddr2:\n"
                '        raise LinuxError(Errno.EINVAL, "requeued to itself")\n',
            ),
        ),
    ),
)
