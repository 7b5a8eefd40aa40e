"""Files that live in memory only: tmpfs, and the upper half of the root (fs/ramfs/inode.c, mm/shmem.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    S_IALLUGO,
    S_IFBLK,
    S_IFCHR,
    S_IFDIR,
    S_IFIFO,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    S_IFSOCK,
    File,
    Inode,
    Kstat,
    SuperBlock,
    generic_file_llseek,
)
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.limits import UINT_MAX, ULONG_MAX
from procession.include.linux.magic import RAMFS_MAGIC, TMPFS_MAGIC
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.uidgid import kgid_has_mapping, kuid_has_mapping, make_kgid, make_kuid
from procession.lib import string, vsprintf
from procession.mm import filemap

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import VmArea
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "DT",
    "RamfsDir",
    "RamfsLink",
    "RamfsReg",
    "RamfsSpecial",
    "RegularFile",
    "fill_tmpfs",
    "init_ramfs_fs",
    "new_inode",
    "open_chrdev",
)

BOGO_DIRENT_SIZE: Final = 20
SHORT_SYMLINK_LEN: Final = 128  # bytes, of a link's text with its end that is kept with the inode

# What readdir calls the type of a file.
DT: Final = {S_IFIFO: 1, S_IFCHR: 2, S_IFDIR: 4, S_IFBLK: 6, S_IFREG: 8, S_IFLNK: 10, S_IFSOCK: 12}


class RegularFile(File):
    """An open file whose contents are in the page cache (generic_file operations)."""

    f_op_aio = True
    f_op_pages = True

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Read; raises EFAULT, EIO."""
        done = filemap.generic_file_read(current, self, buf, count, pos)
        fs_inode.file_accessed(self)
        return done

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Write; raises EFAULT, EFBIG, ENOSPC."""
        return filemap.generic_file_write(current, self, buf, count, pos)

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; raises EINVAL, ENXIO."""
        return generic_file_llseek(self, offset, whence)

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Agree."""
        fs_inode.file_accessed(self)


class RamfsReg(Inode):
    """A regular file. Pages that were never written are holes. linkable: it has no name, but may get one."""

    linkable: bool = False

    i_memory_only = True

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return a page-cache file."""
        return RegularFile(path, flags, mode)

    def readpage(self, index: int) -> bytes:
        """A hole."""
        return b""

    def write_data(self, pos: int, data: bytes) -> int:
        """Write to the page cache."""
        return filemap.pagecache_write(self.i_sb.kernel, self, pos, data)

    def truncate(self, size: int) -> None:
        """Set the size; what is cut off is gone."""
        filemap.truncate_setsize(self.i_sb.kernel, self, size)

    def evict(self) -> None:
        """Free the pages."""
        filemap.truncate_inode_pages(self.i_sb.kernel, self, 0)
        _free_inode(self)

    def has_xattr(self) -> bool:
        """As tmpfs, and unlike ramfs."""
        return self.i_sb.s_magic == TMPFS_MAGIC

    def getattr(self, current: Task) -> Kstat:
        """As all, but blocks are the pages there are."""
        st = super().getattr(current)
        st.blksize, st.blocks = PAGE_SIZE, len(self.mapping) * 8
        return st


class RamfsLink(Inode):
    """A symbolic link."""

    target = ""
    has_block = False  # the text is too long to be kept elsewhere

    def evict(self) -> None:
        """Free the page that holds a long text."""
        if self.has_block:
            self.has_block = False
            self.i_sb.s_used_blocks -= 1
        _free_inode(self)

    def readlink(self, current: Task) -> str:
        """Return the text."""
        return self.target

    def has_xattr(self) -> bool:
        """As tmpfs, and unlike ramfs."""
        return self.i_sb.s_magic == TMPFS_MAGIC


class RamfsSpecial(Inode):
    """A device node, FIFO or socket. A device's open function is found in Kernel.vfs.devices."""

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open the guest's device of that number; raises ENXIO if there is none."""
        return open_chrdev(current, path, flags, mode)

    def evict(self) -> None:
        """Give its number back."""
        _free_inode(self)

    def has_xattr(self) -> bool:
        """As tmpfs, and unlike ramfs."""
        return self.i_sb.s_magic == TMPFS_MAGIC


def open_chrdev(current: Task, path: PathRef, flags: int, mode: int) -> File:
    """Open the device of a node's number, or of its major number alone; raises ENXIO if there is none (chrdev_open)."""
    inode = path.dentry.d_inode
    devices = inode.i_sb.kernel.vfs.devices
    device = devices.get(inode.i_rdev) or devices.get(-new_decode_dev(inode.i_rdev)[0])
    if device is None or inode.i_mode & S_IFMT != S_IFCHR:
        raise LinuxError(Errno.ENXIO, "no such device")
    opened: File = device(current, path, flags, mode)
    return opened


class RamfsDir(Inode):
    """A directory."""

    def __init__(self, i_sb: SuperBlock, i_ino: int, i_mode: int) -> None:
        super().__init__(i_sb, i_ino, i_mode)
        self.children: dict[str, Inode] = {}

    def evict(self) -> None:
        """Give its number back."""
        _free_inode(self)

    # The class of new members, so that a file system built on this one can have its own.
    def new_inode(self, mode: int, rdev: int = 0) -> Inode:
        """Make an inode of the kind in mode."""
        return new_inode(self.i_sb, mode, rdev)

    def has_xattr(self) -> bool:
        """As tmpfs, and unlike ramfs."""
        return self.i_sb.s_magic == TMPFS_MAGIC

    def lookup(self, name: str) -> Inode:
        """Return a member; raises ENOENT."""
        inode = self.children.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """Return the members, newest first as 3.2's tmpfs lists them."""
        return [(name, i.i_ino, DT.get(i.i_mode & S_IFMT, 0)) for name, i in reversed(self.children.items())]

    def is_empty(self) -> bool:
        """Whether rmdir may take the directory."""
        return not self.children

    def add(self, name: str, inode: Inode) -> None:
        """Enter a name."""
        self.children[name] = inode
        self.i_size += BOGO_DIRENT_SIZE
        self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(self.i_sb)

    def forget(self, name: str) -> Inode:
        """Take a name out."""
        inode = self.children.pop(name)
        self.i_size -= BOGO_DIRENT_SIZE
        self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(self.i_sb)
        return inode

    def create(self, name: str, mode: int) -> Inode:
        """Make a regular file."""
        return self.mknod(name, mode)

    def tmpfile(self, mode: int, *, linkable: bool) -> Inode:
        """Make a regular file that has no name, and can be given one if it is linkable; not counted before that."""
        inode = self.new_inode(S_IFREG | mode)
        assert isinstance(inode, RamfsReg)
        inode.linkable = linkable
        inode.i_nlink = 0
        _uncount(inode)
        return inode

    def exchange(self, old: str, new_dir: RamfsDir, new: str) -> None:
        """Let two members change places."""
        first, second = self.children[old], new_dir.children[new]
        self.children[old], new_dir.children[new] = second, first
        if isinstance(first, RamfsDir) != isinstance(second, RamfsDir):
            moved = 1 if isinstance(first, RamfsDir) else -1
            self.i_nlink -= moved
            new_dir.i_nlink += moved
        now = fs_inode.current_fs_time(self.i_sb)
        for inode in (self, new_dir):
            inode.i_mtime_ns = inode.i_ctime_ns = now
        first.i_ctime_ns = second.i_ctime_ns = now

    def mknod(self, name: str, mode: int, rdev: int = 0) -> Inode:
        """Make a file of the kind in mode."""
        inode = self.new_inode(mode, rdev)
        self.add(name, inode)
        return inode

    def mkdir(self, name: str, mode: int) -> Inode:
        """Make a directory; there is no limit to how many, as in 3.2."""
        inode = self.new_inode(S_IFDIR | mode)
        self.add(name, inode)
        self.i_nlink += 1
        return inode

    def symlink(self, name: str, target: str) -> Inode:
        """Make a symbolic link."""
        sb = self.i_sb
        is_long = sb.s_max_blocks != 0 and len(string.to_bytes(target)) >= SHORT_SYMLINK_LEN
        if is_long and sb.s_used_blocks >= sb.s_max_blocks:
            raise LinuxError(Errno.ENOSPC, "the file system is full")
        inode = self.new_inode(S_IFLNK | 0o777)
        assert isinstance(inode, RamfsLink)
        if is_long:
            inode.has_block = True
            sb.s_used_blocks += 1
        inode.target = target
        inode.i_size = len(string.to_bytes(target))
        self.add(name, inode)
        return inode

    def link(self, inode: Inode, name: str) -> None:
        """Add a hard link; there is no limit to how many, as in 3.2; raises ENOSPC."""
        _reserve_inode(self.i_sb)  # though a link takes none: but it takes memory as well
        self.add(name, inode)
        if not inode.i_nlink:  # one of tmpfile()
            inode.i_counted = True
            self.i_sb.kernel.vfs.nr_inodes += 1
        inode.i_nlink += 1
        inode.i_ctime_ns = self.i_ctime_ns

    def unlink(self, name: str) -> None:
        """Remove a name; the file goes with its last one, once it is closed."""
        drop_link(self.forget(name))

    def rmdir(self, name: str) -> None:
        """Remove a directory; raises ENOTEMPTY."""
        inode = self.children[name]
        if isinstance(inode, RamfsDir) and not inode.is_empty():
            raise LinuxError(Errno.ENOTEMPTY, name)
        self.forget(name)
        inode.i_nlink = 0
        _uncount(inode)
        if inode.i_count <= 0:
            inode.evict()
        self.i_nlink -= 1

    def rename(self, old: str, new_dir: Inode, new: str) -> None:
        """Move a member, replacing what is there; raises ENOTEMPTY."""
        assert isinstance(new_dir, RamfsDir)
        inode = self.children[old]
        is_dir = isinstance(inode, RamfsDir)
        target = new_dir.children.get(new)
        if target is not None:
            if isinstance(target, RamfsDir):
                new_dir.rmdir(new)
            else:
                new_dir.unlink(new)
        self.forget(old)
        new_dir.add(new, inode)
        inode.i_ctime_ns = self.i_ctime_ns
        if is_dir and new_dir is not self:
            self.i_nlink -= 1
            new_dir.i_nlink += 1


def drop_link(inode: Inode) -> None:
    """A name of the inode is gone; without names and open files, so is the inode."""
    inode.i_nlink -= 1
    inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
    if inode.i_nlink:
        _free_inode(inode)  # the link's
    else:
        _uncount(inode)
        if inode.i_count <= 0:
            inode.evict()


def _reserve_inode(sb: SuperBlock) -> None:
    """Count one more file, or name, of a tmpfs; raises ENOSPC beyond nr_inodes (shmem_reserve_inode)."""
    if isinstance(sb, TmpfsSuperBlock):
        if sb.max_inodes and sb.used_inodes >= sb.max_inodes:
            raise LinuxError(Errno.ENOSPC, "nr_inodes")
        sb.used_inodes += 1


def _free_inode(inode: Inode) -> None:
    """Count one less (shmem_free_inode)."""
    sb = inode.i_sb
    if isinstance(sb, TmpfsSuperBlock):
        sb.used_inodes -= 1


def _uncount(inode: Inode) -> None:
    if inode.i_counted:
        inode.i_counted = False
        inode.i_sb.kernel.vfs.nr_inodes -= 1


def new_inode(sb: SuperBlock, mode: int, rdev: int = 0) -> Inode:
    """Make an inode of the kind in mode, stamped with the present time; raises ENOSPC if there are too many.

    Differs: there may be as many as tmpfs allows by default, in all file systems together.
    """
    k = sb.kernel
    if k.vfs.nr_inodes >= k.vfs.max_inodes:
        raise LinuxError(Errno.ENOSPC, "no memory for a file")
    _reserve_inode(sb)
    k.vfs.nr_inodes += 1
    kind = mode & S_IFMT
    ino = fs_inode.get_next_ino(sb)
    inode: Inode
    if kind == S_IFREG:
        inode = RamfsReg(sb, ino, mode)
    elif kind == S_IFDIR:
        inode = RamfsDir(sb, ino, mode)
        inode.i_nlink = 2
        inode.i_size = 2 * BOGO_DIRENT_SIZE
    elif kind == S_IFLNK:
        inode = RamfsLink(sb, ino, mode)
    else:
        inode = RamfsSpecial(sb, ino, mode)
        inode.i_rdev = rdev
    inode.i_counted = True
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(sb)
    return inode


class TmpfsSuperBlock(SuperBlock):
    """An instance of tmpfs or ramfs (struct shmem_sb_info). max_inodes: 0 for no limit."""

    def __init__(self, k: Kernel, s_type: str, magic: int) -> None:
        super().__init__(k, s_type, fs_super.get_anon_bdev(k), magic)
        self.default_blocks: int = k.mm.total_pages // 2
        self.s_max_blocks = self.max_inodes = 0
        if s_type == "tmpfs":
            self.s_max_blocks = self.max_inodes = self.default_blocks
        self.used_inodes: int = 0
        self.default_mode: int = S_IALLUGO & 0o1777
        self.mode: int = self.default_mode
        self.uid: int = 0
        self.gid: int = 0
        self.options: str = ""  # ramfs's

    def parse_options(self, options: str, ns: UserNamespace) -> None:
        """Take tmpfs's mount options, in which ids are as ns has them (shmem_parse_options); raises EINVAL."""
        for option in filter(None, options.split(",")):
            key, equals, value = option.partition("=")
            text = string.to_bytes(value)
            if not equals or not self._parse_option(key, text, ns):
                raise LinuxError(Errno.EINVAL, f"tmpfs option {option}")

    def _parse_option(self, key: str, text: bytes, ns: UserNamespace) -> bool:
        """Take one option; returns whether it is one, and good."""
        if key in ("size", "nr_blocks", "nr_inodes"):
            number, rest = _memparse(text)
            if key == "size":
                if rest == b"%":
                    number, rest = (number << PAGE_SHIFT) * self.kernel.mm.total_pages // 100, b""
                self.s_max_blocks = (number + PAGE_SIZE - 1) // PAGE_SIZE
            elif key == "nr_blocks":
                self.s_max_blocks = number
            else:
                self.max_inodes = number
            return not rest
        number, end = vsprintf.simple_strtoul(text, 8 if key == "mode" else 0)
        number &= UINT_MAX
        if key == "mode":
            self.mode = number & S_IALLUGO
        elif key == "uid":
            self.uid = make_kuid(ns, number)
            return end == len(text) and kuid_has_mapping(ns, self.uid)
        elif key == "gid":
            self.gid = make_kgid(ns, number)
            return end == len(text) and kgid_has_mapping(ns, self.gid)
        else:
            return key == "mpol"
        return end == len(text)

    def remount_fs(self, flags: int, options: str) -> None:
        """Take new limits, none that is exceeded already; mode and owner stay (shmem_remount_fs). Raises EINVAL."""
        if self.s_type != "tmpfs":
            return
        kept = self.mode, self.uid, self.gid
        blocks, inodes = self.s_max_blocks, self.max_inodes
        try:
            self.parse_options(options, self.kernel.current.cred.user_ns)
            self._check_limits(blocks, inodes)
        except LinuxError:
            self.s_max_blocks, self.max_inodes = blocks, inodes
            raise
        finally:
            self.mode, self.uid, self.gid = kept

    def _check_limits(self, blocks: int, inodes: int) -> None:
        """Raise EINVAL if more is in use than the new limits allow, or was not counted under the old ones."""
        if self.s_used_blocks > self.s_max_blocks or (inodes and self.used_inodes > self.max_inodes):
            raise LinuxError(Errno.EINVAL, "more is in use")
        if (self.s_max_blocks and not blocks) or (self.max_inodes and not inodes):
            raise LinuxError(Errno.EINVAL, "there was no limit")

    def show_options(self) -> str:
        """Return what is not the default; of ramfs what it was mounted with (generic_show_options)."""
        if self.s_type == "ramfs":
            return f",{self.options}" if self.options else ""
        out = ""
        if self.s_max_blocks != self.default_blocks:
            out += f",size={self.s_max_blocks << PAGE_SHIFT - 10}k"
        if self.max_inodes != self.default_blocks:
            out += f",nr_inodes={self.max_inodes}"
        if self.mode != self.default_mode:
            out += f",mode={self.mode:03o}"
        if self.uid:
            out += f",uid={self.uid}"
        return out + (f",gid={self.gid}" if self.gid else "")

    def kill_sb(self) -> None:
        """Free all files, unless somebody still has to do with one."""
        if self.s_root is not None and not fs_super.is_sb_used(self.kernel, self):
            _kill_tree(self.s_root.d_inode)


def _kill_tree(inode: Inode) -> None:
    if isinstance(inode, RamfsDir):
        for child in list(inode.children.values()):
            _kill_tree(child)
        inode.children = {}
    if inode.i_counted and inode.i_count <= 0:
        _uncount(inode)
        inode.evict()


def _memparse(text: bytes) -> tuple[int, bytes]:
    """Return a number with a suffix of K, M or G, and what is behind it (lib/cmdline.c)."""
    number, end = vsprintf.simple_strtoul(text)
    shift = {b"k": 10, b"m": 20, b"g": 30}.get(text[end : end + 1].lower())
    if shift is None:
        return number, text[end:]
    return number << shift & ULONG_MAX, text[end + 1 :]


def fill_tmpfs(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Make an empty tmpfs (shmem_fill_super)."""
    sb = TmpfsSuperBlock(k, "tmpfs", TMPFS_MAGIC)
    cred = (current or k.init_task).cred
    sb.uid, sb.gid = cred.fsuid, cred.fsgid
    sb.parse_options(options, cred.user_ns)
    root = new_inode(sb, S_IFDIR | sb.mode)
    root.i_uid, root.i_gid = sb.uid, sb.gid
    sb.s_root = dcache.d_make_root(root)
    return sb


def fill_ramfs(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Make an empty ramfs, which has no options but mode, and passes over all others (ramfs_fill_super)."""
    sb = TmpfsSuperBlock(k, "ramfs", RAMFS_MAGIC)
    sb.mode = 0o755
    sb.options = options
    for option in options.split(","):
        if option.startswith("mode="):
            number, end = vsprintf.simple_strtoul(string.to_bytes(option[5:]), 8)
            if end and end == len(option) - 5:
                sb.mode = number & S_IALLUGO
    root = new_inode(sb, S_IFDIR | sb.mode)
    if current is not None:
        root.i_uid, root.i_gid = current.cred.fsuid, current.cred.fsgid
    sb.s_root = dcache.d_make_root(root)
    return sb


def init_ramfs_fs(k: Kernel) -> None:
    """Register tmpfs and ramfs."""
    k.vfs.max_inodes = max(8192, k.mm.total_pages // 2)
    fs_super.register_filesystem(k, fs_super.FileSystemType("tmpfs", fill_tmpfs, fs_super.own_user_ns))
    fs_super.register_filesystem(k, fs_super.FileSystemType("ramfs", fill_ramfs, fs_super.own_user_ns))
