"""Access control lists (include/linux/posix_acl.h, posix_acl_xattr.h)."""

from __future__ import annotations

from typing import Final

# Whom an entry is about.
ACL_USER_OBJ: Final = 0x01
ACL_USER: Final = 0x02
ACL_GROUP_OBJ: Final = 0x04
ACL_GROUP: Final = 0x08
ACL_MASK: Final = 0x10
ACL_OTHER: Final = 0x20
ACL_UNDEFINED_ID: Final = 0xFFFFFFFF

# The attributes that tell of them.
POSIX_ACL_XATTR_VERSION: Final = 2
POSIX_ACL_XATTR_ACCESS: Final = "system.posix_acl_access"
POSIX_ACL_XATTR_DEFAULT: Final = "system.posix_acl_default"
