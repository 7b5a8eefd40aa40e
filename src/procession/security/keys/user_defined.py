"""Keys whose payload is the user's (security/keys/user_defined.c), and quotas of payloads (key.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.key import KEY_FLAG_IN_QUOTA, KEY_FLAG_INSTANTIATED, KeyType

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key

__all__ = ("key_payload_reserve", "user_key_type")

USER_MAX: Final = 32767


def key_payload_reserve(k: Kernel, key: Key, datalen: int) -> None:
    """Let a key's payload be so many bytes; raises EDQUOT."""
    delta = datalen - key.datalen
    if delta and key.flags & KEY_FLAG_IN_QUOTA:
        maxbytes = k.keys.maxbytes if key.user.uid else k.keys.root_maxbytes
        if delta > 0 and key.user.qnbytes + delta >= maxbytes:
            raise LinuxError(Errno.EDQUOT, "too many bytes of keys")
        key.user.qnbytes += delta
        key.quotalen += delta
    key.datalen = datalen


def user_instantiate(k: Kernel, key: Key, data: bytes | None, datalen: int) -> None:
    """Take a payload; raises EINVAL unless it has 1 to 32767 bytes, EDQUOT."""
    if not 0 < datalen <= USER_MAX or data is None:
        raise LinuxError(Errno.EINVAL, "length of a payload")
    key_payload_reserve(k, key, datalen)
    key.payload = data


def user_update(k: Kernel, key: Key, data: bytes | None, datalen: int) -> None:
    """Take another payload, which does not expire."""
    user_instantiate(k, key, data, datalen)
    key.expiry = 0


def user_revoke(k: Kernel, key: Key) -> None:
    """Forget the payload."""
    key_payload_reserve(k, key, 0)
    key.payload = None


def user_read(key: Key) -> bytes:
    """Return the payload."""
    data: bytes = key.payload or b""
    return data


def user_match(key: Key, description: bytes) -> bool:
    """Whether a key is called so."""
    return key.description == description


def user_describe(key: Key) -> bytes:
    """Return what /proc/keys says."""
    return key.description + (b": %d" % key.datalen if key.flags & KEY_FLAG_INSTANTIATED else b"")


def user_key_type() -> KeyType:
    """Return the type."""
    ktype = KeyType(b"user")
    ktype.instantiate = user_instantiate
    ktype.update = user_update
    ktype.match = user_match
    ktype.revoke = user_revoke
    ktype.describe = user_describe
    ktype.read = user_read
    return ktype
