"""Flags of a mount (include/linux/mount.h)."""

from __future__ import annotations

from typing import Final

# Vfsmount.mnt_flags.
MNT_NOSUID: Final = 0x01
MNT_NODEV: Final = 0x02
MNT_NOEXEC: Final = 0x04
MNT_NOATIME: Final = 0x08
MNT_NODIRATIME: Final = 0x10
MNT_READONLY: Final = 0x40
