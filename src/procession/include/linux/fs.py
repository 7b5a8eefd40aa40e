"""Inodes, names, open files (include/linux/fs.h, dcache.h, mount.h, stat.h, fcntl.h).

The VFS is as small as processes need. There is no dentry cache to tune: a Dentry is one name in one directory,
kept while somebody refers to it. Operations live on the classes below, which file systems subclass; an
operation that a file system lacks answers the errno that Linux's NULL method pointer leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from procession.include.linux.errno import Errno, LinuxError

if TYPE_CHECKING:
    from procession.fs.eventpoll import Epitem
    from procession.fs.fasync import FownStruct
    from procession.fs.locks import FileLock
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fsnotify_backend import FsnotifyMark
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import VmArea
    from procession.include.linux.nsproxy import Ucounts, UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.include.linux.wait import WaitQueueHead


# What permission() is asked for.
MAY_EXEC: Final = 1
MAY_WRITE: Final = 2
MAY_READ: Final = 4
MAY_APPEND: Final = 8
MAY_ACCESS: Final = 16
MAY_OPEN: Final = 32
MAY_CHDIR: Final = 64

# d_type of getdents(2).
DT_UNKNOWN: Final = 0
DT_DIR: Final = 4
DT_REG: Final = 8
DT_LNK: Final = 10

MAX_LFS_FILESIZE: Final = (1 << 63) - 1
MAX_NON_LFS: Final = (1 << 31) - 1  # of a file opened without O_LARGEFILE


# Inode.i_mode.
S_IFMT: Final = 0o170000
S_IFSOCK: Final = 0o140000
S_IFLNK: Final = 0o120000
S_IFREG: Final = 0o100000
S_IFBLK: Final = 0o060000
S_IFDIR: Final = 0o040000
S_IFCHR: Final = 0o020000
S_IFIFO: Final = 0o010000
S_ISUID: Final = 0o4000
S_ISGID: Final = 0o2000
S_ISVTX: Final = 0o1000
S_IXGRP: Final = 0o010
S_IRUGO: Final = 0o444
S_IWUGO: Final = 0o222
S_IXUGO: Final = 0o111
S_IRWXG: Final = 0o070
S_IRWXUGO: Final = 0o777
S_IALLUGO: Final = 0o7777


# File.f_mode.
FMODE_READ: Final = 1
FMODE_WRITE: Final = 2
FMODE_LSEEK: Final = 4
FMODE_PREAD: Final = 8
FMODE_PWRITE: Final = 16
FMODE_EXEC: Final = 32
FMODE_PATH: Final = 0x4000
FMODE_NONOTIFY: Final = 0x1000000  # opened in order to look at an event: makes none


# Event bits of poll(2).
POLLIN: Final = 0x1
POLLPRI: Final = 0x2
POLLOUT: Final = 0x4
POLLERR: Final = 0x8
POLLHUP: Final = 0x10
POLLNVAL: Final = 0x20
POLLRDNORM: Final = 0x40
POLLRDBAND: Final = 0x80
POLLWRNORM: Final = 0x100
POLLWRBAND: Final = 0x200
POLLRDHUP: Final = 0x2000
DEFAULT_POLLMASK: Final = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM


class Kstat:
    """What stat(2) reports; times in ns since 1970."""

    __slots__ = (
        "dev",
        "ino",
        "mode",
        "nlink",
        "uid",
        "gid",
        "rdev",
        "size",
        "blksize",
        "blocks",
        "atime_ns",
        "mtime_ns",
        "ctime_ns",
    )  # derived

    def __init__(
        self,
        dev: int,
        ino: int,
        mode: int,
        nlink: int,
        uid: int,
        gid: int,
        rdev: int,
        size: int,
        blksize: int,
        blocks: int,
        atime_ns: int,
        mtime_ns: int,
        ctime_ns: int,
    ) -> None:
        self.dev: int = dev
        self.ino: int = ino
        self.mode: int = mode
        self.nlink: int = nlink
        self.uid: int = uid
        self.gid: int = gid
        self.rdev: int = rdev
        self.size: int = size
        self.blksize: int = blksize
        self.blocks: int = blocks
        self.atime_ns: int = atime_ns
        self.mtime_ns: int = mtime_ns
        self.ctime_ns: int = ctime_ns


class Iattr:
    """What is about to be set of an inode (struct iattr): None for what stays. Times in ns since 1970."""

    __slots__ = ("mode", "uid", "gid", "atime_ns", "mtime_ns")  # derived

    def __init__(
        self,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        atime_ns: int | None = None,
        mtime_ns: int | None = None,
    ) -> None:
        self.mode: int | None = mode  # with the type
        self.uid: int | None = uid
        self.gid: int | None = gid
        self.atime_ns: int | None = atime_ns
        self.mtime_ns: int | None = mtime_ns


class SuperBlock:
    """One mounted file system's instance."""

    __slots__ = (
        "kernel",
        "s_type",
        "s_dev",
        "s_magic",
        "s_root",
        "s_next_ino",
        "s_readonly",
        "s_flags",
        "s_active",
        "s_fs_info",
        "s_user_ns",
        "s_blocksize",
        "s_max_blocks",
        "s_used_blocks",
    )  # derived

    def __init__(self, kernel: Kernel, s_type: str, s_dev: int, s_magic: int, s_blocksize: int = 4096) -> None:
        self.kernel: Kernel = kernel
        self.s_type: str = s_type  # "rootfs", "tmpfs", "proc", "devtmpfs", "pipefs"
        self.s_dev: int = s_dev  # st_dev of its inodes
        self.s_magic: int = s_magic
        self.s_root: Dentry | None = None
        self.s_next_ino: int = 1
        self.s_readonly: bool = False
        self.s_flags: int = 0  # of MS_SYNCHRONOUS and MS_DIRSYNC, which are shown and nothing more; MS_MANDLOCK
        self.s_active: int = 0  # mounts, and whatever else keeps it
        self.s_fs_info: Any = None  # the file system's own
        self.s_user_ns: UserNamespace | None = None  # of whoever mounted it first, with a reference; None for the first
        self.s_blocksize: int = s_blocksize
        self.s_max_blocks: int = 0  # how many pages its files may have in memory, 0 for any number
        self.s_used_blocks: int = 0  # how many they have, counted if there is a limit

    def remount_fs(self, flags: int, options: str) -> None:
        """Agree to be mounted otherwise, as MS_ flags and options say; raises EACCES, EINVAL, EBUSY."""

    def show_options(self) -> str:
        """Return the file system's own options, each behind a comma, for lists of mounts."""
        return ""

    def kill_sb(self) -> None:
        """The last mount of it is gone."""

    def sync_fs(self) -> None:
        """Write back what is not where it is kept yet."""


class Inode:
    """A file system object. Subclasses implement the operations their kind has.

    Methods that may sleep are async; all raise LinuxError.  `mapping`: page index -> frame number, the page cache
    of the file, owned by mm/filemap.  i_count: open files of this inode; when that and i_nlink are 0 it is evicted.
    """

    # Whether names found here are remembered in Dentry.d_subdirs; not where entries come and go (proc), but for those
    # on which, or below which, something is mounted.
    d_cache: ClassVar[bool] = True
    # Whether looking up what is not there gives a negative dentry, to be made into something; in proc it fails.
    d_negative: ClassVar[bool] = True
    # Whether what was found here has to be looked up again each time: others than the kernel change it (d_revalidate).
    d_op_revalidate: ClassVar[bool] = False
    # Whether pages that are not in memory are holes, which reading does not fill.
    i_memory_only: ClassVar[bool] = False
    # Whether what it opens can be brought to where it is kept (file_operations.fsync).
    i_fop_fsync: ClassVar[bool] = True
    # Whether the class has a permission() of its own.
    i_op_permission: ClassVar[bool] = False

    def __init__(
        self, i_sb: SuperBlock, i_ino: int, i_mode: int, i_uid: int = 0, i_gid: int = 0, i_nlink: int = 1
    ) -> None:
        self.i_sb: SuperBlock = i_sb
        self.i_ino: int = i_ino
        self.i_mode: int = i_mode
        self.i_uid: int = i_uid
        self.i_gid: int = i_gid
        self.i_nlink: int = i_nlink
        self.i_rdev: int = 0
        self.i_size: int = 0
        self.i_atime_ns: int = 0
        self.i_mtime_ns: int = 0
        self.i_ctime_ns: int = 0
        self.i_count: int = 0
        self.i_counted: bool = False  # in Kernel.vfs.nr_inodes
        self.i_writecount: int = 0  # > 0: writers; < 0: -(executing mappings), writes give ETXTBSY
        self.mapping: dict[int, int] = {}
        self.i_mmap: dict[VmArea, None] = {}  # who maps it, so that truncation finds them
        self.i_pipe: PipeInodeInfo | None = None  # of a FIFO or pipe while it is open
        self.i_flock: list[FileLock] | None = None  # the locks on the file, None until the first
        self.i_xattrs: dict[str, bytes] | None = None  # its attributes in the order of their making, None until then
        self.i_acl: tuple[tuple[int, int, int], ...] | None = None  # fs/posix_acl.py; None: the mode says all
        self.i_default_acl: tuple[tuple[int, int, int], ...] | None = None  # of a directory, for what is made in it
        self.i_fsnotify_mask: int = 0  # what any of its marks asks for
        self.i_fsnotify_marks: list[FsnotifyMark] | None = None  # None without any

    # Directories.
    def lookup(self, name: str) -> Inode:
        """Return the inode called name; raises ENOENT."""
        raise LinuxError(Errno.ENOTDIR)

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """Return (name, ino, DT_ type) of all entries in a fixed order, without . and .. ."""
        raise LinuxError(Errno.ENOTDIR)

    def create(self, name: str, mode: int) -> Inode:
        """Make a regular file."""
        raise LinuxError(Errno.EACCES)

    def mknod(self, name: str, mode: int, rdev: int = 0) -> Inode:
        """Make a file of the type in mode: FIFO, device or socket."""
        raise LinuxError(Errno.EPERM)

    def mkdir(self, name: str, mode: int) -> Inode:
        """Make a directory."""
        raise LinuxError(Errno.EPERM)

    def symlink(self, name: str, target: str) -> Inode:
        """Make a symbolic link."""
        raise LinuxError(Errno.EPERM)

    def link(self, inode: Inode, name: str) -> None:
        """Add another name for inode."""
        raise LinuxError(Errno.EPERM)

    def unlink(self, name: str) -> None:
        """Remove a name that is not a directory's."""
        raise LinuxError(Errno.EPERM)

    def rmdir(self, name: str) -> None:
        """Remove an empty directory."""
        raise LinuxError(Errno.EPERM)

    def rename(self, old: str, new_dir: Inode, new: str) -> None:
        """Move old here to new in new_dir, replacing what is there."""
        raise LinuxError(Errno.EPERM)

    # Symbolic links.
    def readlink(self, current: Task) -> str:
        """Return the link's text; raises EINVAL if this is no link."""
        raise LinuxError(Errno.EINVAL)

    def follow_link(self, current: Task) -> PathRef | None:
        """Return where a magic link (/proc/PID/fd/N, exe, cwd) leads without its text, else None."""
        return None

    # Regular files: contents by offset, without an open file. Only page-cache files have them.
    def readpage(self, index: int) -> bytes:
        """Return the (up to 4096) bytes of page `index` from the backing store; used by mm/filemap."""
        raise LinuxError(Errno.EIO)

    def truncate(self, size: int) -> None:
        """Set i_size, dropping or zero-filling."""
        raise LinuxError(Errno.EINVAL)

    def write_data(self, pos: int, data: bytes) -> int:
        """Write to the contents at pos, the file growing if need be; returns bytes written, raises ENOSPC, EIO."""
        raise LinuxError(Errno.EIO)

    def writepages(self) -> None:
        """Bring what was written to pages by mappings to where the file is kept; raises ENOSPC, EIO."""

    def setattr(self, attr: Iattr) -> None:
        """Called before mode, owner or times change; raises what the file system has against it."""

    def has_xattr(self) -> bool:
        """Whether it can have extended attributes (i_op->setxattr and its relatives)."""
        return False

    def owner_given(self) -> None:
        """Called when a new inode has got its owner: who keeps owners elsewhere says here which it really is."""

    def permission(self, current: Task, mask: int) -> None:
        """Check instead of generic_permission(); mask 4 read, 2 write, 1 execute or search; raises EACCES."""

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open this inode, which path leads to; returns the File whose methods are this kind of file's operations.

        flags as open(2) has them, mode: FMODE bits.
        """
        return (DirFile if self.i_mode & S_IFMT == S_IFDIR else File)(path, flags, mode)

    def evict(self) -> None:
        """Give up what the inode holds: its last name and its last open file are gone (evict_inode)."""

    def getattr(self, current: Task) -> Kstat:
        """Fill in what stat(2) reports."""
        return Kstat(
            self.i_sb.s_dev,
            self.i_ino,
            self.i_mode,
            self.i_nlink,
            self.i_uid,
            self.i_gid,
            self.i_rdev,
            self.i_size,
            self.i_sb.s_blocksize,
            (self.i_size + 511) // 512,
            self.i_atime_ns,
            self.i_mtime_ns,
            self.i_ctime_ns,
        )


class Dentry:
    """A name in a directory (struct dentry); the root of a file system is its own parent.

    d_parent: None makes such a root.  d_subdirs: names looked up here before, None for those that do not exist.
    d_mounted: how often it is a mount point.  d_pinned: how many mounts are on it or below it, for which its name has
    to be remembered.
    """

    __slots__ = (
        "d_name",
        "d_parent",
        "d_inode",
        "d_deleted",
        "d_op_revalidate",
        "d_mounted",
        "d_pinned",
        "d_subdirs",
    )  # derived

    def __init__(self, d_name: str, d_parent: Dentry | None, d_inode: Inode, d_deleted: bool = False) -> None:
        self.d_name: str = d_name
        self.d_parent: Dentry = self if d_parent is None else d_parent
        self.d_inode: Inode = d_inode
        self.d_deleted: bool = d_deleted
        self.d_op_revalidate: bool = False
        self.d_mounted: int = 0
        self.d_pinned: int = 0
        self.d_subdirs: dict[str, Dentry | None] | None = None


class Vfsmount:
    """A mounted file system at a place in the tree (struct vfsmount).

    mnt_parent, mnt_mountpoint: None if it is on nothing.  mnt_hash_next: what was mounted later at the same place, and
    is hidden there.  mnt_share: all peers in the order of their ring, None without any.
    """

    __slots__ = (
        "mnt_sb",
        "mnt_root",
        "mnt_parent",
        "mnt_mountpoint",
        "mnt_flags",
        "mnt_devname",
        "mnt_id",
        "mnt_ns",
        "mnt_hash_next",
        "mnt_mounts",
        "mnt_share",
        "mnt_slave_list",
        "mnt_master",
        "mnt_group_id",
        "mnt_expiry_mark",
        "mnt_fsnotify_mask",
        "mnt_fsnotify_marks",
    )  # derived

    def __init__(
        self,
        mnt_sb: SuperBlock,
        mnt_root: Dentry,
        mnt_parent: Vfsmount | None,
        mnt_mountpoint: Dentry | None,
        mnt_flags: int = 0,
        mnt_devname: str = "none",
    ) -> None:
        self.mnt_sb: SuperBlock = mnt_sb
        self.mnt_root: Dentry = mnt_root
        self.mnt_parent: Vfsmount | None = mnt_parent
        self.mnt_mountpoint: Dentry | None = mnt_mountpoint
        self.mnt_flags: int = mnt_flags  # MNT_ bits
        self.mnt_devname: str = mnt_devname
        self.mnt_id: int = -1  # of one in a tree
        self.mnt_ns: MntNamespace | None = None
        self.mnt_hash_next: Vfsmount | None = None
        self.mnt_mounts: list[Vfsmount] = []  # its children
        self.mnt_share: list[Vfsmount] | None = None
        self.mnt_slave_list: list[Vfsmount] = []
        self.mnt_master: Vfsmount | None = None
        self.mnt_group_id: int = 0
        # 2: to expire; less once it was looked at, which umount(2) itself does too.
        self.mnt_expiry_mark: int = 0
        self.mnt_fsnotify_mask: int = 0
        self.mnt_fsnotify_marks: list[FsnotifyMark] | None = None


class PathRef:
    """struct path: where a name lookup ended."""

    __slots__ = ("mnt", "dentry")  # derived

    def __init__(self, mnt: Vfsmount, dentry: Dentry) -> None:
        self.mnt: Final[Vfsmount] = mnt
        self.dentry: Final[Dentry] = dentry


class MntNamespace:
    """struct mnt_namespace; mounts in the order they were made, the root first.

    event: how often they have changed.  poll: who wants to know that.
    """

    __slots__ = ("root", "mounts", "count", "inum", "seq", "user_ns", "ucounts", "event", "poll")  # derived

    def __init__(self, root: Vfsmount, mounts: list[Vfsmount], poll: WaitQueueHead) -> None:
        self.root: Vfsmount = root
        self.mounts: list[Vfsmount] = mounts
        self.count: int = 1
        self.inum: int = 0
        self.seq: int = 0  # how many were made before it
        self.user_ns: UserNamespace | None = None  # of whoever made it, with a reference; None for the first
        self.ucounts: Ucounts | None = None  # where it is charged; with a reference
        self.event: int = 0
        self.poll: WaitQueueHead = poll


class PollTable:
    """What a file's poll method registers its wait queues with (fs/select.py makes one per sleeper)."""

    def wait(self, queue: WaitQueueHead) -> None:
        """Wake this poller when the queue is woken (poll_wait)."""
        raise NotImplementedError


class File:
    """An open file description (struct file). Subclasses are the file_operations.

    A buffer is a UserPtr, moved with mm/uaccess (copy_to_user, copy_from_user); counts and positions in bytes.
    """

    # Whether read and write take a whole vector at once (aio_read, aio_write), instead of being called for each piece.
    f_op_aio: ClassVar[bool] = False
    # Whether pipes take its pages themselves (generic_file_splice_read, generic_file_splice_write).
    f_op_pages: ClassVar[bool] = False
    # Whether areas that map it are counted, with vm_open and vm_close (vm_area_struct.vm_ops). Two are never merged.
    f_vm_ops: ClassVar[bool] = False
    # Whether positions are addresses, the upper half included (FMODE_UNSIGNED_OFFSET).
    f_unsigned_offset: ClassVar[bool] = False
    # Whether it counts in i_writecount while it is open for writing: its inode cannot be executed then.
    f_writer: ClassVar[bool] = True
    # fs/eventpoll.py's watchers of this file: fput gives them up.
    f_ep_links: dict[Epitem, None] | None = None

    def __init__(self, path: PathRef, flags: int, mode: int) -> None:
        self.f_count = 1
        self.f_path = path
        self.f_flags = flags  # OpenFlags without CREAT, EXCL, NOCTTY, TRUNC
        self.f_mode = mode  # FMode
        self.f_pos = 0
        self.f_owner: FownStruct | None = None  # F_SETOWN's
        self.private_data: Any = None

    @property
    def inode(self) -> Inode:
        """The inode behind the name it was opened by."""
        return self.f_path.dentry.d_inode

    def lingers(self) -> bool:
        """Whether who closes it waits until its last words have arrived: only a connection's, if it was told to."""
        return False

    async def linger(self, current: Task) -> None:
        """Say the last words, and wait."""

    def has_op(self, *, write: bool) -> bool:
        """Whether this kind of file can be written, or read, at all; else a call is EINVAL, whatever else is wrong."""
        kind = type(self)
        return kind.write is not File.write if write else kind.read is not File.read

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Read at pos, or at f_pos (moving it) if pos is None; returns bytes read, 0 at the end."""
        raise LinuxError(Errno.EINVAL)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Write at pos, or at f_pos (moving it) if pos is None; returns bytes written."""
        raise LinuxError(Errno.EINVAL)

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Return ready Poll bits; register wait queues with table unless it is None."""
        return DEFAULT_POLLMASK

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; raises ESPIPE."""
        raise LinuxError(Errno.ESPIPE)

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """Device control; arg is a UserPtr or a number."""
        raise LinuxError(Errno.ENOTTY)

    def has_fasync(self) -> bool:
        """Whether this kind of file can tell its owner of news (f_op->fasync)."""
        return False

    def fasync(self, current: Task | None, fd: int, *, on: bool) -> None:
        """Tell the owner of news from now on, calling the file fd, or no longer; raises ENOMEM. Sets O_ASYNC."""
        raise LinuxError(Errno.ENOTTY)

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Agree to be mapped, or raise ENODEV."""
        raise LinuxError(Errno.ENODEV)

    def vm_open(self, k: Kernel, vma: VmArea) -> None:
        """An area of it was copied, or cut in two: vma is the new one."""

    def vm_close(self, k: Kernel, vma: VmArea) -> None:
        """An area of it goes."""

    async def splice_read(self, current: Task, pos: int, pipe: PipeInodeInfo, length: int, flags: int) -> int:
        """Put what is at pos into a pipe; returns bytes. Most files have none of their own: see fs/splice.py."""
        raise LinuxError(Errno.EINVAL)

    async def splice_write(
        self, current: Task, pipe: PipeInodeInfo, pos: int, length: int, flags: int
    ) -> tuple[int, int]:
        """Take what is in a pipe to pos; returns bytes, and the position behind."""
        raise LinuxError(Errno.EINVAL)

    def fsync(self) -> None:
        """Bring what was written to where the file is kept; raises ENOSPC, EIO."""

    def flush(self, current: Task) -> None:
        """A descriptor of current's is closed."""

    def release(self, current: Task | None) -> None:
        """The last reference is gone."""


class DirFile(File):
    """An open directory; read by fs/readdir.py. private_data: the entries as they were at position 0."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Refuse."""
        raise LinuxError(Errno.EISDIR, "read of a directory")

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move to a position that getdents gave; raises EINVAL (dcache_dir_lseek)."""
        return seq_lseek(self, offset, whence)


def seq_lseek(file: File, offset: int, whence: int) -> int:
    """Move f_pos, from the start or from where it is; raises EINVAL."""
    if whence == 1:
        offset += file.f_pos
    elif whence:
        raise LinuxError(Errno.EINVAL, "whence")
    if not 0 <= offset <= MAX_LFS_FILESIZE:
        raise LinuxError(Errno.EINVAL, "negative offset")
    file.f_pos = offset
    return offset


def mem_lseek(file: File, offset: int, whence: int) -> int:
    """Move f_pos to any word of 64 bits, as an address is one; raises EINVAL (mem_lseek, fs/proc/base.c)."""
    if whence not in (0, 1):
        raise LinuxError(Errno.EINVAL, "no seek from the end")
    file.f_pos = (offset + (file.f_pos if whence else 0)) & (1 << 64) - 1
    return file.f_pos


def generic_file_llseek(file: File, offset: int, whence: int, maxbytes: int = MAX_LFS_FILESIZE) -> int:
    """Move f_pos, to maxbytes at most; SEEK_DATA and SEEK_HOLE see a file without holes. Raises EINVAL, ENXIO."""
    size = file.f_path.dentry.d_inode.i_size
    if whence == 1:
        offset += file.f_pos
    elif whence == 2:
        offset += size
    elif whence in (3, 4):
        if offset >= size:
            raise LinuxError(Errno.ENXIO, "beyond the end")
        if whence == 4:
            offset = size
    elif whence:
        raise LinuxError(Errno.EINVAL, "whence")
    if not 0 <= offset <= maxbytes:
        raise LinuxError(Errno.EINVAL, "negative offset")
    file.f_pos = offset
    return offset


def deny_write_access(file: File) -> None:
    """Keep writers away while the file is executed; raises ETXTBSY if there is one."""
    inode = file.f_path.dentry.d_inode
    if inode.i_writecount > 0:
        raise LinuxError(Errno.ETXTBSY, "open for writing")
    inode.i_writecount -= 1


def allow_write_access(file: File) -> None:
    """Undo deny_write_access."""
    file.f_path.dentry.d_inode.i_writecount += 1
