"""The right to make a key that somebody waits for (security/keys/request_key_auth.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import (
    KEY_ALLOC_NOT_IN_QUOTA,
    KEY_FLAG_INSTANTIATED,
    KEY_FLAG_REVOKED,
    KEY_POS,
    KEY_READ,
    KEY_SEARCH,
    KEY_USR,
    KEY_VIEW,
    KeyType,
    RequestKeyAuth,
    key_get,
    key_put,
)
from procession.kernel import cred as kernel_cred
from procession.security.keys import key, process_keys

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key
    from procession.include.linux.sched import Task

__all__ = ("key_get_instantiation_authkey", "request_key_auth_new", "request_key_auth_type")

_PERM: Final = (KEY_VIEW | KEY_READ | KEY_SEARCH) << KEY_POS | KEY_VIEW << KEY_USR


def auth_instantiate(k: Kernel, authkey: Key, data: bytes | None, datalen: int) -> None:
    """Its payload is there already."""


def auth_revoke(k: Kernel, authkey: Key) -> None:
    """Let the requester go."""
    rka: RequestKeyAuth = authkey.payload
    if rka.cred is not None:
        kernel_cred.put_cred(k, rka.cred)
        rka.cred = None


def auth_destroy(k: Kernel, authkey: Key) -> None:
    """Let go of all that it has referred to."""
    auth_revoke(k, authkey)
    rka: RequestKeyAuth = authkey.payload
    key_put(k, rka.target_key)
    key_put(k, rka.dest_keyring)


def auth_describe(authkey: Key) -> bytes:
    """Return what /proc/keys says."""
    rka: RequestKeyAuth = authkey.payload
    more = b" pid:%d ci:%d" % (rka.pid, len(rka.callout_info)) if authkey.flags & KEY_FLAG_INSTANTIATED else b""
    return b"key:" + authkey.description + more


def auth_read(authkey: Key) -> bytes:
    """Return what the requester has said."""
    rka: RequestKeyAuth = authkey.payload
    return rka.callout_info


def request_key_auth_type() -> KeyType:
    """Return the type."""
    ktype = KeyType(b".request_key_auth", 56)
    ktype.instantiate = auth_instantiate
    ktype.revoke = auth_revoke
    ktype.destroy = auth_destroy
    ktype.describe = auth_describe
    ktype.read = auth_read
    return ktype


def request_key_auth_new(current: Task, target: Key, callout_info: bytes, dest_keyring: Key | None) -> Key:
    """Return the right to make target, with a reference; raises EKEYREVOKED, ENOMEM."""
    k = current.kernel
    requester, nr = current.cred, current.pid
    auth = current.cred.request_key_auth
    if auth is not None:
        # Who makes a key for another asks in that one's name.
        if auth.flags & KEY_FLAG_REVOKED:
            raise LinuxError(Errno.EKEYREVOKED, "the key was made already")
        requester, nr = auth.payload.cred, auth.payload.pid
    own = current.cred
    desc = b"%x" % target.serial
    ktype = k.keys.types[b".request_key_auth"]
    authkey = key.key_alloc(k, ktype, desc, own.fsuid, own.fsgid, own, _PERM, KEY_ALLOC_NOT_IN_QUOTA)
    requester.usage += 1
    key_get(target)
    if dest_keyring is not None:
        key_get(dest_keyring)
    authkey.payload = RequestKeyAuth(target, dest_keyring, callout_info, requester, nr)
    key.key_instantiate_and_link(k, authkey, None, 0, None, None)
    return authkey


def key_get_instantiation_authkey(current: Task, target_id: int) -> Key:
    """Return the right to make a key that current's keyrings hold, with a reference; raises ENOKEY, EKEYREVOKED."""
    k = current.kernel
    ktype = k.keys.types[b".request_key_auth"]
    try:
        authkey, _ = process_keys.search_process_keyrings(
            current, ktype, lambda found: found.payload.target_key.serial == target_id, current.cred
        )
    except LinuxError as e:
        raise LinuxError(Errno.ENOKEY if e.errno == Errno.EAGAIN else e.errno, "no authority for the key") from None
    if authkey.flags & KEY_FLAG_REVOKED:
        key_put(k, authkey)
        raise LinuxError(Errno.EKEYREVOKED, "the authority was revoked")
    return authkey
