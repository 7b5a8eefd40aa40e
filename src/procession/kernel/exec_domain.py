"""Personalities (kernel/exec_domain.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.prctl import PersonalityArg
from procession.include.linux.syscalls import syscall

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("PER_LINUX32", "PER_MASK", "UNAME26", "sys_personality")

PER_LINUX32 = 0x0008
PER_MASK = 0x00FF
UNAME26 = 0x0020000
_QUERY = 0xFFFFFFFF


@syscall
def sys_personality(current: Task, personality: PersonalityArg) -> PersonalityArg:
    """Set how the system presents itself, return what it was; never fails (personality(2))."""
    old = current.personality
    if personality != _QUERY:
        current.personality = personality
    return old
