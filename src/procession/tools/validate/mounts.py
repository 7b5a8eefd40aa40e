"""Mounts: the table that path walks ask, the namespaces' lists and the mount points agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.fs.proc.mounts import MountsFile
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.fs import MntNamespace, Vfsmount

__all__ = ("validate_mounts",)


def validate_mounts(seen: Census) -> list[str]:
    """Return which mounts cannot be reached, or still can, and which dentries are mount points unawares."""
    k = seen.k
    if "mnt_cache" not in k.caches:
        return []
    wrong: list[str] = []
    table: dict[tuple[Any, Any], Vfsmount] = {}
    mounts = 0
    for ns in _namespaces(seen):
        mounts += len(ns.mounts)
        if ns.mounts[0] is not ns.root or ns.root.mnt_parent is not None:
            wrong.append(f"the first mount of a namespace is not its root, but {ns.mounts[0].mnt_devname}")
        for mnt in ns.mounts[1:]:
            if mnt.mnt_parent not in ns.mounts:
                wrong.append(f"mount {mnt.mnt_devname}: its parent is not in its namespace")
                continue
            table[mnt.mnt_parent, mnt.mnt_mountpoint] = mnt
    hashed = k.vfs.mount_hashtable
    wrong += [f"mount {mnt.mnt_devname} is not hashed" for at, mnt in table.items() if hashed.get(at) is not mnt]
    stray = [mnt for at, mnt in hashed.items() if at not in table]
    wrong += [f"mount {mnt.mnt_devname} is hashed, but in no namespace" for mnt in stray]
    for dentry, found in tally([dentry for _, dentry in table]).items():
        if dentry.d_mounted != found:
            wrong.append(f"d_mounted of {dentry.d_name!r}: {dentry.d_mounted}, found {found}")
    active = k.caches["mnt_cache"].nr_active
    if active != mounts:
        wrong.append(f"mnt_cache objects: {active}, found {mounts}")
    return wrong


def _namespaces(seen: Census) -> dict[MntNamespace, None]:
    """Return those of all sets of namespaces, and of open files that list them."""
    found = dict.fromkeys(nsproxy.mnt_ns for nsproxy in seen.nsproxies)
    found.update(dict.fromkeys(file.private_data for file in seen.open_files if isinstance(file, MountsFile)))
    return found
