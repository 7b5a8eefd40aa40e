"""Keys, keyrings and keyctl(2) (include/linux/key.h, key-type.h, keyctl.h, security/keys/internal.h)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import WaitQueueHead
    from procession.include.linux.workqueue import WorkStruct

# Permissions, in four bytes: possessor, user, group, other.
KEY_VIEW: Final = 0x01
KEY_READ: Final = 0x02
KEY_WRITE: Final = 0x04
KEY_SEARCH: Final = 0x08
KEY_LINK: Final = 0x10
KEY_SETATTR: Final = 0x20
KEY_ALL: Final = 0x3F
KEY_PERM_ALL: Final = 0x3F3F3F3F
KEY_GRP_ALL: Final = KEY_ALL << 8
KEY_POS: Final = 24
KEY_USR: Final = 16

# Flags of keys.
KEY_FLAG_INSTANTIATED: Final = 1
KEY_FLAG_DEAD: Final = 2
KEY_FLAG_REVOKED: Final = 4
KEY_FLAG_IN_QUOTA: Final = 8
KEY_FLAG_USER_CONSTRUCT: Final = 16
KEY_FLAG_NEGATIVE: Final = 32

# How a new key counts.
KEY_ALLOC_IN_QUOTA: Final = 0
KEY_ALLOC_QUOTA_OVERRUN: Final = 1
KEY_ALLOC_NOT_IN_QUOTA: Final = 2

# Keyrings by what they are to the caller.
KEY_SPEC_THREAD_KEYRING: Final = -1
KEY_SPEC_PROCESS_KEYRING: Final = -2
KEY_SPEC_SESSION_KEYRING: Final = -3
KEY_SPEC_USER_KEYRING: Final = -4
KEY_SPEC_USER_SESSION_KEYRING: Final = -5
KEY_SPEC_GROUP_KEYRING: Final = -6
KEY_SPEC_REQKEY_AUTH_KEY: Final = -7
KEY_SPEC_REQUESTOR_KEYRING: Final = -8


class KeySpec(IntEnum):
    """Keyrings by what they are to the caller."""

    THREAD_KEYRING = KEY_SPEC_THREAD_KEYRING
    PROCESS_KEYRING = KEY_SPEC_PROCESS_KEYRING
    SESSION_KEYRING = KEY_SPEC_SESSION_KEYRING
    USER_KEYRING = KEY_SPEC_USER_KEYRING
    USER_SESSION_KEYRING = KEY_SPEC_USER_SESSION_KEYRING
    GROUP_KEYRING = KEY_SPEC_GROUP_KEYRING
    REQKEY_AUTH_KEY = KEY_SPEC_REQKEY_AUTH_KEY
    REQUESTOR_KEYRING = KEY_SPEC_REQUESTOR_KEYRING


# Where requested keys go.
KEY_REQKEY_DEFL_NO_CHANGE: Final = -1
KEY_REQKEY_DEFL_DEFAULT: Final = 0
KEY_REQKEY_DEFL_THREAD_KEYRING: Final = 1
KEY_REQKEY_DEFL_PROCESS_KEYRING: Final = 2
KEY_REQKEY_DEFL_SESSION_KEYRING: Final = 3
KEY_REQKEY_DEFL_USER_KEYRING: Final = 4
KEY_REQKEY_DEFL_USER_SESSION_KEYRING: Final = 5
KEY_REQKEY_DEFL_REQUESTOR_KEYRING: Final = 7

KEYCTL_GET_KEYRING_ID: Final = 0
KEYCTL_JOIN_SESSION_KEYRING: Final = 1
KEYCTL_UPDATE: Final = 2
KEYCTL_REVOKE: Final = 3
KEYCTL_CHOWN: Final = 4
KEYCTL_SETPERM: Final = 5
KEYCTL_DESCRIBE: Final = 6
KEYCTL_CLEAR: Final = 7
KEYCTL_LINK: Final = 8
KEYCTL_UNLINK: Final = 9
KEYCTL_SEARCH: Final = 10
KEYCTL_READ: Final = 11
KEYCTL_INSTANTIATE: Final = 12
KEYCTL_NEGATE: Final = 13
KEYCTL_SET_REQKEY_KEYRING: Final = 14
KEYCTL_SET_TIMEOUT: Final = 15
KEYCTL_ASSUME_AUTHORITY: Final = 16
KEYCTL_GET_SECURITY: Final = 17
KEYCTL_SESSION_TO_PARENT: Final = 18
KEYCTL_REJECT: Final = 19
KEYCTL_INSTANTIATE_IOV: Final = 20


class KeyctlOp(IntEnum):
    """What keyctl(2) does."""

    GET_KEYRING_ID = KEYCTL_GET_KEYRING_ID
    JOIN_SESSION_KEYRING = KEYCTL_JOIN_SESSION_KEYRING
    UPDATE = KEYCTL_UPDATE
    REVOKE = KEYCTL_REVOKE
    CHOWN = KEYCTL_CHOWN
    SETPERM = KEYCTL_SETPERM
    DESCRIBE = KEYCTL_DESCRIBE
    CLEAR = KEYCTL_CLEAR
    LINK = KEYCTL_LINK
    UNLINK = KEYCTL_UNLINK
    SEARCH = KEYCTL_SEARCH
    READ = KEYCTL_READ
    INSTANTIATE = KEYCTL_INSTANTIATE
    NEGATE = KEYCTL_NEGATE
    SET_REQKEY_KEYRING = KEYCTL_SET_REQKEY_KEYRING
    SET_TIMEOUT = KEYCTL_SET_TIMEOUT
    ASSUME_AUTHORITY = KEYCTL_ASSUME_AUTHORITY
    GET_SECURITY = KEYCTL_GET_SECURITY
    SESSION_TO_PARENT = KEYCTL_SESSION_TO_PARENT
    REJECT = KEYCTL_REJECT
    INSTANTIATE_IOV = KEYCTL_INSTANTIATE_IOV


KeySerialArg = Annotated[int, Arg("int", 32, signed=True, values=KeySpec, prefix="KEY_SPEC_")]
KeyctlArg = Annotated[int, Arg("int", 32, signed=True, values=KeyctlOp, prefix="KEYCTL_")]
# What a command says.
KeyctlArg2 = Annotated[UserPtr, Arg("keyctl_arg")]
KeyctlArg3 = Annotated[UserPtr, Arg("keyctl_arg", out=True)]
KeyctlArg4 = Annotated[UserPtr, Arg("keyctl_arg")]
KeyctlArg5 = Annotated[UserPtr, Arg("keyctl_arg")]


class KeyUser:
    """What a user has of keys (struct key_user). nkeys, nikeys: all, and the instantiated; q: those in the quota."""

    __slots__ = ("nikeys", "nkeys", "ns_serial", "qnbytes", "qnkeys", "uid", "usage")

    def __init__(self, uid: int, ns_serial: int) -> None:
        self.uid = uid
        self.ns_serial = ns_serial
        self.usage = 1
        self.nkeys = self.nikeys = 0
        self.qnkeys = self.qnbytes = 0


class KeyType:
    """A kind of keys (struct key_type); None: it cannot be done. Functions raise what the call says."""

    __slots__ = ("def_datalen", "describe", "destroy", "instantiate", "match", "name", "read", "revoke", "update")

    def __init__(self, name: bytes, def_datalen: int = 0) -> None:
        self.name = name
        self.def_datalen = def_datalen
        self.instantiate: Callable[[Kernel, Key, bytes | None, int], None] | None = None
        self.update: Callable[[Kernel, Key, bytes | None, int], None] | None = None
        self.match: Callable[[Key, bytes], bool] | None = None
        self.revoke: Callable[[Kernel, Key], None] | None = None
        self.destroy: Callable[[Kernel, Key], None] | None = None
        self.describe: Callable[[Key], bytes] | None = None
        self.read: Callable[[Key], bytes] | None = None


class Key:
    """struct key. usage: references, 0 until the collector takes it. expiry: s of CLOCK_REALTIME, 0 for never.

    quotalen: bytes it counts in the quota. datalen: of these the payload. payload: bytes, what RequestKeyAuth says, or
    of a keyring the list of links. maxkeys: how many links the list has room for. reject_error: of a negative key.
    """

    __slots__ = (
        "datalen",
        "description",
        "expiry",
        "flags",
        "gid",
        "maxkeys",
        "payload",
        "perm",
        "quotalen",
        "reject_error",
        "serial",
        "type",
        "uid",
        "usage",
        "user",
        "user_ns",
    )

    def __init__(self, type: KeyType, description: bytes, user: KeyUser, user_ns: UserNamespace, perm: int) -> None:
        self.type = type
        self.description = description
        self.user = user
        self.user_ns = user_ns
        self.perm = perm
        self.usage = 1
        self.serial = 0
        self.uid = self.gid = 0
        self.flags = 0
        self.expiry = 0
        self.quotalen = len(description) + 1 + type.def_datalen
        self.datalen = type.def_datalen
        self.maxkeys = 0
        self.reject_error = 0
        self.payload: Any = None


class RequestKeyAuth:
    """The right to instantiate a key (struct request_key_auth), with references to all but the number."""

    __slots__ = ("callout_info", "cred", "dest_keyring", "pid", "target_key")

    def __init__(self, target_key: Key, dest_keyring: Key | None, callout_info: bytes, cred: Cred, pid: int) -> None:
        self.target_key = target_key
        self.dest_keyring = dest_keyring
        self.callout_info = callout_info
        self.cred: Cred | None = cred
        self.pid = pid


class ThreadGroupCred:
    """What of keys the threads of a process share, whatever their credentials (struct thread_group_cred)."""

    __slots__ = ("process_keyring", "session_keyring", "usage")

    def __init__(self) -> None:
        self.usage = 0
        self.session_keyring: Key | None = None
        self.process_keyring: Key | None = None


class KeyState:
    """security/keys/'s variables.

    serials: all keys. names: keyrings that have one, the oldest first. schedule_gc: has keys without users collected.
    new_thread: makes the thread keyring of a new thread. replace_session: does what KEYCTL_SESSION_TO_PARENT asked for.
    """

    __slots__ = (
        "gc_delay",
        "gc_next_run",
        "gc_timer",
        "gc_work",
        "maxbytes",
        "maxkeys",
        "names",
        "new_thread",
        "replace_session",
        "root_maxbytes",
        "root_maxkeys",
        "schedule_gc",
        "serials",
        "types",
        "users",
        "wait",
    )

    schedule_gc: Callable[[Kernel], None]
    new_thread: Callable[[Kernel, Cred], None]
    replace_session: Callable[[Task], None]
    gc_work: WorkStruct
    gc_timer: Hrtimer
    wait: WaitQueueHead  # of those who wait for a key to be made

    def __init__(self) -> None:
        self.serials: dict[int, Key] = {}
        self.names: dict[Key, None] = {}
        self.users: dict[tuple[int, int], KeyUser] = {}
        self.types: dict[bytes, KeyType] = {}
        self.maxkeys = 200
        self.maxbytes = 20000
        self.root_maxkeys = 200
        self.root_maxbytes = 20000
        self.gc_delay = 300
        self.gc_next_run = 0  # s of CLOCK_REALTIME, 0 if nothing expires


def key_get(key: Key) -> Key:
    """Take a reference."""
    key.usage += 1
    return key


def key_put(k: Kernel, key: Key | None) -> None:
    """Drop a reference; after the last one the collector takes the key, soon."""
    if key is not None:
        key.usage -= 1
        if not key.usage:
            k.keys.schedule_gc(k)


def tgcred_put(k: Kernel, tgcred: ThreadGroupCred | None) -> None:
    """Drop a process's reference to what its threads share (release_tgcred)."""
    if tgcred is not None:
        tgcred.usage -= 1
        if not tgcred.usage:
            key_put(k, tgcred.session_keyring)
            key_put(k, tgcred.process_keyring)
