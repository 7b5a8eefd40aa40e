"""Where core files go on the host: one directory, which the guest cannot leave."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ("CoreStore",)


class CoreStore:
    """Keeps what core_pattern pipes to the outside.

    written: the paths of all cores so far, in order.
    """

    __slots__ = ("directory", "written")

    def __init__(self, directory: Path) -> None:
        """Raises OSError if directory cannot be made or is none."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.written: list[Path] = []

    def open(self, name: bytes) -> CoreFile:
        """Make a file of that name, with a number behind it if there is one already; raises OSError.

        The guest chooses the name, so nothing in it leads elsewhere.
        """
        plain = name.replace(b"/", b"!")[:240] or b"core"
        base = os.fsdecode(b"core" + plain if plain in (b".", b"..") else plain)
        number = 0
        while True:
            path = self.directory / (f"{base}.{number}" if number else base)
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                number += 1
                continue
            self.written.append(path)
            return CoreFile(path, fd)


class CoreFile:
    """One core file of the host, open for writing."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    def write(self, pos: int, data: bytes) -> None:
        """Write all of data at pos; raises OSError, with the file's name in it."""
        view = memoryview(data)
        try:
            while view:
                n = os.pwrite(self._fd, view, pos)
                pos += n
                view = view[n:]
        except OSError as error:
            error.filename = str(self.path)
            raise

    def close(self) -> None:
        """Be done with it."""
        os.close(self._fd)
