"""Keyrings: keys that hold links to keys (security/keys/keyring.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import KEY_FLAG_NEGATIVE, KEY_FLAG_REVOKED, KEY_SEARCH, KeyType, key_get, key_put
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.time import NSEC_PER_SEC
from procession.security.keys import permission
from procession.security.keys.user_defined import key_payload_reserve

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "find_keyring_by_name",
    "key_link",
    "key_unlink",
    "keyring_clear",
    "keyring_key_type",
    "keyring_search",
    "keyring_search_aux",
    "keyring_search_one",
    "link",
    "link_begin",
    "link_end",
)

KEYRING_SEARCH_MAX_DEPTH: Final = 6
KEYQUOTA_LINK_BYTES: Final = 4
SIZEOF_KEYRING_LIST: Final = 24
SIZEOF_LINK: Final = 8
_SLACK: Final = 4  # links by which a list grows


class Edit:
    """A link that is about to be made (3.2 has its parts on the stack).

    displaced: where the link is that it takes the place of, -1 for none.  grown: the list is to be a longer one.
    """

    __slots__ = ("displaced", "done", "grown", "keyring")

    def __init__(self, keyring: Key, displaced: int, *, grown: bool) -> None:
        self.keyring = keyring
        self.displaced = displaced
        self.grown = grown
        self.done = False


# The type.


def keyring_instantiate(k: Kernel, key: Key, data: bytes | None, datalen: int) -> None:
    """Be an empty keyring, found by its name; raises EINVAL with a payload."""
    if datalen:
        raise LinuxError(Errno.EINVAL, "a keyring with a payload")
    key.payload = []
    k.keys.names[key] = None


def keyring_match(key: Key, description: bytes) -> bool:
    """Whether a keyring is called so."""
    return key.description == description


def _drop_links(k: Kernel, key: Key) -> None:
    links, key.payload, key.maxkeys = key.payload or [], [], 0
    for link in links:
        key_put(k, link)


def keyring_revoke(k: Kernel, key: Key) -> None:
    """Forget all links."""
    key_payload_reserve(k, key, 0)
    _drop_links(k, key)


def keyring_destroy(k: Kernel, key: Key) -> None:
    """Forget name and links."""
    k.keys.names.pop(key, None)
    _drop_links(k, key)


def keyring_describe(key: Key) -> bytes:
    """Return what /proc/keys says."""
    return key.description + (b": %d/%d" % (len(key.payload), key.maxkeys) if key.maxkeys else b": empty")


def keyring_read(key: Key) -> bytes:
    """Return the numbers of the keys."""
    return b"".join(struct.pack("<i", link.serial) for link in key.payload)


def keyring_key_type() -> KeyType:
    """Return the type."""
    ktype = KeyType(b"keyring", SIZEOF_KEYRING_LIST)
    ktype.instantiate = keyring_instantiate
    ktype.match = keyring_match
    ktype.revoke = keyring_revoke
    ktype.destroy = keyring_destroy
    ktype.describe = keyring_describe
    ktype.read = keyring_read
    return ktype


def is_keyring(key: Key) -> bool:
    """Whether it is one."""
    return isinstance(key.payload, list)


# Searching.


def find_keyring_by_name(k: Kernel, cred: Cred, name: bytes, *, skip_perm_check: bool) -> Key | None:
    """Return the oldest keyring of that name that these credentials may search, with a reference; None without one."""
    ns: UserNamespace = cred.user.user_ns
    for key in k.keys.names:
        if key.user_ns is not ns or key.flags & KEY_FLAG_REVOKED or key.description != name or not key.usage:
            continue
        if skip_perm_check or permission.allows(key, False, cred, KEY_SEARCH):
            return key_get(key)
    return None


class Search:
    """What is looked for, and what has gone wrong on the way: EAGAIN: nothing, else a negative key's error."""

    __slots__ = ("cred", "error", "ktype", "match", "no_state_check", "now", "possessed")

    def __init__(
        self, k: Kernel, cred: Cred, ktype: KeyType, match: Callable[[Key], bool], *, no_state_check: bool
    ) -> None:
        self.cred = cred
        self.ktype = ktype
        self.match = match
        self.no_state_check = no_state_check
        self.now = (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC
        self.possessed = False
        self.error = int(Errno.EAGAIN)

    def usable(self, key: Key) -> bool:
        """Whether a key is neither revoked nor expired."""
        return not key.flags & KEY_FLAG_REVOKED and not (key.expiry and self.now >= key.expiry)

    def within(self, keyring: Key, depth: int) -> Key | None:
        """Return the first key that fits in a keyring, or in those in it."""
        if keyring.flags & KEY_FLAG_REVOKED:
            return None
        for key in keyring.payload:
            if key.type is self.ktype and (self.no_state_check or self.usable(key)) and self._fits(key):
                return key  # type: ignore[no-any-return]
        for key in keyring.payload:
            if not is_keyring(key) or depth >= KEYRING_SEARCH_MAX_DEPTH:
                continue
            if permission.allows(key, self.possessed, self.cred, KEY_SEARCH):
                found = self.within(key, depth + 1)
                if found is not None:
                    return found
        return None

    def _fits(self, key: Key) -> bool:
        if not self.match(key) or not permission.allows(key, self.possessed, self.cred, KEY_SEARCH):
            return False
        if not self.no_state_check and key.flags & KEY_FLAG_NEGATIVE:
            self.error = key.reject_error
            return False
        return True


def keyring_search_aux(
    k: Kernel,
    keyring_ref: tuple[Key, bool],
    cred: Cred,
    ktype: KeyType,
    match: Callable[[Key], bool],
    *,
    no_state_check: bool = False,
) -> tuple[Key, bool]:
    """Return the key that fits, with a reference, and whether it is possessed.

    Raises EACCES, ENOTDIR, EAGAIN if there is none, a negative key's error.
    """
    keyring, possessed = keyring_ref
    permission.key_task_permission(keyring_ref, cred, KEY_SEARCH)
    if not is_keyring(keyring):
        raise LinuxError(Errno.ENOTDIR, "not a keyring")
    search = Search(k, cred, ktype, match, no_state_check=no_state_check)
    search.possessed = possessed
    if keyring.type is ktype and match(keyring):
        if not no_state_check and not search.usable(keyring):
            raise LinuxError(Errno.EAGAIN, "the keyring is of no use")
        return key_get(keyring), possessed
    if not search.usable(keyring):
        raise LinuxError(Errno.EAGAIN, "the keyring is of no use")
    found = search.within(keyring, 0)
    if found is None:
        raise LinuxError(Errno(search.error), "no such key")
    return key_get(found), possessed


def keyring_search(
    current: Task, keyring_ref: tuple[Key, bool], ktype: KeyType, description: bytes
) -> tuple[Key, bool]:
    """As keyring_search_aux, by description; raises ENOKEY for a type that cannot be searched for."""
    match = ktype.match
    if match is None:
        raise LinuxError(Errno.ENOKEY, "a type that is not searched for")
    by_name = match
    return keyring_search_aux(current.kernel, keyring_ref, current.cred, ktype, lambda key: by_name(key, description))


def keyring_search_one(current: Task, keyring_ref: tuple[Key, bool], ktype: KeyType, description: bytes) -> Key | None:
    """Return the key of that description in the keyring itself, with a reference; None without one."""
    keyring = keyring_ref[0]
    for key in keyring.payload:
        if key.type is ktype and key.description == description and not key.flags & KEY_FLAG_REVOKED:
            return key_get(key)
    return None


# Links.


def keyring_detect_cycle(a: Key, b: Key, depth: int = 0) -> None:
    """Raise EDEADLK if keyring a is in keyring b, ELOOP if b is nested too deep to tell."""
    if a is b:
        raise LinuxError(Errno.EDEADLK, "a keyring in itself")
    if b.flags & KEY_FLAG_REVOKED:
        return
    for key in b.payload:
        if key is a:
            raise LinuxError(Errno.EDEADLK, "a keyring in itself")
        if is_keyring(key):
            if depth >= KEYRING_SEARCH_MAX_DEPTH:
                raise LinuxError(Errno.ELOOP, "keyrings nested too deep")
            keyring_detect_cycle(a, key, depth + 1)


def link_begin(k: Kernel, keyring: Key, ktype: KeyType, description: bytes) -> Edit:
    """Prepare a link; raises ENOTDIR, EKEYREVOKED, EDQUOT, ENFILE (__key_link_begin)."""
    if not is_keyring(keyring):
        raise LinuxError(Errno.ENOTDIR, "not a keyring")
    if keyring.flags & KEY_FLAG_REVOKED:
        raise LinuxError(Errno.EKEYREVOKED, "the keyring was revoked")
    links: list[Key] = keyring.payload
    for at in range(len(links) - 1, -1, -1):
        if links[at].type is ktype and links[at].description == description:
            return Edit(keyring, at, grown=False)
    key_payload_reserve(k, keyring, keyring.datalen + KEYQUOTA_LINK_BYTES)
    if len(links) < keyring.maxkeys:
        return Edit(keyring, -1, grown=False)
    if SIZEOF_KEYRING_LIST + SIZEOF_LINK * (keyring.maxkeys + _SLACK) > PAGE_SIZE:
        key_payload_reserve(k, keyring, keyring.datalen - KEYQUOTA_LINK_BYTES)
        raise LinuxError(Errno.ENFILE, "the keyring is full")
    try:
        k.caches["keyring_list"].alloc()
    except LinuxError:
        key_payload_reserve(k, keyring, keyring.datalen - KEYQUOTA_LINK_BYTES)
        raise
    k.caches["keyring_list"].free()  # lists are the keyring's own
    return Edit(keyring, -1, grown=True)


def link(k: Kernel, edit: Edit, key: Key) -> None:
    """Make a link (__key_link)."""
    links: list[Key] = edit.keyring.payload
    key_get(key)
    if edit.displaced >= 0:
        old, links[edit.displaced] = links[edit.displaced], key
        key_put(k, old)
    else:
        links.append(key)
        if edit.grown:
            edit.keyring.maxkeys += _SLACK
    edit.done = True


def link_end(k: Kernel, edit: Edit) -> None:
    """Give back what a link that was not made has been promised; in 3.2 only if the list was to grow."""
    if edit.grown and not edit.done:
        key_payload_reserve(k, edit.keyring, edit.keyring.datalen - KEYQUOTA_LINK_BYTES)


def key_link(k: Kernel, keyring: Key, key: Key) -> None:
    """Put a key into a keyring, in the place of one of the same type and description.

    Raises EDEADLK, ELOOP, and as link_begin.
    """
    edit = link_begin(k, keyring, key.type, key.description)
    try:
        if is_keyring(key):
            keyring_detect_cycle(keyring, key)
        link(k, edit, key)
    finally:
        link_end(k, edit)


def key_unlink(k: Kernel, keyring: Key, key: Key) -> None:
    """Take a key out of a keyring; raises ENOTDIR, ENOENT."""
    if not is_keyring(keyring):
        raise LinuxError(Errno.ENOTDIR, "not a keyring")
    if key not in keyring.payload:
        raise LinuxError(Errno.ENOENT, "not in the keyring")
    keyring.payload.remove(key)
    key_payload_reserve(k, keyring, keyring.datalen - KEYQUOTA_LINK_BYTES)
    key_put(k, key)


def keyring_clear(k: Kernel, keyring: Key) -> None:
    """Take everything out of a keyring; raises ENOTDIR."""
    if not is_keyring(keyring):
        raise LinuxError(Errno.ENOTDIR, "not a keyring")
    key_payload_reserve(k, keyring, SIZEOF_KEYRING_LIST)
    _drop_links(k, keyring)
