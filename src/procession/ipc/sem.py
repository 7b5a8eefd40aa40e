"""Semaphores (ipc/sem.c; spec ipc 4). What processes take back of them is in sem_undo.py."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IRUGO, S_IRWXUGO, S_IWUGO
from procession.include.linux.ipc import IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, GetFlagsArg, KeyArg
from procession.include.linux.ipc_namespace import IPC_SEM_IDS
from procession.include.linux.jiffies import timespec_to_jiffies
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state, signal_pending
from procession.include.linux.sem import (
    GETALL,
    GETNCNT,
    GETPID,
    GETVAL,
    GETZCNT,
    SEM_INFO,
    SEM_STAT,
    SEM_UNDO,
    SEMAEM,
    SEMBUF,
    SEMINFO,
    SEMMAP,
    SEMMNU,
    SEMUME,
    SEMUSZ,
    SEMVMX,
    SETALL,
    SETVAL,
    SemArray,
    SembufsArg,
    SemctlCmdArg,
    SemQueue,
    SemunArg,
    SemUndo,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import TICK_PERIOD_NS, TimespecIn
from procession.include.linux.types import Int, UInt, UserPtr
from procession.ipc import sem_undo, util
from procession.kernel import hrtimer, pid, sched, time
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.ipc import KernIpcPerm
    from procession.include.linux.ipc_namespace import IpcIds, IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "do_smart_update",
    "sem_init",
    "sem_obtain_check",
    "sys_semctl",
    "sys_semget",
    "sys_semop",
    "sys_semtimedop",
    "sysvipc_sem_proc_show",
    "wake_up_sem_queue_do",
)

SEMMSL_FAST: Final = 256  # so many values, and operations, are kept on the kernel stack
SEMOPM_FAST: Final = 64
_WOULD_BLOCK: Final = 1
_EINTR: Final = -int(Errno.EINTR)
_EIDRM: Final = -int(Errno.EIDRM)
_EAGAIN: Final = -int(Errno.EAGAIN)
_ERANGE: Final = -int(Errno.ERANGE)
SEMID_DS: Final = struct.Struct("<q8xq8xQ16x")  # otime, ctime, nsems, behind the permissions
SEMID_DS_SIZE: Final = 104
_GET: Final = (GETALL, GETVAL, GETPID, GETNCNT, GETZCNT)
_SET: Final = (SETVAL, SETALL)


def sem_init(k: Kernel) -> None:
    """Make the caches."""
    slab.kmem_cache_create(k, "sem_array", 168)
    slab.kmem_cache_create(k, "sem_undo", 72)
    slab.kmem_cache_create(k, "sem_undo_list", 24)
    slab.kmem_cache_create(k, "sem_io", 512)
    slab.kmem_cache_create(k, "sembuf", 512)


def sem_obtain(ids: IpcIds, semid: int) -> SemArray:
    sma = util.ipc_obtain_object(ids, semid)
    assert isinstance(sma, SemArray)
    return sma


def sem_obtain_check(ids: IpcIds, semid: int) -> SemArray:
    """Return the set called semid; raises EINVAL, EIDRM."""
    sma = util.ipc_obtain_object_check(ids, semid)
    assert isinstance(sma, SemArray)
    return sma


# Making and removing sets.


def newary(current: Task, ns: IpcNamespace, key: int, nsems: int, semflg: int) -> int:
    """Make a set; returns its identifier. Raises EINVAL, ENOSPC, ENOMEM."""
    if not nsems:
        raise LinuxError(Errno.EINVAL, "a set without semaphores")
    if ns.used_sems + nsems > ns.sem_ctls[1]:
        raise LinuxError(Errno.ENOSPC, "kernel.sem: so many semaphores")
    k = current.kernel
    cache = k.caches["sem_array"]
    cache.alloc()
    sma = SemArray(util.ipc_lock_init(k), key, semflg & S_IRWXUGO, nsems)
    try:
        semid = util.ipc_addid(current, ns.ids[IPC_SEM_IDS], sma, ns.sem_ctls[3])
    except LinuxError:
        cache.free()
        raise
    ns.used_sems += nsems
    sma.sem_ctime = time.get_seconds(k)
    return semid


@syscall
def sys_semget(current: Task, key: KeyArg, nsems: Int, semflg: GetFlagsArg) -> int:
    """Return the set with that key, or a new one (semget(2)).

    Raises EINVAL, ENOENT, EEXIST, EACCES, ENOSPC, ENOMEM.
    """
    ns = util.ipcns(current)
    if nsems < 0 or nsems > ns.sem_ctls[0]:
        raise LinuxError(Errno.EINVAL, "kernel.sem: semaphores of a set")

    def getnew() -> int:
        return newary(current, ns, key, nsems, semflg)

    def more_checks(sma: KernIpcPerm) -> None:
        assert isinstance(sma, SemArray)
        if nsems > sma.sem_nsems:
            raise LinuxError(Errno.EINVAL, "the set has fewer semaphores")

    return util.ipcget(current, ns.ids[IPC_SEM_IDS], key, semflg, getnew, more_checks)


def freeary(k: Kernel, ns: IpcNamespace, ipcp: KernIpcPerm) -> None:
    """Remove a set: nobody has anything to take back from it, and who sleeps gets EIDRM. Holds: rw_mutex."""
    sma = ipcp
    assert isinstance(sma, SemArray)
    tasks: list[SemQueue] = []
    with sma.lock:
        for un in sma.list_id:
            with un.ulp.lock:
                un.semid = -1
                un.ulp.list_proc.remove(un)
            k.caches["sem_undo"].free()
        sma.list_id.clear()
        for q in sma.sem_pending.copy():
            unlink_queue(sma, q)
            wake_up_sem_queue_prepare(tasks, q, _EIDRM)
        util.ipc_rmid(ns.ids[IPC_SEM_IDS], sma)
    wake_up_sem_queue_do(tasks)
    ns.used_sems -= sma.sem_nsems
    k.caches["sem_array"].free()


# Operations.


def try_atomic_semop(sma: SemArray, sops: list[tuple[int, int, int]], un: SemUndo | None, pid_nr: int) -> int:
    """Do all operations or none; returns 0, _WOULD_BLOCK, or an errno, negative: ERANGE, EAGAIN."""
    base = sma.sem_base
    result = done = 0
    for num, op, flg in sops:
        sem = base[num]
        value = sem.semval + op
        if (not op and value) or value < 0:
            result = _EAGAIN if flg & IPC_NOWAIT else _WOULD_BLOCK
            break
        if value > SEMVMX:
            result = _ERANGE
            break
        # What was to be taken back before this call counts, whatever the call has done already.
        if flg & SEM_UNDO and un is not None and not -SEMAEM - 1 <= un.semadj[num] - op <= SEMAEM:
            result = _ERANGE
            break
        sem.semval = value
        done += 1
    if result:
        for num, op, _ in sops[:done]:
            base[num].semval -= op
        return result
    for num, op, flg in sops:
        base[num].sempid = pid_nr
        if flg & SEM_UNDO and un is not None:
            # It is a short, which several operations of a call on one semaphore can make wrap.
            un.semadj[num] = (un.semadj[num] - op + SEMAEM + 1 & 0xFFFF) - SEMAEM - 1
    return 0


def unlink_queue(sma: SemArray, q: SemQueue) -> None:
    """Take a sleeper off the lists."""
    sma.sem_pending.remove(q)
    if len(q.sops) > 1:
        sma.complex_count -= 1
    else:
        sma.sem_base[q.sops[0][0]].sem_pending.remove(q)


def wake_up_sem_queue_prepare(tasks: list[SemQueue], q: SemQueue, error: int) -> None:
    """Say how a sleeper's call has ended; it is to be woken when the set's lock was given up."""
    q.status = error
    tasks.append(q)


def wake_up_sem_queue_do(tasks: list[SemQueue]) -> None:
    """Wake those whose calls have ended, in that order."""
    for q in tasks:
        sched.wake_up_process(q.sleeper)


def check_restart(sma: SemArray, q: SemQueue) -> bool:
    """Whether somebody who was passed over may go on, now that the sleeping call q was done."""
    if not q.alter:
        return False
    if sma.complex_count or len(q.sops) > 1:
        return True
    curr = sma.sem_base[q.sops[0][0]]
    if not curr.sem_pending or curr.semval:
        return False  # it was a decrement: those before it could not go on with more
    return not curr.sem_pending[0].sops[0][1]


def update_queue(sma: SemArray, semnum: int, tasks: list[SemQueue]) -> bool:
    """Do the calls of sleepers that can be done now, of those on one semaphore or (-1) of all; whether one was.

    With sleeping calls of several operations all are looked at.
    """
    if sma.complex_count:
        semnum = -1
    pending = sma.sem_pending if semnum == -1 else sma.sem_base[semnum].sem_pending
    completed = False
    i = 0
    while i < len(pending):
        q = pending[i]
        # Nobody can take from a semaphore that is 0; who waits for that stands before them.
        if semnum != -1 and q.alter and not sma.sem_base[semnum].semval:
            break
        error = try_atomic_semop(sma, q.sops, q.undo, q.pid)
        if error > 0:
            i += 1
            continue
        unlink_queue(sma, q)
        wake_up_sem_queue_prepare(tasks, q, error)
        if not error:
            completed = True
            if check_restart(sma, q):
                i = 0
    return completed


def do_smart_update(
    k: Kernel, sma: SemArray, sops: list[tuple[int, int, int]] | None, otime: bool, tasks: list[SemQueue]
) -> None:
    """Something has changed: by sops, or anything; see who can go on. otime: it was an operation."""
    if sma.complex_count or sops is None:
        if sma.sem_pending and update_queue(sma, -1, tasks):
            otime = True
    else:
        for num, op, _ in sops:
            sem = sma.sem_base[num]
            if sem.sem_pending and (op > 0 or (op < 0 and not sem.semval)) and update_queue(sma, num, tasks):
                otime = True
    if otime:
        sma.sem_otime = time.get_seconds(k)


@syscall
async def sys_semop(current: Task, semid: Int, tsops: SembufsArg, nsops: UInt) -> int:
    """As semtimedop(2) without a timeout (semop(2))."""
    return await sys_semtimedop(current, semid, tsops, nsops, 0)


@syscall
async def sys_semtimedop(current: Task, semid: Int, tsops: SembufsArg, nsops: UInt, timeout: TimespecIn) -> int:
    """Do operations on a set, all at once, when all are possible (semtimedop(2)).

    Raises EINVAL, E2BIG, ENOMEM, EFAULT, EIDRM, EFBIG, EACCES, ERANGE, EAGAIN, EINTR.
    """
    ns = util.ipcns(current)
    if nsops < 1 or semid < 0:
        raise LinuxError(Errno.EINVAL, "no operations")
    if nsops > ns.sem_ctls[2] & 0xFFFFFFFF:
        raise LinuxError(Errno.E2BIG, "kernel.sem: operations of a call")
    sops = _copy_sops(current, tsops, nsops)
    expires_ns = None
    if not isinstance(timeout, int) or timeout:
        expires_ns = _expires(current.kernel, *time.copy_timespec(current, timeout))

    alter = False
    undos = False
    for _, op, flg in sops:
        alter = alter or op != 0
        undos = undos or flg & SEM_UNDO != 0
    un = sem_undo.find_alloc_undo(current, ns, semid) if undos else None
    sma = sem_obtain_check(ns.ids[IPC_SEM_IDS], semid)
    if max(sops)[0] >= sma.sem_nsems:
        raise LinuxError(Errno.EFBIG, "the set has fewer semaphores")
    util.ipcperms(current, ns, sma, S_IWUGO if alter else S_IRUGO)
    pid_nr = pid.task_tgid_vnr(current, current)
    tasks: list[SemQueue] = []
    with sma.lock:
        error = try_atomic_semop(sma, sops, un, pid_nr)
        if not error and alter:
            do_smart_update(current.kernel, sma, sops, True, tasks)
    if tasks:
        wake_up_sem_queue_do(tasks)
    if error > 0:
        error = await _sleep(current, sma, SemQueue(current, sops, un, pid_nr, alter, _EINTR), expires_ns)
    if error:
        raise LinuxError(Errno(-error), "semop")
    return 0


def _copy_sops(current: Task, tsops: UserPtr, nsops: int) -> list[tuple[int, int, int]]:
    """Read the operations; raises ENOMEM, EFAULT."""
    cache = current.kernel.caches["sembuf"] if nsops > SEMOPM_FAST else None
    if cache is not None:
        cache.alloc()
        # Only this copy is ours: theirs is freed at the end of the call.
        cache.free()
    return list(SEMBUF.iter_unpack(uaccess.copy_from_user(current, tsops, nsops * SEMBUF.size)))


def _expires(k: Kernel, sec: int, nsec: int) -> int:
    """Return when a timeout ends: it is counted in ticks, and takes one at least."""
    ticks = max(1, timespec_to_jiffies(sec, nsec))
    return (k.clock.now_ns // TICK_PERIOD_NS + ticks) * TICK_PERIOD_NS


async def _sleep(current: Task, sma: SemArray, queue: SemQueue, expires_ns: int | None) -> int:
    """Sleep until somebody else has done the call, or it has failed; returns 0 or an errno, negative."""
    simple = sma.sem_base[queue.sops[0][0]].sem_pending if len(queue.sops) == 1 else None
    with sma.lock:
        if queue.alter:
            sma.sem_pending.append(queue)
            if simple is not None:
                simple.append(queue)
        else:
            sma.sem_pending.insert(0, queue)
            if simple is not None:
                simple.insert(0, queue)
        if simple is None:
            sma.complex_count += 1
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        timed_out = await hrtimer.schedule_hrtimeout(current, expires_ns, "sys_semtimedop", sma)
        if queue.status != _EINTR:
            return queue.status
        if timed_out or signal_pending(current):
            with sma.lock:
                unlink_queue(sma, queue)
            return _EAGAIN if timed_out else _EINTR


# semctl.


@syscall
def sys_semctl(current: Task, semid: Int, semnum: Int, cmd: SemctlCmdArg, arg: SemunArg) -> int:
    """Ask about a set, change it, remove it (semctl(2)).

    Raises EINVAL, EIDRM, EACCES, EPERM, EFAULT, ERANGE, ENOMEM.
    """
    if semid < 0:
        raise LinuxError(Errno.EINVAL, "a negative identifier")
    ns = util.ipcns(current)
    if cmd in (IPC_INFO, SEM_INFO, IPC_STAT, SEM_STAT):
        return semctl_nolock(current, ns, semid, cmd, arg)
    if cmd in _GET or cmd in _SET:
        return semctl_main(current, ns, semid, semnum, cmd, arg)
    if cmd in (IPC_RMID, IPC_SET):
        return semctl_down(current, ns, semid, cmd, arg)
    raise LinuxError(Errno.EINVAL, "semctl: unknown command")


def semctl_nolock(current: Task, ns: IpcNamespace, semid: int, cmd: int, buf: UserPtr) -> int:
    """Report limits, or one set; returns the highest index in use, or the set's identifier for SEM_STAT."""
    ids = ns.ids[IPC_SEM_IDS]
    if cmd in (IPC_INFO, SEM_INFO):
        with ids.rw_mutex.read():
            usz, aem = (ids.in_use, ns.used_sems) if cmd == SEM_INFO else (SEMUSZ, SEMAEM)
            max_id = util.ipc_get_maxid(ids)
        semmsl, semmns, semopm, semmni = ns.sem_ctls
        uaccess.copy_to_user(
            current, buf, SEMINFO.pack(SEMMAP, semmni, semmns, SEMMNU, semmsl, semopm, SEMUME, usz, SEMVMX, aem)
        )
        return max_id
    sma = sem_obtain(ids, semid) if cmd == SEM_STAT else sem_obtain_check(ids, semid)
    with sma.lock:
        util.ipcperms(current, ns, sma, S_IRUGO)
        tbuf = sma.pack(current) + SEMID_DS.pack(sma.sem_otime, sma.sem_ctime, sma.sem_nsems)
    uaccess.copy_to_user(current, buf, tbuf)
    return sma.id if cmd == SEM_STAT else 0


def count_semncnt(sma: SemArray, semnum: int, *, zero: bool) -> int:
    """Return how many operations of sleeping calls wait for more, or for zero (count_semzcnt)."""
    return sum(
        num == semnum and not flg & IPC_NOWAIT and (op == 0 if zero else op < 0)
        for q in sma.sem_pending
        for num, op, flg in q.sops
    )


def semctl_main(current: Task, ns: IpcNamespace, semid: int, semnum: int, cmd: int, arg: UserPtr) -> int:
    """Read and set values."""
    sma = sem_obtain_check(ns.ids[IPC_SEM_IDS], semid)
    util.ipcperms(current, ns, sma, S_IWUGO if cmd in _SET else S_IRUGO)
    if cmd == GETALL:
        _sem_io(current.kernel, sma)
        values = [sem.semval for sem in sma.sem_base]
        uaccess.copy_to_user(current, arg, struct.pack(f"<{len(values)}H", *values))
        return 0
    if cmd == SETALL:
        _setall(current, sma, arg)
        return 0
    if not 0 <= semnum < sma.sem_nsems:
        raise LinuxError(Errno.EINVAL, "no such semaphore in the set")
    curr = sma.sem_base[semnum]
    if cmd == GETVAL:
        return curr.semval
    if cmd == GETPID:
        return curr.sempid
    if cmd in (GETNCNT, GETZCNT):
        return count_semncnt(sma, semnum, zero=cmd == GETZCNT)
    if not isinstance(arg, int):
        raise LinuxError(Errno.EINVAL, "a buffer where a number is expected")
    value = arg & 0xFFFFFFFF
    if value > SEMVMX:
        raise LinuxError(Errno.ERANGE, "the value of a semaphore")
    tasks: list[SemQueue] = []
    with sma.lock:
        for un in sma.list_id:
            un.semadj[semnum] = 0
        curr.semval = value
        curr.sempid = pid.task_tgid_vnr(current, current)
        sma.sem_ctime = time.get_seconds(current.kernel)
        do_smart_update(current.kernel, sma, None, False, tasks)
    wake_up_sem_queue_do(tasks)
    return 0


def _sem_io(k: Kernel, sma: SemArray) -> None:
    """Have room for all values of a set; raises ENOMEM. It is given back at once: our copy is Python's."""
    if sma.sem_nsems > SEMMSL_FAST:
        k.caches["sem_io"].alloc()
        k.caches["sem_io"].free()


def _setall(current: Task, sma: SemArray, array: UserPtr) -> None:
    """Set all values; sempid stays as it is."""
    nsems = sma.sem_nsems
    _sem_io(current.kernel, sma)
    values = struct.unpack(f"<{nsems}H", uaccess.copy_from_user(current, array, nsems * 2))
    if max(values) > SEMVMX:
        raise LinuxError(Errno.ERANGE, "the value of a semaphore")
    tasks: list[SemQueue] = []
    with sma.lock:
        for sem, value in zip(sma.sem_base, values, strict=True):
            sem.semval = value
        for un in sma.list_id:
            un.semadj = [0] * nsems
        sma.sem_ctime = time.get_seconds(current.kernel)
        do_smart_update(current.kernel, sma, None, False, tasks)
    wake_up_sem_queue_do(tasks)


def semctl_down(current: Task, ns: IpcNamespace, semid: int, cmd: int, buf: UserPtr) -> int:
    """Remove a set, or change whose it is and who may use it; raises EFAULT, EINVAL, EIDRM, EPERM."""
    perm = uaccess.copy_from_user(current, buf, SEMID_DS_SIZE) if cmd == IPC_SET else b""
    ids = ns.ids[IPC_SEM_IDS]
    with ids.rw_mutex.write():
        sma = util.ipcctl_pre_down(current, ns, ids, semid)
        assert isinstance(sma, SemArray)
        if cmd == IPC_RMID:
            freeary(current.kernel, ns, sma)
        else:
            with sma.lock:
                util.ipc_update_perm(current, sma, perm)
                sma.sem_ctime = time.get_seconds(current.kernel)
    return 0


# /proc/sysvipc/sem.


def sysvipc_sem_proc_show(k: Kernel, ns: IpcNamespace, of: UserNamespace) -> str:
    """Return a line for each set, below a header, with ids as a user namespace has them."""
    ids = ns.ids[IPC_SEM_IDS]
    out = ["       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"]
    with ids.rw_mutex.read():
        for sma in ids.ipcs:
            if sma is not None:
                assert isinstance(sma, SemArray)
                uid, gid, cuid, cgid = sma.ids_in(k, of)
                out.append(
                    f"{sma.key:10d} {sma.id:10d}  {sma.mode:4o} {sma.sem_nsems:10d} {uid:5d} {gid:5d} "
                    f"{cuid:5d} {cgid:5d} {sma.sem_otime:10d} {sma.sem_ctime:10d}\n"
                )
    return "".join(out)
