"""The lock validator (kernel/lockdep.c): lock order, sleeping while atomic, interrupt safety, imbalance.

The guards in include/linux/spinlock.py walk a tree of lock sequences; this file is called only for a sequence that was
never seen before. It adds the new order edges, looks for a cycle, and makes the node. A finding is a KernelBug.

Differs: one interrupt state instead of hard, soft and reclaim. Orders in which read locks take part are kept, too, and
followed only where they can block: 3.2 forgets them, and so misses a cycle whose reading half was seen first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.costs import SPIN_NS
from procession.include.linux.bug import bug
from procession.include.linux.spinlock import (
    ACQUIRE,
    ACQUIRE_IRQ,
    ACQUIRE_READ,
    Acquisition,
    IrqContext,
    Lock,
    LockChain,
    LockClass,
    Lockdep,
)
from procession.kernel import sched_account

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("LockTime", "LockdepState", "debug_check_no_locks_held", "might_sleep")

# LockClass.usage.
USED_IN_IRQ: Final = 1
USED_IN_IRQ_READ: Final = 2
ENABLED_IRQ: Final = 4  # taken with interrupts on
ENABLED_IRQ_READ: Final = 8

# Classes that nest in themselves in a fixed order (Linux says so at the call, with _nested).
SELF_NESTING: Final = {
    "ep->poll_wait": "ep_poll_safewake: of the epoll file watched, then of the one that watches",
    "mmap_sem": "dup_mmap: the parent's, then the child's",
}


class LockTime:
    """Times in ns (struct lock_time)."""

    __slots__ = ("max_ns", "min_ns", "nr", "total_ns")

    def __init__(self) -> None:
        self.nr = self.min_ns = self.max_ns = self.total_ns = 0

    def add(self, ns: int) -> None:
        """Count one more (lock_time_inc)."""
        self.min_ns = min(self.min_ns, ns) if self.nr else ns
        self.max_ns = max(self.max_ns, ns)
        self.total_ns += ns
        self.nr += 1


class LockdepState(Lockdep):
    """The checker of one kernel (Kernel.lockdep)."""

    def __init__(self, k: Kernel, *, enabled: bool = True) -> None:
        self.smp = k.nr_cpus > 1
        self.clock = k.clock
        self.kernel = k
        self.enabled = enabled
        self.classes: list[LockClass] = []
        self.irq_safe: list[LockClass] = []  # those that interrupts take
        # before -> after -> (before was read-locked, after too) -> the sequence in which that was first seen
        self.edges: dict[LockClass, dict[LockClass, dict[tuple[bool, bool], tuple[LockClass, ...]]]] = {}
        self.hard_irq = IrqContext(self)
        # lock_stat: by class, and whether as a reader.  base: how often each had been taken when that was cleared.
        self.waits: dict[tuple[LockClass, bool], LockTime] = {}
        self.holds: dict[tuple[LockClass, bool], LockTime] = {}
        self.base: dict[tuple[LockClass, bool], int] = {}

    @property
    def enabled(self) -> bool:
        """Whether anything is checked."""
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        """Begin anew, with no lock held; without checks whatever is taken leads back to the root."""
        self._enabled = enabled
        self.root = LockChain(self, None, None, ACQUIRE)
        self.irq_root = LockChain(self, None, None, ACQUIRE_IRQ)
        self.irq_root.in_irq = True
        self.chain = self.root

    def spin(self, lock: Lock) -> None:
        """Let the time pass until another CPU, whose clock is ahead, has released the lock (lock_contended)."""
        late_ns = lock.released_ns - self.clock.now_ns
        if late_ns > 0:
            sched_account.account_system_time(self.kernel.current, late_ns + SPIN_NS)
            self.contended(lock.cls, lock.held is lock.cls.read, late_ns + SPIN_NS)
        lock.acquired_ns = self.clock.now_ns

    def release(self, lock: Lock) -> None:
        """Remember when the lock is free for other CPUs (lock_release_holdtime)."""
        now_ns = lock.released_ns = self.clock.now_ns
        if lock.acquired_ns:
            self.holds.setdefault((lock.cls, False), LockTime()).add(now_ns - lock.acquired_ns)

    def contended(self, cls: LockClass, read: bool, waited_ns: int) -> None:
        """Count that somebody has waited for a lock."""
        self.waits.setdefault((cls, read), LockTime()).add(waited_ns)

    def nodes(self) -> list[LockChain]:
        """Return all sequences of locks that were ever held, without those of nothing."""
        found = [self.root, self.irq_root]
        for node in found:
            found += [each for each in node.next.values() if each is not node]
        return found[2:]

    def ops(self) -> dict[tuple[LockClass, bool], int]:
        """Return how often the locks of each class were taken, and whether as a reader."""
        out = {(cls, False): cls.ops for cls in self.kernel.lock_classes.values() if cls.ops}
        for node in self.nodes():
            if node.cls is not None:
                key = node.cls, node.how == ACQUIRE_READ
                out[key] = out.get(key, 0) + node.ops
        return out

    def clear_lock_stats(self) -> None:
        """Begin to count anew."""
        self.waits.clear()
        self.holds.clear()
        self.base = self.ops()

    def held(self) -> list[LockClass]:
        """Return the classes of the locks held, outermost first."""
        return [cls for cls, _ in self._sequence()]

    def _sequence(self) -> list[tuple[LockClass, int]]:
        sequence = []
        node = self.chain
        while node.cls is not None:
            sequence.append((node.cls, node.how))
            node = node.parent
        sequence.reverse()
        return sequence

    def extend(self, step: Acquisition) -> LockChain:
        """Check that this lock may be taken now, after what is held; returns the node (__lock_acquire)."""
        chain = self.chain
        if not self._enabled:
            chain.next[step] = chain
            return chain
        cls, how = step.cls, step.how
        if cls.rank < 0:
            cls.rank = len(self.classes)
            self.classes.append(cls)
            self.edges[cls] = {}
        sequence = self._sequence()
        self._check_context(cls, sequence)
        self._check_recursion(cls, how, sequence)
        for before, before_how in sequence:
            self._add_edge(before, before_how, cls, how, sequence)
        self._mark_usage(cls, how, chain)

        chain.next[step] = node = LockChain(self, chain, cls, how)
        return node

    def _check_context(self, cls: LockClass, sequence: list[tuple[LockClass, int]]) -> None:
        if not cls.sleeps:
            return
        if self.chain.in_irq:
            bug("sleeping function called from invalid context: in an interrupt", cls)
        atomic = [before for before, _ in sequence if not before.sleeps]
        if atomic:
            bug("sleeping function called from invalid context: holding", *atomic, "taking", cls)

    def _check_recursion(self, cls: LockClass, how: int, sequence: list[tuple[LockClass, int]]) -> None:
        if cls.name in SELF_NESTING:
            return
        for before, before_how in sequence:
            if before is cls and not before_how == how == ACQUIRE_READ:
                bug("possible recursive locking detected", *(c for c, _ in sequence), cls)

    def _add_edge(
        self, before: LockClass, before_how: int, cls: LockClass, how: int, sequence: list[tuple[LockClass, int]]
    ) -> None:
        """Note that cls is taken under before, unless somewhere before is taken under cls (check_prev_add)."""
        kind = (before_how == ACQUIRE_READ, how == ACQUIRE_READ)
        seen = self.edges[before].setdefault(cls, {})
        if kind in seen or before is cls:
            return
        path = self._path(cls, before, wanted_read=kind[1], held_read=kind[0])
        if path is not None:
            where = " -> ".join(c.name for c in path)
            first = next(iter(self.edges[path[0]][path[1]].values()))
            bug(
                "possible circular locking dependency detected",
                before,
                cls,
                f"the existing order is {where}, first seen in {' -> '.join(c.name for c in first)}",
            )
        seen[kind] = (*(c for c, _ in sequence), cls)
        for safe in self.irq_safe:
            self._check_irq_order(safe)

    def _path(
        self, start: LockClass, goal: LockClass, *, wanted_read: bool = False, held_read: bool = False
    ) -> list[LockClass] | None:
        """Return the shortest known order in which start is waited for by a holder of goal.

        A reader does not wait for a reader, so an order that asks for a read lock goes on only through holders that
        write, and the other way round.
        """
        first = (start, wanted_read)
        came_from: dict[tuple[LockClass, bool], tuple[LockClass, bool]] = {}
        queue = [first]
        for state in queue:
            node, read = state
            for succ, kinds in self.edges[node].items():
                for held, wanted in kinds:
                    following = (succ, wanted)
                    if (read and held) or following in came_from or following == first:
                        continue
                    came_from[following] = state
                    if succ is goal and not (wanted and held_read):
                        path = [following]
                        while path[-1] != first:
                            path.append(came_from[path[-1]])
                        return [cls for cls, _ in reversed(path)]
                    queue.append(following)
        return None

    def _mark_usage(self, cls: LockClass, how: int, chain: LockChain) -> None:
        """Note in which context cls is taken, unless the two contexts could meet (mark_lock)."""
        read = how == ACQUIRE_READ
        if cls.sleeps:
            return
        if chain.in_irq:
            clash = ENABLED_IRQ if read else ENABLED_IRQ | ENABLED_IRQ_READ
            if cls.usage & clash:
                bug("inconsistent lock state: taken in an interrupt, and elsewhere with interrupts on", cls)
            if not read and not cls.usage & USED_IN_IRQ:
                self.irq_safe.append(cls)
            cls.usage |= USED_IN_IRQ_READ if read else USED_IN_IRQ
            self._check_irq_order(cls)
        elif not (how == ACQUIRE_IRQ or chain.irq_off):
            clash = USED_IN_IRQ if read else USED_IN_IRQ | USED_IN_IRQ_READ
            if cls.usage & clash:
                bug("inconsistent lock state: taken with interrupts on, and elsewhere in an interrupt", cls)
            first = not cls.usage & (ENABLED_IRQ | ENABLED_IRQ_READ)
            cls.usage |= ENABLED_IRQ_READ if read else ENABLED_IRQ
            if first:
                for safe in self.irq_safe:
                    self._check_irq_order(safe)

    def _check_irq_order(self, safe: LockClass) -> None:
        """Stop if under a lock that interrupts take another is taken that is held with interrupts on elsewhere."""
        if not safe.usage & USED_IN_IRQ:
            return
        for cls in self.classes:
            if cls.usage & ENABLED_IRQ and not cls.sleeps and cls is not safe:
                path = self._path(safe, cls)
                if path is not None:
                    where = " -> ".join(c.name for c in path)
                    bug("irq lock inversion dependency detected: from irq-safe to irq-unsafe", where)


def might_sleep(k: Kernel) -> None:
    """Stop if this place must not sleep: a spinlock or RCU read lock is held, or this is an interrupt."""
    dep = k.lockdep
    if dep.chain is dep.root and not k.rcu.nesting:
        return
    if dep.chain.in_irq:
        bug("sleeping function called from invalid context: in an interrupt")
    atomic = [cls.name for cls in dep.held() if not cls.sleeps]
    if atomic or k.rcu.nesting:
        bug("sleeping function called from invalid context: holding", *(atomic or ["rcu_read_lock"]))


def debug_check_no_locks_held(current: Task) -> None:
    """Stop if the task leaves the kernel with a lock held (lockdep_sys_exit)."""
    k = current.kernel
    dep = k.lockdep
    if dep.chain is not dep.root:
        bug("lock held when returning to user space", current, *dep.held())
    if k.rcu.nesting:
        bug("rcu_read_lock held when returning to user space", current)
