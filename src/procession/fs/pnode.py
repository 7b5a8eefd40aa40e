"""Mounts that follow each other: peer groups, slaves, and what reaches them (fs/pnode.c; spec namespaces 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache, namespace
from procession.include.linux.fcntl import MS_SHARED, MS_SLAVE, MS_UNBINDABLE
from procession.include.linux.fs import PathRef
from procession.include.linux.mount import MNT_SHARED, MNT_SHARED_MASK, MNT_UNBINDABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from procession.include.linux.fs import MntNamespace, Vfsmount
    from procession.include.linux.kernel import Kernel

__all__ = (
    "add_peer",
    "change_mnt_propagation",
    "get_dominating_id",
    "is_shared",
    "propagate_mnt",
    "propagate_umount",
    "propagated",
    "release_group_id",
    "set_mnt_shared",
)


def is_shared(mnt: Vfsmount) -> bool:
    """Whether what is mounted on it reaches its peers (IS_MNT_SHARED)."""
    return bool(mnt.mnt_flags & MNT_SHARED)


def set_mnt_shared(mnt: Vfsmount) -> None:
    """Mark a mount that has a group."""
    mnt.mnt_flags = mnt.mnt_flags & ~MNT_SHARED_MASK | MNT_SHARED


def release_group_id(k: Kernel, mnt: Vfsmount) -> None:
    """Give a group's number back."""
    k.vfs.mnt_group_ida.remove(mnt.mnt_group_id)
    mnt.mnt_group_id = 0


def next_peer(p: Vfsmount) -> Vfsmount:
    ring = p.mnt_share
    return p if ring is None else ring[(ring.index(p) + 1) % len(ring)]


def add_peer(mnt: Vfsmount, old: Vfsmount) -> None:
    """Make mnt a peer of old, next in the ring."""
    if old.mnt_share is None:
        old.mnt_share = [old]
    old.mnt_share.insert(old.mnt_share.index(old) + 1, mnt)
    mnt.mnt_share = old.mnt_share


def _leave_peers(mnt: Vfsmount) -> None:
    ring = mnt.mnt_share
    if ring is None:
        return
    ring.remove(mnt)
    mnt.mnt_share = None
    if len(ring) == 1:
        ring[0].mnt_share = None


def _peer_to_follow(mnt: Vfsmount) -> Vfsmount | None:
    """Return the next peer that shows the same directory, else the next; None without peers."""
    peer = next_peer(mnt)
    while peer is not mnt and peer.mnt_root is not mnt.mnt_root:
        peer = next_peer(peer)
    if peer is mnt:
        peer = next_peer(mnt)
    return None if peer is mnt else peer


def do_make_slave(k: Kernel, mnt: Vfsmount) -> None:
    """Take mnt out of its group and make it a slave of that, or of whose slave it was, or of nobody."""
    master = _peer_to_follow(mnt) or mnt.mnt_master
    if is_shared(mnt) and mnt.mnt_share is None:
        release_group_id(k, mnt)
    _leave_peers(mnt)
    mnt.mnt_group_id = 0
    if mnt.mnt_master is not None:
        mnt.mnt_master.mnt_slave_list.remove(mnt)
    for slave in mnt.mnt_slave_list:
        slave.mnt_master = master
    if master is not None:
        master.mnt_slave_list.insert(0, mnt)
        master.mnt_slave_list.extend(mnt.mnt_slave_list)
    mnt.mnt_slave_list = []
    mnt.mnt_master = master
    mnt.mnt_flags &= ~MNT_SHARED


def change_mnt_propagation(k: Kernel, mnt: Vfsmount, type: int) -> None:
    """Make a mount MS_SHARED (it has a group by now), MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE."""
    if type == MS_SHARED:
        set_mnt_shared(mnt)
        return
    do_make_slave(k, mnt)
    if type == MS_SLAVE:
        return
    if mnt.mnt_master is not None:
        mnt.mnt_master.mnt_slave_list.remove(mnt)
        mnt.mnt_master = None
    mnt.mnt_flags &= ~MNT_UNBINDABLE
    if type == MS_UNBINDABLE:
        mnt.mnt_flags |= MNT_UNBINDABLE


def get_dominating_id(mnt: Vfsmount, root: PathRef) -> int:
    """Return the group of the nearest master with a member below root in mnt's namespace; 0 if there is none."""
    m = mnt.mnt_master
    while m is not None:
        peer = _peer_under_root(m, mnt.mnt_ns, root)
        if peer is not None:
            return peer.mnt_group_id
        m = m.mnt_master
    return 0


def _peer_under_root(mnt: Vfsmount, ns: MntNamespace | None, root: PathRef) -> Vfsmount | None:
    m = mnt
    while True:
        if m.mnt_ns is ns and dcache.path_is_reachable(PathRef(m, m.mnt_root), root):
            return m
        m = next_peer(m)
        if m is mnt:
            return None


def propagation_next(m: Vfsmount, origin: Vfsmount) -> Vfsmount | None:
    """Return the mount after m among those that follow origin: its peers and all their slaves, masters first."""
    if m.mnt_ns is not None and m.mnt_slave_list:
        return m.mnt_slave_list[0]
    while True:
        master = m.mnt_master
        if master is origin.mnt_master:
            peer = next_peer(m)
            return None if peer is origin else peer
        assert master is not None
        if m is not master.mnt_slave_list[-1]:
            return master.mnt_slave_list[master.mnt_slave_list.index(m) + 1]
        m = master


def propagated(origin: Vfsmount) -> Iterator[Vfsmount]:
    """All that follow origin, in the order in which what happens to it happens to them."""
    m = propagation_next(origin, origin)
    while m is not None:
        yield m
        m = propagation_next(m, origin)


def get_source(dest: Vfsmount, last_dest: Vfsmount, last_src: Vfsmount) -> tuple[Vfsmount, int]:
    """Return what is to be copied onto dest, after last_src was put onto last_dest, and how (CL_ flags)."""
    p_last_src: Vfsmount | None = None
    p_last_dest: Vfsmount | None = None
    while last_dest is not dest.mnt_master:
        p_last_dest, p_last_src = last_dest, last_src
        assert last_dest.mnt_master is not None or dest.mnt_master is None
        if last_dest.mnt_master is None:
            break
        assert last_src.mnt_master is not None
        last_dest, last_src = last_dest.mnt_master, last_src.mnt_master
    if p_last_dest is not None and p_last_src is not None:
        p_last_dest = next_peer(p_last_dest)
        while p_last_dest.mnt_ns is None:
            p_last_dest = next_peer(p_last_dest)
        if dest is p_last_dest:
            return p_last_src, namespace.CL_MAKE_SHARED
    # A slave of the one before; the first of a group among slaves is shared besides.
    return last_src, namespace.CL_SLAVE | (namespace.CL_MAKE_SHARED if is_shared(dest) else 0)


def propagate_mnt(k: Kernel, dest: PathRef, source_mnt: Vfsmount) -> list[Vfsmount]:
    """Return copies of a tree for all that follow dest's mount, each with its place, not yet seen there.

    Raises ENOMEM, after which there are none.
    """
    trees: list[Vfsmount] = []
    unwanted: list[Vfsmount] = []
    last_dest, last_src = dest.mnt, source_mnt
    failed = True
    try:
        for m in propagated(dest.mnt):
            if m.mnt_ns is None:
                continue
            source, how = get_source(m, last_dest, last_src)
            child = namespace.copy_tree(k, source, source.mnt_root, how)
            if dcache.is_subdir(dest.dentry, m.mnt_root):
                namespace.mnt_set_mountpoint(m, dest.dentry, child)
                trees.append(child)
            else:
                # The mount shows a directory that the place is not below. Its slaves may show more.
                unwanted.append(child)
            last_dest, last_src = m, child
        failed = False
    finally:
        for child in unwanted + (trees if failed else []):
            namespace.umount_tree(k, child, propagate=False)
    return trees


def propagate_umount(k: Kernel, mounts: list[Vfsmount]) -> list[Vfsmount]:
    """Return mounts that are off the table, with those that follow them taken off it as well, each before its model."""
    out: list[Vfsmount] = []
    for mnt in mounts:
        assert mnt.mnt_parent is not None
        assert mnt.mnt_mountpoint is not None
        for m in propagated(mnt.mnt_parent):
            child = namespace.lookup_mnt_last(k, m, mnt.mnt_mountpoint)
            # One with submounts stays.
            if child is not None and not child.mnt_mounts:
                namespace.unhash_mnt(k, child)
                out.append(child)
        out.append(mnt)
    return out
