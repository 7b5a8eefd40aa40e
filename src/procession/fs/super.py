"""File system types and their instances (fs/super.c, fs/filesystems.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import SuperBlock
from procession.include.linux.kdev_t import new_encode_dev

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("FileSystemType", "deactivate_super", "get_anon_bdev", "get_fs_type", "register_filesystem", "sget")

# (kernel, mounting task or None at boot, mount flags, device name, options) -> instance with s_root set.
MountFn = Callable[["Kernel", "Task | None", int, str, str], SuperBlock]


class FileSystemType:
    """struct file_system_type."""

    __slots__ = ("name", "mount", "nodev")  # derived

    def __init__(self, name: str, mount: MountFn) -> None:
        self.name: Final[str] = name
        self.mount: Final[MountFn] = mount
        self.nodev: Final[bool] = True


def register_filesystem(k: Kernel, fs: FileSystemType) -> None:
    """Make a type known to mount(2) and /proc/filesystems; raises EBUSY if the name is taken."""
    if fs.name in k.vfs.file_systems:
        raise LinuxError(Errno.EBUSY, f"{fs.name} is registered")
    k.vfs.file_systems[fs.name] = fs


def get_fs_type(k: Kernel, name: str) -> FileSystemType:
    """Return the type called name; raises ENODEV."""
    fs: FileSystemType | None = k.vfs.file_systems.get(name)
    if fs is None:
        raise LinuxError(Errno.ENODEV, f"no file system type {name}")
    return fs


def get_anon_bdev(k: Kernel) -> int:
    """Return a fresh st_dev for a file system without a device: 0:1, 0:2 and so on."""
    k.vfs.anon_minor += 1
    return new_encode_dev(0, k.vfs.anon_minor)


def deactivate_super(sb: SuperBlock) -> None:
    """One mount of an instance is gone, or whatever else kept it; the last one takes it along."""
    sb.s_active -= 1
    if not sb.s_active:
        sb.kill_sb()


def sget(k: Kernel, s_type: str, magic: int) -> SuperBlock:
    """Make an empty instance; the caller sets s_root."""
    return SuperBlock(k, s_type, get_anon_bdev(k), magic)
