"""/proc/version (fs/proc/version.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.nsproxy import utsname

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("version_proc_show",)

LINUX_COMPILE: Final = "(root@procession) (gcc version 4.6.2 (GCC) )"


def version_proc_show(current: Task) -> bytes:
    """Return what was built, by whom and with what."""
    uts = utsname(current)
    return f"{uts.sysname} version {uts.release} {LINUX_COMPILE} {uts.version}\n".encode()
