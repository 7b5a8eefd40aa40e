"""Credentials of a new program (fs/exec.c, security/commoncap.c; spec 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import inode as fs_inode
from procession.include.linux.cred import CAP_SETUID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_ISGID, S_ISUID, S_IXGRP
from procession.include.linux.prctl import SECBIT_KEEP_CAPS, SECBIT_NOROOT
from procession.include.linux.printk import KERN_INFO, KERN_NOTICE
from procession.include.linux.ptrace import PT_PTRACE_CAP
from procession.include.linux.uidgid import kgid_has_mapping, kuid_has_mapping, make_kuid
from procession.include.linux.xattr import XATTR_NAME_CAPS
from procession.kernel import capability, cred, mutex, ptrace_access, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.fs import Inode
    from procession.include.linux.sched import Task

__all__ = (
    "bprm_fill_uid",
    "cap_bprm_set_creds",
    "check_unsafe_exec",
    "free_bprm",
    "install_exec_creds",
    "prepare_bprm_creds",
)

# A file's capabilities as security.capability holds them (include/linux/capability.h).
VFS_CAP_REVISION_MASK: Final = 0xFF000000
VFS_CAP_FLAGS_EFFECTIVE: Final = 0x000001
VFS_CAP_REVISION_1: Final = 0x01000000
VFS_CAP_REVISION_2: Final = 0x02000000
XATTR_CAPS_SZ_1: Final = 12
XATTR_CAPS_SZ_2: Final = 20
_CAPS_SIZE: Final = {VFS_CAP_REVISION_1: XATTR_CAPS_SZ_1, VFS_CAP_REVISION_2: XATTR_CAPS_SZ_2}

LSM_UNSAFE_SHARE: Final = 1
LSM_UNSAFE_PTRACE: Final = 2
LSM_UNSAFE_PTRACE_CAP: Final = 4
LSM_UNSAFE_NO_NEW_PRIVS: Final = 8
# ADDR_COMPAT_LAYOUT, MMAP_PAGE_ZERO, READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE: they help whoever attacks a set-id program.
PER_CLEAR_ON_SETID: Final = 0x0200000 | 0x0100000 | 0x0400000 | 0x0040000


async def prepare_bprm_creds(current: Task, bprm: LinuxBinprm) -> None:
    """Keep tracers out and copy the credentials; raises ERESTARTNOINTR, ENOMEM."""
    guard = ptrace_access.cred_guard_mutex(current)
    try:
        await mutex.mutex_lock_interruptible(current, guard)
    except LinuxError:
        raise LinuxError(Errno.ERESTARTNOINTR) from None
    try:
        bprm.cred = cred.prepare_exec_creds(current)
    except LinuxError:
        mutex.mutex_unlock(current, guard)
        raise


def _let_tracers_in(current: Task) -> None:
    guard = current.signal.cred_guard_mutex
    assert guard is not None
    mutex.mutex_unlock(current, guard)


def free_bprm(current: Task, bprm: LinuxBinprm) -> None:
    """Throw credentials away that were not installed, and let tracers in again."""
    if bprm.cred is not None:
        _let_tracers_in(current)
        cred.abort_creds(current.kernel, bprm.cred)
        bprm.cred = None


def check_unsafe_exec(current: Task, bprm: LinuxBinprm) -> bool:
    """Note who else could steer the new program; returns whether fs.in_exec was set here.

    Raises EAGAIN if another thread that shares current's root and cwd is in an exec as well.
    """
    fs = current.fs
    assert fs is not None
    if current.ptrace:
        bprm.unsafe |= LSM_UNSAFE_PTRACE_CAP if current.ptrace & PT_PTRACE_CAP else LSM_UNSAFE_PTRACE
    if current.no_new_privs:
        bprm.unsafe |= LSM_UNSAFE_NO_NEW_PRIVS
    with fs.lock:
        if fs.users > 1 and fs.users > sum(t.fs is fs for t in current.signal.threads):
            bprm.unsafe |= LSM_UNSAFE_SHARE
            return False
        if fs.in_exec:
            raise LinuxError(Errno.EAGAIN, "another thread is in an exec")
        fs.in_exec = True
        return True


def bprm_fill_uid(current: Task, bprm: LinuxBinprm) -> None:
    """Begin with current's ids, then apply the file's set-id bits (first half of prepare_binprm)."""
    new = bprm.cred
    source = bprm.file
    assert new is not None
    assert source is not None
    new.euid = current.cred.euid
    new.egid = current.cred.egid
    if not fs_inode.mnt_may_suid(current, source.f_path.mnt) or current.no_new_privs:
        return
    inode = source.inode
    # Who has no name here is not become.
    if not kuid_has_mapping(new.user_ns, inode.i_uid) or not kgid_has_mapping(new.user_ns, inode.i_gid):
        return
    mode = inode.i_mode
    if mode & S_ISUID:
        bprm.per_clear |= PER_CLEAR_ON_SETID
        new.euid = inode.i_uid
    # Without group execute permission the bit once asked for mandatory locking.
    if mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP:
        bprm.per_clear |= PER_CLEAR_ON_SETID
        new.egid = inode.i_gid


def get_vfs_caps_from_disk(inode: Inode) -> tuple[int, int, int] | None:
    """Return a file's magic number and its permitted and inheritable capabilities, None if it has none.

    Raises EINVAL for a value that is no such set, ERANGE if it is longer than 3.2 knows.
    """
    if not inode.has_xattr() or inode.i_xattrs is None:
        return None
    value = inode.i_xattrs.get(XATTR_NAME_CAPS)
    if value is None:
        return None
    if len(value) > XATTR_CAPS_SZ_2:
        raise LinuxError(Errno.ERANGE, "capabilities of a file")
    magic = int.from_bytes(value[:4], "little") if len(value) >= 4 else 0
    if _CAPS_SIZE.get(magic & VFS_CAP_REVISION_MASK) != len(value):
        raise LinuxError(Errno.EINVAL, "capabilities of a file")
    words = [int.from_bytes(value[at : at + 4], "little") for at in range(4, len(value), 4)]
    permitted, inheritable = words[0], words[1]
    if len(words) == 4:
        permitted |= words[2] << 32
        inheritable |= words[3] << 32
    return magic, permitted, inheritable


def get_file_caps(current: Task, bprm: LinuxBinprm) -> tuple[bool, bool]:
    """Give new what the file gives; returns whether it becomes effective, and whether the file has anything to give.

    Raises EPERM if that is not to be had in full by a program that cannot live with less, EINVAL, ERANGE.
    """
    new, source = bprm.cred, bprm.file
    assert new is not None
    assert source is not None
    new.cap_permitted = 0
    if not fs_inode.mnt_may_suid(current, source.f_path.mnt):
        return False, False
    try:
        caps = get_vfs_caps_from_disk(source.inode)
    except LinuxError as error:
        if error.errno == Errno.EINVAL:
            k, code = current.kernel, -error.errno
            k.printk(f"get_file_caps: get_vfs_caps_from_disk returned {code} for {bprm.filename}", KERN_NOTICE)
        raise
    if caps is None:
        return False, False
    magic, permitted, inheritable = caps
    got = new.cap_bset & permitted | new.cap_inheritable & inheritable
    effective = bool(magic & VFS_CAP_FLAGS_EFFECTIVE)
    if effective and permitted & ~got:
        raise LinuxError(Errno.EPERM, "not all that the file gives is to be had")
    new.cap_permitted = got
    return effective, bool(magic & VFS_CAP_REVISION_MASK)


def warn_setuid_and_fcaps_mixed(current: Task, bprm: LinuxBinprm) -> None:
    users = current.kernel.users
    if not users.warned_fcaps_mixed:
        users.warned_fcaps_mixed = True
        current.kernel.printk(
            f"warning: `{bprm.filename}' has both setuid-root and effective capabilities."
            " Therefore not raising all capabilities.",
            KERN_INFO,
        )


def cap_bprm_set_creds(current: Task, bprm: LinuxBinprm) -> None:
    """Compute the new program's capabilities; raises EPERM, EINVAL, ERANGE for those of its file."""
    old = current.cred
    new = bprm.cred
    assert new is not None
    effective, has_cap = get_file_caps(current, bprm)
    root = make_kuid(new.user_ns, 0)
    if not new.securebits & SECBIT_NOROOT:
        if has_cap and new.uid != root and new.euid == root:
            # Whoever gave the file capabilities wants it to have no others.
            warn_setuid_and_fcaps_mixed(current, bprm)
        else:
            if root in (new.euid, new.uid):
                new.cap_permitted = old.cap_bset | old.cap_inheritable
            effective = effective or new.euid == root

    gained = bool(new.cap_permitted & ~old.cap_permitted)
    if gained:
        bprm.per_clear |= PER_CLEAR_ON_SETID
    if (new.euid != old.uid or new.egid != old.gid or gained) and bprm.unsafe & ~LSM_UNSAFE_PTRACE_CAP:
        owner = user_namespace.admin_ns(current.kernel, new)
        # Somebody who holds the strings gets no more than he had, and maybe less.
        if bprm.unsafe & LSM_UNSAFE_NO_NEW_PRIVS or not capability.ns_capable(current, owner, CAP_SETUID):
            new.euid = new.uid
            new.egid = new.gid
        new.cap_permitted &= old.cap_permitted

    new.suid = new.fsuid = new.euid
    new.sgid = new.fsgid = new.egid
    if new.cap_ambient:
        if has_cap or new.euid != old.uid or new.egid != old.gid:
            new.cap_ambient = 0
        new.cap_permitted |= new.cap_ambient
    new.cap_effective = new.cap_permitted if effective else new.cap_ambient
    bprm.cap_effective = effective
    new.securebits &= ~SECBIT_KEEP_CAPS


def install_exec_creds(current: Task, bprm: LinuxBinprm) -> None:
    """Take on the new program's credentials, and let tracers in again."""
    new = bprm.cred
    assert new is not None
    cred.commit_creds(current, new)
    bprm.cred = None
    bprm.secure = (
        new.euid != new.uid
        or new.egid != new.gid
        or (new.uid != make_kuid(new.user_ns, 0) and (bprm.cap_effective or new.cap_permitted & ~new.cap_ambient != 0))
    )
    _let_tracers_in(current)
