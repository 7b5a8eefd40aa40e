"""The mount tree and its namespaces (fs/namespace.c). No propagation, no shared subtrees, no pivot_root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, devices, namei, ramfs
from procession.fs import super as fs_super
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_FDCWD,
    MNT_DETACH,
    MNT_EXPIRE,
    MNT_FORCE,
    MS_BIND,
    MS_MOVE,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
    UMOUNT_NOFOLLOW,
    MountArg,
    MountTypeArg,
    UmountArg,
)
from procession.include.linux.fs import S_IFDIR, S_IFMT, MntNamespace, PathRef, SuperBlock, Vfsmount
from procession.include.linux.limits import PATH_MAX
from procession.include.linux.mount import MNT_NOATIME, MNT_NODEV, MNT_NODIRATIME, MNT_NOEXEC, MNT_NOSUID, MNT_READONLY
from procession.include.linux.sched import CLONE_NEWNS
from procession.include.linux.syscalls import syscall, syscall_refused
from procession.include.linux.types import Path, Str, UserPtr
from procession.include.linux.undo import Undo
from procession.kernel import capability, wait
from procession.lib import string
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry
    from procession.include.linux.fs_struct import FsStruct
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "copy_mnt_ns",
    "get_mnt_ns",
    "kern_mount",
    "mnt_want_write",
    "mount_fs",
    "mount_root",
    "put_mnt_ns",
    "sys_mount",
    "sys_pivot_root",
    "sys_umount2",
    "vfs_init",
)

MS_PROPAGATION: Final = MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE
MS_MGC_VAL: Final = 0xC0ED0000
MS_MGC_MSK: Final = 0xFFFF0000


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
    root = alloc_vfsmnt(k, sb, sb.s_root, 0, "rootfs")
    k.vfs.rootfs = root
    ns = _alloc_mnt_ns(k, root)
    if _mount_at_boot(k, ns, "dev", devices.DEVTMPFS) is not None and "devpts" in k.vfs.file_systems:
        _mount_devpts(k, ns)
    if "proc" in k.vfs.file_systems:
        _mount_at_boot(k, ns, "proc", "proc")
    if "sysfs" in k.vfs.file_systems and _has(k, "sys"):
        _mount_at_boot(k, ns, "sys", "sysfs")
    return ns


def _has(k: Kernel, name: str) -> bool:
    """Whether the root has something of this name."""
    try:
        k.vfs.rootfs.mnt_root.d_inode.lookup(name)
    except LinuxError:
        return False
    return True


def _mount_devpts(k: Kernel, ns: MntNamespace) -> None:
    """Mount /dev/pts, with the options that distributions use; /dev was mounted last."""
    dev = ns.mounts[-1]
    dentry = dcache.d_add(dev.mnt_root, "pts", dev.mnt_root.d_inode.lookup("pts"))
    sb = fs_super.get_fs_type(k, "devpts").mount(k, None, 0, "devpts", "gid=5,mode=620")
    assert sb.s_root is not None
    _attach(k, ns, alloc_vfsmnt(k, sb, sb.s_root, 0, "devpts"), PathRef(dev, dentry))


def _mount_at_boot(k: Kernel, ns: MntNamespace, name: str, fstype: str) -> Vfsmount | None:
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
    assert sb.s_root is not None
    mnt = alloc_vfsmnt(k, sb, sb.s_root, 0, fstype)
    _attach(k, ns, mnt, PathRef(k.vfs.rootfs, dentry))
    return mnt


def alloc_vfsmnt(k: Kernel, sb: SuperBlock, root: Dentry, flags: int, devname: str) -> Vfsmount:
    k.caches["mnt_cache"].alloc()
    return Vfsmount(sb, root, None, None, flags, devname)


def kern_mount(k: Kernel, sb: SuperBlock) -> Vfsmount:
    """Mount an instance where no path leads: pipes, sockets, anonymous inodes."""
    assert sb.s_root is not None
    return Vfsmount(sb, sb.s_root, None, None, 0, sb.s_type)


def mount_fs(k: Kernel, ns: MntNamespace, sb: SuperBlock, path: PathRef, flags: int, devname: str) -> Vfsmount:
    """Mount an instance on a directory that was looked up (do_add_mount)."""
    assert sb.s_root is not None
    mnt = alloc_vfsmnt(k, sb, sb.s_root, flags, devname)
    _attach(k, ns, mnt, path)
    return mnt


def _attach(k: Kernel, ns: MntNamespace, mnt: Vfsmount, path: PathRef) -> None:
    """Put mnt on top of path (attach_mnt)."""
    mnt.mnt_parent = path.mnt
    mnt.mnt_mountpoint = path.dentry
    k.vfs.mount_hashtable[path.mnt, path.dentry] = mnt
    path.dentry.d_mounted += 1
    dcache.d_pin(path.dentry)
    ns.mounts.append(mnt)


def _detach(k: Kernel, ns: MntNamespace, mnt: Vfsmount) -> None:
    """Take mnt off its mount point (umount_tree of one)."""
    assert mnt.mnt_parent is not None
    assert mnt.mnt_mountpoint is not None
    del k.vfs.mount_hashtable[mnt.mnt_parent, mnt.mnt_mountpoint]
    mnt.mnt_mountpoint.d_mounted -= 1
    dcache.d_unpin(mnt.mnt_mountpoint)
    mnt.mnt_parent = mnt.mnt_mountpoint = None
    ns.mounts.remove(mnt)
    k.caches["mnt_cache"].free()


def mnt_want_write(mnt: Vfsmount) -> None:
    """Say that a write to the file system is coming; raises EROFS."""
    if mnt.mnt_flags & MNT_READONLY or mnt.mnt_sb.s_readonly:
        raise LinuxError(Errno.EROFS, "mounted read-only")


# Namespaces.


def _alloc_mnt_ns(k: Kernel, root: Vfsmount) -> MntNamespace:
    return MntNamespace(root, [root], k.wait_queue_head("ns->poll"))


def touch_mnt_namespace(ns: MntNamespace) -> None:
    """Tell who polls a list of these mounts that it has changed."""
    ns.event += 1
    wait.wake_up_interruptible(ns.poll)


def get_mnt_ns(ns: MntNamespace) -> MntNamespace:
    """Take a reference."""
    ns.count += 1
    return ns


def put_mnt_ns(k: Kernel, ns: MntNamespace) -> None:
    """Drop a reference; the last one unmounts everything."""
    ns.count -= 1
    if ns.count:
        return
    for mnt in reversed(ns.mounts[1:]):
        _detach(k, ns, mnt)
    k.caches["mnt_cache"].free()


def copy_mnt_ns(current: Task, flags: int, ns: MntNamespace, new_fs: FsStruct | None) -> MntNamespace:
    """Share ns, or with CLONE_NEWNS return a copy and move new_fs's root and cwd over to it. Raises ENOMEM."""
    if not flags & CLONE_NEWNS:
        return get_mnt_ns(ns)
    k = current.kernel
    copies: dict[Vfsmount, Vfsmount] = {}
    root = clone_mnt(k, ns.root, ns.root.mnt_root)
    copies[ns.root] = root
    new = _alloc_mnt_ns(k, root)
    with Undo() as undo:
        undo.push((put_mnt_ns, k, new))
        for old in ns.mounts[1:]:
            assert old.mnt_parent is not None
            assert old.mnt_mountpoint is not None
            copies[old] = mnt = clone_mnt(k, old, old.mnt_root)
            _attach(k, new, mnt, PathRef(copies[old.mnt_parent], old.mnt_mountpoint))
    if new_fs is not None:
        with new_fs.lock:
            new_fs.root = _in_copy(new_fs.root, copies)
            new_fs.pwd = _in_copy(new_fs.pwd, copies)
    return new


def _in_copy(path: PathRef, copies: dict[Vfsmount, Vfsmount]) -> PathRef:
    """Return the same place on the copy of its mount, if it has one."""
    mnt = copies.get(path.mnt)
    return path if mnt is None else PathRef(mnt, path.dentry)


def clone_mnt(k: Kernel, old: Vfsmount, root: Dentry) -> Vfsmount:
    return alloc_vfsmnt(k, old.mnt_sb, root, old.mnt_flags, old.mnt_devname)


# System calls.


def _ns(current: Task) -> MntNamespace:
    assert current.nsproxy is not None
    return current.nsproxy.mnt_ns


def _mnt_flags(flags: int) -> int:
    out = 0
    for bit, mnt_bit in (
        (MS_NOSUID, MNT_NOSUID),
        (MS_NODEV, MNT_NODEV),
        (MS_NOEXEC, MNT_NOEXEC),
        (MS_NOATIME, MNT_NOATIME),
        (MS_NODIRATIME, MNT_NODIRATIME),
        (MS_RDONLY, MNT_READONLY),
    ):
        if flags & bit:
            out |= mnt_bit
    return out


def _string(current: Task, ptr: UserPtr) -> str:
    if isinstance(ptr, int) and not ptr:
        return ""
    return string.to_text(uaccess.strncpy_from_user(current, ptr, PATH_MAX))


@syscall
def sys_mount(current: Task, dev_name: Path, dir_name: Path, type: MountTypeArg, flags: MountArg, data: Str) -> int:
    """Mount a file system, bind a directory elsewhere, or change a mount's flags (mount(2)).

    Differs: propagation types are accepted and ignored when private, else EINVAL; MS_MOVE is not modelled.
    """
    kind, dev = _string(current, type), _string(current, dev_name)
    options = _string(current, data) if kind else ""
    path = namei.user_path_at(current, AT_FDCWD, dir_name, follow=True)
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "mount needs CAP_SYS_ADMIN")
    if flags & MS_MGC_MSK == MS_MGC_VAL:
        flags &= ~MS_MGC_MSK
    if flags & MS_REMOUNT:
        do_remount(path, flags)
        touch_mnt_namespace(_ns(current))
    elif flags & MS_BIND:
        do_loopback(current, path, dev, recurse=bool(flags & MS_REC))
        touch_mnt_namespace(_ns(current))
    elif flags & MS_PROPAGATION:
        do_change_type(current, flags)
    elif flags & MS_MOVE:
        current.kernel.not_modelled("mount: MS_MOVE")
        raise LinuxError(Errno.EINVAL, "MS_MOVE")
    else:
        do_new_mount(current, path, kind, flags, dev, options)
        touch_mnt_namespace(_ns(current))
    return 0


def do_remount(path: PathRef, flags: int) -> None:
    if path.dentry is not path.mnt.mnt_root:
        raise LinuxError(Errno.EINVAL, "not the root of a mount")
    if not flags & MS_BIND:
        path.mnt.mnt_sb.remount_fs(flags)
    path.mnt.mnt_flags = _mnt_flags(flags)
    if not flags & MS_BIND:
        path.mnt.mnt_sb.s_readonly = bool(flags & MS_RDONLY)


def do_change_type(current: Task, flags: int) -> None:
    if flags & (MS_SLAVE | MS_SHARED | MS_UNBINDABLE):
        current.kernel.not_modelled("mount: propagation")
        raise LinuxError(Errno.EINVAL, "mount propagation")


def _check_mountpoint(path: PathRef, root: Dentry) -> None:
    """Raise as graft_tree does: both must be directories, or neither, and the point must still have its name."""
    if (root.d_inode.i_mode & S_IFMT == S_IFDIR) != (path.dentry.d_inode.i_mode & S_IFMT == S_IFDIR):
        raise LinuxError(Errno.ENOTDIR, "a directory on a file, or a file on a directory")
    if path.dentry.d_deleted:
        raise LinuxError(Errno.ENOENT, "the mount point was removed")


def do_loopback(current: Task, path: PathRef, old_name: str, *, recurse: bool) -> None:
    if not old_name:
        raise LinuxError(Errno.EINVAL, "bind of nothing")
    k, ns = current.kernel, _ns(current)
    old = namei.kern_path(current, old_name)
    _check_mountpoint(path, old.dentry)
    below = [m for m in ns.mounts if _is_below(m, old)] if recurse else []
    copies = {old.mnt: clone_mnt(k, old.mnt, old.dentry)}
    _attach(k, ns, copies[old.mnt], path)
    for m in below:
        assert m.mnt_parent is not None
        assert m.mnt_mountpoint is not None
        copies[m] = clone_mnt(k, m, m.mnt_root)
        _attach(k, ns, copies[m], PathRef(copies[m.mnt_parent], m.mnt_mountpoint))


def _is_below(m: Vfsmount, path: PathRef) -> bool:
    """Whether m is mounted somewhere under path."""
    while m.mnt_parent is not None and m.mnt_mountpoint is not None:
        if m.mnt_parent is path.mnt:
            return dcache.is_subdir(m.mnt_mountpoint, path.dentry)
        m = m.mnt_parent
    return False


def do_new_mount(current: Task, path: PathRef, kind: str, flags: int, dev: str, options: str) -> None:
    if not kind:
        raise LinuxError(Errno.EINVAL, "no file system type")
    k = current.kernel
    fs = fs_super.get_fs_type(k, kind)
    sb = fs.mount(k, current, flags, dev, options)
    assert sb.s_root is not None
    sb.s_readonly = sb.s_readonly or bool(flags & MS_RDONLY)
    _check_mountpoint(path, sb.s_root)
    under = path.mnt
    if under.mnt_sb is sb and under.mnt_root is path.dentry:
        raise LinuxError(Errno.EBUSY, "mounted there already")
    mount_fs(k, _ns(current), sb, path, _mnt_flags(flags), dev or "none")


def _mount_is_busy(current: Task, mnt: Vfsmount) -> bool:
    """Whether a task has its root or cwd in mnt, or a file there open or mapped (propagate_mount_busy).

    Differs: 3.2 counts references; here the rare question is answered by looking.
    """
    k = current.kernel
    if any(m.mnt_parent is mnt for m in _ns(current).mounts):
        return True
    for leader in (k.init_task, *k.tasks):
        for p in leader.signal.threads:
            if p.fs is not None and mnt in (p.fs.root.mnt, p.fs.pwd.mnt):
                return True
            if p.files is not None and any(f.f_path.mnt is mnt for _, f in p.files.open_files()):
                return True
            if p.mm is not None and any(v.vm_file is not None and v.vm_file.f_path.mnt is mnt for v in p.mm.mmap):
                return True
    return False


@syscall
def sys_umount2(current: Task, name: Path, flags: UmountArg) -> int:
    """Take a mount away (umount(2)); raises EINVAL, EPERM, EBUSY. MNT_DETACH does not look whether it is used."""
    if flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW):
        raise LinuxError(Errno.EINVAL, "unknown flags")
    path = namei.user_path_at(current, AT_FDCWD, name, follow=not flags & UMOUNT_NOFOLLOW)
    mnt, ns = path.mnt, _ns(current)
    if path.dentry is not mnt.mnt_root or mnt not in ns.mounts:
        raise LinuxError(Errno.EINVAL, "not the root of a mount")
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "umount needs CAP_SYS_ADMIN")
    if flags & MNT_EXPIRE:
        current.kernel.not_modelled("umount2: MNT_EXPIRE")
        raise LinuxError(Errno.EAGAIN, "marked for expiry")
    if mnt is ns.root:
        raise LinuxError(Errno.EBUSY if flags & MNT_DETACH else Errno.EINVAL, "the root of the namespace")
    if not flags & MNT_DETACH and _mount_is_busy(current, mnt):
        raise LinuxError(Errno.EBUSY, "in use")
    for m in reversed([m for m in ns.mounts if _is_below(m, PathRef(mnt, mnt.mnt_root))]):
        _detach(current.kernel, ns, m)
    _detach(current.kernel, ns, mnt)
    touch_mnt_namespace(ns)
    return 0


@syscall_refused
def sys_pivot_root(current: Task, new_root: Path, put_old: Path) -> int:
    """Not modelled: EINVAL, as 3.2 answers when the root is not a mount point that can move (pivot_root(2))."""
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "pivot_root needs CAP_SYS_ADMIN")
    current.kernel.not_modelled("pivot_root")
    raise LinuxError(Errno.EINVAL, "pivot_root")
