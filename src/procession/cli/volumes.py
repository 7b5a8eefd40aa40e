"""--volume on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from procession.cli.mistakes import fail
from procession.fs.hostfs.volumes import guest_path, open_volume

__all__ = ("read_volumes",)


def read_volumes(texts: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what --volume says as Machine wants it; what cannot be is the user's one line.

    Read only is what nothing else was said of: see docs/tools.md.
    """
    found: dict[str, tuple[str, str]] = {}
    for text in texts:
        parts = text.split(":")
        mode = parts.pop() if parts[-1] in ("ro", "rw") else "ro"
        if len(parts) != len(("HOST", "GUEST")) or not all(parts):
            fail(f"-v {text}: not HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw")
        host, guest = parts
        try:
            guest = guest_path(guest)
        except ValueError as error:
            fail(f"-v {text}: {str(error).removeprefix('volumes: ')}")
        if guest in found:
            fail(f"-v {text}: there is another -v for {guest}")
        try:
            open_volume(guest, host, writable=mode == "rw")
        except OSError as error:
            fail(f"-v {text}: {error.strerror or error}")
        found[guest] = (host, mode)
    return found
