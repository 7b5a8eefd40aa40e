"""What statfs(2) calls the file systems (include/linux/magic.h)."""

from __future__ import annotations

from typing import Final

ANON_INODE_FS_MAGIC: Final = 0x09041934
CGROUP_SUPER_MAGIC: Final = 0x27E0EB
DEVPTS_SUPER_MAGIC: Final = 0x1CD1
HOSTFS_SUPER_MAGIC: Final = 0x00C0FFEE
PIPEFS_MAGIC: Final = 0x50495045
PROC_SUPER_MAGIC: Final = 0x9FA0
SOCKFS_MAGIC: Final = 0x534F434B
TMPFS_MAGIC: Final = 0x01021994
RAMFS_MAGIC: Final = 0x858458F6
