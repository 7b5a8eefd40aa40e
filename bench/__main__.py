"""make bench: how fast the kernel is: two builds beside the host in one table (builds.py), and what else was promised.

README.md says where the time goes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
import resource
import shutil
from statistics import median
import subprocess
import sys
import tempfile
import time

from rich.console import Console
from rich.table import Table

from bench import exploring
from bench.builds import LOOP, table
from procession import Machine
from procession.hw.console import BufferConsole
from procession.include.linux.signal import SIGKILL

PROGRAMS = Path(__file__).parent / "programs"
ROUNDS = 5


def compile_programs(folder: Path) -> None:
    """Build every program static, with the compiler from PyPI."""
    for source in sorted(PROGRAMS.glob("*.c")):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ziglang",
                "cc",
                "-target",
                "x86_64-linux-musl",
                "-static",
                "-O1",
                "-s",
                "-o",
                folder / source.stem,
                source,
            ],
            check=True,
        )


def best(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """The smallest of several measurements, in seconds."""
    return min(measure() for _ in range(rounds))


def host_run(argv: list[str]) -> float:
    """Seconds one run takes on the host."""
    start = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def guest_run(argv: list[str]) -> float:
    """Seconds one run takes here, boot included."""
    start = time.perf_counter()
    result = Machine(root="/").run(argv)
    took = time.perf_counter() - start
    if result.status:
        raise SystemExit(f"{argv}: status {result.status}: {result.stderr.decode()}")
    return took


def per_cycle(run: Callable[[list[str]], float], program: list[str], few: int, many: int) -> float:
    """Seconds per cycle of a program whose last argument is how many it makes, from two counts."""
    return (best(lambda: run([*program, str(many)])) - best(lambda: run([*program, str(few)]))) / (many - few)


def traced(report: Report, folder: Path) -> None:
    """Have programs traced by the host's strace, in both worlds, and one stepped."""
    took = per_cycle(guest_run, [str(folder / "singlestep")], 1000, 51_000) * 1e6
    report.row("a million single steps", f"{took:.1f} s", "", "", "<= 20 s", took <= 20)
    strace = shutil.which("strace")
    if strace is None:
        print("strace is not installed: nothing to trace with")
        return
    tracer = [strace, "-f", "-o", "/dev/null"]
    # What it runs, turns: (few, many) untraced and traced.
    programs = {
        "getppid": ([str(folder / "getppid")], (1000, 101_000), (1000, 11_000)),
        "fork + execve from sh": (["/bin/sh", "-c", LOOP], (5, 45), (5, 25)),
    }
    for what, (argv, plain, slow) in programs.items():
        here, host = (
            per_cycle(run, [*tracer, *argv], *slow) / per_cycle(run, argv, *plain) for run in (guest_run, host_run)
        )
        times = f"{here:.1f} x", f"{host:.1f} x", f"{here / host:.2f}"
        report.row(f"{what}, slowed down by strace", *times, "<= 3 x the host's", here <= 3 * host)


class Stamps(BufferConsole):
    """A console that keeps in mind when something was written, in seconds."""

    def __init__(self) -> None:
        super().__init__(b"")
        self.stamps: list[float] = []

    def write(self, fd: int, data: bytes) -> None:
        """Output."""
        self.stamps.append(time.perf_counter())
        super().write(fd, data)


def per_event(program: list[str], idle: int, turns: int = 3000) -> float:
    """Seconds an event takes of an epoll that has so many idle connections beside."""
    console = Stamps()
    if Machine(root="/", console=console).run([*program, str(idle), str(turns)]).status:
        raise SystemExit(f"{program} failed")
    return (console.stamps[-1] - console.stamps[0]) / turns


def sockets(report: Report, folder: Path) -> None:
    """Compare TCP with our own pipes, and an epoll of many idle connections with one of few."""
    tcp, pipes = (per_cycle(guest_run, [str(folder / name)], 200, 5200) for name in ("tcppingpong", "pingpong"))
    times = f"{tcp * 1e6:.1f} µs", f"{tcp / pipes:.2f}"
    report.row("TCP ping-pong, against our pipes", times[0], "", times[1], "<= 2.5 x", tcp <= 2.5 * pipes)
    program = [str(folder / "epollidle")]
    many = per_event(program, 10_000)
    few = best(lambda: per_event(program, 10), 3)
    times = f"{many * 1e6:.1f} µs", f"{many / few:.2f}"
    report.row("an event among 10,000 idle connections, to 10", times[0], "", times[1], "<= 1.3 x", many <= 1.3 * few)


def sleepers(count: int = 10_000) -> tuple[float, float]:
    """Make that many sleeping Python processes: bytes of host memory for each, and late against early cost."""
    marks: list[float] = []
    memory: list[int] = []

    async def sleeper(sys):
        await sys.pause()

    async def main(sys):
        for n in range(count + 1):
            if n == 50:
                memory.append(rss())
            marks.append(time.perf_counter())
            await sys.clone(sleeper)
            if n % 50 == 0:
                await sys.sched_yield()
        await sys.sleep(0.001)
        memory.append(rss())
        await sys.kill(-1, SIGKILL)

    Machine().run(main)
    costs = [after - before for before, after in pairwise(marks)]
    return (memory[1] - memory[0]) / (count - 50), median(costs[-50:]) / median(costs[75:125])


def rss() -> int:
    """Bytes of memory this process has resident now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def boot() -> float:
    """Seconds to boot a kernel whose program does nothing."""

    async def main(sys):
        return 0

    start = time.perf_counter()
    Machine().run(main)
    return time.perf_counter() - start


class Report:
    """The table; every row says what was reached and what was to be reached."""

    def __init__(self) -> None:
        self.table = Table("what", "here", "host", "ratio", "target", "met")

    def row(self, what: str, here: str, host: str, ratio: str, target: str, met: bool) -> None:
        """Add one measurement."""
        self.table.add_row(what, here, host, ratio, target, "yes" if met else "NO")

    def ratio(self, what: str, here: float, host: float, limit: float, target: str) -> None:
        """Add one measurement whose target is a ratio to the host's."""
        met = here <= limit * host
        self.row(what, f"{here * 1e6:.1f} µs", f"{host * 1e6:.1f} µs", f"{here / host:.2f}", target, met)


def main() -> None:
    """Measure everything and print the table."""
    report = Report()
    took = best(boot)
    report.row("boot of an empty kernel", f"{took * 1e3:.1f} ms", "", "", "< 20 ms", took < 0.020)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_programs(folder)
        sides = table(folder)
        compute(report, [str(folder / "compute")])
        traced(report, folder)
        sockets(report, folder)
    size, growth = sleepers()
    report.row("a sleeping Python process, of 10,000", f"{size:,.0f} B", "", "", "<= 8,192 B", size <= 8192)
    report.row("10,000th clone against the 100th", "", "", f"{growth:.2f}", "<= 1.5", growth <= 1.5)
    exploring.measure(report)
    console = Console(width=150)
    console.print(sides)
    console.print(report.table)
    console.print("What the kernel's work costs by the clock inside, beside the host's: python -m bench.costs")


def compute(report: Report, program: list[str]) -> None:
    """Compare a compute-bound program with user-mode qemu."""
    qemu = shutil.which("qemu-x86_64")
    here = per_cycle(guest_run, program, 20, 420)
    if qemu is None:
        print("qemu-x86_64 is not installed: nothing to compare the compute-bound program with")
        return
    host = per_cycle(lambda argv: host_run([qemu, *argv]), program, 20, 420)
    report.ratio("compute-bound C, against qemu-user", here, host, 4, "<= 4 x qemu")


if __name__ == "__main__":
    main()
