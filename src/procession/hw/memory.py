"""Physical memory: one host mapping cut into 4 KiB frames, and the struct page table beside it.

Frame n is bytes n*4096 … n*4096+4095. The same buffers are seen two ways: as memoryviews, whose single items cost
30 ns, and as NumPy arrays where that is installed, for work on many at once.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
import mmap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ("PG_CGROUP", "PG_DIRTY", "PG_EXEC", "PG_FILE", "Arrays", "Frames")

FRAME_SIZE: Final = 4096
# NumPy's import takes as long as looking at so many page table entries one by one.
_IMPORT_ENTRIES: Final = 400_000

# Frames.pflags.
PG_EXEC: Final = 1  # may be executed, and not be written: translated code may exist for it; see mm/text.py
PG_FILE: Final = 2  # belongs to the page cache; all other mapped pages are anonymous
PG_DIRTY: Final = 4  # newer than the file's backing store, so it cannot be dropped
PG_CGROUP: Final = 8  # a group of tasks has paid for it; see mm/memcontrol.py


class Arrays:
    """The memory of one machine as NumPy arrays."""

    __slots__ = ("count", "mapcount", "pflags", "q")

    def __init__(self, frames: Frames) -> None:
        import numpy as np  # noqa: PLC0415 -- takes longer than many a guest

        self.q: npt.NDArray[np.uint64] = np.frombuffer(frames.q, dtype=np.uint64)
        self.count: npt.NDArray[np.int32] = np.frombuffer(frames.count, dtype=np.int32)
        self.mapcount: npt.NDArray[np.int32] = np.frombuffer(frames.mapcount, dtype=np.int32)
        self.pflags: npt.NDArray[np.uint8] = np.frombuffer(frames.pflags, dtype=np.uint8)


class Frames:
    """The memory of one machine.

    phys: all of it; q: as words of 64 bits.  addr: its host address.  count: references to a frame (struct page
    _count).  mapcount: page table entries that map it.
    """

    __slots__ = (
        "addr",
        "count",
        "mapcount",
        "nr_pages",
        "pflags",
        "phys",
        "q",
        "_arrays",
        "_looked_at",
        "_map",
        "_without_numpy",
    )

    def __init__(self, size_bytes: int) -> None:
        nr = size_bytes // FRAME_SIZE
        self.nr_pages = nr
        self._map = _zeros(nr * FRAME_SIZE)
        self.phys = memoryview(self._map)
        self.q = self.phys.cast("Q")
        self.addr = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self.count = memoryview(_zeros(nr * 4)).cast("i")
        self.mapcount = memoryview(_zeros(nr * 4)).cast("i")
        self.pflags = memoryview(_zeros(nr))
        self._arrays: Arrays | None = None
        self._looked_at = 0
        self._without_numpy = False

    def arrays(self) -> Arrays:
        """Return the same buffers as NumPy arrays."""
        if self._arrays is None:
            self._arrays = Arrays(self)
        return self._arrays

    def arrays_for(self, entries: int) -> Arrays | None:
        """Return the arrays for work on so many entries, or None as long as NumPy would not pay, or is not installed.

        It pays as soon as what was done without it has taken as long as its import. What is done is the same.
        """
        if self._arrays is None:
            if self._without_numpy:
                return None
            self._looked_at += entries
            if self._looked_at < _IMPORT_ENTRIES:
                return None
            if find_spec("numpy") is None:
                self._without_numpy = True
                return None
        return self.arrays()


def _zeros(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
