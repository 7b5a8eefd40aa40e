"""/proc/version (fs/proc/version.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.nsproxy import utsname

if TYPE_CHECKING:
    from procession.include.linux.nsproxy import UtsNamespace
    from procession.include.linux.sched import Task

__all__ = ("linux_banner", "version_proc_show")

LINUX_COMPILE: Final = "(root@procession) (gcc version 4.6.2 (GCC) )"


def version_proc_show(current: Task) -> bytes:
    """Return what was built, by whom and with what."""
    return linux_banner(utsname(current)).encode() + b"\n"


def linux_banner(uts: UtsNamespace) -> str:
    """Return the line about the kernel, by the names that uts has for it."""
    return f"{uts.sysname.decode()} version {uts.release.decode()} {LINUX_COMPILE} {uts.version.decode()}"
