"""PID namespaces (kernel/pid_namespace.c; spec 4, 8.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import BITS_PER_PAGE, PidNamespace, get_pid_ns
from procession.include.linux.reboot import (
    LINUX_REBOOT_CMD_HALT,
    LINUX_REBOOT_CMD_POWER_OFF,
    LINUX_REBOOT_CMD_RESTART,
    LINUX_REBOOT_CMD_RESTART2,
)
from procession.include.linux.sched import (
    CLONE_NEWPID,
    CLONE_PARENT,
    CLONE_THREAD,
    TASK_KILLABLE,
    TIF_SIGPENDING,
    fatal_signal_pending,
    set_task_state,
)
from procession.include.linux.signal import SIGHUP, SIGINT, SIGKILL
from procession.include.linux.undo import Undo
from procession.include.linux.wait import WALL
from procession.kernel import acct, capability, exit_wait, pid, sched, siginfo, signal_send, ucount, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "check_pid_ns_for_children",
    "copy_pid_ns",
    "pidns_install",
    "pidns_validate",
    "unshare_pid_ns",
    "zap_pid_ns_processes",
)

_THREAD_OR_PARENT: Final = int(CLONE_THREAD | CLONE_PARENT)


def copy_pid_ns(k: Kernel, flags: int, cred: Cred, old_ns: PidNamespace) -> PidNamespace:
    """Share old_ns, or make a child of it; raises EINVAL for NEWPID with THREAD or PARENT, ENOSPC, ENOMEM."""
    if not flags & CLONE_NEWPID:
        return get_pid_ns(old_ns)
    if flags & _THREAD_OR_PARENT:
        raise LinuxError(Errno.EINVAL, "CLONE_NEWPID with CLONE_THREAD or CLONE_PARENT")
    return create_pid_namespace(k, cred, old_ns)


def create_pid_namespace(k: Kernel, cred: Cred, parent: PidNamespace) -> PidNamespace:
    """Return a child of parent; raises EINVAL if parent's owner is not above that of the child, ENOSPC, ENOMEM."""
    if user_namespace.are_later(k) and not user_namespace.in_userns(parent.user_ns, cred.user_ns):
        raise LinuxError(Errno.EINVAL, "of a user namespace that is not above")
    ucounts = user_namespace.charge_namespace(k, cred, ucount.MAX_PID_NAMESPACES)
    with Undo() as undo:
        undo.push((ucount.dec_ucount, k, ucounts, ucount.MAX_PID_NAMESPACES))
        k.caches["pid_namespace"].alloc()
    ns = PidNamespace(level=parent.level + 1, parent=get_pid_ns(parent))
    ns.user_ns, ns.ucounts = user_namespace.owner_of(k, cred), ucounts
    first = ns.pidmap_of(0)
    first.page = page = bytearray(BITS_PER_PAGE // 8)
    page[0] = 1
    first.nr_free -= 1
    return ns


def unshare_pid_ns(current: Task, new_cred: Cred | None) -> None:
    """Let current's children be born into a new pid namespace; raises EPERM, EINVAL the second time, ENOSPC, ENOMEM."""
    k, cred = current.kernel, new_cred or current.cred
    if not capability.ns_capable(current, user_namespace.admin_ns(k, cred), CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "namespaces need CAP_SYS_ADMIN")
    if current.pid_ns_for_children is not None:
        raise LinuxError(Errno.EINVAL, "children have a pid namespace of their own already")
    current.pid_ns_for_children = create_pid_namespace(k, cred, pid.task_active_pid_ns(current))


def pidns_validate(current: Task, ns: PidNamespace) -> None:
    """See that ns is current's own, or one below that; raises EINVAL (pidns_install)."""
    active = pid.task_active_pid_ns(current)
    ancestor: PidNamespace | None = ns
    while ancestor is not None and ancestor.level > active.level:
        ancestor = ancestor.parent
    if ancestor is not active:
        raise LinuxError(Errno.EINVAL, "not a pid namespace below its own")


def pidns_install(current: Task, ns: PidNamespace) -> None:
    """Let current's children be born into ns."""
    active = pid.task_active_pid_ns(current)
    old = current.pid_ns_for_children
    current.pid_ns_for_children = None if ns is active else get_pid_ns(ns)
    if old is not None:
        pid.put_pid_ns(current.kernel, old)


def check_pid_ns_for_children(flags: int, ns: PidNamespace) -> None:
    """Refuse some children where they come into a namespace that their parent is not in.

    Raises EINVAL for a thread and for yet another namespace, ENOMEM once the init of the namespace has ended.
    """
    if flags & (CLONE_THREAD | CLONE_NEWPID):
        raise LinuxError(Errno.EINVAL, "a thread in another pid namespace, or yet another namespace")
    if ns.last_pid and 1 not in ns.pids:
        raise LinuxError(Errno.ENOMEM, "the init of the pid namespace has ended")


async def zap_pid_ns_processes(current: Task, ns: PidNamespace) -> None:
    """Kill everybody in ns and wait until they are gone: its init is dying (spec 8.7)."""
    k = current.kernel
    with k.tasklist_lock.read():
        for nr in sorted(ns.pids):
            p = pid.pid_task(ns.pids[nr], 0) if nr > 1 else None
            if p is not None:
                signal_send.send_sig_info(SIGKILL, siginfo.SEND_SIG_NOINFO, p)

    # Our own pending signals must not cut the wait short: we are beyond handling them.
    while True:
        current.ti_flags &= ~TIF_SIGPENDING
        try:
            await exit_wait.sys_wait4(current, -1, 0, WALL, 0)
        except LinuxError as error:
            if error.errno == Errno.ECHILD:
                if ns.reboot:
                    current.signal.group_exit_code = ns.reboot
                await acct.acct_exit_ns(current, ns)
                return


async def reboot_pid_ns(current: Task, ns: PidNamespace, cmd: int) -> int:
    """End ns's init, whose parent is told by a signal what was asked for; raises EINVAL (since 3.4).

    Differs: current dies with everybody else there, by SIGKILL, where it would have exited.
    """
    if cmd in (LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_RESTART2):
        ns.reboot = SIGHUP
    elif cmd in (LINUX_REBOOT_CMD_HALT, LINUX_REBOOT_CMD_POWER_OFF):
        ns.reboot = SIGINT
    else:
        raise LinuxError(Errno.EINVAL, "command")
    assert ns.child_reaper is not None
    with current.kernel.tasklist_lock.read():
        signal_send.force_sig(SIGKILL, ns.child_reaper)
    while not fatal_signal_pending(current):
        set_task_state(current, TASK_KILLABLE)
        await sched.schedule(current, "reboot_pid_ns")
    return 0
