"""The keyrings of threads, processes, sessions and users (security/keys/process_keys.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import KEEP_ID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import (
    KEY_ALLOC_IN_QUOTA,
    KEY_ALLOC_QUOTA_OVERRUN,
    KEY_FLAG_INSTANTIATED,
    KEY_FLAG_REVOKED,
    KEY_SPEC_PROCESS_KEYRING,
    KEY_SPEC_REQKEY_AUTH_KEY,
    KEY_SPEC_REQUESTOR_KEYRING,
    KEY_SPEC_SESSION_KEYRING,
    KEY_SPEC_THREAD_KEYRING,
    KEY_SPEC_USER_KEYRING,
    KEY_SPEC_USER_SESSION_KEYRING,
    ThreadGroupCred,
    key_get,
    key_put,
)
from procession.include.linux.sched import thread_group_empty
from procession.kernel import cred as kernel_cred
from procession.security.keys import construction, key, keyring, permission

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key, KeyType
    from procession.include.linux.sched import Task

__all__ = (
    "install_process_keyring_to_cred",
    "install_session_keyring_to_cred",
    "install_thread_keyring_to_cred",
    "install_user_keyrings",
    "join_session_keyring",
    "key_replace_session_keyring",
    "lookup_user_key",
    "search_process_keyrings",
)

KEY_LOOKUP_CREATE: Final = 1
KEY_LOOKUP_PARTIAL: Final = 2
KEY_LOOKUP_FOR_UNLINK: Final = 4

KeyRef = tuple["Key", bool]


# Making them.


def shared(current: Task | None, cred: Cred) -> ThreadGroupCred:
    """Return what the threads of current's process share, made if need be: ours, 3.2 makes it with the process."""
    tgcred = cred.tgcred
    if tgcred is None:
        tgcred = cred.tgcred = ThreadGroupCred()
        tgcred.usage = 1
        for t in current.signal.threads if current is not None else ():
            for other in (t.cred, t.real_cred):
                if other.tgcred is None:
                    other.tgcred = tgcred
                    tgcred.usage += 1
    return tgcred


def install_thread_keyring_to_cred(k: Kernel, new: Cred) -> None:
    """Give credentials a thread keyring; raises ENOMEM."""
    made = key.keyring_alloc(k, b"_tid", new.uid, new.gid, new, KEY_ALLOC_QUOTA_OVERRUN)
    key_put(k, new.thread_keyring)
    new.thread_keyring = made


def install_process_keyring_to_cred(current: Task, new: Cred) -> None:
    """Give a process its keyring unless it has one; raises ENOMEM."""
    tgcred = shared(current, new)
    if tgcred.process_keyring is None:
        k = current.kernel
        tgcred.process_keyring = key.keyring_alloc(k, b"_pid", new.uid, new.gid, new, KEY_ALLOC_QUOTA_OVERRUN)


def install_session_keyring_to_cred(current: Task, new: Cred, session: Key | None) -> None:
    """Let a process be in another session, a new one for None; raises EDQUOT, ENOMEM."""
    k = current.kernel
    tgcred = shared(current, new)
    if session is None:
        flags = KEY_ALLOC_QUOTA_OVERRUN if tgcred.session_keyring is None else KEY_ALLOC_IN_QUOTA
        session = key.keyring_alloc(k, b"_ses", new.uid, new.gid, new, flags)
    else:
        key_get(session)
    old, tgcred.session_keyring = tgcred.session_keyring, session
    key_put(k, old)


def install_user_keyrings(current: Task) -> None:
    """See to it that current's user has a keyring and a session keyring; raises EDQUOT, ENOMEM."""
    k = current.kernel
    cred = current.cred
    user = cred.user
    if user.uid_keyring is not None:
        return
    own = _user_keyring(k, cred, b"_uid.%d" % user.uid)
    session: Key | None = None
    try:
        session = _user_keyring(k, cred, b"_uid_ses.%d" % user.uid)
        keyring.key_link(k, session, own)
    except LinuxError:
        key_put(k, own)
        key_put(k, session)
        raise
    user.uid_keyring, user.session_keyring = own, session


def _user_keyring(k: Kernel, cred: Cred, name: bytes) -> Key:
    """Return the keyring of that name: somebody's session may have kept it when its user was gone."""
    found = keyring.find_keyring_by_name(k, cred, name, skip_perm_check=True)
    if found is not None:
        return found
    return key.keyring_alloc(k, name, cred.user.uid, KEEP_ID, cred, KEY_ALLOC_IN_QUOTA)


def join_session_keyring(current: Task, name: bytes | None) -> int:
    """Be in a new session, or in that of a name; returns its number.

    Raises EMLINK with threads, EDQUOT, ENOMEM, EINVAL for a name of nothing.
    """
    if not thread_group_empty(current):
        raise LinuxError(Errno.EMLINK, "a process with threads")
    k = current.kernel
    new = kernel_cred.prepare_creds(current)
    session: Key | None = None
    try:
        if name is not None:
            session = keyring.find_keyring_by_name(k, current.cred, name, skip_perm_check=False)
            if session is None:
                old = current.cred
                session = key.keyring_alloc(k, name, old.uid, old.gid, old, KEY_ALLOC_IN_QUOTA)
        install_session_keyring_to_cred(current, new, session)
    except LinuxError:
        kernel_cred.abort_creds(k, new)
        raise
    finally:
        key_put(k, session)
    kernel_cred.commit_creds(current, new)
    tgcred = current.cred.tgcred
    assert tgcred is not None
    assert tgcred.session_keyring is not None
    return tgcred.session_keyring.serial


def key_replace_session_keyring(current: Task) -> None:
    """Take the session keyring that a child has asked current to have."""
    k = current.kernel
    session, current.replacement_session_keyring = current.replacement_session_keyring, None
    if session is None:
        return
    try:
        new = kernel_cred.prepare_creds(current)
        install_session_keyring_to_cred(current, new, session)
        kernel_cred.commit_creds(current, new)
    except LinuxError as error:
        k.printk(f"{current.comm}: no new session keyring: {error}")
    key_put(k, session)


# Searching.


def _own_keyrings(cred: Cred) -> list[Key]:
    """Return the keyrings that are searched, in their order."""
    tgcred = cred.tgcred
    process = tgcred.process_keyring if tgcred is not None else None
    session = tgcred.session_keyring if tgcred is not None else None
    last = session if session is not None else cred.user.session_keyring
    return [found for found in (cred.thread_keyring, process, last) if found is not None]


def search_my_process_keyrings(
    k: Kernel, ktype: KeyType, match: Callable[[Key], bool], cred: Cred, *, no_state_check: bool
) -> KeyRef:
    """Return the key that fits in a process's keyrings.

    Raises ENOKEY for a negative one, EAGAIN for none, else what went wrong.
    """
    answer: LinuxError | None = None
    error = LinuxError(Errno.EAGAIN, "no keyrings")
    for ring in _own_keyrings(cred):
        try:
            return keyring.keyring_search_aux(k, (ring, True), cred, ktype, match, no_state_check=no_state_check)
        except LinuxError as e:
            if e.errno == Errno.ENOKEY or (e.errno == Errno.EAGAIN and answer is None):
                answer = e
            elif e.errno != Errno.EAGAIN:
                error = e
    raise answer if answer is not None else error


def search_process_keyrings(
    current: Task, ktype: KeyType, match: Callable[[Key], bool], cred: Cred, *, no_state_check: bool = False
) -> KeyRef:
    """As search_my_process_keyrings, and then in the keyrings of whom current makes a key for."""
    k = current.kernel
    try:
        return search_my_process_keyrings(k, ktype, match, cred, no_state_check=no_state_check)
    except LinuxError as e:
        error = e
    other = LinuxError(Errno.EACCES, "nobody else's keyrings")
    auth = cred.request_key_auth
    if auth is not None and cred is current.cred and ktype.name != b".request_key_auth":
        try:
            permission.key_validate(k, auth)
            return search_process_keyrings(current, ktype, match, auth.payload.cred)
        except LinuxError as e:
            if e.errno not in (Errno.EKEYREVOKED, Errno.EKEYEXPIRED):
                other = e
    if Errno.ENOKEY in (error.errno, other.errno):
        raise LinuxError(Errno.ENOKEY, "a negative key")
    raise other if error.errno == Errno.EACCES else error


# By number.


async def lookup_user_key(current: Task, serial: int, lflags: int, perm: int) -> KeyRef:
    """Return the key that a number of user space's means, with a reference, and whether current possesses it.

    Raises EINVAL, ENOKEY, EACCES, EKEYREVOKED, EKEYEXPIRED, ERESTARTSYS while it is being made, EIO.
    """
    k = current.kernel
    cred = current.cred
    found, possessed = _special(current, serial, lflags) if serial < 1 else _by_serial(current, serial)
    if lflags & KEY_LOOKUP_FOR_UNLINK:
        return found, possessed
    try:
        if not lflags & KEY_LOOKUP_PARTIAL:
            try:
                await construction.wait_for_key_construction(current, found, interruptible=True)
            except LinuxError as e:
                if perm or e.errno == Errno.ERESTARTSYS:
                    raise
            _check_made(found)
        elif perm:
            permission.key_validate(k, found)
        permission.key_task_permission((found, possessed), cred, perm)
    except LinuxError:
        key_put(k, found)
        raise
    return found, possessed


def _check_made(found: Key) -> None:
    if not found.flags & KEY_FLAG_INSTANTIATED:
        raise LinuxError(Errno.EIO, "nobody has made the key")


def _by_serial(current: Task, serial: int) -> KeyRef:
    k = current.kernel
    found = key.key_lookup(k, serial)
    try:
        ref = search_process_keyrings(
            current, found.type, lambda other: other is found, current.cred, no_state_check=True
        )
    except LinuxError:
        return found, False
    key_put(k, found)
    return ref


def _special(current: Task, serial: int, lflags: int) -> KeyRef:
    """Return one of the keyrings that have names instead of numbers."""
    create = bool(lflags & KEY_LOOKUP_CREATE)
    found: Key | None = None
    if serial == KEY_SPEC_THREAD_KEYRING:
        if current.cred.thread_keyring is None and create:
            _install(current, thread=True)
        found = current.cred.thread_keyring
    elif serial == KEY_SPEC_PROCESS_KEYRING:
        tgcred = current.cred.tgcred
        if (tgcred is None or tgcred.process_keyring is None) and create:
            _install(current, thread=False)
        tgcred = current.cred.tgcred
        found = tgcred.process_keyring if tgcred is not None else None
    elif serial == KEY_SPEC_SESSION_KEYRING:
        found = _session(current, create=create)
    elif serial in (KEY_SPEC_USER_KEYRING, KEY_SPEC_USER_SESSION_KEYRING):
        _try_user_keyrings(current)
        user = current.cred.user
        found = user.uid_keyring if serial == KEY_SPEC_USER_KEYRING else user.session_keyring
    elif serial == KEY_SPEC_REQKEY_AUTH_KEY:
        found = current.cred.request_key_auth
    elif serial == KEY_SPEC_REQUESTOR_KEYRING:
        auth = current.cred.request_key_auth
        if auth is not None and auth.flags & KEY_FLAG_REVOKED:
            raise LinuxError(Errno.EKEYREVOKED, "the authority was revoked")
        found = auth.payload.dest_keyring if auth is not None else None
    else:
        raise LinuxError(Errno.EINVAL, f"key {serial}")
    if found is None:
        raise LinuxError(Errno.ENOKEY, f"key {serial}")
    return key_get(found), True


def _install(current: Task, *, thread: bool) -> None:
    """Give current a thread or a process keyring."""
    new = kernel_cred.prepare_creds(current)
    try:
        if thread:
            shared(current, new)
            install_thread_keyring_to_cred(current.kernel, new)
        else:
            install_process_keyring_to_cred(current, new)
    except LinuxError:
        kernel_cred.abort_creds(current.kernel, new)
        raise
    kernel_cred.commit_creds(current, new)


def _try_user_keyrings(current: Task) -> None:
    """Make a user's keyrings; whatever is wrong, the key is not there."""
    try:
        install_user_keyrings(current)
    except LinuxError:
        raise LinuxError(Errno.ENOKEY, "no user keyring") from None


def _session(current: Task, *, create: bool) -> Key | None:
    """Return current's session keyring; who has none has the user's, or a new one if something is to be put there."""
    tgcred = current.cred.tgcred
    session = tgcred.session_keyring if tgcred is not None else None
    if session is not None and not (create and session is current.cred.user.session_keyring):
        return session
    if session is None:
        _try_user_keyrings(current)
    try:
        if create:
            join_session_keyring(current, None)
        else:
            new = kernel_cred.prepare_creds(current)
            install_session_keyring_to_cred(current, new, current.cred.user.session_keyring)
            kernel_cred.commit_creds(current, new)
    except LinuxError:
        raise LinuxError(Errno.ENOKEY, "no session keyring") from None
    tgcred = current.cred.tgcred
    return tgcred.session_keyring if tgcred is not None else None
