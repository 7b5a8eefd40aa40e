"""POSIX message queues: what they hold, who sleeps at them, and who pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import TASK_RUNNING
from procession.ipc.mqueue import RECV, SEND, MqueueDir, MqueueFile
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.fs import SuperBlock
    from procession.include.linux.sched import UserStruct
    from procession.ipc.mqueue import MqueueInode

__all__ = ("validate_mqueues",)


def validate_mqueues(seen: Census) -> list[str]:
    """Return which queues are out of order, and which counts of them are off."""
    k = seen.k
    if "mqueue_inode_cache" not in k.caches:
        return []
    wrong: list[str] = []
    queues = seen.mqueues
    active = k.caches["mqueue_inode_cache"].nr_active
    if active != len(queues):
        wrong.append(f"mqueue_inode_cache objects: {active}, found {len(queues)}")
    bytes_of: dict[UserStruct, int] = {}
    for inode in queues:
        wrong += _queue(inode)
        if inode.user is not None:
            bytes_of[inode.user] = bytes_of.get(inode.user, 0) + inode.mq_bytes
    for user in k.users.uidhash.values():
        if user.mq_bytes != bytes_of.get(user, 0):
            wrong.append(f"mq_bytes of user {user.uid}: {user.mq_bytes}, found {bytes_of.get(user, 0)}")
    mounts = tally([mnt.mnt_sb for mnt in k.vfs.mount_hashtable.values()]) if len(seen.mqueue_sbs) > 1 or queues else {}
    files = tally([file.inode.i_sb for file in seen.open_files if isinstance(file, MqueueFile)]) if queues else {}
    for sb in seen.mqueue_sbs:
        wrong += _instance(seen, sb, mounts.get(sb, 0) + files.get(sb, 0))
    return wrong


def _instance(seen: Census, sb: SuperBlock, users: int) -> list[str]:
    """Compare an instance with its namespace; users: its mounts that paths lead to, and its open files."""
    wrong = []
    assert sb.s_root is not None
    root = sb.s_root.d_inode
    assert isinstance(root, MqueueDir)
    ns = sb.s_fs_info
    found = sum(1 for inode in seen.mqueues if inode.i_sb is sb)
    if ns is not None:
        users += 1
        if ns.mq_queues_count != found:
            wrong.append(f"mq_queues_count: {ns.mq_queues_count}, found {found}")
    if found and sb.s_active != users:
        wrong.append(f"s_active of mqueue: {sb.s_active}, found {users}")
    if root.i_size != 40 + 20 * len(root.children):
        wrong.append(f"size of mqueue's root: {root.i_size} with {len(root.children)} queues")
    return wrong


def _queue(inode: MqueueInode) -> list[str]:
    wrong = []
    name = f"queue {inode.i_ino}"
    priorities = [msg.m_type for msg in inode.messages]
    if priorities != sorted(priorities):
        wrong.append(f"{name}: messages of priorities {priorities}")
    if len(priorities) > inode.maxmsg:
        wrong.append(f"{name}: {len(priorities)} messages, room for {inode.maxmsg}")
    size = sum(len(msg.text) for msg in inode.messages)
    if inode.qsize != size:
        wrong.append(f"{name}: qsize {inode.qsize}, found {size}")
    if inode.e_wait_q[SEND] and len(priorities) < inode.maxmsg:
        wrong.append(f"{name}: senders wait, though there is room")
    if inode.e_wait_q[RECV] and priorities:
        wrong.append(f"{name}: receivers wait, though there are messages")
    for queue in inode.e_wait_q:
        for ewp in queue:
            if ewp.ready:
                wrong.append(f"{name}: {ewp.task!r} waits, though all is done")
            elif ewp.task.state != TASK_RUNNING and ewp.task.waiting_on is not inode:
                wrong.append(f"{name}: {ewp.task!r} waits elsewhere, too")
    return wrong
