"""The stream of trace events as a file: one JSON object a line, in the order things happened."""

from __future__ import annotations

import hashlib
import json
from typing import IO, TYPE_CHECKING, Any

from procession.include.trace.events import EVENTS

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.trace.events import Event

__all__ = ("TraceWriter", "as_dict", "trace_hash")


def as_dict(event: Event) -> dict[str, Any]:
    """Return the event with its fields named; common_ are those of the current task, as ftrace calls them."""
    now, cpu, pid, comm, name, *fields = event
    return {"time_ns": now, "cpu": cpu, "common_pid": pid, "common_comm": comm, "event": name} | dict(
        zip(EVENTS[name][0], fields, strict=True),
    )


def _plain(value: Any) -> Any:
    """Return what stands for a Python program's argument that is no number: strings, or how long a buffer is."""
    strings = getattr(value, "strings", None)
    if strings is not None:
        return [item.decode(errors="backslashreplace") for item in strings]
    try:
        return f"buffer of {len(value)}"
    except TypeError:
        return type(value).__name__


def _line(what: Any) -> str:
    return json.dumps(what, separators=(",", ":"), default=_plain)


class TraceWriter:
    """Writes every event to an open text file as it happens; raises OSError when the host cannot."""

    def __init__(self, kernel: Kernel, out: IO[str], names: tuple[str, ...] = ()) -> None:
        """Start listening to the named events, all by default."""
        self._out = out
        kernel.trace.subscribe(self._on_event, *names)

    def _on_event(self, event: Event) -> None:
        self._out.write(_line(as_dict(event)) + "\n")


def trace_hash(events: list[Event]) -> str:
    """Return the SHA-256 of a run's events: equal for equal runs."""
    digest = hashlib.sha256()
    for event in events:
        digest.update(_line(event).encode())
        digest.update(b"\n")
    return digest.hexdigest()
