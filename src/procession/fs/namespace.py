"""The mount tree and its namespaces (fs/namespace.c); the system calls are in namespace_mount.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, devices, pnode, ramfs
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.fs.notify import fsnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import MS_PRIVATE
from procession.include.linux.fs import S_IFDIR, S_IFMT, MntNamespace, PathRef, SuperBlock, Vfsmount
from procession.include.linux.mount import (
    MNT_LOCK_ATIME,
    MNT_LOCK_NODEV,
    MNT_LOCK_NOEXEC,
    MNT_LOCK_NOSUID,
    MNT_LOCK_READONLY,
    MNT_LOCKED,
    MNT_NODEV,
    MNT_NOEXEC,
    MNT_NOSUID,
    MNT_READONLY,
    MNT_RELATIME,
    MNT_SHARED,
    MNT_UNBINDABLE,
)
from procession.include.linux.sched import CLONE_NEWNS
from procession.include.linux.undo import Undo
from procession.kernel import ucount, user, user_namespace, wait
from procession.mm import slab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import Dentry
    from procession.include.linux.fs_struct import FsStruct
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace

__all__ = (
    "CL_COPY_ALL",
    "CL_MAKE_SHARED",
    "CL_SLAVE",
    "alloc_vfsmnt",
    "attach_mnt",
    "attach_recursive_mnt",
    "clone_mnt",
    "copy_mnt_ns",
    "copy_tree",
    "detach_mnt",
    "get_mnt_ns",
    "has_locked_children",
    "invent_group_ids",
    "kern_mount",
    "lookup_mnt",
    "lookup_mnt_last",
    "mnt_set_mountpoint",
    "mnt_want_write",
    "mount_fs",
    "mount_root",
    "mount_tree",
    "put_mnt_ns",
    "topmost_root",
    "touch_mnt_namespace",
    "umount_tree",
    "unhash_mnt",
    "vfs_init",
)

# How a mount is copied (fs/pnode.h).
CL_SLAVE: Final = 0x02
CL_COPY_ALL: Final = 0x04
CL_MAKE_SHARED: Final = 0x08
CL_SHARED_TO_SLAVE: Final = 0x20

_FLAG_LOCKS: Final = (
    (MNT_READONLY, MNT_LOCK_READONLY),
    (MNT_NODEV, MNT_LOCK_NODEV),
    (MNT_NOSUID, MNT_LOCK_NOSUID),
    (MNT_NOEXEC, MNT_LOCK_NOEXEC),
)


def vfs_init(k: Kernel) -> None:
    """Set up the tables of the VFS; before any file system is registered or mounted."""
    slab.kmem_cache_create(k, "mnt_cache", 224)
    ramfs.init_ramfs_fs(k)
    devices.chrdev_init(k)


def mount_root(k: Kernel, sb: SuperBlock) -> MntNamespace:
    """Mount the root file system, /dev, and /proc and /sys if they are registered; returns the namespace.

    /sys only where the root has a directory for it: who makes a root for a program seldom wants one.
    """
    assert sb.s_root is not None
    k.vfs.mnt_id_ida.get_new()  # 0 is the kernel's own mount of sysfs
    root = alloc_vfsmnt(k, sb, sb.s_root, MNT_RELATIME, "rootfs")
    k.vfs.rootfs = root
    ns = _alloc_mnt_ns(k, root, None)
    dev = _mount_at_boot(k, "dev", devices.DEVTMPFS)
    if dev is not None and "devpts" in k.vfs.file_systems:
        _mount_devpts(k, dev)
    if "proc" in k.vfs.file_systems:
        _mount_at_boot(k, "proc", "proc")
    if "sysfs" in k.vfs.file_systems and _has(k, "sys"):
        _mount_at_boot(k, "sys", "sysfs")
    return ns


def _has(k: Kernel, name: str) -> bool:
    """Whether the root has something of this name."""
    try:
        k.vfs.rootfs.mnt_root.d_inode.lookup(name)
    except LinuxError:
        return False
    return True


def _mount_devpts(k: Kernel, dev: Vfsmount) -> None:
    """Mount /dev/pts, with the options that distributions use."""
    dentry = dcache.d_add(dev.mnt_root, "pts", dev.mnt_root.d_inode.lookup("pts"))
    sb = fs_super.get_fs_type(k, "devpts").mount(k, None, 0, "devpts", "gid=5,mode=620")
    mount_fs(k, sb, PathRef(dev, dentry), MNT_RELATIME, "devpts")


def _mount_at_boot(k: Kernel, name: str, fstype: str) -> Vfsmount | None:
    """Mount a file system on a directory of the root, which is made if it is not there; None if it is a file."""
    root = k.vfs.rootfs.mnt_root
    try:
        inode = root.d_inode.lookup(name)
    except LinuxError:
        inode = root.d_inode.mkdir(name, 0o755)
    if inode.i_mode & S_IFMT != S_IFDIR:
        return None
    dentry = dcache.d_add(root, name, inode)
    sb = fs_super.get_fs_type(k, fstype).mount(k, None, 0, fstype, "")
    return mount_fs(k, sb, PathRef(k.vfs.rootfs, dentry), MNT_RELATIME, fstype)


# One mount.


def alloc_vfsmnt(k: Kernel, sb: SuperBlock, root: Dentry, flags: int, devname: str) -> Vfsmount:
    """Return a mount that is on nothing, with a number; raises ENOMEM."""
    try:
        k.caches["mnt_cache"].alloc()
    except LinuxError:
        if not sb.s_active:
            sb.kill_sb()
        raise
    mnt = Vfsmount(sb, root, None, None, flags, devname)
    mnt.mnt_id = k.vfs.mnt_id_ida.get_new()
    sb.s_active += 1
    root.d_inode.i_count += 1
    return mnt


def _free_vfsmnt(k: Kernel, mnt: Vfsmount) -> None:
    k.vfs.mnt_id_ida.remove(mnt.mnt_id)
    if mnt.mnt_fsnotify_marks is not None:
        fsnotify.fsnotify_vfsmount_delete(mnt)
    fs_inode.iput(mnt.mnt_root.d_inode)
    fs_super.deactivate_super(mnt.mnt_sb)
    k.caches["mnt_cache"].free()


def kern_mount(k: Kernel, sb: SuperBlock) -> Vfsmount:
    """Mount an instance where no path leads: pipes, sockets, anonymous inodes."""
    assert sb.s_root is not None
    sb.s_active += 1
    return Vfsmount(sb, sb.s_root, None, None, 0, sb.s_type)


def mount_fs(k: Kernel, sb: SuperBlock, path: PathRef, flags: int, devname: str) -> Vfsmount:
    """Mount an instance on a directory that was looked up, at boot."""
    assert sb.s_root is not None
    mnt = alloc_vfsmnt(k, sb, sb.s_root, flags, devname)
    mnt_set_mountpoint(path.mnt, path.dentry, mnt)
    commit_tree(k, mnt)
    return mnt


def lookup_mnt(k: Kernel, mnt: Vfsmount, dentry: Dentry) -> Vfsmount | None:
    """Return what is mounted there, and seen (__lookup_mnt)."""
    return k.vfs.mount_hashtable.get((mnt, dentry))


def lookup_mnt_last(k: Kernel, mnt: Vfsmount, dentry: Dentry) -> Vfsmount | None:
    """Return what was mounted there last: propagation may put a mount under an earlier one."""
    found = lookup_mnt(k, mnt, dentry)
    while found is not None and found.mnt_hash_next is not None:
        found = found.mnt_hash_next
    return found


def mnt_set_mountpoint(parent: Vfsmount, dentry: Dentry, child: Vfsmount) -> None:
    """Say where child is mounted, without showing it there."""
    child.mnt_parent = parent
    child.mnt_mountpoint = dentry
    dentry.d_mounted += 1
    dcache.d_pin(dentry)


def _show_mnt(k: Kernel, mnt: Vfsmount) -> None:
    """Let path walks find a mount that has its place, unless another hides it."""
    assert mnt.mnt_parent is not None
    assert mnt.mnt_mountpoint is not None
    last = lookup_mnt_last(k, mnt.mnt_parent, mnt.mnt_mountpoint)
    if last is None:
        k.vfs.mount_hashtable[mnt.mnt_parent, mnt.mnt_mountpoint] = mnt
    else:
        last.mnt_hash_next = mnt
    mnt.mnt_parent.mnt_mounts.append(mnt)


def attach_mnt(k: Kernel, mnt: Vfsmount, path: PathRef) -> None:
    """Put mnt on top of path."""
    mnt_set_mountpoint(path.mnt, path.dentry, mnt)
    _show_mnt(k, mnt)


def unhash_mnt(k: Kernel, mnt: Vfsmount) -> None:
    """Let path walks no longer find a mount."""
    if mnt.mnt_parent is None or mnt.mnt_mountpoint is None:
        return
    at = mnt.mnt_parent, mnt.mnt_mountpoint
    found = k.vfs.mount_hashtable.get(at)
    if found is mnt:
        if mnt.mnt_hash_next is None:
            del k.vfs.mount_hashtable[at]
        else:
            k.vfs.mount_hashtable[at] = mnt.mnt_hash_next
    while found is not None:
        if found.mnt_hash_next is mnt:
            found.mnt_hash_next = mnt.mnt_hash_next
        found = found.mnt_hash_next
    mnt.mnt_hash_next = None


def _leave_place(mnt: Vfsmount) -> None:
    if mnt.mnt_parent is None or mnt.mnt_mountpoint is None:
        return
    if mnt in mnt.mnt_parent.mnt_mounts:  # a copy that was never shown is not
        mnt.mnt_parent.mnt_mounts.remove(mnt)
    mnt.mnt_mountpoint.d_mounted -= 1
    dcache.d_unpin(mnt.mnt_mountpoint)
    mnt.mnt_parent = mnt.mnt_mountpoint = None


def detach_mnt(k: Kernel, mnt: Vfsmount) -> PathRef:
    """Take mnt off its place, which is returned."""
    assert mnt.mnt_parent is not None
    assert mnt.mnt_mountpoint is not None
    place = PathRef(mnt.mnt_parent, mnt.mnt_mountpoint)
    unhash_mnt(k, mnt)
    _leave_place(mnt)
    return place


def mnt_want_write(mnt: Vfsmount) -> None:
    """Say that a write to the file system is coming; raises EROFS."""
    if mnt.mnt_flags & MNT_READONLY or mnt.mnt_sb.s_readonly:
        raise LinuxError(Errno.EROFS, "mounted read-only")


# Trees of them.


def mount_tree(mnt: Vfsmount) -> Iterator[Vfsmount]:
    """All mounts of a tree: each before its children (next_mnt)."""
    yield mnt
    for child in mnt.mnt_mounts:
        yield from mount_tree(child)


def lock_mnt_tree(mnt: Vfsmount) -> None:
    """Let who gets a tree from somebody with more to say change nothing that keeps files from him."""
    for p in mount_tree(mnt):
        p.mnt_flags |= MNT_LOCK_ATIME
        for flag, lock in _FLAG_LOCKS:
            if p.mnt_flags & flag:
                p.mnt_flags |= lock
        if p is not mnt:
            p.mnt_flags |= MNT_LOCKED


def has_locked_children(mnt: Vfsmount, dentry: Dentry) -> bool:
    """Whether something is mounted on mnt, below dentry, that has to stay there."""
    return any(
        child.mnt_flags & MNT_LOCKED
        and child.mnt_mountpoint is not None
        and dcache.is_subdir(child.mnt_mountpoint, dentry)
        for child in mnt.mnt_mounts
    )


def clone_mnt(k: Kernel, old: Vfsmount, root: Dentry, flag: int) -> Vfsmount:
    """Return a mount like old, its peer or slave as flag says; raises ENOMEM."""
    mnt = alloc_vfsmnt(k, old.mnt_sb, root, old.mnt_flags, old.mnt_devname)
    if flag & CL_SHARED_TO_SLAVE:
        mnt.mnt_flags &= ~MNT_UNBINDABLE
        if pnode.is_shared(old):
            flag |= CL_SLAVE
    if not flag & CL_SLAVE:
        mnt.mnt_group_id = old.mnt_group_id
    if flag & CL_MAKE_SHARED and not mnt.mnt_group_id:
        mnt.mnt_group_id = mnt_alloc_group_id(k)
    if flag & CL_SLAVE:
        old.mnt_slave_list.insert(0, mnt)
        mnt.mnt_master = old
        mnt.mnt_flags &= ~MNT_SHARED
    else:
        if flag & CL_MAKE_SHARED or pnode.is_shared(old):
            pnode.add_peer(mnt, old)
        if old.mnt_master is not None:
            slaves = old.mnt_master.mnt_slave_list
            slaves.insert(slaves.index(old) + 1, mnt)
        mnt.mnt_master = old.mnt_master
    if flag & CL_MAKE_SHARED:
        pnode.set_mnt_shared(mnt)
    return mnt


def copy_tree(k: Kernel, mnt: Vfsmount, dentry: Dentry, flag: int) -> Vfsmount:
    """Return a copy of mnt from dentry on and of what is mounted below that; raises ENOMEM.

    What is unbindable is left out, with all below it, unless flag has CL_COPY_ALL; EPERM if it has to stay.
    """
    root = clone_mnt(k, mnt, dentry, flag)
    with Undo() as undo:
        undo.push((_give_tree_up, k, root))
        for child in mnt.mnt_mounts:
            assert child.mnt_mountpoint is not None
            if dcache.is_subdir(child.mnt_mountpoint, dentry):
                _copy_below(k, child, root, flag)
    return root


def _copy_below(k: Kernel, mnt: Vfsmount, parent: Vfsmount, flag: int) -> None:
    if not flag & CL_COPY_ALL and mnt.mnt_flags & MNT_UNBINDABLE:
        if mnt.mnt_flags & MNT_LOCKED:
            raise LinuxError(Errno.EPERM, "cannot be copied, and what it is mounted on not shown without it")
        return
    assert mnt.mnt_mountpoint is not None
    copy = clone_mnt(k, mnt, mnt.mnt_root, flag)
    attach_mnt(k, copy, PathRef(parent, mnt.mnt_mountpoint))
    for child in mnt.mnt_mounts:
        _copy_below(k, child, copy, flag)


def _give_tree_up(k: Kernel, mnt: Vfsmount) -> None:
    umount_tree(k, mnt, propagate=False)


def umount_tree(k: Kernel, mnt: Vfsmount, *, propagate: bool) -> None:
    """Take a tree apart: each of its mounts is on nothing then. propagate: what follows them goes as well."""
    kill = list(mount_tree(mnt))[::-1]
    for m in kill:
        unhash_mnt(k, m)
    if propagate:
        kill = pnode.propagate_umount(k, kill)
    for m in kill:
        ns = m.mnt_ns
        if ns is not None:
            ns.mounts.remove(m)
            touch_mnt_namespace(ns)
        m.mnt_ns = None
        _leave_place(m)
        pnode.change_mnt_propagation(k, m, MS_PRIVATE)
    for m in kill:
        if k.acct_list:
            k.acct_auto_close_mnt(k, m)
        _free_vfsmnt(k, m)


def commit_tree(k: Kernel, mnt: Vfsmount) -> None:
    """Show a tree at the place that it was given."""
    assert mnt.mnt_parent is not None
    ns = mnt.mnt_parent.mnt_ns
    assert ns is not None
    for m in mount_tree(mnt):
        m.mnt_ns = ns
        ns.mounts.append(m)
    _show_mnt(k, mnt)
    touch_mnt_namespace(ns)


def mnt_alloc_group_id(k: Kernel) -> int:
    """Return the lowest number that no peer group has; they begin with 1."""
    if not k.vfs.mnt_group_ida.top:
        k.vfs.mnt_group_ida.get_new()
    return k.vfs.mnt_group_ida.get_new()


def invent_group_ids(k: Kernel, mnt: Vfsmount, *, recurse: bool) -> None:
    """Give those of a tree a group that have none."""
    for m in mount_tree(mnt) if recurse else (mnt,):
        if not m.mnt_group_id and not pnode.is_shared(m):
            m.mnt_group_id = mnt_alloc_group_id(k)


def _cleanup_group_ids(k: Kernel, mnt: Vfsmount) -> None:
    for m in mount_tree(mnt):
        if m.mnt_group_id and not pnode.is_shared(m):
            pnode.release_group_id(k, m)


def attach_recursive_mnt(k: Kernel, source: Vfsmount, path: PathRef, *, moved: bool = False) -> None:
    """Mount a tree, and its copies where propagation brings them; raises ENOMEM. moved: it is mounted elsewhere."""
    shared = pnode.is_shared(path.mnt)
    with Undo() as undo:
        if shared:
            invent_group_ids(k, source, recurse=True)
            undo.push((_cleanup_group_ids, k, source))
        copies = pnode.propagate_mnt(k, path, source)
    if shared:
        for m in mount_tree(source):
            pnode.set_mnt_shared(m)
    if moved:
        place = detach_mnt(k, source)
        attach_mnt(k, source, path)
        assert place.mnt.mnt_ns is not None
        touch_mnt_namespace(place.mnt.mnt_ns)
    else:
        mnt_set_mountpoint(path.mnt, path.dentry, source)
        commit_tree(k, source)
    ns = path.mnt.mnt_ns
    for child in copies:
        # They may come to where somebody else is the administrator.
        there = child.mnt_parent.mnt_ns if child.mnt_parent is not None else None
        if ns is not None and there is not None and there.user_ns is not ns.user_ns:
            lock_mnt_tree(child)
        commit_tree(k, child)


# Namespaces.


def _alloc_mnt_ns(k: Kernel, root: Vfsmount, owner: UserNamespace | None) -> MntNamespace:
    ns = MntNamespace(root, [], k.wait_queue_head("ns->poll"))
    ns.user_ns = owner
    ns.seq = k.vfs.mnt_ns_seq
    k.vfs.mnt_ns_seq += 1
    for mnt in mount_tree(root):
        mnt.mnt_ns = ns
        ns.mounts.append(mnt)
    return ns


def touch_mnt_namespace(ns: MntNamespace) -> None:
    """Tell who polls a list of these mounts that it has changed."""
    ns.event += 1
    wait.wake_up_interruptible(ns.poll)


def get_mnt_ns(ns: MntNamespace) -> MntNamespace:
    """Take a reference."""
    ns.count += 1
    return ns


def topmost_root(k: Kernel, ns: MntNamespace) -> PathRef:
    """Return what / is in ns: its root, or what was mounted on that."""
    path = PathRef(ns.root, ns.root.mnt_root)
    mnt = lookup_mnt(k, path.mnt, path.dentry)
    while mnt is not None:
        path = PathRef(mnt, mnt.mnt_root)
        mnt = lookup_mnt(k, path.mnt, path.dentry)
    return path


def put_mnt_ns(k: Kernel, ns: MntNamespace) -> None:
    """Drop a reference; the last one unmounts everything."""
    ns.count -= 1
    if not ns.count:
        umount_tree(k, ns.root, propagate=False)
        ucount.dec_ucount(k, ns.ucounts, ucount.MAX_MNT_NAMESPACES)
        user.put_user_ns(k, ns.user_ns)


def copy_mnt_ns(k: Kernel, flags: int, cred: Cred, ns: MntNamespace, new_fs: FsStruct | None) -> MntNamespace:
    """Share ns, or with CLONE_NEWNS return a copy and move new_fs's root and cwd over to it; raises ENOMEM, ENOSPC.

    A copy for another user namespace hears of what is mounted in ns, but not the other way round.
    """
    if not flags & CLONE_NEWNS:
        return get_mnt_ns(ns)
    ucounts = user_namespace.charge_namespace(k, cred, ucount.MAX_MNT_NAMESPACES)
    foreign = ucounts is not None and cred.user_ns is not (ns.user_ns or k.users.init_user_ns)
    with Undo() as undo:
        undo.push((ucount.dec_ucount, k, ucounts, ucount.MAX_MNT_NAMESPACES))
        tree = copy_tree(k, ns.root, ns.root.mnt_root, CL_COPY_ALL | (CL_SHARED_TO_SLAVE if foreign else 0))
    if foreign:
        lock_mnt_tree(tree)
    new = _alloc_mnt_ns(k, tree, user_namespace.owner_of(k, cred))
    new.ucounts = ucounts
    if new_fs is not None:
        copies = dict(zip(mount_tree(ns.root), mount_tree(new.root), strict=True))
        with new_fs.lock:
            new_fs.root = _in_copy(new_fs.root, copies)
            new_fs.pwd = _in_copy(new_fs.pwd, copies)
    return new


def _in_copy(path: PathRef, copies: dict[Vfsmount, Vfsmount]) -> PathRef:
    """Return the same place on the copy of its mount, if it has one."""
    mnt = copies.get(path.mnt)
    return path if mnt is None else PathRef(mnt, path.dentry)
