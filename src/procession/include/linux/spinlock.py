"""Spinlocks and reader-writer locks (include/linux/spinlock.h, rwlock.h, lockdep.h).

Every lock belongs to a LockClass, which lockdep (kernel/lockdep.py) watches. A critical section under a spinning
lock is a `with` block that contains no `await`: since such a section never gives up the CPU it cannot meet
another task inside, and taking a lock that is already held is a deadlock, reported at once. What another CPU did
under the lock at a later time of its own clock shows as waiting: the clock moves on to when the lock was released.

The guards follow lockdep's chain in line rather than call it: the checker costs a dictionary look-up per lock.
"""

from typing import Final, Protocol

from procession.include.linux.bug import bug

# How a lock is taken: the second half of a chain's key.
ACQUIRE: Final = 0
ACQUIRE_IRQ: Final = 1  # interrupts go off
ACQUIRE_READ: Final = 2


class _Followers(dict["LockClass", "LockChain"]):
    """Where taking one more lock leads, by class. A sequence that is not there yet is checked first."""

    __slots__ = ("dep", "how")

    def __init__(self, dep: "Lockdep", how: int) -> None:
        self.dep = dep
        self.how = how

    def __missing__(self, cls: "LockClass") -> "LockChain":
        return self.dep.extend(cls, self.how)


class LockChain:
    """The locks held now, as a node in the tree of all sequences seen so far; the root holds nothing.

    next, next_irq, next_read: where taking one more lock leads. A node exists once its sequence was checked.
    """

    __slots__ = ("cls", "how", "in_irq", "irq_off", "next", "next_irq", "next_read", "parent")

    def __init__(self, dep: "Lockdep", parent: "LockChain | None", cls: "LockClass | None", how: int) -> None:
        self.parent = parent
        self.cls = cls
        self.how = how
        self.irq_off: bool = how == ACQUIRE_IRQ or (parent is not None and parent.irq_off)
        self.in_irq: bool = parent is not None and parent.in_irq
        self.next = _Followers(dep, ACQUIRE)
        self.next_irq = _Followers(dep, ACQUIRE_IRQ)
        self.next_read = _Followers(dep, ACQUIRE_READ)


class Lockdep(Protocol):
    """What the locks need of the checker; implemented in kernel/lockdep.py."""

    smp: bool  # several CPUs: remember when locks are released
    chain: LockChain  # what this CPU holds

    def extend(self, cls: "LockClass", how: int) -> LockChain:
        """Check a sequence never seen before and return its node; a checker that is off stays where it is."""
        ...

    def spin(self, released_ns: int) -> None:
        """Wait until released_ns."""
        ...

    def now_ns(self) -> int:
        """The clock of this CPU."""
        ...


class LockClass:
    """All locks that play one role, such as every task's alloc_lock."""

    __slots__ = ("dep", "name", "rank", "sleeps", "usage")

    def __init__(self, name: str, dep: Lockdep) -> None:
        self.name = name
        self.dep = dep
        self.rank = -1  # lockdep's number for the class, -1 until it was first taken
        self.usage = 0  # lockdep's bits: taken in interrupts, taken with interrupts on
        self.sleeps = False  # taking it may sleep

    def __repr__(self) -> str:
        return self.name


class SpinLock:
    """spinlock_t. `with lock:` is spin_lock, `with lock.irq():` is spin_lock_irq."""

    __slots__ = ("_irq", "cls", "locked", "released_ns")

    def __init__(self, cls: LockClass) -> None:
        self.cls = cls
        self.locked = False
        self.released_ns = 0  # when it was last released: another CPU that comes earlier has to spin
        self._irq: _IrqGuard | None = None

    def __enter__(self) -> None:
        cls = self.cls
        if self.locked:
            bug("deadlock: spinlock taken twice", cls)
        self.locked = True
        dep = cls.dep
        dep.chain = dep.chain.next[cls]
        if dep.smp and self.released_ns:
            dep.spin(self.released_ns)

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        self.locked = False
        dep = self.cls.dep
        dep.chain = dep.chain.parent  # type: ignore[assignment]  # what is held has a parent
        if dep.smp:
            self.released_ns = dep.now_ns()

    def irq(self) -> "_IrqGuard":
        """Take the lock with interrupts off."""
        guard = self._irq
        if guard is None:
            guard = self._irq = _IrqGuard(self)
        return guard

    def assert_held(self) -> None:
        """Stop unless the lock is held (lockdep_assert_held)."""
        if not self.locked:
            bug("lock not held", self.cls)


class _IrqGuard:
    __slots__ = ("lock",)

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        lock = self.lock
        cls = lock.cls
        if lock.locked:
            bug("deadlock: spinlock taken twice", cls)
        lock.locked = True
        dep = cls.dep
        dep.chain = dep.chain.next_irq[cls]
        if dep.smp and lock.released_ns:
            dep.spin(lock.released_ns)

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        lock = self.lock
        lock.locked = False
        dep = lock.cls.dep
        dep.chain = dep.chain.parent  # type: ignore[assignment]
        if dep.smp:
            lock.released_ns = dep.now_ns()


class RwLock:
    """rwlock_t: `with lock.read():`, `with lock.write_irq():`; readers may nest, as in 3.2."""

    __slots__ = ("_read", "_write", "cls", "readers", "released_ns", "writer")

    def __init__(self, cls: LockClass) -> None:
        self.cls = cls
        self.readers = 0
        self.writer = False
        self.released_ns = 0  # by a writer: readers do not wait for readers
        self._read = _ReadGuard(self)
        self._write = WriteGuard(self, ACQUIRE_IRQ)

    def read(self) -> "_ReadGuard":
        """read_lock."""
        return self._read

    def write_irq(self) -> "WriteGuard":
        """write_lock_irq."""
        return self._write

    def assert_held(self, *, write: bool = False) -> None:
        """Stop unless held, for writing if write is true."""
        if not (self.writer or (self.readers and not write)):
            bug("lock not held", self.cls)


class _ReadGuard:
    __slots__ = ("lock",)

    def __init__(self, lock: RwLock) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        lock = self.lock
        cls = lock.cls
        if lock.writer:
            bug("deadlock: read_lock under write_lock", cls)
        lock.readers += 1
        dep = cls.dep
        dep.chain = dep.chain.next_read[cls]
        if dep.smp and lock.released_ns:
            dep.spin(lock.released_ns)

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        lock = self.lock
        lock.readers -= 1
        dep = lock.cls.dep
        dep.chain = dep.chain.parent  # type: ignore[assignment]


class WriteGuard:
    """What `with lock.write():` enters and leaves."""

    __slots__ = ("how", "lock")

    def __init__(self, lock: RwLock, how: int) -> None:
        self.lock = lock
        self.how = how

    def __enter__(self) -> None:
        lock = self.lock
        cls = lock.cls
        if lock.writer or lock.readers:
            bug("deadlock: write_lock of a held rwlock", cls)
        lock.writer = True
        dep = cls.dep
        dep.chain = dep.chain.next_irq[cls] if self.how else dep.chain.next[cls]
        if dep.smp and lock.released_ns:
            dep.spin(lock.released_ns)

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        lock = self.lock
        lock.writer = False
        dep = lock.cls.dep
        dep.chain = dep.chain.parent  # type: ignore[assignment]
        if dep.smp:
            lock.released_ns = dep.now_ns()
