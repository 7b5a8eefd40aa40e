"""What lies in pipes (include/linux/pipe_fs_i.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.mm_types import PAGE_SHIFT

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("PIPE_DEF_BUFFERS", "PipeBuffer", "PipePage")

PIPE_DEF_BUFFERS: Final = 16


class PipePage:
    """A page that a write made for a pipe, and that several buffers may hold. Nothing ever maps it, so it is no frame.

    count: buffers that hold it.
    """

    __slots__ = ("data", "count")  # derived

    def __init__(self, data: bytearray) -> None:
        self.data: Final[bytearray] = data  # PAGE_SIZE bytes
        self.count: int = 1


class PipeBuffer:
    """A part of a page in a pipe (struct pipe_buffer).

    page: the pipe's own; None for one of the page cache or of a user, which is frame pfn.  offset, len: in bytes.
    can_merge: whether a write may put more behind it: only in the pipe's own pages (pipe_buf_operations.can_merge).
    """

    __slots__ = ("page", "pfn", "offset", "len", "can_merge")  # derived

    def __init__(self, page: PipePage | None, pfn: int, offset: int, len: int, can_merge: bool) -> None:
        self.page: PipePage | None = page
        self.pfn: int = pfn
        self.offset: int = offset
        self.len: int = len
        self.can_merge: bool = can_merge

    def __len__(self) -> int:
        return self.len

    def get(self, k: Kernel) -> PipeBuffer:
        """Return another buffer of the same part (generic_pipe_buf_get)."""
        if self.page is not None:
            self.page.count += 1
        else:
            k.frames.count[self.pfn] += 1
        return PipeBuffer(self.page, self.pfn, self.offset, self.len, self.can_merge)

    def load(self, k: Kernel, length: int) -> bytes:
        """Return its first bytes (generic_pipe_buf_map)."""
        if self.page is not None:
            return bytes(self.page.data[self.offset : self.offset + length])
        at = (self.pfn << PAGE_SHIFT) + self.offset
        return k.frames.phys[at : at + length].tobytes()
