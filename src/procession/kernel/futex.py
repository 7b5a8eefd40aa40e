"""Fast user-space locks: the part that sleeps (kernel/futex.c; spec 22.1).

The hash table of buckets is a dictionary by key: a queue exists while somebody waits. Words of user memory are read
and changed before the lock is taken, so that a page may be faulted in; nobody else runs in between.
Priority-inheriting locks are in futex_pi.py, robust lists in futex_robust.py.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.futex import (
    FUTEX_CLOCK_REALTIME,
    FUTEX_CMP_REQUEUE,
    FUTEX_CMP_REQUEUE_PI,
    FUTEX_LOCK_PI,
    FUTEX_PRIVATE_FLAG,
    FUTEX_REQUEUE,
    FUTEX_TRYLOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_WAIT,
    FUTEX_WAIT_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
    FUTEX_WAKE,
    FUTEX_WAKE_BITSET,
    FUTEX_WAKE_OP,
    FutexArg,
    FutexOp,
    FutexVal,
)
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, VM_MAYSHARE
from procession.include.linux.sched import MAX_RT_PRIO, TASK_INTERRUPTIBLE, TASK_NORMAL, set_task_state, signal_pending
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import UserPtr
from procession.kernel import futex_pi, futex_requeue_pi, hrtimer, sched, time
from procession.mm import mmap, slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.rtmutex import RtMutexWaiter
    from procession.include.linux.sched import Task

__all__ = (
    "FutexHash",
    "FutexQ",
    "futex_init",
    "futex_requeue",
    "futex_wait",
    "futex_wake",
    "futex_wake_one",
    "futex_wake_op",
    "get_futex_key",
    "new_futex_q",
    "queue_me",
    "remove",
    "sys_futex",
    "unqueue_me",
    "wake_futex",
)

FUTEX_BITSET_MATCH_ANY: Final = 0xFFFFFFFF
_FUT_OFF_INODE: Final = 1
_FUT_OFF_MMSHARED: Final = 2

# (mm, address, 0): private; (mm, address, 2): private memory, shared operation; (inode, page, offset + 1): a file's.
FutexKey = tuple[Any, int, int]


class FutexQ:
    """One sleeper (struct futex_q)."""

    __slots__ = ("bitset", "key", "pi_state", "prio", "requeue_pi_key", "rt_waiter", "serial", "task")

    def __init__(self, task: Task, key: FutexKey, bitset: int, serial: int) -> None:
        self.task = task
        self.key: FutexKey | None = key  # None once it was woken
        self.bitset = bitset
        # Real-time tasks by priority, all others alike; equals in the order of coming.
        self.prio = min(task.normal_prio, MAX_RT_PRIO)
        self.serial = serial
        self.pi_state: futex_pi.FutexPiState | None = None  # of the PI lock that it waits for
        self.rt_waiter: RtMutexWaiter | None = None  # to wait for one with, once it has been requeued
        self.requeue_pi_key: FutexKey | None = None  # that of this lock

    def is_woken(self) -> bool:
        """Whether somebody has taken it off its queue."""
        return self.key is None

    def __lt__(self, other: FutexQ) -> bool:
        return (self.prio, self.serial) < (other.prio, other.serial)


class FutexHash:
    """All sleepers (futex_queues)."""

    __slots__ = ("lock", "queues", "serial")

    def __init__(self, lock: SpinLock) -> None:
        self.lock = lock
        self.queues: dict[FutexKey, list[FutexQ]] = {}
        self.serial = 0


def futex_init(k: Kernel) -> None:
    """Start without sleepers."""
    slab.kmem_cache_create(k, "futex_pi_state", 80)
    k.futex_queues = FutexHash(SpinLock(k.lock_class("futex_hash_bucket.lock")))


def get_futex_key(current: Task, uaddr: UserPtr, shared: bool) -> FutexKey:
    """Return what names the word at uaddr for all who can reach it; raises EINVAL if not aligned, EFAULT."""
    if not isinstance(uaddr, int):
        return uaddr, 0, 0  # a Python program's buffer
    if uaddr & 3:
        raise LinuxError(Errno.EINVAL, f"futex at {uaddr:#x}")
    mm = current.mm
    if mm is None or not uaccess.access_ok(uaddr, 4):
        raise LinuxError(Errno.EFAULT, f"futex at {uaddr:#x}")
    if not shared:
        return mm, uaddr, 0
    uaccess.get_user(current, uaddr, 4)
    vma = mmap.find_vma(mm, uaddr)
    if vma is not None and vma.vm_file is not None and vma.vm_flags & VM_MAYSHARE:
        page = ((uaddr - vma.vm_start) >> PAGE_SHIFT) + vma.vm_pgoff
        return vma.vm_file.inode, page, (uaddr & ~PAGE_MASK) + _FUT_OFF_INODE
    return mm, uaddr, _FUT_OFF_MMSHARED


def queue_me(k: Kernel, q: FutexQ) -> None:
    """Put q on its key's queue."""
    futexes: FutexHash = k.futex_queues
    with futexes.lock:
        assert q.key is not None
        insort(futexes.queues.setdefault(q.key, []), q)


def unqueue_me(k: Kernel, q: FutexQ) -> bool:
    """Take q off its queue; returns False if somebody has woken it before."""
    if q.is_woken():
        return False
    futexes: FutexHash = k.futex_queues
    with futexes.lock:
        remove(futexes, q)
    return True


def new_futex_q(current: Task, key: FutexKey, bitset: int = FUTEX_BITSET_MATCH_ANY) -> FutexQ:
    """Return an entry for current, the last of its priority."""
    futexes: FutexHash = current.kernel.futex_queues
    futexes.serial += 1
    return FutexQ(current, key, bitset, futexes.serial)


def remove(futexes: FutexHash, q: FutexQ) -> None:
    """Take q off its queue; the caller holds the lock."""
    futexes.lock.assert_held()
    assert q.key is not None
    queue = futexes.queues[q.key]
    queue.remove(q)
    if not queue:
        del futexes.queues[q.key]
    q.key = None


def wake_futex(futexes: FutexHash, q: FutexQ) -> None:
    """Take q off its queue and wake its task; the caller holds the lock."""
    futexes.lock.assert_held()
    remove(futexes, q)
    sched.wake_up_state(q.task, TASK_NORMAL)


# Waiting.


async def futex_wait(
    current: Task,
    uaddr: UserPtr,
    shared: bool,
    val: int,
    expires_ns: int | None,
    bitset: int,
    *,
    realtime: bool = False,
) -> int:
    """Sleep until woken, if the word is val; realtime: expires_ns is a time of day.

    Raises EINVAL, EFAULT, EAGAIN for another value, ETIMEDOUT, and for a signal ERESTARTSYS without a timeout, else
    ERESTART_RESTARTBLOCK.
    """
    if not bitset:
        raise LinuxError(Errno.EINVAL, "futex with no bits")
    k = current.kernel
    while True:
        key = get_futex_key(current, uaddr, shared)
        if uaccess.get_user(current, uaddr, 4) != val:
            raise LinuxError(Errno.EAGAIN, "the futex has another value")
        q = new_futex_q(current, key, bitset)
        queue_me(k, q)
        timed_out = await futex_wait_queue_me(current, q, expires_ns, realtime=realtime)
        if not unqueue_me(k, q):
            return 0
        if timed_out:
            raise LinuxError(Errno.ETIMEDOUT, "futex")
        if signal_pending(current):
            break
    if expires_ns is None:
        raise LinuxError(Errno.ERESTARTSYS, "futex")

    async def futex_wait_restart(current: Task) -> int:
        return await futex_wait(current, uaddr, shared, val, expires_ns, bitset, realtime=realtime)

    current.restart_block = futex_wait_restart
    raise LinuxError(Errno.ERESTART_RESTARTBLOCK, "futex")


async def futex_wait_queue_me(current: Task, q: FutexQ, expires_ns: int | None, *, realtime: bool) -> bool:
    """Sleep, queued, until expires_ns, with realtime a time of day; returns whether that has come."""
    set_task_state(current, TASK_INTERRUPTIBLE)
    return await hrtimer.schedule_hrtimeout(
        current, expires_ns, "futex_wait_queue_me", q, realtime=realtime, delta_ns=current.timer_slack_ns
    )


# Waking.


def futex_wake(current: Task, uaddr: UserPtr, shared: bool, nr_wake: int, bitset: int) -> int:
    """Wake up to nr_wake sleepers, at least one, that match bitset; returns how many; raises EINVAL, EFAULT."""
    if not bitset:
        raise LinuxError(Errno.EINVAL, "futex with no bits")
    key = get_futex_key(current, uaddr, shared)
    futexes: FutexHash = current.kernel.futex_queues
    with futexes.lock:
        return _wake(futexes, key, nr_wake, bitset)


def _wake(futexes: FutexHash, key: FutexKey, nr_wake: int, bitset: int) -> int:
    woken = 0
    for q in list(futexes.queues.get(key, ())):
        if q.pi_state is not None or q.rt_waiter is not None:
            raise LinuxError(Errno.EINVAL, "a PI futex")
        if q.bitset & bitset:
            wake_futex(futexes, q)
            woken += 1
            if woken >= nr_wake:
                break
    return woken


def futex_wake_one(current: Task, uaddr: UserPtr) -> int:
    """Wake one who waits for the word at uaddr, as pthread_join does for a thread's end."""
    return futex_wake(current, uaddr, True, 1, FUTEX_BITSET_MATCH_ANY)


def futex_requeue(
    current: Task, uaddr1: UserPtr, uaddr2: UserPtr, shared: bool, nr_wake: int, nr_requeue: int, cmpval: int | None
) -> int:
    """Wake nr_wake sleepers of uaddr1 and move nr_requeue others to uaddr2; returns how many that were together.

    cmpval: what uaddr1 must hold, None for anything.  Raises EINVAL, EFAULT, EAGAIN.
    """
    key1 = get_futex_key(current, uaddr1, shared)
    key2 = get_futex_key(current, uaddr2, shared)
    if cmpval is not None and uaccess.get_user(current, uaddr1, 4) != cmpval:
        raise LinuxError(Errno.EAGAIN, "the futex has another value")
    futexes: FutexHash = current.kernel.futex_queues
    done = 0
    with futexes.lock:
        for q in list(futexes.queues.get(key1, ())):
            if done - nr_wake >= nr_requeue:
                break
            if q.pi_state is not None or q.rt_waiter is not None:
                raise LinuxError(Errno.EINVAL, "a PI futex")
            done += 1
            if done <= nr_wake:
                wake_futex(futexes, q)
            elif key1 != key2:
                remove(futexes, q)
                q.key = key2
                insort(futexes.queues.setdefault(key2, []), q)
    return done


def _sign_extend_12(value: int) -> int:
    return (value & 0xFFF ^ 0x800) - 0x800


def futex_wake_op(
    current: Task, uaddr1: UserPtr, uaddr2: UserPtr, shared: bool, nr_wake: int, nr_wake2: int, encoded: int
) -> int:
    """Change the word at uaddr2, wake sleepers of uaddr1, and those of uaddr2 if its old value passes a test.

    Raises EINVAL, EFAULT, ENOSYS for an unknown operation or test.
    """
    key1 = get_futex_key(current, uaddr1, shared)
    key2 = get_futex_key(current, uaddr2, shared)
    oparg, cmparg = _sign_extend_12(encoded >> 12), _sign_extend_12(encoded)
    op = encoded >> 28 & 7
    if encoded >> 31 & 1:
        oparg = 1 << (oparg & 31)
    old = uaccess.get_user(current, uaddr2, 4, True)
    if op > 4:
        raise LinuxError(Errno.ENOSYS, f"futex operation {op}")
    new = (oparg, old + oparg, old | oparg, old & ~oparg, old ^ oparg)[op]
    uaccess.put_user(current, uaddr2, new & 0xFFFFFFFF, 4)
    cmp = encoded >> 24 & 15
    if cmp > 5:
        raise LinuxError(Errno.ENOSYS, f"futex comparison {cmp}")
    passed = (old == cmparg, old != cmparg, old < cmparg, old <= cmparg, old > cmparg, old >= cmparg)[cmp]

    futexes: FutexHash = current.kernel.futex_queues
    with futexes.lock:
        woken = _wake(futexes, key1, nr_wake, FUTEX_BITSET_MATCH_ANY)
        if passed:
            woken += _wake(futexes, key2, nr_wake2, FUTEX_BITSET_MATCH_ANY)
    return woken


# The call.

_WITH_TIMEOUT: Final = (FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI)


def _timeout(current: Task, cmd: int, utime: UserPtr) -> int | None:
    """Return when the call gives up, None if never; raises EFAULT, EINVAL."""
    if not utime or cmd not in _WITH_TIMEOUT:
        return None
    ns = time.get_timespec(current, utime)
    return hrtimer.ktime_add_safe(current.kernel.clock.now_ns, ns) if cmd == FUTEX_WAIT else ns


@syscall
async def sys_futex(
    current: Task, uaddr: UserPtr, op: FutexOp, val: FutexVal, utime: FutexArg, uaddr2: FutexArg, val3: FutexVal
) -> int:
    """Sleep on a word of memory, or wake those who do (futex(2)); utime is a number for some operations.

    Raises ENOSYS for unknown operations, and for FUTEX_FD; else as the functions above.
    """
    cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)
    shared = not op & FUTEX_PRIVATE_FLAG
    expires_ns = _timeout(current, cmd, utime)
    realtime = bool(op & FUTEX_CLOCK_REALTIME)
    if realtime and cmd not in (FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI):
        raise LinuxError(Errno.ENOSYS, "FUTEX_CLOCK_REALTIME")
    val2 = _int32(utime) if isinstance(utime, int) else 0
    nr = _int32(val)
    if cmd == FUTEX_WAIT:
        return await futex_wait(current, uaddr, shared, val, expires_ns, FUTEX_BITSET_MATCH_ANY)
    if cmd == FUTEX_WAIT_BITSET:
        return await futex_wait(current, uaddr, shared, val, expires_ns, val3, realtime=realtime)
    if cmd == FUTEX_WAKE:
        return futex_wake(current, uaddr, shared, nr, FUTEX_BITSET_MATCH_ANY)
    if cmd == FUTEX_WAKE_BITSET:
        return futex_wake(current, uaddr, shared, nr, val3)
    if cmd == FUTEX_REQUEUE:
        return futex_requeue(current, uaddr, uaddr2, shared, nr, val2, None)
    if cmd == FUTEX_CMP_REQUEUE:
        return futex_requeue(current, uaddr, uaddr2, shared, nr, val2, val3)
    if cmd == FUTEX_WAKE_OP:
        return futex_wake_op(current, uaddr, uaddr2, shared, nr, val2, val3)
    if cmd == FUTEX_LOCK_PI:
        return await futex_pi.futex_lock_pi(current, uaddr, shared, expires_ns, trylock=False)
    if cmd == FUTEX_TRYLOCK_PI:
        return await futex_pi.futex_lock_pi(current, uaddr, shared, None, trylock=True)
    if cmd == FUTEX_UNLOCK_PI:
        return futex_pi.futex_unlock_pi(current, uaddr, shared)
    if cmd == FUTEX_WAIT_REQUEUE_PI:
        return await futex_requeue_pi.futex_wait_requeue_pi(
            current, uaddr, shared, val, expires_ns, uaddr2, realtime=realtime
        )
    if cmd == FUTEX_CMP_REQUEUE_PI:
        return await futex_requeue_pi.futex_requeue_pi(current, uaddr, uaddr2, shared, nr, val2, val3)
    raise LinuxError(Errno.ENOSYS, f"futex operation {cmd}")


def _int32(value: int) -> int:
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
