"""The validators of System V objects: nothing to say while there are some and sleepers on them, and what they find."""

from __future__ import annotations

import struct

import pytest

from procession import Machine
from procession.include.linux.ipc_namespace import IPC_MSG_IDS, IPC_SEM_IDS, IPC_SHM_IDS
from procession.kernel import entry
from procession.tools.validate import validate_all

pytestmark = pytest.mark.unchecked
SEM_UNDO = 0x1000


def ops(*each):
    return b"".join(struct.pack("<Hhh", *op) for op in each)


async def everything(sys):
    """A set with something to take back and three sleepers, a queue with a message and two sleepers, two segments."""
    semid, msqid = await sys.semget(0, 2, 0o600), await sys.msgget(0, 0o600)
    await sys.semop(semid, ops((0, 1, SEM_UNDO)), 1)
    await sys.msgsnd(msqid, struct.pack("<q4s", 7, b"text"), 4, 0)
    for sops in (ops((0, -2, 0)), ops((0, 0, 0)), ops((0, -1, 0), (1, -1, 0))):
        if await sys.fork() == 0:
            await sys.semop(semid, sops, len(sops) // 6)
    for wanted in (1, 2):
        if await sys.fork() == 0:
            await sys.msgrcv(msqid, bytearray(16), 8, wanted, 0)
    await sys.shmget(0, 5000, 0o600)
    locked = await sys.shmget(0, 1, 0o600)
    await sys.shmctl(locked, 11, 0)
    await sys.shmat(locked, 0, 0)
    await sys.pause()


@pytest.fixture
def k():
    machine = Machine()
    with pytest.raises(entry.Deadlock):
        machine.run(everything)
    assert validate_all(machine.kernel) == []
    return machine.kernel


def ids(k, kind):
    return k.init_ipc_ns.ids[kind]


def the_set(k):
    return ids(k, IPC_SEM_IDS).ipcs[0]


def the_queue(k):
    return ids(k, IPC_MSG_IDS).ipcs[0]


def the_locked(k):
    return ids(k, IPC_SHM_IDS).ipcs[1]


def change(get, name, by=1):
    def mutate(k):
        thing = get(k)
        setattr(thing, name, getattr(thing, name) + by)
    return mutate


@pytest.mark.parametrize(("mutate", "complaint"), [
    (lambda k: ids(k, IPC_SHM_IDS).ipcs.append(None), "ends in a hole"),
    (change(lambda k: ids(k, IPC_SEM_IDS), "in_use"), "identifiers in use: 2, found 1"),
    (change(the_set, "seq"), "object 0 with number 1 at 0"),
    (lambda k: k.ipc.namespaces.clear(), "is told of others is gone"),
    (lambda k: k.caches["sem_array"].alloc(), "sem_array objects: 2, found 1"),
    (change(lambda k: next(iter(the_set(k).list_id)).ulp, "refcnt"), "refcnt of an undo list: 2, found 1"),
    (lambda k: the_set(k).list_id.clear(), "undo entries of no set"),
    (change(lambda k: next(iter(the_set(k).list_id)), "semid"), "an undo entry that is nobody's"),
    (change(the_set, "complex_count"), "complex_count 2"),
    (lambda k: the_set(k).sem_pending.reverse(), "waits for zero stands behind"),
    (lambda k: the_set(k).sem_base[0].sem_pending.pop(), "other sleepers than the set"),
    (lambda k: setattr(the_set(k).sem_base[0], "semval", 2), "sleeps, and semaphore 0 is 2"),
    (lambda k: setattr(the_set(k).sem_base[1], "semval", -1), "semaphore 1 is -1"),
    (lambda k: setattr(the_set(k).sem_pending[0], "status", 0), "a call that was done"),
    (lambda k: setattr(the_set(k).sem_pending[0].sleeper, "wchan", "elsewhere"), "and not in sys_semtimedop"),
    (change(the_queue, "q_cbytes"), "1 messages of 5 bytes, found 1 of 4"),
    (lambda k: setattr(the_queue(k).q_receivers[0].r_tsk, "wchan", ""), "and not in do_msgrcv"),
    (lambda k: setattr(the_queue(k).q_receivers[0], "r_msg", the_queue(k).q_messages[0]), "was handed a message"),
    (lambda k: k.caches["msg_msg"].alloc(), "msg_msg objects: 2, found 1"),
    (change(the_locked, "shm_nattch"), "nattch 2, found 1"),
    (lambda k: setattr(the_locked(k), "shm_creator", k.init_task.copy()), "who is gone"),
    (change(lambda k: k.users.root_user, "locked_shm"), "locked_shm of user 0: 2, found 1"),
    (lambda k: setattr(the_locked(k), "id", 99), "attached, and gone"),
    (change(lambda k: k.init_ipc_ns, "count"), "count of IpcNamespace"),
    (change(lambda k: the_locked(k).shm_file, "f_count"), "f_count of ShmemFile"),
    (change(lambda k: the_locked(k).shm_file.inode, "committed"), "vm_committed"),
])
def test_a_broken_promise_is_noticed(k, mutate, complaint):
    mutate(k)
    assert any(complaint in text for text in validate_all(k))
