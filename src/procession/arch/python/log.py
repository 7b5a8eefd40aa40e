"""What a Python program has learned from the kernel so far, so that fork() can tell it to a copy (see reenact.py).

An entry is one run of user code between two traps:

    (request, result)           the call `request` was answered with `result`
    (None, None)                the thread's first function was started
    (None, (handle, args))      the signal handler with that handle was started

A forked child's log begins with its parent's, shared by reference up to the moment of the fork.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeAlias

__all__ = ("STARTED", "Entry", "Log", "Request")

# The name of a system call (or of one of process.py's own traps, "=...") and its arguments.
Request: TypeAlias = tuple[str, tuple[Any, ...]]
Entry: TypeAlias = tuple[Request | None, Any]

STARTED: Final[Entry] = (None, None)


class Log:
    """An append-only list of entries behind the first `shared` entries of `parent`."""

    __slots__ = ("entries", "parent", "shared")

    def __init__(self, parent: Log | None = None) -> None:
        self.entries: list[Entry] = []
        self.parent = parent
        self.shared = len(parent.entries) if parent is not None else 0
        if parent is not None and not parent.entries:
            # A parent that has recorded nothing itself would only make the chain longer.
            self.parent, self.shared = parent.parent, parent.shared

    def history(self) -> Iterator[Entry]:
        """Yield all entries, the oldest first."""
        if self.parent is None:
            yield from self.entries
            return
        chain: list[tuple[list[Entry], int]] = [(self.entries, len(self.entries))]
        log = self
        while log.parent is not None:
            chain.append((log.parent.entries, log.shared))
            log = log.parent
        for entries, length in reversed(chain):
            yield from islice(entries, length)
