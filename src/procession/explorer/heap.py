"""What many machines leave behind, one after the other, is given back at once.

A kernel is full of references to and fro, so that Python finds it dead only when it looks for cycles. By itself it
looks late, at ten machines together that the processor's caches have long forgotten, and at all that is alive as well:
that takes longer than to boot the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import gc
from typing import Final

__all__ = ("collecting_at_once", "forget_machine", "keep_what_is_there")

# After so many machines what has outlived one look is looked at again, and then all that there is.
_MIDDLE: Final = 16
_OLD: Final = 256


class _Heap:
    """searches: how many ask for it now.  machines: that were made meanwhile."""

    __slots__ = ("machines", "searches")

    def __init__(self) -> None:
        self.searches = 0
        self.machines = 0


_heap: Final = _Heap()


def forget_machine() -> None:
    """Give back the machine before, if nobody refers to it any more; for whoever is about to make the next one."""
    if not _heap.searches:
        return
    _heap.machines += 1
    number = _heap.machines
    if number % _OLD == 0:
        gc.collect()
    else:
        gc.collect(0 if number % _MIDDLE else 1)


def keep_what_is_there() -> None:
    """Have what there is now not be looked at any more, until the search is over."""
    if _heap.searches:
        gc.collect()
        gc.freeze()


@contextmanager
def collecting_at_once() -> Iterator[None]:
    """While machines are run one after the other, collect where forget_machine() is called, and nowhere else."""
    enabled = gc.isenabled()
    freezes = not gc.get_freeze_count()
    if freezes:
        gc.freeze()  # what is there already need not be looked at every time
    gc.disable()
    _heap.searches += 1
    try:
        yield
    finally:
        _heap.searches -= 1
        if enabled:
            gc.enable()
        if freezes:
            gc.unfreeze()
