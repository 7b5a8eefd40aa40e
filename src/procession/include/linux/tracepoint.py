"""Who listens to the trace events (include/linux/tracepoint.h); trace/tracepoints.py has the tracepoints themselves."""

from __future__ import annotations

from collections.abc import Callable
from traceback import format_exception
from typing import TYPE_CHECKING, TypeAlias

from procession.include.linux.bug import KernelBug
from procession.include.trace.events import EVENTS, Event

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("Listener", "ListenerError", "ListenerWarning", "Listeners")

Listener: TypeAlias = Callable[[Event], object]


class ListenerWarning(UserWarning):
    """A listener has raised an exception, and was taken out."""


class ListenerError:
    """What a listener has raised, and at which event."""

    __slots__ = ("error", "event", "listener")

    def __init__(self, listener: Listener, event: Event, error: Exception) -> None:
        self.listener = listener
        self.event = event
        self.error = error

    def __str__(self) -> str:
        trace = "".join(format_exception(self.error))
        return f"a trace listener, {self.listener!r}, was taken out, for it has raised at\n{self.event}\n{trace}"


class Listeners:
    """The listeners of one kernel's events, in the order of their subscription.

    errors: what listeners have raised that were taken out for it.
    """

    __slots__ = ("_kernel", "_listeners", "_vital", "errors")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._listeners: dict[str, tuple[Listener, ...]] = dict.fromkeys(EVENTS, ())
        self._vital: list[Listener] = []
        self.errors: list[ListenerError] = []
        self._arm()

    def _arm(self) -> None:
        """Set the tracepoint of each event: None while nobody listens to it."""
        raise NotImplementedError

    def subscribe(self, listener: Listener, *names: str, vital: bool = False) -> None:
        """Send the named events (all if none is named) to listener, in the order they happen.

        A listener that raises an exception is taken out, and the run goes on: see errors. vital: the run is worth
        nothing without this one, so what it raises ends it. Raises ValueError for an unknown event, TypeError.
        """
        if not callable(listener):
            raise TypeError(f"subscribe: a function expected, not {listener!r}")
        for name in names:
            if name not in EVENTS:
                raise ValueError(f"subscribe: no event {name!r}")
        for name in names or EVENTS:
            self._listeners[name] += (listener,)
        if vital:
            self._vital.append(listener)
        self._arm()

    def unsubscribe(self, listener: Listener) -> None:
        """Stop sending events to listener."""
        for name, listeners in self._listeners.items():
            self._listeners[name] = tuple(other for other in listeners if other != listener)
        self._vital = [other for other in self._vital if other != listener]
        self._arm()

    def _failed(self, listener: Listener, event: Event, error: Exception) -> None:
        """Take out a listener that has raised, unless that is to end the run: then raise it on."""
        if listener in self._vital or isinstance(error, (KernelBug, MemoryError)):
            raise error
        self.unsubscribe(listener)
        self.errors.append(ListenerError(listener, event, error))
