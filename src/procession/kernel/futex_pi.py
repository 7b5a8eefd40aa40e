"""Priority-inheriting futexes: LOCK_PI, TRYLOCK_PI, UNLOCK_PI (the PI half of kernel/futex.c; spec cgroups E3).

The word holds the owner's tid. While others wait, the kernel keeps an rt_mutex beside it, which all their queue
entries refer to. Requeueing from one word to another is in futex_requeue_pi.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.rtmutex import RtMutex
from procession.include.linux.sched import PF_EXITING, PF_EXITPIDONE, TASK_UNINTERRUPTIBLE, set_task_state
from procession.include.linux.time import TICK_PERIOD_NS
from procession.kernel import futex, hrtimer, pid, rtmutex
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "FUTEX_TID_MASK",
    "FUTEX_WAITERS",
    "FutexPiState",
    "exit_pi_state_list",
    "fixup_owner",
    "fixup_pi_state_owner",
    "free_pi_state",
    "futex_lock_pi",
    "futex_lock_pi_atomic",
    "futex_unlock_pi",
    "lookup_pi_state",
    "start_timer",
)

FUTEX_WAITERS: Final = 0x80000000
FUTEX_OWNER_DIED: Final = 0x40000000
FUTEX_TID_MASK: Final = 0x3FFFFFFF


class FutexPiState:
    """What the kernel knows of a PI futex that somebody waits for (struct futex_pi_state).

    owner: who has it, None if he died and nobody has taken it over yet.  refcount: queue entries that refer to it.
    """

    __slots__ = ("owner", "pi_mutex", "refcount")

    def __init__(self, owner: Task) -> None:
        self.owner: Task | None = None
        self.pi_mutex = RtMutex(owner)
        self.refcount = 1
        self.set_owner(owner)

    def set_owner(self, owner: Task | None) -> None:
        """Note whose it is, here and there."""
        old = self.owner
        if old is not None and old.pi_state_list is not None:
            old.pi_state_list.pop(self, None)
            if not old.pi_state_list:
                old.pi_state_list = None
        self.owner = owner
        if owner is not None:
            if owner.pi_state_list is None:
                owner.pi_state_list = {}
            owner.pi_state_list[self] = None


def free_pi_state(k: Kernel, pi_state: FutexPiState) -> None:
    """Drop a reference."""
    pi_state.refcount -= 1
    if not pi_state.refcount:
        pi_state.set_owner(None)
        pi_state.pi_mutex.owner = None
        k.caches["futex_pi_state"].free()


def lookup_pi_state(current: Task, word: int, key: futex.FutexKey) -> FutexPiState:
    """Return a reference to what is known of a lock with this word, made anew for the first waiter.

    Raises EINVAL if somebody waits who does not expect that, or for another owner; ESRCH if there is none; EAGAIN if he
    is about to exit; ENOMEM.
    """
    k = current.kernel
    tid = word & FUTEX_TID_MASK
    queue = k.futex_queues.queues.get(key)
    if queue:
        pi_state = queue[0].pi_state
        if pi_state is None:
            raise LinuxError(Errno.EINVAL, "somebody waits here as for a plain futex")
        if tid and pi_state.owner is not None and tid != pid.task_pid_vnr(current, pi_state.owner):
            raise LinuxError(Errno.EINVAL, "the PI futex's word was changed")
        pi_state.refcount += 1
        return pi_state
    owner = pid.find_task_by_vpid(current, tid) if tid else None
    if owner is None or owner.flags & PF_EXITPIDONE:
        raise LinuxError(Errno.ESRCH, "the PI futex's owner is gone")
    if owner.flags & PF_EXITING:
        raise LinuxError(Errno.EAGAIN, "the PI futex's owner is about to exit")
    k.caches["futex_pi_state"].alloc()
    return FutexPiState(owner)


def futex_lock_pi_atomic(
    current: Task, uaddr: UserPtr, key: futex.FutexKey, task: Task, *, set_waiters: bool
) -> FutexPiState | None:
    """Take the lock for task if it is free, returning None; else mark the word as contended, and look it up.

    Raises EFAULT, EDEADLK if task has it, and as lookup_pi_state(), the mark staying.
    """
    vpid = pid.task_pid_vnr(current, task)
    word = uaccess.get_user(current, uaddr, 4)
    if word & FUTEX_TID_MASK == vpid:
        raise LinuxError(Errno.EDEADLK, "PI futex held by who wants it")
    if not word:
        uaccess.put_user(current, uaddr, vpid | (FUTEX_WAITERS if set_waiters else 0), 4)
        return None
    if not word & FUTEX_TID_MASK:
        # Its owner died: the bits are kept.
        uaccess.put_user(current, uaddr, word | vpid, 4)
        return None
    uaccess.put_user(current, uaddr, word | FUTEX_WAITERS, 4)
    try:
        return lookup_pi_state(current, word, key)
    except LinuxError as error:
        if error.errno != Errno.ESRCH or not word & FUTEX_OWNER_DIED:
            raise
    uaccess.put_user(current, uaddr, word & ~FUTEX_TID_MASK | FUTEX_WAITERS | vpid, 4)
    return None


def start_timer(current: Task, expires_ns: int | None, *, realtime: bool) -> Hrtimer | None:
    """Return a timer that wakes current at expires_ns; its data is None once it has."""
    if expires_ns is None:
        return None
    k = current.kernel
    timer = Hrtimer(hrtimer.hrtimer_wakeup, data=current, realtime=realtime)
    if expires_ns <= hrtimer.hrtimer_cb_get_time(k, timer):
        timer.data = None
    else:
        hrtimer.hrtimer_start(k, timer, expires_ns)
    return timer


async def futex_lock_pi(current: Task, uaddr: UserPtr, shared: bool, expires_ns: int | None, *, trylock: bool) -> int:
    """Take a PI lock, sleeping until its owner hands it over; expires_ns is a time of day.

    Raises EFAULT, EINVAL, EDEADLK, ESRCH, ENOMEM, EAGAIN if only trying, ETIMEDOUT, ERESTARTNOINTR for a signal.
    """
    k = current.kernel
    key = futex.get_futex_key(current, uaddr, shared)
    while True:
        try:
            pi_state = futex_lock_pi_atomic(current, uaddr, key, current, set_waiters=False)
            break
        except LinuxError as error:
            if error.errno != Errno.EAGAIN:
                raise
        await wait_for_exit(current)
    if pi_state is None:
        return 0
    q = futex.new_futex_q(current, key)
    q.pi_state = pi_state
    futex.queue_me(k, q)
    timer = start_timer(current, expires_ns, realtime=True)
    try:
        await _lock(current, uaddr, q, pi_state, timer, trylock=trylock)
    finally:
        if timer is not None:
            timer.queued = False
        futex.unqueue_me(k, q)
        free_pi_state(k, pi_state)
    return 0


async def wait_for_exit(current: Task) -> None:
    """Let an owner exit, who may have handed over its locks already, looking once a tick. 3.2 looks all the time.

    As there, no signal ends it.
    """
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    await hrtimer.schedule_timeout(current, TICK_PERIOD_NS, "futex_lock_pi")


async def _lock(
    current: Task, uaddr: UserPtr, q: futex.FutexQ, pi_state: FutexPiState, timer: Hrtimer | None, *, trylock: bool
) -> None:
    failed: LinuxError | None = None
    try:
        if not trylock:
            await rtmutex.rt_mutex_timed_lock(current, pi_state.pi_mutex, timer)
        elif not rtmutex.rt_mutex_trylock(current, pi_state.pi_mutex):
            failed = LinuxError(Errno.EAGAIN, "PI futex held by somebody else")
    except LinuxError as error:
        failed = error
    if fixup_owner(current, uaddr, pi_state, locked=failed is None) or failed is None:
        return
    if failed.errno == Errno.EINTR:
        raise LinuxError(Errno.ERESTARTNOINTR, "PI futex")
    raise failed


def fixup_owner(current: Task, uaddr: UserPtr, pi_state: FutexPiState, *, locked: bool) -> bool:
    """Write who has the lock, if that is somebody else than planned; returns whether it is current.

    Raises EFAULT; the lock goes on to the next then.
    """
    if locked:
        if pi_state.owner is not current:
            fixup_pi_state_owner(current, uaddr, pi_state, current)
        return True
    assert pi_state.owner is not current, "nobody hands it over between giving up and here"
    return False


def fixup_pi_state_owner(current: Task, uaddr: UserPtr, pi_state: FutexPiState, newowner: Task) -> None:
    """Write newowner into the word; raises EFAULT: the lock goes on to the next then."""
    bits = FUTEX_WAITERS | pid.task_pid_vnr(current, newowner)
    if pi_state.owner is None:
        bits |= FUTEX_OWNER_DIED
    try:
        word = uaccess.get_user(current, uaddr, 4)
        uaccess.put_user(current, uaddr, word & FUTEX_OWNER_DIED | bits, 4)
    except LinuxError:
        if pi_state.pi_mutex.owner is current:
            rtmutex.rt_mutex_unlock(pi_state.pi_mutex)
        raise
    pi_state.set_owner(newowner)


def futex_unlock_pi(current: Task, uaddr: UserPtr, shared: bool) -> int:
    """Give a PI lock up, to the first waiter if there is one; raises EPERM if current does not hold it, EFAULT, EINVAL.

    A word that says that an owner has died is left as it is: that is for the program to repair.
    """
    word = uaccess.get_user(current, uaddr, 4)
    vpid = pid.task_pid_vnr(current, current)
    if word & FUTEX_TID_MASK != vpid:
        raise LinuxError(Errno.EPERM, "PI futex not held by the caller")
    key = futex.get_futex_key(current, uaddr, shared)
    orphaned = bool(word & FUTEX_OWNER_DIED)
    queue = current.kernel.futex_queues.queues.get(key)
    if word == vpid or not queue:
        if not orphaned:
            uaccess.put_user(current, uaddr, 0, 4)
        return 0
    pi_state = queue[0].pi_state
    if pi_state is None or pi_state.owner is not current:
        raise LinuxError(Errno.EINVAL, "PI futex with waiters for somebody else")
    waiters = pi_state.pi_mutex.wait_list
    new_owner = waiters[0].task
    if not orphaned:
        uaccess.put_user(current, uaddr, FUTEX_WAITERS | pid.task_pid_vnr(current, new_owner), 4)
    pi_state.set_owner(new_owner)
    rtmutex.rt_mutex_unlock(pi_state.pi_mutex)
    return 0


def exit_pi_state_list(current: Task) -> None:
    """Hand the PI locks that current holds and others wait for to the first of these: it is leaving its memory."""
    while current.pi_state_list:
        pi_state = next(reversed(current.pi_state_list))
        pi_state.set_owner(None)
        rtmutex.rt_mutex_unlock(pi_state.pi_mutex)
