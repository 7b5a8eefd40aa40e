"""A snapshot of Python objects: all that can be reached from one of them, to be put back as it was, again and again.

What makes it possible is that a compiled kernel is plain data, the frames of its coroutines included. So there are
snapshots in the compiled build only; _snapshot.c takes and compares the bytes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from enum import Enum
from functools import partial
import gc
from mmap import mmap
from struct import calcsize
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

from procession import _build

if _build.running.compiled:
    from procession.explorer._snapshot import Snapshot as Taken

__all__ = ("CannotBeTaken", "Snapshot")

_HAVE_GC: Final = 1 << 14
_HEAP_TYPE: Final = 1 << 9
_PACKAGE: Final = "procession."
_POINTER: Final = calcsize("P")


async def _a_function() -> None:
    """Be of the type that such a function has when it is compiled."""


# What cannot change, nor what it refers to; a function's own variables are no part of a machine.
_LEAVES: Final = (
    str,
    int,
    float,
    bytes,
    type(None),
    range,
    type,
    Enum,
    ModuleType,
    FunctionType,
    type(_a_function),
    MethodDescriptorType,
    GetSetDescriptorType,
    memoryview,
    mmap,
)
# What cannot change, but what it refers to can.
_FIXED: Final = (tuple, frozenset, MethodType, BuiltinFunctionType, partial, MappingProxyType)
_ITEMS: Final = (list, dict, set, bytearray, Counter, defaultdict)


class CannotBeTaken(Exception):
    """There is an object that could not be put back."""


def _kept_in_its_body(kind: type) -> bool:
    """Whether all that an object of a type holds is in fixed places, its references being shown to the collector.

    So it is with classes that were compiled, and with those that have slots; types that were written in C hold what
    they like.
    """
    if kind is CellType:
        return True
    if kind.__dictoffset__ < 0 or kind.__weakrefoffset__ < 0:
        return False  # which are before its header
    return all(base is object or _has_fixed_places(base) for base in kind.__mro__)


def _has_fixed_places(kind: type) -> bool:
    ours = kind.__module__.startswith(_PACKAGE) or "__slots__" in vars(kind)
    return bool(ours and kind.__flags__ & _HEAP_TYPE and kind.__flags__ & _HAVE_GC)


def _only_attributes(kind: type) -> bool:
    """Whether all that an object of a type holds is in its __dict__."""
    slots = any(
        {*getattr(base, "__slots__", ()), *getattr(base, "__mypyc_attrs__", ())} - {"__dict__", "__weakref__"}
        for base in kind.__mro__
    )
    return bool(kind.__dictoffset__ and not slots and kind.__basicsize__ <= object.__basicsize__ + 2 * _POINTER)


def mutable_objects(root: object) -> list[Any]:
    """Return all that can be reached from an object and can change; raises CannotBeTaken."""
    seen: set[int] = set()
    found: list[Any] = []
    left: list[Any] = [root]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, _LEAVES):
            continue
        seen.add(id(thing))
        kind = type(thing)
        if isinstance(thing, _FIXED):
            pass
        elif kind in _ITEMS or _kept_in_its_body(kind):
            found.append(thing)
        elif isinstance(thing, dict) and _has_fixed_places(kind) and kind.__base__ is dict:
            found.append(thing)
            left.append(thing.__dict__)
        elif _only_attributes(kind):
            left.append(thing.__dict__)
            continue
        else:
            raise CannotBeTaken(f"an object of {kind}")
        left.extend(gc.get_referents(thing))
    return found


class Snapshot:
    """What can be reached from an object, as it is now.

    Raises CannotBeTaken if something in it could not be put back, or this is not the compiled build.
    """

    def __init__(self, root: object) -> None:
        if not _build.running.compiled:
            raise CannotBeTaken("this is not the compiled build")
        self._taken: Any = Taken(mutable_objects(root))

    def put_back(self) -> int:
        """Put all back; returns how many objects were not as they had been.

        Nothing of it may be running, and what else was made meanwhile is not looked at.
        """
        changed: int = self._taken.put_back()
        return changed

    def changed(self) -> list[Any]:
        """Return the objects that are not as they were."""
        return list(self._taken.changed())

    def __len__(self) -> int:
        return len(self._taken)
