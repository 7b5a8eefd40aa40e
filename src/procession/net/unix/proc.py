"""/proc/net/unix (part of net/unix/af_unix.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.net import SS_CONNECTED, SS_CONNECTING, SS_DISCONNECTING, SS_UNCONNECTED
from procession.net.unix.sock import TCP_ESTABLISHED, TCP_LISTEN, UnixSock

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace

__all__ = ("unix_seq_show",)

UNIX_HASH_SIZE: Final = 256
_SO_ACCEPTCON: Final = 1 << 16


def csum_partial(data: bytes) -> int:
    """Return the sum of 32-bit words, of a half and of a byte behind them, carries added in (csum_partial)."""
    whole = len(data) & ~3
    words: list[int] = [word for (word,) in struct.iter_unpack("<I", data[:whole])]
    half = whole + (len(data) & 2)
    total = sum(words) + int.from_bytes(data[whole:half], "little") + sum(data[half:])
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def unix_hash_fold(n: int) -> int:
    """Return the chain that a sum stands for."""
    n ^= n >> 16
    n ^= n >> 8
    return n & UNIX_HASH_SIZE - 1


def _chain(sk: UnixSock) -> int:
    """Return the chain that a socket is in: those without a name are in one of their own, behind the others."""
    if sk.inode is not None and sk.kernel.net.unix_sockets.get(sk.inode) is sk:
        return sk.inode.i_ino & UNIX_HASH_SIZE - 1
    if sk.net.unix_sockets.get((sk.addr, sk.type)) is not sk:
        return UNIX_HASH_SIZE  # a connection has the name of its listener, and is not found by it
    return (unix_hash_fold(csum_partial(b"\1\0" + sk.addr)) ^ sk.type) & UNIX_HASH_SIZE - 1


def unix_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return all local sockets, in each chain the newest first."""
    everyone = list(net.unix_socket_table)
    peers: dict[UnixSock, int] = {}
    for sk in everyone:
        if sk.peer is not None:
            peers[sk.peer] = peers.get(sk.peer, 0) + 1
    out = [b"Num       RefCount Protocol Flags    Type St Inode Path\n"]
    everyone.reverse()
    for sk in sorted(everyone, key=_chain):
        connected = sk.state == TCP_ESTABLISHED
        if sk.i_ino:
            state = SS_CONNECTED if connected else SS_UNCONNECTED
        else:
            state = SS_CONNECTING if connected else SS_DISCONNECTING
        flags = _SO_ACCEPTCON if sk.state == TCP_LISTEN else 0
        refs = 2 + peers.get(sk, 0)
        line = b"%016x: %08X %08X %08X %04X %02X %5d" % (sk.address(), refs, 0, flags, sk.type, state, sk.i_ino)
        if sk.addr:
            line += b" @" + sk.addr[1:] if sk.addr[0] == 0 else b" " + sk.addr[:-1]
        out.append(line + b"\n")
    return b"".join(out)
