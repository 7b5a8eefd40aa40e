"""Namespace sets of tasks (kernel/nsproxy.c; spec 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import fs_struct, namespace
from procession.fs.proc import namespaces as proc_namespaces
from procession.include.linux.cred import CAP_SYS_ADMIN, CAP_SYS_CHROOT
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import MntNamespace
from procession.include.linux.ipc_namespace import IpcNamespace
from procession.include.linux.nsproxy import Nsproxy, UserNamespace, UtsNamespace
from procession.include.linux.pid import PIDTYPE_PID, PidNamespace, get_pid_ns
from procession.include.linux.sched import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    CLONE_SYSVSEM,
    SetnsArg,
    thread_group_empty,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd
from procession.include.linux.undo import Undo
from procession.ipc import namespace as ipc_namespace
from procession.ipc import sem_undo
from procession.kernel import capability, pid, pid_namespace, pidfd, ptrace_access, rcupdate, user_namespace, utsname
from procession.kernel import cred as kernel_cred
from procession.kernel.pidfd import PidfdFile
from procession.mm import slab
from procession.net.core import net_namespace

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs_struct import FsStruct
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.proc_ns import Namespace
    from procession.include.linux.sched import Task

__all__ = (
    "copy_namespaces",
    "exit_task_namespaces",
    "nsproxy_init",
    "put_nsproxy",
    "switch_task_namespaces",
    "sys_setns",
    "unshare_nsproxy_namespaces",
)

_ANY_NEW: Final = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET


def nsproxy_init(k: Kernel) -> None:
    """Make the first namespaces; the mount namespace follows when the root is mounted."""
    slab.kmem_cache_create(k, "nsproxy", 48)
    slab.kmem_cache_create(k, "pid_namespace", 2112)
    k.init_uts_ns = UtsNamespace()
    k.init_uts_ns.nodename = k.hostname
    k.init_uts_ns.release = k.release
    ipc_namespace.ipc_ns_init(k)
    k.init_net_ns = net_namespace.setup_net(k)


def copy_namespaces(current: Task, flags: int, p: Task) -> None:
    """Share the parent's namespaces, or make those that the flags ask for.

    Raises EPERM without CAP_SYS_ADMIN, EINVAL for NEWIPC with SYSVSEM and NEWPID with THREAD or PARENT.
    """
    old_ns = p.nsproxy
    if old_ns is None:
        return
    if current.pid_ns_for_children is not None:
        pid_namespace.check_pid_ns_for_children(flags, current.pid_ns_for_children)
    elif not flags & _ANY_NEW:
        old_ns.count += 1
        return
    owner = user_namespace.admin_ns(p.kernel, p.cred)
    if flags & _ANY_NEW and not capability.ns_capable(current, owner, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "new namespaces need CAP_SYS_ADMIN")
    if flags & CLONE_NEWIPC and flags & CLONE_SYSVSEM:
        raise LinuxError(Errno.EINVAL, "CLONE_NEWIPC with CLONE_SYSVSEM")
    assert p.fs is not None
    p.nsproxy = new = create_new_namespaces(flags, p, p.cred, old_ns, p.fs)
    if current.pid_ns_for_children is not None:
        pid.put_pid_ns(current.kernel, new.pid_ns)
        new.pid_ns = get_pid_ns(current.pid_ns_for_children)


def create_new_namespaces(flags: int, tsk: Task, cred: Cred, old: Nsproxy, new_fs: FsStruct) -> Nsproxy:
    """Return a fresh nsproxy: mount, UTS, IPC, PID, network, in this order; raises EINVAL, ENOSPC, ENOMEM.

    tsk: whom it is for.  cred: what it has or will have; its user namespace owns what is new.
    """
    k = tsk.kernel
    k.caches["nsproxy"].alloc()
    with Undo() as undo:
        undo.push((k.caches["nsproxy"].free,))
        mnt_ns = namespace.copy_mnt_ns(k, flags, cred, old.mnt_ns, new_fs)
        undo.push((namespace.put_mnt_ns, k, mnt_ns))
        uts_ns = utsname.copy_utsname(k, flags, cred, old.uts_ns)
        undo.push((utsname.put_uts_ns, k, uts_ns))
        ipc_ns = ipc_namespace.copy_ipcs(k, flags, cred, old.ipc_ns)
        undo.push((ipc_namespace.put_ipc_ns, k, ipc_ns))
        pid_ns = pid_namespace.copy_pid_ns(k, flags, cred, old.pid_ns)
        undo.push((pid.put_pid_ns, k, pid_ns))
        net_ns = net_namespace.copy_net_ns(k, flags, cred, old.net_ns)
    return Nsproxy(uts_ns, ipc_ns, mnt_ns, pid_ns, net_ns)


def put_nsproxy(k: Kernel, ns: Nsproxy) -> None:
    """Drop a task's reference; the last one drops those to the namespaces."""
    ns.count -= 1
    if ns.count:
        return
    namespace.put_mnt_ns(k, ns.mnt_ns)
    utsname.put_uts_ns(k, ns.uts_ns)
    ipc_namespace.put_ipc_ns(k, ns.ipc_ns)
    pid.put_pid_ns(k, ns.pid_ns)
    net_namespace.put_net(k, ns.net_ns)
    k.caches["nsproxy"].free()


def _unshare_check(current: Task, owner: UserNamespace | None = None) -> None:
    if not capability.ns_capable(current, owner, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "namespaces need CAP_SYS_ADMIN")


def unshare_nsproxy_namespaces(
    current: Task, unshare_flags: int, new_cred: Cred | None, new_fs: FsStruct | None
) -> Nsproxy | None:
    """Return the new set unshare(2) asks for, None if it asks for none; raises EPERM, ENOSPC, ENOMEM."""
    if not unshare_flags & (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET):
        return None
    cred = new_cred or current.cred
    _unshare_check(current, user_namespace.admin_ns(current.kernel, cred))
    fs = new_fs or current.fs
    assert current.nsproxy is not None
    assert fs is not None
    return create_new_namespaces(unshare_flags, current, cred, current.nsproxy, fs)


async def switch_task_namespaces(p: Task, new: Nsproxy | None) -> None:
    """Exchange p's set. Waits for readers of the old one if p was its last user."""
    k = p.kernel
    old = p.nsproxy
    with p.alloc_lock:
        p.nsproxy = new
    if old is None:
        return
    if old.count == 1:
        p.held.append(old)
        await rcupdate.synchronize_rcu(p)
        p.held.pop()
    put_nsproxy(k, old)


async def exit_task_namespaces(p: Task) -> None:
    """Drop a dying task's namespaces: a zombie has none."""
    if p.pid_ns_for_children is not None:
        pid.put_pid_ns(p.kernel, p.pid_ns_for_children)
        p.pid_ns_for_children = None
    await switch_task_namespaces(p, None)


@syscall
async def sys_setns(current: Task, fd: Fd, nstype: SetnsArg) -> int:
    """Enter the namespace behind an open /proc/PID/ns file: UTS, IPC or network only in 3.2 (setns(2)).

    Raises EPERM, then EBADF, then EINVAL, as 3.2 checks them; a later kernel EPERM at last, ESRCH for a pidfd.
    """
    later = "setns" in current.kernel.later
    if not later:
        _unshare_check(current)
    found = _asked_for(current, fd, nstype)
    if later:
        _validate_nsset(current, found)
    await _commit_nsset(current, found)
    return 0


def _asked_for(current: Task, fd: int, flags: int) -> list[Namespace]:
    """Return what a descriptor and the kinds that are asked for mean; raises EBADF, EINVAL, ESRCH, EPERM."""
    file = fs_file.fget_light(current, fd)
    if isinstance(file, PidfdFile) and "setns-pidfd" in current.kernel.later:
        if not flags or flags & ~(_ANY_NEW | CLONE_NEWUSER):
            raise LinuxError(Errno.EINVAL, "no kind of namespace, or an unknown one")
        return _of_process(current, pid.pid_task(pidfd.pidfd_of(file), PIDTYPE_PID), flags)
    ns = proc_namespaces.proc_ns_fget(current, fd)
    if flags not in (0, _clone_flag(ns)):
        raise LinuxError(Errno.EINVAL, "another kind of namespace")
    return [ns]


def _of_process(current: Task, task: Task | None, flags: int) -> list[Namespace]:
    """Return the namespaces of some kinds that a process is in; raises ESRCH, EPERM (validate_nsset)."""
    if task is None:
        raise LinuxError(Errno.ESRCH, "the process is gone")
    if not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_READ):
        raise LinuxError(Errno.EPERM, "needs the right to trace")
    of = task.nsproxy
    if of is None:
        raise LinuxError(Errno.ESRCH, "a zombie has left them")
    every: tuple[Namespace, ...] = (
        task.real_cred.user_ns,
        of.mnt_ns,
        of.uts_ns,
        of.ipc_ns,
        pid.task_active_pid_ns(task),
        of.net_ns,
    )
    return [ns for ns in every if flags & _clone_flag(ns)]


def _validate_nsset(current: Task, found: list[Namespace]) -> None:
    """See that current may enter all of them; raises EINVAL, EPERM (the first half of the install methods)."""
    own = user_namespace.admin_ns(current.kernel, current.cred)
    assert current.fs is not None
    for ns in found:
        if isinstance(ns, UserNamespace):
            _userns_validate(current, ns)
            own = ns
            continue
        owner = ns.user_ns if user_namespace.are_later(current.kernel) else None
        _unshare_check(current, owner)
        if isinstance(ns, MntNamespace) and not capability.ns_capable(current, own, CAP_SYS_CHROOT):
            raise LinuxError(Errno.EPERM, "needs CAP_SYS_CHROOT")
        _unshare_check(current, own)
        if isinstance(ns, PidNamespace):
            pid_namespace.pidns_validate(current, ns)
        # With others, a root directory of its own is made for it.
        if isinstance(ns, MntNamespace) and len(found) == 1 and current.fs.users != 1:
            raise LinuxError(Errno.EINVAL, "others have the same root directory")


async def _commit_nsset(current: Task, found: list[Namespace]) -> None:
    """Enter them all; raises ENOMEM, and has entered none then."""
    assert current.nsproxy is not None
    assert current.fs is not None
    k, new = current.kernel, None
    with Undo() as undo:
        if any(not isinstance(ns, UserNamespace | PidNamespace) for ns in found):
            new = create_new_namespaces(0, current, current.cred, current.nsproxy, current.fs)
            undo.push((put_nsproxy, k, new))
        if isinstance(found[0], UserNamespace):
            kernel_cred.enter_user_ns(current, found[0])
    for ns in found:
        if isinstance(ns, PidNamespace):
            pid_namespace.pidns_install(current, ns)
        elif not isinstance(ns, UserNamespace):
            assert new is not None
            _enter(current, new, ns)
    if new is not None:
        await switch_task_namespaces(current, new)


def _enter(current: Task, new: Nsproxy, ns: UtsNamespace | IpcNamespace | NetNamespace | MntNamespace) -> None:
    if isinstance(ns, IpcNamespace):
        sem_undo.exit_sem(current)
    _install(current.kernel, new, ns)
    if isinstance(ns, MntNamespace):
        assert current.fs is not None
        root = namespace.topmost_root(current.kernel, ns)
        fs_struct.set_fs_pwd(current.fs, root)
        fs_struct.set_fs_root(current.fs, root)


def _userns_validate(current: Task, ns: UserNamespace) -> None:
    """See that current may go into a user namespace; raises EINVAL, EPERM (userns_install)."""
    if ns is current.cred.user_ns:
        raise LinuxError(Errno.EINVAL, "in that user namespace already")
    assert current.fs is not None
    if not thread_group_empty(current) or current.fs.users != 1:
        raise LinuxError(Errno.EINVAL, "threads, or who shares the root directory, have one user namespace")
    if not capability.ns_capable(current, ns, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "needs CAP_SYS_ADMIN there")


def _clone_flag(ns: Namespace) -> int:
    """Return the kind of a namespace (proc_ns_operations.type)."""
    if isinstance(ns, UtsNamespace):
        return CLONE_NEWUTS
    if isinstance(ns, IpcNamespace):
        return CLONE_NEWIPC
    if isinstance(ns, PidNamespace):
        return CLONE_NEWPID
    if isinstance(ns, UserNamespace):
        return CLONE_NEWUSER
    return CLONE_NEWNS if isinstance(ns, MntNamespace) else CLONE_NEWNET


def _install(k: Kernel, nsproxy: Nsproxy, ns: UtsNamespace | IpcNamespace | NetNamespace | MntNamespace) -> None:
    """Put ns in the place of the namespace of its kind (proc_ns_operations.install)."""
    ns.count += 1
    if isinstance(ns, UtsNamespace):
        utsname.put_uts_ns(k, nsproxy.uts_ns)
        nsproxy.uts_ns = ns
    elif isinstance(ns, IpcNamespace):
        ipc_namespace.put_ipc_ns(k, nsproxy.ipc_ns)
        nsproxy.ipc_ns = ns
    elif isinstance(ns, MntNamespace):
        namespace.put_mnt_ns(k, nsproxy.mnt_ns)
        nsproxy.mnt_ns = ns
    else:
        net_namespace.put_net(k, nsproxy.net_ns)
        nsproxy.net_ns = ns
