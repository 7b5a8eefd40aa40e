"""Random process programs on the host and inside; what differs is shrunk and shown.

    python -m fuzz [N] [--seed S] [--jobs J] [--seconds T] [--keep DIR]
    python -m fuzz --program FILE        one program of the corpus, all three transcripts
    python -m fuzz --judge COMMAND ...   a real 3.2 in place of the host: see runners.Judge

Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
import hashlib
import itertools
from pathlib import Path
import sys
import time

from rich.console import Console
from rich.table import Table

from fuzz import compare, runners
from fuzz.generator import Program
from fuzz.runners import HOST, Judge
from fuzz.tried import Tried

CHUNK = 120
CHECKED = 5             # of so many chunks one program runs with the validators after every trap
MOST_SHRUNK = 12


def run_chunk(chunk: int, judge: Judge = HOST) -> tuple[compare.Statistics, list[compare.Find], int]:
    """One batch: what it did, what differs, how often the host was not sure itself."""
    statistics = compare.Statistics()
    finds = []
    unsteady = 0
    programs = compare.generate(chunk, CHUNK, judge)
    checked = compare.run(programs[-1:], judge, check=True) if chunk % CHECKED == 0 else []
    for find in checked + compare.run(programs, judge):
        statistics.count(find)
        if not compare.differs(find):
            continue
        find.chunk = chunk
        if compare.is_steady(find.program, find.host, judge):
            finds.append(find)
        else:
            unsteady += 1
    return statistics, finds, unsteady


class Run:
    """A run of many chunks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.statistics = compare.Statistics()
        self.finds: dict[str, list[compare.Find]] = {}
        self.unsteady = 0
        self.began = time.monotonic()

    def take(self, result: tuple[compare.Statistics, list[compare.Find], int]) -> None:
        """Add a chunk's result."""
        statistics, finds, unsteady = result
        self.statistics.add(statistics)
        self.unsteady += unsteady
        for find in finds:
            signature = find.signature()
            if signature not in self.finds:
                print(f"\n--- {signature}\n{find.program.text()}\n{find.diff()}", flush=True)
            self.finds.setdefault(signature, []).append(find)

    def progress(self) -> str:
        """One line."""
        seconds = time.monotonic() - self.began
        return (f"{self.statistics.programs} programs, {self.statistics.steps} steps, {seconds:.0f} s, "
                f"{sum(map(len, self.finds.values()))} differ in {len(self.finds)} ways, {self.unsteady} unsteady")

    def tables(self, console: Console) -> None:
        """Show what was done, and with which results."""
        table = Table("operation", "tried", "results", title=self.progress())
        for name, counts in sorted(self.statistics.outcomes.items()):
            results = ", ".join(f"{what} {n}" for what, n in counts.most_common() if what != "tried")
            table.add_row(name, str(counts["tried"]), results)
        table.add_row("(not possible then)", str(self.statistics.refused), "")
        console.print(table)
        console.print(", ".join(f"{what} {n}" for what, n in sorted(self.statistics.events.items())))


def drive(run: Run, chunks: Iterator[int], jobs: int, total: int, seconds: float, judge: Judge = HOST) -> None:
    """Keep the workers busy until total programs have run or time is up."""
    shown = 0.0
    with ProcessPoolExecutor(jobs) as pool:
        pending: set[Future[tuple[compare.Statistics, list[compare.Find], int]]] = set()
        while True:
            late = time.monotonic() - run.began > seconds
            expected = run.statistics.programs + len(pending) * CHUNK * 0.85
            while not late and len(pending) < jobs + 1 and expected < total:
                pending.add(pool.submit(run_chunk, next(chunks), judge))
                expected += CHUNK * 0.85
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                run.take(future.result())
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(run.progress(), file=sys.stderr, flush=True)


def run(wanted: int, seed: int = 0, *, jobs: int = 2, seconds: float = float("inf")) -> Tried:
    """Run so many programs, or as many as there is time for; raises HostRefuses."""
    some = Run()
    runners.build_interpreter()
    runners.build_host32()
    drive(some, itertools.count(seed * 1_000_000), jobs, wanted, seconds)
    texts = [find.program.text() for finds in some.finds.values() for find in finds[:1]]
    tried = Tried("random programs, on the host and twice inside", some.statistics.programs, "programs", texts)
    tried.seconds = time.monotonic() - some.began
    return tried


def report(run: Run, keep: Path | None, judge: Judge = HOST) -> None:
    """Shrink one program for each way to differ, and show it."""
    for signature, finds in itertools.islice(run.finds.items(), MOST_SHRUNK):
        find = compare.shrink(min(finds, key=lambda f: len(f.program.steps)), CHUNK, judge)
        print(f"\n--- {len(finds)} programs: {signature}\n{find.program.text()}\n{find.diff()}")
        if keep:
            name = hashlib.sha256(find.program.text().encode()).hexdigest()[:8]
            (keep / f"{name}.txt").write_text(find.program.text() + "\n" + find.host)
    for signature in itertools.islice(run.finds, MOST_SHRUNK, None):
        print(f"--- not shrunk: {signature}")


def show(path: Path, judge: Judge = HOST) -> int:
    """Run one program and show the judge's transcript and what differs."""
    find = compare.run([Program.parse(path.read_text().split("\n\n")[0])], judge)[0]
    print(find.host, find.diff(), sep="\n")
    return int(compare.differs(find))


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Random process programs, on the host and inside.")
    parser.add_argument("programs", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--keep", type=Path, help="put shrunk programs here")
    parser.add_argument("--program", type=Path, help="run one program")
    parser.add_argument("--judge", type=Judge.parse, default=HOST, metavar="COMMAND",
                        help="ask a real 3.2: COMMAND PROGRAM < INPUT runs a static program there")
    options = parser.parse_args()
    runners.build_interpreter()
    runners.build_host32()
    if options.program:
        return show(options.program, options.judge)
    run = Run()
    first = options.seed * 1_000_000
    drive(run, itertools.count(first), options.jobs, options.programs, options.seconds, options.judge)
    run.tables(Console(width=150))
    report(run, options.keep, options.judge)
    return int(bool(run.finds))

