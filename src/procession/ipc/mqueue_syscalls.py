"""The system calls of POSIX message queues (the second half of ipc/mqueue.c; spec ipc 7.3 to 7.5)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import dcache, file_table, namei, namei_modify, namespace
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_ACCMODE, O_CLOEXEC, O_CREAT, O_EXCL, O_NONBLOCK, O_PATH, OpenArg
from procession.include.linux.fs import (
    FMODE_READ,
    FMODE_WRITE,
    MAY_EXEC,
    MAY_READ,
    MAY_WRITE,
    S_IALLUGO,
    S_IFMT,
    S_IFREG,
    S_IFSOCK,
    Dentry,
    File,
    PathRef,
)
from procession.include.linux.limits import NAME_MAX, ULONG_MAX
from procession.include.linux.mqueue import (
    MQ_ATTR_SIZE,
    MQ_PRIO_MAX,
    NOTIFY_COOKIE_LEN,
    MqAttrIn,
    MqAttrNew,
    MqAttrOut,
    MqPrioOut,
    MqSigevent,
)
from procession.include.linux.sched import TASK_INTERRUPTIBLE, signal_pending
from procession.include.linux.signal import NSIG
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import TimespecIn
from procession.include.linux.types import Fd, InBuf, ModeT, OutBuf, Path, SizeT, UInt, UserPtr
from procession.ipc import mqueue, msgutil
from procession.kernel import capability, pid, time, wait
from procession.kernel.posix_timers import SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD
from procession.lib import string
from procession.mm import uaccess
from procession.net.netlink import af_netlink
from procession.net.netlink.sock import NetlinkSkb, NetlinkSock

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.msg import MsgMsg
    from procession.include.linux.sched import Task

__all__ = (
    "do_mq_getsetattr",
    "do_mq_notify",
    "do_mq_open",
    "do_mq_timedreceive",
    "do_mq_timedsend",
    "mq_notification",
    "sys_mq_getsetattr",
    "sys_mq_notify",
    "sys_mq_open",
    "sys_mq_timedreceive",
    "sys_mq_timedsend",
    "sys_mq_unlink",
)

HARD_MSGMAX: Final = 65536
_ATTR: Final = struct.Struct("<qqqq32x")
_SIGEVENT: Final = struct.Struct("<Qii")
_SIGEVENT_SIZE: Final = 64
_OFLAG2ACC: Final = (MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE)


# By name.


def _ipc_ns(current: Task) -> IpcNamespace:
    assert current.nsproxy is not None
    return current.nsproxy.ipc_ns


def _root(current: Task) -> Vfsmount:
    mnt = _ipc_ns(current).mq_mnt
    assert mnt is not None
    return mnt


def _lookup_one_len(current: Task, base: Dentry, name: str) -> Dentry | None:
    """Return the dentry of a queue, None if there is none; raises EACCES for a slash, ENAMETOOLONG."""
    if "/" in name:
        raise LinuxError(Errno.EACCES, "a slash in a queue's name")
    namei.inode_permission(current, base.d_inode, MAY_EXEC)
    known = base.d_subdirs.get(name) if base.d_subdirs is not None else None
    if known is not None:
        return known
    if len(string.to_bytes(name)) > NAME_MAX:
        raise LinuxError(Errno.ENAMETOOLONG, name)
    try:
        return dcache.d_add(base, name, base.d_inode.lookup(name))
    except LinuxError as error:
        if error.errno != Errno.ENOENT:
            raise
        return None


def mq_attr_ok(current: Task, ipc_ns: IpcNamespace, maxmsg: int, msgsize: int) -> bool:
    """Whether a queue may be so long, and its messages so large."""
    if maxmsg <= 0 or msgsize <= 0:
        return False
    if capability.capable(current, CAP_SYS_RESOURCE):
        if maxmsg > HARD_MSGMAX:
            return False
    elif maxmsg > ipc_ns.mq_msg_max or msgsize > ipc_ns.mq_msgsize_max:
        return False
    return maxmsg * (msgsize + mqueue.SIZEOF_POINTER) <= ULONG_MAX


def _do_create(current: Task, mnt: Vfsmount, name: str, oflag: int, mode: int, attr: tuple[int, int] | None) -> File:
    """Make a queue and open it, as its mode does not say; raises EINVAL, EACCES, and as mqueue_create."""
    if attr is not None and not mq_attr_ok(current, _ipc_ns(current), *attr):
        raise LinuxError(Errno.EINVAL, "mq_attr")
    fs = current.fs
    assert fs is not None
    namespace.mnt_want_write(mnt)
    dir = mnt.mnt_root.d_inode
    namei.may_create(current, dir)
    assert isinstance(dir, mqueue.MqueueDir)
    inode = mqueue.mqueue_create(current, dir, name, S_IFREG | mode & S_IALLUGO & ~fs.umask, attr)
    fs_inode.inode_init_owner(current, inode, dir)
    dentry = dcache.d_add(mnt.mnt_root, name, inode)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_create(dir, dentry)
    return _dentry_open(current, mnt, dentry, oflag)


def _do_open(current: Task, mnt: Vfsmount, dentry: Dentry, oflag: int) -> File:
    """Open a queue that is there; raises EINVAL, EACCES."""
    access = oflag & O_ACCMODE
    if access == O_ACCMODE:
        raise LinuxError(Errno.EINVAL, "neither reading nor writing")
    try:
        namei.inode_permission(current, dentry.d_inode, _OFLAG2ACC[access])
    except LinuxError as error:
        raise LinuxError(Errno.EACCES, error.why) from error
    return _dentry_open(current, mnt, dentry, oflag)


def _dentry_open(current: Task, mnt: Vfsmount, dentry: Dentry, oflag: int) -> File:
    """Return a counted open file; raises ENFILE, and as namei.dentry_open."""
    file_table.get_empty_filp(current)
    try:
        file = namei.dentry_open(current, PathRef(mnt, dentry), oflag)
    except LinuxError:
        file_table.free_filp(current.kernel)
        raise
    if oflag & O_PATH:
        file.f_flags = oflag  # as it comes: open(2) has thrown the others away by now
    return file


@syscall
def sys_mq_open(current: Task, u_name: Path, oflag: OpenArg, mode: ModeT, u_attr: MqAttrNew) -> Fd:
    """Open a queue, or make one (mq_open(2)).

    Raises EFAULT, ENAMETOOLONG, ENOENT, EMFILE, EACCES, EEXIST, EINVAL, ENOSPC, ENOMEM, ENFILE.
    """
    attr = None
    if u_attr:
        _, maxmsg, msgsize, _ = _ATTR.unpack(uaccess.copy_from_user(current, u_attr, MQ_ATTR_SIZE))
        attr = int(maxmsg), int(msgsize)
    return do_mq_open(current, u_name, oflag, mode, attr)


def do_mq_open(current: Task, u_name: UserPtr, oflag: int, mode: int, attr: tuple[int, int] | None) -> int:
    """Open a queue, or make one of these attributes: how many messages, and how long; see sys_mq_open."""
    name = namei.getname(current, u_name)
    fd = fs_file.alloc_fd(current, 0, O_CLOEXEC)
    try:
        file = _mq_open(current, name, oflag, mode, attr)
    except LinuxError:
        fs_file.put_unused_fd(current, fd)
        raise
    fs_file.fd_install(current, fd, file)
    return fd


def _mq_open(current: Task, name: str, oflag: int, mode: int, attr: tuple[int, int] | None) -> File:
    mnt = _root(current)
    dentry = _lookup_one_len(current, mnt.mnt_root, name)
    if dentry is not None:
        if oflag & O_CREAT and oflag & O_EXCL:
            raise LinuxError(Errno.EEXIST, name)
        return _do_open(current, mnt, dentry, oflag)
    if not oflag & O_CREAT:
        raise LinuxError(Errno.ENOENT, name)
    return _do_create(current, mnt, name, oflag, mode, attr)


@syscall
def sys_mq_unlink(current: Task, u_name: Path) -> int:
    """Remove a queue's name; it goes when it is closed (mq_unlink(2)).

    Raises EFAULT, ENAMETOOLONG, ENOENT, EACCES, EPERM.
    """
    name = namei.getname(current, u_name)
    mnt = _root(current)
    dentry = _lookup_one_len(current, mnt.mnt_root, name)
    if dentry is None:
        raise LinuxError(Errno.ENOENT, name)
    namespace.mnt_want_write(mnt)
    namei_modify.vfs_unlink(current, mnt.mnt_root, dentry)
    return 0


# Messages.


def _prepare_timeout(current: Task, u_abs_timeout: UserPtr) -> int | None:
    """Return the time of day when a call gives up, None if never; raises EFAULT, EINVAL."""
    return time.get_timespec(current, u_abs_timeout) if u_abs_timeout else None


def _queue_of(file: File) -> mqueue.MqueueInode:
    """Return the queue behind a file; raises EBADF."""
    if not isinstance(file, mqueue.MqueueFile):
        raise LinuxError(Errno.EBADF, "no message queue")
    inode = file.f_path.dentry.d_inode
    assert isinstance(inode, mqueue.MqueueInode)
    return inode


def _touch(inode: mqueue.MqueueInode) -> None:
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)


@syscall
async def sys_mq_timedsend(
    current: Task, mqdes: Fd, u_msg_ptr: InBuf, msg_len: SizeT, msg_prio: UInt, u_abs_timeout: TimespecIn
) -> int:
    """Put a message into a queue, waiting for room (mq_timedsend(2)).

    Raises EFAULT, EINVAL, EBADF, EMSGSIZE, ENOMEM, EAGAIN, ETIMEDOUT, ERESTARTSYS.
    """
    return await do_mq_timedsend(current, mqdes, u_msg_ptr, msg_len, msg_prio, _prepare_timeout(current, u_abs_timeout))


async def do_mq_timedsend(
    current: Task, mqdes: int, u_msg_ptr: UserPtr, msg_len: int, msg_prio: int, expires_ns: int | None
) -> int:
    """Put a message into a queue, waiting until a time of day at most; see sys_mq_timedsend."""
    if msg_prio >= MQ_PRIO_MAX:
        raise LinuxError(Errno.EINVAL, "message priority")
    file = fs_file.fget_light(current, mqdes)
    inode = _queue_of(file)
    if not file.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EBADF, "not open for writing")
    if msg_len > inode.msgsize:
        raise LinuxError(Errno.EMSGSIZE, "longer than the queue's messages")
    msg = msgutil.load_msg(current, u_msg_ptr, msg_len)
    msg.m_type = msg_prio
    with inode.lock:
        full = len(inode.messages) == inode.maxmsg
        if not full:
            receiver = mqueue.wq_get_first_waiter(inode, mqueue.RECV)
            if receiver is not None:
                mqueue.pipelined_send(inode, msg, receiver)
            else:
                mqueue.msg_insert(inode, msg)
                mqueue.do_notify(current, inode)
            _touch(inode)
    if full:
        try:
            await _wait(current, file, mqueue.SEND, expires_ns, mqueue.ExtWaitQueue(current, msg))
        except LinuxError:
            msgutil.free_msg(current.kernel, msg)
            raise
    return 0


async def _wait(current: Task, file: File, sr: int, expires_ns: int | None, ewp: mqueue.ExtWaitQueue) -> None:
    """Sleep until the message has gone in or out; raises EAGAIN, ETIMEDOUT, ERESTARTSYS."""
    if file.f_flags & O_NONBLOCK:
        raise LinuxError(Errno.EAGAIN, "the queue is full" if sr == mqueue.SEND else "the queue is empty")
    held = len(current.held)
    current.held.append(file_table.get_file(file))
    if ewp.msg is not None:
        current.held.append(ewp.msg)
    try:
        await mqueue.wq_sleep(current, _queue_of(file), sr, expires_ns, ewp)
    finally:
        del current.held[held:]
        file_table.fput(current, file)


@syscall
async def sys_mq_timedreceive(
    current: Task, mqdes: Fd, u_msg_ptr: OutBuf, msg_len: SizeT, u_msg_prio: MqPrioOut, u_abs_timeout: TimespecIn
) -> int:
    """Take the oldest message of the highest priority out of a queue, waiting for one (mq_timedreceive(2)).

    Raises EFAULT, which loses the message, EINVAL, EBADF, EMSGSIZE, EAGAIN, ETIMEDOUT, ERESTARTSYS.
    """
    return await do_mq_timedreceive(
        current, mqdes, u_msg_ptr, msg_len, u_msg_prio, _prepare_timeout(current, u_abs_timeout)
    )


async def do_mq_timedreceive(
    current: Task, mqdes: int, u_msg_ptr: UserPtr, msg_len: int, u_msg_prio: UserPtr, expires_ns: int | None
) -> int:
    """Take a message out of a queue, waiting until a time of day at most; see sys_mq_timedreceive."""
    file = fs_file.fget_light(current, mqdes)
    inode = _queue_of(file)
    if not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EBADF, "not open for reading")
    if msg_len < inode.msgsize:
        raise LinuxError(Errno.EMSGSIZE, "shorter than the queue's messages")
    msg: MsgMsg | None = None
    with inode.lock:
        if inode.messages:
            msg = mqueue.msg_get(inode)
            _touch(inode)
            mqueue.pipelined_receive(inode)
    if msg is None:
        ewp = mqueue.ExtWaitQueue(current)
        await _wait(current, file, mqueue.RECV, expires_ns, ewp)
        msg = ewp.msg
        assert msg is not None
    try:
        if u_msg_prio:
            uaccess.put_user(current, u_msg_prio, msg.m_type, 4)
        msgutil.store_msg(current, u_msg_ptr, msg, len(msg.text))
    finally:
        msgutil.free_msg(current.kernel, msg)
    return len(msg.text)


# Notification and attributes.


def _read_sigevent(current: Task, u_notification: UserPtr) -> mqueue.MqueueNotify:
    """Return how a process is to be told; raises EFAULT, EINVAL."""
    return mq_notification(*_SIGEVENT.unpack(uaccess.copy_from_user(current, u_notification, _SIGEVENT_SIZE)[:16]))


def mq_notification(value: int, signo: int, notify: int) -> mqueue.MqueueNotify:
    """Return how a process is to be told; raises EINVAL."""
    if notify not in (SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD):
        raise LinuxError(Errno.EINVAL, f"sigev_notify {notify}")
    if notify == SIGEV_SIGNAL and not 0 <= signo <= NSIG:
        raise LinuxError(Errno.EINVAL, f"signal {signo}")
    return mqueue.MqueueNotify(notify, signo, value)


def netlink_getsockbyfilp(file: File) -> NetlinkSock:
    """Return the netlink socket behind a file; raises ENOTSOCK, EINVAL for another family's."""
    if file.f_path.dentry.d_inode.i_mode & S_IFMT != S_IFSOCK:
        raise LinuxError(Errno.ENOTSOCK, "no socket")
    sock = file.private_data
    if not isinstance(sock, NetlinkSock):
        raise LinuxError(Errno.EINVAL, "no netlink socket")
    return sock


async def _attach_cookie(current: Task, notify: mqueue.MqueueNotify) -> None:
    """Read a thread's cookie and charge its socket with it, waiting for room there.

    Raises ENOMEM, EFAULT, EBADF, ENOTSOCK, EINVAL, ERESTARTSYS.
    """
    k = current.kernel
    try:
        af_netlink.count_skb(k)
    except LinuxError as error:
        raise LinuxError(Errno.ENOMEM, error.why) from error
    try:
        cookie = NetlinkSkb(uaccess.copy_from_user(current, notify.value, NOTIFY_COOKIE_LEN))
        sock = netlink_getsockbyfilp(fs_file.fget_light(current, notify.signo))
        while not af_netlink.netlink_attachskb(sock, cookie):
            await _wait_for_room(current, sock)
            sock = netlink_getsockbyfilp(fs_file.fget_light(current, notify.signo))
    except LinuxError:
        af_netlink.kfree_skb(k)
        raise
    notify.sock, notify.cookie = sock, cookie


async def _wait_for_room(current: Task, sock: NetlinkSock) -> None:
    """Wait until a socket has been read or closed; raises ERESTARTSYS."""
    with wait.Waiter(current, sock.peer_wait, TASK_INTERRUPTIBLE, "netlink_attachskb") as waiter:
        if not sock.dead:
            await waiter.sleep()
    if signal_pending(current):
        raise LinuxError(Errno.ERESTARTSYS, "netlink_attachskb")


@syscall
async def sys_mq_notify(current: Task, mqdes: Fd, u_notification: MqSigevent) -> int:
    """Have current's process told when a message comes into the empty queue, once; NULL: not any more (mq_notify(2)).

    Raises EFAULT, EINVAL, EBADF, EBUSY; for SIGEV_THREAD ENOMEM, ENOTSOCK, ERESTARTSYS.
    """
    return await do_mq_notify(current, mqdes, _read_sigevent(current, u_notification) if u_notification else None)


async def do_mq_notify(current: Task, mqdes: int, notify: mqueue.MqueueNotify | None) -> int:
    """Have current's process told, or not any more; see sys_mq_notify."""
    if notify is not None and notify.notify == SIGEV_THREAD:
        await _attach_cookie(current, notify)
    try:
        inode = _queue_of(fs_file.fget_light(current, mqdes))
        with inode.lock:
            _register(current, inode, notify)
    except LinuxError:
        if notify is not None and notify.sock is not None and notify.cookie is not None:
            af_netlink.netlink_detachskb(notify.sock, notify.cookie)
        raise
    return 0


def _register(current: Task, inode: mqueue.MqueueInode, notify: mqueue.MqueueNotify | None) -> None:
    tgid = pid.task_pid(current.group_leader)
    assert tgid is not None
    if notify is None:
        if inode.notify is None or inode.notify.owner is not tgid:
            return
        mqueue.remove_notification(inode)
    else:
        if inode.notify is not None:
            raise LinuxError(Errno.EBUSY, "somebody is registered")
        notify.owner = pid.get_pid(tgid)
        inode.notify = notify
    inode.i_atime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)


@syscall
def sys_mq_getsetattr(current: Task, mqdes: Fd, u_mqstat: MqAttrIn, u_omqstat: MqAttrOut) -> int:
    """Set whether an open queue blocks, and report how it was (mq_getsetattr(2)); raises EFAULT, EINVAL, EBADF."""
    flags = None
    if u_mqstat:
        flags = _ATTR.unpack(uaccess.copy_from_user(current, u_mqstat, MQ_ATTR_SIZE))[0]
    old = do_mq_getsetattr(current, mqdes, flags)
    if u_omqstat:
        uaccess.copy_to_user(current, u_omqstat, _ATTR.pack(*old))
    return 0


def do_mq_getsetattr(current: Task, mqdes: int, flags: int | None) -> tuple[int, int, int, int]:
    """Return flags, length, size of a message and their number, and set new flags unless None; raises EINVAL, EBADF."""
    if flags is not None and flags & ~O_NONBLOCK:
        raise LinuxError(Errno.EINVAL, "mq_flags")
    file = fs_file.fget_light(current, mqdes)
    inode = _queue_of(file)
    with inode.lock:
        old = file.f_flags & O_NONBLOCK, inode.maxmsg, inode.msgsize, len(inode.messages)
        if flags is not None:
            file.f_flags = file.f_flags & ~O_NONBLOCK | flags
            inode.i_atime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
    return old
