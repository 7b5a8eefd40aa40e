"""Credentials: copied, changed and committed, never modified in place (kernel/cred.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug, bug_on
from procession.include.linux.cred import Cred
from procession.include.linux.key import ThreadGroupCred, key_get, key_put, tgcred_put
from procession.include.linux.nsproxy import UserNamespace
from procession.include.linux.sched import CLONE_NEWUSER, CLONE_THREAD
from procession.include.linux.undo import Undo
from procession.kernel import rcupdate, ucount, user, user_namespace
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "abort_creds",
    "commit_creds",
    "copy_creds",
    "cred_init",
    "enter_user_ns",
    "exit_creds",
    "prepare_creds",
    "prepare_exec_creds",
    "put_cred",
)


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
    key_put(k, cred.thread_keyring)
    key_put(k, cred.request_key_auth)
    tgcred_put(k, cred.tgcred)
    user.free_uid(k, cred.user)
    ucount.put_ucounts(k, cred.ucounts)
    user.put_user_ns(k, cred.user_ns)
    k.caches["cred_jar"].free()


def prepare_creds(current: Task) -> Cred:
    """Return a modifiable copy of current's credentials; raises ENOMEM."""
    old = current.cred
    current.kernel.caches["cred_jar"].alloc()
    new = Cred(user.get_uid(old.user))
    new.user_ns = user.get_user_ns(old.user_ns)
    if old.ucounts is not None:
        old.ucounts.count += 1
        new.ucounts = old.ucounts
    new.uid, new.gid, new.suid, new.sgid = old.uid, old.gid, old.suid, old.sgid
    new.euid, new.egid, new.fsuid, new.fsgid = old.euid, old.egid, old.fsuid, old.fsgid
    new.securebits = old.securebits
    new.cap_inheritable, new.cap_permitted = old.cap_inheritable, old.cap_permitted
    new.cap_ambient = old.cap_ambient
    new.cap_effective, new.cap_bset = old.cap_effective, old.cap_bset
    new.group_info = old.group_info
    new.jit_keyring = old.jit_keyring
    if old.tgcred is not None:
        _share_keys(old, new)
    return new


def _share_keys(old: Cred, new: Cred) -> None:
    """Give new what old has of keyrings; who has any has a tgcred."""
    assert old.tgcred is not None
    old.tgcred.usage += 1
    new.tgcred = old.tgcred
    if old.thread_keyring is not None:
        new.thread_keyring = key_get(old.thread_keyring)
    if old.request_key_auth is not None:
        new.request_key_auth = key_get(old.request_key_auth)


def _own_tgcred(k: Kernel, new: Cred) -> None:
    """Give new a tgcred of its own, for a new process or program: the session keyring stays, the process's does not."""
    old = new.tgcred
    if old is None:
        return
    tgcred = None
    if old.session_keyring is not None or new.request_key_auth is not None:
        tgcred = ThreadGroupCred()
        tgcred.usage = 1
        if old.session_keyring is not None:
            tgcred.session_keyring = key_get(old.session_keyring)
    new.tgcred = tgcred
    tgcred_put(k, old)


def prepare_exec_creds(current: Task) -> Cred:
    """Return a modifiable copy of current's credentials for a new program; raises ENOMEM."""
    new = prepare_creds(current)
    if new.tgcred is not None:
        k = current.kernel
        key_put(k, new.thread_keyring)
        new.thread_keyring = None
        _own_tgcred(k, new)
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

    gained = not _cred_cap_issubset(old, new)
    if (old.euid, old.egid, old.fsuid, old.fsgid) != (new.euid, new.egid, new.fsuid, new.fsgid) or gained:
        if current.mm is not None:
            current.mm.dumpable = k.vfs.suid_dumpable
        current.pdeath_signal = 0

    if old.thread_keyring is not None:
        _key_fsid_changed(old, new)
    moved = new.user is not old.user or new.ucounts is not old.ucounts
    if moved:
        ucount.inc_rlimit_nproc(new)
    current.real_cred = current.cred = new
    if moved:
        ucount.dec_rlimit_nproc(old)
    put_cred(k, old)
    put_cred(k, old)


def _cred_cap_issubset(old: Cred, new: Cred) -> bool:
    """Whether new can do no more than old: who goes into a namespace that he owns gains nothing by it (since 3.9)."""
    if old.user_ns is new.user_ns or new.user_ns.creator is not None:
        return not new.cap_permitted & ~old.cap_permitted
    ns = new.user_ns
    while ns.parent is not None:
        if ns.parent is old.user_ns and ns.owner == old.euid:
            return True
        ns = ns.parent
    return False


def _key_fsid_changed(old: Cred, new: Cred) -> None:
    """The thread keyring follows its owner; to the old ids, in 3.2, which are still current's at that moment."""
    keyring = old.thread_keyring
    assert keyring is not None
    if new.fsuid != old.fsuid:
        keyring.uid = old.fsuid
    if new.fsgid != old.fsgid:
        keyring.gid = old.fsgid


def copy_creds(current: Task, p: Task, clone_flags: int) -> None:
    """Give a newborn its credentials: shared with a thread, else a copy; raises ENOMEM, EAGAIN."""
    old = current.cred
    if clone_flags & CLONE_THREAD and old.thread_keyring is None:
        old.usage += 2
        p.cred = p.real_cred = old
        ucount.inc_rlimit_nproc(old)
        return

    new = prepare_creds(current)
    if clone_flags & CLONE_NEWUSER:
        with Undo() as undo:
            undo.push((put_cred, current.kernel, new))
            if user_namespace.are_later(current.kernel):
                user_namespace.create_user_ns(current, new)
            else:
                create_user_ns(current, new)
    if new.tgcred is not None:
        _copy_keys(current.kernel, new, clone_flags)
    new.usage = 2
    p.cred = p.real_cred = new
    ucount.inc_rlimit_nproc(new)


def _copy_keys(k: Kernel, new: Cred, clone_flags: int) -> None:
    """A newborn has a thread keyring of its own if its creator had one and it is a thread."""
    had = new.thread_keyring
    if had is not None:
        new.thread_keyring = None
        key_put(k, had)
        if clone_flags & CLONE_THREAD:
            k.keys.new_thread(k, new)
    if not clone_flags & CLONE_THREAD:
        _own_tgcred(k, new)


def create_user_ns(current: Task, new: Cred) -> None:
    """Enter a fresh user namespace as its root, without any group, as 3.2 makes them; raises ENOMEM."""
    k = current.kernel
    k.caches["user_namespace"].alloc()
    k.users.user_ns_serial += 1
    ns = UserNamespace(serial=k.users.user_ns_serial, count=0, creator=new.user)
    with Undo() as undo:
        undo.push((k.caches["user_namespace"].free,))
        root = user.alloc_uid(k, ns, 0)
    # new's reference to its user is the namespace's now: whoever made it is its owner as long as it is there.
    new.user = root
    user.put_user_ns(k, new.user_ns)
    new.user_ns = user.get_user_ns(ns)
    new.uid = new.euid = new.suid = new.fsuid = 0
    new.gid = new.egid = new.sgid = new.fsgid = 0
    new.group_info = ()
    key_put(k, new.request_key_auth)
    new.request_key_auth = None


def enter_user_ns(current: Task, ns: UserNamespace) -> None:
    """Go into a user namespace that is there, with the same ids and all capabilities; raises ENOMEM.

    Differs: without "CLONE_NEWUSER" ids are not mapped, so that they are the same numbers in each.
    """
    k = current.kernel
    new = prepare_creds(current)
    if not user_namespace.are_later(k):
        with Undo() as undo:
            undo.push((put_cred, k, new))
            owner = user.alloc_uid(k, ns, new.uid)
        user.free_uid(k, new.user)
        new.user = owner
    user_namespace.set_cred_user_ns(k, new, user.get_user_ns(ns))
    commit_creds(current, new)


def exit_creds(p: Task) -> None:
    """Drop both of a dead task's references."""
    k = p.kernel
    put_cred(k, p.real_cred)
    put_cred(k, p.cred)
    key_put(k, p.replacement_session_keyring)
