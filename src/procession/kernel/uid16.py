"""System calls with 16-bit users and groups (kernel/uid16.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import open as fs_open
from procession.include.linux.limits import NGROUPS_MAX
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.types import Fd, Int, Path, UInt, UserPtr
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import groups, sys_ids, timer
from procession.kernel.user import high2low
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ()

_NO_CHANGE_16: Final = 0xFFFF
_NO_CHANGE: Final = 0xFFFFFFFF


def _low2high(id: int) -> int:
    """Return a 16-bit number, as which 65535 means -1, as one of 32 bits."""
    id &= 0xFFFF
    return _NO_CHANGE if id == _NO_CHANGE_16 else id


@compat_syscall
def sys_chown16(current: Task, filename: Path, user: UInt, group: UInt) -> int:
    """chown(2)."""
    return fs_open.sys_chown(current, filename, _low2high(user), _low2high(group))


@compat_syscall
def sys_lchown16(current: Task, filename: Path, user: UInt, group: UInt) -> int:
    """lchown(2)."""
    return fs_open.sys_lchown(current, filename, _low2high(user), _low2high(group))


@compat_syscall
def sys_fchown16(current: Task, fd: Fd, user: UInt, group: UInt) -> int:
    """fchown(2)."""
    return fs_open.sys_fchown(current, fd, _low2high(user), _low2high(group))


@compat_syscall
def sys_setregid16(current: Task, rgid: UInt, egid: UInt) -> int:
    """setregid(2)."""
    return sys_ids.sys_setregid(current, _low2high(rgid), _low2high(egid))


@compat_syscall
def sys_setgid16(current: Task, gid: UInt) -> int:
    """setgid(2)."""
    return sys_ids.sys_setgid(current, _low2high(gid))


@compat_syscall
def sys_setreuid16(current: Task, ruid: UInt, euid: UInt) -> int:
    """setreuid(2)."""
    return sys_ids.sys_setreuid(current, _low2high(ruid), _low2high(euid))


@compat_syscall
def sys_setuid16(current: Task, uid: UInt) -> int:
    """setuid(2)."""
    return sys_ids.sys_setuid(current, _low2high(uid))


@compat_syscall
def sys_setresuid16(current: Task, ruid: UInt, euid: UInt, suid: UInt) -> int:
    """setresuid(2)."""
    return sys_ids.sys_setresuid(current, _low2high(ruid), _low2high(euid), _low2high(suid))


@compat_syscall
def sys_getresuid16(current: Task, ruid: UserPtr, euid: UserPtr, suid: UserPtr) -> int:
    """getresuid(2)."""
    c = current.cred
    for ptr, id in ((ruid, c.uid), (euid, c.euid), (suid, c.suid)):
        uaccess.put_user(current, ptr, high2low(current.kernel, uid_here(current, id)), 2)
    return 0


@compat_syscall
def sys_setresgid16(current: Task, rgid: UInt, egid: UInt, sgid: UInt) -> int:
    """setresgid(2)."""
    return sys_ids.sys_setresgid(current, _low2high(rgid), _low2high(egid), _low2high(sgid))


@compat_syscall
def sys_getresgid16(current: Task, rgid: UserPtr, egid: UserPtr, sgid: UserPtr) -> int:
    """getresgid(2)."""
    c = current.cred
    for ptr, id in ((rgid, c.gid), (egid, c.egid), (sgid, c.sgid)):
        uaccess.put_user(current, ptr, high2low(current.kernel, gid_here(current, id), "overflowgid"), 2)
    return 0


@compat_syscall
def sys_setfsuid16(current: Task, uid: UInt) -> int:
    """setfsuid(2)."""
    return sys_ids.sys_setfsuid(current, _low2high(uid))


@compat_syscall
def sys_setfsgid16(current: Task, gid: UInt) -> int:
    """setfsgid(2)."""
    return sys_ids.sys_setfsgid(current, _low2high(gid))


@compat_syscall
def sys_getgroups16(current: Task, gidsetsize: Int, grouplist: UserPtr) -> int:
    """getgroups(2)."""
    count = len(current.cred.group_info)
    native = uaccess.KernelBuffer(bytes(4 * count))
    result = groups.sys_getgroups(current, gidsetsize, native)
    if gidsetsize:
        ids = [high2low(current.kernel, gid_here(current, id), "overflowgid") for id in current.cred.group_info]
        uaccess.copy_to_user(current, grouplist, struct.pack(f"<{count}H", *ids))
    return result


@compat_syscall
def sys_setgroups16(current: Task, gidsetsize: Int, grouplist: UserPtr) -> int:
    """setgroups(2)."""
    native: UserPtr = 0
    if 0 < gidsetsize <= NGROUPS_MAX and groups.may_setgroups(current):
        raw = memoryview(uaccess.copy_from_user(current, grouplist, 2 * gidsetsize)).cast("H")
        native = uaccess.KernelBuffer(b"".join([_low2high(id).to_bytes(4, "little") for id in raw]))
    return groups.sys_setgroups(current, gidsetsize, native)


@compat_syscall
def sys_getuid16(current: Task) -> int:
    """getuid(2)."""
    return high2low(current.kernel, timer.sys_getuid(current))


@compat_syscall
def sys_geteuid16(current: Task) -> int:
    """geteuid(2)."""
    return high2low(current.kernel, timer.sys_geteuid(current))


@compat_syscall
def sys_getgid16(current: Task) -> int:
    """getgid(2)."""
    return high2low(current.kernel, timer.sys_getgid(current), "overflowgid")


@compat_syscall
def sys_getegid16(current: Task) -> int:
    """getegid(2)."""
    return high2low(current.kernel, timer.sys_getegid(current), "overflowgid")
