"""POSIX message queues: their file system, and who waits for what (ipc/mqueue.c; spec ipc 7).

The system calls are in mqueue_syscalls.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, namespace, ramfs
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.cred import CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM,
    S_IFDIR,
    S_IFREG,
    S_IRWXUGO,
    S_ISVTX,
    File,
    Inode,
    Kstat,
    SuperBlock,
    generic_file_llseek,
)
from procession.include.linux.limits import UINT_MAX, ULONG_MAX
from procession.include.linux.magic import MQUEUE_MAGIC
from procession.include.linux.mqueue import NOTIFY_REMOVED, NOTIFY_WOKENUP
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.resource import RLIMIT_MSGQUEUE
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state, signal_pending
from procession.include.linux.signal import SI_MESGQ, Siginfo
from procession.include.linux.spinlock import SpinLock
from procession.ipc import msgutil
from procession.kernel import capability, hrtimer, pid, sched, signal_send, user, wait
from procession.kernel.posix_timers import SIGEV_SIGNAL, SIGEV_THREAD
from procession.mm import slab, uaccess
from procession.net.netlink import af_netlink

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, PollTable
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.msg import MsgMsg
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task, UserStruct
    from procession.include.linux.types import UserPtr
    from procession.net.netlink.sock import NetlinkSkb, NetlinkSock

__all__ = (
    "RECV",
    "SEND",
    "SIZEOF_POINTER",
    "ExtWaitQueue",
    "MqueueDir",
    "MqueueFile",
    "MqueueInode",
    "MqueueSuperBlock",
    "do_notify",
    "init_mqueue_fs",
    "mq_clear_sbinfo",
    "mq_drop_queues",
    "mq_init_ns",
    "mq_put_mnt",
    "mqueue_create",
    "msg_get",
    "msg_insert",
    "pipelined_receive",
    "pipelined_send",
    "remove_notification",
    "wq_get_first_waiter",
    "wq_sleep",
)

DIRENT_SIZE: Final = 20
FILENT_SIZE: Final = 80
SEND: Final = 0
RECV: Final = 1
SIZEOF_POINTER: Final = 8


class ExtWaitQueue:
    """Who sleeps until a message can go in or out (struct ext_wait_queue).

    msg: what a sender has to put, and what a receiver was given.  ready: it is done, by somebody else (STATE_READY).
    """

    __slots__ = ("msg", "ready", "task")

    def __init__(self, task: Task, msg: MsgMsg | None = None) -> None:
        self.task: Final[Task] = task
        self.msg = msg
        self.ready = False


class MqueueNotify:
    """Whom to tell that an empty queue has got a message, and how (struct sigevent and its company).

    sock, cookie: for a thread: where it hears of it, and what; the socket has been charged with that.
    """

    __slots__ = ("cookie", "notify", "owner", "signo", "sock", "value")

    def __init__(self, notify: int, signo: int = 0, value: int = 0) -> None:
        self.owner: Pid | None = None  # with a reference
        self.notify: Final[int] = notify
        self.signo: Final[int] = signo
        self.value: Final[int] = value
        self.sock: NetlinkSock | None = None
        self.cookie: NetlinkSkb | None = None


class MqueueFile(File):
    """A queue's open file."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Describe the queue in a line; raises EFAULT."""
        inode = self.f_path.dentry.d_inode
        assert isinstance(inode, MqueueInode)
        at = self.f_pos if pos is None else pos
        with inode.lock:
            text = _status(current, inode)
        chunk = text[at : at + count]
        done = uaccess.copy_to_user_partial(current, buf, chunk) if chunk else 0
        if pos is None:
            self.f_pos = at + done
        if done:
            inode.i_atime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
        return done

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable if there is a message, writable if there is room for one."""
        inode = self.f_path.dentry.d_inode
        assert isinstance(inode, MqueueInode)
        if table is not None:
            table.wait(inode.wait_q)
        with inode.lock:
            mask = POLLIN | POLLRDNORM if inode.messages else 0
            if len(inode.messages) < inode.maxmsg:
                mask |= POLLOUT | POLLWRNORM
        return mask

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; raises EINVAL, ENXIO."""
        return generic_file_llseek(self, offset, whence)

    def fsync(self) -> None:
        """There is none; raises EINVAL."""
        raise LinuxError(Errno.EINVAL, "a queue cannot be synchronised")

    def flush(self, current: Task) -> None:
        """A descriptor is closed: its process is not to be told any more, whichever else it has."""
        inode = self.f_path.dentry.d_inode
        assert isinstance(inode, MqueueInode)
        with inode.lock:
            if inode.notify is not None and inode.notify.owner is current.group_leader.pids[PIDTYPE_PID]:
                remove_notification(inode)

    def release(self, current: Task | None) -> None:
        """Let go of the file system."""
        fs_super.deactivate_super(self.f_path.mnt.mnt_sb)


def _status(current: Task, inode: MqueueInode) -> bytes:
    notify = inode.notify
    how = signo = owner = 0
    if notify is not None:
        how = notify.notify
        signo = notify.signo if how == SIGEV_SIGNAL else 0
        owner = pid.pid_vnr(current, notify.owner)
    return b"QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n" % (inode.qsize, how, signo, owner)


class MqueueInode(Inode):
    """A queue (struct mqueue_inode_info).

    messages: by rising priority, of equals the oldest last.  qsize: their bytes.  user: who pays for it, with a
    reference.  e_wait_q: senders and receivers asleep, who is due first last.
    """

    def __init__(self, sb: SuperBlock, ino: int, mode: int, maxmsg: int, msgsize: int) -> None:
        super().__init__(sb, ino, mode)
        k = sb.kernel
        self.i_size = FILENT_SIZE
        self.lock = SpinLock(k.lock_class("mqueue_inode_info->lock"))
        self.wait_q = k.wait_queue_head("mqueue_inode_info->wait_q")
        self.maxmsg: Final[int] = maxmsg
        self.msgsize: Final[int] = msgsize
        self.messages: list[MsgMsg] = []
        self.qsize = 0
        self.notify: MqueueNotify | None = None
        self.user: UserStruct | None = None
        self.e_wait_q: tuple[list[ExtWaitQueue], list[ExtWaitQueue]] = ([], [])

    @property
    def mq_bytes(self) -> int:
        """What it costs its user."""
        return self.maxmsg * (SIZEOF_POINTER + self.msgsize) & ULONG_MAX

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return a queue's open file."""
        path.mnt.mnt_sb.s_active += 1
        return MqueueFile(path, flags, mode)

    def truncate(self, size: int) -> None:
        """Set the size, which says nothing (simple_setattr)."""
        self.i_size = size

    def getattr(self, current: Task) -> Kstat:
        """As all, without blocks."""
        st = super().getattr(current)
        st.blocks = 0
        return st

    def evict(self) -> None:
        """Give up the queue with all that is in it (mqueue_evict_inode)."""
        k = self.i_sb.kernel
        with self.lock:
            for msg in self.messages:
                msgutil.free_msg(k, msg)
            self.messages.clear()
        ipc_ns: IpcNamespace | None = self.i_sb.s_fs_info
        owner = self.user
        assert owner is not None
        with k.mq_lock:
            owner.mq_bytes -= self.mq_bytes
            if ipc_ns is not None:
                ipc_ns.mq_queues_count -= 1
        self.user = None
        user.free_uid(k, owner)
        k.caches["mqueue_inode_cache"].free()


class MqueueDir(Inode):
    """The root, the only directory."""

    def __init__(self, sb: SuperBlock) -> None:
        super().__init__(sb, fs_inode.get_next_ino(sb), S_IFDIR | S_ISVTX | S_IRWXUGO)
        self.i_nlink = 2
        self.i_size = 2 * DIRENT_SIZE
        self.children: dict[str, MqueueInode] = {}

    def lookup(self, name: str) -> Inode:
        """Return a queue; raises ENOENT."""
        inode = self.children.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the queues, newest first."""
        return [(name, inode.i_ino, ramfs.DT[S_IFREG]) for name, inode in reversed(self.children.items())]

    def create(self, name: str, mode: int) -> Inode:
        """Make a queue with the namespace's attributes; raises as mqueue_create."""
        return mqueue_create(self.i_sb.kernel.current, self, name, mode, None)

    def unlink(self, name: str) -> None:
        """Remove a queue's name."""
        inode = self.children.pop(name)
        self.i_size -= DIRENT_SIZE
        self.i_atime_ns = self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(self.i_sb)
        _drop_nlink(inode)


def _drop_nlink(inode: MqueueInode) -> None:
    inode.i_nlink -= 1
    if not inode.i_nlink and inode.i_count <= 0:
        inode.evict()


def mqueue_create(current: Task, dir: MqueueDir, name: str, mode: int, attr: tuple[int, int] | None) -> Inode:
    """Make a queue; attr: (maxmsg, msgsize), None for the namespace's.

    Raises EACCES if the namespace is gone, ENOSPC if it has too many, ENOMEM, EMFILE beyond RLIMIT_MSGQUEUE.
    """
    k = current.kernel
    ipc_ns: IpcNamespace | None = dir.i_sb.s_fs_info
    if ipc_ns is None:
        raise LinuxError(Errno.EACCES, "the ipc namespace is gone")
    with k.mq_lock:
        if ipc_ns.mq_queues_count >= ipc_ns.mq_queues_max & UINT_MAX and not capability.capable(
            current, CAP_SYS_RESOURCE
        ):
            raise LinuxError(Errno.ENOSPC, "fs.mqueue.queues_max")
        ipc_ns.mq_queues_count += 1
    try:
        inode = mqueue_get_inode(current, dir.i_sb, mode, attr or (ipc_ns.mq_msg_max, ipc_ns.mq_msgsize_max))
    except LinuxError:
        with k.mq_lock:
            ipc_ns.mq_queues_count -= 1
        raise
    dir.i_size += DIRENT_SIZE
    dir.i_atime_ns = dir.i_mtime_ns = dir.i_ctime_ns = fs_inode.current_fs_time(dir.i_sb)
    dir.children[name] = inode
    return inode


def mqueue_get_inode(current: Task, sb: SuperBlock, mode: int, attr: tuple[int, int]) -> MqueueInode:
    """Make the inode of a queue, at its user's expense; raises ENOMEM, EMFILE."""
    k = current.kernel
    k.caches["mqueue_inode_cache"].alloc()
    inode = MqueueInode(sb, fs_inode.get_next_ino(sb), mode, *attr)
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(sb)
    owner = current.cred.user
    with k.mq_lock:
        mq_bytes = owner.mq_bytes + inode.mq_bytes
        over = mq_bytes > ULONG_MAX or mq_bytes > current.signal.rlim[RLIMIT_MSGQUEUE][0]
        if not over:
            owner.mq_bytes = mq_bytes
    if over:
        k.caches["mqueue_inode_cache"].free()
        raise LinuxError(Errno.EMFILE, "RLIMIT_MSGQUEUE")
    inode.user = user.get_uid(owner)
    return inode


# Instances.


class MqueueSuperBlock(SuperBlock):
    """The queues of one ipc namespace. s_fs_info: the namespace, None when it is gone."""

    __slots__ = ()

    def kill_sb(self) -> None:
        """Nothing leads here any more: the queues go, those that are open (O_PATH) when they are closed."""
        root = _root(self)
        for name in list(root.children):
            root.unlink(name)


def _root(sb: SuperBlock) -> MqueueDir:
    assert sb.s_root is not None
    root = sb.s_root.d_inode
    assert isinstance(root, MqueueDir)
    return root


def _mqueue_mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the instance of the mounter's namespace."""
    assert current is not None
    assert current.nsproxy is not None
    mnt = current.nsproxy.ipc_ns.mq_mnt
    assert mnt is not None
    return mnt.mnt_sb


def _mqueue_owner(current: Task) -> UserNamespace:
    assert current.nsproxy is not None
    return current.nsproxy.ipc_ns.user_ns


def mq_init_ns(k: Kernel, ns: IpcNamespace) -> None:
    """Give a new namespace its instance, mounted where no path leads."""
    sb = MqueueSuperBlock(k, "mqueue", fs_super.get_anon_bdev(k), MQUEUE_MAGIC)
    sb.s_fs_info = ns
    root = MqueueDir(sb)
    root.i_atime_ns = root.i_mtime_ns = root.i_ctime_ns = fs_inode.current_fs_time(sb)
    sb.s_root = dcache.d_make_root(root)
    ns.mq_mnt = namespace.kern_mount(k, sb)


def mq_clear_sbinfo(ns: IpcNamespace) -> None:
    """The namespace is going: nobody makes queues there any more."""
    if ns.mq_mnt is not None:
        ns.mq_mnt.mnt_sb.s_fs_info = None


def mq_put_mnt(ns: IpcNamespace) -> None:
    """Unmount a namespace's instance: it goes, unless it is mounted elsewhere or a queue is open."""
    mnt, ns.mq_mnt = ns.mq_mnt, None
    if mnt is not None:
        fs_super.deactivate_super(mnt.mnt_sb)


def init_mqueue_fs(k: Kernel) -> None:
    """Register the file system and give the first namespace its instance."""
    slab.kmem_cache_create(k, "mqueue_inode_cache", 960)
    k.mq_lock = SpinLock(k.lock_class("mq_lock"))
    fs_super.register_filesystem(k, fs_super.FileSystemType("mqueue", _mqueue_mount, _mqueue_owner))
    mq_init_ns(k, k.init_ipc_ns)


def mq_drop_queues(ns: IpcNamespace) -> None:
    """Ours: remove all queues of a namespace, of which nobody is left: as the end of a container does."""
    if ns.mq_mnt is not None:
        ns.mq_mnt.mnt_sb.kill_sb()


# Sleepers. inode.lock is held.


def wq_add(inode: MqueueInode, sr: int, ewp: ExtWaitQueue) -> None:
    """Queue a sleeper by its nice value, behind those of the same."""
    inode.lock.assert_held()
    queue = inode.e_wait_q[sr]
    for at, walk in enumerate(queue):
        if walk.task.static_prio <= ewp.task.static_prio:
            queue.insert(at, ewp)
            return
    queue.append(ewp)


async def wq_sleep(current: Task, inode: MqueueInode, sr: int, expires_ns: int | None, ewp: ExtWaitQueue) -> None:
    """Sleep until somebody has done the work, at most until expires_ns, a time of day.

    Raises ERESTARTSYS, ETIMEDOUT.
    """
    with inode.lock:
        wq_add(inode, sr, ewp)
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        timed_out = await hrtimer.schedule_hrtimeout(current, expires_ns, "wq_sleep", inode, realtime=True)
        interrupted = signal_pending(current)
        with inode.lock:
            if ewp.ready:
                return
            if interrupted or timed_out:
                inode.e_wait_q[sr].remove(ewp)
        if interrupted:
            raise LinuxError(Errno.ERESTARTSYS, "wq_sleep")
        if timed_out:
            raise LinuxError(Errno.ETIMEDOUT, "wq_sleep")


def wq_get_first_waiter(inode: MqueueInode, sr: int) -> ExtWaitQueue | None:
    """Return the sleeper who is due."""
    inode.lock.assert_held()
    queue = inode.e_wait_q[sr]
    return queue[-1] if queue else None


def _wake(inode: MqueueInode, sr: int, ewp: ExtWaitQueue) -> None:
    inode.e_wait_q[sr].remove(ewp)
    sched.wake_up_process(ewp.task)
    ewp.ready = True


# Messages.


def msg_insert(inode: MqueueInode, msg: MsgMsg) -> None:
    """Put a message in its place: behind those of its priority."""
    messages = inode.messages
    at = len(messages)
    while at and messages[at - 1].m_type >= msg.m_type:
        at -= 1
    messages.insert(at, msg)
    inode.qsize += len(msg.text)


def msg_get(inode: MqueueInode) -> MsgMsg:
    """Take the first message out."""
    msg = inode.messages.pop()
    inode.qsize -= len(msg.text)
    return msg


def pipelined_send(inode: MqueueInode, msg: MsgMsg, receiver: ExtWaitQueue) -> None:
    """Hand a message to a receiver who sleeps."""
    receiver.msg = msg
    receiver.task.held.append(msg)
    _wake(inode, RECV, receiver)


def pipelined_receive(inode: MqueueInode) -> None:
    """Let the first of the senders who sleep have the place that has become free; else tell who polls."""
    sender = wq_get_first_waiter(inode, SEND)
    if sender is None:
        wait.wake_up_interruptible(inode.wait_q)
        return
    assert sender.msg is not None
    msg_insert(inode, sender.msg)
    sender.task.held.remove(sender.msg)
    _wake(inode, SEND, sender)


# Notification.


def do_notify(current: Task, inode: MqueueInode) -> None:
    """A message was put: tell the process that is registered if it is the first, once; and who polls (__do_notify)."""
    inode.lock.assert_held()
    notify = inode.notify
    if notify is not None and len(inode.messages) == 1:
        inode.notify = None
        if notify.notify == SIGEV_SIGNAL:
            _send_signal(current, inode, notify)
        elif notify.notify == SIGEV_THREAD:
            _send_cookie(notify, NOTIFY_WOKENUP)
        pid.put_pid(current.kernel, notify.owner)
    wait.wake_up(inode.wait_q)


def _send_signal(current: Task, inode: MqueueInode, notify: MqueueNotify) -> None:
    assert notify.owner is not None
    assert inode.user is not None
    k = current.kernel
    info = Siginfo(
        signo=notify.signo,
        code=SI_MESGQ,
        pid=pid.task_tgid_nr_ns(current, notify.owner.numbers[-1].ns),
        uid=user.user_ns_map_uid(k, inode.user.user_ns, current.cred, current.cred.uid),
        value=notify.value,
    )
    try:
        signal_send.kill_pid_info(notify.signo, info, notify.owner)
    except LinuxError:
        pass  # 3.2 does not look at the result: the process has ended, or has too many signals


def _send_cookie(notify: MqueueNotify, how: int) -> None:
    """Tell a thread: its cookie, the last byte of which says of what."""
    sock, cookie = notify.sock, notify.cookie
    assert sock is not None
    assert cookie is not None
    cookie.data = cookie.data[:-1] + bytes([how])
    if sock.dead:
        af_netlink.netlink_detachskb(sock, cookie)
    else:
        af_netlink.netlink_sendskb(sock, cookie)


def remove_notification(inode: MqueueInode) -> None:
    """Tell nobody any more; a thread hears of that."""
    inode.lock.assert_held()
    notify, inode.notify = inode.notify, None
    if notify is not None:
        if notify.notify == SIGEV_THREAD:
            _send_cookie(notify, NOTIFY_REMOVED)
        pid.put_pid(inode.i_sb.kernel, notify.owner)
