"""Setting up keys, and what /proc tells of them (security/keys/key.c's key_init, proc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import LinuxError
from procession.include.linux.key import KeyState, KeyUser, key_put
from procession.include.linux.uidgid import kuid_has_mapping, uid_here
from procession.mm import slab
from procession.security.keys import gc, key, keyring, process_keys, request_key_auth, user_defined

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("key_exit", "key_init", "proc_key_users_show")


def key_init(k: Kernel) -> None:
    """Be without keys; root has two that belong to nobody, as in 3.2."""
    for name, size in (("key_jar", 160), ("key_user", 80), ("keyring_list", 56)):
        slab.kmem_cache_create(k, name, size)
    keys = k.keys = KeyState()
    keys.wait = k.wait_queue_head("key->flags")
    keys.new_thread = _new_thread
    keys.replace_session = process_keys.key_replace_session_keyring
    for ktype in (keyring.keyring_key_type(), user_defined.user_key_type(), request_key_auth.request_key_auth_type()):
        keys.types[ktype.name] = ktype
    gc.key_gc_init(k)
    root = keys.users[0, 0] = KeyUser(0, 0)  # static
    root.usage = 3
    root.nkeys = root.nikeys = 2


def _new_thread(k: Kernel, new: Cred) -> None:
    """Give a new thread its keyring; without memory it has none."""
    try:
        process_keys.install_thread_keyring_to_cred(k, new)
    except LinuxError:
        return


def key_exit(k: Kernel) -> None:
    """Give up what is root's: in 3.2 it is there until the power goes."""
    root = k.users.root_user
    key_put(k, root.session_keyring)
    key_put(k, root.uid_keyring)
    root.session_keyring = root.uid_keyring = None
    k.keys.schedule_gc = gc.key_collect  # there are no workers any more
    gc.key_collect(k)


def proc_key_users_show(current: Task) -> bytes:
    """Return what the users of the reader's namespace have of keys, by uid."""
    k = current.kernel
    serial = current.cred.user.user_ns.serial
    lines = []
    for uid, ns_serial in sorted(k.keys.users):
        if ns_serial != serial:
            continue
        if not kuid_has_mapping(current.cred.user_ns, uid):
            continue
        user, shown = k.keys.users[uid, ns_serial], uid_here(current, uid)
        maxkeys, maxbytes = key.quota(k, uid)
        lines.append(
            f"{shown:5}: {user.usage:5d} {user.nkeys}/{user.nikeys} {user.qnkeys}/{maxkeys} {user.qnbytes}/{maxbytes}\n"
        )
    return "".join(lines).encode()
