"""Supplementary groups (kernel/groups.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from procession.include.linux.cred import CAP_SETGID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import NGROUPS_MAX
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Groups, GroupsOut, Int
from procession.include.linux.uidgid import INVALID_ID, gid_here, make_kgid
from procession.kernel import capability, cred
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("in_group_p", "sys_getgroups", "sys_setgroups")


def in_group_p(current: Task, grp: int) -> bool:
    """Whether current is in the group, where files are concerned."""
    c = current.cred
    return grp == c.fsgid or grp in c.group_info


def may_setgroups(current: Task) -> bool:
    """Whether current may choose its groups: since 3.19 not before they are mapped, nor where that was given up."""
    ns = current.cred.user_ns
    return capability.nsown_capable(current, CAP_SETGID) and ns.gid_map != [] and ns.setgroups_allowed


def kgids_of(current: Task, gids: tuple[int, ...]) -> list[int]:
    """Return the kernel's ids of groups that current names; raises EINVAL if its namespace has not all of them."""
    ns = current.cred.user_ns
    kgids = [make_kgid(ns, gid) for gid in gids]
    if INVALID_ID in kgids and "CLONE_NEWUSER" in current.kernel.later:
        raise LinuxError(Errno.EINVAL, "no such group here")
    return kgids


@syscall
def sys_getgroups(current: Task, gidsetsize: Int, grouplist: GroupsOut) -> int:
    """Return how many supplementary groups there are, and which; raises EINVAL if they do not fit, EFAULT."""
    groups = current.cred.group_info
    if gidsetsize < 0 or (gidsetsize and len(groups) > gidsetsize):
        raise LinuxError(Errno.EINVAL, "room for groups")
    if gidsetsize:
        gids = [gid_here(current, kgid) for kgid in groups]
        uaccess.copy_to_user(current, grouplist, struct.pack(f"<{len(groups)}I", *gids))
    return len(groups)


@syscall
def sys_setgroups(current: Task, gidsetsize: Int, grouplist: Groups) -> int:
    """Set the supplementary groups, which are kept sorted; raises EPERM, EINVAL, EFAULT."""
    if not may_setgroups(current):
        raise LinuxError(Errno.EPERM, "CAP_SETGID")
    if not 0 <= gidsetsize <= NGROUPS_MAX:
        raise LinuxError(Errno.EINVAL, "too many groups")
    raw = uaccess.copy_from_user(current, grouplist, 4 * gidsetsize) if gidsetsize else b""
    kgids = kgids_of(current, struct.unpack(f"<{gidsetsize}I", raw))
    new = cred.prepare_creds(current)
    new.group_info = tuple(sorted(kgids))
    cred.commit_creds(current, new)
    return 0
