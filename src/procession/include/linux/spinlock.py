"""Spinlocks and reader-writer locks (include/linux/spinlock.h, rwlock.h, hardirq.h, lockdep.h).

Every lock belongs to a LockClass, which lockdep (kernel/lockdep.py) watches. A critical section under a spinning
lock is a `with` block that contains no `await`: since such a section never gives up the CPU it cannot meet
another task inside, and taking a lock that is already held is a deadlock, reported at once. What another CPU did
under the lock at a later time of its own clock shows as waiting: the clock moves on to when the lock was released.

A lock follows lockdep's chain in line rather than call it: the checker costs a dictionary look-up per lock.
"""

from typing import Final, Self

from procession.include.linux.bug import bug

# How a lock is taken.
ACQUIRE: Final = 0
ACQUIRE_IRQ: Final = 1  # interrupts go off
ACQUIRE_READ: Final = 2


class LockClass:
    """All locks that play one role, such as every task's alloc_lock.

    plain, irq, read: the ways of taking one.
    """

    __slots__ = ("dep", "irq", "name", "ops", "plain", "rank", "read", "sleeps", "usage")

    def __init__(self, name: str, dep: "Lockdep") -> None:
        self.name = name
        self.dep = dep
        self.plain = Acquisition(self, ACQUIRE)
        self.irq = Acquisition(self, ACQUIRE_IRQ)
        self.read = Acquisition(self, ACQUIRE_READ)
        self.rank = -1  # lockdep's number for the class, -1 until it was first taken
        self.usage = 0  # lockdep's bits: taken in interrupts, taken with interrupts on
        self.sleeps = False  # taking it may sleep
        self.ops = 0  # how often it was taken other than along a LockChain, as mutexes are

    def __repr__(self) -> str:
        return self.name


class Acquisition:
    """One way of taking the locks of a class: the step from one LockChain to the next."""

    __slots__ = ("cls", "how")

    def __init__(self, cls: LockClass, how: int) -> None:
        self.cls = cls
        self.how = how


class LockChain:
    """The locks held now, as a node in the tree of all sequences seen so far; the root holds nothing.

    parent: what was held before the last one, the root itself for the root.  next: where taking one more lock leads.
    A node exists once its sequence was checked.  ops: how often it was come to by taking a lock.
    """

    __slots__ = ("cls", "how", "in_irq", "irq_off", "next", "ops", "parent")

    def __init__(self, dep: "Lockdep", parent: "LockChain | None", cls: LockClass | None, how: int) -> None:
        self.parent = self if parent is None else parent
        self.cls = cls
        self.how = how
        self.irq_off: bool = how == ACQUIRE_IRQ or (parent is not None and parent.irq_off)
        self.in_irq: bool = parent is not None and parent.in_irq
        self.next = _Followers(dep)
        self.ops = 0


class _Followers(dict[Acquisition, LockChain]):
    """Where taking one more lock leads. A sequence that is not there yet is checked first."""

    __slots__ = ("dep",)

    def __init__(self, dep: "Lockdep") -> None:
        self.dep = dep

    def __missing__(self, step: Acquisition) -> LockChain:
        return self.dep.extend(step)


class Lockdep:
    """What the kernel sees of the checker, which is kernel/lockdep.py's."""

    smp: bool  # several CPUs: remember when locks are released
    chain: LockChain  # what this CPU holds
    root: LockChain  # nothing
    irq_root: LockChain  # nothing, in an interrupt
    hard_irq: "IrqContext"

    def extend(self, step: Acquisition) -> LockChain:
        """Check a sequence never seen before and return its node; a checker that is off stays where it is."""
        raise NotImplementedError

    def held(self) -> list[LockClass]:
        """Return the classes of the locks held, outermost first."""
        raise NotImplementedError

    def contended(self, cls: LockClass, read: bool, waited_ns: int) -> None:
        """Count that somebody has waited for a lock, as a reader or alone."""
        raise NotImplementedError

    def spin(self, lock: "Lock") -> None:
        """Wait until lock has been released, and note since when it is held."""
        raise NotImplementedError

    def release(self, lock: "Lock") -> None:
        """Note when lock is released, and for how long it was held."""
        raise NotImplementedError


class IrqContext:
    """`with k.lockdep.hard_irq:` runs its block as an interrupt: interrupts are off and nothing is held by it."""

    __slots__ = ("dep", "saved")

    def __init__(self, dep: Lockdep) -> None:
        self.dep = dep
        self.saved: list[LockChain] = []

    def __enter__(self) -> None:
        dep = self.dep
        self.saved.append(dep.chain)
        dep.chain = dep.irq_root

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        dep = self.dep
        if kind is None and dep.chain is not dep.irq_root:
            bug("locks held at the end of an interrupt", *dep.held())
        dep.chain = self.saved.pop()


class Lock:
    """A lock of any kind: `with lock:` takes it and gives it up.

    spinlock_t knows `with lock:` (spin_lock) and `with lock.irq():` (spin_lock_irq), rwlock_t `with lock.read():` and
    `with lock.write_irq():`; readers may nest, as in 3.2.  how: the way in which the next `with` takes it; what stands
    in its head may choose another than the plain one.  held: the way in which it is held, None if it is free.  shared:
    how many readers hold it beside the first.  slow: giving it up takes more than saying that it is free.
    acquired_ns: since when it is held, 0 if nobody asks.
    """

    __slots__ = ("acquired_ns", "cls", "dep", "held", "how", "plain", "released_ns", "shared", "slow")

    def __init__(self, cls: LockClass) -> None:
        self.cls = cls
        self.dep = cls.dep
        self.how = self.plain = cls.plain
        self.held: Acquisition | None = None
        self.shared = 0
        self.slow = self.dep.smp
        self.acquired_ns = 0
        self.released_ns = 0  # by who had it alone: another CPU that comes earlier has to spin

    def __enter__(self) -> None:
        how = self.how
        if self.held is not None:
            self._share(how)
        self.held = how
        dep = self.dep
        dep.chain = node = dep.chain.next[how]
        node.ops += 1
        if self.released_ns:
            dep.spin(self)

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        dep = self.dep
        dep.chain = dep.chain.parent
        self.how = self.plain
        if self.slow:
            self._release()
        else:
            self.held = None

    def _share(self, how: Acquisition) -> None:
        """Take a lock that is held: readers may."""
        read = self.cls.read
        if self.held is not read or how is not read:
            bug("deadlock: the lock is held", self.cls)
        self.shared += 1
        self.slow = True

    def _release(self) -> None:
        """Be free, unless other readers are left, and remember since when: readers do not wait for readers."""
        if self.shared:
            self.shared -= 1
            self.slow = self.dep.smp or self.shared > 0
            return
        if self.held is not self.cls.read:
            self.dep.release(self)
        self.held = None

    def irq(self) -> Self:
        """Take the lock with interrupts off (spin_lock_irq)."""
        self.how = self.cls.irq
        return self

    def read(self) -> Self:
        """Share the lock with other readers (read_lock, down_read)."""
        self.how = self.cls.read
        return self

    def write_irq(self) -> Self:
        """Take the lock for writing, with interrupts off (write_lock_irq)."""
        self.how = self.cls.irq
        return self

    def write(self) -> Self:
        """Take the lock for writing (write_lock, down_write)."""
        return self

    def assert_held(self) -> None:
        """Stop unless the lock is held, by readers at least (lockdep_assert_held)."""
        if self.held is None:
            bug("lock not held", self.cls)

    def assert_held_write(self) -> None:
        """Stop unless the lock is held for writing (lockdep_assert_held_write)."""
        if self.held is None or self.held is self.cls.read:
            bug("lock not held for writing", self.cls)


# One class, not three: the interpreter runs a method best that always meets the same type.
SpinLock = Lock
RwLock = Lock
