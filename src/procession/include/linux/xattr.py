"""Extended attributes (include/linux/xattr.h, limits.h)."""

from __future__ import annotations

from typing import Final

XATTR_NAME_MAX: Final = 255  # bytes
XATTR_SIZE_MAX: Final = 65536
XATTR_LIST_MAX: Final = 65536
XATTR_SYSTEM_PREFIX: Final = "system."
XATTR_SECURITY_PREFIX: Final = "security."
XATTR_TRUSTED_PREFIX: Final = "trusted."
XATTR_USER_PREFIX: Final = "user."
XATTR_NAME_CAPS: Final = "security.capability"
