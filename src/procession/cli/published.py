"""--publish on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from procession.cli.mistakes import fail
from procession.hw.published import PublishedPorts

__all__ = ("read_ports",)

_PORT_MAX: Final = 65535


def read_ports(texts: Sequence[str]) -> dict[int, int]:
    """Return what --publish says as Machine wants it; what cannot be is the user's one line."""
    found: dict[int, int] = {}
    for text in texts:
        parts = text.split(":")
        ports = [int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) <= len("65535")]
        if (
            len(parts) != len(("HOST", "GUEST"))
            or len(ports) != len(parts)
            or not all(0 < port <= _PORT_MAX for port in ports)
        ):
            fail(f"--publish {text}: not HOST:GUEST, two ports from 1 to {_PORT_MAX}")
        host, guest = ports
        if host in found:
            fail(f"--publish {text}: there is another --publish of {host}")
        found[host] = guest
    try:
        PublishedPorts(found).close()
    except OSError as error:
        fail(f"--publish: port {error.filename} of 127.0.0.1: {error.strerror}")
    return found
