"""Physical memory: one host mapping cut into 4 KiB frames, and the struct page table beside it.

Frame n is bytes n*4096 … n*4096+4095. The same buffers are seen two ways: as memoryviews, whose single items cost
30 ns, and as NumPy arrays, for work on many at once.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ("PG_DIRTY", "PG_EXEC", "PG_FILE", "Frames")

FRAME_SIZE: Final = 4096

# Frames.pflags.
PG_EXEC: Final = 1  # may be executed, and not be written: translated code may exist for it; see mm/text.py
PG_FILE: Final = 2  # belongs to the page cache; all other mapped pages are anonymous
PG_DIRTY: Final = 4  # newer than the file's backing store, so it cannot be dropped


class Frames:
    """The memory of one machine.

    count: references to a frame (struct page _count).  mapcount: page table entries that map it.
    """

    __slots__ = (
        "addr",
        "count",
        "mapcount",
        "nr_pages",
        "np64",
        "np_count",
        "np_mapcount",
        "np_pflags",
        "pflags",
        "phys",
        "q",
        "_map",
    )

    def __init__(self, size_bytes: int) -> None:
        nr = size_bytes // FRAME_SIZE
        self.nr_pages = nr
        self._map = mmap.mmap(-1, nr * FRAME_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.phys = memoryview(self._map)
        self.q = self.phys.cast("Q")
        self.np64: npt.NDArray[np.uint64] = np.frombuffer(self._map, dtype=np.uint64)
        self.addr = ctypes.addressof(ctypes.c_char.from_buffer(self._map))

        self.np_count: npt.NDArray[np.int32] = np.zeros(nr, dtype=np.int32)
        self.np_mapcount: npt.NDArray[np.int32] = np.zeros(nr, dtype=np.int32)
        self.np_pflags: npt.NDArray[np.uint8] = np.zeros(nr, dtype=np.uint8)
        self.count = self.np_count.data
        self.mapcount = self.np_mapcount.data
        self.pflags = self.np_pflags.data
