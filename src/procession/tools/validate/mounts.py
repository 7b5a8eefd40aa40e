"""Mounts: the table that path walks ask, the namespaces' lists, the mount points and the peer groups agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.fs import namespace
from procession.fs.proc.mounts import MountsFile
from procession.include.linux.fs import MntNamespace
from procession.include.linux.mount import MNT_SHARED, MNT_UNBINDABLE
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount

__all__ = ("mnt_namespaces", "validate_mounts")


def validate_mounts(seen: Census) -> list[str]:
    """Return which mounts cannot be reached, or still can, and which dentries are mount points unawares."""
    k = seen.k
    if "mnt_cache" not in k.caches:
        return []
    wrong: list[str] = []
    table: dict[tuple[Any, Any], list[Vfsmount]] = {}
    mounts: dict[Vfsmount, None] = {}
    for ns in mnt_namespaces(seen):
        mounts.update(dict.fromkeys(ns.mounts))
        wrong += _namespace(ns)
        for mnt in ns.mounts:
            if mnt.mnt_parent is not None:
                table.setdefault((mnt.mnt_parent, mnt.mnt_mountpoint), []).append(mnt)
    wrong += _hashed(seen, table)
    points = tally([dentry for (_, dentry), found in table.items() for _ in found])
    for dentry, found in points.items():
        if dentry.d_mounted != found:
            wrong.append(f"d_mounted of {dentry.d_name!r}: {dentry.d_mounted}, found {found}")
    active = k.caches["mnt_cache"].nr_active
    if active != len(mounts):
        wrong.append(f"mnt_cache objects: {active}, found {len(mounts)}")
    numbers = {mnt.mnt_id for mnt in mounts}
    if not len(numbers) == len(mounts) == len(k.vfs.mnt_id_ida) - 1:
        wrong.append(f"numbers of {len(mounts)} mounts: {len(numbers)}, given out {len(k.vfs.mnt_id_ida) - 1}")
    return wrong + _propagation(seen, mounts)


def _namespace(ns: MntNamespace) -> list[str]:
    """Return what is wrong with the tree of a namespace."""
    wrong = []
    if ns.root.mnt_parent is not None or ns.root not in ns.mounts:
        wrong.append(f"the root of a namespace is not its own: {ns.root.mnt_devname}")
    if set(namespace.mount_tree(ns.root)) != set(ns.mounts):
        wrong.append("the mounts of a namespace are not its tree")
    for mnt in ns.mounts:
        if mnt.mnt_ns is not ns:
            wrong.append(f"mount {mnt.mnt_id} does not know its namespace")
        wrong += [f"mount {child.mnt_id} has another parent" for child in mnt.mnt_mounts if child.mnt_parent is not mnt]
    return wrong


def _hashed(seen: Census, table: dict[tuple[Any, Any], list[Vfsmount]]) -> list[str]:
    """Return where what is found at a place is not what is mounted there."""
    wrong = []
    hashed = seen.k.vfs.mount_hashtable
    for at, mounts in table.items():
        chain = []
        mnt = hashed.get(at)
        while mnt is not None:
            chain.append(mnt)
            mnt = mnt.mnt_hash_next
        if len(chain) != len(mounts) or set(chain) != set(mounts):
            wrong.append(f"mount {mounts[0].mnt_devname} is not hashed")
    stray = [mnt for at, mnt in hashed.items() if at not in table]
    return wrong + [f"mount {mnt.mnt_devname} is hashed, but in no namespace" for mnt in stray]


def _propagation(seen: Census, mounts: dict[Vfsmount, None]) -> list[str]:
    """Return which peers, masters and slaves do not know of each other."""
    wrong = []
    groups: dict[int, list[Vfsmount]] = {}
    for mnt in mounts:
        shared = bool(mnt.mnt_flags & MNT_SHARED)
        if shared != bool(mnt.mnt_group_id) or (shared and mnt.mnt_flags & MNT_UNBINDABLE):
            wrong.append(f"mount {mnt.mnt_id}: flags {mnt.mnt_flags:#x}, group {mnt.mnt_group_id}")
        if shared:
            groups.setdefault(mnt.mnt_group_id, []).append(mnt)
        if mnt.mnt_slave_list and not shared:
            wrong.append(f"mount {mnt.mnt_id} is a master without a group")
        if mnt.mnt_master is not None and mnt.mnt_master.mnt_slave_list.count(mnt) != 1:
            wrong.append(f"mount {mnt.mnt_id} is not known to its master")
        wrong += [
            f"mount {slave.mnt_id} follows another" for slave in mnt.mnt_slave_list if slave.mnt_master is not mnt
        ]
    for group, members in groups.items():
        for mnt in members:
            ring = [mnt] if mnt.mnt_share is None else mnt.mnt_share
            if len(ring) != len(members) or set(ring) != set(members):
                wrong.append(f"mount {mnt.mnt_id}: its peers are not all of group {group}")
    given = max(len(seen.k.vfs.mnt_group_ida) - 1, 0)
    if given != len(groups):
        wrong.append(f"peer groups: {len(groups)}, numbers given out {given}")
    return wrong


def mnt_namespaces(seen: Census) -> dict[MntNamespace, None]:
    """Return those of all sets of namespaces, and of open files that list them."""
    found = dict.fromkeys(nsproxy.mnt_ns for nsproxy in seen.nsproxies)
    found.update(dict.fromkeys(file.private_data for file in seen.open_files if isinstance(file, MountsFile)))
    found.update(dict.fromkeys(inode.ns for inode in seen.nsfs_inodes if isinstance(inode.ns, MntNamespace)))
    return found
