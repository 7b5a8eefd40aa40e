"""Keys and who has how many (security/keys/key.c; spec files 12.1).

Differs: no semaphores: nothing that they protect sleeps here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import (
    KEY_ALLOC_NOT_IN_QUOTA,
    KEY_ALLOC_QUOTA_OVERRUN,
    KEY_FLAG_DEAD,
    KEY_FLAG_IN_QUOTA,
    KEY_FLAG_INSTANTIATED,
    KEY_FLAG_NEGATIVE,
    KEY_FLAG_REVOKED,
    KEY_FLAG_USER_CONSTRUCT,
    KEY_LINK,
    KEY_POS,
    KEY_READ,
    KEY_SEARCH,
    KEY_SETATTR,
    KEY_USR,
    KEY_VIEW,
    KEY_WRITE,
    Key,
    KeyUser,
    key_get,
    key_put,
)
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.undo import Undo
from procession.kernel import wait
from procession.security.keys import gc, keyring, permission

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import KeyType
    from procession.include.linux.sched import Task

__all__ = (
    "key_alloc",
    "key_create_or_update",
    "key_instantiate_and_link",
    "key_lookup",
    "key_reject_and_link",
    "key_revoke",
    "key_type_lookup",
    "key_update",
    "key_user_lookup",
    "key_user_put",
    "keyring_alloc",
)

_SERIAL_MIN: Final = 3


def key_user_lookup(k: Kernel, uid: int, ns_serial: int) -> KeyUser:
    """Return what a user has of keys, with a reference; made when first asked for; raises ENOMEM."""
    user = k.keys.users.get((uid, ns_serial))
    if user is not None:
        user.usage += 1
        return user
    k.caches["key_user"].alloc()
    user = k.keys.users[uid, ns_serial] = KeyUser(uid, ns_serial)
    return user


def key_user_put(k: Kernel, user: KeyUser) -> None:
    """Drop a reference."""
    user.usage -= 1
    if not user.usage:
        del k.keys.users[user.uid, user.ns_serial]
        k.caches["key_user"].free()


def key_type_lookup(k: Kernel, name: bytes) -> KeyType:
    """Return the kind of that name; raises ENOKEY."""
    ktype = k.keys.types.get(name)
    if ktype is None:
        raise LinuxError(Errno.ENOKEY, "no such type of keys")
    return ktype


def key_alloc(k: Kernel, ktype: KeyType, desc: bytes, uid: int, gid: int, cred: Cred, perm: int, flags: int) -> Key:
    """Return a new key, with a reference; raises EINVAL without a description, EDQUOT, ENOMEM."""
    if not desc:
        raise LinuxError(Errno.EINVAL, "a key without a description")
    user = key_user_lookup(k, uid, cred.user.user_ns.serial)
    key = Key(ktype, desc, user, cred.user.user_ns, perm)
    with Undo() as undo:
        undo.push((key_user_put, k, user))
        if flags != KEY_ALLOC_NOT_IN_QUOTA:
            maxkeys, maxbytes = quota(k, uid)
            if flags != KEY_ALLOC_QUOTA_OVERRUN and (
                user.qnkeys + 1 >= maxkeys or user.qnbytes + key.quotalen >= maxbytes
            ):
                raise LinuxError(Errno.EDQUOT, "too many keys")
        k.caches["key_jar"].alloc()
    if flags != KEY_ALLOC_NOT_IN_QUOTA:
        user.qnkeys += 1
        user.qnbytes += key.quotalen
        key.flags = KEY_FLAG_IN_QUOTA
    key.uid, key.gid = uid, gid
    user.nkeys += 1
    key_alloc_serial(k, key)
    return key


def quota(k: Kernel, uid: int) -> tuple[int, int]:
    """Return how many keys, and bytes of them, a user may have, plus one."""
    keys = k.keys
    return (keys.maxkeys, keys.maxbytes) if uid else (keys.root_maxkeys, keys.root_maxbytes)


def key_alloc_serial(k: Kernel, key: Key) -> None:
    """Give a key a random number that nobody has."""
    serials = k.keys.serials
    serial = 0
    while serial < _SERIAL_MIN:
        serial = int.from_bytes(k.chooser.random_bytes(4), "little") >> 1
    while serial in serials:
        serial = serial + 1 if serial < 0x7FFFFFFF else _SERIAL_MIN
    key.serial = serial
    serials[serial] = key


def keyring_alloc(k: Kernel, desc: bytes, uid: int, gid: int, cred: Cred, flags: int) -> Key:
    """Return a new keyring, with a reference; raises EDQUOT, ENOMEM."""
    perm = KEY_VIEW | KEY_READ | KEY_WRITE | KEY_SEARCH | KEY_LINK | KEY_SETATTR
    perm = (perm & ~KEY_SETATTR) << KEY_POS | perm << KEY_USR
    key = key_alloc(k, k.keys.types[b"keyring"], desc, uid, gid, cred, perm, flags)
    key_instantiate_and_link(k, key, None, 0, None, None)
    return key


def now_sec(k: Kernel) -> int:
    """Return CLOCK_REALTIME in s."""
    return (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC


def key_lookup(k: Kernel, serial: int) -> Key:
    """Return the key with a number, with a reference; raises ENOKEY."""
    key = k.keys.serials.get(serial)
    if key is None or not key.usage or key.flags & KEY_FLAG_DEAD:
        raise LinuxError(Errno.ENOKEY, f"no key {serial}")
    return key_get(key)


# From nothing to a key, and to none.


def key_instantiate_and_link(
    k: Kernel, key: Key, data: bytes | None, datalen: int, into: Key | None, authkey: Key | None
) -> None:
    """Give a key its payload, put it into a keyring, and take the right to do so away.

    Raises EBUSY if it has one, and what its type and the keyring say.
    """
    edit = keyring.link_begin(k, into, key.type, key.description) if into is not None else None
    try:
        instantiate(k, key, data, datalen)
        if edit is not None:
            keyring.link(k, edit, key)
    finally:
        if edit is not None:
            keyring.link_end(k, edit)
    if authkey is not None:
        key_revoke(k, authkey)


def instantiate(k: Kernel, key: Key, data: bytes | None, datalen: int) -> None:
    """Give a key its payload, and wake who waits for it; raises EBUSY if it has one, and what its type says."""
    if key.flags & KEY_FLAG_INSTANTIATED:
        raise LinuxError(Errno.EBUSY, "instantiated already")
    assert key.type.instantiate is not None
    key.type.instantiate(k, key, data, datalen)
    key.user.nikeys += 1
    key.flags |= KEY_FLAG_INSTANTIATED
    _constructed(k, key)


def _constructed(k: Kernel, key: Key) -> None:
    if key.flags & KEY_FLAG_USER_CONSTRUCT:
        key.flags &= ~KEY_FLAG_USER_CONSTRUCT
        wait.wake_up_all(k.keys.wait)


def key_reject_and_link(k: Kernel, key: Key, timeout: int, error: int, into: Key | None, authkey: Key | None) -> None:
    """Say for timeout s that there is no such key: it is an error; raises EBUSY, and what the keyring says."""
    edit, link_error = None, None
    if into is not None:
        try:
            edit = keyring.link_begin(k, into, key.type, key.description)
        except LinuxError as refused:
            link_error = refused
    try:
        if key.flags & KEY_FLAG_INSTANTIATED:
            raise LinuxError(Errno.EBUSY, "instantiated already")
        key.user.nikeys += 1
        key.flags |= KEY_FLAG_NEGATIVE | KEY_FLAG_INSTANTIATED
        key.reject_error = error
        key.expiry = now_sec(k) + timeout
        gc.key_schedule_gc(k, key.expiry + k.keys.gc_delay)
        _constructed(k, key)
        if edit is not None:
            keyring.link(k, edit, key)
    finally:
        if edit is not None:
            keyring.link_end(k, edit)
    if authkey is not None:
        key_revoke(k, authkey)
    if link_error is not None:
        raise link_error


def key_create_or_update(
    current: Task, keyring_ref: tuple[Key, bool], type: bytes, description: bytes, payload: bytes | None, plen: int
) -> Key:
    """Put a key into a keyring, or give that one there a new payload; returns it with a reference.

    Raises ENODEV for an unknown type, ENOTDIR, EACCES, EINVAL, EDQUOT, ENFILE, EKEYREVOKED, ENOMEM.
    """
    k = current.kernel
    into, possessed = keyring_ref
    ktype = k.keys.types.get(type)
    if ktype is None:
        raise LinuxError(Errno.ENODEV, "no such type of keys")
    if ktype.match is None or ktype.instantiate is None:
        raise LinuxError(Errno.EINVAL, "not a type for programs")
    edit = keyring.link_begin(k, into, ktype, description)
    try:
        permission.key_permission(current, keyring_ref, KEY_WRITE)
        found = keyring.keyring_search_one(current, keyring_ref, ktype, description) if ktype.update else None
        if found is None:
            cred = current.cred
            perm = _default_perm(ktype)
            key = key_alloc(k, ktype, description, cred.fsuid, cred.fsgid, cred, perm, 0)
            try:
                instantiate(k, key, payload, plen)
            except LinuxError:
                key_put(k, key)
                raise
            keyring.link(k, edit, key)
            return key
    finally:
        keyring.link_end(k, edit)
    try:
        key_update(current, (found, possessed), payload, plen)
    except LinuxError:
        key_put(k, found)
        raise
    return found


def _default_perm(ktype: KeyType) -> int:
    perm = KEY_VIEW | KEY_SEARCH | KEY_LINK | KEY_SETATTR
    if ktype.read is not None:
        perm |= KEY_READ
    write = KEY_WRITE if ktype.name == b"keyring" or ktype.update is not None else 0
    return perm << KEY_POS | (perm | write) << KEY_USR


def key_update(current: Task, key_ref: tuple[Key, bool], payload: bytes | None, plen: int) -> None:
    """Give a key another payload; raises EACCES, EOPNOTSUPP, and what its type says."""
    permission.key_permission(current, key_ref, KEY_WRITE)
    key = key_ref[0]
    if key.type.update is None:
        raise LinuxError(Errno.EOPNOTSUPP, "keys of this type do not change")
    key.type.update(current.kernel, key, payload, plen)
    key.flags &= ~KEY_FLAG_NEGATIVE


def key_revoke(k: Kernel, key: Key) -> None:
    """Let a key be of no use any more."""
    if not key.flags & KEY_FLAG_REVOKED:
        key.flags |= KEY_FLAG_REVOKED
        if key.type.revoke is not None:
            key.type.revoke(k, key)
    now = now_sec(k)
    if not key.expiry or key.expiry > now:
        key.expiry = now
        gc.key_schedule_gc(k, now + k.keys.gc_delay)
    bug_on(not key.usage, "a key without users was revoked", key)
