"""Capabilities (kernel/capability.c, and cap_capable of security/commoncap.c; spec namespaces 1.2, 6)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SETPCAP, CAP_SYS_NICE, CapDataIn, CapDataOut, CapHeader
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.resource import RLIMIT_NICE
from procession.include.linux.sched import PF_SUPERPRIV
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import UserPtr
from procession.include.linux.uidgid import kgid_has_mapping, kuid_has_mapping
from procession.kernel import cred, pid
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "can_nice",
    "cap_capable",
    "capable",
    "capable_wrt_inode_uidgid",
    "has_capability",
    "ns_capable",
    "nsown_capable",
    "own_capability",
    "privileged_wrt_inode_uidgid",
    "sys_capget",
    "sys_capset",
)

_VERSION_1: Final = 0x19980330
_VERSION_2: Final = 0x20071026
_VERSION_3: Final = 0x20080522
_WORDS: Final = {_VERSION_1: 1, _VERSION_2: 2, _VERSION_3: 2}
_DATA: Final = struct.Struct("<III")  # effective, permitted, inheritable: 32 capabilities


def cap_capable(k: Kernel, cred: Cred, targ_ns: UserNamespace | None, cap: int) -> bool:
    """Whether these credentials have cap in a user namespace: their own, one below, or one that their user made.

    targ_ns: None for the first.
    """
    ns = targ_ns or k.users.init_user_ns
    if ns.creator is not None or cred.user_ns.creator is not None:
        return _cap_capable_32(k, cred, ns, cap)
    while ns is not cred.user_ns:
        if ns.parent is None:
            return False
        # Whoever made a namespace has all capabilities in it.
        if ns.parent is cred.user_ns and ns.owner == cred.euid:
            return True
        ns = ns.parent
    return bool(cred.cap_effective >> cap & 1)


def _cap_capable_32(k: Kernel, cred: Cred, targ_ns: UserNamespace, cap: int) -> bool:
    """The same by what 3.2 knows of namespaces."""
    while True:
        if targ_ns is not k.users.init_user_ns and targ_ns.creator is cred.user:
            return True
        if targ_ns is cred.user.user_ns:
            return bool(cred.cap_effective >> cap & 1)
        if targ_ns is k.users.init_user_ns:
            return False
        assert targ_ns.creator is not None
        targ_ns = targ_ns.creator.user_ns


def capable(current: Task, cap: int) -> bool:
    """Whether current may do what cap is for, on the whole machine. Success marks it as having used privilege."""
    return ns_capable(current, current.kernel.users.init_user_ns, cap)


def ns_capable(current: Task, ns: UserNamespace | None, cap: int) -> bool:
    """As capable, towards what belongs to a user namespace; None for the first."""
    if cap_capable(current.kernel, current.cred, ns, cap):
        current.flags |= PF_SUPERPRIV
        return True
    return False


def privileged_wrt_inode_uidgid(ns: UserNamespace, inode: Inode) -> bool:
    """Whether a namespace has names for an inode's owner and group; a file of 3.2 belongs to the first one."""
    if ns.uid_map is None:
        return ns.creator is None
    return kuid_has_mapping(ns, inode.i_uid) and kgid_has_mapping(ns, inode.i_gid)


def capable_wrt_inode_uidgid(current: Task, inode: Inode, cap: int) -> bool:
    """As capable, towards an inode, in current's own namespace, if the inode has to do with that."""
    ns = current.cred.user_ns
    return privileged_wrt_inode_uidgid(ns, inode) and ns_capable(current, ns, cap)


def nsown_capable(current: Task, cap: int) -> bool:
    """As capable, in current's own user namespace."""
    return ns_capable(current, current.cred.user_ns, cap)


def own_capability(current: Task, cap: int) -> bool:
    """As nsown_capable, but leaves no mark: the security module asks its own question (cap_capable)."""
    return cap_capable(current.kernel, current.cred, current.cred.user_ns, cap)


def has_capability(t: Task, cap: int) -> bool:
    """Whether another task has cap; leaves no mark."""
    return has_ns_capability(t, t.kernel.users.init_user_ns, cap)


def has_ns_capability(t: Task, ns: UserNamespace, cap: int) -> bool:
    """As has_capability, towards what belongs to a user namespace."""
    return cap_capable(t.kernel, t.real_cred, ns, cap)


def _validate_magic(current: Task, header: UserPtr) -> int:
    """Return the words per set; raises EINVAL after telling the caller which version is right, EFAULT."""
    words = _WORDS.get(uaccess.get_user(current, header, 4))
    if words is None:
        uaccess.put_user(current, header, _VERSION_3, 4)
        raise LinuxError(Errno.EINVAL, "version of the capability interface")
    return words


@syscall
def sys_capget(current: Task, header: CapHeader, dataptr: CapDataOut) -> int:
    """Return the capabilities of a thread; without dataptr only ask for the version. Raises EINVAL, ESRCH, EFAULT."""
    try:
        words = _validate_magic(current, header)
    except LinuxError as error:
        if not dataptr and error.errno == Errno.EINVAL:
            return 0
        raise
    if not dataptr:
        return 0
    nr = uaccess.get_user(current, header, 4, signed=True, offset=4)
    if nr < 0:
        raise LinuxError(Errno.EINVAL, "negative pid")
    target: Task | None = current
    if nr:
        target = pid.find_task_by_vpid(current, nr)
        if target is None:
            raise LinuxError(Errno.ESRCH, f"no thread {nr}")
    assert target is not None
    c = target.real_cred
    out = b"".join(
        _DATA.pack(
            c.cap_effective >> shift & 0xFFFFFFFF,
            c.cap_permitted >> shift & 0xFFFFFFFF,
            c.cap_inheritable >> shift & 0xFFFFFFFF,
        )
        for shift in range(0, 32 * words, 32)
    )
    uaccess.copy_to_user(current, dataptr, out)
    return 0


def _may_set(current: Task, effective: int, permitted: int, inheritable: int) -> bool:
    """Whether current may have these sets (cap_capset)."""
    old = current.cred
    if inheritable & ~(old.cap_inheritable | old.cap_permitted) and not own_capability(current, CAP_SETPCAP):
        return False
    if inheritable & ~(old.cap_inheritable | old.cap_bset):
        return False
    return not (permitted & ~old.cap_permitted or effective & ~permitted)


@syscall
def sys_capset(current: Task, header: CapHeader, data: CapDataIn) -> int:
    """Set the caller's capabilities; raises EINVAL, EFAULT, EPERM for another thread or for more than it may have."""
    words = _validate_magic(current, header)
    nr = uaccess.get_user(current, header, 4, signed=True, offset=4)
    if nr not in (0, pid.task_pid_vnr(current, current)):
        raise LinuxError(Errno.EPERM, "capset of another thread")
    effective = permitted = inheritable = 0
    raw = uaccess.copy_from_user(current, data, _DATA.size * words)
    for word in range(words):
        e, p, i = _DATA.unpack_from(raw, _DATA.size * word)
        effective |= e << 32 * word
        permitted |= p << 32 * word
        inheritable |= i << 32 * word

    new = cred.prepare_creds(current)
    if not _may_set(current, effective, permitted, inheritable):
        cred.abort_creds(current.kernel, new)
        raise LinuxError(Errno.EPERM, "more than is permitted")
    new.cap_effective, new.cap_inheritable, new.cap_permitted = effective, inheritable, permitted
    new.cap_ambient &= permitted & inheritable
    cred.commit_creds(current, new)
    return 0


def can_nice(current: Task, p: Task, nice: int) -> bool:
    """Whether current may set p's nice value this low: RLIMIT_NICE counts up from 20 - nice."""
    return 20 - nice <= p.signal.rlim[RLIMIT_NICE][0] or capable(current, CAP_SYS_NICE)
