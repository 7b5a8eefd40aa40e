"""Keys that are looked for, and asked of user space if there is none (security/keys/request_key.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import (
    KEY_ALL,
    KEY_ALLOC_QUOTA_OVERRUN,
    KEY_FLAG_REVOKED,
    KEY_FLAG_USER_CONSTRUCT,
    KEY_POS,
    KEY_REQKEY_DEFL_DEFAULT,
    KEY_REQKEY_DEFL_PROCESS_KEYRING,
    KEY_REQKEY_DEFL_REQUESTOR_KEYRING,
    KEY_REQKEY_DEFL_SESSION_KEYRING,
    KEY_REQKEY_DEFL_THREAD_KEYRING,
    KEY_REQKEY_DEFL_USER_KEYRING,
    KEY_REQKEY_DEFL_USER_SESSION_KEYRING,
    key_get,
    key_put,
)
from procession.include.linux.kmod import UMH_WAIT_PROC
from procession.kernel import kmod
from procession.security.keys import key, keyring, permission, process_keys, request_key_auth

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key, KeyType
    from procession.include.linux.kmod import SubprocessInfo
    from procession.include.linux.sched import Task

__all__ = ("request_key_and_link",)

_NEGATIVE_TIMEOUT: Final = 60  # s
_HELPER: Final = "/sbin/request-key"
_ENVP: Final = (b"HOME=/", b"PATH=/sbin:/bin:/usr/sbin:/usr/bin")


async def request_key_and_link(
    current: Task, ktype: KeyType, description: bytes, callout_info: bytes | None, dest: Key | None
) -> Key:
    """Return the key of that description, perhaps still to be made, with a reference, and put it into dest.

    Raises ENOKEY if nobody knows it, and what searching and linking do.
    """
    k = current.kernel
    match = ktype.match
    if match is None:
        raise LinuxError(Errno.ENOKEY, "a type that is not searched for")
    by_name = match
    try:
        found, _ = process_keys.search_process_keyrings(
            current, ktype, lambda other: by_name(other, description), current.cred
        )
    except LinuxError as e:
        if e.errno != Errno.EAGAIN:
            raise
        if callout_info is None:
            raise LinuxError(Errno.ENOKEY, "no such key") from None
        return await construct_key_and_link(current, ktype, description, callout_info, dest)
    if dest is not None:
        try:
            keyring.key_link(k, dest, found)
        except LinuxError:
            key_put(k, found)
            raise
    return found


def construct_get_dest_keyring(current: Task) -> Key | None:
    """Return the keyring in which keys that are asked for are kept, the first there is; without a reference."""
    cred = current.cred
    choice = cred.jit_keyring
    tgcred = cred.tgcred
    user = cred.user
    auth = cred.request_key_auth
    if choice in (KEY_REQKEY_DEFL_DEFAULT, KEY_REQKEY_DEFL_REQUESTOR_KEYRING):
        if auth is not None and not auth.flags & KEY_FLAG_REVOKED and auth.payload.dest_keyring is not None:
            dest: Key = auth.payload.dest_keyring
            return dest
        choice = KEY_REQKEY_DEFL_THREAD_KEYRING
    if choice == KEY_REQKEY_DEFL_USER_KEYRING:
        return user.uid_keyring
    places = (
        (KEY_REQKEY_DEFL_THREAD_KEYRING, cred.thread_keyring),
        (KEY_REQKEY_DEFL_PROCESS_KEYRING, tgcred.process_keyring if tgcred is not None else None),
        (KEY_REQKEY_DEFL_SESSION_KEYRING, tgcred.session_keyring if tgcred is not None else None),
        (KEY_REQKEY_DEFL_USER_SESSION_KEYRING, user.session_keyring),
    )
    return next((ring for place, ring in places if place >= choice and ring is not None), None)


async def construct_key_and_link(
    current: Task, ktype: KeyType, description: bytes, callout_info: bytes, dest: Key | None
) -> Key:
    """Make a key that has nothing yet, and have user space fill it; returns it with a reference."""
    k = current.kernel
    if dest is None:
        dest = construct_get_dest_keyring(current)
    if dest is not None:
        key_get(dest)
    try:
        new = construct_alloc_key(current, ktype, description, dest)
        current.held += (new, dest)
        try:
            await construct_key(current, new, callout_info, dest)
        except LinuxError:
            key_negate(k, new, None)
            key_put(k, new)
            raise
        finally:
            del current.held[-2:]
        return new
    finally:
        key_put(k, dest)


def construct_alloc_key(current: Task, ktype: KeyType, description: bytes, dest: Key | None) -> Key:
    """Return a key under construction, in dest; raises EDQUOT, ENOMEM, and what linking does."""
    k = current.kernel
    cred = current.cred
    new = key.key_alloc(k, ktype, description, cred.fsuid, cred.fsgid, cred, KEY_ALL << KEY_POS, 0)
    new.flags |= KEY_FLAG_USER_CONSTRUCT
    if dest is not None:
        try:
            edit = keyring.link_begin(k, dest, ktype, description)
        except LinuxError:
            key_put(k, new)
            raise
        keyring.link(k, edit, new)
        keyring.link_end(k, edit)
    return new


def key_negate(k: Kernel, target: Key, authkey: Key | None) -> None:
    """Nobody has made the key: for a while there is none; if somebody has after all, that stays."""
    try:
        key.key_reject_and_link(k, target, _NEGATIVE_TIMEOUT, Errno.ENOKEY, None, authkey)
    except LinuxError:
        return  # EBUSY: made, or refused, in the meantime


async def construct_key(current: Task, target: Key, callout_info: bytes, dest: Key | None) -> None:
    """Have user space make a key; raises ENOKEY if it has not, and what running the helper does."""
    k = current.kernel
    authkey = request_key_auth.request_key_auth_new(current, target, callout_info, dest)
    current.held.append(authkey)
    try:
        await call_sbin_request_key(current, target, authkey)
    except LinuxError:
        key_negate(k, target, authkey)
        raise
    else:
        key.key_revoke(k, authkey)
    finally:
        current.held.pop()
        key_put(k, authkey)


async def call_sbin_request_key(current: Task, target: Key, authkey: Key) -> None:
    """Run /sbin/request-key with the right to make a key in its session keyring, and wait for its end."""
    k = current.kernel
    process_keys.install_user_keyrings(current)
    cred = current.cred
    desc = b"_req.%d" % target.serial
    session = key.keyring_alloc(k, desc, cred.fsuid, cred.fsgid, cred, KEY_ALLOC_QUOTA_OVERRUN)
    current.held.append(session)
    try:
        keyring.key_link(k, session, authkey)
        numbers = (target.serial, cred.fsuid, cred.fsgid, *_keyring_numbers(cred))
        argv = (_HELPER.encode(), b"create", *(b"%d" % number for number in numbers))
        info = kmod.call_usermodehelper_setup(k, _HELPER, argv, _ENVP)
        kmod.call_usermodehelper_setfns(info, umh_keys_init, umh_keys_cleanup, (k, key_get(session)))
        current.held.append(session)  # the request has a reference of its own
        try:
            await kmod.call_usermodehelper_exec(current, info, UMH_WAIT_PROC)
        finally:
            current.held.pop()
    finally:
        current.held.pop()
        key_put(k, session)
    if target.flags & KEY_FLAG_USER_CONSTRUCT:
        raise LinuxError(Errno.ENOKEY, "the helper has not made the key")
    try:
        permission.key_validate(k, target)
    except LinuxError:
        raise LinuxError(Errno.ENOKEY, "the key is of no use") from None


def _keyring_numbers(cred: Cred) -> tuple[int, int, int]:
    """Return the numbers of the requester's thread, process and session keyring, 0 for none."""
    tgcred = cred.tgcred
    process = tgcred.process_keyring if tgcred is not None else None
    session = tgcred.session_keyring if tgcred is not None else None
    if session is None:
        session = cred.user.session_keyring
    thread = cred.thread_keyring
    return (
        thread.serial if thread is not None else 0,
        process.serial if process is not None else 0,
        session.serial if session is not None else 0,
    )


def umh_keys_init(current: Task, info: SubprocessInfo, new: Cred) -> None:
    """Put the helper into its session, before it is one."""
    process_keys.install_session_keyring_to_cred(current, new, info.data[1])


def umh_keys_cleanup(info: SubprocessInfo) -> None:
    """The request is over."""
    k, session = info.data
    key_put(k, session)
