"""Who may do what with a key (security/keys/permission.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cred import KEEP_ID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import KEY_ALL, KEY_FLAG_REVOKED, KEY_GRP_ALL
from procession.include.linux.time import NSEC_PER_SEC

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key
    from procession.include.linux.sched import Task

__all__ = ("key_permission", "key_task_permission", "key_validate")


def allows(key: Key, possessed: bool, cred: Cred, perm: int) -> bool:
    """Whether these credentials have all of the KEY_ permissions perm; a possessor has his besides."""
    kperm = key.perm
    if key.user_ns is cred.user.user_ns:
        if key.uid == cred.fsuid:
            kperm = key.perm >> 16
        elif key.gid != KEEP_ID and key.perm & KEY_GRP_ALL and (key.gid == cred.fsgid or key.gid in cred.group_info):
            kperm = key.perm >> 8
    if possessed:
        kperm |= key.perm >> 24
    return kperm & perm & KEY_ALL == perm


def key_task_permission(key_ref: tuple[Key, bool], cred: Cred, perm: int) -> None:
    """Raise EACCES unless these credentials have all of the KEY_ permissions perm."""
    if not allows(key_ref[0], key_ref[1], cred, perm):
        raise LinuxError(Errno.EACCES, "permissions of the key")


def key_permission(current: Task, key_ref: tuple[Key, bool], perm: int) -> None:
    """As key_task_permission, of current."""
    key_task_permission(key_ref, current.cred, perm)


def key_validate(k: Kernel, key: Key) -> None:
    """Raise EKEYREVOKED, EKEYEXPIRED if a key is of no use any more."""
    if key.flags & KEY_FLAG_REVOKED:
        raise LinuxError(Errno.EKEYREVOKED, f"key {key.serial}")
    if key.expiry and (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC >= key.expiry:
        raise LinuxError(Errno.EKEYEXPIRED, f"key {key.serial}")
