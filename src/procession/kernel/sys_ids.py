"""Changing user and group ids (the part of kernel/sys.c about credentials; spec 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import (
    CAP_CHOWN,
    CAP_DAC_OVERRIDE,
    CAP_DAC_READ_SEARCH,
    CAP_FOWNER,
    CAP_FSETID,
    CAP_LINUX_IMMUTABLE,
    CAP_MAC_OVERRIDE,
    CAP_MKNOD,
    CAP_SETGID,
    CAP_SETUID,
    KEEP_ID,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.prctl import SECBIT_KEEP_CAPS, SECBIT_NO_SETUID_FIXUP
from procession.include.linux.resource import RLIMIT_NPROC
from procession.include.linux.sched import PF_NPROC_EXCEEDED
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import IntOut, UidT, UserPtr
from procession.include.linux.uidgid import INVALID_ID, gid_here, make_kgid, make_kuid, uid_here
from procession.kernel import capability, cred, ucount, user, user_namespace
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.sched import Task

__all__ = (
    "sys_getresgid",
    "sys_getresuid",
    "sys_setfsgid",
    "sys_setfsuid",
    "sys_setgid",
    "sys_setregid",
    "sys_setresgid",
    "sys_setresuid",
    "sys_setreuid",
    "sys_setuid",
)

# What fsuid 0 is worth.
_CAP_FS_SET: Final = sum(
    1 << cap
    for cap in (
        CAP_CHOWN,
        CAP_DAC_OVERRIDE,
        CAP_DAC_READ_SEARCH,
        CAP_FOWNER,
        CAP_FSETID,
        CAP_LINUX_IMMUTABLE,
        CAP_MKNOD,
        CAP_MAC_OVERRIDE,
    )
)


def set_user(current: Task, new: Cred) -> None:
    """Account new to the user of its real id; raises EAGAIN.

    Too many processes do not fail here but at the next exec: too many programs forget to look at the result.
    """
    k = current.kernel
    try:
        owner = user.alloc_uid(k, current.cred.user.user_ns, new.uid)
    except LinuxError:
        raise LinuxError(Errno.EAGAIN, "no user_struct") from None
    user.free_uid(k, new.user)
    new.user = owner
    user_namespace.set_cred_ucounts(k, new)
    over = ucount.is_nproc_overlimit(new, current.signal.rlim[RLIMIT_NPROC][0], 1)
    if over and owner is not k.users.root_user:
        current.flags |= PF_NPROC_EXCEEDED
    else:
        current.flags &= ~PF_NPROC_EXCEEDED


def _fix_setuid(new: Cred, old: Cred) -> None:
    """Give and take capabilities as root comes and goes (cap_emulate_setxuid)."""
    if new.securebits & SECBIT_NO_SETUID_FIXUP:
        return
    root = make_kuid(old.user_ns, 0)
    was_root = root in (old.uid, old.euid, old.suid)
    if was_root and root not in (new.uid, new.euid, new.suid) and not new.securebits & SECBIT_KEEP_CAPS:
        new.cap_permitted = new.cap_effective = new.cap_ambient = 0
    if old.euid == root and new.euid != root:
        new.cap_effective = 0
    if old.euid != root and new.euid == root:
        new.cap_effective = new.cap_permitted


class _Change:
    """Credentials being changed: `with _Change(current) as new:` commits, or throws away if an errno comes out."""

    __slots__ = ("current", "new")

    def __init__(self, current: Task) -> None:
        self.current = current
        self.new = cred.prepare_creds(current)

    def __enter__(self) -> Cred:
        return self.new

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is None:
            cred.commit_creds(self.current, self.new)
        else:
            cred.abort_creds(self.current.kernel, self.new)


def _may_setuid(current: Task) -> bool:
    return capability.nsown_capable(current, CAP_SETUID)


def _may_setgid(current: Task) -> bool:
    return capability.nsown_capable(current, CAP_SETGID)


def _no_id(current: Task) -> int:
    """Return what a kuid is that nobody can have; 3.2 takes -1 as any other."""
    return INVALID_ID if user_namespace.are_later(current.kernel) else -1


def _kuid(current: Task, uid: int) -> int:
    """Return the kernel's id of a user that current names; raises EINVAL if its namespace has no such user."""
    kuid = make_kuid(current.cred.user_ns, uid)
    if kuid == _no_id(current):
        raise LinuxError(Errno.EINVAL, "no such user here")
    return kuid


def _kgid(current: Task, gid: int) -> int:
    """Return the kernel's id of a group that current names; raises EINVAL if its namespace has no such group."""
    kgid = make_kgid(current.cred.user_ns, gid)
    if kgid == _no_id(current):
        raise LinuxError(Errno.EINVAL, "no such group here")
    return kgid


def _kept_kuid(current: Task, uid: int) -> int:
    return uid if uid == KEEP_ID else _kuid(current, uid)


def _kept_kgid(current: Task, gid: int) -> int:
    return gid if gid == KEEP_ID else _kgid(current, gid)


@syscall
def sys_setuid(current: Task, uid: UidT) -> int:
    """Become uid: for good with CAP_SETUID, else effectively, back to the real or saved id; raises EPERM, EAGAIN."""
    uid = _kuid(current, uid)
    old = current.cred
    with _Change(current) as new:
        if _may_setuid(current):
            new.suid = new.uid = uid
            if uid != old.uid:
                set_user(current, new)
        elif uid not in (old.uid, old.suid):
            raise LinuxError(Errno.EPERM, "neither the real nor the saved uid")
        new.fsuid = new.euid = uid
        _fix_setuid(new, old)
    return 0


@syscall
def sys_setreuid(current: Task, ruid: UidT, euid: UidT) -> int:
    """Set real and effective uid, -1 keeps one; raises EPERM, EAGAIN (setreuid(2))."""
    ruid, euid = _kept_kuid(current, ruid), _kept_kuid(current, euid)
    old = current.cred
    with _Change(current) as new:
        if ruid != KEEP_ID:
            new.uid = ruid
            if ruid not in (old.uid, old.euid) and not _may_setuid(current):
                raise LinuxError(Errno.EPERM, "real uid")
        if euid != KEEP_ID:
            new.euid = euid
            if euid not in (old.uid, old.euid, old.suid) and not _may_setuid(current):
                raise LinuxError(Errno.EPERM, "effective uid")
        if new.uid != old.uid:
            set_user(current, new)
        if ruid != KEEP_ID or euid not in (KEEP_ID, old.uid):
            new.suid = new.euid
        new.fsuid = new.euid
        _fix_setuid(new, old)
    return 0


@syscall
def sys_setresuid(current: Task, ruid: UidT, euid: UidT, suid: UidT) -> int:
    """Set real, effective and saved uid, -1 keeps one; raises EPERM, EAGAIN (setresuid(2))."""
    ruid, euid, suid = _kept_kuid(current, ruid), _kept_kuid(current, euid), _kept_kuid(current, suid)
    old = current.cred
    with _Change(current) as new:
        own = (KEEP_ID, old.uid, old.euid, old.suid)
        if not _may_setuid(current) and not (ruid in own and euid in own and suid in own):
            raise LinuxError(Errno.EPERM, "not one of our uids")
        if ruid != KEEP_ID:
            new.uid = ruid
            if ruid != old.uid:
                set_user(current, new)
        if euid != KEEP_ID:
            new.euid = euid
        if suid != KEEP_ID:
            new.suid = suid
        new.fsuid = new.euid
        _fix_setuid(new, old)
    return 0


@syscall
def sys_getresuid(current: Task, ruid: IntOut, euid: IntOut, suid: IntOut) -> int:
    """Return the three uids; raises EFAULT (getresuid(2))."""
    c = current.cred
    own = [uid_here(current, kuid) for kuid in (c.uid, c.euid, c.suid)]
    return _put_ids(current, (ruid, own[0]), (euid, own[1]), (suid, own[2]))


@syscall
def sys_setfsuid(current: Task, uid: UidT) -> int:
    """Set the uid that files see; returns the old one, changed or not (setfsuid(2))."""
    old = current.cred
    before = uid_here(current, old.fsuid)
    kuid = make_kuid(old.user_ns, uid)
    if kuid in (old.fsuid, _no_id(current)) or not (kuid in (old.uid, old.euid, old.suid) or _may_setuid(current)):
        return before
    try:
        new = cred.prepare_creds(current)
    except LinuxError:
        return before
    new.fsuid = kuid
    if not new.securebits & SECBIT_NO_SETUID_FIXUP:
        root = make_kuid(old.user_ns, 0)
        if old.fsuid == root:
            new.cap_effective &= ~_CAP_FS_SET
        elif kuid == root:
            new.cap_effective |= new.cap_permitted & _CAP_FS_SET
    cred.commit_creds(current, new)
    return before


@syscall
def sys_setgid(current: Task, gid: UidT) -> int:
    """Set the group id: for good with CAP_SETGID, else effectively; raises EPERM (setgid(2))."""
    gid = _kgid(current, gid)
    old = current.cred
    with _Change(current) as new:
        if _may_setgid(current):
            new.gid = new.sgid = gid
        elif gid not in (old.gid, old.sgid):
            raise LinuxError(Errno.EPERM, "neither the real nor the saved gid")
        new.egid = new.fsgid = gid
    return 0


@syscall
def sys_setregid(current: Task, rgid: UidT, egid: UidT) -> int:
    """Set real and effective gid, -1 keeps one; raises EPERM (setregid(2))."""
    rgid, egid = _kept_kgid(current, rgid), _kept_kgid(current, egid)
    old = current.cred
    with _Change(current) as new:
        if rgid != KEEP_ID:
            if rgid not in (old.gid, old.egid) and not _may_setgid(current):
                raise LinuxError(Errno.EPERM, "real gid")
            new.gid = rgid
        if egid != KEEP_ID:
            if egid not in (old.gid, old.egid, old.sgid) and not _may_setgid(current):
                raise LinuxError(Errno.EPERM, "effective gid")
            new.egid = egid
        if rgid != KEEP_ID or egid not in (KEEP_ID, old.gid):
            new.sgid = new.egid
        new.fsgid = new.egid
    return 0


@syscall
def sys_setresgid(current: Task, rgid: UidT, egid: UidT, sgid: UidT) -> int:
    """Set real, effective and saved gid, -1 keeps one; raises EPERM (setresgid(2))."""
    rgid, egid, sgid = _kept_kgid(current, rgid), _kept_kgid(current, egid), _kept_kgid(current, sgid)
    old = current.cred
    with _Change(current) as new:
        own = (KEEP_ID, old.gid, old.egid, old.sgid)
        if not _may_setgid(current) and not (rgid in own and egid in own and sgid in own):
            raise LinuxError(Errno.EPERM, "not one of our gids")
        if rgid != KEEP_ID:
            new.gid = rgid
        if egid != KEEP_ID:
            new.egid = egid
        if sgid != KEEP_ID:
            new.sgid = sgid
        new.fsgid = new.egid
    return 0


@syscall
def sys_getresgid(current: Task, rgid: IntOut, egid: IntOut, sgid: IntOut) -> int:
    """Return the three gids; raises EFAULT (getresgid(2))."""
    c = current.cred
    own = [gid_here(current, kgid) for kgid in (c.gid, c.egid, c.sgid)]
    return _put_ids(current, (rgid, own[0]), (egid, own[1]), (sgid, own[2]))


@syscall
def sys_setfsgid(current: Task, gid: UidT) -> int:
    """Set the gid that files see; returns the old one, changed or not (setfsgid(2))."""
    old = current.cred
    before = gid_here(current, old.fsgid)
    kgid = make_kgid(old.user_ns, gid)
    if kgid not in (old.fsgid, _no_id(current)) and (kgid in (old.gid, old.egid, old.sgid) or _may_setgid(current)):
        try:
            new = cred.prepare_creds(current)
        except LinuxError:
            return before
        new.fsgid = kgid
        cred.commit_creds(current, new)
    return before


def _put_ids(current: Task, *ids: tuple[UserPtr, int]) -> int:
    for ptr, id in ids:
        uaccess.put_user(current, ptr, id, 4)
    return 0
