"""Generic netlink: families of messages that are told by name (net/netlink/genetlink.c)."""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netlink import (
    NETLINK_GENERIC,
    NLM_F_DUMP,
    NLM_F_MULTI,
    NLMSG_GOODSIZE,
    NLMSG_HDRLEN,
    nlmsg,
)
from procession.kernel import capability
from procession.net.netlink import af_netlink
from procession.net.netlink.attr import NLA_NUL_STRING, NLA_U16, nla_nest, nla_parse, nla_put, nla_put_u32

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkCallback, NetlinkSkb, NetlinkSock

__all__ = ("GENL_ADMIN_PERM", "GenlFamily", "GenlInfo", "GenlOps", "genl_init", "genl_register_family", "genlmsg")

GENL_MIN_ID: Final = 0x10
GENL_ID_CTRL: Final = 0x10
GENL_HDRLEN: Final = 4
GENL_NAMSIZ: Final = 16
GENL_FAM_TAB_MASK: Final = 15  # families lie in 16 chains, by number
GENL_ADMIN_PERM: Final = 1
GENL_CMD_CAP_DO: Final = 2
GENL_CMD_CAP_DUMP: Final = 4
GENL_CMD_CAP_HASPOL: Final = 8

CTRL_CMD_NEWFAMILY: Final = 1
CTRL_CMD_GETFAMILY: Final = 3
CTRL_ATTR_FAMILY_ID: Final = 1
CTRL_ATTR_FAMILY_NAME: Final = 2
CTRL_ATTR_VERSION: Final = 3
CTRL_ATTR_HDRSIZE: Final = 4
CTRL_ATTR_MAXATTR: Final = 5
CTRL_ATTR_OPS: Final = 6
CTRL_ATTR_MCAST_GROUPS: Final = 7
CTRL_ATTR_OP_ID: Final = 1
CTRL_ATTR_OP_FLAGS: Final = 2
CTRL_ATTR_MCAST_GRP_NAME: Final = 1
CTRL_ATTR_MCAST_GRP_ID: Final = 2

_GENLMSGHDR: Final = struct.Struct("<BBH")  # command, version, reserved


class GenlInfo:
    """A request as its command sees it (struct genl_info); attrs: by type."""

    __slots__ = ("attrs", "nlh", "sk")

    def __init__(self, sk: NetlinkSock, nlh: Nlmsghdr, attrs: dict[int, bytes]) -> None:
        self.sk = sk
        self.nlh = nlh
        self.attrs = attrs


class GenlOps:
    """A command of a family (struct genl_ops); flags: GENL_ bits.  policy: as nla_parse reads it, None without one."""

    __slots__ = ("cmd", "doit", "dumpit", "flags", "policy")

    def __init__(
        self,
        cmd: int,
        flags: int,
        policy: dict[int, tuple[int, int]] | None,
        doit: Callable[[Task, GenlInfo], None] | None,
        dumpit: Callable[[NetlinkSock, NetlinkCallback], bytes] | None = None,
    ) -> None:
        self.cmd = cmd
        self.policy = policy
        self.doit = doit
        self.dumpit = dumpit
        self.flags = flags
        self.flags |= GENL_CMD_CAP_DUMP if dumpit is not None else 0
        self.flags |= GENL_CMD_CAP_DO if doit is not None else 0
        self.flags |= GENL_CMD_CAP_HASPOL if policy is not None else 0


class GenlFamily:
    """struct genl_family; netnsok: it is there in every network, not in the first alone.  mcast_groups: by number."""

    __slots__ = ("id", "maxattr", "mcast_groups", "name", "netnsok", "ops", "version")

    def __init__(
        self, name: bytes, version: int, maxattr: int, ops: tuple[GenlOps, ...], *, netnsok: bool = False
    ) -> None:
        self.id = 0
        self.name = name
        self.version = version
        self.maxattr = maxattr
        self.ops = ops
        self.netnsok = netnsok
        self.mcast_groups: dict[int, bytes] = {}


def genl_init(k: Kernel) -> None:
    """Register the protocol and the family that tells of the others."""
    af_netlink.netlink_kernel_create(k, NETLINK_GENERIC, 32, genl_rcv, nonroot_recv=True)
    policy = {CTRL_ATTR_FAMILY_ID: (NLA_U16, 0), CTRL_ATTR_FAMILY_NAME: (NLA_NUL_STRING, GENL_NAMSIZ - 1)}
    ops = GenlOps(CTRL_CMD_GETFAMILY, 0, policy, ctrl_getfamily, ctrl_dumpfamily)
    ctrl = GenlFamily(b"nlctrl", 2, CTRL_ATTR_MCAST_GROUPS, (ops,), netnsok=True)
    ctrl.mcast_groups[GENL_ID_CTRL] = b"notify"
    genl_register_family(k, ctrl)


def genl_register_family(k: Kernel, family: GenlFamily) -> None:
    """Give a family the next number."""
    family.id = GENL_MIN_ID + len(k.net.genl_families)
    k.net.genl_families[family.id] = family


def genl_rcv(current: Task, ssk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Take a message to the kernel."""
    af_netlink.netlink_rcv_skb(current, ssk, skb, genl_rcv_msg)


def _visible(family: GenlFamily | None, k: Kernel, net: NetNamespace) -> GenlFamily:
    """Return the family; raises ENOENT if it is none, or not there in that network."""
    if family is None or (not family.netnsok and net is not k.init_net_ns):
        raise LinuxError(Errno.ENOENT, "no such family")
    return family


def genl_rcv_msg(current: Task, ssk: NetlinkSock, nlh: Nlmsghdr) -> bool:
    """Do a command; returns whether an acknowledgement may follow.

    Raises ENOENT, EINVAL, EOPNOTSUPP, EPERM, ERANGE, and what the command does.
    """
    k = current.kernel
    family = _visible(k.net.genl_families.get(nlh.type), k, ssk.net)
    if len(nlh.raw) < NLMSG_HDRLEN + GENL_HDRLEN:
        raise LinuxError(Errno.EINVAL, "a short message")
    cmd = nlh.raw[NLMSG_HDRLEN]
    ops = next((ops for ops in family.ops if ops.cmd == cmd), None)
    if ops is None:
        raise LinuxError(Errno.EOPNOTSUPP, f"command {cmd}")
    if ops.flags & GENL_ADMIN_PERM and not capability.capable(current, CAP_NET_ADMIN):
        raise LinuxError(Errno.EPERM, "the command needs CAP_NET_ADMIN")
    if nlh.flags & NLM_F_DUMP:
        if ops.dumpit is None:
            raise LinuxError(Errno.EOPNOTSUPP, "nothing to dump")
        return af_netlink.netlink_dump_start(ssk, nlh, ops.dumpit)
    if ops.doit is None:
        raise LinuxError(Errno.EOPNOTSUPP, "nothing but a dump")
    attrs = nla_parse(k, nlh.raw[NLMSG_HDRLEN + GENL_HDRLEN :], ops.policy or {}, family.maxattr)
    ops.doit(current, GenlInfo(ssk, nlh, attrs))
    return True


def genlmsg(family: GenlFamily, cmd: int, flags: int, seq: int, nl_pid: int, attributes: bytes) -> bytes:
    """Return a message of a family (genlmsg_put)."""
    return nlmsg(family.id, flags, seq, nl_pid, _GENLMSGHDR.pack(cmd, family.version, 0) + attributes)


# The family of families.


def ctrl_fill_info(k: Kernel, family: GenlFamily, nl_pid: int, seq: int, flags: int) -> bytes:
    """Return the message that describes a family."""
    out = nla_put(CTRL_ATTR_FAMILY_NAME, family.name + b"\0")
    out += nla_put(CTRL_ATTR_FAMILY_ID, family.id.to_bytes(2, "little"))
    out += nla_put_u32(CTRL_ATTR_VERSION, family.version)
    out += nla_put_u32(CTRL_ATTR_HDRSIZE, 0)
    out += nla_put_u32(CTRL_ATTR_MAXATTR, family.maxattr)
    ops = b""
    for at, op in enumerate(family.ops, 1):
        ops += nla_nest(at, nla_put_u32(CTRL_ATTR_OP_ID, op.cmd) + nla_put_u32(CTRL_ATTR_OP_FLAGS, op.flags))
    if ops:
        out += nla_nest(CTRL_ATTR_OPS, ops)
    groups = b""
    for at, (number, name) in enumerate(family.mcast_groups.items(), 1):
        group = nla_put_u32(CTRL_ATTR_MCAST_GRP_ID, number) + nla_put(CTRL_ATTR_MCAST_GRP_NAME, name + b"\0")
        groups += nla_nest(at, group)
    if groups:
        out += nla_nest(CTRL_ATTR_MCAST_GROUPS, groups)
    return genlmsg(k.net.genl_families[GENL_ID_CTRL], CTRL_CMD_NEWFAMILY, flags, seq, nl_pid, out)


def ctrl_getfamily(current: Task, info: GenlInfo) -> None:
    """Describe the family with a number, or with a name; raises EINVAL, ENOENT."""
    k = current.kernel
    families = k.net.genl_families
    if not info.attrs.keys() & {CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME}:
        raise LinuxError(Errno.EINVAL, "which family?")
    found: GenlFamily | None = None
    if CTRL_ATTR_FAMILY_ID in info.attrs:
        found = families.get(int.from_bytes(info.attrs[CTRL_ATTR_FAMILY_ID][:2], "little"))
    if CTRL_ATTR_FAMILY_NAME in info.attrs:
        name = info.attrs[CTRL_ATTR_FAMILY_NAME].split(b"\0")[0]
        found = next((family for family in families.values() if family.name == name), None)
    family = _visible(found, k, info.sk.net)
    nlh, nl_pid = info.nlh, info.sk.pid
    af_netlink.netlink_unicast(info.sk, ctrl_fill_info(k, family, nl_pid, nlh.seq, 0), nl_pid)


def ctrl_dumpfamily(sk: NetlinkSock, cb: NetlinkCallback) -> bytes:
    """Describe all families, chain by chain, as many as one part holds."""
    k = sk.kernel
    everyone = sorted(k.net.genl_families.values(), key=lambda family: (family.id & GENL_FAM_TAB_MASK, family.id))
    seen = [family for family in everyone if family.netnsok or sk.net is k.init_net_ns]
    out = b""
    while cb.args[0] < len(seen):
        more = ctrl_fill_info(k, seen[cb.args[0]], sk.pid, cb.nlh.seq, NLM_F_MULTI)
        if len(out) + len(more) > NLMSG_GOODSIZE:
            break
        out += more
        cb.args[0] += 1
    return out
