"""Rules that say which table a route is looked for in: those that are there from the beginning (net/core/fib_rules.c).

As in a kernel with CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netlink import NLMSG_HDRLEN
from procession.include.linux.rtnetlink import (
    FR_ACT_TO_TBL,
    FRA_PRIORITY,
    FRA_TABLE,
    RT_TABLE_DEFAULT,
    RT_TABLE_LOCAL,
    RT_TABLE_MAIN,
    RTM_GETRULE,
)
from procession.include.linux.socket import AF_INET, AF_INET6, AF_UNSPEC
from procession.net.core import rtnetlink
from procession.net.netlink.attr import nla_put_u32

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.net.netlink.sock import NetlinkSock

__all__ = ("fib_rules_init",)

_HEAD: Final = struct.Struct("<8BI")  # struct fib_rule_hdr
# Preference and table, of each family.
_RULES: Final[dict[int, tuple[tuple[int, int], ...]]] = {
    AF_INET: ((0, RT_TABLE_LOCAL), (0x7FFE, RT_TABLE_MAIN), (0x7FFF, RT_TABLE_DEFAULT)),
    AF_INET6: ((0, RT_TABLE_LOCAL), (0x7FFE, RT_TABLE_MAIN)),
}


def fib_rules_init(k: Kernel) -> None:
    """Answer questions about rules."""
    rtnetlink.rtnl_register(k, AF_UNSPEC, RTM_GETRULE, None, fib_nl_dumprule)


def fib_nl_dumprule(sk: NetlinkSock) -> list[bytes]:
    """Return the rules of the family that is asked for, or of all; raises EAFNOSUPPORT."""
    assert sk.callback is not None
    family = sk.callback.nlh.raw[NLMSG_HDRLEN]
    if family != AF_UNSPEC and family not in _RULES:
        raise LinuxError(Errno.EAFNOSUPPORT, f"no rules of address family {family}")
    out = []
    for of, rules in _RULES.items():
        if family in (AF_UNSPEC, of):
            out += [_fill_rule(of, preference, table) for preference, table in rules]
    return out


def _fill_rule(family: int, preference: int, table: int) -> bytes:
    """Return what is told of a rule (fib_nl_fill_rule)."""
    rule = _HEAD.pack(family, 0, 0, 0, table, 0, 0, FR_ACT_TO_TBL, 0) + nla_put_u32(FRA_TABLE, table)
    return rule + nla_put_u32(FRA_PRIORITY, preference) if preference else rule
