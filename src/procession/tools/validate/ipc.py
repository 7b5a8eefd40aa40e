"""System V objects: their tables, who sleeps on them, what is to be taken back, who has them mapped."""

from __future__ import annotations

from collections.abc import Iterable
from errno import EINTR
from typing import TYPE_CHECKING

from procession.include.linux.ipc import SEQ_MULTIPLIER
from procession.include.linux.ipc_namespace import IPC_MSG_IDS, IPC_SEM_IDS, IPC_SHM_IDS, IpcNamespace
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.msg import MsgMsg, MsgQueue
from procession.include.linux.sem import SEMVMX, SemArray, SemUndoList
from procession.include.linux.shm import ShmFileData, ShmidKernel
from procession.ipc.shm import ShmFile
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("validate_ipc_tables", "validate_messages", "validate_segments", "validate_semaphores")


def validate_ipc_tables(seen: Census) -> list[str]:
    """Return which tables of identifiers disagree with themselves."""
    k = seen.k
    wrong: list[str] = []
    for ns in k.ipc.namespaces:
        for ids in ns.ids:
            if ids.ipcs and ids.ipcs[-1] is None:
                wrong.append("a table of identifiers ends in a hole")
            if ids.in_use != sum(ipcp is not None for ipcp in ids.ipcs):
                wrong.append(f"identifiers in use: {ids.in_use}, found {sum(ipcp is not None for ipcp in ids.ipcs)}")
            for index, ipcp in enumerate(ids.ipcs):
                if ipcp is not None and (ipcp.deleted or ipcp.id != ipcp.seq * SEQ_MULTIPLIER + index):
                    wrong.append(f"object {ipcp.id} with number {ipcp.seq} at {index}, deleted {ipcp.deleted}")
    if k.ipc.nr_ipc_ns != len(k.ipc.namespaces):
        wrong.append(f"nr_ipc_ns {k.ipc.nr_ipc_ns}, found {len(k.ipc.namespaces)}")
    _objects(seen, wrong, "ipc_namespace", len(k.ipc.namespaces) - 1)
    # Not whether it has asked to: what is written to auto_msgmni counts, but nothing is done if more stands behind it.
    for ns in k.ipc.ipcns_chain:
        if ns not in k.ipc.namespaces:
            wrong.append("a namespace that is told of others is gone")
    return wrong


def _objects(seen: Census, wrong: list[str], cache: str, found: int) -> None:
    active = seen.k.caches[cache].nr_active
    if active != found:
        wrong.append(f"{cache} objects: {active}, found {found}")


def _asleep(wrong: list[str], what: str, tasks: Iterable[Task], wchan: str) -> None:
    """Complain of those on a list who do not sleep where they would be on it; they may have been woken."""
    for p in tasks:
        if p.stack is None or p.wchan != wchan:
            wrong.append(f"{p!r} is on a list of {what}, and not in {wchan}")


# Semaphores.


def validate_semaphores(seen: Census) -> list[str]:
    """Return what is wrong with sets and with what is to be taken back."""
    k = seen.k
    wrong: list[str] = []
    lists = tally([p.sysvsem for p in seen.tasks if p.sysvsem is not None])
    for ulp, users in lists.items():
        if ulp.refcnt != users:
            wrong.append(f"refcnt of an undo list: {ulp.refcnt}, found {users}")
    undos = {un: None for ulp in lists for un in ulp.list_proc}
    sets = 0
    for ns in k.ipc.namespaces:
        nsems = 0
        for sma in ns.ids[IPC_SEM_IDS].ipcs:
            if isinstance(sma, SemArray):
                sets += 1
                nsems += sma.sem_nsems
                _semaphore_set(wrong, sma, lists)
                for un in sma.list_id:
                    undos.pop(un, None)
        if ns.used_sems != nsems:
            wrong.append(f"used_sems {ns.used_sems}, found {nsems}")
    if undos:
        wrong.append(f"{len(undos)} undo entries of no set")
    _objects(seen, wrong, "sem_array", sets)
    _objects(seen, wrong, "sem_undo_list", len(lists))
    _objects(seen, wrong, "sem_undo", sum(len(ulp.list_proc) for ulp in lists))
    return wrong


def _semaphore_set(wrong: list[str], sma: SemArray, lists: dict[SemUndoList, int]) -> None:
    name = f"set {sma.id}"
    for un in sma.list_id:
        if un.semid != sma.id or un.ulp not in lists or un not in un.ulp.list_proc or len(un.semadj) != sma.sem_nsems:
            wrong.append(f"{name}: an undo entry that is nobody's, or another set's ({un.semid})")
    pending = sma.sem_pending
    _asleep(wrong, name, [q.sleeper for q in pending], "sys_semtimedop")
    if any(q.status != -EINTR for q in pending):
        wrong.append(f"{name}: a call that was done is still on the list")
    if sma.complex_count != sum(len(q.sops) > 1 for q in pending):
        wrong.append(f"{name}: complex_count {sma.complex_count}")
    altering = [q.alter for q in pending]
    if altering != sorted(altering):
        wrong.append(f"{name}: somebody who waits for zero stands behind others")
    for num, sem in enumerate(sma.sem_base):
        if not 0 <= sem.semval <= SEMVMX:
            wrong.append(f"{name}: semaphore {num} is {sem.semval}")
        if sem.sem_pending != [q for q in pending if len(q.sops) == 1 and q.sops[0][0] == num]:
            wrong.append(f"{name}: semaphore {num} has other sleepers than the set")
        for q in sem.sem_pending:
            _, op, _ = q.sops[0]
            if sem.semval + op >= 0 if op else not sem.semval:
                wrong.append(f"{name}: {q.sleeper!r} sleeps, and semaphore {num} is {sem.semval}")


# Messages.


def validate_messages(seen: Census) -> list[str]:
    """Return what is wrong with queues."""
    k = seen.k
    wrong: list[str] = []
    pieces = sum(msg.pieces for msg in seen.held_of(MsgMsg))
    pieces += sum(msg.pieces for inode in seen.mqueues for msg in inode.messages)
    queues = 0
    for ns in k.ipc.namespaces:
        hdrs = size = 0
        for msq in ns.ids[IPC_MSG_IDS].ipcs:
            if isinstance(msq, MsgQueue):
                queues += 1
                hdrs += len(msq.q_messages)
                size += sum(len(msg.text) for msg in msq.q_messages)
                pieces += sum(msg.pieces for msg in msq.q_messages)
                _queue(wrong, msq)
        if (ns.msg_hdrs, ns.msg_bytes) != (hdrs, size):
            wrong.append(f"messages {ns.msg_hdrs} of {ns.msg_bytes} bytes, found {hdrs} of {size}")
    _objects(seen, wrong, "msg_queue", queues)
    _objects(seen, wrong, "msg_msg", pieces)
    return wrong


def _queue(wrong: list[str], msq: MsgQueue) -> None:
    name = f"queue {msq.id}"
    size = sum(len(msg.text) for msg in msq.q_messages)
    if (msq.q_qnum, msq.q_cbytes) != (len(msq.q_messages), size):
        wrong.append(f"{name}: {msq.q_qnum} messages of {msq.q_cbytes} bytes, found {len(msq.q_messages)} of {size}")
    _asleep(wrong, name, [msr.r_tsk for msr in msq.q_receivers], "do_msgrcv")
    _asleep(wrong, name, msq.q_senders, "do_msgsnd")
    if any(isinstance(msr.r_msg, MsgMsg) for msr in msq.q_receivers):
        wrong.append(f"{name}: a receiver was handed a message and is still on the list")


# Shared memory.


def validate_segments(seen: Census) -> list[str]:
    """Return which segments are not mapped as often as they say, and what else is wrong with them."""
    k = seen.k
    wrong: list[str] = []
    attached: dict[tuple[IpcNamespace, int], int] = {}
    for mm in seen.mms:
        for vma in mm.mmap:
            if isinstance(vma.vm_file, ShmFile):
                sfd: ShmFileData = vma.vm_file.private_data
                attached[sfd.ns, sfd.id] = attached.get((sfd.ns, sfd.id), 0) + 1
    segments = 0
    locked: dict[object, int] = {}
    for ns in k.ipc.namespaces:
        pages = 0
        for shp in ns.ids[IPC_SHM_IDS].ipcs:
            if not isinstance(shp, ShmidKernel):
                continue
            segments += 1
            size = shp.shm_segsz + PAGE_SIZE - 1 >> PAGE_SHIFT
            pages += size
            found = attached.pop((ns, shp.id), 0)
            if shp.shm_nattch != found:
                wrong.append(f"segment {shp.id}: nattch {shp.shm_nattch}, found {found}")
            if shp.shm_creator is not None and shp.shm_creator not in seen.tasks:
                wrong.append(f"segment {shp.id} was made by {shp.shm_creator!r}, who is gone")
            if shp.mlock_user is not None:
                locked[shp.mlock_user] = locked.get(shp.mlock_user, 0) + size
        if ns.shm_tot != pages:
            wrong.append(f"shm_tot {ns.shm_tot}, found {pages}")
    if attached:
        wrong.append(f"attached, and gone: {[id for _, id in attached]}")
    for user in k.users.uidhash.values():
        if user.locked_shm != locked.get(user, 0):
            wrong.append(f"locked_shm of user {user.uid}: {user.locked_shm}, found {locked.get(user, 0)}")
    _objects(seen, wrong, "shmid_kernel", segments)
    _objects(seen, wrong, "shm_file_data", sum(isinstance(file, ShmFile) for file in seen.open_files))
    return wrong
