"""getrandom(2) (drivers/char/random.c, as of 6.6); /dev/random and /dev/urandom are in fs/devices.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import read_write
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.random import GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM, GetrandomArg, RandomBuf
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import SizeT
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_getrandom",)

_PIECE: Final = 4096  # what is made at a time


@later_syscall
def sys_getrandom(current: Task, ubuf: RandomBuf, len: SizeT, flags: GetrandomArg) -> int:
    """Store random bytes, which come from the machine's seed; the pool is always ready (getrandom(2)).

    Returns how many. Raises EINVAL for unknown flags and GRND_RANDOM with GRND_INSECURE, EFAULT if none could be
    stored.
    """
    if flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE):
        raise LinuxError(Errno.EINVAL, "getrandom: unknown flags")
    if flags & (GRND_INSECURE | GRND_RANDOM) == GRND_INSECURE | GRND_RANDOM:
        raise LinuxError(Errno.EINVAL, "getrandom: GRND_INSECURE with GRND_RANDOM")
    count = min(len, read_write.MAX_RW_COUNT)
    if not uaccess.user_pointer_ok(current, ubuf, count):
        raise LinuxError(Errno.EFAULT, "not the user's memory")
    done = 0
    while done < count:
        data = current.kernel.chooser.random_bytes(min(count - done, _PIECE))
        try:
            stored = uaccess.copy_to_user_partial(current, ubuf, data, done)
        except LinuxError:
            stored = 0
        done += stored
        if stored < min(count - done + stored, _PIECE):
            break
    if not done and count:
        raise LinuxError(Errno.EFAULT, "getrandom")
    return done
