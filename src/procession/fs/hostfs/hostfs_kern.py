"""A directory of the host as a file system (fs/hostfs/hostfs_kern.c, User Mode Linux's).

Names are resolved by our own walk, one component at a time, and looked up on the host each time: others change things
there. What a guest writes goes to the host at once, what it writes to a shared mapping when that is synchronised or
goes. Files look as the host says they are; but what was changed from inside is dated by the guest's clock inside, by
the host's there, and the space that files take and their times of access are not shown.
"""

from __future__ import annotations

from errno import EMFILE, ESTALE, errorcode
from typing import TYPE_CHECKING, Any, Final

from procession.fs import dcache, ramfs, splice
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import MS_RDONLY, O_APPEND
from procession.include.linux.fs import (
    FMODE_WRITE,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    DirFile,
    File,
    Iattr,
    Inode,
    Kstat,
    SuperBlock,
)
from procession.include.linux.magic import HOSTFS_SUPER_MAGIC
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.lib import string
from procession.mm import filemap, memory

if TYPE_CHECKING:
    from procession.fs.hostfs.hostfs import Attr, HostSide
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import VmArea
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("HostfsSuper", "hostfs_fill_super")

_HOST_PRESENT: Final = -1


class HostfsSuper(SuperBlock):
    """An instance of hostfs. inodes: those seen so far, by the numbers of their nodes."""

    def __init__(self, kernel: Kernel, s_dev: int, host: HostSide, writable: bool) -> None:
        super().__init__(kernel, "hostfs", s_dev, HOSTFS_SUPER_MAGIC)
        self.host: HostSide = host
        self.writable: bool = writable
        self.s_readonly = not writable
        self.inodes: dict[int, HostfsInode] = {}

    def remount_fs(self, flags: int, options: str) -> None:
        """Refuse to be mounted for writing if that is not the host's wish, as a write-protected disk does; EACCES."""
        if not flags & MS_RDONLY and not self.writable:
            raise LinuxError(Errno.EACCES, "shared for reading only")

    def sync_fs(self) -> None:
        """Write all mappings' pages back; raises ENOSPC, EIO."""
        for inode in self.inodes.values():
            inode.writepages()

    def call(self, method: Any, *args: object) -> Any:
        """Ask the host; raises LinuxError for its OSError."""
        try:
            return method(*args)
        except OSError as error:
            raise LinuxError(_errno(error), f"host: {error.strerror}") from error


def _errno(error: OSError) -> Errno:
    """Return the guest's number of what the host had against it; EIO for what is none of 3.2's."""
    number = error.errno or 0
    if number == EMFILE:  # it is not the guest's process that has too many
        return Errno.ENFILE
    found: Errno = Errno.__members__.get(errorcode.get(number, ""), Errno.EIO)
    return found


class HostfsInode(Inode):
    """What all kinds of files have in common. node, version: see hostfs.Attr."""

    node = 0
    version = -1

    def ask(self, method: Any, *args: object) -> Any:
        """Ask the host; raises LinuxError."""
        sb = self.i_sb
        assert isinstance(sb, HostfsSuper)
        return sb.call(method, *args)

    @property
    def host(self) -> HostSide:
        """The host's side."""
        sb = self.i_sb
        assert isinstance(sb, HostfsSuper)
        return sb.host

    def take(self, attr: Attr) -> None:
        """Be what the host says; times and size only if somebody else has changed them."""
        self.i_mode, self.i_uid, self.i_gid, self.i_nlink = attr.mode, attr.uid, attr.gid, attr.nlink
        self.i_rdev = attr.rdev
        if attr.version == self.version:
            return
        self.version = attr.version
        self.i_mtime_ns = self.i_ctime_ns = self.i_atime_ns = attr.mtime_ns
        self.i_size = attr.size
        if self.mapping:
            filemap.invalidate_inode_pages2(self.i_sb.kernel, self)

    def refresh(self) -> None:
        """See what it is like on the host now; raises EIO, EACCES."""
        try:
            self.take(self.host.getattr(self.node))
        except OSError as error:
            if error.errno != ESTALE:  # gone from there: it is what it was
                raise LinuxError(_errno(error), f"host: {error.strerror}") from error

    def getattr(self, current: Task) -> Kstat:
        """Ask the host, but for the space it takes."""
        self.refresh()
        st = super().getattr(current)
        st.blocks = (self.i_size + PAGE_SIZE - 1 >> PAGE_SHIFT) * 8
        return st

    def setattr(self, attr: Iattr) -> None:
        """Have it so on the host; raises EPERM, EROFS."""
        host = self.host
        if attr.uid is not None or attr.gid is not None:
            uid, gid = attr.uid, attr.gid
            self.ask(host.chown, self.node, -1 if uid is None else uid, -1 if gid is None else gid)
        if attr.mode is not None:
            self.ask(host.chmod, self.node, attr.mode)
        if attr.atime_ns is not None or attr.mtime_ns is not None:
            self.ask(host.utime, self.node, self._time(attr.atime_ns), self._time(attr.mtime_ns))

    def _time(self, ns: int | None) -> int | None:
        """The guest's present is the host's."""
        return _HOST_PRESENT if ns == fs_inode.current_fs_time(self.i_sb) else ns

    def owner_given(self) -> None:
        """Give it that owner on the host too, if the host lets us; else it is whose the host says."""
        self.take(self.ask(self.host.give, self.node, self.i_uid, self.i_gid))

    def closed(self) -> None:
        """Close it on the host; nobody is there to be told of an error."""
        try:
            self.host.close(self.node)
        except OSError as error:
            self.i_sb.kernel.printk(f"hostfs: closing inode {self.i_ino}: {error}")

    def evict(self) -> None:
        """Forget it."""
        sb = self.i_sb
        assert isinstance(sb, HostfsSuper)
        filemap.truncate_inode_pages(sb.kernel, self, 0)
        sb.inodes.pop(self.node, None)


class HostfsReg(HostfsInode):
    """A regular file. Its pages are a copy, which only shared mappings make newer than the file."""

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open it on the host; raises EACCES, ENFILE."""
        self.ask(self.host.open, self.node, bool(mode & FMODE_WRITE))
        self.refresh()
        return HostfsFile(path, flags, mode)

    def readpage(self, index: int) -> bytes:
        """Read a page on the host; raises EIO. What is not there any more is zero."""
        data: bytes = self.ask(self.host.pread, self.node, index << PAGE_SHIFT, PAGE_SIZE)
        return data

    def write_data(self, pos: int, data: bytes) -> int:
        """Write on the host; raises ENOSPC and what else it says."""
        n: int = self.ask(self.host.pwrite, self.node, pos, data)
        filemap.update_cached_pages(self.i_sb.kernel, self, pos, data[:n])
        self.i_size = max(self.i_size, pos + n)
        return n

    def writepages(self) -> None:
        """Write on the host what mappings have written; raises ENOSPC, EIO."""
        k = self.i_sb.kernel
        dirty = filemap.dirty_pages(k, self) if self.mapping else []
        for pos, data in dirty:
            if self.ask(self.host.pwrite, self.node, pos, data) < len(data):
                raise LinuxError(Errno.ENOSPC, "host")
        if dirty:
            filemap.clear_dirty(k, self)

    def truncate(self, size: int) -> None:
        """Set the size on the host."""
        self.ask(self.host.truncate, self.node, size)
        k = self.i_sb.kernel
        old, self.i_size = self.i_size, size
        if size >= old:
            return
        if self.i_mmap:
            memory.unmap_mapping_range(k, self, size + PAGE_SIZE - 1 >> PAGE_SHIFT, 1 << 52)
        filemap.truncate_inode_pages(k, self, size)
        filemap.clear_dirty(k, self)


class HostfsFile(ramfs.RegularFile):
    """An open regular file."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Read what is there now; raises EFAULT, EIO."""
        _reg(self).refresh()
        done = filemap.generic_file_read(current, self, buf, count, pos)
        fs_inode.file_accessed(self)
        return done

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Write; raises EFAULT, EFBIG, ENOSPC."""
        if self.f_flags & O_APPEND:
            _reg(self).refresh()
        return filemap.generic_file_write(current, self, buf, count, pos)

    async def splice_read(self, current: Task, pos: int, pipe: PipeInodeInfo, length: int, flags: int) -> int:
        """Put pages with what is there now into a pipe."""
        _reg(self).refresh()
        return await splice.generic_file_splice_read(current, self, pos, pipe, length, flags)

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos, from where the end is now; raises EINVAL, ENXIO."""
        _reg(self).refresh()
        return super().llseek(current, offset, whence)

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Agree."""
        _reg(self).refresh()
        fs_inode.file_accessed(self)

    def fsync(self) -> None:
        """Bring it to the host's disk; raises ENOSPC, EIO."""
        inode = _reg(self)
        inode.writepages()
        inode.ask(inode.host.fsync, inode.node)

    def release(self, current: Task | None) -> None:
        """Close it on the host."""
        inode = _reg(self)
        filemap.filemap_flush(inode.i_sb.kernel, inode)
        inode.closed()


def _reg(file: File) -> HostfsReg:
    inode = file.inode
    assert isinstance(inode, HostfsReg)
    return inode


class HostfsLink(HostfsInode):
    """A symbolic link."""

    def readlink(self, current: Task) -> str:
        """Return the text."""
        return string.to_text(self.ask(self.host.readlink, self.node))


class HostfsSpecial(HostfsInode):
    """A FIFO, socket or device. Only the name is the host's: what is behind it is inside."""

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open the guest's device of that number; raises ENXIO if there is none."""
        return ramfs.open_chrdev(current, path, flags, mode)


class HostfsDirFile(DirFile):
    """An open directory."""

    def fsync(self) -> None:
        """Bring it to the host's disk; raises EIO."""
        inode = self.inode
        assert isinstance(inode, HostfsDir)
        inode.ask(inode.host.fsync, inode.node)

    def release(self, current: Task | None) -> None:
        """Close it on the host."""
        inode = self.inode
        assert isinstance(inode, HostfsDir)
        inode.closed()


class HostfsDir(HostfsInode):
    """A directory."""

    d_op_revalidate = True

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open it on the host; raises EACCES, ENFILE."""
        self.ask(self.host.open, self.node, False)
        return HostfsDirFile(path, flags, mode)

    def lookup(self, name: str) -> Inode:
        """Return a member; raises ENOENT, EACCES."""
        attr = self.ask(self.host.lookup, self.node, string.to_bytes(name))
        if attr is None:
            raise LinuxError(Errno.ENOENT, name)
        return _iget(self.i_sb, attr)

    def _member(self, name: str) -> Inode | None:
        try:
            return self.lookup(name)
        except LinuxError as error:
            if error.errno != Errno.ENOENT:
                raise
        return None

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """Return all members by name."""
        found: list[tuple[bytes, int, int]] = self.ask(self.host.listdir, self.node)
        return [(string.to_text(name), node, ramfs.DT.get(kind, 0)) for name, kind, node in found]

    def _touch(self) -> None:
        self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(self.i_sb)

    def _made(self, attr: Attr) -> Inode:
        """Return the inode of what was made now, stamped with the guest's time."""
        inode = _iget(self.i_sb, attr)
        self._touch()
        inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = self.i_mtime_ns
        return inode

    def create(self, name: str, mode: int) -> Inode:
        """Make a regular file."""
        return self.mknod(name, mode)

    def mknod(self, name: str, mode: int, rdev: int = 0) -> Inode:
        """Make a regular file, FIFO or socket; raises EPERM for a device."""
        return self._made(self.ask(self.host.create, self.node, string.to_bytes(name), mode))

    def mkdir(self, name: str, mode: int) -> Inode:
        """Make a directory."""
        return self.mknod(name, S_IFDIR | mode)

    def symlink(self, name: str, target: str) -> Inode:
        """Make a symbolic link."""
        names = string.to_bytes(name), string.to_bytes(target)
        return self._made(self.ask(self.host.symlink, self.node, *names))

    def link(self, inode: Inode, name: str) -> None:
        """Add a hard link."""
        assert isinstance(inode, HostfsInode)
        self.ask(self.host.link, inode.node, self.node, string.to_bytes(name))
        self._touch()
        inode.i_nlink += 1
        inode.i_ctime_ns = self.i_ctime_ns

    def unlink(self, name: str) -> None:
        """Remove a name."""
        self._remove(name, is_dir=False)

    def rmdir(self, name: str) -> None:
        """Remove an empty directory; raises ENOTEMPTY."""
        self._remove(name, is_dir=True)

    def _remove(self, name: str, *, is_dir: bool) -> None:
        inode = self._member(name)
        self.ask(self.host.remove, self.node, string.to_bytes(name), is_dir)
        self._touch()
        if inode is not None:
            self._lost(inode)

    def _lost(self, inode: Inode) -> None:
        """A name of the inode is gone."""
        inode.i_nlink = 0 if inode.i_mode & S_IFMT == S_IFDIR else inode.i_nlink - 1
        inode.i_ctime_ns = self.i_ctime_ns
        if inode.i_nlink <= 0:
            inode.i_nlink = 0
            if inode.i_count <= 0:
                inode.evict()

    def rename(self, old: str, new_dir: Inode, new: str) -> None:
        """Move a member, replacing what is there; raises ENOTEMPTY."""
        assert isinstance(new_dir, HostfsDir)
        inode, target = self._member(old), new_dir._member(new)
        names = string.to_bytes(old), new_dir.node, string.to_bytes(new)
        self.ask(self.host.rename, self.node, *names)
        self._touch()
        new_dir._touch()
        if target is not None and target is not inode:
            new_dir._lost(target)
        if inode is not None:
            inode.i_ctime_ns = self.i_ctime_ns


def _iget(sb: SuperBlock, attr: Attr) -> HostfsInode:
    """Return the inode of a node, as it is now."""
    assert isinstance(sb, HostfsSuper)
    inode = sb.inodes.get(attr.node)
    if inode is None:
        inode = sb.inodes[attr.node] = _new_inode(sb, attr)
        inode.node = attr.node
    inode.take(attr)
    return inode


def _new_inode(sb: HostfsSuper, attr: Attr) -> HostfsInode:
    kind = attr.mode & S_IFMT
    if kind == S_IFREG:
        return HostfsReg(sb, attr.node, attr.mode)
    if kind == S_IFDIR:
        return HostfsDir(sb, attr.node, attr.mode)
    if kind == S_IFLNK:
        return HostfsLink(sb, attr.node, attr.mode)
    return HostfsSpecial(sb, attr.node, attr.mode)


def hostfs_fill_super(k: Kernel, host: HostSide, *, writable: bool) -> HostfsSuper:
    """Make the instance that shows what host shares; raises EIO."""
    sb = HostfsSuper(k, fs_super.get_anon_bdev(k), host, writable)
    sb.s_root = dcache.d_make_root(_iget(sb, sb.call(host.root)))
    return sb
