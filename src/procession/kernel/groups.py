"""Supplementary groups (kernel/groups.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from procession.include.linux.cred import CAP_SETGID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import NGROUPS_MAX
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Groups, GroupsOut, Int
from procession.kernel import capability, cred
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("in_group_p", "sys_getgroups", "sys_setgroups")


def in_group_p(current: Task, grp: int) -> bool:
    """Whether current is in the group, where files are concerned."""
    c = current.cred
    return grp == c.fsgid or grp in c.group_info


@syscall
def sys_getgroups(current: Task, gidsetsize: Int, grouplist: GroupsOut) -> int:
    """Return how many supplementary groups there are, and which; raises EINVAL if they do not fit, EFAULT."""
    groups = current.cred.group_info
    if gidsetsize < 0 or (gidsetsize and len(groups) > gidsetsize):
        raise LinuxError(Errno.EINVAL, "room for groups")
    if gidsetsize:
        uaccess.copy_to_user(current, grouplist, struct.pack(f"<{len(groups)}I", *groups))
    return len(groups)


@syscall
def sys_setgroups(current: Task, gidsetsize: Int, grouplist: Groups) -> int:
    """Set the supplementary groups, which are kept sorted; raises EPERM, EINVAL, EFAULT."""
    if not capability.nsown_capable(current, CAP_SETGID):
        raise LinuxError(Errno.EPERM, "CAP_SETGID")
    if not 0 <= gidsetsize <= NGROUPS_MAX:
        raise LinuxError(Errno.EINVAL, "too many groups")
    raw = uaccess.copy_from_user(current, grouplist, 4 * gidsetsize) if gidsetsize else b""
    new = cred.prepare_creds(current)
    new.group_info = tuple(sorted(struct.unpack(f"<{gidsetsize}I", raw)))
    cred.commit_creds(current, new)
    return 0
