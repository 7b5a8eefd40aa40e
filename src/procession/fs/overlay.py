"""The root file system: memory above, a read-only host directory or archive below (ours; 3.2 has no overlayfs).

An inode is made when its name is first looked up, and stays. It keeps its way to the layer below, so that renaming a
directory copies nothing. What a guest changes, it changes in the inode and in the page cache: nothing is ever written
below. Inode numbers count in the order of first sight, and access times start as modification times, since the host's
would differ from run to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from procession.fs import dcache, lower, ramfs
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.binfmts import program_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Inode, Kstat
from procession.include.linux.magic import TMPFS_MAGIC
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.lib import string
from procession.mm import filemap

if TYPE_CHECKING:
    from procession.fs.lower import Lower
    from procession.include.linux.fs import File, PathRef, SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("RootSpec", "fill_root", "machine_shutdown")

RootSpec: TypeAlias = str | Path | Mapping[str, bytes | str] | None

# At the top of a host directory, these are the host's kernel speaking, not files.
HIDDEN: Final = ("dev", "proc", "sys")


class OverlayReg(ramfs.RamfsReg):
    """A regular file whose pages are read from below until they are written."""

    i_memory_only = False
    lower: Lower
    lower_size = 0  # how much of the file below still shows: truncation cuts it for good
    prepared = False

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """See that the file below can be read; raises EACCES, EIO."""
        if not self.prepared and self.lower_size:
            _below(self, self.lower.prepare)
            self.prepared = True
            opened = self.i_sb.kernel.vfs.lower_opened
            if opened is not None:
                opened(self.lower)
        return super().open(current, path, flags, mode)

    def readpage(self, index: int) -> bytes:
        """Read a page from below; raises EIO if the host fails."""
        offset = index << PAGE_SHIFT
        n = min(PAGE_SIZE, self.lower_size - offset)
        if n <= 0:
            return b""
        try:
            data = self.lower.pread(offset, n)
        except OSError as error:
            self.i_sb.kernel.printk(f"overlay: read error on the host: {error}")
            raise LinuxError(Errno.EIO, f"host: {error}") from error
        return data

    def truncate(self, size: int) -> None:
        """Set the size."""
        super().truncate(size)
        self.lower_size = min(self.lower_size, size)

    def getattr(self, current: Task) -> Kstat:
        """As of a file without holes."""
        st = super().getattr(current)
        st.blocks = (self.i_size + PAGE_SIZE - 1 >> PAGE_SHIFT) * 8
        return st


class OverlayLink(ramfs.RamfsLink):
    """A symbolic link below; its text is read when it was looked up."""


class OverlayDir(ramfs.RamfsDir):
    """A directory: children override what is below, whiteouts hide it."""

    def __init__(self, i_sb: SuperBlock, i_ino: int, i_mode: int, lower_dir: Lower) -> None:
        super().__init__(i_sb, i_ino, i_mode)
        self.lower: Lower = lower_dir
        self.whiteouts: dict[str, None] = {}
        self.reserved: dict[str, int] = {}  # inode numbers that readdir has shown

    def lookup(self, name: str) -> Inode:
        """Return a member; raises ENOENT, EACCES."""
        inode: Inode | None = self.children.get(name)
        if inode is not None:
            return inode
        if name in self.whiteouts:
            raise LinuxError(Errno.ENOENT, name)
        node = _below(self, self.lower.lookup, name)
        if node is None:
            raise LinuxError(Errno.ENOENT, name)
        inode = _below(self, _from_lower, self.i_sb, node, self.reserved.get(name))
        self.children[name] = inode
        return inode

    def _names(self) -> list[tuple[str, int]]:
        """Return the names below that are neither hidden nor known yet."""
        names = _below(self, self.lower.listdir)
        return [(n, kind) for n, kind in names if n not in self.children and n not in self.whiteouts]

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """Return all members by name."""
        entries = [(name, i.i_ino, ramfs.DT.get(i.i_mode & S_IFMT, 0)) for name, i in self.children.items()]
        for name, kind in self._names():
            ino = self.reserved.get(name)
            if ino is None:
                ino = self.reserved[name] = fs_inode.get_next_ino(self.i_sb)
            entries.append((name, ino, ramfs.DT.get(kind, 0)))
        entries.sort()
        return entries

    def is_empty(self) -> bool:
        """Whether nothing shows."""
        return not self.children and not self._names()

    def forget(self, name: str) -> Inode:
        """Take a name out, and hide what is below."""
        if name not in self.whiteouts and _below(self, self.lower.lookup, name) is not None:
            self.whiteouts[name] = None
        return super().forget(name)


def _below(directory: Inode, call: Any, *args: object) -> Any:
    """Ask the layer below; an I/O error of the host becomes EIO."""
    try:
        return call(*args)
    except OSError as error:
        directory.i_sb.kernel.printk(f"overlay: error on the host: {error}")
        raise LinuxError(Errno.EIO, f"host: {error}") from error


def _from_lower(sb: SuperBlock, node: Lower, ino: int | None) -> Inode:
    """Make the inode of a file below; hard links share it."""
    links: dict[object, Inode] = sb.s_fs_info
    if node.key is not None and node.key in links:
        return links[node.key]
    if ino is None:
        ino = fs_inode.get_next_ino(sb)
    kind = node.mode & S_IFMT
    inode: Inode
    if kind == S_IFREG:
        inode = reg = OverlayReg(sb, ino, node.mode)
        reg.lower = node
        reg.lower_size = node.size
    elif kind == S_IFDIR:
        inode = OverlayDir(sb, ino, node.mode, node)
    elif kind == S_IFLNK:
        inode = link = OverlayLink(sb, ino, node.mode)
        link.target = node.readlink()
    else:
        inode = ramfs.RamfsSpecial(sb, ino, node.mode)
        inode.i_rdev = node.rdev
    inode.i_uid, inode.i_gid, inode.i_nlink, inode.i_size = node.uid, node.gid, node.nlink, node.size
    inode.i_mtime_ns = inode.i_atime_ns = node.mtime_ns
    inode.i_ctime_ns = node.ctime_ns
    if node.key is not None:
        links[node.key] = inode
    return inode


# The root.


def fill_root(k: Kernel, spec: RootSpec) -> SuperBlock:
    """Make the root file system.

    spec: a host directory or a tar archive (shown, never written), a dict of paths and contents (a path that ends in
    a slash is a directory), or None for an empty root. Directories dev, proc, tmp are made if nothing has these names,
    and a file for every registered Python program. Raises OSError, tarfile.TarError if the host has no such thing.
    """
    sb = fs_super.sget(k, "rootfs", TMPFS_MAGIC)
    sb.s_fs_info = {}
    inode: Inode
    if isinstance(spec, str | Path):
        # A host directory is the machine's own root or a root made for it; the same names are special in both.
        inode = _from_lower(sb, lower.open_lower(str(spec), HIDDEN), None)
    else:
        inode = ramfs.new_inode(sb, S_IFDIR | 0o755)
    assert isinstance(inode, ramfs.RamfsDir)
    sb.s_root = dcache.d_make_root(inode)
    for name, mode in (("dev", 0o755), ("proc", 0o555), ("tmp", 0o1777)):
        _make_mount_point(inode, name, mode)
    if isinstance(spec, Mapping):
        for path, contents in spec.items():
            _make_file(k, inode, path, contents)
    for path in k.programs:
        _make_file(k, inode, path, program_file(path))
    return sb


def machine_shutdown(k: Kernel) -> None:
    """Nothing runs on this machine any more: keep no more of the host's files open than it takes to look at it."""
    root = k.vfs.rootfs.mnt_root.d_inode
    if isinstance(root, OverlayDir):
        root.lower.rest()


def _make_mount_point(root: ramfs.RamfsDir, name: str, mode: int) -> None:
    """Make a directory of the root, unless it has something of this name; on a file nothing will be mounted."""
    try:
        root.lookup(name)
    except LinuxError:
        root.mkdir(name, mode)


def _make_dirs(directory: ramfs.RamfsDir, path: str) -> ramfs.RamfsDir:
    """Return a directory, made with what leads to it if it is not there."""
    for part in path.split("/"):
        if not part:
            continue
        try:
            child = directory.lookup(part)
        except LinuxError:
            child = directory.mkdir(part, 0o755)
        for _ in range(8):
            if not isinstance(child, ramfs.RamfsLink):
                break
            child = _relative(directory, child.target)
        if not isinstance(child, ramfs.RamfsDir):
            raise LinuxError(Errno.ENOTDIR, path)
        directory = child
    return directory


def _relative(directory: ramfs.RamfsDir, target: str) -> Inode:
    """Follow a link of the root's layout such as /bin -> usr/bin."""
    root = directory.i_sb.s_root
    assert root is not None
    node: Inode = root.d_inode if target.startswith("/") else directory
    for part in target.split("/"):
        if part and part != ".":
            node = node.lookup(part)
    return node


def _make_file(k: Kernel, root: ramfs.RamfsDir, path: str, contents: bytes | str) -> None:
    """Write a file into the root, executable by all."""
    if path.endswith("/"):
        _make_dirs(root, path)
        return
    head, _, name = path.rpartition("/")
    directory = _make_dirs(root, head)
    try:
        directory.lookup(name)
        directory.unlink(name)
    except LinuxError:
        pass
    inode = directory.create(name, S_IFREG | 0o755)
    data = string.to_bytes(contents) if isinstance(contents, str) else bytes(contents)
    filemap.pagecache_write(k, inode, 0, data)
