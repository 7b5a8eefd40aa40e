"""Credentials: copied, changed and committed, never modified in place (kernel/cred.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug, bug_on
from procession.include.linux.cred import Cred
from procession.include.linux.nsproxy import UserNamespace
from procession.include.linux.sched import CLONE_NEWUSER, CLONE_THREAD
from procession.include.linux.undo import Undo
from procession.kernel import rcupdate, user
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("abort_creds", "commit_creds", "copy_creds", "cred_init", "exit_creds", "prepare_creds", "put_cred")


def cred_init(k: Kernel) -> None:
    """Make the cache credentials are counted in."""
    slab.kmem_cache_create(k, "cred_jar", 192)


def put_cred(k: Kernel, cred: Cred) -> None:
    """Drop a reference; the last one frees after a grace period, since readers look without a lock."""
    cred.usage -= 1
    if cred.usage < 0:
        bug("cred put once too often")
    if cred.usage == 0:
        rcupdate.call_rcu(k, put_cred_rcu, (k, cred))


def put_cred_rcu(arg: tuple[Kernel, Cred]) -> None:
    k, cred = arg
    user.free_uid(k, cred.user)
    k.caches["cred_jar"].free()


def prepare_creds(current: Task) -> Cred:
    """Return a modifiable copy of current's credentials; raises ENOMEM."""
    old = current.cred
    current.kernel.caches["cred_jar"].alloc()
    new = Cred(user.get_uid(old.user))
    new.uid, new.gid, new.suid, new.sgid = old.uid, old.gid, old.suid, old.sgid
    new.euid, new.egid, new.fsuid, new.fsgid = old.euid, old.egid, old.fsuid, old.fsgid
    new.securebits = old.securebits
    new.cap_inheritable, new.cap_permitted = old.cap_inheritable, old.cap_permitted
    new.cap_effective, new.cap_bset = old.cap_effective, old.cap_bset
    new.group_info = old.group_info
    return new


def abort_creds(k: Kernel, new: Cred) -> None:
    """Throw away a copy that was not committed."""
    put_cred(k, new)


def commit_creds(current: Task, new: Cred) -> None:
    """Make new current's credentials; the caller's reference passes to the task.

    Gaining or changing identity makes the process undumpable and forgets its parent-death signal (spec 7.5).
    """
    k = current.kernel
    old = current.real_cred
    bug_on(current.cred is not old, "committing over overridden credentials", current)
    new.usage += 1  # one for cred, one for real_cred

    gained = new.cap_permitted & ~old.cap_permitted
    if (old.euid, old.egid, old.fsuid, old.fsgid) != (new.euid, new.egid, new.fsuid, new.fsgid) or gained:
        if current.mm is not None:
            current.mm.dumpable = k.vfs.suid_dumpable
        current.pdeath_signal = 0

    if new.user is not old.user:
        new.user.processes += 1
    current.real_cred = current.cred = new
    if new.user is not old.user:
        old.user.processes -= 1
    put_cred(k, old)
    put_cred(k, old)


def copy_creds(current: Task, p: Task, clone_flags: int) -> None:
    """Give a newborn its credentials: shared with a thread, else a copy; raises ENOMEM, EAGAIN."""
    old = current.cred
    if clone_flags & CLONE_THREAD:
        old.usage += 2
        p.cred = p.real_cred = old
        old.user.processes += 1
        return

    new = prepare_creds(current)
    if clone_flags & CLONE_NEWUSER:
        with Undo() as undo:
            undo.push((put_cred, current.kernel, new))
            create_user_ns(current, new)
    new.usage = 2
    p.cred = p.real_cred = new
    new.user.processes += 1


def create_user_ns(current: Task, new: Cred) -> None:
    """Enter a fresh user namespace as its root, without any group; raises ENOMEM."""
    k = current.kernel
    k.caches["user_namespace"].alloc()
    k.users.user_ns_serial += 1
    ns = UserNamespace(serial=k.users.user_ns_serial, count=0, creator=new.user)
    with Undo() as undo:
        undo.push((k.caches["user_namespace"].free,))
        root = user.alloc_uid(k, ns, 0)
    # new's reference to its user is the namespace's now: whoever made it is its owner as long as it is there.
    new.user = root
    new.uid = new.euid = new.suid = new.fsuid = 0
    new.gid = new.egid = new.sgid = new.fsgid = 0
    new.group_info = ()


def exit_creds(p: Task) -> None:
    """Drop both of a dead task's references."""
    k = p.kernel
    put_cred(k, p.real_cred)
    put_cred(k, p.cred)
