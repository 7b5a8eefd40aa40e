"""Random walks of a tracer, by tests/programs/ptrace_walk.c: all structures are held against each other on the way.

What the walks say is no matter here: the recorded ones are a test of their own.
`python -m fuzz.walks FIRST COUNT` tells it.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
import subprocess
import sys
import tempfile
import time

from fuzz.explored import COMPILER
from fuzz.tried import Tried
from procession import Machine
from procession.tools.validate import Checker

__all__ = ("run",)

SOURCE = Path(__file__).resolve().parents[1] / "tests" / "programs" / "ptrace_walk.c"
BATCH = 20                      # walks of a machine
STEPS = 80
SELDOM = 499                    # traps between two looks
SEEDS = 1 << 31


def one_batch(program: str, first: int, walks: int) -> str:
    """Let a machine do some walks; returns what they said. Raises what a validator finds."""
    machine = Machine(root="/", cpus=1 + first % 2)
    checker = Checker(machine.kernel)
    traps = count()

    def after_trap() -> None:
        if next(traps) % SELDOM == 0:
            checker.check()

    machine.kernel.after_trap = after_trap
    result = machine.run([program, str(first), str(walks), str(STEPS)])
    machine.check_baseline()
    if result.exit_code or result.output.count(": exited 0\n") < walks:
        raise AssertionError(f"{result.status}: {result.output[-500:]}")
    return result.output


def run(walks: int, seed: int) -> Tried:
    """Do so many walks."""
    tried = Tried("walks of a tracer", 0, "walks")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        program = str(Path(directory) / "ptrace_walk")
        subprocess.run([*COMPILER, str(SOURCE), "-o", program], check=True)  # noqa: S603 -- our own
        for first in range(seed * walks % SEEDS, seed * walks % SEEDS + walks, BATCH):
            size = min(BATCH, walks - tried.count)
            try:
                one_batch(program, first, size)
            except Exception as error:  # noqa: BLE001 -- whatever a run raises is what it found
                tried.found.append(f"python -m fuzz.walks {first} {size}: {error!r}")
            tried.count += size
    tried.seconds = time.monotonic() - start
    return tried


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        made = str(Path(place) / "ptrace_walk")
        subprocess.run([*COMPILER, str(SOURCE), "-o", made], check=True)  # noqa: S603 -- our own
        print(one_batch(made, int(sys.argv[1]), int(sys.argv[2])), end="")
