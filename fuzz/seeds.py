"""Programs say the same whatever the order: `python -m fuzz.seeds [N] [--seed S]`.

Each run is a program of tests/programs under a seed, on one to three CPUs; what it prints is held against what 3.2
prints. A program whose output depends on the order says so after `// order:`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
import itertools
import multiprocessing
import os
from pathlib import Path
import signal
import sys
import time
from types import FrameType

from fuzz.repeat import compiled, later
from fuzz.tried import Tried
from procession import Machine

__all__ = ("failure", "names", "run")

PROGRAMS = Path(__file__).resolve().parents[1] / "tests" / "programs"
SECONDS = 300


def names() -> list[str]:
    """Return the programs that have to print the same under every seed."""
    return [path.stem for path in sorted(PROGRAMS.glob("*.c")) if "\n// order: " not in path.read_text("utf-8")]


def expected(name: str) -> str:
    """Return what 3.2 prints."""
    differs = PROGRAMS / "differs" / f"{name}.out"
    return (differs if differs.exists() else PROGRAMS / "expected" / f"{name}.out").read_text("utf-8")


def failure(name: str, program: str, seed: int, cpus: int) -> str | None:
    """Run a program under a seed; return what is wrong, None if nothing is."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}
    what = f"{name} --seed {seed} --cpus {cpus}"
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS)
    try:
        result = Machine(root="/", seed=seed, cpus=cpus, later=later(name)).run([program], env=environment)
    except Exception as error:  # noqa: BLE001 -- whatever a run raises is what it found
        return f"{what}: {error!r}"
    finally:
        signal.alarm(0)
    out = result.stdout.decode(errors="backslashreplace")
    newline = "" if not out or out.endswith("\n") else "\n[no newline]\n"
    said = f"{out}{newline}[exit {result.exit_code}]\n"
    if said == expected(name):
        return None
    pairs = itertools.zip_longest(said.splitlines(), expected(name).splitlines())
    line = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return f"{what}: {line[0]!r}, not {line[1]!r}"


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"not done after {SECONDS} s")


def _runs(seed: int) -> Iterator[tuple[str, int, int]]:
    for turn in itertools.count():
        for name in names():
            yield name, seed * 1000 + turn + 1, 1 + turn % 3


def run(count: int, seed: int = 0, jobs: int = 2) -> Tried:
    """Run so many programs, each of them under the first seeds."""
    began = time.monotonic()
    wanted = list(itertools.islice(_runs(seed), count))
    built = {run["program"]: run["argv"][0] for run in compiled([{"program": name} for name in names()])}
    fork = multiprocessing.get_context("fork" if sys.version_info < (3, 12) else "forkserver")
    with ProcessPoolExecutor(jobs, mp_context=fork) as pool:
        futures = [pool.submit(failure, name, built[name], seed, cpus) for name, seed, cpus in wanted]
        found = []
        for future in futures:
            text = future.result()
            if text is not None:
                found.append(text)
                print(text, flush=True)
    return Tried("programs under other orders", count, "runs", found, time.monotonic() - began)


def main() -> int:
    """Run, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=len(names()) * 5, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="other seeds try other orders")
    options = parser.parse_args()
    tried = run(options.count, options.seed, os.cpu_count() or 1)
    for text in tried.found:
        print(text)
    print(f"{tried.what}: {tried.count:,} {tried.unit}, found {len(tried.found)}, {tried.seconds:.0f} s")
    return 1 if tried.found else 0


if __name__ == "__main__":
    sys.exit(main())
