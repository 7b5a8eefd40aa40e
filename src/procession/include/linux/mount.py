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
