"""Spinlocks, reader-writer locks, mutexes, semaphores (include/linux/spinlock.h, mutex.h, rwsem.h).

Every lock belongs to a LockClass, which lockdep (kernel/lockdep.py) watches. A critical section under a spinning
lock is a `with` block that contains no `await`: since such a section never gives up the CPU it cannot meet
another task inside, and taking a lock that is already held is a deadlock, reported at once.
"""

from typing import Protocol

from procession.include.linux.bug import bug

__all__ = ("LockClass", "Lockdep", "RwLock", "SpinLock")


class Lockdep(Protocol):
    """What a lock tells the checker; implemented in kernel/lockdep.py."""

    enabled: bool

    def acquire(self, lock: "SpinLock | RwLock", *, read: bool, irq: bool) -> None: ...
    def release(self, lock: "SpinLock | RwLock") -> None: ...


class LockClass:
    """All locks that play one role, such as every task's alloc_lock."""

    __slots__ = ("dep", "name", "rank")

    def __init__(self, name: str, dep: Lockdep) -> None:
        self.name = name
        self.dep = dep
        self.rank = -1          # lockdep's number for the class, -1 until it was first taken

    def __repr__(self) -> str:
        return self.name


class SpinLock:
    """spinlock_t. `with lock:` is spin_lock, `with lock.irq():` is spin_lock_irq."""

    __slots__ = ("_irq", "cls", "locked", "released_ns")

    def __init__(self, cls: LockClass) -> None:
        self.cls = cls
        self.locked = False
        self.released_ns = 0    # when it was last released: another CPU that comes earlier has to spin
        self._irq: _IrqGuard | None = None

    def __enter__(self) -> None:
        if self.locked:
            bug("deadlock: spinlock taken twice", self.cls)
        self.locked = True
        dep = self.cls.dep
        if dep.enabled:
            dep.acquire(self, read=False, irq=False)

    def __exit__(self, *exc: object) -> None:
        self.locked = False
        dep = self.cls.dep
        if dep.enabled:
            dep.release(self)

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
        if lock.locked:
            bug("deadlock: spinlock taken twice", lock.cls)
        lock.locked = True
        dep = lock.cls.dep
        if dep.enabled:
            dep.acquire(lock, read=False, irq=True)

    def __exit__(self, *exc: object) -> None:
        lock = self.lock
        lock.locked = False
        dep = lock.cls.dep
        if dep.enabled:
            dep.release(lock)


class RwLock:
    """rwlock_t: `with lock.read():`, `with lock.write_irq():`; readers may nest, as in 3.2."""

    __slots__ = ("_read", "_write", "cls", "readers", "released_ns", "writer")

    def __init__(self, cls: LockClass) -> None:
        self.cls = cls
        self.readers = 0
        self.writer = False
        self.released_ns = 0
        self._read = _ReadGuard(self)
        self._write = _WriteGuard(self)

    def read(self) -> "_ReadGuard":
        """read_lock."""
        return self._read

    def write_irq(self) -> "_WriteGuard":
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
        if lock.writer:
            bug("deadlock: read_lock under write_lock", lock.cls)
        lock.readers += 1
        dep = lock.cls.dep
        if dep.enabled:
            dep.acquire(lock, read=True, irq=False)

    def __exit__(self, *exc: object) -> None:
        lock = self.lock
        lock.readers -= 1
        dep = lock.cls.dep
        if dep.enabled:
            dep.release(lock)


class _WriteGuard:
    __slots__ = ("lock",)

    def __init__(self, lock: RwLock) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        lock = self.lock
        if lock.writer or lock.readers:
            bug("deadlock: write_lock of a held rwlock", lock.cls)
        lock.writer = True
        dep = lock.cls.dep
        if dep.enabled:
            dep.acquire(lock, read=False, irq=True)

    def __exit__(self, *exc: object) -> None:
        lock = self.lock
        lock.writer = False
        dep = lock.cls.dep
        if dep.enabled:
            dep.release(lock)
