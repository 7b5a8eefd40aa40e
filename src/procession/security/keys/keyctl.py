"""The system calls of keys (security/keys/keyctl.c; spec files 12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN, KEEP_ID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import (
    KEY_FLAG_IN_QUOTA,
    KEY_FLAG_INSTANTIATED,
    KEY_FLAG_NEGATIVE,
    KEY_LINK,
    KEY_PERM_ALL,
    KEY_READ,
    KEY_REQKEY_DEFL_NO_CHANGE,
    KEY_REQKEY_DEFL_PROCESS_KEYRING,
    KEY_REQKEY_DEFL_REQUESTOR_KEYRING,
    KEY_REQKEY_DEFL_THREAD_KEYRING,
    KEY_REQKEY_DEFL_USER_SESSION_KEYRING,
    KEY_SEARCH,
    KEY_SETATTR,
    KEY_SPEC_SESSION_KEYRING,
    KEY_VIEW,
    KEY_WRITE,
    KEYCTL_ASSUME_AUTHORITY,
    KEYCTL_CHOWN,
    KEYCTL_CLEAR,
    KEYCTL_DESCRIBE,
    KEYCTL_GET_KEYRING_ID,
    KEYCTL_GET_SECURITY,
    KEYCTL_INSTANTIATE,
    KEYCTL_INSTANTIATE_IOV,
    KEYCTL_JOIN_SESSION_KEYRING,
    KEYCTL_LINK,
    KEYCTL_NEGATE,
    KEYCTL_READ,
    KEYCTL_REJECT,
    KEYCTL_REVOKE,
    KEYCTL_SEARCH,
    KEYCTL_SESSION_TO_PARENT,
    KEYCTL_SET_REQKEY_KEYRING,
    KEYCTL_SET_TIMEOUT,
    KEYCTL_SETPERM,
    KEYCTL_UNLINK,
    KEYCTL_UPDATE,
    KeyctlArg,
    KeyctlArg2,
    KeyctlArg3,
    KeyctlArg4,
    KeyctlArg5,
    KeySerialArg,
    key_get,
    key_put,
)
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.sched import TIF_NOTIFY_RESUME, thread_group_empty
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import InBuf, SizeT, Str, UserPtr
from procession.include.linux.uidgid import INVALID_ID, gid_here, make_kgid, make_kuid, uid_here
from procession.include.linux.undo import Undo
from procession.kernel import capability
from procession.kernel import cred as kernel_cred
from procession.mm import uaccess
from procession.security.keys import construction, gc, key, keyctl_make, keyring, permission, process_keys, request_key
from procession.security.keys.keyctl_make import PAYLOAD_MAX, null, payload_of
from procession.security.keys.process_keys import KEY_LOOKUP_CREATE, KEY_LOOKUP_FOR_UNLINK, KEY_LOOKUP_PARTIAL
from procession.security.keys.request_key_auth import key_get_instantiation_authkey

if TYPE_CHECKING:
    from procession.include.linux.key import Key
    from procession.include.linux.sched import Task
    from procession.security.keys.process_keys import KeyRef

__all__ = ("sys_add_key", "sys_keyctl", "sys_request_key")

TYPE_MAX: Final = 32


# From user space.


def key_get_type_from_user(current: Task, ptr: UserPtr) -> bytes:
    """Return the name of a type; raises EFAULT, EINVAL for none or a long one, EPERM for the kernel's own."""
    name = _bounded(current, ptr, TYPE_MAX)
    if not name:
        raise LinuxError(Errno.EINVAL, "name of a type of keys")
    if name.startswith(b"."):
        raise LinuxError(Errno.EPERM, "the kernel's own type")
    return name


def strndup_user(current: Task, ptr: UserPtr) -> bytes:
    """Return a string of less than a page; raises EFAULT, EINVAL for a longer one."""
    return _bounded(current, ptr, PAGE_SIZE)


def _bounded(current: Task, ptr: UserPtr, size: int) -> bytes:
    """Return a string of less than size bytes; raises EFAULT, EINVAL for a longer one."""
    try:
        return uaccess.strncpy_from_user(current, ptr, size)
    except LinuxError as e:
        if e.errno == Errno.ENAMETOOLONG:
            raise LinuxError(Errno.EINVAL, "a long string") from None
        raise


def _put(current: Task, buffer: UserPtr, buflen: int, data: bytes) -> int:
    """Store what fits; returns how long all of it is. Raises EFAULT."""
    if not null(buffer) and buflen and data:
        uaccess.copy_to_user(current, buffer, data[:buflen])
    return len(data)


@syscall
async def sys_add_key(
    current: Task, _type: Str, _description: Str, _payload_: InBuf, plen: SizeT, ringid: KeySerialArg
) -> int:
    """Put a key into a keyring, or change the one there; returns its number (add_key(2)).

    Raises EINVAL, EFAULT, EPERM, ENODEV, ENOTDIR, EACCES, EDQUOT, ENOKEY, EKEYREVOKED, EKEYEXPIRED, ENOMEM.
    """
    k = current.kernel
    if plen > PAYLOAD_MAX:
        raise LinuxError(Errno.EINVAL, "length of a payload")
    name = key_get_type_from_user(current, _type)
    description = strndup_user(current, _description)
    payload = payload_of(current, _payload_, plen)
    ref = await process_keys.lookup_user_key(current, ringid, KEY_LOOKUP_CREATE, KEY_WRITE)
    try:
        added = key.key_create_or_update(current, ref, name, description, payload, plen)
    finally:
        key_put(k, ref[0])
    key_put(k, added)
    return added.serial


@syscall
async def sys_request_key(
    current: Task, _type: Str, _description: Str, _callout_info: Str, destringid: KeySerialArg
) -> int:
    """Find a key, or have it made, and put it into a keyring; returns its number (request_key(2)).

    Raises ENOKEY, EKEYREVOKED, EKEYEXPIRED, EKEYREJECTED, EACCES, EFAULT, EINVAL, EPERM, EDQUOT, ERESTARTSYS, ENOMEM.
    """
    k = current.kernel
    name = key_get_type_from_user(current, _type)
    description = strndup_user(current, _description)
    callout = None if null(_callout_info) else strndup_user(current, _callout_info)
    dest: Key | None = None
    if destringid:
        dest, _ = await process_keys.lookup_user_key(current, destringid, KEY_LOOKUP_CREATE, KEY_WRITE)
    current.held.append(dest)
    try:
        ktype = key.key_type_lookup(k, name)
        found = await request_key.request_key_and_link(current, ktype, description, callout, dest)
        try:
            await construction.wait_for_key_construction(current, found, interruptible=True)
        finally:
            key_put(k, found)
    finally:
        current.held.pop()
        key_put(k, dest)
    return found.serial


# keyctl(2), one function for each operation.


async def get_keyring_id(current: Task, serial: int, create: int) -> int:
    """Return the number of a keyring, which is made if create."""
    flags = KEY_LOOKUP_CREATE if create & 0xFFFFFFFF else 0
    found, _ = await process_keys.lookup_user_key(current, serial, flags, KEY_SEARCH)
    key_put(current.kernel, found)
    return found.serial


def join_session(current: Task, name: UserPtr) -> int:
    """Be in another session; returns the number of its keyring."""
    return process_keys.join_session_keyring(current, None if null(name) else strndup_user(current, name))


async def update_key(current: Task, serial: int, payload: UserPtr, plen: int) -> int:
    """Give a key another payload."""
    if plen > PAGE_SIZE:
        raise LinuxError(Errno.EINVAL, "length of a payload")
    data = payload_of(current, payload, plen) if plen else None
    ref = await process_keys.lookup_user_key(current, serial, 0, KEY_WRITE)
    try:
        key.key_update(current, ref, data, plen)
    finally:
        key_put(current.kernel, ref[0])
    return 0


async def revoke_key(current: Task, serial: int) -> int:
    """Let a key be of no use any more."""
    try:
        found, _ = await process_keys.lookup_user_key(current, serial, 0, KEY_WRITE)
    except LinuxError as e:
        if e.errno != Errno.EACCES:
            raise
        found, _ = await process_keys.lookup_user_key(current, serial, 0, KEY_SETATTR)
    key.key_revoke(current.kernel, found)
    key_put(current.kernel, found)
    return 0


async def clear(current: Task, serial: int) -> int:
    """Empty a keyring."""
    ring, _ = await process_keys.lookup_user_key(current, serial, KEY_LOOKUP_CREATE, KEY_WRITE)
    try:
        keyring.keyring_clear(current.kernel, ring)
    finally:
        key_put(current.kernel, ring)
    return 0


async def link(current: Task, serial: int, ringid: int) -> int:
    """Put a key into a keyring."""
    k = current.kernel
    ring, _ = await process_keys.lookup_user_key(current, ringid, KEY_LOOKUP_CREATE, KEY_WRITE)
    current.held.append(ring)
    try:
        found, _ = await process_keys.lookup_user_key(current, serial, KEY_LOOKUP_CREATE, KEY_LINK)
        try:
            keyring.key_link(k, ring, found)
        finally:
            key_put(k, found)
    finally:
        current.held.pop()
        key_put(k, ring)
    return 0


async def unlink(current: Task, serial: int, ringid: int) -> int:
    """Take a key out of a keyring."""
    k = current.kernel
    ring, _ = await process_keys.lookup_user_key(current, ringid, 0, KEY_WRITE)
    current.held.append(ring)
    try:
        found, _ = await process_keys.lookup_user_key(current, serial, KEY_LOOKUP_FOR_UNLINK, 0)
        try:
            keyring.key_unlink(k, ring, found)
        finally:
            key_put(k, found)
    finally:
        current.held.pop()
        key_put(k, ring)
    return 0


async def lookup_or_authority(current: Task, serial: int, flags: int, perm: int) -> KeyRef:
    """As lookup_user_key; who has the authority to make a key may also do this with it."""
    try:
        return await process_keys.lookup_user_key(current, serial, flags, perm)
    except LinuxError as e:
        if e.errno != Errno.EACCES:
            raise
        error = e
    try:
        key_put(current.kernel, key_get_instantiation_authkey(current, serial))
    except LinuxError:
        raise error from None
    return await process_keys.lookup_user_key(current, serial, KEY_LOOKUP_PARTIAL, 0)


async def describe(current: Task, serial: int, buffer: UserPtr, buflen: int) -> int:
    """Store type, ids, permissions and description, with a NUL; returns how long that is."""
    found, _ = await lookup_or_authority(current, serial, KEY_LOOKUP_PARTIAL, KEY_VIEW)
    text = b"%s;%d;%d;%08x;%s" % (
        found.type.name,
        _int(uid_here(current, found.uid)),
        _int(gid_here(current, found.gid)),
        found.perm,
        found.description,
    )
    key_put(current.kernel, found)
    return _put(current, buffer, buflen, text[: PAGE_SIZE - 1] + b"\0")


async def search(current: Task, ringid: int, type: UserPtr, description: UserPtr, destringid: int) -> int:
    """Look for a key in a keyring and those in it, and put it into another; returns its number."""
    k = current.kernel
    name = key_get_type_from_user(current, type)
    desc = strndup_user(current, description)
    ring, possessed = await process_keys.lookup_user_key(current, ringid, 0, KEY_SEARCH)
    current.held.append(ring)
    dest: Key | None = None
    try:
        if destringid:
            dest, _ = await process_keys.lookup_user_key(current, destringid, KEY_LOOKUP_CREATE, KEY_WRITE)
        return _search_and_link(current, (ring, possessed), name, desc, dest)
    finally:
        current.held.pop()
        key_put(k, ring)
        key_put(k, dest)


def _search_and_link(current: Task, ref: KeyRef, name: bytes, desc: bytes, dest: Key | None) -> int:
    k = current.kernel
    ktype = key.key_type_lookup(k, name)
    try:
        found = keyring.keyring_search(current, ref, ktype, desc)
    except LinuxError as e:
        if e.errno == Errno.EAGAIN:
            raise LinuxError(Errno.ENOKEY, "no such key") from None
        raise
    try:
        if dest is not None:
            permission.key_permission(current, found, KEY_LINK)
            keyring.key_link(k, dest, found[0])
    finally:
        key_put(k, found[0])
    return found[0].serial


async def read_key(current: Task, serial: int, buffer: UserPtr, buflen: int) -> int:
    """Store a key's payload; returns how long it is."""
    k = current.kernel
    try:
        found, possessed = await process_keys.lookup_user_key(current, serial, 0, 0)
    except LinuxError:
        raise LinuxError(Errno.ENOKEY, f"key {serial}") from None
    try:
        if not possessed:
            permission.key_permission(current, (found, possessed), KEY_READ)
        permission.key_validate(k, found)
        if found.type.read is None:
            raise LinuxError(Errno.EOPNOTSUPP, "keys of this type are not read")
        if found.flags & KEY_FLAG_NEGATIVE:
            raise LinuxError(Errno.ENOKEY, "a negative key")  # 3.2 follows a NULL pointer
        data = found.type.read(found)
    finally:
        key_put(k, found)
    return _put(current, buffer, buflen, data)


async def chown_key(current: Task, serial: int, uid: int, gid: int) -> int:
    """Give a key to somebody else, whose quota it is in then."""
    if uid == KEEP_ID and gid == KEEP_ID:
        return 0
    k, ns = current.kernel, current.cred.user_ns
    kuid, kgid = make_kuid(ns, uid), make_kgid(ns, gid)
    if (uid != KEEP_ID and kuid == INVALID_ID) or (gid != KEEP_ID and kgid == INVALID_ID):
        raise LinuxError(Errno.EINVAL, "no such user or group here")
    uid, gid = kuid, kgid
    flags = KEY_LOOKUP_CREATE | KEY_LOOKUP_PARTIAL
    found, _ = await process_keys.lookup_user_key(current, serial, flags, KEY_SETATTR)
    try:
        if not capability.capable(current, CAP_SYS_ADMIN):
            cred = current.cred
            mine = gid in (KEEP_ID, found.gid, cred.fsgid) or gid in cred.group_info
            if uid not in (KEEP_ID, found.uid) or not mine:
                raise LinuxError(Errno.EACCES, "somebody else's key")
        if uid not in (KEEP_ID, found.uid):
            _change_owner(current, found, uid)
        if gid != KEEP_ID:
            found.gid = gid
    finally:
        key_put(k, found)
    return 0


def _change_owner(current: Task, found: Key, uid: int) -> None:
    """Move a key from one quota to another; raises EDQUOT, ENOMEM."""
    k = current.kernel
    owner = key.key_user_lookup(k, uid, current.cred.user.user_ns.serial)
    old = found.user
    if found.flags & KEY_FLAG_IN_QUOTA:
        maxkeys, maxbytes = key.quota(k, uid)
        if owner.qnkeys + 1 >= maxkeys or owner.qnbytes + found.quotalen >= maxbytes:
            key.key_user_put(k, owner)
            raise LinuxError(Errno.EDQUOT, "too many keys")
        owner.qnkeys += 1
        owner.qnbytes += found.quotalen
        old.qnkeys -= 1
        old.qnbytes -= found.quotalen
    old.nkeys -= 1
    owner.nkeys += 1
    if found.flags & KEY_FLAG_INSTANTIATED:
        old.nikeys -= 1
        owner.nikeys += 1
    found.user, found.uid = owner, uid
    key.key_user_put(k, old)


async def setperm_key(current: Task, serial: int, perm: int) -> int:
    """Set who may do what with a key."""
    if perm & ~KEY_PERM_ALL:
        raise LinuxError(Errno.EINVAL, "permissions of a key")
    flags = KEY_LOOKUP_CREATE | KEY_LOOKUP_PARTIAL
    found, _ = await process_keys.lookup_user_key(current, serial, flags, KEY_SETATTR)
    key_put(current.kernel, found)
    if not capability.capable(current, CAP_SYS_ADMIN) and found.uid != current.cred.fsuid:
        raise LinuxError(Errno.EACCES, "somebody else's key")
    found.perm = perm
    return 0


async def set_timeout(current: Task, serial: int, timeout: int) -> int:
    """Let a key expire in timeout s, 0 for never."""
    k = current.kernel
    found, _ = await lookup_or_authority(current, serial, KEY_LOOKUP_CREATE | KEY_LOOKUP_PARTIAL, KEY_SETATTR)
    found.expiry = key.now_sec(k) + timeout if timeout else 0
    key_put(k, found)
    if timeout:
        gc.key_schedule_gc(k, found.expiry + k.keys.gc_delay)
    return 0


def set_reqkey_keyring(current: Task, where: int) -> int:
    """Say where keys go that are asked for; returns what was said before. Raises EINVAL, ENOMEM."""
    before = current.cred.jit_keyring
    if where == KEY_REQKEY_DEFL_NO_CHANGE:
        return before
    k = current.kernel
    new = kernel_cred.prepare_creds(current)
    with Undo() as undo:
        undo.push((kernel_cred.abort_creds, k, new))
        if where == KEY_REQKEY_DEFL_THREAD_KEYRING:
            process_keys.shared(current, new)
            process_keys.install_thread_keyring_to_cred(k, new)
        elif where == KEY_REQKEY_DEFL_PROCESS_KEYRING:
            process_keys.install_process_keyring_to_cred(current, new)
        elif where != KEY_REQKEY_DEFL_REQUESTOR_KEYRING and not 0 <= where <= KEY_REQKEY_DEFL_USER_SESSION_KEYRING:
            raise LinuxError(Errno.EINVAL, "no such place")
    new.jit_keyring = where
    kernel_cred.commit_creds(current, new)
    return before


async def get_security(current: Task, serial: int, buffer: UserPtr, buflen: int) -> int:
    """Store a key's security label: without a security module it is empty."""
    found, _ = await lookup_or_authority(current, serial, KEY_LOOKUP_PARTIAL, KEY_VIEW)
    key_put(current.kernel, found)
    return _put(current, buffer, buflen, b"\0")


async def session_to_parent(current: Task) -> int:
    """Let the parent have current's session keyring, as soon as it goes on; raises EPERM, ENOKEY, EACCES."""
    k = current.kernel
    ring, _ = await process_keys.lookup_user_key(current, KEY_SPEC_SESSION_KEYRING, 0, KEY_LINK)
    parent = current.real_parent
    mine, theirs = current.cred, parent.real_cred
    session = theirs.tgcred.session_keyring if theirs.tgcred is not None else None
    try:
        if parent.pid <= 1 or parent.mm is None or not thread_group_empty(parent):
            raise LinuxError(Errno.EPERM, "not a parent to change")
        if mine is theirs or session is ring:
            return 0
        uids, gids = (theirs.uid, theirs.euid, theirs.suid), (theirs.gid, theirs.egid, theirs.sgid)
        if uids != (mine.euid,) * 3 or gids != (mine.egid,) * 3:
            raise LinuxError(Errno.EPERM, "the parent is somebody else")
        if (session is not None and session.uid != mine.euid) or ring.uid != mine.euid:
            raise LinuxError(Errno.EPERM, "somebody else's keyring")
        key_put(k, parent.replacement_session_keyring)
        parent.replacement_session_keyring = key_get(ring)
        parent.ti_flags |= TIF_NOTIFY_RESUME
    finally:
        key_put(k, ring)
    return 0


@syscall
async def sys_keyctl(
    current: Task, option: KeyctlArg, arg2: KeyctlArg2, arg3: KeyctlArg3, arg4: KeyctlArg4, arg5: KeyctlArg5
) -> int:
    """Do something with keys (keyctl(2)); raises EOPNOTSUPP, and what the operation does."""
    first, second, third, fourth = _int(arg2), _int(arg3), _int(arg4), _int(arg5)
    if option == KEYCTL_GET_KEYRING_ID:
        return await get_keyring_id(current, first, second)
    if option == KEYCTL_JOIN_SESSION_KEYRING:
        return join_session(current, arg2)
    if option == KEYCTL_UPDATE:
        return await update_key(current, first, arg3, _number(arg4))
    if option == KEYCTL_REVOKE:
        return await revoke_key(current, first)
    if option == KEYCTL_DESCRIBE:
        return await describe(current, first, arg3, third & UINT_MAX)
    if option == KEYCTL_CLEAR:
        return await clear(current, first)
    if option == KEYCTL_LINK:
        return await link(current, first, second)
    if option == KEYCTL_UNLINK:
        return await unlink(current, first, second)
    if option == KEYCTL_SEARCH:
        return await search(current, first, arg3, arg4, fourth)
    if option == KEYCTL_READ:
        return await read_key(current, first, arg3, _number(arg4))
    if option == KEYCTL_CHOWN:
        return await chown_key(current, first, second & UINT_MAX, third & UINT_MAX)
    if option == KEYCTL_SETPERM:
        return await setperm_key(current, first, second & UINT_MAX)
    return await _keyctl_more(current, option, (first, second, third, fourth), arg3, arg4)


async def _keyctl_more(
    current: Task, option: int, ints: tuple[int, int, int, int], arg3: UserPtr, arg4: UserPtr
) -> int:
    """The operations that are for those who make keys, and the later ones."""
    first, second, third, fourth = ints
    if option == KEYCTL_INSTANTIATE:
        return await keyctl_make.instantiate_key(current, first, arg3, _number(arg4), fourth)
    if option == KEYCTL_NEGATE:
        return await keyctl_make.reject_key(current, first, second & UINT_MAX, Errno.ENOKEY, third)
    if option == KEYCTL_SET_REQKEY_KEYRING:
        return set_reqkey_keyring(current, first)
    if option == KEYCTL_SET_TIMEOUT:
        return await set_timeout(current, first, second & UINT_MAX)
    if option == KEYCTL_ASSUME_AUTHORITY:
        return keyctl_make.assume_authority(current, first)
    if option == KEYCTL_GET_SECURITY:
        return await get_security(current, first, arg3, _number(arg4))
    if option == KEYCTL_SESSION_TO_PARENT:
        return await session_to_parent(current)
    if option == KEYCTL_REJECT:
        return await keyctl_make.reject_key(current, first, second & UINT_MAX, third & UINT_MAX, fourth)
    if option == KEYCTL_INSTANTIATE_IOV:
        return await keyctl_make.instantiate_iov(current, first, arg3, third & UINT_MAX, fourth)
    raise LinuxError(Errno.EOPNOTSUPP, f"keyctl operation {option}")


def _int(value: UserPtr) -> int:
    """Return the lower half of a register as an int, 0 for what is a Python program's memory."""
    low = _number(value) & UINT_MAX
    return low - (1 << 32) if low >> 31 else low


def _number(value: UserPtr) -> int:
    return value if isinstance(value, int) else 0
