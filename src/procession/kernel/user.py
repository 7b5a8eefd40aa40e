"""Per-user counts (kernel/user.c, user_namespace.c; spec namespaces 1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.key import key_put
from procession.include.linux.nsproxy import UserNamespace
from procession.include.linux.sched import UserStruct
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.uidgid import DEFAULT_OVERFLOWUID, from_kgid_munged, from_kuid_munged
from procession.kernel import ucount
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel

__all__ = (
    "alloc_uid",
    "free_uid",
    "get_uid",
    "get_user_ns",
    "high2low",
    "put_user_ns",
    "uid_cache_init",
    "user_ns_map_gid",
    "user_ns_map_uid",
)


def high2low(k: Kernel, id: int, overflow: str = "overflowuid") -> int:
    """Return what a program sees that knows 16 bits only.

    overflow: the tunable that says what stands for the others: overflowuid or overflowgid.
    """
    return k.sysctls.get(overflow, DEFAULT_OVERFLOWUID) if id > 0xFFFF else id


def uid_cache_init(k: Kernel) -> None:
    """Set up the user table with root, who is INIT_USER: it is exempt from RLIMIT_NPROC."""
    slab.kmem_cache_create(k, "uid_cache", 128)
    slab.kmem_cache_create(k, "user_namespace", 1072)
    k.users.uidhash_lock = SpinLock(k.lock_class("uidhash_lock"))
    k.users.init_user_ns = UserNamespace()
    k.users.root_user = UserStruct(0, k.users.init_user_ns)
    k.users.root_user.processes = 1  # the boot task
    k.users.uidhash = {(0, k.users.init_user_ns.serial): k.users.root_user}


def get_uid(user: UserStruct) -> UserStruct:
    """Take a reference."""
    user.count += 1
    return user


def alloc_uid(k: Kernel, ns: UserNamespace, uid: int) -> UserStruct:
    """Return the user_struct of uid in ns with a reference taken, making it on first use; raises ENOMEM."""
    key = (uid, ns.serial)
    with k.users.uidhash_lock.irq():
        user = k.users.uidhash.get(key)
        if user is not None:
            return get_uid(user)
    k.caches["uid_cache"].alloc()
    user = UserStruct(uid, ns)
    ns.count += 1
    with k.users.uidhash_lock.irq():
        k.users.uidhash[key] = user
    return user


def free_uid(k: Kernel, user: UserStruct | None) -> None:
    """Drop a reference; the last one forgets the user, and the namespace whose last user that was."""
    if user is None:
        return
    user.count -= 1
    if user.count:
        return
    with k.users.uidhash_lock.irq():
        del k.users.uidhash[user.uid, user.user_ns.serial]
    k.caches["uid_cache"].free()
    key_put(k, user.uid_keyring)
    key_put(k, user.session_keyring)
    put_user_ns(k, user.user_ns)


def get_user_ns(ns: UserNamespace) -> UserNamespace:
    """Take a reference."""
    ns.count += 1
    return ns


def put_user_ns(k: Kernel, ns: UserNamespace | None) -> None:
    """Drop a reference; the last one lets go who made it, and what it was made in."""
    while ns is not None:
        ns.count -= 1
        if ns.count:
            return
        k.caches["user_namespace"].free()
        free_uid(k, ns.creator)
        ucount.dec_ucount(k, ns.ucounts, ucount.MAX_USER_NAMESPACES)
        ns = ns.parent


def user_ns_map_uid(k: Kernel, to: UserNamespace, cred: Cred, uid: int) -> int:
    """Return what cred's uid is called in a user namespace: 0 for its makers, overflowuid for strangers.

    That is 3.2's way; a later one's maps say it.
    """
    if to.creator is None and cred.user_ns.creator is None:
        return from_kuid_munged(k, to, uid)
    return _map_id(k, to, cred, uid, k.sysctls.get("overflowuid", DEFAULT_OVERFLOWUID))


def user_ns_map_gid(k: Kernel, to: UserNamespace, cred: Cred, gid: int) -> int:
    """Return what cred's gid is called in a user namespace; see user_ns_map_uid."""
    if to.creator is None and cred.user_ns.creator is None:
        return from_kgid_munged(k, to, gid)
    return _map_id(k, to, cred, gid, k.sysctls.get("overflowgid", DEFAULT_OVERFLOWUID))


def _map_id(k: Kernel, to: UserNamespace, cred: Cred, number: int, overflow: int) -> int:
    """Return what 3.2 makes of an id."""
    if to is cred.user.user_ns:
        return number
    while to is not k.users.init_user_ns and to.creator is not None:
        if to.creator is cred.user:
            return 0
        to = to.creator.user_ns
    return overflow
