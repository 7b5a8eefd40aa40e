"""What /proc/net tells of interfaces and protocols (in net/core/dev.c, sock.c, net/ipv4/fib_trie.c, arp.c, proc.c).

Differs: what a kernel without interfaces other than the loopback never has to tell is not there at all: packet, igmp,
wireless, the rules of a firewall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.netdevice import IFF_UP

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace

__all__ = ("net_procfs_init",)

_ROUTE: Final = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
# As struct proto has it: name, size, whether its memory is counted, the longest head (below 0: nothing presses it),
# whether it has a cache of its own, and which of the nineteen calls it has.
_PROTOCOLS: Final = (
    ("RAWv6", 928, False, "yes", "yyynyyynyyyynyyyynn"),
    ("UDPLITEv6", 912, False, "yes", "yyynyyynyyyynnyyyyn"),
    ("UDPv6", 912, True, "yes", "yyynynynyyyynnyyyyn"),
    ("TCPv6", 1680, True, "yes", "yyyyyyyyyyyyynyyyyy"),
    ("UNIX", 664, False, "yes", "n" * 19),
    ("UDP-Lite", 736, False, "yes", "yyynyyynyyyyynyyyyn"),
    ("PING", 704, False, "yes", "yyynnynnyyyynyyyyyn"),
    ("RAW", 712, False, "yes", "yyynyyynyyyynyyyynn"),
    ("UDP", 736, True, "yes", "yyynynynyyyyynyyyyn"),
    ("TCP", 1504, True, "yes", "yyyyyyyyyyyyynyyyyy"),
    ("NETLINK", 640, False, "no", "n" * 19),
)


def net_procfs_init(k: Kernel) -> None:
    """Register the files."""
    files = k.net.proc_net
    files["softnet_stat"] = softnet_seq_show
    files["ptype"] = ptype_seq_show
    files["dev"] = dev_seq_show
    files["dev_mcast"] = dev_mc_seq_show
    files["protocols"] = proto_seq_show
    files["arp"] = arp_seq_show
    files["route"] = fib_route_seq_show
    files["if_inet6"] = if6_seq_show
    files["igmp6"] = igmp6_mc_seq_show


def dev_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return what went through each interface."""
    out = (
        b"Inter-|   Receive                                                |  Transmit\n"
        b" face |bytes    packets errs drop fifo frame compressed multicast|"
        b"bytes    packets errs drop fifo colls carrier compressed\n"
    )
    for dev in net.dev_base:
        out += b"%6s: %7d %7d %4d %4d %4d %5d %10d %9d " % (dev.name, dev.bytes, dev.packets, 0, 0, 0, 0, 0, 0)
        out += b"%8d %7d %4d %4d %4d %5d %7d %10d\n" % (dev.bytes, dev.packets, 0, 0, 0, 0, 0, 0)
    return out


def ptype_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return who takes which kind of packet."""
    return b"Type Device      Function\n0800          ip_rcv\n0806          arp_rcv\n86dd          ipv6_rcv\n"


def softnet_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return what each CPU has taken from the interfaces."""
    return b"00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n" * k.nr_cpus


def dev_mc_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the hardware addresses of groups: a loopback has none."""
    return b""


def arp_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the neighbours: a loopback has none."""
    return b"IP address       HW type     Flags       HW address            Mask     Device\n"


def fib_route_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the routes to elsewhere: one's own addresses are none."""
    return _ROUTE.ljust(127).encode() + b"\n"


def if6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the IPv6 addresses."""
    out = b""
    for dev in net.dev_base:
        for ifa in dev.if6_list:
            # The scope as IPv6 has it, in four bits of the kind of address.
            scope = {254: 0x10, 253: 0x20}.get(ifa.scope, 0)
            address = ifa.address.hex().encode()
            out += b"%s %02x %02x %02x %02x %8s\n" % (address, dev.ifindex, ifa.prefixlen, scope, ifa.flags, dev.name)
    return out


def igmp6_mc_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the groups that an interface listens to: that of all nodes."""
    return b"".join(
        b"%-4d %-15s ff020000000000000000000000000001     1 0000000C 0\n" % (dev.ifindex, dev.name)
        for dev in net.dev_base
        if dev.flags & IFF_UP
    )


def proto_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the protocols, and how many sockets of each there are."""
    head = (
        "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha"
    )
    out = [head + " uh gp em\n"]
    for name, size, counted, slab, calls in _PROTOCOLS:
        tcp = name.startswith("TCP")
        text = f"{name:<9} {size:4d} {net.proto_inuse.get(name, 0):6d}  {0 if counted else -1:6d}   "
        text += f"{'no' if tcp else 'NI':<3} {160 if tcp else 0:6d}   {slab:<3}  {'kernel':<10} "
        out.append(text + " ".join(f"{call:>2}" for call in calls) + "\n")
    return "".join(out).encode()
