"""/proc/net/netlink (part of net/netlink/af_netlink.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace

__all__ = ("netlink_seq_show",)

_KERNEL_ADDRESS: Final = 0xFFFF880000058000  # of the kernel's own sockets, one for each protocol
_HEAD: Final = b"sk       Eth Pid    Groups   Rmem     Wmem     Dump     Locks     Drops     Inode\n"


def _line(address: int, protocol: int, pid: int, groups: int, rmem: int, dump: int, drops: int, ino: int) -> bytes:
    pid = pid - (pid >> 31 << 32)
    return b"%016x %-3d %-6d %08x %-8d %-8d %016x %-8d %-8d %-8d\n" % (
        address,
        protocol,
        pid,
        groups & 0xFFFFFFFF,
        rmem,
        0,
        dump,
        2,
        drops,
        ino,
    )


def netlink_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the sockets that have an address, by protocol: first the kernel's own."""
    out = [_HEAD]
    for protocol in sorted(k.net.nl_table):
        table = k.net.nl_table[protocol]
        if table.netlink_rcv is not None and (not table.init_net_only or net is k.init_net_ns):
            out.append(_line(_KERNEL_ADDRESS + protocol * 1024, protocol, 0, 0, 0, 0, 0, 0))
        for (of, _), sk in table.sockets.items():
            if of is net:
                dump = sk.address() + 512 if sk.callback is not None else 0
                out.append(_line(sk.address(), protocol, sk.pid, sk.groups, sk.rmem, dump, sk.drops, sk.i_ino))
    return b"".join(out)
