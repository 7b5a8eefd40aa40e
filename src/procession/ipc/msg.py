"""Message queues (ipc/msg.c; spec ipc 5)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IRUGO, S_IRWXUGO, S_IWUGO
from procession.include.linux.ipc import IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, IPCMNI, GetFlagsArg, KeyArg
from procession.include.linux.ipc_namespace import IPC_MSG_IDS
from procession.include.linux.limits import LONG_MIN, ULONG_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.msg import (
    MSG_EXCEPT,
    MSG_INFO,
    MSG_MEM_SCALE,
    MSG_NOERROR,
    MSG_STAT,
    MSGINFO,
    MSGMAP,
    MSGMNB,
    MSGMNI,
    MSGPOOL,
    MSGSEG,
    MSGSSZ,
    MSGTQL,
    MTYPE_SIZE,
    MsgbufIn,
    MsgbufOut,
    MsgctlCmdArg,
    MsgFlagsArg,
    MsgMsg,
    MsgQueue,
    MsgReceiver,
    MsqidPtr,
)
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state, signal_pending
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int, Length, Long, UserPtr
from procession.ipc import msgutil, util
from procession.kernel import capability, pid, sched, time
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.ipc import KernIpcPerm
    from procession.include.linux.ipc_namespace import IpcIds, IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "do_msgrcv",
    "do_msgsnd",
    "msg_init",
    "recompute_msgmni",
    "sys_msgctl",
    "sys_msgget",
    "sys_msgrcv",
    "sys_msgsnd",
    "sysvipc_msg_proc_show",
)

# Which messages somebody wants.
SEARCH_ANY: Final = 1
SEARCH_EQUAL: Final = 2
SEARCH_NOTEQUAL: Final = 3
SEARCH_LESSEQUAL: Final = 4

MSQID_DS: Final = struct.Struct("<qqqQQQii16x")  # stime, rtime, ctime, cbytes, qnum, qbytes, lspid, lrpid
MSQID_DS_SIZE: Final = 120
_QBYTES: Final = struct.Struct("<Q")
_QBYTES_AT: Final = 88


def msg_init(k: Kernel) -> None:
    """Make the caches."""
    slab.kmem_cache_create(k, "msg_queue", 160)
    msgutil.msgutil_init(k)


def recompute_msgmni(k: Kernel, ns: IpcNamespace) -> None:
    """Let a namespace have so many queues that those of all of them, when full, take a part of the memory."""
    nb_ns = k.ipc.nr_ipc_ns
    allowed = k.mm.total_pages // MSG_MEM_SCALE * PAGE_SIZE // MSGMNB // nb_ns
    ns.msg_ctlmni = MSGMNI if allowed < MSGMNI else min(allowed, IPCMNI // nb_ns)


def msg_obtain_check(ids: IpcIds, msqid: int) -> MsgQueue:
    msq = util.ipc_obtain_object_check(ids, msqid)
    assert isinstance(msq, MsgQueue)
    return msq


# Making and removing queues.


def newque(current: Task, ns: IpcNamespace, key: int, msgflg: int) -> int:
    """Make a queue; returns its identifier. Raises ENOMEM, ENOSPC."""
    k = current.kernel
    cache = k.caches["msg_queue"]
    cache.alloc()
    msq = MsgQueue(util.ipc_lock_init(k), key, msgflg & S_IRWXUGO)
    try:
        msqid = util.ipc_addid(current, ns.ids[IPC_MSG_IDS], msq, ns.msg_ctlmni)
    except LinuxError:
        cache.free()
        raise
    msq.q_ctime = time.get_seconds(k)
    msq.q_qbytes = ns.msg_ctlmnb & ULONG_MAX
    return msqid


@syscall
def sys_msgget(current: Task, key: KeyArg, msgflg: GetFlagsArg) -> int:
    """Return the queue with that key, or a new one (msgget(2)); raises ENOENT, EEXIST, EACCES, ENOSPC, ENOMEM."""
    ns = util.ipcns(current)
    return util.ipcget(current, ns.ids[IPC_MSG_IDS], key, msgflg, lambda: newque(current, ns, key, msgflg))


def expunge_all(msq: MsgQueue, why: Errno | None) -> None:
    """Wake all receivers, to give up or (None) to look again."""
    for msr in msq.q_receivers:
        sched.wake_up_process(msr.r_tsk)
        msr.r_msg = why


def ss_wakeup(msq: MsgQueue) -> None:
    """Wake all senders, to look again."""
    for task in msq.q_senders:
        sched.wake_up_process(task)


def freeque(k: Kernel, ns: IpcNamespace, ipcp: KernIpcPerm) -> None:
    """Remove a queue with its messages: who sleeps gets EIDRM. Holds: rw_mutex."""
    msq = ipcp
    assert isinstance(msq, MsgQueue)
    with msq.lock:
        expunge_all(msq, Errno.EIDRM)
        ss_wakeup(msq)
        util.ipc_rmid(ns.ids[IPC_MSG_IDS], msq)
    for msg in msq.q_messages:
        ns.msg_hdrs -= 1
        msgutil.free_msg(k, msg)
    msq.q_messages.clear()
    ns.msg_bytes -= msq.q_cbytes
    k.caches["msg_queue"].free()


# Sending.


@syscall
async def sys_msgsnd(current: Task, msqid: Int, msgp: MsgbufIn, msgsz: Length, msgflg: MsgFlagsArg) -> int:
    """Send a message, when there is room for it (msgsnd(2)).

    Raises EFAULT, EINVAL, ENOMEM, EIDRM, EACCES, EAGAIN, ERESTARTNOHAND.
    """
    mtype = uaccess.get_user(current, msgp, MTYPE_SIZE, signed=True)
    return await do_msgsnd(current, msqid, mtype, msgp, MTYPE_SIZE, msgsz, msgflg)


async def do_msgsnd(current: Task, msqid: int, mtype: int, msgp: UserPtr, text_at: int, msgsz: int, msgflg: int) -> int:
    """Send a message, whose text lies at msgp + text_at."""
    ns = util.ipcns(current)
    if msgsz & ULONG_MAX > ns.msg_ctlmax & ULONG_MAX or msgsz < 0 or msqid < 0:
        raise LinuxError(Errno.EINVAL, "kernel.msgmax")
    if mtype < 1:
        raise LinuxError(Errno.EINVAL, "the type of a message is positive")
    k = current.kernel
    msg = msgutil.load_msg(current, msgp, msgsz, text_at)
    msg.m_type = mtype
    try:
        msq = msg_obtain_check(ns.ids[IPC_MSG_IDS], msqid)
        await _wait_for_room(current, ns, msq, msg, msgflg)
    except LinuxError:
        msgutil.free_msg(k, msg)
        raise
    with msq.lock:
        msq.q_lspid = pid.task_tgid_vnr(current, current)
        msq.q_stime = time.get_seconds(k)
        if not pipelined_send(current, msq, msg):
            msq.q_messages.append(msg)
            msq.q_cbytes += msgsz
            msq.q_qnum += 1
            ns.msg_bytes += msgsz
            ns.msg_hdrs += 1
    return 0


async def _wait_for_room(current: Task, ns: IpcNamespace, msq: MsgQueue, msg: MsgMsg, msgflg: int) -> None:
    """Sleep until there is room for msg; raises EACCES, EAGAIN, EIDRM, ERESTARTNOHAND."""
    while True:
        util.ipcperms(current, ns, msq, S_IWUGO)
        if len(msg.text) + msq.q_cbytes <= msq.q_qbytes and 1 + msq.q_qnum <= msq.q_qbytes:
            return
        if msgflg & IPC_NOWAIT:
            raise LinuxError(Errno.EAGAIN, "the queue is full")
        with msq.lock:
            set_task_state(current, TASK_INTERRUPTIBLE)
            msq.q_senders.append(current)
        current.held.append(msg)
        await sched.schedule(current, "do_msgsnd", msq)
        current.held.pop()
        if msq.deleted:
            raise LinuxError(Errno.EIDRM, "the queue was removed")
        msq.q_senders.remove(current)
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTNOHAND, "msgsnd")


def testmsg(msg: MsgMsg, msgtyp: int, mode: int) -> bool:
    """Whether a receiver wants a message."""
    if mode == SEARCH_ANY:
        return True
    if mode == SEARCH_LESSEQUAL:
        return msg.m_type <= msgtyp
    return (msg.m_type == msgtyp) == (mode == SEARCH_EQUAL)


def pipelined_send(current: Task, msq: MsgQueue, msg: MsgMsg) -> bool:
    """Hand a message to the first receiver that sleeps for one like it; whether there was one.

    Receivers whose buffers are too small for it fail.
    """
    for msr in msq.q_receivers.copy():
        if not testmsg(msg, msr.r_msgtype, msr.r_mode):
            continue
        msq.q_receivers.remove(msr)
        if msr.r_maxsize is not None and msr.r_maxsize < len(msg.text):
            sched.wake_up_process(msr.r_tsk)
            msr.r_msg = Errno.E2BIG
        else:
            # It is the thread that is noted here, not the process.
            msq.q_lrpid = pid.task_pid_vnr(current, msr.r_tsk)
            msq.q_rtime = time.get_seconds(current.kernel)
            sched.wake_up_process(msr.r_tsk)
            msr.r_msg = msg
            msr.r_tsk.held.append(msg)
            return True
    return False


# Receiving.


@syscall
async def sys_msgrcv(
    current: Task, msqid: Int, msgp: MsgbufOut, msgsz: Length, msgtyp: Long, msgflg: MsgFlagsArg
) -> int:
    """Take a message off a queue, when there is one of that type (msgrcv(2)); returns its length, as it was copied.

    Raises EINVAL, EIDRM, EACCES, E2BIG, ENOMSG, ERESTARTNOHAND; EFAULT, and the message is lost.
    """
    return await do_msgrcv(current, msqid, msgp, MTYPE_SIZE, msgsz, msgtyp, msgflg)


async def do_msgrcv(
    current: Task, msqid: int, msgp: UserPtr, text_at: int, msgsz: int, msgtyp: int, msgflg: int
) -> int:
    """Take a message off a queue: its text goes to msgp + text_at, its type before that."""
    if msqid < 0 or msgsz < 0:
        raise LinuxError(Errno.EINVAL, "msgrcv")
    ns = util.ipcns(current)
    mode = SEARCH_NOTEQUAL if msgflg & MSG_EXCEPT else SEARCH_EQUAL
    if not msgtyp:
        mode = SEARCH_ANY
    elif msgtyp < 0:
        mode = SEARCH_LESSEQUAL
        if msgtyp != LONG_MIN:  # there is no such positive long
            msgtyp = -msgtyp
    msq = msg_obtain_check(ns.ids[IPC_MSG_IDS], msqid)
    maxsize = None if msgflg & MSG_NOERROR else msgsz
    msg = await _wait_for_msg(current, ns, msq, MsgReceiver(current, mode, msgtyp, maxsize), msgflg)
    length = min(msgsz, len(msg.text))
    try:
        msgutil.store_msg(current, msgp, msg, length, text_at)
    finally:
        msgutil.free_msg(current.kernel, msg)
    uaccess.put_user(current, msgp, msg.m_type, text_at)
    return length


async def _wait_for_msg(current: Task, ns: IpcNamespace, msq: MsgQueue, msr: MsgReceiver, msgflg: int) -> MsgMsg:
    """Sleep until there is a message for the receiver msr, and take it; raises as msgrcv(2)."""
    while True:
        util.ipcperms(current, ns, msq, S_IRUGO)
        msg = find_msg(msq, msr.r_msgtype, msr.r_mode)
        if msg is not None:
            _take_msg(current, ns, msq, msg, msr.r_maxsize)
            return msg
        if msgflg & IPC_NOWAIT:
            raise LinuxError(Errno.ENOMSG, "no message of that type")
        msr.r_msg = None
        with msq.lock:
            msq.q_receivers.append(msr)
            set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, "do_msgrcv", msq)
        handed = msr.handed()
        if isinstance(handed, MsgMsg):
            current.held.pop()
            return handed
        if handed is not None:
            raise LinuxError(handed, "msgrcv")
        msq.q_receivers.remove(msr)
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTNOHAND, "msgrcv")


def find_msg(msq: MsgQueue, msgtyp: int, mode: int) -> MsgMsg | None:
    """Return the message that a receiver gets: the first, or the first of those with the lowest type."""
    found = None
    for msg in msq.q_messages:
        if testmsg(msg, msgtyp, mode):
            found = msg
            if mode != SEARCH_LESSEQUAL or msg.m_type == 1:
                break
            msgtyp = msg.m_type - 1
    return found


def _take_msg(current: Task, ns: IpcNamespace, msq: MsgQueue, msg: MsgMsg, maxsize: int | None) -> None:
    """Take a message off the queue, and tell those who wait for room; raises E2BIG, and it stays."""
    length = len(msg.text)
    if maxsize is not None and maxsize < length:
        raise LinuxError(Errno.E2BIG, "the message is longer")
    with msq.lock:
        msq.q_messages.remove(msg)
        msq.q_qnum -= 1
        msq.q_rtime = time.get_seconds(current.kernel)
        msq.q_lrpid = pid.task_tgid_vnr(current, current)
        msq.q_cbytes -= length
        ns.msg_bytes -= length
        ns.msg_hdrs -= 1
        ss_wakeup(msq)


# msgctl.


@syscall
def sys_msgctl(current: Task, msqid: Int, cmd: MsgctlCmdArg, buf: MsqidPtr) -> int:
    """Ask about a queue, change it, remove it (msgctl(2)); raises EINVAL, EFAULT, EIDRM, EACCES, EPERM."""
    if msqid < 0 or cmd < 0:
        raise LinuxError(Errno.EINVAL, "a negative identifier")
    ns = util.ipcns(current)
    ids = ns.ids[IPC_MSG_IDS]
    if cmd in (IPC_RMID, IPC_SET):
        return msgctl_down(current, ns, msqid, cmd, buf)
    if cmd not in (IPC_INFO, MSG_INFO, IPC_STAT, MSG_STAT):
        raise LinuxError(Errno.EINVAL, "msgctl: unknown command")
    if isinstance(buf, int) and not buf:
        raise LinuxError(Errno.EFAULT, "msgctl: NULL")
    if cmd in (IPC_INFO, MSG_INFO):
        with ids.rw_mutex.read():
            pool, map_, tql = (ids.in_use, ns.msg_hdrs, ns.msg_bytes) if cmd == MSG_INFO else (MSGPOOL, MSGMAP, MSGTQL)
            max_id = util.ipc_get_maxid(ids)
        uaccess.copy_to_user(
            current, buf, MSGINFO.pack(pool, map_, ns.msg_ctlmax, ns.msg_ctlmnb, ns.msg_ctlmni, MSGSSZ, tql, MSGSEG)
        )
        return max_id
    msq = util.ipc_obtain_object(ids, msqid) if cmd == MSG_STAT else util.ipc_obtain_object_check(ids, msqid)
    assert isinstance(msq, MsgQueue)
    with msq.lock:
        util.ipcperms(current, ns, msq, S_IRUGO)
        tbuf = msq.pack(current) + MSQID_DS.pack(
            msq.q_stime, msq.q_rtime, msq.q_ctime, msq.q_cbytes, msq.q_qnum, msq.q_qbytes, msq.q_lspid, msq.q_lrpid
        )
    uaccess.copy_to_user(current, buf, tbuf)
    return msq.id if cmd == MSG_STAT else 0


def msgctl_down(current: Task, ns: IpcNamespace, msqid: int, cmd: int, buf: UserPtr) -> int:
    """Remove a queue, or change its size, owner and mode; raises EFAULT, EINVAL, EIDRM, EPERM."""
    ds = uaccess.copy_from_user(current, buf, MSQID_DS_SIZE) if cmd == IPC_SET else b""
    ids = ns.ids[IPC_MSG_IDS]
    k = current.kernel
    with ids.rw_mutex.write():
        msq = util.ipcctl_pre_down(current, ns, ids, msqid)
        assert isinstance(msq, MsgQueue)
        if cmd == IPC_RMID:
            freeque(k, ns, msq)
            return 0
        qbytes: int = _QBYTES.unpack_from(ds, _QBYTES_AT)[0]
        with msq.lock:
            if qbytes > ns.msg_ctlmnb & ULONG_MAX and not capability.capable(current, CAP_SYS_RESOURCE):
                raise LinuxError(Errno.EPERM, "kernel.msgmnb")
            msq.q_qbytes = qbytes
            util.ipc_update_perm(current, msq, ds)
            msq.q_ctime = time.get_seconds(k)
            # Receivers may no longer be allowed to, senders may have room.
            expunge_all(msq, None)
            ss_wakeup(msq)
    return 0


# /proc/sysvipc/msg.


def sysvipc_msg_proc_show(k: Kernel, ns: IpcNamespace, of: UserNamespace) -> str:
    """Return a line for each queue, below a header, with ids as a user namespace has them."""
    ids = ns.ids[IPC_MSG_IDS]
    out = [
        (
            "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
            "      stime      rtime      ctime\n"
        )
    ]
    with ids.rw_mutex.read():
        for msq in ids.ipcs:
            if msq is not None:
                assert isinstance(msq, MsgQueue)
                uid, gid, cuid, cgid = msq.ids_in(k, of)
                out.append(
                    f"{msq.key:10d} {msq.id:10d}  {msq.mode:4o}  {msq.q_cbytes:10d} {msq.q_qnum:10d} {msq.q_lspid:5d} "
                    f"{msq.q_lrpid:5d} {uid:5d} {gid:5d} {cuid:5d} {cgid:5d} {msq.q_stime:10d} "
                    f"{msq.q_rtime:10d} {msq.q_ctime:10d}\n"
                )
    return "".join(out)
