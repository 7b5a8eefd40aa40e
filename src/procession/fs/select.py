"""Waiting for several files at once: poll, ppoll, select, pselect6 (fs/select.c)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
import struct
from typing import TYPE_CHECKING, Any, Final

from procession.fs import file_table
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.eventpoll import FdSet, PollFds, SigsetPair
from procession.include.linux.fdtable import FD_MASK, FD_SHIFT
from procession.include.linux.fs import (
    FMODE_PATH,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDBAND,
    POLLRDNORM,
    POLLWRBAND,
    POLLWRNORM,
    PollTable,
)
from procession.include.linux.prctl import STICKY_TIMEOUTS
from procession.include.linux.resource import RLIMIT_NOFILE
from procession.include.linux.sched import (
    MAX_RT_PRIO,
    TASK_INTERRUPTIBLE,
    TIF_RESTORE_SIGMASK,
    TIF_SIGPENDING,
    set_task_state,
    signal_pending,
)
from procession.include.linux.signal import SIG_KERNEL_ONLY_MASK, SigsetIn
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import (
    NSEC_PER_MSEC,
    NSEC_PER_SEC,
    NSEC_PER_USEC,
    TIME_T_MAX,
    USEC_PER_SEC,
    TimespecTimeout,
    TimevalTimeout,
)
from procession.include.linux.types import Int, SizeT, UInt, UserPtr
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import hrtimer, sched, signal_queue, time, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import WaitQueueHead

__all__ = (
    "PollWqueues",
    "core_sys_select",
    "do_select",
    "do_sys_poll",
    "restore_user_sigmask",
    "select_estimate_accuracy",
    "set_user_sigmask",
    "sys_poll",
    "sys_ppoll",
    "sys_pselect6",
    "sys_select",
)

MAX_SLACK: Final = 100 * NSEC_PER_MSEC
_ALWAYS: Final = POLLERR | POLLHUP

POLLIN_SET: Final = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR
POLLOUT_SET: Final = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR

_POLLFD: Final = struct.Struct("<ihh")


class _PollTableEntry(WaitQueueEntry):
    """One queue that a poller is on (struct poll_table_entry)."""

    __slots__ = ("key", "queue", "table")

    key: int
    queue: WaitQueueHead
    table: PollWqueues


class PollWqueues(PollTable):
    """All queues that one sleeper is on (struct poll_wqueues).

    key: the events it wants from the file that is being asked.  enabled: false from when the caller will not sleep.
    """

    __slots__ = ("current", "enabled", "entries", "key", "triggered")

    def __init__(self, current: Task) -> None:
        self.current = current
        self.entries: list[_PollTableEntry] = []
        self.key = 0
        self.enabled = True
        self.triggered = False

    def wait(self, queue: WaitQueueHead) -> None:
        """Wake this poller when the queue is woken with one of its events (__pollwait)."""
        if not self.enabled:
            return
        entry = _PollTableEntry(self.current, False, pollwake)
        entry.key = self.key
        entry.queue = queue
        entry.table = self
        self.entries.append(entry)
        wait.add_wait_queue(queue, entry)

    def freewait(self) -> None:
        """Leave all queues (poll_freewait)."""
        # The newest first: it stands at the head of its queue.
        for entry in reversed(self.entries):
            wait.remove_wait_queue(entry.queue, entry)
        self.entries.clear()


def pollwake(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Wake the poller unless the event is none that it waits for."""
    assert isinstance(entry, _PollTableEntry)
    if isinstance(key, int) and key and not key & entry.key:
        return False
    entry.table.triggered = True
    return sched.try_to_wake_up(entry.task, mode)


def estimate_accuracy(current: Task, left_ns: int) -> int:
    """Return how much later than in left_ns a time-out may be: a thousandth, a 200th of the unfavoured's, in ns."""
    if left_ns < 0:
        return 0
    return min(left_ns // (200 if sched.task_nice(current) > 0 else 1000), MAX_SLACK)


def select_estimate_accuracy(current: Task, end_ns: int | None) -> int:
    """Return by how much a wait that ends at end_ns may be late, in ns: the task's slack at least."""
    if not end_ns or current.prio < MAX_RT_PRIO:
        return 0
    return max(estimate_accuracy(current, end_ns - current.kernel.clock.now_ns), current.timer_slack_ns)


async def poll_schedule_timeout(current: Task, table: PollWqueues, expires_ns: int | None, slack_ns: int) -> bool:
    """Sleep until a queue triggers, a signal, or the time; returns whether it was the time."""
    timed_out = False
    if not table.triggered:
        set_task_state(current, TASK_INTERRUPTIBLE)
        queues = [entry.queue for entry in table.entries]
        timed_out = await hrtimer.schedule_hrtimeout(
            current, expires_ns, "poll_schedule_timeout", queues, delta_ns=slack_ns
        )
    table.triggered = False
    return timed_out


# poll.


def do_pollfd(current: Task, fd: int, events: int, table: PollWqueues) -> int:
    """Return what is ready of events on fd, POLLNVAL if it is not open."""
    if fd < 0:
        return 0
    files = current.files
    assert files is not None
    file = files.fd[fd] if fd < len(files.fd) else None
    if file is None or file.f_mode & FMODE_PATH:
        return POLLNVAL
    wanted = events & 0xFFFF | _ALWAYS
    table.key = wanted
    return file.poll(current, table if table.enabled else None) & wanted


async def do_poll(current: Task, fds: list[tuple[int, int]], end_ns: int | None) -> tuple[int, list[int]]:
    """Ask all files until one is ready, a signal comes or the time is over; returns (count, revents)."""
    table = PollWqueues(current)
    timed_out = end_ns == 0
    if timed_out:
        table.enabled = False
    slack_ns = select_estimate_accuracy(current, end_ns)
    held = _hold(current, fds) if current.files is not None and current.files.count > 1 else None
    try:
        while True:
            count = 0
            revents = []
            for fd, events in fds:
                mask = do_pollfd(current, fd, events, table)
                revents.append(mask)
                if mask:
                    count += 1
                    table.enabled = False
            table.enabled = False
            if count:
                return count, revents
            # A signal counts even if there is no time to wait for it.
            if signal_pending(current):
                raise LinuxError(Errno.EINTR, "poll")
            if timed_out:
                return count, revents
            timed_out = await poll_schedule_timeout(current, table, end_ns, slack_ns)
    finally:
        table.freewait()
        if held is not None:
            _unhold(current, held)


def _hold(current: Task, fds: list[tuple[int, int]]) -> list[Any]:
    """Keep the files alive while we sleep: another thread could close them."""
    assert current.files is not None
    table = current.files.fd
    held = [table[fd] for fd, _ in fds if 0 <= fd < len(table) and table[fd] is not None]
    for file in held:
        assert file is not None
        file.f_count += 1
    current.held.append(held)
    return held


def _unhold(current: Task, held: list[Any]) -> None:
    current.held.pop()
    for file in held:
        file_table.fput(current, file)


async def do_sys_poll(current: Task, ufds: UserPtr, nfds: int, end_ns: int | None) -> int:
    """Poll until end_ns on the monotonic clock (0: do not wait, None: for ever).

    Raises EINVAL for more than RLIMIT_NOFILE entries, EFAULT, EINTR.
    """
    if nfds > current.signal.rlim[RLIMIT_NOFILE][0]:
        raise LinuxError(Errno.EINVAL, "more entries than descriptors")
    raw = uaccess.copy_from_user(current, ufds, 8 * nfds) if nfds else b""
    fds = [(fd, events) for fd, events, _ in _POLLFD.iter_unpack(raw)]
    count, revents = await do_poll(current, fds, end_ns)
    for i, mask in enumerate(revents):
        uaccess.put_user(current, ufds, mask, 2, 8 * i + 6)
    return count


@syscall
async def sys_poll(current: Task, ufds: PollFds, nfds: UInt, timeout_msecs: Int) -> int:
    """Wait until one of nfds files is ready (poll(2)); returns how many are.

    Raises EINVAL, EFAULT; interrupted it goes on with the time that is left (ERESTART_RESTARTBLOCK).
    """
    if timeout_msecs < 0:
        end_ns = None
    elif timeout_msecs == 0:
        end_ns = 0
    else:
        end_ns = current.kernel.clock.now_ns + timeout_msecs * NSEC_PER_MSEC
    return await _do_restart_poll(current, ufds, nfds, end_ns)


async def _do_restart_poll(current: Task, ufds: UserPtr, nfds: int, end_ns: int | None) -> int:
    try:
        return await do_sys_poll(current, ufds, nfds, end_ns)
    except LinuxError as error:
        if error.errno != Errno.EINTR:
            raise
        current.restart_block = _restart_poll(ufds, nfds, end_ns)
        raise LinuxError(Errno.ERESTART_RESTARTBLOCK, "poll") from None


def _restart_poll(ufds: UserPtr, nfds: int, end_ns: int | None) -> Callable[[Task], Coroutine[Any, Any, int]]:
    async def do_restart_poll(current: Task) -> int:
        return await _do_restart_poll(current, ufds, nfds, end_ns)

    return do_restart_poll


# Signal masks for the time of a call.


def set_user_sigmask(current: Task, sigmask: UserPtr, sigsetsize: int) -> int | None:
    """Exchange the signal mask for the one at sigmask; returns the old one, None if sigmask is NULL.

    Ours: the lines that ppoll, pselect6 and epoll_pwait repeat.  Raises EINVAL, EFAULT.
    """
    if not sigmask:
        return None
    if sigsetsize != 8:
        raise LinuxError(Errno.EINVAL, "size of sigset_t")
    mask = uaccess.get_user(current, sigmask, 8) & ~SIG_KERNEL_ONLY_MASK
    saved = current.blocked
    signal_queue.set_current_blocked(current, mask)
    return saved


def restore_user_sigmask(current: Task, saved: int | None, *, interrupted: bool) -> None:
    """Put the mask back: at once, or if a signal interrupted the call after its handler was set up."""
    if saved is None:
        return
    if interrupted:
        current.saved_sigmask = saved
        current.ti_flags |= TIF_RESTORE_SIGMASK | TIF_SIGPENDING
    else:
        signal_queue.set_current_blocked(current, saved)


def poll_select_set_timeout(current: Task, sec: int, nsec: int) -> int:
    """Return when so much time is over, in ns; 0 stands for not waiting. Raises EINVAL if it is not a time.

    That can be long after KTIME_MAX, and is what the time left is reckoned from.
    """
    if not time.timespec_valid(sec, nsec):
        raise LinuxError(Errno.EINVAL, "not a timespec")
    if not sec and not nsec:
        return 0
    end_ns = current.kernel.clock.now_ns + sec * NSEC_PER_SEC + nsec
    # As timespec_add_safe() has it, the nanoseconds stay beside the greatest number of seconds.
    return min(end_ns, TIME_T_MAX * NSEC_PER_SEC + end_ns % NSEC_PER_SEC)


def _copy_timeout(current: Task, tsp: UserPtr) -> int | None:
    """Return when the timeout at tsp is over, None without one; raises EFAULT, EINVAL."""
    return poll_select_set_timeout(current, *time.copy_timespec(current, tsp)) if tsp else None


def _copy_remaining(current: Task, end_ns: int | None, ptr: UserPtr, *, timeval: bool, errno: int) -> int:
    """Store the time that is left where the program gave the timeout; returns the errno that results.

    A timeout that cannot be written, or that a personality wants kept, makes a restart impossible: EINTR then
    (poll_select_copy_remaining).
    """
    if not ptr:
        return errno
    if not current.personality & STICKY_TIMEOUTS:
        if not end_ns:
            return errno
        left_ns = max(0, end_ns - current.kernel.clock.now_ns)
        try:
            (time.put_timeval if timeval else time.put_timespec)(current, ptr, left_ns)
        except LinuxError:
            pass
        else:
            return errno
    return Errno.EINTR if errno == Errno.ERESTARTNOHAND else errno


@syscall
async def sys_ppoll(
    current: Task, ufds: PollFds, nfds: UInt, tsp: TimespecTimeout, sigmask: SigsetIn, sigsetsize: SizeT
) -> int:
    """Poll with another signal mask and a timeout in ns (ppoll(2)).

    Writes the time left back. Raises EINVAL, EFAULT; interrupted EINTR, or again if no handler ran (ERESTARTNOHAND).
    """
    end_ns = _copy_timeout(current, tsp)
    saved = set_user_sigmask(current, sigmask, sigsetsize)
    errno = 0
    ret = 0
    failed: LinuxError | None = None
    try:
        ret = await do_sys_poll(current, ufds, nfds, end_ns)
    except LinuxError as error:
        failed = error
        errno = Errno.ERESTARTNOHAND if error.errno == Errno.EINTR else error.errno
    restore_user_sigmask(current, saved, interrupted=errno == Errno.ERESTARTNOHAND)
    errno = _copy_remaining(current, end_ns, tsp, timeval=False, errno=errno)
    if failed is not None:
        raise LinuxError(Errno(errno), failed.why)
    return ret


# select.


Words = list[int]  # a bitmap of descriptors, as in FilesStruct


def _union(n: int, sets: tuple[Words, Words, Words]) -> list[tuple[int, int]]:
    """Return (word, bits) of all descriptors below n that a set has, of words that have some."""
    out = []
    for at, (bits_in, bits_out, bits_ex) in enumerate(zip(*sets, strict=True)):
        bits = bits_in | bits_out | bits_ex
        if bits and n >> FD_SHIFT == at:
            bits &= (1 << (n & FD_MASK)) - 1
        if bits:
            out.append((at, bits))
    return out


def wanted_fds(current: Task, n: int, sets: tuple[Words, Words, Words]) -> list[int]:
    """Return the descriptors below n that are asked for; raises EBADF for one that is not open (max_select_fd)."""
    assert current.files is not None
    open_fds = current.files.open_fds
    fds = []
    for at, bits in _union(n, sets):
        if at >= len(open_fds) or bits & ~open_fds[at]:
            raise LinuxError(Errno.EBADF, "a descriptor in the set is not open")
        fd = at << FD_SHIFT
        while bits:
            if bits & 1:
                fds.append(fd)
            bits >>= 1
            fd += 1
    return fds


async def do_select(
    current: Task, n: int, sets: tuple[Words, Words, Words], end_ns: int | None
) -> tuple[int, tuple[Words, Words, Words]]:
    """Return (count, the ready ones of each set), without waiting beyond end_ns. Raises EBADF."""
    fds = wanted_fds(current, n, sets)
    table = PollWqueues(current)
    timed_out = end_ns == 0
    if timed_out:
        table.enabled = False
    slack_ns = select_estimate_accuracy(current, end_ns)
    held = None
    if current.files is not None and current.files.count > 1:
        held = _hold(current, [(fd, 0) for fd in fds])
    ready = ([0] * len(sets[0]), [0] * len(sets[0]), [0] * len(sets[0]))
    try:
        while True:
            count = 0
            for fd in fds:
                count += _select_one(current, fd, table, sets, ready)
                if count:
                    table.enabled = False
            table.enabled = False
            if count or timed_out or signal_pending(current):
                return count, ready
            timed_out = await poll_schedule_timeout(current, table, end_ns, slack_ns)
    finally:
        table.freewait()
        if held is not None:
            _unhold(current, held)


def _select_one(
    current: Task, fd: int, table: PollWqueues, sets: tuple[Words, Words, Words], ready: tuple[Words, Words, Words]
) -> int:
    """Ask one file, and note in which of the sets it is ready; what was closed since we began is skipped."""
    assert current.files is not None
    files = current.files.fd
    file = files[fd] if fd < len(files) else None
    if file is None or file.f_mode & FMODE_PATH:
        return 0
    at, bit = fd >> FD_SHIFT, 1 << (fd & FD_MASK)
    want_in, want_out, want_ex = sets[0][at] & bit, sets[1][at] & bit, sets[2][at] & bit
    table.key = (POLLIN_SET if want_in else 0) | (POLLOUT_SET if want_out else 0) | (POLLPRI if want_ex else 0)
    mask = file.poll(current, table if table.enabled else None)
    count = 0
    if mask & POLLIN_SET and want_in:
        ready[0][at] |= bit
        count = 1
    if mask & POLLOUT_SET and want_out:
        ready[1][at] |= bit
        count += 1
    if mask & POLLPRI and want_ex:
        ready[2][at] |= bit
        count += 1
    return count


def get_fd_set(current: Task, ptr: UserPtr, n: int) -> Words:
    """Return a set of n descriptors of user space, an empty one for NULL; raises EFAULT."""
    words = (n + 63) // 64 * 2
    if not ptr:
        return [0] * words
    return list(struct.unpack(f"<{words}I", uaccess.copy_from_user(current, ptr, 4 * words)))


async def core_sys_select(current: Task, n: int, inp: UserPtr, outp: UserPtr, exp: UserPtr, end_ns: int | None) -> int:
    """Select on user space's sets, which are overwritten; raises EINVAL, EBADF, EFAULT, ERESTARTNOHAND."""
    if n < 0:
        raise LinuxError(Errno.EINVAL, "negative number of descriptors")
    assert current.files is not None
    n = min(n, max(current.files.max_fds, len(current.files.fd)))
    sets = (get_fd_set(current, inp, n), get_fd_set(current, outp, n), get_fd_set(current, exp, n))
    count, ready = await do_select(current, n, sets, end_ns)
    if not count and signal_pending(current):
        raise LinuxError(Errno.ERESTARTNOHAND, "select")
    for pointer, words in zip((inp, outp, exp), ready, strict=True):
        if pointer:
            uaccess.copy_to_user(current, pointer, struct.pack(f"<{len(words)}I", *words))
    return count


async def _select_and_store(
    current: Task,
    n: int,
    sets: tuple[UserPtr, UserPtr, UserPtr],
    end_ns: int | None,
    tp: UserPtr,
    saved: int | None,
    *,
    timeval: bool,
) -> int:
    """Do a select, put the signal mask back and store the time that is left."""
    errno = 0
    ret = 0
    failed: LinuxError | None = None
    try:
        ret = await core_sys_select(current, n, *sets, end_ns)
    except LinuxError as error:
        failed = error
        errno = error.errno
    restore_user_sigmask(current, saved, interrupted=errno == Errno.ERESTARTNOHAND)
    errno = _copy_remaining(current, end_ns, tp, timeval=timeval, errno=errno)
    if failed is not None:
        raise LinuxError(Errno(errno), failed.why)
    return ret


@syscall
async def sys_select(current: Task, n: Int, inp: FdSet, outp: FdSet, exp: FdSet, tvp: TimevalTimeout) -> int:
    """Wait until descriptors below n are ready to read, write, or have news (select(2)).

    Writes the time left back, as Linux does. Raises EINVAL, EBADF, EFAULT; restarted unless a handler ran
    (ERESTARTNOHAND).
    """
    end_ns = None
    if tvp:
        sec, usec = time.copy_timeval(current, tvp)
        # Microseconds may be more than a second here: only what comes out must be a time.
        more, usec = divmod(usec, USEC_PER_SEC) if usec >= 0 else (0, usec)
        end_ns = poll_select_set_timeout(current, time.to_s64(sec + more), usec * NSEC_PER_USEC)
    return await _select_and_store(current, n, (inp, outp, exp), end_ns, tvp, None, timeval=True)


@syscall
async def sys_pselect6(
    current: Task, n: Int, inp: FdSet, outp: FdSet, exp: FdSet, tsp: TimespecTimeout, sig: SigsetPair
) -> int:
    """Select with a timeout in ns and, at *sig, the address and size of another signal mask (pselect(2))."""
    sigmask = 0
    sigsetsize = 0
    if sig:
        sigmask = uaccess.get_user(current, sig, 8)
        sigsetsize = uaccess.get_user(current, sig, 8, False, 8)
    end_ns = _copy_timeout(current, tsp)
    saved = set_user_sigmask(current, sigmask, sigsetsize)
    return await _select_and_store(current, n, (inp, outp, exp), end_ns, tsp, saved, timeval=False)
