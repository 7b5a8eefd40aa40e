"""Pipes and what lies in them: buffers, and who holds their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.pipe_fs_i import PipeBuffer, PipePage

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.tools.validate.census import Census

__all__ = ("validate_pipes",)


def validate_pipes(seen: Census) -> list[str]:
    """Return which pipes hold too much, or nothing as something, and whose pages are counted otherwise than held."""
    wrong: list[str] = []
    held: dict[PipePage, int] = {}
    for buf in seen.pipe_buffers:
        if buf.page is not None:
            held[buf.page] = held.get(buf.page, 0) + 1
        if not buf.len or buf.offset + buf.len > PAGE_SIZE:
            wrong.append(f"a pipe's buffer of {buf.len} bytes at {buf.offset}")
    for page, found in held.items():
        if page.count != found:
            wrong.append(f"count of a pipe's page: {page.count}, found {found}")
    for pipe in seen.pipes:
        wrong += _pipe(pipe)
    return wrong


def _pipe(pipe: PipeInodeInfo) -> list[str]:
    wrong = []
    if len(pipe.bufs) > pipe.buffers:
        wrong.append(f"{len(pipe.bufs)} buffers in a pipe of {pipe.buffers}")
    head = len(pipe.bufs[0]) if pipe.bufs and not isinstance(pipe.bufs[0], PipeBuffer) else 1
    if pipe.offset >= head:
        wrong.append(f"{pipe.offset} bytes of a pipe's first buffer are read, which has {head}")
    return wrong
