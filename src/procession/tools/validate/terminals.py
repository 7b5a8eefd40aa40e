"""Terminals: who has them open, whose they are, and that both ends agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.drivers.tty.tty_io import TtyFile
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.pid import PIDTYPE_SID
from procession.include.linux.tty import N_TTY_BUF_SIZE, TtyStruct
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid

__all__ = ("terminal_pids", "validate_terminals", "validate_tty_buffers")


def _open_files(seen: Census) -> dict[TtyStruct, int]:
    """Return every terminal that a file or a process leads to, or the other end of one, with how often it is open."""
    found: dict[TtyStruct, int] = {}
    for file in seen.open_files:
        if isinstance(file, TtyFile):
            found[file.private_data] = found.get(file.private_data, 0) + 1
    for tty in (*found, *[sig.tty for sig in seen.signals if sig.tty is not None]):
        found.setdefault(tty, 0)
        if tty.link is not None:
            found.setdefault(tty.link, 0)
    return found


def terminal_pids(seen: Census) -> list[Pid]:
    """Return the numbers that terminals refer to: foreground groups, sessions, groups of before a hangup."""
    pids = [pid for tty in _open_files(seen) for pid in (tty.pgrp, tty.session)]
    pids += [sig.tty_old_pgrp for sig in seen.signals]
    return [pid for pid in pids if pid is not None]


def validate_terminals(seen: Census) -> list[str]:
    """Return which terminals have wrong counts, or belong to a session that does not know."""
    k = seen.k
    wrong: list[str] = []
    if "tty_struct" not in k.caches:
        return wrong
    ttys = _open_files(seen)
    users = tally([sig.tty for sig in seen.signals if sig.tty is not None])
    alive = {tty: bool(files or (tty.link is not None and ttys[tty.link])) for tty, files in ttys.items()}
    for tty, files in ttys.items():
        name = f"{tty.driver.name} {tty.index}"
        link = tty.link
        # A slave counts its master as a user.
        count = files + (1 if link is not None and link.driver.is_master and ttys[link] else 0)
        if tty.count != count:
            wrong.append(f"count of {name}: {tty.count}, found {count}")
        if tty.kref != users.get(tty, 0) + alive[tty]:
            wrong.append(f"kref of {name}: {tty.kref}, found {users.get(tty, 0) + alive[tty]}")
        if link is not None and link.link is not tty:
            wrong.append(f"{name}: the other end leads elsewhere")
        if len(tty.files) != files:
            wrong.append(f"{name}: {len(tty.files)} files, found {files}")
        if (tty.pgrp is None) != (tty.session is None):
            wrong.append(f"{name}: foreground {tty.pgrp}, session {tty.session}")
    for sig in seen.signals:
        leader = next(iter(sig.threads), None)
        if sig.tty is not None and leader is not None and sig.tty.session is not leader.pids[PIDTYPE_SID]:
            wrong.append(f"{leader!r}: its terminal {sig.tty.driver.name} {sig.tty.index} is another session's")
    found = sum(1 for tty in ttys if alive[tty] or tty in users)
    active = k.caches["tty_struct"].nr_active
    if active != found:
        wrong.append(f"tty_struct objects: {active}, found {found}")
    return wrong


def validate_tty_buffers(seen: Census) -> list[str]:
    """Return which terminals' buffers hold what they cannot."""
    wrong: list[str] = []
    for tty in _open_files(seen):
        n, buf = tty.disc_data, tty.buf
        name = f"{tty.driver.name} {tty.index}"
        if len(n.read_buf) > N_TTY_BUF_SIZE or len(n.echo_buf) > N_TTY_BUF_SIZE:
            wrong.append(f"{name}: {len(n.read_buf)} bytes of input, {len(n.echo_buf)} of echoes")
        if n.canon_head > n.read_head:
            wrong.append(f"{name}: lines end at {n.canon_head}, the input is {n.read_tail} to {n.read_head}")
        ends = list(n.read_flags)
        if ends != sorted(ends) or (ends and not n.read_tail <= ends[0] <= ends[-1] < n.canon_head):
            wrong.append(f"{name}: line ends at {ends}, lines {n.read_tail} to {n.canon_head}")
        if (
            buf.memory_used != sum(segment[2] for segment in buf.segments)
            or buf.pages != buf.memory_used + PAGE_SIZE - 1 >> PAGE_SHIFT
        ):
            wrong.append(f"{name}: flip buffers of {buf.memory_used} bytes, {buf.pages} pages")
    return wrong
