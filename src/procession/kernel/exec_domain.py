"""Personalities (kernel/exec_domain.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.prctl import PersonalityArg
from procession.include.linux.syscalls import syscall

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_personality",)

_QUERY: Final = 0xFFFFFFFF


@syscall
def sys_personality(current: Task, personality: PersonalityArg) -> PersonalityArg:
    """Set how the system presents itself, return what it was; never fails (personality(2))."""
    old = current.personality
    if personality != _QUERY:
        current.personality = personality
    return old
