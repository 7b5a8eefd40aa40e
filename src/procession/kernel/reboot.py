"""Ending the machine, or a pid namespace (3.2: kernel/sys.c; later kernel/reboot.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_BOOT
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.printk import KERN_EMERG
from procession.include.linux.reboot import (
    LINUX_REBOOT_CMD_CAD_OFF,
    LINUX_REBOOT_CMD_CAD_ON,
    LINUX_REBOOT_CMD_HALT,
    LINUX_REBOOT_CMD_POWER_OFF,
    LINUX_REBOOT_CMD_RESTART,
    LINUX_REBOOT_CMD_RESTART2,
)
from procession.include.linux.sched import TASK_UNINTERRUPTIBLE, set_task_state
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import UInt, UserPtr
from procession.kernel import capability, pid, pid_namespace, sched, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_reboot",)

_REBOOT_MAGIC1: Final = 0xFEE1DEAD
_REBOOT_MAGIC2: Final = frozenset({672274793, 85072278, 369367448, 537993216})
_LAST_WORDS: Final = {
    LINUX_REBOOT_CMD_RESTART: "Restarting system.",
    LINUX_REBOOT_CMD_RESTART2: "Restarting system.",
    LINUX_REBOOT_CMD_HALT: "System halted.",
    LINUX_REBOOT_CMD_POWER_OFF: "Power down.",
}


@syscall
async def sys_reboot(current: Task, magic1: UInt, magic2: UInt, cmd: UInt, arg: UserPtr) -> int:
    """Stop the machine; raises EPERM, EINVAL (reboot(2)).

    Differs: there is nobody to start it again, so that all ways of going down are one.
    """
    ns = pid.task_active_pid_ns(current)
    if not capability.ns_capable(current, ns.user_ns, CAP_SYS_BOOT):
        raise LinuxError(Errno.EPERM, "CAP_SYS_BOOT")
    if magic1 != _REBOOT_MAGIC1 or magic2 not in _REBOOT_MAGIC2:
        raise LinuxError(Errno.EINVAL, "magic numbers")
    if ns.level and user_namespace.are_later(current.kernel):
        return await pid_namespace.reboot_pid_ns(current, ns, cmd)
    if cmd in (LINUX_REBOOT_CMD_CAD_ON, LINUX_REBOOT_CMD_CAD_OFF):
        current.kernel.sysctls["ctrl-alt-del"] = int(cmd == LINUX_REBOOT_CMD_CAD_ON)
        return 0
    if cmd not in _LAST_WORDS:
        raise LinuxError(Errno.EINVAL, "command")
    k = current.kernel
    k.printk(_LAST_WORDS[cmd], KERN_EMERG)
    k.halted = True
    while True:
        set_task_state(current, TASK_UNINTERRUPTIBLE)
        await sched.schedule(current, "sys_reboot")
