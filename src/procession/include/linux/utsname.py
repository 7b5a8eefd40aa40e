"""The names of a machine that change, and can be polled for (include/linux/utsname.h)."""

from __future__ import annotations

from typing import Final

NEW_UTS_LEN: Final = 64  # __NEW_UTS_LEN: of a name, in bytes
UTS_PROC_HOSTNAME: Final = "hostname"
UTS_PROC_DOMAINNAME: Final = "domainname"
