"""Credentials (include/linux/cred.h, capability.h, securebits.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Annotated

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.sched import UserStruct

__all__ = ("CAP_FULL_SET", "Cap", "CapDataIn", "CapDataOut", "CapHeader", "Cred")


class Cap(IntEnum):
    """Capability numbers."""

    CHOWN = 0
    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    FOWNER = 3
    FSETID = 4
    KILL = 5
    SETGID = 6
    SETUID = 7
    SETPCAP = 8
    LINUX_IMMUTABLE = 9
    NET_BIND_SERVICE = 10
    NET_BROADCAST = 11
    NET_ADMIN = 12
    NET_RAW = 13
    IPC_LOCK = 14
    IPC_OWNER = 15
    SYS_MODULE = 16
    SYS_RAWIO = 17
    SYS_CHROOT = 18
    SYS_PTRACE = 19
    SYS_PACCT = 20
    SYS_ADMIN = 21
    SYS_BOOT = 22
    SYS_NICE = 23
    SYS_RESOURCE = 24
    SYS_TIME = 25
    SYS_TTY_CONFIG = 26
    MKNOD = 27
    LEASE = 28
    AUDIT_WRITE = 29
    AUDIT_CONTROL = 30
    SETFCAP = 31
    MAC_OVERRIDE = 32
    MAC_ADMIN = 33
    SYSLOG = 34
    WAKE_ALARM = 35


CAP_FULL_SET = (1 << 36) - 1


class Cred:
    """Who a task acts as (struct cred). Never changed once committed: prepare_creds() copies."""

    __slots__ = (
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
        "securebits",
        "sgid",
        "suid",
        "uid",
        "usage",
        "user",
    )

    def __init__(self, user: UserStruct) -> None:
        self.usage = 1
        self.uid = self.gid = self.suid = self.sgid = self.euid = self.egid = self.fsuid = self.fsgid = 0
        self.securebits = 0
        self.cap_inheritable = 0
        self.cap_permitted = self.cap_effective = self.cap_bset = CAP_FULL_SET
        self.user = user
        self.group_info: tuple[int, ...] = ()


CapHeader = Annotated[UserPtr, Arg("cap_header")]
CapDataIn = Annotated[UserPtr, Arg("cap_data")]
CapDataOut = Annotated[UserPtr, Arg("cap_data", out=True)]
