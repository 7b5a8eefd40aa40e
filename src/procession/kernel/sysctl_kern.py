"""More of /proc/sys/kernel and fs: identities, the state of the machine, terminals (kernel/sysctl.c).

Differs: nothing is randomized, so randomize_va_space begins with 0; there is no keyboard that ctrl-alt-del could be
pressed at, and no overload of random numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.fs.notify.inotify import inotify_user
from procession.include.linux.cred import CAP_SYS_ADMIN, CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.uidgid import DEFAULT_OVERFLOWUID
from procession.kernel import capability, pid, sched_domain_sysctl, ucount
from procession.kernel.sysctl import CtlTable, each_long, int_table, proc_dointvec, proc_doulongvec_minmax, ulong_table
from procession.kernel.sysctl_vm import stored_int

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("fs_table", "kern_table", "user_table")

_PTY_MAX: Final = 1 << 20  # NR_UNIX98_PTY_MAX of 3.2
_POOL_BITS: Final = 4096
_ID_MAX: Final = 65535


def _show_tainted(current: Task) -> bytes:
    return b"%d\n" % current.kernel.tainted


def _add_taint(k: Kernel, value: int) -> None:
    k.tainted |= value


def _store_tainted(current: Task, buf: UserPtr, count: int) -> int:
    """Add to the reasons not to trust the kernel; none ever goes (proc_taint)."""
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "needs CAP_SYS_ADMIN")
    return proc_doulongvec_minmax(current, buf, count, _add_taint)


def _cad_pid(k: Kernel) -> Pid | None:
    """The process that Ctrl-Alt-Del signals: init, or who was chosen."""
    reaper = k.init_pid_ns.child_reaper
    return k.cad_pid if k.cad_pid is not None or reaper is None else reaper.pids[PIDTYPE_PID]


def _show_cad_pid(current: Task) -> bytes:
    return b"%d\n" % pid.pid_vnr(current, _cad_pid(current.kernel))


def _store_cad_pid(current: Task, buf: UserPtr, count: int) -> int:
    """Choose a process by its number in the writer's namespace; raises ESRCH if there is none."""

    def put(k: Kernel, value: int) -> None:
        chosen = pid.find_vpid(current, value)
        if chosen is None:
            raise LinuxError(Errno.ESRCH, "no such process")
        k.cad_pid = chosen

    return proc_dointvec(current, buf, count, [put])


def _put_kptr_restrict(k: Kernel, value: int) -> None:
    k.kptr_restrict = value


def _store_kptr_restrict(current: Task, buf: UserPtr, count: int) -> int:
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "needs CAP_SYS_ADMIN")
    assert _KPTR_RESTRICT.store is not None
    return _KPTR_RESTRICT.store(current, buf, count)


_KPTR_RESTRICT: Final = int_table(lambda k: k.kptr_restrict, _put_kptr_restrict, 0, 2)


def _put_pty_limit(k: Kernel, value: int) -> None:
    k.tty.pty_limit = value


def _put_latencytop(k: Kernel, value: int) -> None:
    k.latencytop_enabled = value


def kern_table(nr_cpus: int) -> dict[str, Any]:
    """Return what is registered for /proc/sys/kernel besides the first table."""
    return {
        **sched_domain_sysctl.domain_table(nr_cpus, int_table, ulong_table, CtlTable(0o444, lambda _: b"CPU\n")),
        "tainted": CtlTable(0o644, _show_tainted, _store_tainted),
        "latencytop": int_table(lambda k: k.latencytop_enabled, _put_latencytop),
        "ctrl-alt-del": stored_int("ctrl-alt-del", 1),
        "cad_pid": CtlTable(0o600, _show_cad_pid, _store_cad_pid),
        "random": {
            "read_wakeup_threshold": stored_int("read_wakeup_threshold", 64, 8, _POOL_BITS),
            "write_wakeup_threshold": stored_int("write_wakeup_threshold", 128, 0, _POOL_BITS),
        },
        "overflowuid": stored_int("overflowuid", DEFAULT_OVERFLOWUID, 0, _ID_MAX),
        "overflowgid": stored_int("overflowgid", DEFAULT_OVERFLOWUID, 0, _ID_MAX),
        "panic_on_oops": stored_int("panic_on_oops", 0),
        "kptr_restrict": _KPTR_RESTRICT._replace(store=_store_kptr_restrict),
        "randomize_va_space": stored_int("randomize_va_space", 0),
        "pty": {
            "max": int_table(lambda k: k.tty.pty_limit, _put_pty_limit, 0, _PTY_MAX),
            "nr": CtlTable(0o444, lambda current: b"%d\n" % current.kernel.tty.pty_count),
        },
    }


def fs_table() -> dict[str, Any]:
    """Return what is registered for /proc/sys/fs besides the first table."""
    return {
        "overflowuid": stored_int("fs_overflowuid", DEFAULT_OVERFLOWUID, 0, _ID_MAX),
        "overflowgid": stored_int("fs_overflowgid", DEFAULT_OVERFLOWUID, 0, _ID_MAX),
        "inotify": {
            "max_user_instances": stored_int("inotify_max_user_instances", inotify_user.DEFAULT_MAX_USER_INSTANCES, 0),
            "max_user_watches": stored_int("inotify_max_user_watches", inotify_user.DEFAULT_MAX_USER_WATCHES, 0),
            "max_queued_events": stored_int("inotify_max_queued_events", inotify_user.DEFAULT_MAX_QUEUED_EVENTS, 0),
        },
    }


# /proc/sys/user.


def _user_owner(current: Task) -> bool:
    """Whether current may have more than others in its user namespace (set_permissions)."""
    return capability.nsown_capable(current, CAP_SYS_RESOURCE)


def _ucount_table(kind: str) -> CtlTable:
    """How many namespaces of a kind one user of the reader's user namespace may have (UCOUNT_ENTRY)."""

    def show(current: Task) -> bytes:
        return b"%d\n" % ucount.ucount_max(current.kernel, current.cred.user_ns, kind)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        ns = current.cred.user_ns

        def put(field: int, value: int, negative: bool) -> None:
            if negative or value > INT_MAX:
                raise LinuxError(Errno.EINVAL, kind)
            ns.ucount_max[kind] = value

        return each_long(current, buf, count, 1, put)

    return CtlTable(0o644, show, store, owner=_user_owner)


def user_table() -> dict[str, CtlTable]:
    """Return /proc/sys/user, in the order of 6.18 (kernel/ucount.c).

    Differs: time and cgroup namespaces are not there, and watches of inotify and fanotify are limited per user as ever.
    """
    return {kind: _ucount_table(kind) for kind in ucount.KINDS}
