"""Netlink sockets (net/netlink/af_netlink.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.hw.costs import SKB_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM
from procession.include.linux.netlink import (
    MAX_LINKS,
    NETLINK_KOBJECT_UEVENT,
    NETLINK_USERSOCK,
    NLM_F_ACK,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_GOODSIZE,
    NLMSG_HDRLEN,
    NLMSG_MIN_TYPE,
    NetlinkFamily,
    Nlmsghdr,
    nlmsg,
    nlmsg_align,
)
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import POLL_ERR, POLL_IN
from procession.include.linux.socket import AF_NETLINK, MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, SOCK_DGRAM, SOCK_RAW
from procession.include.linux.undo import Undo
from procession.kernel import sched_account, wait
from procession.mm import slab, uaccess
from procession.net import scm as net_scm
from procession.net.core import filter, net_namespace
from procession.net.core.sock import SockWaiter, sock_prot_inuse_add, sock_rcvtimeo, sock_sndtimeo
from procession.net.netlink import address
from procession.net.netlink.sock import NetlinkCallback, NetlinkSkb, NetlinkSock, NetlinkTable
from procession.net.sock_async import SOCK_WAKE_IO, SOCK_WAKE_WAITD, sk_wake_async
from procession.net.unix.receive import Received
from procession.net.unix.sock import skb_truesize

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.net import Scm
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "count_skb",
    "kfree_skb",
    "netlink_ack",
    "netlink_attachskb",
    "netlink_broadcast",
    "netlink_create",
    "netlink_detachskb",
    "netlink_dump_start",
    "netlink_kernel_create",
    "netlink_poll",
    "netlink_proto_init",
    "netlink_rcv_skb",
    "netlink_rcv_wake",
    "netlink_recvmsg",
    "netlink_release",
    "netlink_sendmsg",
    "netlink_sendskb",
    "netlink_unicast",
)

_READABLE: Final = POLLIN | POLLRDNORM
_WRITABLE: Final = POLLOUT | POLLWRNORM | POLLWRBAND


def netlink_proto_init(k: Kernel) -> None:
    """Make what netlink is counted in, and the protocols that programs have to themselves.

    Nothing ever happens to a device here, so nothing comes of NETLINK_KOBJECT_UEVENT.
    """
    slab.kmem_cache_create(k, "netlink_sock", 1112)
    slab.kmem_cache_create(k, "skbuff_head_cache", 232)
    netlink_kernel_create(k, NETLINK_USERSOCK, 32, None)
    netlink_kernel_create(k, NETLINK_KOBJECT_UEVENT, 32, None, nonroot_recv=True)


def netlink_kernel_create(
    k: Kernel,
    protocol: int,
    groups: int,
    netlink_rcv: Callable[[Task, NetlinkSock, NetlinkSkb], None] | None,
    *,
    nonroot_recv: bool = False,
    init_net_only: bool = False,
) -> None:
    """Register a protocol, whose messages to the kernel netlink_rcv takes, in each network or the first alone."""
    k.net.nl_table[protocol] = NetlinkTable(groups, netlink_rcv, nonroot_recv=nonroot_recv, init_net_only=init_net_only)


def netlink_create(current: Task, type: int, protocol: int) -> NetlinkSock:
    """Make a socket; raises ESOCKTNOSUPPORT, EPROTONOSUPPORT, ENOMEM."""
    k = current.kernel
    if type not in (SOCK_RAW, SOCK_DGRAM):
        raise LinuxError(Errno.ESOCKTNOSUPPORT, f"socket type {type}")
    if not 0 <= protocol < MAX_LINKS:
        raise LinuxError(Errno.EPROTONOSUPPORT, f"netlink protocol {protocol}")
    if protocol not in k.net.nl_table:
        if protocol in list(NetlinkFamily):
            k.not_modelled(f"socket: netlink protocol {protocol}")
        raise LinuxError(Errno.EPROTONOSUPPORT, f"netlink protocol {protocol}")
    assert current.nsproxy is not None
    k.caches["netlink_sock"].alloc()
    net = current.nsproxy.net_ns
    sock_prot_inuse_add(net, "NETLINK", 1)
    return NetlinkSock(k, net, type, protocol)


def _table(sk: NetlinkSock) -> NetlinkTable:
    return sk.kernel.net.nl_table[sk.protocol]


def netlink_release(sk: NetlinkSock) -> None:
    """The socket's file is closed."""
    table = _table(sk)
    if sk.pid:
        del table.sockets[sk.net, sk.pid]
    table.members.pop(sk, None)
    sk.dead = True
    sk.i_ino = 0
    wait.wake_up_all(sk.peer_wait)
    while sk.receive_queue:
        _free_skb(sk, sk.receive_queue.popleft())
    sk.callback = None
    sock_prot_inuse_add(sk.net, "NETLINK", -1)
    net_namespace.put_net(sk.kernel, sk.net)
    sk.kernel.caches["netlink_sock"].free()


# Memory.


def count_skb(k: Kernel) -> None:
    """Count one more message, which somebody has to give up with kfree_skb; raises ENOBUFS."""
    try:
        k.caches["skbuff_head_cache"].alloc()
    except LinuxError as e:
        raise LinuxError(Errno.ENOBUFS, "no memory for a message") from e
    sched_account.account_system_time(k.current, SKB_NS)


def kfree_skb(k: Kernel) -> None:
    """Give up a message that is not queued."""
    k.caches["skbuff_head_cache"].free()


def _free_skb(sk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Give up a message that was taken off a socket's queue."""
    sk.rmem -= skb.truesize
    kfree_skb(sk.kernel)


# Sending.


async def netlink_sendmsg(
    current: Task, sk: NetlinkSock, buf: UserPtr, size: int, cookie: Scm, flags: int, *, to: bytes | None
) -> int:
    """Send size bytes to a socket or to the kernel, and to a group; returns how many were taken.

    Raises EOPNOTSUPP, EINVAL, EPERM, EMSGSIZE, ENOBUFS, EFAULT, ECONNREFUSED, EAGAIN, ERESTARTSYS.
    """
    if flags & MSG_OOB:
        raise LinuxError(Errno.EOPNOTSUPP, "no urgent data")
    dst_pid, dst_group = sk.dst_pid, sk.dst_group
    if to:
        family, dst_pid, groups = address.parse(to)
        if family != AF_NETLINK:
            raise LinuxError(Errno.EINVAL, "not a netlink address")
        dst_group = address.first_group(groups)
        if dst_group and not address.netlink_capable(current, sk, receive=False):
            raise LinuxError(Errno.EPERM, "groups need CAP_NET_ADMIN")
    if not sk.pid:
        address.netlink_autobind(current, sk)
    if size > sk.sndbuf - 32:
        raise LinuxError(Errno.EMSGSIZE, "larger than the send buffer")
    k = current.kernel
    count_skb(k)
    try:
        data = uaccess.copy_from_user(current, buf, size) if size else b""
    except LinuxError:
        kfree_skb(k)
        raise
    creds = bytes(12) if cookie.pid is None else net_scm.cred_to_ucred(current, cookie.pid, cookie.cred)
    skb = NetlinkSkb(data, sk.pid, dst_group, creds)
    if dst_group:
        _broadcast(k, sk.net, sk.protocol, skb, dst_pid, dst_group)
    return await _unicast(current, sk, skb, dst_pid, flags)


def _lookup(ssk: NetlinkSock, nl_pid: int) -> NetlinkSock:
    """Return the socket with an address; raises ECONNREFUSED, also if it is connected to somebody else."""
    sk = _table(ssk).sockets.get((ssk.net, nl_pid))
    if sk is None or (sk.connected and sk.dst_pid != ssk.pid):
        raise LinuxError(Errno.ECONNREFUSED, f"netlink pid {nl_pid}")
    return sk


async def _unicast(current: Task, ssk: NetlinkSock, skb: NetlinkSkb, nl_pid: int, flags: int) -> int:
    """Hand a message, which is consumed, to its receiver; wait for room there unless MSG_DONTWAIT."""
    k = current.kernel
    with Undo() as undo:
        undo.push((kfree_skb, k))
        if not nl_pid:
            netlink_unicast_kernel(current, ssk, skb)
            kfree_skb(k)
            return len(skb.data)
        timeo = sock_sndtimeo(ssk, noblock=bool(flags & MSG_DONTWAIT))
        sk = _lookup(ssk, nl_pid)
        while True:
            if not netlink_filter(sk, skb):
                kfree_skb(k)
                return len(skb.data)
            if netlink_attachskb(sk, skb):
                break
            if not timeo:
                raise LinuxError(Errno.EAGAIN, "the receiver's queue is full")
            timeo = await _wait_for_room(current, sk, timeo)
            sk = _lookup(ssk, nl_pid)
    return netlink_sendskb(sk, skb)


def netlink_unicast_kernel(current: Task, ssk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Let the kernel look at a message; raises ECONNREFUSED if nobody there wants any, or the address is another's."""
    table = _table(ssk)
    if table.netlink_rcv is None or (table.init_net_only and ssk.net is not ssk.kernel.init_net_ns):
        raise LinuxError(Errno.ECONNREFUSED, f"nobody listens at netlink protocol {ssk.protocol}")
    table.netlink_rcv(current, ssk, skb)


def netlink_attachskb(sk: NetlinkSock, skb: NetlinkSkb) -> bool:
    """Charge a receiver with a message that is to be queued; returns whether it has room for one."""
    if sk.rmem > sk.rcvbuf or sk.congested:
        return False
    sk.rmem += skb.truesize
    return True


async def _wait_for_room(current: Task, sk: NetlinkSock, timeo: int) -> int:
    """Wait until a receiver has emptied its queue, or is gone; returns the ticks left; raises ERESTARTSYS, EINTR."""
    with SockWaiter(current, sk.peer_wait, TASK_INTERRUPTIBLE, "netlink_attachskb", timeo) as waiter:
        if (sk.rmem > sk.rcvbuf or sk.congested) and not sk.dead:
            await waiter.rest()
        return waiter.left()


def netlink_filter(sk: NetlinkSock, skb: NetlinkSkb) -> bool:
    """Cut a message to what its receiver's filter lets through; returns whether it is anything (sk_filter).

    What a filter drops stays as long as it was: its sender is told that all was sent.
    """
    if sk.sk_filter is None:
        return True
    taken = filter.sk_filter(sk.sk_filter, skb.data)
    if not taken:
        return False
    skb.data = skb.data[:taken]
    return True


def netlink_detachskb(sk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Give up a message that a receiver was charged with, and that is not to be sent after all."""
    _free_skb(sk, skb)


def netlink_sendskb(sk: NetlinkSock, skb: NetlinkSkb) -> int:
    """Queue a message that its receiver was charged with; returns its length."""
    sk.receive_queue.append(skb)
    wait.wake_up_interruptible_sync(sk.wait, _READABLE)
    sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN)
    return len(skb.data)


def netlink_unicast(ssk: NetlinkSock, data: bytes, nl_pid: int) -> None:
    """Send bytes from the kernel to an address in ssk's network; never waits.

    Raises ECONNREFUSED, EAGAIN if there is no room, of which the receiver hears as ENOBUFS; ENOBUFS without memory.
    """
    k = ssk.kernel
    count_skb(k)
    skb = NetlinkSkb(data)
    sk = _table(ssk).sockets.get((ssk.net, nl_pid))
    if sk is None or (sk.connected and sk.dst_pid):
        kfree_skb(k)
        raise LinuxError(Errno.ECONNREFUSED, f"netlink pid {nl_pid}")
    if not netlink_filter(sk, skb):
        kfree_skb(k)
        return
    if not netlink_attachskb(sk, skb):
        netlink_overrun(sk)
        kfree_skb(k)
        raise LinuxError(Errno.EAGAIN, "the receiver's queue is full")
    netlink_sendskb(sk, skb)


def _error_report(sk: NetlinkSock) -> None:
    """Tell of sk.err (sock_def_error_report)."""
    wait.wake_up_interruptible(sk.wait, POLLERR)
    sk_wake_async(sk, SOCK_WAKE_IO, POLL_ERR)


def netlink_overrun(sk: NetlinkSock) -> None:
    """Tell a receiver that something was lost, once until it has emptied its queue."""
    sk.drops += 1
    if not sk.no_enobufs and not sk.congested:
        sk.congested = True
        sk.err = Errno.ENOBUFS
        _error_report(sk)


def netlink_broadcast(k: Kernel, net: NetNamespace, protocol: int, data: bytes, group: int) -> None:
    """Send bytes from the kernel to all in a network who listen to a group of a protocol."""
    _broadcast(k, net, protocol, NetlinkSkb(data), 0, group)


def _broadcast(k: Kernel, net: NetNamespace, protocol: int, skb: NetlinkSkb, except_pid: int, group: int) -> None:
    """Give a copy of a message to all who listen to a group, who joined last first, but its sender and except_pid."""
    out_of_memory = False
    for sk in reversed(list(k.net.nl_table[protocol].members)):
        if sk.pid in (skb.pid, except_pid) or not sk.groups >> group - 1 & 1 or sk.net is not net:
            continue
        if not out_of_memory:
            try:
                count_skb(k)
            except LinuxError:
                out_of_memory = True
        if out_of_memory:
            netlink_overrun(sk)
            continue
        copy = NetlinkSkb(skb.data, skb.pid, group, skb.creds)
        if not netlink_filter(sk, copy):
            kfree_skb(k)
        elif netlink_attachskb(sk, copy):
            netlink_sendskb(sk, copy)
        else:
            netlink_overrun(sk)
            kfree_skb(k)


# Receiving.


async def netlink_recvmsg(current: Task, sk: NetlinkSock, buf: UserPtr, size: int, flags: int) -> Received:
    """Store the next message, as much of it as size bytes hold.

    Raises EOPNOTSUPP, ENOBUFS after messages were lost, EAGAIN, ERESTARTSYS, EFAULT.
    """
    if flags & MSG_OOB:
        raise LinuxError(Errno.EOPNOTSUPP, "no urgent data")
    got = Received()
    try:
        await _wait_for_data(current, sk, flags)
        skb = sk.receive_queue[0]
        got.full = len(skb.data)
        got.name = address.sockaddr(skb.pid, address.group_mask(skb.dst_group))
        got.cookie.creds = skb.creds
        got.group = skb.dst_group
        if not flags & MSG_PEEK:
            sk.receive_queue.popleft()
            _free_skb(sk, skb)
        if skb.data and size:
            # A bad address costs the message: it has left the queue.
            uaccess.copy_to_user(current, buf, skb.data[:size])
        got.size = got.full if flags & MSG_TRUNC else min(size, got.full)
        got.cut = size < got.full
        if sk.callback is not None and sk.rmem <= sk.rcvbuf // 2:
            _dump_on(sk)
    finally:
        netlink_rcv_wake(sk)
    return got


def _dump_on(sk: NetlinkSock) -> None:
    """Queue the next part of a dump; what goes wrong is the next reader's error.

    Differs: in 3.2 that is a negative one, and so the next reader is told of 105 bytes that there are not.
    """
    try:
        netlink_dump(sk)
    except LinuxError as e:
        sk.err = e.errno
        _error_report(sk)


async def _wait_for_data(current: Task, sk: NetlinkSock, flags: int) -> None:
    """Wait for a message; raises EAGAIN, ERESTARTSYS, ENOBUFS (skb_recv_datagram)."""
    sk.sock_error()
    if sk.receive_queue:
        return
    timeo = sock_rcvtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
    if not timeo:
        raise LinuxError(Errno.EAGAIN, "nothing to read")
    with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "skb_recv_datagram", timeo, exclusive=True) as waiter:
        while not sk.receive_queue and not sk.err:
            await waiter.rest()
    sk.sock_error()


def netlink_rcv_wake(sk: NetlinkSock) -> None:
    """Let senders go on that have waited for room."""
    if not sk.receive_queue:
        sk.congested = False
    if not sk.congested:
        wait.wake_up_interruptible(sk.peer_wait)


def netlink_poll(sk: NetlinkSock, table: PollTable | None) -> int:
    """Return what can be done without waiting (datagram_poll); there is always room to send."""
    if table is not None:
        table.wait(sk.wait)
    mask = _WRITABLE
    if sk.err:
        mask |= POLLERR
    if sk.receive_queue:
        mask |= _READABLE
    return mask


# What the kernel does with messages.


def netlink_rcv_skb(
    current: Task, ssk: NetlinkSock, skb: NetlinkSkb, answer: Callable[[Task, NetlinkSock, Nlmsghdr], bool]
) -> None:
    """Answer the requests in a message one by one.

    answer: does one; it raises, or returns whether an acknowledgement may follow (it does not after a dump: EINTR).
    """
    data = skb.data
    while len(data) >= NLMSG_HDRLEN:
        (length,) = struct.unpack_from("<I", data)
        if length < NLMSG_HDRLEN or len(data) < length:
            return
        nlh = Nlmsghdr(data[:length])
        err = 0
        acknowledge = True
        if nlh.flags & NLM_F_REQUEST and nlh.type >= NLMSG_MIN_TYPE:
            try:
                acknowledge = answer(current, ssk, nlh)
            except LinuxError as e:
                err = e.errno
        if acknowledge and (nlh.flags & NLM_F_ACK or err):
            netlink_ack(ssk, nlh, err)
        end = nlmsg_align(length)
        data = data[end:]


def netlink_ack(ssk: NetlinkSock, nlh: Nlmsghdr, err: int) -> None:
    """Tell the sender how its request went: an error comes with the whole request, success with its head."""
    request = nlh.raw if err else nlh.raw[:NLMSG_HDRLEN]
    payload = struct.pack("<i", -err) + request
    try:
        netlink_unicast(ssk, nlmsg(NLMSG_ERROR, 0, nlh.seq, ssk.pid, payload), ssk.pid)
    except LinuxError as e:
        if e.errno == Errno.ENOBUFS:
            _no_memory(ssk)
        # Else the receiver has been told that something was lost, or has gone.


def _no_memory(ssk: NetlinkSock) -> None:
    """There was no memory to answer with: let the sender's next call say so."""
    ssk.err = Errno.ENOBUFS
    _error_report(ssk)


def netlink_dump_start(ssk: NetlinkSock, nlh: Nlmsghdr, dump: Callable[[NetlinkSock, NetlinkCallback], bytes]) -> bool:
    """Begin to answer with more than a message holds: the rest follows as it is read.

    Returns False: no acknowledgement follows. Raises EBUSY while another dump is under way, ENOBUFS.
    """
    if ssk.callback is not None or ssk.dead:
        raise LinuxError(Errno.EBUSY, "a dump is under way")
    ssk.callback = NetlinkCallback(dump, nlh)
    netlink_dump(ssk)
    return False


def netlink_dump(sk: NetlinkSock) -> None:
    """Queue the next part of a dump, or its end; raises ENOBUFS."""
    cb = sk.callback
    assert cb is not None
    if sk.rmem >= sk.rcvbuf:
        raise LinuxError(Errno.ENOBUFS, "no room for a dump")
    count_skb(sk.kernel)
    error = 0
    try:
        data = cb.dump(sk, cb)
    except LinuxError as failed:  # the end says so
        data, error = b"", -failed.errno
    if not data:
        data = nlmsg(NLMSG_DONE, NLM_F_MULTI, cb.nlh.seq, sk.pid, struct.pack("<i", error))
        sk.callback = None
    skb = NetlinkSkb(data)
    skb.truesize = skb_truesize(NLMSG_GOODSIZE)  # there was room for as much
    if not netlink_filter(sk, skb):
        kfree_skb(sk.kernel)
        return
    sk.rmem += skb.truesize
    netlink_sendskb(sk, skb)
