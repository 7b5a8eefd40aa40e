"""Write include/trace/tracepoints.py from the classes of include/trace/events.py: `python scripts/tracepoints.py`."""

from __future__ import annotations

from pathlib import Path
import sys

HOME = Path(__file__).parents[1]
PATH = HOME / "src" / "procession" / "include" / "trace" / "tracepoints.py"
WIDTH = 120

HEAD = '''"""The tracepoints: an attribute per event, None while nobody listens. Made by scripts/tracepoints.py.

    if trace.sched_switch:
        trace.sched_switch(prev.comm, prev.pid, ...)

A tracepoint takes the event's own fields in order and hands the whole event to every listener.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from procession.include.linux.tracepoint import Listeners
from procession.include.trace.events import (
'''
CLASS = '''
__all__ = ("Trace",)

_new: Final = tuple.__new__


class Trace(Listeners):
    """The tracepoints of one kernel."""

'''
EMIT = """
    def _emit_{name}({parameters}) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.runqueues[cpu].curr
{fields}
        event = _new({cls}, fields)
        for listener in self._listeners["{name}"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)
"""


def _wrapped(opening: str, items: list[str], closing: str, indent: str) -> str:
    """Return a list as the formatter lays it out: on one line, on one line of its own, or a line an item."""
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= WIDTH:
        return line
    inner = f"{indent}    {', '.join(items)}"
    if len(inner) <= WIDTH:
        return f"{opening}\n{inner}\n{indent}{closing}"
    return f"{opening}\n" + "".join(f"{indent}    {item},\n" for item in items) + f"{indent}{closing}"


def _kinds(cls: type) -> list[str]:
    """Return the types of an event's own fields, as they are written."""
    return [cls.__annotations__[field].__forward_arg__ for field in cls._fields[COMMON_FIELDS:]]


def _emitter(name: str, cls: type) -> str:
    fields = cls._fields[COMMON_FIELDS:]
    parameters = ["self", *map("{}: {}".format, fields, _kinds(cls))]
    values = ["k.clock.now_ns", "cpu", "current.pid", "current.comm", f'"{name}"', *fields]
    line = f"        fields = ({', '.join(values)})"
    if len(line) > WIDTH:
        line = "\n".join(["        fields = (", *(f"            {value}," for value in values), "        )"])
    text = EMIT.format(name=name, cls=cls.__name__, parameters="\0", fields=line)
    head = _wrapped(f"    def _emit_{name}(", parameters, ") -> None:", "    ")
    return text.replace(f"    def _emit_{name}(\0) -> None:", head)


def text() -> str:
    """Return what the file has to be."""
    out = [
        HEAD,
        *(f"    {cls.__name__},\n" for cls in sorted(EVENTS.values(), key=lambda cls: cls.__name__)),
        ")\n",
        CLASS,
    ]
    slots = sorted(EVENTS)
    out += ["    __slots__ = (\n", *(f'        "{name}",\n' for name in slots), "    )\n\n"]
    for name, cls in EVENTS.items():
        out.append(_wrapped(f"    {name}: Callable[[", _kinds(cls), "], None] | None", "    ") + "\n")
    out += ["\n    def _arm(self) -> None:\n", "        to = self._listeners\n"]
    out += [f'        self.{name} = self._emit_{name} if to["{name}"] else None\n' for name in EVENTS]
    out += [_emitter(name, cls) for name, cls in EVENTS.items()]
    return "".join(out)


sys.path.insert(0, str(HOME / "src"))
from procession.include.trace.events import COMMON_FIELDS, EVENTS  # noqa: E402 -- of this tree

if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
