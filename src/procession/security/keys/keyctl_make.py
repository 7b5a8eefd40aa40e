"""Making keys that somebody waits for (the instantiating part of security/keys/keyctl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import read_write
from procession.include.linux.errno import MAX_ERRNO, Errno, LinuxError
from procession.include.linux.key import (
    KEY_SPEC_REQKEY_AUTH_KEY,
    KEY_SPEC_REQUESTOR_KEYRING,
    KEY_WRITE,
    key_get,
    key_put,
)
from procession.kernel import cred as kernel_cred
from procession.mm import uaccess
from procession.security.keys import key, process_keys
from procession.security.keys.process_keys import KEY_LOOKUP_CREATE
from procession.security.keys.request_key_auth import key_get_instantiation_authkey

if TYPE_CHECKING:
    from procession.include.linux.key import Key, RequestKeyAuth
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("assume_authority", "instantiate_iov", "instantiate_key", "null", "payload_of", "reject_key")

PAYLOAD_MAX: Final = 1024 * 1024 - 1
_RESTARTS: Final[tuple[int, ...]] = (
    Errno.ERESTARTSYS,
    Errno.ERESTARTNOINTR,
    Errno.ERESTARTNOHAND,
    Errno.ERESTART_RESTARTBLOCK,
)


def null(ptr: UserPtr) -> bool:
    """Whether a pointer is NULL."""
    return isinstance(ptr, int) and not ptr


def payload_of(current: Task, ptr: UserPtr, plen: int) -> bytes | None:
    """Return a payload, None for no address; raises EFAULT."""
    if null(ptr):
        return None
    return uaccess.copy_from_user(current, ptr, plen) if plen else b""


def _authority(current: Task, serial: int) -> tuple[Key, RequestKeyAuth]:
    """Return the authority that current has assumed; raises EPERM unless it is that for the key."""
    auth = current.cred.request_key_auth
    if auth is None or auth.payload.target_key.serial != serial:
        raise LinuxError(Errno.EPERM, "no authority for the key")
    return auth, auth.payload


async def _instantiation_keyring(current: Task, ringid: int, rka: RequestKeyAuth) -> Key | None:
    """Return where the key goes, with a reference; raises EINVAL, ENOKEY, and what looking it up does."""
    if not ringid:
        return None
    if ringid > 0:
        ring, _ = await process_keys.lookup_user_key(current, ringid, KEY_LOOKUP_CREATE, KEY_WRITE)
        return ring
    if ringid == KEY_SPEC_REQKEY_AUTH_KEY:
        raise LinuxError(Errno.EINVAL, "not a keyring")
    if ringid >= KEY_SPEC_REQUESTOR_KEYRING:
        return key_get(rka.dest_keyring) if rka.dest_keyring is not None else None
    raise LinuxError(Errno.ENOKEY, f"keyring {ringid}")


def _change_reqkey_auth(current: Task, authkey: Key | None) -> None:
    """Assume an authority, or drop it; raises ENOMEM."""
    new = kernel_cred.prepare_creds(current)
    if authkey is not None:
        process_keys.shared(current, new)
        key_get(authkey)
    old, new.request_key_auth = new.request_key_auth, authkey
    key_put(current.kernel, old)
    kernel_cred.commit_creds(current, new)


async def instantiate(current: Task, serial: int, payload: bytes | None, plen: int, ringid: int) -> int:
    """Give a key that somebody waits for its payload."""
    auth, rka = _authority(current, serial)
    k = current.kernel
    dest = await _instantiation_keyring(current, ringid, rka)
    try:
        key.key_instantiate_and_link(k, rka.target_key, payload, plen, dest, auth)
    finally:
        key_put(k, dest)
    _change_reqkey_auth(current, None)
    return 0


async def instantiate_key(current: Task, serial: int, payload: UserPtr, plen: int, ringid: int) -> int:
    """As instantiate, from one piece of memory; raises EINVAL, EPERM, EFAULT."""
    if plen > PAYLOAD_MAX:
        raise LinuxError(Errno.EINVAL, "length of a payload")
    _authority(current, serial)
    return await instantiate(current, serial, payload_of(current, payload, plen), plen, ringid)


async def instantiate_iov(current: Task, serial: int, iov: UserPtr, ioc: int, ringid: int) -> int:
    """As instantiate, from several pieces."""
    if null(iov) or not ioc:
        return await instantiate_key(current, serial, 0, 0, ringid)
    segments = read_write.rw_copy_check_uvector(current, iov, ioc)
    plen = sum([length for _, length in segments])
    if not plen:
        return await instantiate_key(current, serial, 0, 0, ringid)
    return await instantiate_key(current, serial, uaccess.IovBuffer(current, segments, plen), plen, ringid)


async def reject_key(current: Task, serial: int, timeout: int, error: int, ringid: int) -> int:
    """Say that a key that somebody waits for is an error, for timeout s; raises EINVAL, EPERM."""
    if not 0 < error < MAX_ERRNO or error in _RESTARTS:
        raise LinuxError(Errno.EINVAL, "not an error")
    auth, rka = _authority(current, serial)
    k = current.kernel
    if error not in list(Errno):
        k.not_modelled(f"keyctl: reject with error {error}")
        raise LinuxError(Errno.EINVAL, "an error without a name")
    dest = await _instantiation_keyring(current, ringid, rka)
    try:
        key.key_reject_and_link(k, rka.target_key, timeout, error, dest, auth)
    finally:
        key_put(k, dest)
    _change_reqkey_auth(current, None)
    return 0


def assume_authority(current: Task, serial: int) -> int:
    """Be somebody who makes a key for another; 0 for no longer; raises EINVAL, ENOKEY, EKEYREVOKED."""
    if serial < 0:
        raise LinuxError(Errno.EINVAL, "a negative number")
    if not serial:
        _change_reqkey_auth(current, None)
        return 0
    authkey = key_get_instantiation_authkey(current, serial)
    try:
        _change_reqkey_auth(current, authkey)
    finally:
        key_put(current.kernel, authkey)
    return authkey.serial
