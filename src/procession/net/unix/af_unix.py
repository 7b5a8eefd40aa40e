"""Local sockets (net/unix/af_unix.c; spec sockets 6)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file_table, namei, namei_modify, posix_acl
from procession.hw.costs import SKB_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD
from procession.include.linux.fs import POLLERR, POLLIN, POLLRDNORM, S_IFSOCK
from procession.include.linux.net import Scm
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import POLL_ERR, POLL_HUP, POLL_IN, SIGPIPE
from procession.include.linux.socket import (
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_OOB,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_SEQPACKET,
    SOCK_STREAM,
)
from procession.kernel import cred, pid, sched_account, signal_send, time, wait
from procession.lib import string
from procession.mm import uaccess
from procession.net import scm
from procession.net.core import filter, net_namespace
from procession.net.core.sock import SOCK_RCVTSTAMP, SockWaiter, sock_prot_inuse_add, sock_rcvtimeo, sock_sndtimeo
from procession.net.sock_async import SOCK_ASYNC_NOSPACE, SOCK_WAKE_IO, SOCK_WAKE_WAITD, sk_wake_async
from procession.net.unix import garbage
from procession.net.unix.sock import (
    RCV_SHUTDOWN,
    SEND_SHUTDOWN,
    SHUTDOWN_MASK,
    SKB_MAX_ALLOC,
    TCP_CLOSE,
    TCP_ESTABLISHED,
    TCP_LISTEN,
    Skb,
    UnixSock,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "consume_skb",
    "unix_accept",
    "unix_bind",
    "unix_connect",
    "unix_create",
    "unix_gc",
    "unix_listen",
    "unix_recvq_full",
    "unix_release",
    "unix_sendmsg",
    "unix_shutdown",
    "unix_socketpair",
)

UNIX_PATH_MAX: Final = 108
MAX_RECURSION_LEVEL: Final = 4
_AF_UNIX: Final = struct.pack("<H", 1)
_POLL_IN: Final = POLLIN | POLLRDNORM

GC_SHARE: Final = 32  # looking for garbage takes a step for each socket on its way: each call pays for so many


def init_peercred(current: Task, sk: UnixSock) -> None:
    """Make current the one whom SO_PEERCRED shows."""
    _set_peercred(sk, current.group_leader.pids[PIDTYPE_PID], current.cred)


def _set_peercred(sk: UnixSock, peer_pid: Pid | None, peer_cred: Cred | None) -> None:
    old_pid, old_cred = sk.peer_pid, sk.peer_cred
    sk.peer_pid = None if peer_pid is None else pid.get_pid(peer_pid)
    sk.peer_cred = peer_cred
    if peer_cred is not None:
        peer_cred.usage += 1
    pid.put_pid(sk.kernel, old_pid)
    if old_cred is not None:
        cred.put_cred(sk.kernel, old_cred)


def unix_create(current: Task, type: int, protocol: int) -> UnixSock:
    """Make a socket; raises EPROTONOSUPPORT, ESOCKTNOSUPPORT."""
    if protocol not in (0, 1):
        raise LinuxError(Errno.EPROTONOSUPPORT, "a local socket has no protocols")
    if type == SOCK_RAW:
        type = SOCK_DGRAM  # believed to be what BSD did
    if type not in (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET):
        raise LinuxError(Errno.ESOCKTNOSUPPORT, f"socket type {type}")
    assert current.nsproxy is not None
    net = current.nsproxy.net_ns
    sk = UnixSock(current.kernel, net, type)
    _unix_create1(sk)
    return sk


def _unix_create1(sk: UnixSock) -> None:
    """Make a new socket known in its network."""
    sk.backlog = sk.net.sysctl_max_dgram_qlen
    sk.net.unix_socket_table[sk] = None
    sock_prot_inuse_add(sk.net, "UNIX", 1)


def unix_socketpair(current: Task, a: UnixSock, b: UnixSock) -> None:
    """Connect two new sockets."""
    a.peer, b.peer = b, a
    init_peercred(current, a)
    init_peercred(current, b)
    if a.type != SOCK_DGRAM:
        a.state = b.state = TCP_ESTABLISHED


def unix_release(sk: UnixSock) -> None:
    """The socket's file is closed (unix_release_sock)."""
    unread = bool(sk.receive_queue) or bool(sk.accept_queue)
    sk.dead = True
    sk.i_ino = 0
    sk.shutdown = SHUTDOWN_MASK
    sk.state = TCP_CLOSE
    _forget_name(sk)
    peer = sk.peer
    if peer is not None and sk.type != SOCK_DGRAM:
        peer.shutdown = SHUTDOWN_MASK
        if unread:
            peer.err = Errno.ECONNRESET
        peer.state_change()
        sk_wake_async(peer, SOCK_WAKE_WAITD, POLL_HUP)
    sk.peer = None
    wait.wake_up_all(sk.peer_wait)
    sk.file = None
    while sk.receive_queue:
        _kfree_skb(sk.kernel, sk.receive_queue.popleft())
    _set_peercred(sk, None, None)
    # Connections nobody has accepted are reset.
    while sk.accept_queue:
        server = sk.accept_queue.popleft()
        if server.peer is not None:
            server.peer.err = Errno.ECONNRESET
        unix_release(server)
    if sk.kernel.net.unix_tot_inflight:
        unix_gc(sk.kernel)


def _kfree_skb(k: Kernel, skb: Skb) -> None:
    """Throw a message away that nobody has received."""
    consume_skb(skb)
    scm.scm_destroy_cred(k, skb.scm)
    if skb.scm.fp:
        garbage.unix_notinflight(k, skb.scm.fp)
        _close_files(k, skb.scm.fp)


def unix_gc(k: Kernel, *, due: bool = False) -> None:
    """Throw away messages with sockets that nobody can receive any more; does not nest.

    Differs: with many sockets on their way, and unless it is due, it is done once for several times that 3.2 does it.
    """
    net = k.net
    net.gc_left_out += 1
    if net.gc_in_progress or (not due and net.gc_left_out * GC_SHARE < len(net.gc_inflight_list)):
        return
    net.gc_left_out = 0
    k.net.gc_in_progress = True
    try:
        for skb in garbage.unix_collect(k):
            _kfree_skb(k, skb)
    finally:
        k.net.gc_in_progress = False


def _forget_name(sk: UnixSock) -> None:
    """Let nobody find the socket any more, by a path or an abstract name, nor its network namespace stay for it."""
    by_inode, by_name = sk.kernel.net.unix_sockets, sk.net.unix_sockets
    if sk.inode is not None and by_inode.get(sk.inode) is sk:
        del by_inode[sk.inode]
    if by_name.get((sk.addr, sk.type)) is sk:
        del by_name[sk.addr, sk.type]
    del sk.net.unix_socket_table[sk]
    sock_prot_inuse_add(sk.net, "UNIX", -1)
    net_namespace.put_net(sk.kernel, sk.net)


def _close_files(k: Kernel, files: Sequence[File]) -> None:
    """Close files nobody received; sockets among them may hold more, which does not nest (scm_destroy)."""
    if k.net.scm_work_list is not None:
        k.net.scm_work_list.extend(files)
        return
    work = k.net.scm_work_list = list(files)
    try:
        while work:
            file_table.fput(None, work.pop())
    finally:
        k.net.scm_work_list = None


def consume_skb(skb: Skb) -> None:
    """Give a buffer's room back to its sender."""
    sender = skb.sender
    sender.kernel.mm.kmem_pages -= skb.pages
    sender.wmem -= skb.truesize
    sender.write_space()


# Names.


def _path_of(name: bytes) -> bytes:
    """Check a sockaddr_un and return its path part, empty for an unnamed one; raises EINVAL."""
    if not 2 <= len(name) <= 2 + UNIX_PATH_MAX or name[:2] != _AF_UNIX:
        raise LinuxError(Errno.EINVAL, "not a local address")
    path = name[2:]
    return path if not path or path[0] == 0 else path.split(b"\0", 1)[0] + b"\0"


def unix_bind(current: Task, sk: UnixSock, name: bytes) -> None:
    """Give a socket a name: a file, or an abstract one; raises EINVAL, EADDRINUSE, and what mknod does."""
    path = _path_of(name)
    if sk.addr:
        if not path:
            return
        raise LinuxError(Errno.EINVAL, "bound already")
    if not path:
        unix_autobind(current, sk)
        return
    if path[0]:
        sk.inode = _bind_file(current, sk, string.to_text(path[:-1]))
        current.kernel.net.unix_sockets[sk.inode] = sk
    elif (path, sk.type) in sk.net.unix_sockets:
        raise LinuxError(Errno.EADDRINUSE, "abstract name")
    else:
        sk.net.unix_sockets[path, sk.type] = sk
    sk.addr = path


def unix_autobind(current: Task, sk: UnixSock) -> None:
    """Give a socket without a name an abstract one of five hex digits that nobody uses."""
    if sk.addr:
        return
    net = current.kernel.net
    while True:
        path = b"\0%05x" % net.unix_ordernum
        net.unix_ordernum = net.unix_ordernum + 1 & 0xFFFFF
        if (path, sk.type) not in sk.net.unix_sockets:
            break
    sk.addr = path
    sk.net.unix_sockets[path, sk.type] = sk


def _bind_file(current: Task, sk: UnixSock, name: str) -> Inode:
    try:
        nd = namei_modify._path_create(current, AT_FDCWD, name, is_dir=False)
    except LinuxError as error:
        if error.errno == Errno.EEXIST:
            raise LinuxError(Errno.EADDRINUSE, name) from None
        raise
    mode = S_IFSOCK | 0o777 & ~posix_acl.umask_in(current, nd.dentry.d_inode)
    inode = namei_modify.vfs_mknod(current, nd.dentry, nd.last, mode, 0).d_inode
    sk.mnt = nd.mnt
    return inode


def _find_other(current: Task, sk: UnixSock, path: bytes) -> UnixSock:
    """Return the socket with that name, of sk's type, and for an abstract one in its network namespace.

    Raises ECONNREFUSED, EPROTOTYPE, and what the path walk does.
    """
    other: UnixSock | None
    if path[:1] in (b"", b"\0"):
        other = sk.net.unix_sockets.get((path, sk.type))
    else:
        inode = namei.kern_path(current, string.to_text(path[:-1])).dentry.d_inode
        namei.inode_permission(current, inode, 2)
        other = current.kernel.net.unix_sockets.get(inode)
    if other is None:
        raise LinuxError(Errno.ECONNREFUSED, "nobody is bound to that name")
    if other.type != sk.type:
        raise LinuxError(Errno.EPROTOTYPE, "another type of socket")
    return other


# Connections.


def unix_listen(current: Task, sk: UnixSock, backlog: int) -> None:
    """Accept connections from now on; raises EOPNOTSUPP, EINVAL without a name."""
    if sk.type == SOCK_DGRAM:
        raise LinuxError(Errno.EOPNOTSUPP, "datagram sockets do not listen")
    if not sk.addr or sk.state not in (TCP_CLOSE, TCP_LISTEN):
        raise LinuxError(Errno.EINVAL, "not bound, or connected")
    if backlog > sk.backlog:
        wait.wake_up_all(sk.peer_wait)
    sk.backlog = backlog
    sk.state = TCP_LISTEN
    init_peercred(current, sk)


async def unix_connect(current: Task, sk: UnixSock, name: bytes, *, nonblock: bool) -> None:
    """Connect to a listening socket, or say where datagrams go by default (AF_UNSPEC: nowhere any more).

    Raises EINVAL, ECONNREFUSED, EPROTOTYPE, EISCONN, EPERM, EAGAIN when the backlog is full, ERESTARTSYS.
    """
    if sk.type == SOCK_DGRAM:
        if name[:2] == b"\0\0":
            _set_peer(sk, None)
            return
        path = _path_of(name)
        if sk.passcred:
            unix_autobind(current, sk)
        other = _find_other(current, sk, path)
        if other.peer is not None and other.peer is not sk:
            raise LinuxError(Errno.EPERM, "connected to somebody else")
        _set_peer(sk, other)
        return
    path = _path_of(name)
    if sk.passcred:
        unix_autobind(current, sk)
    timeo = sock_sndtimeo(sk, noblock=nonblock)
    while True:
        other = _find_other(current, sk, path)
        if other.state != TCP_LISTEN or other.shutdown & RCV_SHUTDOWN:
            raise LinuxError(Errno.ECONNREFUSED, "not listening")
        if len(other.accept_queue) <= other.backlog:
            break
        if not timeo:
            raise LinuxError(Errno.EAGAIN, "the backlog is full")
        timeo = await unix_wait_for_peer(current, other, timeo)
    # Only now, as in 3.2: a second connect to a full backlog waits before it learns that it is one.
    if sk.state != TCP_CLOSE:
        raise LinuxError(Errno.EISCONN if sk.state == TCP_ESTABLISHED else Errno.EINVAL, "not a fresh socket")
    server = UnixSock(current.kernel, sk.net, sk.type)
    server.peer, sk.peer = sk, server
    server.state = sk.state = TCP_ESTABLISHED
    server.addr, server.inode = other.addr, other.inode
    _unix_create1(server)
    server.embryo = True
    init_peercred(current, server)
    _set_peercred(sk, other.peer_pid, other.peer_cred)
    other.accept_queue.append(server)
    _data_ready(other)


def _set_peer(sk: UnixSock, other: UnixSock | None) -> None:
    """Say where a datagram socket sends to."""
    old, sk.peer = sk.peer, other
    if old is not None and old is not other:
        unix_dgram_disconnected(sk, old)


def unix_dgram_disconnected(sk: UnixSock, other: UnixSock) -> None:
    """A datagram socket sends to another one no longer: what came from there and was not read is lost."""
    if not sk.receive_queue:
        return
    while sk.receive_queue:
        _kfree_skb(sk.kernel, sk.receive_queue.popleft())
    wait.wake_up_all(sk.peer_wait)
    if not other.dead and other.peer is sk:
        other.err = Errno.ECONNRESET
        wait.wake_up_interruptible(other.wait, POLLERR)
        sk_wake_async(other, SOCK_WAKE_IO, POLL_ERR)


async def unix_wait_for_peer(current: Task, other: UnixSock, timeo: int) -> int:
    """Wait for room in a receiver's queue, or of those who want to connect to it; returns the ticks that are left.

    Raises ERESTARTSYS, EINTR.
    """
    with SockWaiter(
        current, other.peer_wait, TASK_INTERRUPTIBLE, "unix_wait_for_peer", timeo, exclusive=True
    ) as waiter:
        if not other.dead and not other.shutdown & RCV_SHUTDOWN and unix_recvq_full(other):
            await waiter.rest()
        return waiter.left()


def unix_recvq_full(sk: UnixSock) -> bool:
    """Whether nothing more may be queued by those who are not its partner."""
    return len(sk.receive_queue) + len(sk.accept_queue) > sk.backlog


async def unix_accept(current: Task, sk: UnixSock, *, nonblock: bool) -> UnixSock:
    """Return the server's end of the oldest connection; raises EOPNOTSUPP, EINVAL, EAGAIN, ERESTARTSYS."""
    if sk.type == SOCK_DGRAM:
        raise LinuxError(Errno.EOPNOTSUPP, "datagram sockets do not accept")
    if sk.state != TCP_LISTEN:
        raise LinuxError(Errno.EINVAL, "not listening")
    if not sk.accept_queue:
        timeo = sock_rcvtimeo(sk, noblock=nonblock)
        if not timeo:
            raise LinuxError(Errno.EAGAIN, "no connection")
        with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "skb_recv_datagram", timeo, exclusive=True) as waiter:
            while not sk.accept_queue and not sk.shutdown & RCV_SHUTDOWN:
                await waiter.rest()
        if not sk.accept_queue:
            raise LinuxError(Errno.EINVAL, "shut down")
    server = sk.accept_queue.popleft()
    wait.wake_up(sk.peer_wait)
    server.embryo = False
    return server


def unix_shutdown(sk: UnixSock, how: int) -> None:
    """End one direction or both: RCV_SHUTDOWN, SEND_SHUTDOWN."""
    sk.shutdown |= how
    peer = sk.peer
    if peer is not None and sk.type != SOCK_DGRAM:
        if how & RCV_SHUTDOWN:
            peer.shutdown |= SEND_SHUTDOWN
        if how & SEND_SHUTDOWN:
            peer.shutdown |= RCV_SHUTDOWN
        peer.state_change()
        if how == SHUTDOWN_MASK:
            sk_wake_async(peer, SOCK_WAKE_WAITD, POLL_HUP)
        elif how & SEND_SHUTDOWN:
            sk_wake_async(peer, SOCK_WAKE_WAITD, POLL_IN)
    sk.state_change()


# Sending.


async def unix_sendmsg(
    current: Task, sk: UnixSock, buf: UserPtr, size: int, cookie: Scm, flags: int, *, to: bytes | None
) -> int:
    """Send size bytes, with the files of cookie, which has none any more once something was sent.

    Raises EPIPE with SIGPIPE, ENOTCONN, EISCONN, EMSGSIZE, EAGAIN, ECONNREFUSED, EFAULT, ERESTARTSYS.
    """
    if sk.kernel.net.unix_tot_inflight > garbage.UNIX_INFLIGHT_TRIGGER_GC:
        unix_gc(sk.kernel)
    if sk.type == SOCK_SEQPACKET:
        sk.sock_error()
        if sk.state != TCP_ESTABLISHED:
            raise LinuxError(Errno.ENOTCONN, "not connected")
        to = None  # its peer gets it, whoever is named
    if flags & MSG_OOB:
        raise LinuxError(Errno.EOPNOTSUPP, "no urgent data")
    if sk.type == SOCK_STREAM:
        if to:
            raise LinuxError(Errno.EISCONN if sk.state == TCP_ESTABLISHED else Errno.EOPNOTSUPP, "a stream's address")
        return await _stream_sendmsg(current, sk, buf, size, cookie, flags)
    return await _dgram_sendmsg(current, sk, buf, size, cookie, flags, to)


async def _stream_sendmsg(current: Task, sk: UnixSock, buf: UserPtr, size: int, cookie: Scm, flags: int) -> int:
    peer = sk.peer
    if peer is None:
        raise LinuxError(Errno.ENOTCONN, "not connected")
    if sk.shutdown & SEND_SHUTDOWN:
        raise _broken(current, flags)
    # Two buffers under way keep both ends going.
    most = min(sk.sndbuf // 2 - 64, SKB_MAX_ALLOC)
    sent = 0
    while sent < size:
        try:
            await _wait_for_room(current, sk, flags)
            piece = uaccess.copy_from_user(current, buf, min(size - sent, most), sent)
            if peer.dead or peer.shutdown & RCV_SHUTDOWN:
                raise _broken(current, flags | (MSG_NOSIGNAL if sent else 0))
            _queue(current, sk, peer, piece, cookie)
        except LinuxError:
            if sent:
                break
            raise
        sent += len(piece)
    return sent


def _broken(current: Task, flags: int) -> LinuxError:
    """Return what it means that nobody can read any more: EPIPE, with SIGPIPE unless MSG_NOSIGNAL."""
    if not flags & MSG_NOSIGNAL:
        signal_send.send_sig(SIGPIPE, current, 0)
    return LinuxError(Errno.EPIPE, "nobody reads the socket")


async def _wait_for_room(current: Task, sk: UnixSock, flags: int) -> None:
    """Wait until what is under way leaves room (sock_alloc_send_pskb); raises EPIPE if it is shut down."""
    sk.sock_error()
    if sk.shutdown & SEND_SHUTDOWN:
        raise LinuxError(Errno.EPIPE, "shut down")
    if sk.wmem < sk.sndbuf:
        return
    sk.sock_flags |= SOCK_ASYNC_NOSPACE
    timeo = sock_sndtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
    if not timeo:
        raise LinuxError(Errno.EAGAIN, "the send buffer is full")
    with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "sock_alloc_send_pskb", timeo) as waiter:
        while sk.wmem >= sk.sndbuf and not sk.shutdown & SEND_SHUTDOWN and not sk.err:
            await waiter.rest()
    sk.sock_error()
    if sk.shutdown & SEND_SHUTDOWN:
        raise LinuxError(Errno.EPIPE, "shut down")


def _queue(current: Task, sk: UnixSock, other: UnixSock, data: bytes, cookie: Scm) -> None:
    """Put a message into the receiver's queue, the files of cookie with it; raises ENOBUFS, ETOOMANYREFS."""
    k = sk.kernel
    level = max([_recursion_level(file) for file in cookie.fp], default=0)
    if level > MAX_RECURSION_LEVEL:
        raise LinuxError(Errno.ETOOMANYREFS, "sockets inside sockets")
    sched_account.account_system_time(k.current, SKB_NS)
    skb = Skb(data, sk, Scm(cookie.fp))
    if k.mm.kmem_pages + skb.pages > k.mm.kmem_limit:
        raise LinuxError(Errno.ENOBUFS, "no memory for a message")
    other.recursion_level = max(other.recursion_level, level + 1)
    garbage.unix_inflight(k, cookie.fp)
    cookie.fp = ()
    scm.scm_set_cred(skb.scm, cookie.pid, cookie.cred)
    maybe_add_creds(current, skb, sk, other)
    if other.flags & SOCK_RCVTSTAMP and sk.type != SOCK_STREAM:
        skb.stamp_ns = time.getnstimeofday(k)
    k.mm.kmem_pages += skb.pages
    sk.wmem += skb.truesize
    other.receive_queue.append(skb)
    _data_ready(other)


def _data_ready(sk: UnixSock) -> None:
    """Tell a receiver that something has come (sock_def_readable)."""
    wait.wake_up_interruptible_sync(sk.wait, _POLL_IN)
    if sk.fasync_list is not None:
        sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN)


def maybe_add_creds(current: Task, skb: Skb, sk: UnixSock, other: UnixSock) -> None:
    """Say who has sent a buffer, if one of the ends wants to know or nobody has accepted the connection yet."""
    if skb.scm.cred is None and (sk.passcred or other.embryo or other.passcred):
        scm.scm_set_cred(skb.scm, current.group_leader.pids[PIDTYPE_PID], current.cred)


def _recursion_level(file: File) -> int:
    sk = file.private_data
    return sk.recursion_level if isinstance(sk, UnixSock) else 0


async def _dgram_sendmsg(
    current: Task, sk: UnixSock, buf: UserPtr, size: int, cookie: Scm, flags: int, to: bytes | None
) -> int:
    path = b""
    if to:
        path = _path_of(to)
    elif sk.peer is None:
        raise LinuxError(Errno.ENOTCONN, "no destination")
    if sk.passcred:
        unix_autobind(current, sk)
    if size > sk.sndbuf - 32:
        raise LinuxError(Errno.EMSGSIZE, "larger than the send buffer")
    other = None if to else sk.peer
    await _wait_for_room(current, sk, flags)
    data = uaccess.copy_from_user(current, buf, size)
    timeo = sock_sndtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
    if other is None:
        other = _find_other(current, sk, path)
    if other.sk_filter is not None:
        taken = filter.sk_filter(other.sk_filter, data)
        data = data[:taken]
        if not data:
            return size  # who sends hears nothing of it
    while True:
        if other.peer is not None and other.peer is not sk:
            raise LinuxError(Errno.EPERM, "the receiver is connected to somebody else")
        if other.dead:
            if sk.peer is other:
                sk.peer = None
                unix_dgram_disconnected(sk, other)
            raise LinuxError(Errno.ECONNREFUSED, "the receiver is gone")
        if other.shutdown & RCV_SHUTDOWN:
            raise LinuxError(Errno.EPIPE, "the receiver is shut down")
        # The length of the queue bounds those who are not its partner; a partner is bound by its send buffer.
        if other.peer is sk or not unix_recvq_full(other):
            break
        if not timeo:
            raise LinuxError(Errno.EAGAIN, "the receiver is busy")
        timeo = await unix_wait_for_peer(current, other, timeo)
    _queue(current, sk, other, data, cookie)
    return size
