"""File locks: flock(2)'s belong to open files, fcntl(2)'s record locks to processes (fs/locks.c; spec files 5).

Leases are in fs/leases.py.

Differs: what a request needs beside the locks that it makes is not counted as memory.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import fasync, file_table
from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_RDLCK,
    F_SETLKW,
    F_UNLCK,
    F_WRLCK,
    LOCK_EX,
    LOCK_MAND,
    LOCK_NB,
    LOCK_SH,
    LOCK_UN,
    MS_MANDLOCK,
    O_NONBLOCK,
    FlockArg,
)
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, S_ISGID, S_IXGRP
from procession.include.linux.mm_types import VM_SHARED
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, UserPtr
from procession.include.linux.undo import Undo
from procession.kernel import pid, wait
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.fs.fasync import FasyncList
    from procession.include.linux.fdtable import FilesStruct
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.slab import KmemCache
    from procession.include.linux.wait import WaitQueueHead

__all__ = (
    "FileLock",
    "fcntl_getlk",
    "fcntl_setlk",
    "filelock_init",
    "lease_breaking",
    "locks_delete_block",
    "locks_delete_lock",
    "locks_insert_block",
    "locks_insert_lock",
    "locks_mandatory_area",
    "locks_remove_flock",
    "locks_remove_posix",
    "locks_verify_locked",
    "locks_verify_truncate",
    "locks_wake_up_blocks",
    "mandatory_lock",
    "posix_lock_file",
    "rw_verify_locks",
    "sys_flock",
)

FL_POSIX: Final = 1
FL_FLOCK: Final = 2
FL_LEASE: Final = 32
FL_DOWNGRADE_PENDING: Final = 256  # a lease to write is to become one to read
FL_UNLOCK_PENDING: Final = 512  # a lease is to go
OFFSET_MAX: Final = (1 << 63) - 1
OFD_PID: Final = -1  # fl_pid of an open file's
MAX_DEADLK_ITERATIONS: Final = 10
_FLOCK: Final = struct.Struct("<hh4xqqi4x")


class FileLock:
    """One lock, held or waited for (struct file_lock).

    fl_next: the lock that stands in the way of one that waits.  fl_block: those that wait for this one, oldest first.
    fl_file: None for one who waits for a lease to be given up.

    Of leases: fl_fasync: who is told that it has to be.  fl_downgrade_ns, fl_break_ns: until when, None for any time.
    """

    __slots__ = (
        "fl_block",
        "fl_break_ns",
        "fl_downgrade_ns",
        "fl_end",
        "fl_fasync",
        "fl_file",
        "fl_flags",
        "fl_next",
        "fl_owner",
        "fl_pid",
        "fl_start",
        "fl_type",
        "fl_wait",
    )

    def __init__(
        self, kind: int, owner: object, pid: int, file: File | None, type: int, start: int = 0, end: int = OFFSET_MAX
    ) -> None:
        self.fl_flags = kind
        self.fl_fasync: FasyncList | None = None
        self.fl_downgrade_ns: int | None = None
        self.fl_break_ns: int | None = None
        self.fl_owner = owner
        self.fl_pid = pid
        self.fl_file = file
        self.fl_type = type
        self.fl_start = start
        self.fl_end = end
        self.fl_next: FileLock | None = None
        self.fl_block: dict[FileLock, None] = {}
        self.fl_wait: WaitQueueHead | None = None

    def is_blocked(self) -> bool:
        """Whether another lock stands in the way."""
        return self.fl_next is not None


def filelock_init(k: Kernel) -> None:
    """Make the cache of locks."""
    slab.kmem_cache_create(k, "file_lock_cache", 192)


def _locks_of(inode: Inode) -> list[FileLock]:
    if inode.i_flock is None:
        inode.i_flock = []
    return inode.i_flock


def lease_breaking(fl: FileLock) -> bool:
    """Whether the holder of a lease was told that somebody wants to open the file."""
    return fl.fl_flags & (FL_UNLOCK_PENDING | FL_DOWNGRADE_PENDING) != 0


def locks_insert_lock(inode: Inode, fl: FileLock, at: int) -> None:
    """Make fl, which was counted, the file's lock number at."""
    _locks_of(inode).insert(at, fl)


def locks_delete_lock(inode: Inode, fl: FileLock) -> None:
    """Take a lock away, and let those who wait for it try again."""
    assert inode.i_flock is not None
    inode.i_flock.remove(fl)
    locks_wake_up_blocks(fl)
    if not inode.i_flock:
        inode.i_flock = None
    inode.i_sb.kernel.caches["file_lock_cache"].free()


# Waiting for a lock.


def locks_insert_block(blocker: FileLock, waiter: FileLock) -> None:
    """Note that waiter waits for blocker."""
    waiter.fl_next = blocker
    blocker.fl_block[waiter] = None


def locks_wake_up_blocks(blocker: FileLock) -> None:
    """Let those who wait for blocker try again."""
    for waiter in list(blocker.fl_block):
        locks_delete_block(waiter)
        if waiter.fl_wait is not None:
            wait.wake_up(waiter.fl_wait)


def locks_delete_block(waiter: FileLock) -> None:
    """Note that waiter waits for nobody, if it did."""
    if waiter.fl_next is not None:
        waiter.fl_next.fl_block.pop(waiter, None)
        waiter.fl_next = None


async def _lock_wait(current: Task, fl: FileLock, attempt: Callable[[], FileLock | None], wchan: str) -> None:
    """Try until no lock stands in the way; raises ERESTARTSYS, and what attempt does."""
    while True:
        blocker = attempt()
        if blocker is None:
            return
        if fl.fl_wait is None:
            fl.fl_wait = current.kernel.wait_queue_head("file_lock->fl_wait")
        locks_insert_block(blocker, fl)
        try:
            with wait.Waiter(current, fl.fl_wait, TASK_INTERRUPTIBLE, wchan) as waiter:
                while fl.is_blocked():
                    await waiter.sleep()
        finally:
            locks_delete_block(fl)


# flock.


def flock_lock_file(inode: Inode, fl: FileLock) -> FileLock | None:
    """Take, convert or drop a flock lock; returns the lock that is in the way.

    Converting drops the old lock first: another waiter may come in between, as flock(2) warns.
    """
    for old in inode.i_flock or ():
        if old.fl_flags == FL_FLOCK and old.fl_file is fl.fl_file:
            if old.fl_type == fl.fl_type:
                return None
            locks_delete_lock(inode, old)
            break
    if fl.fl_type == F_UNLCK:
        return None
    for other in inode.i_flock or ():
        if other.fl_flags == FL_FLOCK and F_WRLCK in (other.fl_type, fl.fl_type):
            blocker: FileLock = other
            return blocker
    inode.i_sb.kernel.caches["file_lock_cache"].alloc()
    new = FileLock(FL_FLOCK, fl.fl_owner, fl.fl_pid, fl.fl_file, fl.fl_type)
    _locks_of(inode).append(new)
    return None


@syscall
async def sys_flock(current: Task, fd: Fd, cmd: FlockArg) -> int:
    """Lock a whole file for its open file description (flock(2)).

    Raises EBADF, EINVAL, EAGAIN with LOCK_NB, ERESTARTSYS.
    """
    file = fs_file.fget_light(current, fd)
    can_sleep = not cmd & LOCK_NB
    cmd &= ~LOCK_NB
    if cmd != LOCK_UN and not cmd & LOCK_MAND and not file.f_mode & (FMODE_READ | FMODE_WRITE):
        raise LinuxError(Errno.EBADF, "opened for neither reading nor writing")
    types = {LOCK_SH: F_RDLCK, LOCK_EX: F_WRLCK, LOCK_UN: F_UNLCK}
    if cmd not in types:
        raise LinuxError(Errno.EINVAL, "flock: operation")
    fl = FileLock(FL_FLOCK, file, current.tgid, file, types[cmd])
    inode = file.inode
    if not can_sleep:
        if flock_lock_file(inode, fl) is not None:
            raise LinuxError(Errno.EAGAIN, "locked by somebody else")
        return 0
    current.held.append(file_table.get_file(file))
    try:
        await _lock_wait(current, fl, lambda: flock_lock_file(inode, fl), "flock_lock_file_wait")
    finally:
        current.held.pop()
        file_table.fput(current, file)
    return 0


def locks_remove_flock(file: File) -> None:
    """The open file is gone: drop its flock lock and its lease."""
    inode = file.f_path.dentry.d_inode
    if inode.i_flock is None:
        return
    for fl in list(inode.i_flock):
        if fl.fl_file is not file:
            continue
        if fl.fl_flags & FL_LEASE:
            fl.fl_fasync = fasync.fasync_remove_entry(file, fl.fl_fasync)
        locks_delete_lock(inode, fl)


# Record locks.


def _posix_conflict(inode: Inode, fl: FileLock) -> FileLock | None:
    """Return the first lock of another owner that fl cannot coexist with."""
    for other in inode.i_flock or ():
        if (
            other.fl_flags == FL_POSIX
            and other.fl_owner is not fl.fl_owner
            and other.fl_end >= fl.fl_start
            and fl.fl_end >= other.fl_start
            and F_WRLCK in (other.fl_type, fl.fl_type)
        ):
            blocker: FileLock = other
            return blocker
    return None


def posix_locks_deadlock(current: Task, fl: FileLock, blocker: FileLock) -> bool:
    """Whether the owner of blocker, directly or through others, waits for fl's owner."""
    waiting = current.kernel.vfs.blocked_posix_locks
    held = blocker
    for _ in range(MAX_DEADLK_ITERATIONS):
        owner = held.fl_owner
        behind = next((w.fl_next for w in waiting if w.fl_next is not None and w.fl_owner is owner), None)
        if behind is None:
            return False
        held = behind
        if held.fl_owner is fl.fl_owner:
            return True
    return False


def posix_lock_file(inode: Inode, fl: FileLock) -> None:
    """Make fl's range what fl says, for its owner: neighbours of the same type become one, others are cut.

    The caller has seen that nobody else is in the way.
    """
    mine = [o for o in inode.i_flock or () if o.fl_flags == FL_POSIX and o.fl_owner is fl.fl_owner]
    start, end = fl.fl_start, fl.fl_end
    gone: list[FileLock] = []
    rest: list[FileLock] = []
    for old in mine:
        if old.fl_type == fl.fl_type:
            # Adjacent locks of one type count as touching.
            if old.fl_end < start - 1 or (end < OFFSET_MAX and old.fl_start > end + 1):
                continue
            start, end = min(start, old.fl_start), max(end, old.fl_end)
            gone.append(old)
        elif old.fl_end >= fl.fl_start and old.fl_start <= fl.fl_end:
            if old.fl_start < fl.fl_start:
                rest.append(_part(old, old.fl_start, fl.fl_start - 1))
            if old.fl_end > fl.fl_end:
                rest.append(_part(old, fl.fl_end + 1, old.fl_end))
            gone.append(old)
    if fl.fl_type != F_UNLCK:
        rest.append(FileLock(FL_POSIX, fl.fl_owner, fl.fl_pid, fl.fl_file, fl.fl_type, start, end))
    if not gone and not rest:
        return
    cache = inode.i_sb.kernel.caches["file_lock_cache"]
    _alloc_locks(cache, len(rest))
    locks = _locks_of(inode)
    for old in gone:
        locks.remove(old)
    # Kept by owner, then by start, as /proc/locks and F_GETLK see them.
    for new in sorted(rest, key=lambda lock: lock.fl_start):
        locks.insert(_place(locks, new), new)
    if not locks:
        inode.i_flock = None
    for old in gone:
        cache.free()
        locks_wake_up_blocks(old)


def _alloc_locks(cache: KmemCache, count: int) -> None:
    """Count count locks more; raises ENOLCK."""
    with Undo() as undo:
        for _ in range(count):
            try:
                cache.alloc()
            except LinuxError:
                raise LinuxError(Errno.ENOLCK, "no memory for a lock") from None
            undo.push((cache.free,))


def _part(old: FileLock, start: int, end: int) -> FileLock:
    return FileLock(FL_POSIX, old.fl_owner, old.fl_pid, old.fl_file, old.fl_type, start, end)


def _place(locks: list[FileLock], new: FileLock) -> int:
    """Return where new belongs: among its owner's locks by start, else at the end."""
    at = len(locks)
    for i, lock in enumerate(locks):
        if lock.fl_flags == FL_POSIX and lock.fl_owner is new.fl_owner:
            if lock.fl_start > new.fl_start:
                return i
            at = i + 1
    return at


def _flock_to_posix_lock(current: Task, file: File, raw: bytes, *, ofd: bool = False) -> FileLock:
    """Return the lock that a struct flock describes, an open file's with ofd; raises EINVAL, EOVERFLOW."""
    type, whence, l_start, l_len, l_pid = _FLOCK.unpack(raw)
    if ofd and l_pid:
        raise LinuxError(Errno.EINVAL, "flock: l_pid")
    if whence == 0:
        start = 0
    elif whence == 1:
        start = file.f_pos
    elif whence == 2:
        start = file.inode.i_size
    else:
        raise LinuxError(Errno.EINVAL, "flock: l_whence")
    start += l_start
    if start < 0:
        raise LinuxError(Errno.EINVAL, "flock: before the start of the file")
    end = OFFSET_MAX
    if l_len > 0:
        end = start + l_len - 1
    elif l_len < 0:
        end = start - 1
        start += l_len
        if start < 0:
            raise LinuxError(Errno.EINVAL, "flock: before the start of the file")
    if end > OFFSET_MAX:
        raise LinuxError(Errno.EOVERFLOW, "flock: range")
    if type not in (F_RDLCK, F_WRLCK, F_UNLCK):
        raise LinuxError(Errno.EINVAL, "flock: l_type")
    if ofd:
        return FileLock(FL_POSIX, file, OFD_PID, file, type, start, end)
    return FileLock(FL_POSIX, current.files, current.tgid, file, type, start, end)


def fcntl_getlk(current: Task, file: File, ptr: UserPtr, *, ofd: bool = False) -> int:
    """F_GETLK, or with ofd F_OFD_GETLK: tell which lock would be in the way; raises EFAULT, EINVAL, EOVERFLOW."""
    raw = uaccess.copy_from_user(current, ptr, 32)
    fl = _flock_to_posix_lock(current, file, raw, ofd=ofd)
    if fl.fl_type == F_UNLCK:
        raise LinuxError(Errno.EINVAL, "F_GETLK of an unlock")
    found = _posix_conflict(file.inode, fl)
    if found is None:
        uaccess.put_user(current, ptr, F_UNLCK, 2)
        return 0
    length = 0 if found.fl_end == OFFSET_MAX else found.fl_end - found.fl_start + 1
    owner = _vnr(current, found)
    uaccess.copy_to_user(current, ptr, _FLOCK.pack(found.fl_type, 0, found.fl_start, length, owner)[:28])
    return 0


def _vnr(current: Task, fl: FileLock) -> int:
    """Return the owner's number as current sees it, 0 if it does not, -1 if it is no process."""
    if fl.fl_pid == OFD_PID:
        return OFD_PID
    init_pid_ns = current.kernel.init_pid_ns
    owner = init_pid_ns.pids.get(fl.fl_pid)
    if owner is not None:
        return pid.pid_vnr(current, owner)
    return fl.fl_pid if pid.task_active_pid_ns(current) is init_pid_ns else 0


def _mapping_writably_mapped(inode: Inode) -> bool:
    return any(vma.vm_flags & VM_SHARED for vma in inode.i_mmap)


async def fcntl_setlk(current: Task, file: File, cmd: int, ptr: UserPtr) -> int:
    """F_SETLK and F_SETLKW, F_OFD_SETLK and F_OFD_SETLKW: set or clear a record lock.

    Raises EFAULT, EINVAL, EOVERFLOW, EBADF for the wrong open mode, EAGAIN (F_SETLK), EDEADLK, ERESTARTSYS.
    """
    raw = uaccess.copy_from_user(current, ptr, 32)
    if mandatory_lock(file.inode) and _mapping_writably_mapped(file.inode):
        raise LinuxError(Errno.EAGAIN, "mapped to be written, past any mandatory lock")
    ofd = cmd in (F_OFD_SETLK, F_OFD_SETLKW)
    fl = _flock_to_posix_lock(current, file, raw, ofd=ofd)
    if (fl.fl_type == F_RDLCK and not file.f_mode & FMODE_READ) or (
        fl.fl_type == F_WRLCK and not file.f_mode & FMODE_WRITE
    ):
        raise LinuxError(Errno.EBADF, "open mode does not allow this lock")
    inode = file.inode

    def attempt() -> FileLock | None:
        blocker = _posix_conflict(inode, fl) if fl.fl_type != F_UNLCK else None
        if blocker is None:
            posix_lock_file(inode, fl)
            return None
        if cmd == F_SETLKW and posix_locks_deadlock(current, fl, blocker):
            raise LinuxError(Errno.EDEADLK, "F_SETLKW would wait for itself")
        return blocker

    if cmd not in (F_SETLKW, F_OFD_SETLKW):
        if attempt() is not None:
            raise LinuxError(Errno.EAGAIN, "locked by somebody else")
        return 0
    blocked = current.kernel.vfs.blocked_posix_locks
    current.held.append(file_table.get_file(file))
    blocked[fl] = None
    try:
        await _lock_wait(current, fl, attempt, "fcntl_setlk")
    finally:
        del blocked[fl]
        current.held.pop()
        file_table.fput(current, file)
    return 0


# Mandatory locks.


def mandatory_lock(inode: Inode) -> bool:
    """Whether locks bind those, too, who do not ask for any."""
    return inode.i_sb.s_flags & MS_MANDLOCK != 0 and inode.i_mode & (S_ISGID | S_IXGRP) == S_ISGID


def locks_verify_locked(current: Task, inode: Inode) -> None:
    """Raise EAGAIN if locks of somebody else bind those who empty the file or map it."""
    for fl in inode.i_flock or () if mandatory_lock(inode) else ():
        if fl.fl_flags == FL_POSIX and fl.fl_owner is not current.files:
            raise LinuxError(Errno.EAGAIN, "a mandatory lock")


async def locks_mandatory_area(
    current: Task, inode: Inode, file: File | None, offset: int, count: int, *, write: bool
) -> None:
    """Wait until no lock of somebody else forbids what is to be done to count bytes at offset.

    Raises EAGAIN without a file, or if it is O_NONBLOCK; EDEADLK, ERESTARTSYS.
    """
    fl = FileLock(
        FL_POSIX, current.files, current.tgid, file, F_WRLCK if write else F_RDLCK, offset, offset + count - 1
    )
    sleep = file is not None and not file.f_flags & O_NONBLOCK

    def attempt() -> FileLock | None:
        blocker = _posix_conflict(inode, fl) if mandatory_lock(inode) else None
        if blocker is not None and not sleep:
            raise LinuxError(Errno.EAGAIN, "a mandatory lock")
        if blocker is not None and posix_locks_deadlock(current, fl, blocker):
            raise LinuxError(Errno.EDEADLK, "a mandatory lock would be waited for by itself")
        return blocker

    blocked = current.kernel.vfs.blocked_posix_locks
    blocked[fl] = None
    if file is not None:
        current.held.append(file_table.get_file(file))
    try:
        await _lock_wait(current, fl, attempt, "locks_mandatory_area")
    finally:
        del blocked[fl]
        if file is not None:
            current.held.pop()
            file_table.fput(current, file)


async def locks_verify_truncate(current: Task, inode: Inode, file: File | None, size: int) -> None:
    """Wait until no lock forbids to change the bytes between the old size and the new; raises as above."""
    if inode.i_flock and mandatory_lock(inode):
        old = inode.i_size
        await locks_mandatory_area(current, inode, file, min(size, old), abs(size - old), write=True)


async def rw_verify_locks(current: Task, file: File, pos: int, count: int, *, write: bool) -> None:
    """Wait until no lock forbids to read or write count bytes at pos; raises as above."""
    inode = file.f_path.dentry.d_inode
    if inode.i_flock and mandatory_lock(inode):
        await locks_mandatory_area(current, inode, file, pos, count, write=write)


def locks_remove_posix(file: File, owner: FilesStruct | None) -> None:
    """The process closed a descriptor of the file: all its record locks there are gone."""
    inode = file.f_path.dentry.d_inode
    if inode.i_flock is None:
        return
    for fl in list(inode.i_flock):
        if fl.fl_flags == FL_POSIX and fl.fl_owner is owner:
            locks_delete_lock(inode, fl)
