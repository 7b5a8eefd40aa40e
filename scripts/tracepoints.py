"""Write include/trace/tracepoints.py from the classes of include/trace/events.py: `python scripts/tracepoints.py`."""

from __future__ import annotations

import ast
from pathlib import Path

TRACE = Path(__file__).parents[1] / "src" / "procession" / "include" / "trace"
EVENTS = TRACE / "events.py"
PATH = TRACE / "tracepoints.py"
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
        current = k.sched.runqueues[cpu].curr
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


def _events() -> dict[str, tuple[str, dict[str, str]]]:
    """Return event name -> (its class, its own fields and their types as they are written)."""
    tree = ast.parse(EVENTS.read_text(encoding="utf-8"))
    fields: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            members = [member for member in node.body if isinstance(member, ast.AnnAssign)]
            kinds = {ast.unparse(member.target): ast.unparse(member.annotation) for member in members}
            own = list(kinds).index("event") + 1
            fields[node.name] = dict(list(kinds.items())[own:])
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
            names = {
                ast.literal_eval(key): ast.unparse(cls)
                for key, cls in zip(node.value.keys, node.value.values, strict=True)
                if key is not None
            }
    return {name: (cls, fields[cls]) for name, cls in names.items()}


def _emitter(name: str, cls: str, fields: dict[str, str]) -> str:
    parameters = ["self", *(f"{field}: {kind}" for field, kind in fields.items())]
    values = ["k.clock.now_ns", "cpu", "current.pid", "current.comm", f'"{name}"', *fields]
    line = f"        fields = ({', '.join(values)})"
    if len(line) > WIDTH:
        line = "\n".join(["        fields = (", *(f"            {value}," for value in values), "        )"])
    text = EMIT.format(name=name, cls=cls, parameters="\0", fields=line)
    head = _wrapped(f"    def _emit_{name}(", parameters, ") -> None:", "    ")
    return text.replace(f"    def _emit_{name}(\0) -> None:", head)


def text() -> str:
    """Return what the file has to be."""
    events = _events()
    out = [HEAD, *(f"    {cls},\n" for cls in sorted(cls for cls, _ in events.values())), ")\n", CLASS]
    out += ["    __slots__ = (\n", *(f'        "{name}",\n' for name in sorted(events)), "    )\n\n"]
    for name, (_, fields) in events.items():
        out.append(_wrapped(f"    {name}: Callable[[", list(fields.values()), "], None] | None", "    ") + "\n")
    out += ["\n    def _arm(self) -> None:\n", "        to = self._listeners\n"]
    out += [f'        self.{name} = self._emit_{name} if to["{name}"] else None\n' for name in events]
    out += [_emitter(name, cls, fields) for name, (cls, fields) in events.items()]
    return "".join(out)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
