"""What statfs(2) calls the file systems (include/linux/magic.h)."""

from __future__ import annotations

from typing import Final

ANON_INODE_FS_MAGIC: Final = 0x09041934
CGROUP_SUPER_MAGIC: Final = 0x27E0EB
DEBUGFS_MAGIC: Final = 0x64626720
DEVPTS_SUPER_MAGIC: Final = 0x1CD1
HOSTFS_SUPER_MAGIC: Final = 0x00C0FFEE
MQUEUE_MAGIC: Final = 0x19800202
NSFS_MAGIC: Final = 0x6E736673
PIPEFS_MAGIC: Final = 0x50495045
PROC_SUPER_MAGIC: Final = 0x9FA0
SOCKFS_MAGIC: Final = 0x534F434B
SYSFS_MAGIC: Final = 0x62656572
TMPFS_MAGIC: Final = 0x01021994
RAMFS_MAGIC: Final = 0x858458F6
