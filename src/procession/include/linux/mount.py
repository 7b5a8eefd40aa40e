"""Flags of a mount (include/linux/mount.h)."""

from __future__ import annotations

from typing import Final

# Vfsmount.mnt_flags.
MNT_NOSUID: Final = 0x01
MNT_NODEV: Final = 0x02
MNT_NOEXEC: Final = 0x04
MNT_NOATIME: Final = 0x08
MNT_NODIRATIME: Final = 0x10
MNT_RELATIME: Final = 0x20
MNT_READONLY: Final = 0x40
MNT_SHARED: Final = 0x1000
MNT_UNBINDABLE: Final = 0x2000
MNT_ATIME_MASK: Final = MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME
# What somebody with less to say than who mounted it must leave as it is, since 3.17.
MNT_LOCK_ATIME: Final = 0x040000
MNT_LOCK_NOEXEC: Final = 0x080000
MNT_LOCK_NOSUID: Final = 0x100000
MNT_LOCK_NODEV: Final = 0x200000
MNT_LOCK_READONLY: Final = 0x400000
MNT_LOCKED: Final = 0x800000  # it cannot be taken away from what is below it
MNT_LOCKS: Final = MNT_LOCK_ATIME | MNT_LOCK_NOEXEC | MNT_LOCK_NOSUID | MNT_LOCK_NODEV | MNT_LOCK_READONLY | MNT_LOCKED
MNT_SHARED_MASK: Final = MNT_UNBINDABLE  # what set_mnt_shared clears
MNT_PROPAGATION_MASK: Final = MNT_SHARED | MNT_UNBINDABLE

# statfs(2)'s f_flags (include/linux/statfs.h).
ST_RDONLY: Final = 0x0001
ST_NOSUID: Final = 0x0002
ST_NODEV: Final = 0x0004
ST_NOEXEC: Final = 0x0008
ST_VALID: Final = 0x0020
ST_NOATIME: Final = 0x0400
ST_NODIRATIME: Final = 0x0800
ST_RELATIME: Final = 0x1000
