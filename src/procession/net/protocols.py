"""Every family of sockets is made known (sock_init of net/socket.c, and what its initcalls do)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache, namespace
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.fs import S_IFDIR, Inode
from procession.include.linux.magic import SOCKFS_MAGIC
from procession.include.linux.netdevice import IFF_UP
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from procession.net.core import dev, fib_rules, net_procfs, rtnetlink
from procession.net.core import sock as net_sock
from procession.net.ipv4 import devinet, fib_frontend, inet_diag, tcp_diag
from procession.net.ipv4 import proc as inet_proc
from procession.net.ipv6 import addrconf
from procession.net.netlink import af_netlink, genetlink
from procession.net.netlink import proc as netlink_proc
from procession.net.unix import proc as unix_proc

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("sock_init",)


def sock_init(k: Kernel) -> None:
    """Mount the file system that sockets live in."""
    net_sock.sk_init(k)
    sb = fs_super.sget(k, "sockfs", SOCKFS_MAGIC)
    sb.s_root = dcache.d_make_root(Inode(sb, fs_inode.get_next_ino(sb), S_IFDIR | 0o555))
    k.net.sock_mnt = namespace.kern_mount(k, sb)
    k.printk(f"NET: Registered protocol family {AF_NETLINK}", KERN_INFO)
    af_netlink.netlink_proto_init(k)
    rtnetlink.rtnetlink_init(k)
    devinet.devinet_init(k)
    fib_frontend.fib_init(k)
    fib_rules.fib_rules_init(k)
    addrconf.addrconf_init(k)
    inet_diag.inet_diag_init(k)
    tcp_diag.tcp_diag_init(k)
    net_procfs.net_procfs_init(k)
    inet_proc.inet_proc_init(k)
    k.net.proc_net["unix"] = unix_proc.unix_seq_show
    k.net.proc_net["netlink"] = netlink_proc.netlink_seq_show
    # There is nobody else who would: programs find the first loopback as a booted system has it.
    dev.dev_change_flags(k, k.init_net_ns, k.init_net_ns.dev_base[0], IFF_UP)
    genetlink.genl_init(k)
    k.printk(f"NET: Registered protocol family {AF_INET}", KERN_INFO)
    k.printk(f"NET: Registered protocol family {AF_UNIX}", KERN_INFO)
    k.printk(f"NET: Registered protocol family {AF_INET6}", KERN_INFO)
