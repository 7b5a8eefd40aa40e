"""Ids of users and groups, as the kernel holds them and as a user namespace calls them (include/linux/uidgid.h).

The kernel holds the ids of the first namespace: a kuid, a kgid. They are translated where a program gives or gets one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

INVALID_ID: Final = 0xFFFFFFFF  # no id: (uid_t)-1
GLOBAL_ROOT: Final = 0  # root of the first namespace (GLOBAL_ROOT_UID, GLOBAL_ROOT_GID)
DEFAULT_OVERFLOWUID: Final = 65534

# First id within, the kernel's first id, how many: struct uid_gid_extent.
Extent: TypeAlias = tuple[int, int, int]
# struct uid_gid_map; None calls each id what the kernel does: the first namespace's, and all maps of 3.2.
IdMap: TypeAlias = list[Extent] | None


def map_id_range_down(extents: list[Extent], id: int, count: int) -> int:
    """Return what the kernel calls the first of count ids, INVALID_ID if one extent has not all of them."""
    for first, lower, length in extents:
        if first <= id < first + length:
            return lower + id - first if id + count <= first + length else INVALID_ID
    return INVALID_ID


def _down(extents: IdMap, id: int) -> int:
    return id if extents is None else map_id_range_down(extents, id, 1)


def map_id_up(extents: IdMap, kid: int) -> int:
    """Return what a namespace with this map calls the kernel's kid, INVALID_ID if it has no name for it."""
    if extents is None:
        return kid
    for first, lower, length in extents:
        if lower <= kid < lower + length:
            return first + kid - lower
    return INVALID_ID


def make_kuid(ns: UserNamespace, uid: int) -> int:
    """Return the kernel's id of a user of ns, INVALID_ID if it has no such user."""
    return _down(ns.uid_map, uid)


def make_kgid(ns: UserNamespace, gid: int) -> int:
    """Return the kernel's id of a group of ns, INVALID_ID if it has no such group."""
    return _down(ns.gid_map, gid)


def from_kuid(ns: UserNamespace, kuid: int) -> int:
    """Return what ns calls a user, INVALID_ID if it has no name for it."""
    return map_id_up(ns.uid_map, kuid)


def from_kgid(ns: UserNamespace, kgid: int) -> int:
    """Return what ns calls a group, INVALID_ID if it has no name for it."""
    return map_id_up(ns.gid_map, kgid)


def from_kuid_munged(k: Kernel, ns: UserNamespace, kuid: int) -> int:
    """As from_kuid, but overflowuid for who has no name there: a program can always be told something."""
    if ns.uid_map is None and kuid != INVALID_ID:
        return kuid
    uid = map_id_up(ns.uid_map, kuid)
    if uid == INVALID_ID and "CLONE_NEWUSER" in k.later:  # in 3.2 an id as any other
        return k.sysctls.get("overflowuid", DEFAULT_OVERFLOWUID)
    return uid


def from_kgid_munged(k: Kernel, ns: UserNamespace, kgid: int) -> int:
    """As from_kgid, but overflowgid for what has no name there."""
    if ns.gid_map is None and kgid != INVALID_ID:
        return kgid
    gid = map_id_up(ns.gid_map, kgid)
    if gid == INVALID_ID and "CLONE_NEWUSER" in k.later:
        return k.sysctls.get("overflowgid", DEFAULT_OVERFLOWUID)
    return gid


def uid_here(current: Task, kuid: int) -> int:
    """Return what current calls a user."""
    return from_kuid_munged(current.kernel, current.cred.user_ns, kuid)


def gid_here(current: Task, kgid: int) -> int:
    """Return what current calls a group."""
    return from_kgid_munged(current.kernel, current.cred.user_ns, kgid)


def kuid_has_mapping(ns: UserNamespace, kuid: int) -> bool:
    """Whether ns has a name for a user."""
    return from_kuid(ns, kuid) != INVALID_ID


def kgid_has_mapping(ns: UserNamespace, kgid: int) -> bool:
    """Whether ns has a name for a group."""
    return from_kgid(ns, kgid) != INVALID_ID
