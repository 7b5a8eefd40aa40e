"""The host, the pure build and the compiled one side by side: each pinned to one CPU, in turn, within one run.

A row's figure is the median of nine; a program's inner loop is what a whole process of n + m turns takes more than one
of n. Machines differ and are noisy, so what is to be reached is a ratio of the two builds.
"""

from __future__ import annotations

from collections.abc import Callable
import json
import os
from pathlib import Path
import shutil
from statistics import median
import subprocess
import sys
import time

from rich.table import Table

from bench.worker import CPU

ROUNDS = 9
HOST_FORKS = """
import os, time
start = time.perf_counter()
for _ in range(200):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
print((time.perf_counter() - start) / 200)
"""
LOOP = 'i=0; while [ $i -lt "$0" ]; do /bin/true; i=$((i+1)); done'
PROCESSION = Path(sys.executable).parent / "procession"


class Builds:
    """A worker for each build; compiled: whether there are two."""

    def __init__(self) -> None:
        self.workers = {"pure": self.start("1")}
        probe = [sys.executable, "-c", "import procession.boot"]
        if subprocess.run(
            probe, env={**os.environ, "PROCESSION_PURE": "0"}, check=False, capture_output=True
        ).returncode:
            print("there is no compiled build: make compile")
        else:
            self.workers["compiled"] = self.start("0")

    @staticmethod
    def start(pure: str) -> subprocess.Popen[str]:
        """Start a worker."""
        return subprocess.Popen(
            [sys.executable, "-m", "bench.worker"],
            env={**os.environ, "PROCESSION_PURE": pure, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, build: str, *what: object) -> float:
        """Have something measured; seconds."""
        worker = self.workers[build]
        print(json.dumps(what), file=worker.stdin, flush=True)
        return float(json.loads(worker.stdout.readline()))

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers.values():
            worker.communicate()


def pinned(argv: list[str], **environment: str) -> float:
    """Seconds a process of the host takes, on the one CPU."""
    start = time.perf_counter()
    subprocess.run(
        argv,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
        preexec_fn=lambda: os.sched_setaffinity(0, {CPU}),
    )
    return time.perf_counter() - start


def in_turn(measures: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the median of each measure, all of them made in turn."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: median(values) for name, values in taken.items()}


class Rows:
    """The table."""

    def __init__(self, builds: Builds) -> None:
        self.builds = builds
        self.table = Table("what", "host", "pure", "compiled", "compiled / pure", "to reach", "met", "x host", "goal")

    def row(self, what: str, took: dict[str, float], target: float, goal: str, scale: float = 1e6) -> None:
        """Add a line; took: seconds by build, and the host's if it has any."""
        unit = {1e6: "µs", 1e3: "ms", 1.0: "s"}[scale]

        def shown(name: str) -> str:
            return f"{took[name] * scale:.1f} {unit}" if name in took else ""

        ratio = took["compiled"] / took["pure"] if "compiled" in took else None
        times = f"{took['compiled'] / took['host']:.2g}" if "host" in took and "compiled" in took else ""
        met = "" if ratio is None else "yes" if ratio <= target else "NO"
        self.table.add_row(
            what,
            shown("host"),
            shown("pure"),
            shown("compiled"),
            "" if ratio is None else f"{ratio:.2f}",
            f"<= {target:.2f}",
            met,
            times,
            goal,
        )

    def loop(
        self,
        what: str,
        argv: list[str],
        few: int,
        many: int,
        host_many: int,
        target: float,
        goal: str,
        rounds: int = ROUNDS,
    ) -> None:
        """Measure a turn of a program whose last argument is how many it makes."""

        def inner(run: Callable[[list[str]], float], more: int) -> float:
            return (run([*argv, str(few + more)]) - run([*argv, str(few)])) / more

        measures = {"host": lambda: inner(pinned, host_many)}
        for build in self.builds.workers:
            measures[build] = lambda build=build: inner(lambda run: self.builds.ask(build, "elf", run, "/"), many)
        self.row(what, in_turn(measures, rounds), target, goal)

    def asked(
        self, what: str, question: list[object], target: float, goal: str, host: Callable[[], float] | None = None
    ) -> None:
        """Measure what the workers know how to."""
        measures: dict[str, Callable[[], float]] = {"host": host} if host else {}
        for build in self.builds.workers:
            measures[build] = lambda build=build: self.builds.ask(build, *question)
        self.row(what, in_turn(measures, ROUNDS), target, goal)


def host_fork() -> float:
    """Seconds per os.fork + os.waitpid in a CPython that has imported nothing else."""
    return float(subprocess.run([sys.executable, "-c", HOST_FORKS], check=True, stdout=subprocess.PIPE).stdout)


def configure(rows: Rows, folder: Path) -> None:
    """Let autoconf make a script, and run it: compilers, sed, expr and shells, mostly user code."""
    autoconf = shutil.which("autoconf")
    if autoconf is None:
        print("autoconf is not installed: nothing to configure")
        return
    shutil.copy(Path(__file__).parent / "configure" / "configure.ac", folder)
    subprocess.run([autoconf], cwd=folder, check=True)
    argv = ["/bin/sh", str(folder / "configure")]

    def host() -> float:
        place = folder / "host"
        place.mkdir(exist_ok=True)
        start = time.perf_counter()
        subprocess.run(argv, cwd=place, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start

    measures: dict[str, Callable[[], float]] = {"host": host}
    for build in rows.builds.workers:
        measures[build] = lambda build=build: rows.builds.ask(build, "elf", argv, str(folder))
    rows.row("configure of a C program, five checks", in_turn(measures, 3), 0.8, "", scale=1.0)


def table(folder: Path) -> Table:
    """Measure everything with the programs in folder; takes some minutes."""
    builds = Builds()
    rows = Rows(builds)

    def program(name: str) -> list[str]:
        return [str(folder / name)]

    rows.loop("fork + exit + wait, static C", program("fork"), 100, 800, 2000, 0.27, "1.0")
    rows.loop("fork + execve + exit + wait, static C", program("forkexec"), 50, 300, 1000, 0.36, "1.6")
    rows.loop("the same, dynamic, from sh in a loop", ["/bin/sh", "-c", LOOP], 5, 40, 300, 0.5, "1.3")
    rows.loop("signal with a C handler", program("signal"), 1000, 10_000, 100_000, 0.22, "8")
    rows.loop("a byte through a pipe and back, two processes", program("pingpong"), 1000, 8000, 50_000, 0.30, "3")
    rows.loop("a turn by semaphores and back, two processes", program("semaphores"), 1000, 8000, 50_000, 0.30, "3")
    rows.loop("getppid", program("getppid"), 1000, 100_000, 1_000_000, 0.5, "5")
    rows.loop("fork + exit + wait with 1,000 areas of memory", program("forkareas"), 5, 40, 300, 0.6, "2")
    rows.loop("ps axjf over 5,000 processes", program("manyps"), 1, 2, 4, 0.5, "5", rounds=3)
    rows.asked("Python program, fork + exit + wait, ten", ["fork", 10], 0.24, "1/12", host_fork)
    rows.asked("Python program, two forks, a pipe: Machine().run", ["python", 20], 0.3, "")
    commands = {"host": lambda: pinned(["/bin/true"])}
    for build, pure in (("pure", "1"), ("compiled", "0")):
        if build in builds.workers:
            commands[build] = lambda pure=pure: pinned(
                [str(PROCESSION), "run", "--", "/bin/true"], PROCESSION_PURE=pure
            )
    took = in_turn(commands, ROUNDS)
    rows.row("procession run -- /bin/true", took, 0.15 / took["pure"], "<= 0.15 s", scale=1e3)
    configure(rows, folder)
    builds.close()
    return rows.table
