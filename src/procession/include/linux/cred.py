"""Credentials (include/linux/cred.h, capability.h, securebits.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.key import Key, ThreadGroupCred
    from procession.include.linux.nsproxy import Ucounts
    from procession.include.linux.sched import UserStruct


# Capability numbers.
KEEP_ID: Final = 0xFFFFFFFF  # -1: an id that is to be left alone
CAP_CHOWN: Final = 0
CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2
CAP_FOWNER: Final = 3
CAP_FSETID: Final = 4
CAP_KILL: Final = 5
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SETPCAP: Final = 8
CAP_LINUX_IMMUTABLE: Final = 9
CAP_NET_BIND_SERVICE: Final = 10
CAP_NET_BROADCAST: Final = 11
CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13
CAP_IPC_LOCK: Final = 14
CAP_IPC_OWNER: Final = 15
CAP_SYS_MODULE: Final = 16
CAP_SYS_RAWIO: Final = 17
CAP_SYS_CHROOT: Final = 18
CAP_SYS_PTRACE: Final = 19
CAP_SYS_PACCT: Final = 20
CAP_SYS_ADMIN: Final = 21
CAP_SYS_BOOT: Final = 22
CAP_SYS_NICE: Final = 23
CAP_SYS_RESOURCE: Final = 24
CAP_SYS_TIME: Final = 25
CAP_SYS_TTY_CONFIG: Final = 26
CAP_MKNOD: Final = 27
CAP_LEASE: Final = 28
CAP_AUDIT_WRITE: Final = 29
CAP_AUDIT_CONTROL: Final = 30
CAP_SETFCAP: Final = 31
CAP_MAC_OVERRIDE: Final = 32
CAP_MAC_ADMIN: Final = 33
CAP_SYSLOG: Final = 34
CAP_WAKE_ALARM: Final = 35


class Cap(IntEnum):
    """Capability numbers."""

    CHOWN = CAP_CHOWN
    DAC_OVERRIDE = CAP_DAC_OVERRIDE
    DAC_READ_SEARCH = CAP_DAC_READ_SEARCH
    FOWNER = CAP_FOWNER
    FSETID = CAP_FSETID
    KILL = CAP_KILL
    SETGID = CAP_SETGID
    SETUID = CAP_SETUID
    SETPCAP = CAP_SETPCAP
    LINUX_IMMUTABLE = CAP_LINUX_IMMUTABLE
    NET_BIND_SERVICE = CAP_NET_BIND_SERVICE
    NET_BROADCAST = CAP_NET_BROADCAST
    NET_ADMIN = CAP_NET_ADMIN
    NET_RAW = CAP_NET_RAW
    IPC_LOCK = CAP_IPC_LOCK
    IPC_OWNER = CAP_IPC_OWNER
    SYS_MODULE = CAP_SYS_MODULE
    SYS_RAWIO = CAP_SYS_RAWIO
    SYS_CHROOT = CAP_SYS_CHROOT
    SYS_PTRACE = CAP_SYS_PTRACE
    SYS_PACCT = CAP_SYS_PACCT
    SYS_ADMIN = CAP_SYS_ADMIN
    SYS_BOOT = CAP_SYS_BOOT
    SYS_NICE = CAP_SYS_NICE
    SYS_RESOURCE = CAP_SYS_RESOURCE
    SYS_TIME = CAP_SYS_TIME
    SYS_TTY_CONFIG = CAP_SYS_TTY_CONFIG
    MKNOD = CAP_MKNOD
    LEASE = CAP_LEASE
    AUDIT_WRITE = CAP_AUDIT_WRITE
    AUDIT_CONTROL = CAP_AUDIT_CONTROL
    SETFCAP = CAP_SETFCAP
    MAC_OVERRIDE = CAP_MAC_OVERRIDE
    MAC_ADMIN = CAP_MAC_ADMIN
    SYSLOG = CAP_SYSLOG
    WAKE_ALARM = CAP_WAKE_ALARM


CAP_LAST_CAP: Final = CAP_WAKE_ALARM
CAP_FULL_SET: Final = (1 << 64) - 1  # also what no capability has a number for


class Cred:
    """Who a task acts as (struct cred). Never changed once committed: prepare_creds() copies."""

    __slots__ = (
        "cap_ambient",
        "cap_bset",
        "cap_effective",
        "cap_inheritable",
        "cap_permitted",
        "egid",
        "euid",
        "fsgid",
        "fsuid",
        "gid",
        "group_info",
        "jit_keyring",
        "request_key_auth",
        "securebits",
        "sgid",
        "suid",
        "tgcred",
        "thread_keyring",
        "ucounts",
        "uid",
        "usage",
        "user",
        "user_ns",
    )

    def __init__(self, user: UserStruct) -> None:
        self.usage = 1
        self.uid = self.gid = self.suid = self.sgid = self.euid = self.egid = self.fsuid = self.fsgid = 0
        self.securebits = 0
        self.cap_inheritable = 0
        self.cap_ambient = 0  # within permitted and inheritable
        self.cap_permitted = self.cap_effective = self.cap_bset = CAP_FULL_SET
        self.user = user
        self.user_ns = user.user_ns  # with a reference; in 3.2 the user's, later ids are held as those of the first one
        self.ucounts: Ucounts | None = None  # where its processes are counted, since 3.8; with a reference
        self.group_info: tuple[int, ...] = ()
        # Keys, with a reference to each.
        self.jit_keyring = 0  # KEY_REQKEY_DEFL_: where requested ones go
        self.thread_keyring: Key | None = None
        self.request_key_auth: Key | None = None  # assumed authority
        self.tgcred: ThreadGroupCred | None = None  # None while the process has no keyrings


CapHeader = Annotated[UserPtr, Arg("cap_header")]
CapDataIn = Annotated[UserPtr, Arg("cap_data")]
CapDataOut = Annotated[UserPtr, Arg("cap_data", out=True)]
