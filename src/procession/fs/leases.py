"""Leases: who holds one is told, and given time, before others open the file (part of fs/locks.c; spec files 4).

Differs: the time that a holder has ends to the nanosecond; who waits for a reader's sake sleeps until then, where 3.2
looks at each tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import fasync, locks
from procession.fs.locks import FL_LEASE, FileLock
from procession.include.linux.cred import CAP_LEASE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import F_RDLCK, F_UNLCK, F_WRLCK, O_ACCMODE, O_NONBLOCK
from procession.include.linux.fs import S_IFMT, S_IFREG
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import POLL_MSG, SIGIO
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.undo import Undo
from procession.kernel import capability, pid, wait

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.sched import Task

__all__ = ("break_lease", "fcntl_getlease", "fcntl_setlease")

# Whose names are kept in being by one reference more than open files have, so that nobody is ever the only user.
_PINNED: Final = ("rootfs", "ramfs", "tmpfs", "devtmpfs")


def _leases(inode: Inode) -> list[FileLock]:
    """Return the leases on a file: they come before its other locks."""
    return [fl for fl in inode.i_flock or () if fl.fl_flags & FL_LEASE]


def _own(file: File) -> FileLock | None:
    return next((fl for fl in _leases(file.inode) if fl.fl_file is file), None)


def _release(file: File) -> None:
    """A lock structure for a lease on file is freed: the owner goes with it (lease_release_private_callback)."""
    fasync.f_delown(file.inode.i_sb.kernel, file)
    if file.f_owner is not None:
        file.f_owner.signum = 0


def lease_modify(inode: Inode, fl: FileLock, arg: int) -> None:
    """Make fl a lease of another kind, or with F_UNLCK none at all; who waited for that tries again."""
    fl.fl_type = arg
    if arg == F_UNLCK:
        fl.fl_break_ns = None
    if arg != F_WRLCK:
        fl.fl_downgrade_ns = None
        fl.fl_flags &= ~locks.FL_DOWNGRADE_PENDING
    if arg == F_UNLCK:
        fl.fl_flags &= ~locks.FL_UNLOCK_PENDING
    locks.locks_wake_up_blocks(fl)
    if arg != F_UNLCK:
        return
    file = fl.fl_file
    assert file is not None
    fl.fl_fasync = fasync.fasync_remove_entry(file, fl.fl_fasync)
    locks.locks_delete_lock(inode, fl)
    _release(file)


def time_out_leases(inode: Inode) -> None:
    """Do to the leases whose holders had their time what they did not do themselves."""
    now_ns = inode.i_sb.kernel.clock.now_ns
    for fl in _leases(inode):
        if fl.fl_downgrade_ns is not None and now_ns >= fl.fl_downgrade_ns:
            lease_modify(inode, fl, F_RDLCK)
        if fl.fl_break_ns is not None and now_ns >= fl.fl_break_ns:
            lease_modify(inode, fl, F_UNLCK)


# Breaking.


async def break_lease(current: Task, inode: Inode, mode: int) -> None:
    """Have the leases given up that stand against opening the file with mode, open(2)'s flags.

    Raises EWOULDBLOCK with O_NONBLOCK, or if current holds one of them itself; ERESTARTSYS, ENOMEM.
    """
    if not _leases(inode):
        return
    k = current.kernel
    want_write = mode & O_ACCMODE != 0
    cache = k.caches["file_lock_cache"]
    cache.alloc()
    try:
        new_fl = FileLock(FL_LEASE, current.files, current.tgid, None, F_WRLCK if want_write else F_RDLCK)
        time_out_leases(inode)
        flock = next(iter(_leases(inode)), None)
        if flock is None or F_WRLCK not in (flock.fl_type, new_fl.fl_type):
            return
        i_have_this_lease = current.files in [fl.fl_owner for fl in _leases(inode)]
        _tell_holders(inode, want_write)
        if i_have_this_lease or mode & O_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "a lease is in the way")
        while flock is not None:
            await _wait_for_holder(current, flock, new_fl)
            time_out_leases(inode)
            flock = next((fl for fl in _leases(inode) if F_WRLCK in (fl.fl_type, new_fl.fl_type)), None)
    finally:
        cache.free()


def _tell_holders(inode: Inode, want_write: bool) -> None:
    """Mark every lease of the file, and tell the holders of those that were not marked before (lm_break)."""
    vfs = inode.i_sb.kernel.vfs
    until_ns = None
    if vfs.lease_break_time > 0:
        until_ns = inode.i_sb.kernel.clock.now_ns + vfs.lease_break_time * NSEC_PER_SEC
    held = _leases(inode)
    for fl in held:
        if want_write:
            if fl.fl_flags & locks.FL_UNLOCK_PENDING:
                continue
            fl.fl_flags |= locks.FL_UNLOCK_PENDING
            fl.fl_break_ns = until_ns
        else:
            if locks.lease_breaking(held[0]):
                continue
            fl.fl_flags |= locks.FL_DOWNGRADE_PENDING
            fl.fl_downgrade_ns = until_ns
        fasync.kill_fasync(fl.fl_fasync, SIGIO, POLL_MSG)


async def _wait_for_holder(current: Task, flock: FileLock, new_fl: FileLock) -> None:
    """Sleep until the holder of a lease has changed it, or has had his time; raises ERESTARTSYS."""
    until_ns = flock.fl_break_ns if flock.fl_break_ns is not None else flock.fl_downgrade_ns
    if new_fl.fl_wait is None:
        new_fl.fl_wait = current.kernel.wait_queue_head("file_lock->fl_wait")
    locks.locks_insert_block(flock, new_fl)
    try:
        with wait.Waiter(current, new_fl.fl_wait, TASK_INTERRUPTIBLE, "__break_lease") as waiter:
            late = False
            while new_fl.is_blocked() and not late:
                late = await waiter.sleep_until(until_ns)
    finally:
        locks.locks_delete_block(new_fl)


# fcntl.


def fcntl_getlease(file: File) -> int:
    """F_GETLEASE: return which lease the open file has, or is going to have if it is being broken."""
    time_out_leases(file.inode)
    fl = _own(file)
    if fl is None or fl.fl_flags & locks.FL_UNLOCK_PENDING:
        return F_UNLCK
    return F_RDLCK if fl.fl_flags & locks.FL_DOWNGRADE_PENDING else fl.fl_type


def fcntl_setlease(current: Task, fd: int, file: File, arg: int) -> None:
    """F_SETLEASE: take, change or give up a lease; who has no owner yet is told by signals.

    Raises EINVAL, EACCES, EAGAIN, ENOMEM. A request for one that fails takes owner and signal away all the same.
    """
    if arg == F_UNLCK:
        _may_lease(current, file)
        fl = _own(file)
        if fl is None:
            raise LinuxError(Errno.EAGAIN, "no lease")
        lease_modify(file.inode, fl, F_UNLCK)
        return
    if arg not in (F_RDLCK, F_WRLCK):
        raise LinuxError(Errno.EINVAL, "kind of a lease")
    cache = current.kernel.caches["file_lock_cache"]
    cache.alloc()
    lease = FileLock(FL_LEASE, current.files, current.tgid, file, arg)
    with Undo() as undo:
        undo.push((_release, file))
        undo.push((cache.free,))
        fasync.fasync_alloc(current.kernel)
        undo.push((current.kernel.caches["fasync_cache"].free,))
        _may_lease(current, file)
        fl = _add_lease(current, file, arg, lease)
    if fl is not lease:
        cache.free()
        _release(file)
    fl.fl_fasync = fasync.fasync_insert_entry(fd, file, fl.fl_fasync)
    fasync.f_modown(current, file, pid.task_pid(current), PIDTYPE_PID, force=False)


def _may_lease(current: Task, file: File) -> None:
    """Check who asks, and for what kind of file; raises EACCES, EINVAL."""
    inode = file.inode
    if current.cred.fsuid != inode.i_uid and not capability.capable(current, CAP_LEASE):
        raise LinuxError(Errno.EACCES, "a lease on somebody else's file")
    if inode.i_mode & S_IFMT != S_IFREG:
        raise LinuxError(Errno.EINVAL, "a lease on what is no regular file")
    time_out_leases(inode)


def _add_lease(current: Task, file: File, arg: int, lease: FileLock) -> FileLock:
    """Insert the lease, or change the one that the open file has; returns that (generic_add_lease).

    Raises EAGAIN, EINVAL if there are to be none.
    """
    inode = file.inode
    if arg == F_RDLCK and inode.i_writecount > 0:
        raise LinuxError(Errno.EAGAIN, "open for writing")
    if arg == F_WRLCK and (inode.i_count > 1 or inode.i_sb.s_type in _PINNED):
        raise LinuxError(Errno.EAGAIN, "somebody else uses the file")
    mine: FileLock | None = None
    held = _leases(inode)
    for fl in held:
        if fl.fl_file is file:
            mine = fl
        elif arg == F_WRLCK or fl.fl_flags & locks.FL_UNLOCK_PENDING:
            raise LinuxError(Errno.EAGAIN, "somebody else has a lease")
    if mine is not None:
        lease_modify(inode, mine, arg)
        return mine
    if not current.kernel.vfs.leases_enable:
        raise LinuxError(Errno.EINVAL, "fs.leases-enable")
    locks.locks_insert_lock(inode, lease, len(held))
    return lease
