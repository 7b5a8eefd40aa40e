"""Sockets: families, types, flags, and what travels beside the bytes (include/linux/net.h, socket.h, net/scm.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.fs import File


# Address families.
AF_MAX: Final = 40


# Socket types, and the flags that may be or-ed in.
SOCK_MAX: Final = 11
SOCK_TYPE_MASK: Final = 0xF


class Scm:
    """What travels beside the bytes (struct scm_cookie): open files, the sender (pid, uid, gid) and its name."""

    __slots__ = ("fp", "creds", "name")  # derived

    def __init__(self, fp: Sequence[File] = (), creds: tuple[int, int, int] | None = None, name: bytes = b"") -> None:
        self.fp: Sequence[File] = fp
        self.creds: tuple[int, int, int] | None = creds
        self.name: bytes = name
