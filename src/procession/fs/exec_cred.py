"""Credentials of a new program (fs/exec.c, security/commoncap.c; spec 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SETUID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_ISGID, S_ISUID, S_IXGRP
from procession.include.linux.mount import MNT_NOSUID
from procession.include.linux.prctl import SECBIT_KEEP_CAPS, SECBIT_NOROOT
from procession.include.linux.ptrace import PT_PTRACE_CAP
from procession.kernel import capability, cred, mutex, ptrace_access

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.sched import Task

__all__ = (
    "bprm_fill_uid",
    "cap_bprm_set_creds",
    "check_unsafe_exec",
    "free_bprm",
    "install_exec_creds",
    "prepare_bprm_creds",
)

LSM_UNSAFE_SHARE: Final = 1
LSM_UNSAFE_PTRACE: Final = 2
LSM_UNSAFE_PTRACE_CAP: Final = 4
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
    if source.f_path.mnt.mnt_flags & MNT_NOSUID:
        return
    inode = source.inode
    mode = inode.i_mode
    if mode & S_ISUID:
        bprm.per_clear |= PER_CLEAR_ON_SETID
        new.euid = inode.i_uid
    # Without group execute permission the bit once asked for mandatory locking.
    if mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP:
        bprm.per_clear |= PER_CLEAR_ON_SETID
        new.egid = inode.i_gid


def cap_bprm_set_creds(current: Task, bprm: LinuxBinprm) -> None:
    """Compute the new program's capabilities.

    Differs: files carry no capabilities of their own.
    """
    old = current.cred
    new = bprm.cred
    assert new is not None
    effective = False
    new.cap_permitted = 0
    if not new.securebits & SECBIT_NOROOT:
        if new.euid == 0 or new.uid == 0:
            new.cap_permitted = old.cap_bset | old.cap_inheritable
        effective = new.euid == 0

    gained = bool(new.cap_permitted & ~old.cap_permitted)
    if gained:
        bprm.per_clear |= PER_CLEAR_ON_SETID
    if (new.euid != old.uid or new.egid != old.gid or gained) and bprm.unsafe & ~LSM_UNSAFE_PTRACE_CAP:
        # Somebody who holds the strings gets no more than he had, and maybe less.
        if not capability.capable(current, CAP_SETUID):
            new.euid = new.uid
            new.egid = new.gid
        new.cap_permitted &= old.cap_permitted

    new.suid = new.fsuid = new.euid
    new.sgid = new.fsgid = new.egid
    new.cap_effective = new.cap_permitted if effective else 0
    bprm.cap_effective = effective
    new.securebits &= ~SECBIT_KEEP_CAPS


def install_exec_creds(current: Task, bprm: LinuxBinprm) -> None:
    """Take on the new program's credentials, and let tracers in again."""
    new = bprm.cred
    assert new is not None
    cred.commit_creds(current, new)
    bprm.cred = None
    bprm.secure = (
        new.euid != new.uid or new.egid != new.gid or (new.uid != 0 and (bprm.cap_effective or new.cap_permitted != 0))
    )
    _let_tracers_in(current)
