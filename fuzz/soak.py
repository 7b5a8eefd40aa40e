"""make soak: the long runs of every kind, and one table of what was tried, how often, and what was found.

    python -m fuzz.soak [--share S] [--seed N] [KIND]...

Each kind runs in a process of its own: one that dies is a find, and stops nobody else. Exit status 1 if there is any.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
import multiprocessing
import sys
import time
import traceback

from rich.console import Console
from rich.table import Table

from fuzz import cpython, explored, faults, hostile, orders, programs, repeat, seeds, servers, terminals, walks
from fuzz.tried import Tried

__all__ = ("KINDS", "main")

# Kind -> what runs it, and how often in a whole soak: a number of tries, of seconds for faults.
KINDS: dict[str, tuple[Callable[[int, int], Tried], int]] = {
    "programs": (programs.run, 100_000),
    "terminals": (terminals.run, 20_000),
    "faults": (faults.run, 600),
    "calls": (partial(hostile.run, "calls"), 1_000_000),
    "files": (partial(hostile.run, "files"), 100_000),
    "code": (partial(hostile.run, "code"), 100_000),
    "frames": (partial(hostile.run, "frames"), 50_000),
    "pages": (partial(hostile.run, "pages"), 5_000),
    "sockets": (partial(hostile.run, "sockets"), 20_000),
    "tracers": (partial(hostile.run, "tracers"), 50_000),
    "walks": (walks.run, 2_000),
    "repeat": (repeat.run, 200),
    "seeds": (seeds.run, 2_000),
    "explored": (explored.run, 23),
    "orders": (orders.run, 3_000),
    "cpython": (cpython.run, 3000),
    "servers": (servers.run, len(servers.RUNS)),
}


def attempt(kind: str, share: float, seed: int) -> Tried:
    """Run one kind; whatever ends it early is a find."""
    function, whole = KINDS[kind]
    count = max(1, round(whole * share))
    spawn = multiprocessing.get_context("spawn")
    began = time.monotonic()
    try:
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            return pool.submit(function, count, seed).result()
    except BrokenProcessPool:
        why = "its process has died"
    except Exception:  # noqa: BLE001 -- whatever a run raises is what it found
        why = traceback.format_exc()
    return Tried(kind, count, "planned", [why], time.monotonic() - began)


def main() -> int:
    """Run all kinds, or those that are named."""
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="of the whole soak, such as 0.01")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="other seeds try other things")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args()
    unknown = [kind for kind in options.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"no kind {unknown[0]}: {', '.join(KINDS)}")

    table = Table("what was tried", "how often", "found", "seconds")
    console = Console(width=110)
    found: list[str] = []
    for kind in options.kinds or KINDS:
        tried = attempt(kind, options.share, options.seed)
        table.add_row(tried.what, f"{tried.count:,} {tried.unit}", str(len(tried.found)), f"{tried.seconds:.0f}")
        found += tried.found
        print(f"{tried.what}: {tried.count:,} {tried.unit}, found {len(tried.found)}", file=sys.stderr, flush=True)
    console.print(table)
    for text in found:
        print(text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
