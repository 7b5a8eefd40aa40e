"""make bench: how fast the kernel is, each figure beside the host's own in the same run.

Cost per cycle is a difference of two runs with different counts, so start-up cancels out. Each measurement is taken
several times, host and guest in turn, and the smallest counts: the machines this runs on are noisy.
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

from procession import Machine
from procession.include.linux.signal import SIGKILL

PROGRAMS = Path(__file__).parent / "programs"
ROUNDS = 5


def compile_programs(folder: Path) -> None:
    """Build every program static, with the compiler from PyPI."""
    for source in sorted(PROGRAMS.glob("*.c")):
        subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-static", "-O1", "-s", "-o",
             folder / source.stem, source],
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


def per_cycle(run: Callable[[list[str]], float], program: str, few: int, many: int) -> float:
    """Seconds per cycle, from two counts."""
    return (best(lambda: run([program, str(many)])) - best(lambda: run([program, str(few)]))) / (many - few)


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


def python_fork_cycle_host() -> float:
    """Seconds per os.fork + os.waitpid in a CPython that has imported nothing else."""
    return float(subprocess.run([sys.executable, "-c", HOST_FORKS], check=True, stdout=subprocess.PIPE).stdout)


def python_fork_cycle_guest(count: int) -> float:
    """Seconds per fork + exit + wait in a Python program that does it count times.

    A child is made by replaying the program's calls so far, so the cost grows with count.
    """
    took = 0.0

    async def main(sys):
        nonlocal took
        start = time.perf_counter()
        for _ in range(count):
            pid = await sys.fork()
            if pid == 0:
                await sys.exit(0)
            await sys.waitpid(pid)
        took = time.perf_counter() - start

    Machine().run(main)
    return took / count


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


def whole_command(argv: list[str]) -> float:
    """Seconds the installed command takes."""
    procession = shutil.which("procession", path=str(Path(sys.executable).parent))
    return best(lambda: host_run([str(procession), "run", "--", *argv]))


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
    busybox = shutil.which("busybox")
    if busybox:
        took = whole_command([busybox, "true"])
        host = best(lambda: host_run([busybox, "true"]))
        report.row("procession run -- busybox true", f"{took:.2f} s", f"{host * 1e3:.1f} ms", "", "< 0.6 s", took < 0.6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_programs(folder)
        fork, forkexec, getppid = (str(folder / program) for program in ("fork", "forkexec", "getppid"))
        report.ratio("fork + exit + wait, static C", per_cycle(guest_run, fork, 100, 1100),
                     per_cycle(host_run, fork, 100, 2100), 2, "<= 2 x host")
        report.ratio("fork + execve + exit + wait, static C", per_cycle(guest_run, forkexec, 50, 450),
                     per_cycle(host_run, forkexec, 50, 1050), 3, "<= 3 x host")
        host = best(python_fork_cycle_host)
        for count in (10, 100):
            here = best(lambda: python_fork_cycle_guest(count), 20)  # noqa: B023 -- called at once
            report.ratio(f"fork + exit + wait, Python, {count} times", here, host, 0.1, "<= 1/10 of os.fork")
        signal, pingpong = str(folder / "signal"), str(folder / "pingpong")
        report.ratio("kill of itself, with a handler in C", per_cycle(guest_run, signal, 1000, 21_000),
                     per_cycle(host_run, signal, 1000, 201_000), 4, "<= 4 x host")
        report.ratio("a byte through a pipe and back, two processes", per_cycle(guest_run, pingpong, 1000, 11_000),
                     per_cycle(host_run, pingpong, 1000, 51_000), 2, "<= 2 x host")
        here, host = per_cycle(guest_run, getppid, 1000, 101_000), per_cycle(host_run, getppid, 1000, 1_001_000)
        here, host = 1 / here, 1 / host
        report.row("getppid from C", f"{here:,.0f}/s", f"{host:,.0f}/s", "", ">= 150,000/s", here >= 150_000)
        compute(report, str(folder / "compute"))
    size, growth = sleepers()
    report.row("a sleeping Python process, of 10,000", f"{size:,.0f} B", "", "", "<= 8,192 B", size <= 8192)
    report.row("10,000th clone against the 100th", "", "", f"{growth:.2f}", "<= 1.5", growth <= 1.5)
    Console(width=110).print(report.table)


def compute(report: Report, program: str) -> None:
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
