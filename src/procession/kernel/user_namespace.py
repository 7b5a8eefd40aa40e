"""User namespaces as anybody makes them since 3.8 (kernel/user_namespace.c as of 6.18).

Only with "CLONE_NEWUSER" of include/linux/later.py; 3.2's are made in kernel/cred.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_FULL_SET, CAP_SETFCAP, CAP_SYS_ADMIN, CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import key_put
from procession.include.linux.nsproxy import UserNamespace
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_NPROC
from procession.include.linux.uidgid import GLOBAL_ROOT, kgid_has_mapping, kuid_has_mapping
from procession.include.linux.undo import Undo
from procession.kernel import ucount, user

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import Ucounts
    from procession.include.linux.sched import Task

__all__ = ("are_later", "charge_namespace", "create_user_ns", "set_cred_ucounts", "set_cred_user_ns")

_MAX_LEVEL: Final = 32


def are_later(k: Kernel) -> bool:
    """Whether user namespaces are as since 3.8."""
    return "CLONE_NEWUSER" in k.later


def admin_ns(k: Kernel, cred: Cred) -> UserNamespace:
    """Return whose administrator may ask for other namespaces: since 3.8 that of cred's own, in 3.2 of the first."""
    return cred.user_ns if are_later(k) else k.users.init_user_ns


def charge_namespace(k: Kernel, cred: Cred, kind: str) -> Ucounts | None:
    """Charge a new namespace of any kind to cred's user; None in 3.2, where nobody counts. Raises ENOSPC."""
    return ucount.inc_ucount(k, cred.user_ns, cred.euid, kind) if are_later(k) else None


def owner_of(k: Kernel, cred: Cred) -> UserNamespace | None:
    """Return the owner of a namespace made with cred, with a reference; None in 3.2, where the first owns them all."""
    return user.get_user_ns(cred.user_ns) if are_later(k) else None


def in_userns(ancestor: UserNamespace | None, child: UserNamespace) -> bool:
    """Whether child is a user namespace or one below; None is the first, in which all are."""
    ns: UserNamespace | None = child
    while ancestor is not None and ns is not None and ns is not ancestor:
        ns = ns.parent
    return ns is not None


def set_cred_user_ns(k: Kernel, new: Cred, ns: UserNamespace) -> None:
    """Put credentials into a namespace, whose reference they get, with all capabilities there."""
    new.securebits = new.cap_inheritable = new.cap_ambient = 0
    new.cap_permitted = new.cap_effective = new.cap_bset = CAP_FULL_SET
    key_put(k, new.request_key_auth)
    new.request_key_auth = None
    old = new.user_ns
    new.user_ns = ns
    set_cred_ucounts(k, new)
    user.put_user_ns(k, old)


def set_cred_ucounts(k: Kernel, new: Cred) -> None:
    """Let credentials be counted where they belong: with their real user in their namespace. Nothing to do in 3.2."""
    if not are_later(k):
        return
    old = new.ucounts
    if old is not None and old.ns is new.user_ns and old.uid == new.uid:
        return
    new.ucounts = ucount.alloc_ucounts(k, new.user_ns, new.uid)
    ucount.put_ucounts(k, old)


def create_user_ns(current: Task, new: Cred) -> None:
    """Put new into a user namespace of its own, whose owner is its effective user.

    Raises ENOSPC below 32 others or if the user has too many, EPERM in a changed root directory or for somebody who has
    no name in the namespace that he is in, ENOMEM.
    """
    k = current.kernel
    parent, owner, group = new.user_ns, new.euid, new.egid
    if parent.level > _MAX_LEVEL:
        raise LinuxError(Errno.ENOSPC, "too many user namespaces in each other")
    ucounts = ucount.inc_ucount(k, parent, owner, ucount.MAX_USER_NAMESPACES)
    with Undo() as undo:
        undo.push((ucount.dec_ucount, k, ucounts, ucount.MAX_USER_NAMESPACES))
        # What files a root directory keeps out of reach, mounts in a namespace of one's own could bring back.
        if current_chrooted(current):
            raise LinuxError(Errno.EPERM, "another root directory")
        if not kuid_has_mapping(parent, owner) or not kgid_has_mapping(parent, group):
            raise LinuxError(Errno.EPERM, "an id without a name")
        k.caches["user_namespace"].alloc()
    k.users.user_ns_serial += 1
    ns = UserNamespace(serial=k.users.user_ns_serial)
    ns.parent_could_setfcap = bool(new.cap_effective >> CAP_SETFCAP & 1)
    ns.parent, ns.level = user.get_user_ns(parent), parent.level + 1
    ns.owner = owner
    ns.uid_map, ns.gid_map, ns.projid_map = [], [], []
    ns.nproc_max = _enforced_nproc_rlimit(current)
    ns.ucounts = ucounts
    ns.setgroups_allowed = parent.setgroups_allowed
    set_cred_user_ns(k, new, ns)


def _enforced_nproc_rlimit(current: Task) -> int:
    """Return how many processes current may have, who is held to that."""
    cred = current.cred
    # capable() leaves a mark, which this is not worth.
    administers = not cred.user_ns.level and cred.cap_effective & (1 << CAP_SYS_RESOURCE | 1 << CAP_SYS_ADMIN)
    free = cred.uid == GLOBAL_ROOT or administers
    return RLIM_INFINITY if free else current.signal.rlim[RLIMIT_NPROC][0]


def current_chrooted(current: Task) -> bool:
    """Whether current's root directory is another than that of its mounts (fs/namespace.c)."""
    assert current.nsproxy is not None
    assert current.fs is not None
    k = current.kernel
    root = current.nsproxy.mnt_ns.root
    mnt, dentry = root, root.mnt_root
    top = k.vfs.mount_hashtable.get((mnt, dentry))
    while top is not None:
        mnt, dentry = top, top.mnt_root
        top = k.vfs.mount_hashtable.get((mnt, dentry))
    own = current.fs.root
    return own.mnt is not mnt or own.dentry is not dentry
