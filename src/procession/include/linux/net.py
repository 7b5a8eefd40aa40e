"""Sockets: families, types, flags, and what travels beside the bytes (include/linux/net.h, socket.h, net/scm.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import File
    from procession.include.linux.pid import Pid


# Address families.
AF_MAX: Final = 40


# Socket types, and the flags that may be or-ed in.
SOCK_MAX: Final = 11
SOCK_TYPE_MASK: Final = 0xF

# Of a socket whose connection has states of its own (enum socket_state).
SS_UNCONNECTED: Final = 1
SS_CONNECTING: Final = 2
SS_CONNECTED: Final = 3
SS_DISCONNECTING: Final = 4


class Scm:
    """What travels beside the bytes (struct scm_cookie): open files, and in whose name, with a reference to each.

    pid, cred: None if nobody has asked for them.  creds: a struct ucred, what its receiver sees of these.
    control: the control messages as they were given, of a family that has its own.
    """

    __slots__ = ("fp", "pid", "cred", "creds", "control")  # derived

    def __init__(self, fp: Sequence[File] = ()) -> None:
        self.fp: Sequence[File] = fp
        self.pid: Pid | None = None
        self.cred: Cred | None = None
        self.creds: bytes = bytes(12)
        self.control: bytes = b""
