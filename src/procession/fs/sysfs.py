"""sysfs, with what is in it about the CPUs (fs/sysfs/, drivers/base/cpu.c and topology.c, intel_cacheinfo.c).

Differs: there are the machine's devices and what describes the kernel, and nothing of that can be written; no modules,
no power management, no slabs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.drivers.base import core
from procession.fs import dcache
from procession.fs import super as fs_super
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    FMODE_WRITE,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    DirFile,
    File,
    Inode,
    Kstat,
    generic_file_llseek,
)
from procession.include.linux.magic import SYSFS_MAGIC
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.threads import NR_CPUS
from procession.lib import bitmap
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("SysfsDir", "SysfsDirFile", "SysfsFile", "SysfsInode", "sysfs_init")

# Level, type, ways, sets, size of the caches that cpuid tells of.
_CACHES: Final = (
    (1, "Data", 8, 64, 32),
    (1, "Instruction", 8, 64, 32),
    (2, "Unified", 8, 512, 256),
    (3, "Unified", 16, 4096, 4096),
)


def _new(inode: Inode) -> None:
    """Give the next inode another number, and this one the time."""
    k = inode.i_sb.kernel
    inode.i_sb.s_next_ino += 1
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns


class SysfsInode(Inode):
    """A file whose text a function makes; it may raise."""

    i_fop_fsync = False

    def __init__(self, sb: SuperBlock, show: Callable[[], str], mode: int = 0o444) -> None:
        super().__init__(sb, sb.s_next_ino, S_IFREG | mode)
        _new(self)
        self.i_size = PAGE_SIZE
        self.show = show

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file; raises EACCES for writing, whoever asks."""
        if mode & FMODE_WRITE:
            raise LinuxError(Errno.EACCES, "cannot be written")
        out = SysfsFile(path, flags, mode)
        out.show = self.show
        return out

    def getattr(self, current: Task) -> Kstat:
        """Show a file that takes no room."""
        stat = super().getattr(current)
        stat.blocks = 0
        return stat


class SysfsFile(File):
    """An open file: the text is made when it is read for the first time, and again after a seek to its start."""

    show: Callable[[], str]
    text: bytes | None = None

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy a part of the text out; raises EFAULT."""
        at = self.f_pos if pos is None else pos
        if self.text is None or not at:
            self.text = self.show().encode()
        chunk = self.text[at : at + count]
        done = uaccess.copy_to_user_partial(current, buf, chunk) if chunk else 0
        if pos is None:
            self.f_pos = at + done
        return done

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; raises EINVAL, ENXIO."""
        return generic_file_llseek(self, offset, whence)


class SysfsLink(Inode):
    """A symbolic link."""

    def __init__(self, sb: SuperBlock, target: str) -> None:
        super().__init__(sb, sb.s_next_ino, S_IFLNK | 0o777)
        _new(self)
        self.target = target

    def readlink(self, current: Task) -> str:
        """Return the text."""
        return self.target


class SysfsDir(Inode):
    """A directory whose entries never change. fill: makes them, as soon as somebody looks."""

    d_negative = False
    i_fop_fsync = False

    def __init__(self, sb: SuperBlock, fill: Callable[[SysfsDir], None] | None = None) -> None:
        super().__init__(sb, sb.s_next_ino, S_IFDIR | 0o755, i_nlink=2)
        _new(self)
        self.fill = fill
        self.members: dict[str, Inode] = {}

    @property
    def entries(self) -> dict[str, Inode]:
        """What is in it."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        return self.members

    def add(self, name: str, fill: Callable[[SysfsDir], None] | None = None) -> SysfsDir:
        """Make a directory in it."""
        out = self.members[name] = SysfsDir(self.i_sb, fill)
        self.i_nlink += 1
        return out

    def add_file(self, name: str, text: str, mode: int = 0o444) -> None:
        """Make a file in it, of one line."""
        self.members[name] = SysfsInode(self.i_sb, lambda: f"{text}\n", mode)

    def add_show(self, name: str, show: Callable[[], str], mode: int = 0o444) -> None:
        """Make a file in it whose text a function makes, with its end of line."""
        self.members[name] = SysfsInode(self.i_sb, show, mode)

    def add_link(self, name: str, target: str) -> None:
        """Make a symbolic link in it."""
        self.members[name] = SysfsLink(self.i_sb, target)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open directory."""
        return SysfsDirFile(path, flags, mode)

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT."""
        inode = self.entries.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the entries."""
        return [(name, inode.i_ino, (inode.i_mode & S_IFMT) >> 12) for name, inode in self.entries.items()]

    def getattr(self, current: Task) -> Kstat:
        """Show a directory that takes no room."""
        self.entries  # noqa: B018 -- how many there are is known when they are made
        stat = super().getattr(current)
        stat.blocks = 0
        return stat


class SysfsDirFile(DirFile):
    """An open directory, in which one can move as in a file."""

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; the end is at 0. Raises EINVAL, ENXIO."""
        return generic_file_llseek(self, offset, whence)


def sysfs_init(k: Kernel) -> None:
    """Register the file system, of which there is one instance."""
    fs_super.register_filesystem(k, fs_super.FileSystemType("sysfs", _mount, _owner, visible=True))


def _owner(current: Task) -> UserNamespace | None:
    assert current.nsproxy is not None
    return current.nsproxy.net_ns.user_ns


def _mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the instance, made on first use."""
    sb = k.vfs.sysfs_sb
    if sb is None:
        sb = k.vfs.sysfs_sb = fs_super.sget(k, "sysfs", SYSFS_MAGIC)
        root = SysfsDir(sb)
        sb.s_root = dcache.d_make_root(root)
        core.devices_init(k, root)
    return sb


# The CPUs.


def cpu_dev_init(k: Kernel, cpus: SysfsDir) -> None:
    """Make what tells which CPUs there are, and a directory for each."""
    every = bitmap.bitmap_scnlistprintf((1 << k.nr_cpus) - 1)
    for name in ("online", "possible", "present"):
        cpus.add_file(name, every)
    cpus.add_file("kernel_max", str(NR_CPUS - 1))
    cpus.add_file("offline", "")
    for cpu in range(k.nr_cpus):
        directory = cpus.add(f"cpu{cpu}")
        own = bitmap.bitmap_scnprintf(1 << cpu, NR_CPUS)
        caches = directory.add("cache")
        for index, cache in enumerate(_CACHES):
            _add_cache(caches.add(f"index{index}"), cache, cpu, own)
        # Every CPU is a package of its own.
        topology = directory.add("topology")
        topology.add_file("physical_package_id", str(cpu))
        topology.add_file("core_id", "0")
        for name in ("thread_siblings", "core_siblings"):
            topology.add_file(name, own)
            topology.add_file(f"{name}_list", str(cpu))


def _add_cache(directory: SysfsDir, cache: tuple[int, str, int, int, int], cpu: int, own: str) -> None:
    level, kind, ways, sets, size_kib = cache
    for name, value in (
        ("type", kind),
        ("level", str(level)),
        ("coherency_line_size", "64"),
        ("physical_line_partition", "1"),
        ("ways_of_associativity", str(ways)),
        ("number_of_sets", str(sets)),
        ("size", f"{size_kib}K"),
        ("shared_cpu_map", own),
        ("shared_cpu_list", str(cpu)),
    ):
        directory.add_file(name, value)
