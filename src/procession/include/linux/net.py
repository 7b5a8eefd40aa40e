"""Sockets: families, types, flags, and what travels beside the bytes (include/linux/net.h, socket.h, net/scm.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import File

__all__ = ("AF", "SOCK", "Msg", "Scm")


class AF:
    """Address families."""

    UNSPEC = 0
    UNIX = 1
    MAX = 40


class SOCK:
    """Socket types, and the flags that may be or-ed in."""

    STREAM = 1
    DGRAM = 2
    RAW = 3
    SEQPACKET = 5
    MAX = 11
    TYPE_MASK = 0xF
    NONBLOCK = 0o4000
    CLOEXEC = 0o2000000


class Msg:
    """Flags of send(2) and recv(2)."""

    OOB = 0x1
    PEEK = 0x2
    CTRUNC = 0x8
    TRUNC = 0x20
    DONTWAIT = 0x40
    WAITALL = 0x100
    NOSIGNAL = 0x4000
    CMSG_CLOEXEC = 0x40000000


@dataclass(slots=True)
class Scm:
    """What travels beside the bytes (struct scm_cookie): open files, the sender (pid, uid, gid) and its name."""

    fp: Sequence[File] = ()
    creds: tuple[int, int, int] | None = None
    name: bytes = b""
