"""epoll: a set of watched files and the list of those that became ready (fs/eventpoll.c; spec files 14).

Differs: ready files are asked one after the other without a sleep in between, so there is no overflow list.
"""

from __future__ import annotations

from itertools import islice
import struct
from typing import TYPE_CHECKING, Any, Final

from procession.fs import anon_inodes, select
from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.eventpoll import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLERR,
    EPOLLET,
    EPOLLEXCLUSIVE,
    EPOLLHUP,
    EPOLLIN,
    EPOLLONESHOT,
    EPOLLOUT,
    EpollCreateArg,
    EpollOpArg,
    EventPtr,
    EventsPtr,
)
from procession.include.linux.fcntl import O_CLOEXEC, O_RDWR
from procession.include.linux.fs import POLLERR, POLLHUP, POLLIN, POLLRDNORM, File, PollTable
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import SigsetIn
from procession.include.linux.syscalls import later_syscall, syscall
from procession.include.linux.time import NSEC_PER_MSEC, TimeoutArg
from procession.include.linux.types import Fd, Int, SizeT, UserPtr
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import time, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import WaitQueueHead

__all__ = (
    "Epitem",
    "Eventpoll",
    "EventpollFile",
    "sys_epoll_create",
    "sys_epoll_create1",
    "sys_epoll_ctl",
    "sys_epoll_pwait",
    "sys_epoll_pwait2",
    "sys_epoll_wait",
)

_EXCLUSIVE_OK: Final = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLEXCLUSIVE
EP_PRIVATE_BITS: Final = EPOLLONESHOT | EPOLLET
EP_MAX_NESTS: Final = 4
EP_MAX_EVENTS: Final = 0x7FFFFFFF // 12
_EVENT: Final = struct.Struct("<IQ")


class Epitem:
    """One watched file (struct epitem)."""

    __slots__ = ("data", "ep", "events", "fd", "file", "pwqlist")

    def __init__(self, ep: Eventpoll, file: File, fd: int, events: int, data: int) -> None:
        self.ep = ep
        self.file = file
        self.fd = fd
        self.events = events
        self.data = data
        self.pwqlist: list[_EpPollEntry] = []

    def release(self) -> None:
        """Stop watching: the file is being closed for good."""
        ep_remove(self.ep, self)


class Eventpoll:
    """The object behind an epoll descriptor (struct eventpoll).

    rbr: what is watched, by (file, descriptor).  rdllist: what is ready, in the order it became so.  wq: who sleeps in
    epoll_wait; poll_wait: who polls the epoll file itself.
    """

    __slots__ = ("file", "poll_wait", "rbr", "rdllist", "wq")

    def __init__(self, k: Kernel) -> None:
        self.wq = k.wait_queue_head("ep->wq")
        self.poll_wait = k.wait_queue_head("ep->poll_wait")
        self.rbr: dict[tuple[File, int], Epitem] = {}
        self.rdllist: dict[Epitem, None] = {}
        self.file: EventpollFile | None = None


class _EpPollEntry(WaitQueueEntry):
    """An item's place on one queue of its file (struct eppoll_entry)."""

    __slots__ = ("base", "whead")

    base: Epitem
    whead: WaitQueueHead


class _EpPqueue(PollTable):
    """Registers an item with the queues of its file (ep_ptable_queue_proc)."""

    __slots__ = ("current", "item")

    def __init__(self, current: Task, item: Epitem) -> None:
        self.current = current
        self.item = item

    def wait(self, queue: WaitQueueHead) -> None:
        exclusive = bool(self.item.events & EPOLLEXCLUSIVE)
        entry = _EpPollEntry(self.current, exclusive, ep_poll_callback)
        entry.base = self.item
        entry.whead = queue
        self.item.pwqlist.append(entry)
        if exclusive:
            wait.add_wait_queue_exclusive(queue, entry)
        else:
            wait.add_wait_queue(queue, entry)


def ep_poll_callback(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """A watched file was woken: note it as ready and wake the sleepers."""
    assert isinstance(entry, _EpPollEntry)
    item = entry.base
    ep = item.ep
    # A one-shot item that has fired has no events left.
    if not item.events & ~EP_PRIVATE_BITS:
        return True
    shared = not item.events & EPOLLEXCLUSIVE
    if isinstance(key, int) and key and not key & item.events:
        return shared
    if item not in ep.rdllist:
        ep.rdllist[item] = None
    # Who is alone to be woken, and does not sleep, leaves it to the next.
    taken = shared or bool(ep.wq.task_list)
    _wake_up(ep, item)
    return taken


def _wake_up(ep: Eventpoll, item: Epitem) -> None:
    """Tell who sleeps on ep that it has something, and who polls it, up to a depth (ep_poll_safewake)."""
    wait.wake_up(ep.wq)
    if not ep.poll_wait.task_list:
        return
    k = item.file.f_path.mnt.mnt_sb.kernel
    if k.vfs.ep_nests <= EP_MAX_NESTS:
        k.vfs.ep_nests += 1
        wait.wake_up(ep.poll_wait, POLLIN)
        k.vfs.ep_nests -= 1


class EventpollFile(File):
    """An epoll descriptor's open file."""

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable when a watched file is ready (ep_eventpoll_poll)."""
        if table is not None:
            ep: Eventpoll = self.private_data
            table.wait(ep.poll_wait)
        return self.ready(current, 0)

    def ready(self, current: Task, nests: int) -> int:
        """Look at the files that seem ready; what lies deeper than Linux looks never is (ep_poll_readyevents_proc)."""
        ep: Eventpoll = self.private_data
        if nests > EP_MAX_NESTS:
            return 0
        for item in list(ep.rdllist):
            file = item.file
            mask = file.ready(current, nests + 1) if isinstance(file, EventpollFile) else file.poll(current, None)
            if mask & item.events:
                return POLLIN | POLLRDNORM
            # It looked ready and is not any more.
            del ep.rdllist[item]
        return 0

    def release(self, current: Task | None) -> None:
        """Give up all items (ep_free)."""
        ep: Eventpoll = self.private_data
        for item in list(ep.rbr.values()):
            ep_remove(ep, item)


def ep_insert(current: Task, ep: Eventpoll, events: int, data: int, file: File, fd: int) -> None:
    item = Epitem(ep, file, fd, events, data)
    if file.f_ep_links is None:
        file.f_ep_links = {}
    file.f_ep_links[item] = None
    ep.rbr[file, fd] = item
    if file.poll(current, _EpPqueue(current, item)) & events:
        _mark_ready(ep, item)


def _mark_ready(ep: Eventpoll, item: Epitem) -> None:
    if item not in ep.rdllist:
        ep.rdllist[item] = None
        _wake_up(ep, item)


def ep_modify(current: Task, ep: Eventpoll, item: Epitem, events: int, data: int) -> None:
    item.events = events
    item.data = data
    if item.file.poll(current, None) & events:
        _mark_ready(ep, item)


def ep_remove(ep: Eventpoll, item: Epitem) -> None:
    for entry in item.pwqlist:
        wait.remove_wait_queue(entry.whead, entry)
    item.pwqlist.clear()
    if item.file.f_ep_links is not None:
        item.file.f_ep_links.pop(item, None)
    del ep.rbr[item.file, item.fd]
    ep.rdllist.pop(item, None)


def ep_loop_check(ep: Eventpoll, target: Eventpoll) -> bool:
    """Whether watching target from ep would close a circle, or nest too deep."""
    level = {target: None}
    for _ in range(EP_MAX_NESTS):
        if ep in level:
            return True
        # Each once a level: there may be very many ways down.
        level = {
            file.private_data: None for watched in level for file, _ in watched.rbr if isinstance(file, EventpollFile)
        }
        if not level:
            return False
    return True


def ep_send_events(current: Task, ep: Eventpoll, events: UserPtr, maxevents: int) -> int:
    """Hand out what is ready; level-triggered items go back on the list. Raises EFAULT if nothing was handed out."""
    left = len(ep.rdllist)
    count = 0
    while left and count < maxevents:
        # No more at once than there is room for: of very many that are ready most stay where they are.
        ready = list(islice(ep.rdllist, min(left, maxevents - count)))
        left -= len(ready)
        for item in ready:
            del ep.rdllist[item]
            revents = item.file.poll(current, None) & item.events
            if not revents:
                continue
            try:
                uaccess.copy_to_user(current, events, _EVENT.pack(revents, item.data), 12 * count)
            except LinuxError:
                ep.rdllist = {item: None, **ep.rdllist}
                if not count:
                    raise
                return count
            count += 1
            if item.events & EPOLLONESHOT:
                item.events &= EP_PRIVATE_BITS
            elif not item.events & EPOLLET:
                ep.rdllist[item] = None
    return count


async def ep_poll(current: Task, ep: Eventpoll, events: UserPtr, maxevents: int, timeout_ns: int | None) -> int:
    """Wait until something is ready; returns the number of events, 0 after timeout_ns. Raises EINTR, EFAULT."""
    end_ns = None if timeout_ns is None else current.kernel.clock.now_ns + timeout_ns
    slack_ns = select.select_estimate_accuracy(current, end_ns) if timeout_ns else 0
    timed_out = timeout_ns == 0
    while True:
        if not ep.rdllist and not timed_out:
            timed_out = await _ep_wait(current, ep, end_ns, slack_ns)
        if ep.rdllist:
            count = ep_send_events(current, ep, events, maxevents)
            if count:
                return count
        if timed_out:
            return 0


async def _ep_wait(current: Task, ep: Eventpoll, end_ns: int | None, slack_ns: int) -> bool:
    """Sleep as an exclusive waiter until something is ready; returns whether the time is over. Raises EINTR."""
    timed_out = False
    with wait.Waiter(
        current, ep.wq, TASK_INTERRUPTIBLE, "ep_poll", exclusive=True, func=None, errno=Errno.EINTR
    ) as waiter:
        while not ep.rdllist and not timed_out:
            timed_out = await waiter.sleep_until(end_ns, slack_ns)
    return timed_out


# System calls.


@syscall
def sys_epoll_create1(current: Task, flags: EpollCreateArg) -> Fd:
    """Make an epoll object (epoll_create1(2)); raises EINVAL, EMFILE."""
    if flags & ~O_CLOEXEC:
        raise LinuxError(Errno.EINVAL, "epoll_create1: unknown flags")
    ep = Eventpoll(current.kernel)
    return anon_inodes.anon_inode_getfd(current, "[eventpoll]", EventpollFile, ep, O_RDWR | flags)


@syscall
def sys_epoll_create(current: Task, size: Int) -> Fd:
    """Make an epoll object (epoll_create(2)); size means nothing but must be positive."""
    if size <= 0:
        raise LinuxError(Errno.EINVAL, "epoll_create: size")
    return sys_epoll_create1(current, 0)


@syscall
def sys_epoll_ctl(current: Task, epfd: Fd, op: EpollOpArg, fd: Fd, event: EventPtr) -> int:
    """Watch, change or forget a file (epoll_ctl(2)).

    Raises EFAULT, EBADF, EPERM for what cannot be polled, EINVAL, EEXIST, ENOENT, ELOOP.
    """
    events = data = 0
    if op != EPOLL_CTL_DEL:
        events, data = _EVENT.unpack(uaccess.copy_from_user(current, event, 12))
    epfile = fs_file.fget_light(current, epfd)
    file = fs_file.fget_light(current, fd)
    if type(file).poll is File.poll:
        raise LinuxError(Errno.EPERM, "this kind of file is always ready: epoll does not take it")
    if file is epfile or not isinstance(epfile, EventpollFile):
        raise LinuxError(Errno.EINVAL, "not an epoll descriptor")
    ep: Eventpoll = epfile.private_data
    if events & EPOLLEXCLUSIVE:
        events = _check_exclusive(current, op, events, file)
    if op == EPOLL_CTL_ADD and isinstance(file, EventpollFile) and ep_loop_check(ep, file.private_data):
        raise LinuxError(Errno.ELOOP, "epoll descriptors in a circle")

    item = ep.rbr.get((file, fd))
    if op == EPOLL_CTL_ADD:
        if item is not None:
            raise LinuxError(Errno.EEXIST, "watched already")
        ep_insert(current, ep, events | POLLERR | POLLHUP, data, file, fd)
    elif op in (EPOLL_CTL_MOD, EPOLL_CTL_DEL):
        if item is None:
            raise LinuxError(Errno.ENOENT, "not watched")
        if op == EPOLL_CTL_DEL:
            ep_remove(ep, item)
        else:
            if item.events & EPOLLEXCLUSIVE:
                raise LinuxError(Errno.EINVAL, "EPOLLEXCLUSIVE cannot be changed")
            ep_modify(current, ep, item, events | POLLERR | POLLHUP, data)
    else:
        raise LinuxError(Errno.EINVAL, "epoll_ctl: op")
    return 0


def _check_exclusive(current: Task, op: int, events: int, file: File) -> int:
    """Return the events to watch for; raises EINVAL for what does not go with EPOLLEXCLUSIVE, where there is that."""
    if "EPOLLEXCLUSIVE" not in current.kernel.later:
        return events & ~EPOLLEXCLUSIVE
    if op == EPOLL_CTL_MOD or (op == EPOLL_CTL_ADD and (isinstance(file, EventpollFile) or events & ~_EXCLUSIVE_OK)):
        raise LinuxError(Errno.EINVAL, "EPOLLEXCLUSIVE with something else")
    return events


@syscall
async def sys_epoll_wait(current: Task, epfd: Fd, events: EventsPtr, maxevents: Int, timeout: Int) -> int:
    """Wait for watched files to become ready (epoll_wait(2)); never restarted.

    Raises EINVAL, EFAULT, EBADF, EINTR.
    """
    ep = _eventpoll_of(current, epfd, events, maxevents)
    return await ep_poll(current, ep, events, maxevents, None if timeout < 0 else timeout * NSEC_PER_MSEC)


def _eventpoll_of(current: Task, epfd: int, events: UserPtr, maxevents: int) -> Eventpoll:
    """Check what all the calls that wait are given."""
    if not 0 < maxevents <= EP_MAX_EVENTS:
        raise LinuxError(Errno.EINVAL, "epoll_wait: maxevents")
    if not uaccess.user_pointer_ok(current, events, 1):
        raise LinuxError(Errno.EFAULT, "epoll_wait: events")
    file: Any = fs_file.fget_light(current, epfd)
    if not isinstance(file, EventpollFile):
        raise LinuxError(Errno.EINVAL, "not an epoll descriptor")
    ep: Eventpoll = file.private_data
    return ep


@syscall
async def sys_epoll_pwait(
    current: Task, epfd: Fd, events: EventsPtr, maxevents: Int, timeout: Int, sigmask: SigsetIn, sigsetsize: SizeT
) -> int:
    """epoll_wait with another signal mask (epoll_pwait(2))."""
    saved = select.set_user_sigmask(current, sigmask, sigsetsize)
    try:
        ret = await sys_epoll_wait(current, epfd, events, maxevents, timeout)
    except LinuxError as error:
        select.restore_user_sigmask(current, saved, interrupted=error.errno == Errno.EINTR)
        raise
    select.restore_user_sigmask(current, saved, interrupted=False)
    return ret


@later_syscall
async def sys_epoll_pwait2(
    current: Task,
    epfd: Fd,
    events: EventsPtr,
    maxevents: Int,
    timeout: TimeoutArg,
    sigmask: SigsetIn,
    sigsetsize: SizeT,
) -> int:
    """epoll_pwait with nanoseconds, NULL for ever (epoll_pwait2(2))."""
    timeout_ns = time.get_timespec(current, timeout) if timeout else None
    saved = select.set_user_sigmask(current, sigmask, sigsetsize)
    try:
        ep = _eventpoll_of(current, epfd, events, maxevents)
        ret = await ep_poll(current, ep, events, maxevents, timeout_ns)
    except LinuxError as error:
        select.restore_user_sigmask(current, saved, interrupted=error.errno == Errno.EINTR)
        raise
    select.restore_user_sigmask(current, saved, interrupted=False)
    return ret
