"""debugfs (fs/debugfs/), with what the scheduler has in it (kernel/sched.c).

Differs: the scheduler's features are those of 3.2 by default, and cannot be switched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, sysfs
from procession.fs import super as fs_super
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import FMODE_WRITE, S_IFREG, File, Inode
from procession.include.linux.magic import DEBUGFS_MAGIC
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("debugfs_init",)

SCHED_FEATURES: Final = (
    "GENTLE_FAIR_SLEEPERS START_DEBIT AFFINE_WAKEUPS NO_NEXT_BUDDY LAST_BUDDY CACHE_HOT_BUDDY NO_ARCH_POWER NO_HRTICK "
    "NO_DOUBLE_TICK LB_BIAS OWNER_SPIN NONTASK_POWER TTWU_QUEUE NO_FORCE_SD_OVERLAP RT_RUNTIME_SHARE"
)
_LONGEST: Final = 63  # bytes that are read of what is written


class DebugfsDir(sysfs.SysfsDir):
    """A directory: what is not there may not be made."""

    d_negative = True
    i_fop_fsync = True


class SchedFeatures(Inode):
    """The file sched_features."""

    i_fop_fsync = False

    def __init__(self, sb: SuperBlock) -> None:
        super().__init__(sb, sb.s_next_ino, S_IFREG | 0o644)
        sb.s_next_ino += 1
        self.i_atime_ns = self.i_mtime_ns = self.i_ctime_ns = sb.kernel.boot_time_ns + sb.kernel.clock.now_ns

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        return SchedFeaturesFile(path, flags, mode)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class SchedFeaturesFile(sysfs.SysfsFile):
    """It, open."""

    def __init__(self, path: PathRef, flags: int, mode: int) -> None:
        super().__init__(path, flags, mode)
        self.show = _features

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Take a feature's name, with NO_ before it to switch it off (sched_feat_write).

        Raises EFAULT, EINVAL for a name that there is not, or to switch one.
        """
        name = uaccess.copy_from_user(current, buf, min(count, _LONGEST)).strip().decode("latin-1")
        features = SCHED_FEATURES.split()
        if name not in features:
            other = name.removeprefix("NO_") if name.startswith("NO_") else f"NO_{name}"
            if other in features:
                current.kernel.not_modelled(f"sched_features: {name}")
            raise LinuxError(Errno.EINVAL, name)
        if self.f_mode & FMODE_WRITE and pos is None:
            self.f_pos += count
        return count


def _features() -> str:
    return SCHED_FEATURES + " \n"


def debugfs_init(k: Kernel) -> None:
    """Register the file system, of which there is one instance."""
    fs_super.register_filesystem(k, fs_super.FileSystemType("debugfs", _mount))


def _mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the instance, made on first use; it takes any options."""
    sb = k.vfs.debugfs_sb
    if sb is None:
        sb = k.vfs.debugfs_sb = fs_super.sget(k, "debugfs", DEBUGFS_MAGIC)
        root = DebugfsDir(sb)
        root.members["sched_features"] = SchedFeatures(sb)
        sb.s_root = dcache.d_make_root(root)
    return sb
