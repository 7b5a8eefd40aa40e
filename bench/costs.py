"""python -m bench.costs: what the kernel's work costs inside, by its own clock, beside what it costs the host.

One program (costs.c) measures itself on the host, pinned to one CPU, and inside; a figure is the median of many. What
src/procession/hw/costs.py says should be within a factor of three of a machine of today, and what one thing costs
against another within one and a half. A bare trap costs more inside than anywhere else, on purpose, so the
host's figures are taken with traps as dear as ours. The last table says why: what a second by the clock inside takes
of the host's CPU.

Exits with 1 if anything is outside these limits.
"""

from __future__ import annotations

import os
from pathlib import Path
import resource
import subprocess
import sys
import tempfile

from rich.console import Console
from rich.table import Table

from bench.worker import CPU
from procession import Machine

SOURCE = Path(__file__).with_suffix(".c")
HOST_ROUNDS = 31
HOST_TIMES = 3  # the lowest median of so many processes counts: what disturbs them makes all of one slower
GUEST_ROUNDS = 3  # each is like the one before
LIMIT = 3.0
RATIO_LIMIT = 1.5
SECOND_LIMIT = 1.5

# Name in costs.c: what it is, and how many bare traps are in it.
ENTRIES = {
    "trap": ("a bare system call", 0),
    "fault_read": ("a page fault that finds the zero page", 0),
    "fault_write": ("a page fault that makes a new page", 0),
    "fault_cow": ("a page fault that copies a shared page", 0),
    "fault_table": ("a page fault that needs a page of page tables, too", 0),
    "unmap_page": ("munmap, for each page there", 0),
    "mmap_munmap": ("mmap and munmap of one page", 2),
    "area": ("mprotect that makes two more areas", 1),
    "fork": ("fork, 20 pages touched", 0),
    "fork_page": ("fork, for each page touched", 0),
    "fork_area": ("fork, for each area", 0),
    "exit_page": ("exit and wait, for each page touched", 0),
    "fork_exit_wait": ("fork + _exit + wait", 0),
    "vfork_exit_wait": ("vfork + _exit + wait", 0),
    "vfork_20000": ("vfork + _exit + wait, 20,000 pages touched", 0),
    "fork_exec_exit_wait": ("fork + execve + _exit + wait", 0),
    "thread": ("pthread_create + pthread_join", 0),
    "wait_look": ("wait, for each child that it is not for", 0),
    "pipe_byte": ("a byte into a pipe and out of it", 2),
    "pipe_kib": ("a KiB into a pipe and out of it", 0),
    "socket_byte": ("a byte through a socket", 2),
    "socket_kib": ("a KiB through a socket", 0),
    "read_kib": ("a KiB read of a cached file", 0),
    "pipe_close": ("pipe, close, close", 3),
    "switch_task": ("a byte to another thread and back", 4),
    "switch_mm": ("a byte to another process and back", 4),
    "signal": ("a signal to itself, handler and return", 2),
    "sigqueue": ("a signal queued", 1),
    "kill_member": ("kill of a group, for each process", 0),
    "proc_entry": ("a listing of /proc, for each process", 0),
    "read_stat": ("/proc/PID/stat opened, read, closed", 3),
}

RATIOS = {
    "fork of 200 pages to 20": ("fork_200", "fork"),
    "fork of 2,000 pages to 20": ("fork_2000", "fork"),
    "fork of 20,000 pages to 20": ("fork_20000", "fork"),
    "vfork to fork": ("vfork_exit_wait", "fork_exit_wait"),
    "thread to process": ("thread", "fork_exit_wait"),
    "another process to another thread": ("switch_mm", "switch_task"),
}

LOOPS = ("times", "gettimeofday", "fork", "exec", "compute")

Figures = dict[str, float]


def compile_program(folder: Path) -> Path:
    """Build costs.c static, with the compiler from PyPI."""
    program = folder / "costs"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-static", "-O1", "-s"]
    subprocess.run([*compiler, "-o", program, SOURCE], check=True)
    return program


def pin() -> None:
    """Give the program that is about to run a CPU that nobody takes from it."""
    os.sched_setaffinity(0, {CPU})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    except PermissionError:
        print("no real-time priority: others may disturb the host's figures", file=sys.stderr)


def figures(output: str) -> Figures:
    """Read costs.c's lines."""
    return {name: float(ns) for name, ns in map(str.split, output.splitlines())}


def host(program: Path) -> Figures:
    """Measure the host."""
    argv = [program, str(HOST_ROUNDS)]
    runs = [
        figures(subprocess.run(argv, check=True, capture_output=True, text=True, preexec_fn=pin).stdout)
        for _ in range(HOST_TIMES)
    ]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def guest(program: Path) -> Figures:
    """Measure the inside."""
    result = Machine(root="/").run([str(program), str(GUEST_ROUNDS)])
    if result.status:
        raise SystemExit(f"{program}: status {result.status}: {result.stderr.decode()}")
    return figures(result.stdout.decode())


def cpu_seconds(argv: list[str]) -> float:
    """Seconds of the host's CPU that a run inside takes, boot included."""

    def now() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    start = now()
    if Machine(root="/").run(argv).status:
        raise SystemExit(f"{argv} failed")
    return now() - start


def costs_table(here: Figures, there: Figures) -> tuple[Table, int]:
    """Return the entries beside each other, and how many are outside the limit."""
    table = Table("what", "host", "here", "ratio", "", title=f"ns; within {LIMIT:g} times the host's?")
    outside = 0
    for name, (what, traps) in ENTRIES.items():
        ours, theirs = here[name], there[name]
        theirs += traps * (here["trap"] - there["trap"])
        ratio = ours / theirs
        if name == "trap":
            mark = "on purpose"
        elif 1 / LIMIT <= ratio <= LIMIT:
            mark = ""
        else:
            mark = "OUTSIDE"
            outside += 1
        if traps:
            what += f" (with {traps} traps of ours)"
        table.add_row(what, f"{theirs:,.0f}", f"{ours:,.0f}", f"{ratio:.2f}", mark)
    return table, outside


def ratios_table(here: Figures, there: Figures) -> tuple[Table, int]:
    """Return what things cost against each other, and how many are outside the limit."""
    table = Table("what", "host", "here", "ratio", "", title=f"within {RATIO_LIMIT:g} times the host's?")
    outside = 0
    for what, (over, under) in RATIOS.items():
        ours, theirs = here[over] / here[under], there[over] / there[under]
        ok = 1 / RATIO_LIMIT <= ours / theirs <= RATIO_LIMIT
        outside += not ok
        table.add_row(what, f"{theirs:.2f}", f"{ours:.2f}", f"{ours / theirs:.2f}", "" if ok else "OUTSIDE")
    return table, outside


def seconds_table(program: Path) -> tuple[Table, int]:
    """Return what a second of the clock inside takes of the host's, and how many loops take too much."""
    table = Table("a second of", "host CPU, s", "", title=f"at most {SECOND_LIMIT:g} s, by the compiled build?")
    outside = 0
    boot = min(cpu_seconds([str(program), "nothing"]) for _ in range(3))
    for name in LOOPS:
        took = min(cpu_seconds([str(program), "busy", name]) for _ in range(2)) - boot
        ok = took <= SECOND_LIMIT
        outside += not ok
        table.add_row(name, f"{took:.2f}", "" if ok else "OUTSIDE")
    return table, outside


def main() -> int:
    """Measure both sides and print the tables."""
    with tempfile.TemporaryDirectory() as name:
        program = compile_program(Path(name))
        there, here = host(program), guest(program)
        tables = [costs_table(here, there), ratios_table(here, there), seconds_table(program)]
    console = Console(width=110)
    for table, _ in tables:
        console.print(table)
    return min(1, sum(outside for _, outside in tables))


if __name__ == "__main__":
    sys.exit(main())
