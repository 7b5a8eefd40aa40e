"""The processes of a kernel that stands still, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from procession.include.linux.kernel import Kernel
from procession.include.linux.mm_types import PAGE_SHIFT
from procession.include.linux.sched import EXIT_ZOMBIE
from procession.include.linux.signal import signame
from procession.kernel import pid, posix_cpu_timers, sched
from procession.lib import string
from procession.tools import peek

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from procession.include.linux.sched import Task

__all__ = ("Process", "ProcessTable", "process_table", "ps", "signals_in")

_COLUMNS: Final = ("PID", "TID", "PPID", "PGID", "STAT", "COMMAND", "WCHAN", "CALL", "PENDING")
_NUMBERS: Final = 4  # columns that are numbers


def signals_in(mask: int) -> list[str]:
    """Return the names of the signals in a set."""
    return [signame(number) for number in range(1, 65) if mask >> number - 1 & 1]


def _tasks(k: Kernel) -> Iterator[tuple[int, Task]]:
    """Every thread with its depth in the tree, children behind their parents, oldest first."""
    stack = [(0, leader) for leader in reversed(k.tasks) if leader.real_parent not in k.tasks]
    while stack:
        depth, leader = stack.pop()
        for task in leader.signal.threads:
            yield depth, task
        children = [child for task in leader.signal.threads for child in task.children]
        stack += [(depth + 1, child) for child in reversed(children)]


def _state(p: Task) -> str:
    if p.exit_state:
        return "Z" if p.exit_state == EXIT_ZOMBIE else "X"
    running = p is p.kernel.sched.runqueues[p.cpu].curr
    return "R+" if running else sched.state_name(p.state)


def ps(k: Kernel, calls: Mapping[int, str] | None = None) -> str:
    """Return a table: who there is, whose child, in which state, asleep where, in which system call.

    calls: by thread number, what is called. R+ is running on a CPU, R waits for one.
    """
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for depth, p in _tasks(k):
        pending = p.pending.signal | p.signal.shared_pending.signal
        rows.append(
            (
                str(p.tgid),
                str(p.pid),
                str(p.real_parent.tgid),
                str(pid.pid_nr(pid.task_pgrp(p))),
                _state(p),
                "  " * depth + p.comm,
                p.wchan or "-",
                (calls or {}).get(p.pid, "-"),
                ",".join(signals_in(pending)) or "-",
            )
        )
    return "\n".join(_lines(rows, _NUMBERS)) + "\n"


def _lines(rows: list[tuple[str, ...]], numbers: int) -> list[str]:
    """Return the rows in columns, so many of them of numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at < numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(" ".join(cells).rstrip())
    return lines


# What psutil tells of processes.

_HEAD: Final = ("PID", "PPID", "PGID", "SID", "UID", "THR", "FDS", "VMS", "RSS", "CPU", "STATUS", "NAME", "CMDLINE")
_HEAD_NUMBERS: Final = 10
# By the highest bit of the state, as fs/proc/array.c's task_state_array.
_STATUS: Final = ("running", "sleeping", "disk-sleep", "stopped", "tracing-stop", "zombie", "dead")
_REPORTED: Final = 0x0F  # the bits of Task.state that tell it


@dataclass(frozen=True, slots=True)
class Process:
    """A process, with psutil's words for its status; numbers are those of the first pid namespace.

    uid: the real one.  cpu_time_ns: of all its threads, in user mode and in the kernel.  vms, rss: bytes of its address
    space, and of what is in memory of it.  num_fds: open descriptors.  cmdline: argv, empty for a kernel thread and for
    a zombie.  create_time_ns: since 1970.
    """

    pid: int
    ppid: int
    pgid: int
    sid: int
    name: str
    status: str
    uid: int
    cpu_time_ns: int
    vms: int
    rss: int
    num_threads: int
    num_fds: int
    cmdline: tuple[str, ...]
    create_time_ns: int


class ProcessTable(tuple[Process, ...]):
    """All processes, oldest first; as text a table."""

    __slots__ = ()

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [_HEAD]
        for p in self:
            numbers = (p.pid, p.ppid, p.pgid, p.sid, p.uid, p.num_threads, p.num_fds)
            sizes = (f"{p.vms >> 10}K", f"{p.rss >> 10}K", f"{p.cpu_time_ns / 1e9:.6f}")
            rows.append((*map(str, numbers), *sizes, p.status, p.name, " ".join(p.cmdline) or "-"))
        return "\n".join(_lines(rows, _HEAD_NUMBERS))


def process_table(k: Kernel) -> ProcessTable:
    """Return the processes there are at this moment; none before the kernel has booted."""
    if not isinstance(k, Kernel):
        raise TypeError(f"process_table: the kernel of a machine expected, not {k!r:.80}")
    return ProcessTable(_process(k, leader) for leader in k.tasks)


def _process(k: Kernel, p: Task) -> Process:
    utime, stime, _ = posix_cpu_timers.thread_group_cputime(p)
    return Process(
        pid=p.tgid,
        ppid=p.real_parent.tgid,
        pgid=pid.pid_nr(pid.task_pgrp(p)),
        sid=pid.pid_nr(pid.task_session(p)),
        name=p.comm,
        status=_STATUS[(p.state & _REPORTED | p.exit_state).bit_length()],
        uid=p.real_cred.uid,
        cpu_time_ns=utime + stime,
        vms=p.mm.total_vm << PAGE_SHIFT if p.mm is not None else 0,
        rss=p.mm.rss_anon + p.mm.rss_file << PAGE_SHIFT if p.mm is not None else 0,
        num_threads=p.signal.nr_threads,
        num_fds=sum(1 for _ in p.files.open_files()) if p.files is not None else 0,
        cmdline=_cmdline(k, p),
        create_time_ns=k.boot_time_ns + p.start_time,
    )


def _cmdline(k: Kernel, p: Task) -> tuple[str, ...]:
    if p.mm is None:
        return ()
    data: bytes | None = p.mm.host_args
    if not data and p.mm.arg_end:
        data = peek.peek(k, p.mm, p.mm.arg_start, p.mm.arg_end - p.mm.arg_start)
    return tuple(map(string.to_text, (data or b"").removesuffix(b"\0").split(b"\0"))) if data else ()
