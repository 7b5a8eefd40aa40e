"""File system types and their instances (fs/super.c, fs/filesystems.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from procession.fs.notify import fsnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import MS_DIRSYNC, MS_MANDLOCK, MS_RDONLY, MS_SYNCHRONOUS
from procession.include.linux.fs import FMODE_WRITE, S_IFMT, S_IFREG, SuperBlock
from procession.include.linux.kdev_t import new_encode_dev
from procession.kernel import user

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry, File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "FileSystemType",
    "all_tasks",
    "deactivate_super",
    "do_remount_sb",
    "files_in_use",
    "get_anon_bdev",
    "get_fs_type",
    "is_removed_dir_used",
    "is_sb_used",
    "own_user_ns",
    "register_filesystem",
    "set_sb_flags",
    "sget",
)

_SB_FLAGS: Final = MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK
_REMOUNT_FLAGS: Final = MS_SYNCHRONOUS | MS_MANDLOCK  # of MS_RMT_MASK

# (kernel, mounting task or None at boot, mount flags, device name, options) -> instance with s_root set.
MountFn = Callable[["Kernel", "Task | None", int, str, str], SuperBlock]


# Whose administrator may mount it, since 3.8; None for the first's.
OwnerFn = Callable[["Task"], "UserNamespace | None"]


class FileSystemType:
    """struct file_system_type."""

    __slots__ = ("name", "mount", "owner", "visible", "nodev")  # derived

    def __init__(self, name: str, mount: MountFn, owner: OwnerFn | None = None, *, visible: bool = False) -> None:
        self.name: Final[str] = name
        self.mount: Final[MountFn] = mount
        self.owner: Final[OwnerFn | None] = owner  # FS_USERNS_MOUNT; None: the machine's administrator alone mounts it
        self.visible: Final[bool] = visible  # SB_I_USERNS_VISIBLE: others mount it only where all of it is seen already
        self.nodev: Final[bool] = True


def own_user_ns(current: Task) -> UserNamespace:
    """Who owns an instance that is nobody's but its mounter's (an OwnerFn)."""
    return current.cred.user_ns


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
        if sb.kernel.vfs.nr_fsnotify_marks and not is_sb_used(sb.kernel, sb):
            fsnotify.fsnotify_unmount_inodes(sb)
        sb.kill_sb()
        user.put_user_ns(sb.kernel, sb.s_user_ns)
        sb.s_user_ns = None


def sget(k: Kernel, s_type: str, magic: int) -> SuperBlock:
    """Make an empty instance; the caller sets s_root."""
    return SuperBlock(k, s_type, get_anon_bdev(k), magic)


def set_sb_flags(sb: SuperBlock, flags: int) -> None:
    """Give an instance that nobody has mounted yet the flags that it was asked for with."""
    sb.s_readonly = sb.s_readonly or bool(flags & MS_RDONLY)
    sb.s_flags = flags & _SB_FLAGS
    _note_mandlock(sb)


def _note_mandlock(sb: SuperBlock) -> None:
    """Have reads and writes look for mandatory locks from now on, if there may be any."""
    if sb.s_flags & MS_MANDLOCK:
        sb.kernel.vfs.mandlock = True


def all_tasks(k: Kernel) -> Iterator[Task]:
    """Every thread, the boot task's included."""
    for leader in (k.init_task, *k.tasks):
        yield from leader.signal.threads


def files_in_use(k: Kernel) -> Iterator[File]:
    """All files that tasks have open, mapped, or run. Files in messages are not among them."""
    for p in all_tasks(k):
        if p.files is not None:
            for _, file in p.files.open_files():
                yield file
        if p.mm is not None:
            if p.mm.exe_file is not None:
                yield p.mm.exe_file
            for vma in p.mm.mmap:
                if vma.vm_file is not None:
                    yield vma.vm_file


def do_remount_sb(k: Kernel, sb: SuperBlock, flags: int, options: str = "") -> None:
    """Change a file system's own flags; raises EBUSY if it cannot become read-only now, EACCES, EINVAL."""
    if flags & MS_RDONLY and not sb.s_readonly:
        for file in files_in_use(k):
            inode = file.inode
            writes = inode.i_mode & S_IFMT == S_IFREG and file.f_mode & FMODE_WRITE
            if inode.i_sb is sb and (writes or inode.i_nlink == 0):
                raise LinuxError(Errno.EBUSY, "a file is open for writing, or has no name")
    sb.remount_fs(flags, options)
    sb.s_readonly = bool(flags & MS_RDONLY)
    sb.s_flags = sb.s_flags & ~_REMOUNT_FLAGS | flags & _REMOUNT_FLAGS
    _note_mandlock(sb)


def is_removed_dir_used(k: Kernel, dentry: Dentry) -> bool:
    """Whether a removed directory is somebody's root or working directory, or something that was in it is open."""
    for p in all_tasks(k):
        if p.fs is not None and (p.fs.root.dentry is dentry or p.fs.pwd.dentry is dentry):
            return True
    return any(file.f_path.dentry.d_parent is dentry for file in files_in_use(k))


def is_sb_used(k: Kernel, sb: SuperBlock) -> bool:
    """Whether a file system that is mounted nowhere is somebody's root or working directory, or has an open file."""
    for p in all_tasks(k):
        if p.fs is not None and sb in (p.fs.root.mnt.mnt_sb, p.fs.pwd.mnt.mnt_sb):
            return True
    return any(file.f_path.mnt.mnt_sb is sb for file in files_in_use(k))
