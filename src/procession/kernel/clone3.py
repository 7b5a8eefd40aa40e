"""clone3(2) (a part of kernel/fork.c, as of 6.18)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.clone3 import (
    CLONE_ARGS,
    CLONE_ARGS_SIZE_VER0,
    CLONE_ARGS_SIZE_VER2,
    CLONE_CLEAR_SIGHAND,
    CLONE_INTO_CGROUP,
    CLONE_LEGACY_FLAGS,
    CLONE_NEWCGROUP,
    CLONE_NEWTIME,
    CLONE_PIDFD,
    MAX_PID_NS_LEVEL,
    CloneArgsIn,
    KernelCloneArgs,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.sched import (
    CLONE_DETACHED,
    CLONE_PARENT,
    CLONE_PARENT_SETTID,
    CLONE_SIGHAND,
    CLONE_THREAD,
    CSIGNAL,
)
from procession.include.linux.signal import NSIG
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import SizeT
from procession.kernel import fork
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_clone3",)

_NOT_OFFERED: Final = {
    CLONE_INTO_CGROUP: "CLONE_INTO_CGROUP",
    CLONE_NEWTIME: "CLONE_NEWTIME",
    CLONE_NEWCGROUP: "CLONE_NEWCGROUP",
}


@later_syscall
async def sys_clone3(current: Task, uargs: CloneArgsIn, size: SizeT) -> int:
    """Make a child as a structure says (clone3(2)).

    Raises E2BIG, EINVAL, EFAULT, EPERM and EEXIST for set_tid, and what clone(2) does.

    Differs: CLONE_INTO_CGROUP, CLONE_NEWTIME and CLONE_NEWCGROUP are refused with EINVAL.
    """
    if size > PAGE_SIZE:
        raise LinuxError(Errno.E2BIG, "clone3: larger than a page")
    if size < CLONE_ARGS_SIZE_VER0:
        raise LinuxError(Errno.EINVAL, "clone3: too small")
    fields = CLONE_ARGS.unpack(uaccess.copy_struct_from_user(current, uargs, size, CLONE_ARGS.size))
    flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup = fields
    if set_tid_size > MAX_PID_NS_LEVEL or bool(set_tid) != bool(set_tid_size):
        raise LinuxError(Errno.EINVAL, "clone3: set_tid_size")
    if exit_signal & ~CSIGNAL or exit_signal > NSIG:
        raise LinuxError(Errno.EINVAL, "clone3: exit_signal")
    if flags & CLONE_INTO_CGROUP and (cgroup > INT_MAX or size < CLONE_ARGS_SIZE_VER2):
        raise LinuxError(Errno.EINVAL, "clone3: cgroup")
    tids: tuple[int, ...] = ()
    if set_tid:
        tids = struct.unpack(f"<{set_tid_size}i", uaccess.copy_from_user(current, set_tid, 4 * set_tid_size))
    _check_valid(current, flags, exit_signal, stack, stack_size)
    args = KernelCloneArgs(pidfd, tids, bool(flags & CLONE_CLEAR_SIGHAND))
    if flags & CLONE_PIDFD and flags & CLONE_PARENT_SETTID and pidfd == parent_tid:
        raise LinuxError(Errno.EINVAL, "clone3: one place for two numbers")
    args.wants_pidfd = bool(flags & CLONE_PIDFD)
    flags = flags & CLONE_LEGACY_FLAGS | exit_signal
    return await fork.do_fork(current, flags, stack + stack_size, parent_tid, child_tid, tls, args)


def _check_valid(current: Task, flags: int, exit_signal: int, stack: int, stack_size: int) -> None:
    """Raise EINVAL for flags that do not go together, and for half a stack (clone3_args_valid, clone3_stack_valid)."""
    if flags & ~(CLONE_LEGACY_FLAGS | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP):
        raise LinuxError(Errno.EINVAL, "clone3: unknown flags")
    if flags & (CLONE_DETACHED | CSIGNAL & ~CLONE_NEWTIME):
        raise LinuxError(Errno.EINVAL, "clone3: a signal, or CLONE_DETACHED, in the flags")
    if flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND) == CLONE_SIGHAND | CLONE_CLEAR_SIGHAND:
        raise LinuxError(Errno.EINVAL, "clone3: CLONE_SIGHAND with CLONE_CLEAR_SIGHAND")
    if flags & (CLONE_THREAD | CLONE_PARENT) and exit_signal:
        raise LinuxError(Errno.EINVAL, "clone3: an exit signal for a thread or a sibling")
    if bool(stack) != bool(stack_size) or (stack and not uaccess.access_ok(stack, stack_size)):
        raise LinuxError(Errno.EINVAL, "clone3: stack")
    for flag, name in _NOT_OFFERED.items():
        if flags & flag:
            current.kernel.not_modelled(f"clone3: {name}")
            raise LinuxError(Errno.EINVAL, f"clone3: {name}")
