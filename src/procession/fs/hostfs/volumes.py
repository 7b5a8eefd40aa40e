"""What of the host is shared with a machine, and where it appears (ours: docker's -v)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import posixpath
from typing import TYPE_CHECKING, Final, TypeAlias

from procession.fs import namei, namei_modify, namespace
from procession.fs.hostfs.hostfs_kern import HostfsSuper, hostfs_fill_super
from procession.fs.hostfs.hostfs_user import HostDirectory
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD
from procession.include.linux.fs import S_IFDIR, S_IFMT, S_IFREG, PathRef
from procession.include.linux.mount import MNT_NODEV, MNT_READONLY, MNT_RELATIME
from procession.lib import string
from procession.mm import filemap

if TYPE_CHECKING:
    from procession.fs.hostfs.hostfs import HostSide
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "Volume",
    "VolumeError",
    "VolumeSpec",
    "guest_path",
    "machine_shutdown",
    "mount_volumes",
    "open_volume",
    "open_volumes",
)

VolumeSpec: TypeAlias = str | Path | tuple[str | Path, str]

_DIR_MODE: Final = 0o755
_PAIR: Final = 2


class VolumeError(LinuxError):
    """What is shared cannot appear at guest."""

    def __init__(self, errno: Errno, guest: str) -> None:
        super().__init__(errno, f"volume {guest}")
        self.guest: str = guest


class Volume:
    """A directory or file of the host.

    guest: where it appears.  path: where it is on the host.  host: who answers for it.  sb: what it is mounted as.
    """

    __slots__ = ("guest", "host", "path", "sb", "writable")

    def __init__(self, guest: str, path: str, writable: bool, host: HostSide) -> None:
        self.guest: str = guest
        self.path: str = path
        self.writable: bool = writable
        self.host: HostSide = host
        self.sb: HostfsSuper | None = None


def guest_path(guest: str) -> str:
    """Return where inside something is to appear, without dots; raises ValueError."""
    if not guest.startswith("/"):
        raise ValueError(f"volumes: {guest}: the path inside has to begin with /")
    path = "/" + posixpath.normpath(guest).lstrip("/")
    if path == "/":
        raise ValueError(f"volumes: {guest}: / itself is the root, which is given as such")
    return path


def open_volume(guest: str, path: str | Path, *, writable: bool) -> Volume:
    """Open a directory or file of the host, which is to appear at guest; raises OSError, ValueError."""
    return Volume(guest_path(guest), str(Path(path).absolute()), writable, HostDirectory(path, writable=writable))


def open_volumes(specs: Mapping[str, VolumeSpec] | None) -> list[Volume]:
    """Open what Machine's volumes= says; raises TypeError, ValueError, OSError."""
    if specs is None:
        return []
    if not isinstance(specs, Mapping):
        raise TypeError(f"volumes: Mapping expected, not {type(specs).__name__} ({specs!r})")
    opened: dict[str, Volume] = {}
    for guest, spec in specs.items():
        path, mode = spec if isinstance(spec, tuple) and len(spec) == _PAIR else (spec, "ro")
        _check_path(guest)
        _check_path(str(path) if isinstance(path, Path) else path)
        if mode not in ("ro", "rw"):
            raise ValueError(f"volumes: {guest}: 'ro' or 'rw', not {mode!r}")
        volume = open_volume(guest, str(path), writable=mode == "rw")
        if volume.guest in opened:
            raise ValueError(f"volumes: {volume.guest}: given twice")
        opened[volume.guest] = volume
    return list(opened.values())


def _check_path(path: object) -> None:
    """Raise TypeError, ValueError unless path can be one."""
    if not isinstance(path, str):
        raise TypeError(f"volumes: a path as str or Path expected, or such a path and 'ro' or 'rw', not {path!r}")
    try:
        good = path and b"\0" not in string.to_bytes(path)
    except UnicodeEncodeError:
        good = False
    if not good:
        raise ValueError(f"volumes: {path!r} is no path")


def mount_volumes(k: Kernel) -> None:
    """Mount them all, each on a directory or file that is made if it is not there; raises VolumeError.

    Context: PID 0, once it has its place in the root. A path leads through those that were mounted before.
    """
    for volume in sorted(k.vfs.volumes, key=lambda volume: volume.guest.count("/")):
        try:
            _mount(k, volume)
        except LinuxError as error:
            raise VolumeError(error.errno, volume.guest) from error


def _mount(k: Kernel, volume: Volume) -> None:
    current = k.init_task
    sb = volume.sb = hostfs_fill_super(k, volume.host, writable=volume.writable)
    assert sb.s_root is not None
    is_dir = sb.s_root.d_inode.i_mode & S_IFMT == S_IFDIR
    place = _mount_point(current, volume.guest, is_dir=is_dir)
    if (place.dentry.d_inode.i_mode & S_IFMT == S_IFDIR) != is_dir:
        raise LinuxError(Errno.ENOTDIR if is_dir else Errno.EISDIR, volume.guest)
    flags = MNT_NODEV if volume.writable else MNT_NODEV | MNT_READONLY
    namespace.mount_fs(k, sb, place, flags | MNT_RELATIME, "none")


def _mount_point(current: Task, guest: str, *, is_dir: bool) -> PathRef:
    """Return the place of this name, made with all that leads to it if it is not there."""
    parts = guest.split("/")[1:]
    for n in range(1, len(parts) + 1):
        name = "/" + "/".join(parts[:n])
        try:
            place = namei.kern_path(current, name)
        except LinuxError as error:
            if error.errno != Errno.ENOENT:
                raise
            _make(current, name, is_dir=is_dir or n < len(parts))
            place = namei.kern_path(current, name)
    return place


def _make(current: Task, name: str, *, is_dir: bool) -> None:
    nd = namei.kern_path_parent(current, AT_FDCWD, name)
    if namei.lookup_hash(nd) is not None:  # a symbolic link to nothing
        raise LinuxError(Errno.ENOENT, name)
    namespace.mnt_want_write(nd.mnt)
    if is_dir:
        namei_modify.vfs_mkdir(current, nd.dentry, nd.last, _DIR_MODE)
    else:
        namei_modify.vfs_mknod(current, nd.dentry, nd.last, S_IFREG | 0o644, 0)


def machine_shutdown(k: Kernel) -> None:
    """Nothing runs any more: bring what is still to be written to the host, and keep no more open than it takes."""
    for volume in k.vfs.volumes:
        if volume.sb is not None:
            for inode in volume.sb.inodes.values():
                filemap.filemap_flush(k, inode)
        volume.host.rest()
