"""Telling the owner of an open file of its news by a signal: SIGIO, SIGURG (part of fs/fcntl.c; spec sockets 7).

A file that can do so keeps a list, newest first, of the open files for which O_ASYNC is set; None if there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from procession.include.linux.errno import LinuxError
from procession.include.linux.eventpoll import POLLMSG
from procession.include.linux.fcntl import O_ASYNC
from procession.include.linux.fs import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLRDBAND,
    POLLRDNORM,
    POLLWRBAND,
    POLLWRNORM,
)
from procession.include.linux.pid import PIDTYPE_MAX, PIDTYPE_PGID, PIDTYPE_PID
from procession.include.linux.signal import (
    POLL_ERR,
    POLL_HUP,
    POLL_IN,
    POLL_MSG,
    POLL_OUT,
    POLL_PRI,
    SIGIO,
    SIGURG,
    Siginfo,
)
from procession.kernel import pid as kernel_pid
from procession.kernel import signal_send
from procession.kernel.siginfo import SEND_SIG_PRIV
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task

__all__ = (
    "FasyncList",
    "FasyncStruct",
    "FownStruct",
    "f_delown",
    "f_getown",
    "f_modown",
    "f_setown",
    "fasync_alloc",
    "fasync_helper",
    "fasync_init",
    "fasync_insert_entry",
    "fasync_remove_entry",
    "kill_fasync",
    "send_sigio",
    "send_sigurg",
)

# si_band by si_code.
_BAND_TABLE: Final = {
    POLL_IN: POLLIN | POLLRDNORM,
    POLL_OUT: POLLOUT | POLLWRNORM | POLLWRBAND,
    POLL_MSG: POLLIN | POLLRDNORM | POLLMSG,
    POLL_ERR: POLLERR,
    POLL_PRI: POLLPRI | POLLRDBAND,
    POLL_HUP: POLLHUP | POLLERR,
}


class FownStruct:
    """Who gets SIGIO and SIGURG for a file (struct fown_struct).

    pid: with a reference.  uid, euid: of who made it the owner.  signum: what to send instead of SIGIO, 0 for SIGIO
    without details.
    """

    __slots__ = ("euid", "pid", "pid_type", "signum", "uid")

    def __init__(self) -> None:
        self.pid: Pid | None = None
        self.pid_type: int = PIDTYPE_PID
        self.uid = self.euid = 0
        self.signum = 0


class FasyncStruct:
    """An open file whose owner is told (struct fasync_struct); fa_fd: as which descriptor he knows it."""

    __slots__ = ("fa_fd", "fa_file")

    def __init__(self, fa_file: File, fa_fd: int) -> None:
        self.fa_file = fa_file
        self.fa_fd = fa_fd


FasyncList: TypeAlias = "list[FasyncStruct]"


def fasync_init(k: Kernel) -> None:
    """Make the cache of entries (fcntl_init)."""
    slab.kmem_cache_create(k, "fasync_cache", 48)


# Owners.


def f_delown(k: Kernel, file: File) -> None:
    """Forget the owner."""
    owner = file.f_owner
    if owner is not None and owner.pid is not None:
        kernel_pid.put_pid(k, owner.pid)
        owner.pid = None
        owner.pid_type = PIDTYPE_PID


def f_modown(current: Task, file: File, pid: Pid | None, pid_type: int, *, force: bool) -> None:
    """Make pid, in that role, the owner; without force only if there is none (__f_setown)."""
    owner = file.f_owner
    if owner is None:
        owner = file.f_owner = FownStruct()
    if owner.pid is not None and not force:
        return
    if pid is not None:
        kernel_pid.get_pid(pid)
    kernel_pid.put_pid(current.kernel, owner.pid)
    owner.pid, owner.pid_type = pid, pid_type
    if pid is not None:
        owner.uid, owner.euid = current.cred.uid, current.cred.euid


def f_setown(current: Task, file: File, arg: int) -> None:
    """Make process arg, or process group -arg, the owner; a number that nobody has means none."""
    who = arg - (1 << 32) if arg & 0x80000000 else arg
    pid_type = PIDTYPE_PID
    if who < 0:
        pid_type, who = PIDTYPE_PGID, -who
    f_modown(current, file, kernel_pid.find_vpid(current, who), pid_type, force=True)


def f_getown(current: Task, file: File) -> int:
    """Return the owner as F_SETOWN takes it, 0 if there is none."""
    owner = file.f_owner
    if owner is None:
        return 0
    nr = kernel_pid.pid_vnr(current, owner.pid)
    return -nr if owner.pid_type == PIDTYPE_PGID else nr


# Sending.


def sigio_perm(p: Task, fown: FownStruct) -> bool:
    """Whether who made p the owner may send to it."""
    cred = p.real_cred
    return fown.euid == 0 or fown.euid in (cred.suid, cred.uid) or fown.uid in (cred.suid, cred.uid)


def _owners(fown: FownStruct) -> list[Task]:
    """Return whom a file's news concern: a thread, or the processes of a group, the newest first."""
    if fown.pid is None:
        return []
    pid_type = PIDTYPE_PID if fown.pid_type == PIDTYPE_MAX else fown.pid_type
    return list(reversed(fown.pid.tasks[pid_type] or ()))


def send_sigio(fown: FownStruct, fd: int, band: int) -> None:
    """Tell the owner of a file which kind of news it has: band is POLL_IN and so on, the signal's si_code."""
    group = fown.pid_type != PIDTYPE_MAX
    owners = _owners(fown)
    if not owners:
        return
    with owners[0].kernel.tasklist_lock.read():
        for p in owners:
            _send_sigio_to_task(p, fown, fd, band, group)


def _send_sigio_to_task(p: Task, fown: FownStruct, fd: int, reason: int, group: bool) -> None:
    """Send the signal asked for, with details; SIGIO without any if that is not possible, or none was asked for."""
    if p.sighand is None or not sigio_perm(p, fown):
        return
    signum = fown.signum
    if signum:
        info = Siginfo(signo=signum, code=reason, band=_BAND_TABLE[reason], fd=fd)
        try:
            signal_send.do_send_sig_info(signum, info, p, group)
        except LinuxError:
            pass  # no room in the queue: the plain signal does not need any
        else:
            return
    signal_send.do_send_sig_info(SIGIO, SEND_SIG_PRIV, p, group)


def send_sigurg(fown: FownStruct) -> bool:
    """Send SIGURG to the owner of a socket; returns whether there is one, even one that may not be told."""
    if fown.pid is None:
        return False
    group = fown.pid_type != PIDTYPE_MAX
    owners = _owners(fown)
    if owners:
        with owners[0].kernel.tasklist_lock.read():
            for p in owners:
                if p.sighand is not None and sigio_perm(p, fown):
                    signal_send.do_send_sig_info(SIGURG, SEND_SIG_PRIV, p, group)
    return True


# Lists.


def fasync_remove_entry(file: File, entries: FasyncList | None) -> FasyncList | None:
    """Take file off a list, if it is there; returns the list, None if it is empty now."""
    for fa in entries or ():
        if fa.fa_file is file:
            assert entries is not None
            entries.remove(fa)
            file.inode.i_sb.kernel.caches["fasync_cache"].free()
            file.f_flags &= ~O_ASYNC
            break
    return entries or None


def fasync_alloc(k: Kernel) -> None:
    """Count one more entry, for fasync_insert_entry; raises ENOMEM."""
    k.caches["fasync_cache"].alloc()


def fasync_insert_entry(fd: int, file: File, entries: FasyncList | None) -> FasyncList:
    """Put file on a list, or give the entry that it has another descriptor; returns the list."""
    for fa in entries or ():
        if fa.fa_file is file:
            fa.fa_fd = fd
            file.inode.i_sb.kernel.caches["fasync_cache"].free()
            assert entries is not None
            return entries
    file.f_flags |= O_ASYNC
    return [FasyncStruct(file, fd), *(entries or ())]


def fasync_helper(fd: int, file: File, on: bool, entries: FasyncList | None) -> FasyncList | None:
    """Put file on a list or take it off; returns the list, None for an empty one. Raises ENOMEM."""
    if not on:
        return fasync_remove_entry(file, entries)
    fasync_alloc(file.inode.i_sb.kernel)
    return fasync_insert_entry(fd, file, entries)


def kill_fasync(entries: FasyncList | None, sig: int, band: int) -> None:
    """Tell the owners of all files on a list: sig SIGIO or SIGURG, band POLL_IN and so on."""
    for fa in list(entries or ()):
        fown = fa.fa_file.f_owner
        # Who has asked for no signal of his own gets SIGURG by its own way.
        if fown is not None and not (sig == SIGURG and not fown.signum):
            send_sigio(fown, fa.fa_fd, band)
