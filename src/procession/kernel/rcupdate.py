"""Read-copy-update (kernel/rcupdate.c, rcutree.c).

A reader is a `with rcupdate.rcu_read_lock(k):` block, which must not sleep. call_rcu() runs a function once every CPU
has passed a quiescent state: a context switch, user mode, idleness. The machine loop reports these; with one CPU
every turn of the loop is one, so that a callback waits for the end of the current kernel entry and no longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.bug import bug
from procession.kernel import completion, lockdep

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import Completion

__all__ = ("RcuState", "call_rcu", "rcu_barrier", "rcu_init", "rcu_quiescent", "rcu_read_lock", "synchronize_rcu")

# Callbacks that may gather while a task never leaves the kernel's fast path.
_BLIMIT: Final = 256

Callback = tuple[Callable[[Any], None], Any]


class RcuState:
    """Callbacks and the grace period in progress (struct rcu_state)."""

    __slots__ = ("completed", "nesting", "next", "qsmask", "reader", "wait")

    def __init__(self) -> None:
        self.nesting = 0  # depth of rcu_read_lock on this CPU: a reader never loses its CPU
        self.reader = _Reader(self)
        self.next: list[Callback] = []  # to wait for the next grace period
        self.wait: list[Callback] = []  # waiting for the current one
        self.qsmask = 0  # CPUs the current grace period still waits for
        self.completed = 0  # grace periods that have ended


class _Reader:
    __slots__ = ("rcu",)

    def __init__(self, rcu: RcuState) -> None:
        self.rcu = rcu

    def __enter__(self) -> None:
        self.rcu.nesting += 1

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self.rcu.nesting -= 1


def rcu_init(k: Kernel) -> None:
    """Start without callbacks."""
    k.rcu = RcuState()


def rcu_read_lock(k: Kernel) -> _Reader:
    """Return the guard of a read-side critical section; they nest."""
    reader: _Reader = k.rcu.reader
    return reader


def call_rcu(k: Kernel, func: Callable[[Any], None], arg: object) -> None:
    """Have func(arg) called, in interrupt context, when all readers of now are gone."""
    pending = k.rcu.next
    pending.append((func, arg))
    if len(pending) == _BLIMIT:
        k.clock.next_event_ns = 0  # makes the CPU leave user mode, which is where grace periods end


def rcu_quiescent(k: Kernel) -> None:
    """Note that this CPU reads nothing: end the grace period if it was the last one awaited, start the next."""
    rcu: RcuState = k.rcu
    if rcu.nesting:
        bug("quiescent state inside rcu_read_lock")
    if k.nr_cpus == 1:
        batch = rcu.next
        rcu.next = []
        rcu.completed += 1
        _do_batch(k, batch)
        return

    # Another CPU's idleness is quiescent for as long as it lasts.
    if rcu.wait:
        rcu.qsmask &= ~(1 << k.cpu) & _busy_cpus(k)
        if not rcu.qsmask:
            batch, rcu.wait = rcu.wait, []
            rcu.completed += 1
            _do_batch(k, batch)
    if rcu.next and not rcu.wait:
        rcu.wait, rcu.next = rcu.next, []
        rcu.qsmask = _busy_cpus(k)


def _busy_cpus(k: Kernel) -> int:
    mask = 0
    for rq in k.sched.runqueues:
        if rq.curr is not rq.idle:
            mask |= 1 << rq.cpu
    return mask


def _do_batch(k: Kernel, batch: list[Callback]) -> None:
    with k.lockdep.hard_irq:
        for func, arg in batch:
            func(arg)


async def synchronize_rcu(current: Task) -> None:
    """Wait for a grace period; with one CPU whoever may sleep proves that nobody reads."""
    k = current.kernel
    lockdep.might_sleep(k)
    if k.nr_cpus == 1:
        return
    done = completion.init_completion(k)
    call_rcu(k, wakeme_after_rcu, done)
    await completion.wait_for_completion(current, done, "synchronize_rcu")


def wakeme_after_rcu(done: Completion) -> None:
    completion.complete(done)


def rcu_barrier(k: Kernel) -> None:
    """Run all callbacks now, also those that callbacks queue: for the end of the machine, when no CPU reads."""
    rcu: RcuState = k.rcu
    if rcu.nesting:
        bug("rcu_barrier inside rcu_read_lock")
    while rcu.wait or rcu.next:
        batch = rcu.wait + rcu.next
        rcu.wait, rcu.next = [], []
        rcu.qsmask = 0
        rcu.completed += 1
        _do_batch(k, batch)
