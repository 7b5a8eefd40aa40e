"""Namespaces of a task (include/linux/nsproxy.h, utsname.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.resource import RLIM_INFINITY

if TYPE_CHECKING:
    from procession.include.linux.fs import MntNamespace
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task, UserStruct
    from procession.include.linux.uidgid import IdMap
    from procession.net.ipv4.sock import InetNet
    from procession.net.unix.sock import UnixSock

RELEASE: Final = b"3.2.0"


class Ucounts:
    """What a user has of a user namespace (struct ucounts): ns is where it is called uid, which is the kernel's id."""

    __slots__ = ("ns", "uid", "count", "processes", "namespaces")  # derived

    def __init__(self, ns: UserNamespace, uid: int) -> None:
        self.ns: UserNamespace = ns  # with a reference
        self.uid: int = uid
        self.count: int = 1
        self.processes: int = 0  # UCOUNT_RLIMIT_NPROC, those in namespaces that were made from here included
        self.namespaces: dict[str, int] = {}  # by the name of their limit in /proc/sys/user


class UserNamespace:
    """struct user_namespace: in 3.2 a label on user_structs, little more; later it has names for users and groups."""

    __slots__ = (
        "serial",
        "count",
        "inum",
        "creator",
        "parent",
        "level",
        "owner",
        "uid_map",
        "gid_map",
        "projid_map",
        "setgroups_allowed",
        "parent_could_setfcap",
        "ucounts",
        "ucount_max",
        "nproc_max",
    )  # derived

    def __init__(self, serial: int = 0, count: int = 1, creator: UserStruct | None = None) -> None:
        self.serial: int = serial  # Ours: a stable key, the first namespace is 0
        self.count: int = count
        self.inum: int = 0  # of its file, from when somebody asks for it; so for all namespaces
        self.creator: UserStruct | None = creator  # with a reference, in 3.2; None for the first
        # Since 3.8.
        self.parent: UserNamespace | None = None  # with a reference; None for the first, and in 3.2
        self.level: int = 0
        self.owner: int = 0  # who made it: the effective id, as the kernel has it
        self.uid_map: IdMap = None
        self.gid_map: IdMap = None
        self.projid_map: IdMap = None
        self.setgroups_allowed: bool = True  # USERNS_SETGROUPS_ALLOWED
        self.parent_could_setfcap: bool = False  # who made it had CAP_SETFCAP then
        self.ucounts: Ucounts | None = None  # its owner's, in its parent; with a reference
        self.ucount_max: dict[str, int] = {}  # how many namespaces of a kind one user may have, if that was set
        self.nproc_max: int = RLIM_INFINITY  # and how many processes all that were made from here


class UtsNamespace:
    """struct uts_namespace."""

    __slots__ = (
        "sysname",
        "nodename",
        "release",
        "version",
        "machine",
        "domainname",
        "user_ns",
        "ucounts",
        "count",
        "inum",
    )  # derived

    def __init__(self) -> None:
        self.sysname: bytes = b"Linux"
        self.nodename: bytes = b"procession"
        self.release: bytes = RELEASE
        self.version: bytes = b"#1 SMP"
        self.machine: bytes = b"x86_64"
        self.domainname: bytes = b"(none)"
        self.user_ns: UserNamespace | None = None  # of whoever made it, with a reference; None for the first
        self.ucounts: Ucounts | None = None  # where it is charged; with a reference
        self.count: int = 1
        self.inum: int = 0  # new

    def copy(self) -> UtsNamespace:
        """Return another one like it."""  # derived
        p = UtsNamespace()
        p.sysname = self.sysname
        p.nodename = self.nodename
        p.release = self.release
        p.version = self.version
        p.machine = self.machine
        p.domainname = self.domainname
        p.user_ns = self.user_ns
        p.ucounts = self.ucounts
        p.count = self.count
        return p


class NetNamespace:
    """struct net; count is the number of namespace sets, open files of /proc/PID/ns and sockets that refer to it.

    unix_sockets: those with an abstract name, by it and their type.
    """

    __slots__ = (
        "count",
        "inum",
        "dev_base",
        "proto_inuse",
        "sysctl_somaxconn",
        "sysctl_max_dgram_qlen",
        "user_ns",
        "ucounts",
        "unix_socket_table",
        "unix_sockets",
        "inet",
    )  # derived

    def __init__(self, count: int = 1) -> None:
        self.count: int = count
        self.inum: int = 0
        self.dev_base: list[NetDevice] = []  # its interfaces, the loopback first
        self.proto_inuse: dict[str, int] = {}  # sockets by the name of their protocol
        self.sysctl_somaxconn: int = 128  # connections that may wait to be accepted
        self.sysctl_max_dgram_qlen: int = 10  # datagrams that wait for a local socket
        self.user_ns: UserNamespace | None = None  # of whoever made it, with a reference; None for the first
        self.ucounts: Ucounts | None = None  # where it is charged; with a reference
        self.unix_socket_table: dict[UnixSock, None] = {}  # all local ones, the newest last
        self.unix_sockets: dict[tuple[bytes, int], UnixSock] = {}
        self.inet: InetNet | None = None  # what the internet protocols know of it, once somebody has used them


class Nsproxy:
    """struct nsproxy; count is the number of tasks that point here."""

    __slots__ = ("uts_ns", "ipc_ns", "mnt_ns", "pid_ns", "net_ns", "count")  # derived

    def __init__(
        self,
        uts_ns: UtsNamespace,
        ipc_ns: IpcNamespace,
        mnt_ns: MntNamespace,
        pid_ns: PidNamespace,
        net_ns: NetNamespace,
    ) -> None:
        self.uts_ns: UtsNamespace = uts_ns
        self.ipc_ns: IpcNamespace = ipc_ns
        self.mnt_ns: MntNamespace = mnt_ns
        self.pid_ns: PidNamespace = pid_ns
        self.net_ns: NetNamespace = net_ns
        self.count: int = 1


def utsname(current: Task) -> UtsNamespace:
    """Return the names of the system as current sees them."""
    assert current.nsproxy is not None
    return current.nsproxy.uts_ns
