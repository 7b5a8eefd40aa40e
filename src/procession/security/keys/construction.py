"""Waiting for a key that somebody makes (the waiting part of security/keys/request_key.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import KEY_FLAG_NEGATIVE, KEY_FLAG_USER_CONSTRUCT
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE
from procession.kernel import wait
from procession.security.keys import permission

if TYPE_CHECKING:
    from procession.include.linux.key import Key
    from procession.include.linux.sched import Task

__all__ = ("wait_for_key_construction",)


async def wait_for_key_construction(current: Task, key: Key, *, interruptible: bool) -> None:
    """Wait until a key is made; raises ERESTARTSYS, a negative key's error, EKEYREVOKED, EKEYEXPIRED."""
    k = current.kernel
    if key.flags & KEY_FLAG_USER_CONSTRUCT:
        state = TASK_INTERRUPTIBLE if interruptible else TASK_UNINTERRUPTIBLE
        current.held.append(key)
        try:
            with wait.Waiter(current, k.keys.wait, state, "key_wait_bit") as waiter:
                while key.flags & KEY_FLAG_USER_CONSTRUCT:
                    await waiter.sleep()
        finally:
            current.held.pop()
    if key.flags & KEY_FLAG_NEGATIVE:
        raise LinuxError(Errno(key.reject_error), f"key {key.serial} is negative")
    permission.key_validate(k, key)
