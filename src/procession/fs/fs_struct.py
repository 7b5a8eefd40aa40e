"""Root, working directory and umask of tasks (fs/fs_struct.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache
from procession.include.linux.fs_struct import FsStruct
from procession.include.linux.spinlock import SpinLock

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("chroot_fs_refs", "copy_fs_struct", "exit_fs", "init_fs", "put_fs_struct", "set_fs_pwd", "set_fs_root")


def init_fs(k: Kernel, root: PathRef) -> FsStruct:
    """Make the first task's fs_struct."""
    k.caches["fs_cache"].alloc()
    return FsStruct(SpinLock(k.lock_class("fs->lock")), root, root)


def copy_fs_struct(k: Kernel, old: FsStruct) -> FsStruct:
    """Return a private copy; raises ENOMEM."""
    k.caches["fs_cache"].alloc()
    with old.lock:
        return FsStruct(SpinLock(old.lock.cls), old.root, old.pwd, old.umask)


def put_fs_struct(k: Kernel, fs: FsStruct) -> None:
    """Drop a user; the last one frees."""
    with fs.lock:
        fs.users -= 1
        last = fs.users == 0
    if last:
        k.caches["fs_cache"].free()
        if k.vfs.fsnotify_dying:
            dcache.shrink_dying(k)


def exit_fs(tsk: Task) -> None:
    """Take a dying task's fs_struct away."""
    fs = tsk.fs
    if fs is None:
        return
    with tsk.alloc_lock:
        tsk.fs = None
    put_fs_struct(tsk.kernel, fs)


def set_fs_root(fs: FsStruct, path: PathRef) -> None:
    """Change the root directory."""
    with fs.lock:
        fs.root = path
    _left(path)


def set_fs_pwd(fs: FsStruct, path: PathRef) -> None:
    """Change the working directory."""
    with fs.lock:
        fs.pwd = path
    _left(path)


def _left(new: PathRef) -> None:
    """Something else than new is used no longer."""
    k = new.mnt.mnt_sb.kernel
    if k.vfs.fsnotify_dying:
        dcache.shrink_dying(k)


def chroot_fs_refs(k: Kernel, old_root: PathRef, new_root: PathRef) -> None:
    """Give all threads whose root or working directory is exactly old_root new_root for it."""
    with k.tasklist_lock.read():
        for leader in (k.init_task, *k.tasks):
            for p in leader.signal.threads:
                with p.alloc_lock:
                    fs = p.fs
                    if fs is not None:
                        with fs.lock:
                            fs.root = _instead(fs.root, old_root, new_root)
                            fs.pwd = _instead(fs.pwd, old_root, new_root)


def _instead(path: PathRef, old: PathRef, new: PathRef) -> PathRef:
    return new if path.mnt is old.mnt and path.dentry is old.dentry else path
