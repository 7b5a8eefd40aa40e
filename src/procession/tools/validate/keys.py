"""Keys held against who refers to them, and against quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.key import KEY_FLAG_IN_QUOTA, KEY_FLAG_INSTANTIATED, Key, RequestKeyAuth, ThreadGroupCred
from procession.tools.validate.census import tally
from procession.tools.validate.references import found_creds

if TYPE_CHECKING:
    from procession.tools.validate.census import Census

__all__ = ("validate_keys",)

_STATIC: Final = 2  # root's keys that belong to nobody, as in 3.2


def validate_keys(seen: Census) -> list[str]:
    """Return which keys have counts that are off, and whose quota is."""
    k = seen.k
    wrong: list[str] = []
    found = _references(seen, wrong)
    keys = k.keys.serials.values()
    for key in keys:
        if key.usage != found.get(key, 0):
            wrong.append(f"usage of key {key.serial} {key.description!r}: {key.usage}, found {found.get(key, 0)}")
    wrong += [f"key {key.serial} {key.description!r} was freed and is in use" for key in found if key not in keys]
    for user in k.keys.users.values():
        own = [key for key in keys if key.user is user]
        counted = [key for key in own if key.flags & KEY_FLAG_IN_QUOTA]
        static = 0 if user.uid or user.ns_serial else _STATIC
        if (user.qnkeys, user.qnbytes) != (len(counted), sum(key.quotalen for key in counted)):
            wrong.append(f"quota of keys of user {user.uid}: {user.qnkeys} keys of {user.qnbytes} bytes")
        made = sum(1 for key in own if key.flags & KEY_FLAG_INSTANTIATED)
        if (user.nkeys, user.nikeys) != (len(own) + static, made + static):
            wrong.append(f"keys of user {user.uid}: {user.nkeys}/{user.nikeys}, found {len(own)}/{made}")
    if len(keys) != k.caches["key_jar"].nr_active or len(k.keys.users) - 1 != k.caches["key_user"].nr_active:
        wrong.append("key_jar or key_user objects")
    return wrong


def _references(seen: Census, wrong: list[str]) -> dict[Key, int]:
    """Return the keys that something leads to, with the number of these; checks those of processes on the way."""
    k = seen.k
    creds = dict.fromkeys([*found_creds(seen), *seen.rcu_creds])
    shared: dict[ThreadGroupCred, int] = tally([cred.tgcred for cred in creds if cred.tgcred is not None])
    wrong += [f"usage of a tgcred: {tg.usage}, found {count}" for tg, count in shared.items() if tg.usage != count]
    places: list[Key | None] = []
    for cred in creds:
        places += (cred.thread_keyring, cred.request_key_auth)
    for tgcred in shared:
        places += (tgcred.session_keyring, tgcred.process_keyring)
    for user in k.users.uidhash.values():
        places += (user.uid_keyring, user.session_keyring)
    for key in k.keys.serials.values():
        if isinstance(key.payload, list):
            places += key.payload
        elif isinstance(key.payload, RequestKeyAuth):
            places += (key.payload.target_key, key.payload.dest_keyring)
    places += [p.replacement_session_keyring for p in seen.tasks]
    places += seen.held_of(Key)
    return tally([key for key in places if key is not None])
