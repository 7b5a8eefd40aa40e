"""signalfd: signals taken by read(2) (fs/signalfd.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import anon_inodes
from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.eventpoll import SfdArg
from procession.include.linux.fcntl import O_CLOEXEC, O_NONBLOCK, O_RDWR
from procession.include.linux.fs import POLLIN, File
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import CLD_CONTINUED, SIG_KERNEL_ONLY_MASK, SigsetIn
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, SizeT, UserPtr
from procession.kernel import signal_queue, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import Siginfo
    from procession.include.linux.wait import WaitQueueHead

__all__ = ("SignalfdFile", "sys_signalfd", "sys_signalfd4")

ALL_SIGNALS: Final = (1 << 64) - 1
SIZEOF_SIGINFO: Final = 128
# signo errno code pid uid fd tid band overrun trapno status int ptr utime stime addr
_SIGINFO: Final = struct.Struct("<IiiIIiIIIIiiQQQQ48x")
_RT: Final = struct.Struct("<iIQ")  # pid, uid, value: of the union in siginfo_t


def _wqh(current: Task) -> WaitQueueHead:
    """Return the queue that signals for current's process are announced on."""
    sighand = current.sighand
    assert sighand is not None
    if sighand.signalfd_wqh is None:
        sighand.signalfd_wqh = current.kernel.wait_queue_head("signalfd_wqh")
    return sighand.signalfd_wqh


class SignalfdFile(File):
    """A signalfd's open file; private_data is the set of signals it does not take."""

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable if one of the signals is pending for the task that asks."""
        if table is not None:
            table.wait(_wqh(current))
        blocked: int = self.private_data
        wanted = ~blocked
        pending = current.pending.signal | current.signal.shared_pending.signal
        return POLLIN if pending & wanted & ALL_SIGNALS else 0

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Take as many signals as fit, waiting for the first. Raises EINVAL, EAGAIN, ERESTARTSYS, EFAULT."""
        slots = count // SIZEOF_SIGINFO
        if not slots:
            raise LinuxError(Errno.EINVAL, "signalfd: 128 bytes each")
        nonblock = bool(self.f_flags & O_NONBLOCK)
        total = 0
        while slots:
            info = await self._dequeue(current, nonblock=nonblock or total > 0)
            if info is None:
                break
            try:
                uaccess.copy_to_user(current, buf, signalfd_siginfo(info), total)
            except LinuxError:
                if not total:
                    raise
                break
            total += SIZEOF_SIGINFO
            slots -= 1
        if not total:
            raise LinuxError(Errno.EAGAIN, "no signal")
        return total

    async def _dequeue(self, current: Task, *, nonblock: bool) -> Siginfo | None:
        """Take one signal (signalfd_dequeue); None if there is none and nonblock is set."""
        info = _take_signal(current, self.private_data)
        if info is not None or nonblock:
            return info
        with wait.Waiter(current, _wqh(current), TASK_INTERRUPTIBLE, "signalfd_dequeue") as waiter:
            while (info := _take_signal(current, self.private_data)) is None:
                await waiter.sleep()
        return info


def _take_signal(current: Task, mask: int) -> Siginfo | None:
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        return signal_queue.dequeue_signal(current, mask)


def signalfd_siginfo(info: Siginfo) -> bytes:
    """Return struct signalfd_siginfo: of the union, the members that the signal fills (signalfd_copyinfo)."""
    signo, code = int(info.signo), int(info.code)
    pid = uid = fd = tid = band = overrun = status = value = ptr = utime = stime = 0
    if info.raw:
        # A program's own siginfo: its code has no class, so that 3.2 takes it for kill's, or sigqueue's if negative.
        pid, uid, sent = _RT.unpack_from(info.raw, 16)
        if code < 0:
            ptr, value = sent, _int(sent)
    elif info.band and code > 0:  # a file's news, whatever the signal
        band, fd = info.band, info.fd
    elif info.pid and 0 < code <= CLD_CONTINUED:  # a child, whatever its exit signal
        pid, uid, status, utime, stime = info.pid, info.uid, info.status, info.utime, info.stime
    elif code == -2:  # SI_TIMER
        tid, overrun, ptr, value = info.tid, info.overrun, info.value, _int(info.value)
    elif code >= 0 or code == -6:  # kill, tgkill; a fault is never blocked, so that none is read here
        pid, uid = info.pid, info.uid
    else:  # sigqueue, message queues and the like
        pid, uid, ptr, value = info.pid, info.uid, info.value, _int(info.value)
    return _SIGINFO.pack(
        signo,
        info.errno,
        code,
        pid & 0xFFFFFFFF,
        uid & 0xFFFFFFFF,
        fd,
        tid,
        band & 0xFFFFFFFF,
        overrun,
        0,
        status,
        value,
        ptr & ALL_SIGNALS,
        utime,
        stime,
        0,
    )


def _int(value: int) -> int:
    """The low half of a sigval as a C int."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


@syscall
def sys_signalfd4(current: Task, ufd: Fd, user_mask: SigsetIn, sizemask: SizeT, flags: SfdArg) -> Fd:
    """Make a descriptor that reads the signals in the set, or give ufd another set (signalfd4(2)).

    Raises EINVAL, also for a bad address, EBADF, EMFILE.
    """
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise LinuxError(Errno.EINVAL, "signalfd4: unknown flags")
    if sizemask != 8:
        raise LinuxError(Errno.EINVAL, "size of sigset_t")
    try:
        wanted = uaccess.get_user(current, user_mask, 8)
    except LinuxError:
        raise LinuxError(Errno.EINVAL, "signalfd4: bad address") from None
    mask = ~(wanted & ~SIG_KERNEL_ONLY_MASK) & ALL_SIGNALS
    if ufd == -1:
        return anon_inodes.anon_inode_getfd(current, "[signalfd]", SignalfdFile, mask, O_RDWR | flags)
    file = fs_file.fget_light(current, ufd)
    if not isinstance(file, SignalfdFile):
        raise LinuxError(Errno.EINVAL, "not a signalfd")
    file.private_data = mask
    wait.wake_up(_wqh(current))
    return ufd


@syscall
def sys_signalfd(current: Task, ufd: Fd, user_mask: SigsetIn, sizemask: SizeT) -> Fd:
    """signalfd4 without flags (signalfd(2))."""
    return sys_signalfd4(current, ufd, user_mask, sizemask, 0)
