"""What came through published ports, written down in a trace, and given again without the ports.

What has happened whenever that was asked is all there is: nothing that is sent outwards is answered, and whoever has
waited asks again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from procession.hw.published import CONNECTED, DATA, ENDED
from procession.include.linux.limits import USHRT_MAX

if TYPE_CHECKING:
    from procession.hw.published import Happening, Ports

__all__ = ("ARRIVALS_LIMIT", "RecordedPorts", "ReplayedPorts")

# How much of what arrives a trace takes in, in bytes.
ARRIVALS_LIMIT: Final = 64 << 20


class RecordedPorts:
    """Published ports whose news is written down. What says nothing is only counted.

    write: takes the name of an answer and its fields.
    """

    __slots__ = ("_arrived", "_inner", "_takes", "_write")

    def __init__(self, inner: Ports, write: Callable[..., None]) -> None:
        self._inner = inner
        self._write = write
        self._takes = self._arrived = 0

    def take(self) -> list[Happening]:
        """Ask, and write down what has happened."""
        self._takes += 1
        found = self._inner.take()
        for what, number, port, data in found:
            before = self._arrived
            self._arrived += len(data)
            if before <= ARRIVALS_LIMIT < self._arrived:
                why = f"more than {ARRIVALS_LIMIT >> 20} MiB came through published ports"
                self._write("not_repeatable", port_call=self._takes, why=why)
            if self._arrived <= ARRIVALS_LIMIT:
                text = b64encode(data).decode("ascii")
                self._write("published", call=self._takes, op=what, connection=number, port=port, data=text)
        return found

    def wait(self, timeout_ns: int | None, other: int, *, forever: bool) -> bool:
        """Wait."""
        return self._inner.wait(timeout_ns, other, forever=forever)

    def pause(self, number: int, *, on: bool) -> None:
        """Say whether more can be taken in."""
        self._inner.pause(number, on=on)

    def send(self, number: int, data: bytes) -> None:
        """Send outwards."""
        self._inner.send(number, data)

    def finish(self, number: int) -> None:
        """Send nothing more outwards."""
        self._inner.finish(number)

    def drop(self, number: int) -> None:
        """Close a connection."""
        self._inner.drop(number)

    def drain(self) -> None:
        """Wait until the host has taken all."""
        self._inner.drain()

    def close(self) -> None:
        """Close all of it."""
        self._inner.close()


class ReplayedPorts:
    """What came then, without the ports; what is sent outwards goes nowhere.

    take: gives the next line of the trace if it is that answer, with such fields.  to_come: whether the next line is
    an answer that is still to be asked for, given how often ports were asked.  fail: says that there is none.
    """

    __slots__ = ("_fail", "_take", "_takes", "_to_come")

    def __init__(
        self,
        take: Callable[..., dict[str, Any] | None],
        to_come: Callable[[int], bool],
        fail: Callable[[str, str | None], NoReturn],
    ) -> None:
        self._take = take
        self._to_come = to_come
        self._fail = fail
        self._takes = 0

    def take(self) -> list[Happening]:
        """Return what had happened then."""
        self._takes += 1
        found: list[Happening] = []
        while (line := self._take("published", call=self._takes)) is not None:
            happening = _happening(line)
            if happening is None:
                self._fail("published ports are asked", None)
            found.append(happening)
        withheld = self._take("not_repeatable", port_call=self._takes)
        if withheld is not None:
            self._fail("published ports are asked", str(withheld.get("why")))
        return found

    def wait(self, timeout_ns: int | None, other: int, *, forever: bool) -> bool:
        """Do not; see that what was waited for is there."""
        if forever and not self._to_come(self._takes):
            self._fail("published ports are waited for", None)
        return False

    def pause(self, number: int, *, on: bool) -> None:
        """Nobody is there."""

    def send(self, number: int, data: bytes) -> None:
        """Nobody is there."""

    def finish(self, number: int) -> None:
        """Nobody is there."""

    def drop(self, number: int) -> None:
        """Nobody is there."""

    def drain(self) -> None:
        """Nobody is there."""

    def close(self) -> None:
        """There is nothing to be closed."""


def _happening(line: dict[str, Any]) -> Happening | None:
    """Return what a line says, None if that makes no sense."""
    what, number, port, text = (line.get(name) for name in ("op", "connection", "port", "data"))
    if what not in (CONNECTED, DATA, ENDED) or type(number) is not int or type(port) is not int:
        return None
    if not isinstance(text, str) or (what == CONNECTED and not 0 < port <= USHRT_MAX):
        return None
    try:
        return str(what), number, port, b64decode(text, validate=True)
    except (NoBase64, ValueError):
        return None
