"""What hostfs and its host say to each other (fs/hostfs/hostfs.h)."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ("Attr", "HostSide")


class Attr(NamedTuple):
    """A file as it is on the host.

    node: its number.  mode, uid, gid, nlink, rdev (as Linux encodes it): as stat(2) shows them.
    version: changes when somebody else has changed the contents; size (bytes) and mtime_ns are of that moment.
    """

    node: int
    mode: int
    uid: int
    gid: int
    nlink: int
    rdev: int
    version: int
    size: int
    mtime_ns: int


class HostSide(Protocol):
    """What hostfs asks the host for. Numbers are nodes, names single components as bytes; all raise OSError."""

    def root(self) -> Attr:
        """Return the directory, or file, that is shared."""
        ...

    def lookup(self, directory: int, name: bytes) -> Attr | None:
        """Return the member called name, None if there is none."""
        ...

    def getattr(self, node: int) -> Attr:
        """Return what the file is like now."""
        ...

    def listdir(self, directory: int) -> list[tuple[bytes, int, int]]:
        """Return (name, type bits of the mode or 0, node) of all members, sorted by name."""
        ...

    def readlink(self, node: int) -> bytes:
        """Return a symbolic link's text."""
        ...

    def open(self, node: int, write: bool) -> None:
        """Keep a regular file or directory open, until as many calls of close()."""
        ...

    def close(self, node: int) -> None:
        """Undo one open()."""
        ...

    def pread(self, node: int, offset: int, n: int) -> bytes:
        """Return n bytes of an open file, fewer at its end."""
        ...

    def pwrite(self, node: int, offset: int, data: bytes) -> int:
        """Write to an open file; returns how many bytes, fewer than all where the host's disk is full."""
        ...

    def truncate(self, node: int, size: int) -> None:
        """Set the size."""
        ...

    def fsync(self, node: int) -> None:
        """Bring an open file to the host's disk."""
        ...

    def create(self, directory: int, name: bytes, mode: int) -> Attr:
        """Make a regular file, FIFO, socket or directory, of exactly this mode."""
        ...

    def symlink(self, directory: int, name: bytes, target: bytes) -> Attr:
        """Make a symbolic link."""
        ...

    def link(self, node: int, directory: int, name: bytes) -> None:
        """Give a file another name."""
        ...

    def remove(self, directory: int, name: bytes, is_dir: bool) -> None:
        """Take a name away."""
        ...

    def rename(self, directory: int, name: bytes, to: int, new: bytes) -> None:
        """Move a name, replacing what is there."""
        ...

    def chmod(self, node: int, mode: int) -> None:
        """Set the permission bits."""
        ...

    def chown(self, node: int, uid: int, gid: int) -> None:
        """Set the owner, -1 for no change."""
        ...

    def utime(self, node: int, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the times; None to leave one alone, -1 for the host's present."""
        ...

    def give(self, node: int, uid: int, gid: int) -> Attr:
        """Make a new file that owner's, if the host allows it; returns what it is like then."""
        ...

    def rest(self) -> None:
        """Close everything that the directory can be looked at without: the machine has ended."""
        ...
