"""CPython's own tests of what it asks of the kernel: each on the host and inside, and the outcomes compared.

    python -m fuzz.cpython [MODULE]... [-k TEXT] [--jobs N] [-v]         test_os, test_signal, …; all without a name

They come from Debian's libpython3.11-testsuite (`python -m tests.packages`), and the host's python3 runs them. A test
has an outcome: ok, skipped, failed, error, died (and took the process with it), limit (no end to it within a time).
Inside it is to be that of the host, or what fuzz/corpus/cpython.toml says of it, with the reason. Anything else is a
find, and so is a test of that list that does on the host as inside. Root runs them again as somebody else.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import json
import os
from pathlib import Path
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from typing import IO

from fuzz.tried import Tried
from fuzz.unittests import MARK, OUTCOMES

__all__ = ("run",)

HERE = Path(__file__).resolve().parent
LISTED = HERE / "corpus" / "cpython.toml"
RUNNER = HERE / "unittests.py"
PYTHON = "/usr/bin/python3"
VERSION = "3.11"
LIBRARY = HERE.parent / f".packages/root/usr/lib/python{VERSION}"
# Its python3 has them in its path under all options, as where they are installed: -I takes no PYTHONPATH.
ENVIRONMENT = HERE.parent / ".pytest_cache/d/cpython"
MODULES = (
    "test_time", "test_signal", "test_subprocess", "test_threading", "test_wait3", "test_wait4", "test_fork1",
    "test_os", "test_posix", "test_resource", "test_pty", "test_fcntl", "test_faulthandler", "test_socket",
    "test_epoll", "test_selectors", "test_asyncio", "test_multiprocessing_fork", "test_httpservers",
)
SOMEBODY = "1000:1000:1000,1001,1002"
JOBS = 2
BATCH = 60              # tests a process
HOST_SECONDS = 120      # of time, without a word: some tests of signals take half a minute
INSIDE_SECONDS = 600    # of the CPU, so that it does not matter what else the host does
LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Outcome:
    """How a test ended, and what it or its process said of that."""

    outcome: str
    detail: str = ""


@dataclass(slots=True)
class Listed:
    """What is known of a test that differs from the host: its outcome inside, words it says, and the reason."""

    inside: str
    says: str
    why: str


@dataclass(slots=True, frozen=True)
class Side:
    """Where tests run, and as whom: UID:GID:GROUP,GROUP."""

    inside: bool
    user: str


def listed(path: Path = LISTED) -> dict[str, Listed]:
    """Return the tests that differ from the host."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))["differs"]
    return {test: Listed(group["inside"], group["says"], group["why"]) for group in groups for test in group["tests"]}


def unavailable() -> str:
    """Return why the tests cannot be run here, or nothing."""
    try:
        asked = subprocess.run(
            [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, check=True, env={},
        )
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{PYTHON} does not run: {error}"
    if asked.stdout.strip() != VERSION:
        return f"the tests are of Python {VERSION}, {PYTHON} is {asked.stdout.strip()}"
    if not any((place / "test/test_os.py").exists() for place in (LIBRARY, Path(f"/usr/lib/python{VERSION}"))):
        return f"no test_os.py here (package libpython{VERSION}-testsuite)"
    return ""


def python() -> str:
    """Return a python3 of the host that finds the tests, in an environment that is made on first use."""
    packages = ENVIRONMENT / f"lib/python{VERSION}/site-packages"
    program = ENVIRONMENT / "bin/python3"
    if not program.exists():
        for directory in (program.parent, packages):
            directory.mkdir(parents=True, exist_ok=True)
        (ENVIRONMENT / "pyvenv.cfg").write_text(f"home = {Path(PYTHON).parent}\n", encoding="utf-8")
        if LIBRARY.exists():
            (packages / "tests.pth").write_text(f"import sys; sys.path.insert(0, {str(LIBRARY)!r})\n", encoding="utf-8")
        program.symlink_to(PYTHON)
    return str(program)


# --- one side ---


def environment(place: str = "/") -> dict[str, str]:
    """Return the variables of a test, the same on both sides; place: for its files."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": place, "TMPDIR": place, "LC_ALL": "C.UTF-8"}


def users() -> list[str]:
    """Return as whom to run tests: as the user we are, and where that is root as somebody else, too."""
    ourselves = f"{os.getuid()}:{os.getgid()}:{','.join(map(str, os.getgroups()))}"
    return [ourselves] if os.geteuid() else [ourselves, SOMEBODY]


def command(side: Side, place: str, module: str, tests: Sequence[str]) -> list[str]:
    """Return what runs these tests of a module on a side, with their files in that place."""
    argv = [python(), str(RUNNER), f"test.{module}", "run", side.user, *tests]
    if not side.inside:
        return argv
    variables = [part for name, value in environment(place).items() for part in ("--env", f"{name}={value}")]
    # Its time of day is the host's, since the files are; its time is its own, so no test is late where the host is.
    # Its name is the host's, which files of the host say the address of.
    options = ["--boot-time", "now", "--hostname", os.uname().nodename, *variables]
    return [sys.executable, "-m", "procession", "run", *options, "--", *argv]


def cpu_seconds(pid: int) -> float:
    """Return what a process has had of the CPU: seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watched:
    """A process that is killed, with all of its group, if it says nothing for too long."""

    def __init__(self, inside: bool, argv: list[str], place: str, errors: IO[bytes]) -> None:
        self.inside = inside
        self.late = False
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            env=dict(os.environ) if inside else environment(place),
        )
        self.heard = self.spent()
        self.ended = threading.Event()

    def spent(self) -> float:
        """Return the seconds that count."""
        return cpu_seconds(self.process.pid) if self.inside else time.monotonic()

    def watch(self) -> None:
        """Kill it when its time is over; or what it has left, when it has died, which holds the pipe open."""
        gone = None
        while gone is None and not self.late and not self.ended.wait(LOOK_SECONDS):
            gone = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            self.late = self.spent() - self.heard > (INSIDE_SECONDS if self.inside else HOST_SECONDS)
        if not self.ended.is_set():
            self.late = self.late and gone is None
            self.kill()

    def kill(self) -> None:
        """Kill the group, whose leader is not waited for yet: the number is still its own."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def lines(self) -> Iterator[dict[str, str]]:
        """Yield what the runner tells."""
        assert self.process.stdout is not None
        watcher = threading.Thread(target=self.watch)
        watcher.start()
        for line in self.process.stdout:
            if line.startswith(MARK.encode()):
                self.heard = self.spent()
                told = json.loads(line[1:])
                yield told
                if "done" in told:      # whoever a test has left behind may hold the pipe open
                    break
        self.ended.set()
        watcher.join()


def once(side: Side, module: str, tests: Sequence[str]) -> dict[str, Outcome]:
    """Run these tests in one process; returns the outcomes of those it came to."""
    outcomes: dict[str, Outcome] = {}
    running, done = "", False
    with (
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory(prefix="cpython-", ignore_cleanup_errors=True) as place,
    ):
        Path(place).chmod(0o1777)
        watched = Watched(side.inside, command(side, place, module, tests), place, errors)
        with watched.process:
            for told in watched.lines():
                if "test" in told:
                    outcomes[told["test"]] = Outcome(told["outcome"], told["detail"])
                running, done = told.get("begins", ""), "done" in told
            watched.kill()
        status = watched.process.returncode
        errors.seek(0)
        said = errors.read()[-2000:].decode(errors="replace")
    if not done:
        outcome = "limit" if watched.late else "died"
        outcomes[running or f"{module}: start"] = Outcome(outcome, f"exit status {status}: {said}")
    return outcomes


def all_of(side: Side, module: str, tests: Sequence[str]) -> dict[str, Outcome]:
    """Run these tests, in a new process again after one that has ended early."""
    outcomes: dict[str, Outcome] = {}
    left = list(tests)
    while left:
        new = once(side, module, left)
        outcomes |= new
        rest = [test for test in left if test not in outcomes]
        if len(rest) == len(left) or not any(one.outcome in {"died", "limit"} for one in new.values()):
            break
        left = rest
    return {test: Outcome("not run") for test in tests} | outcomes


def on_host(user: str, module: str, tests: Sequence[str]) -> dict[str, Outcome]:
    """Run tests on the host; what fails there has a second chance, for the host may be busy."""
    side = Side(False, user)
    outcomes = all_of(side, module, tests)
    again = [test for test in tests if outcomes[test].outcome not in {"ok", "skipped"}]
    return outcomes | (all_of(side, module, again) if again else {})


def tests_of(module: str) -> list[str]:
    """Return the tests of a module, in the order they run in."""
    listing = subprocess.run(
        [python(), str(RUNNER), f"test.{module}", "list"],
        capture_output=True, check=True, env=environment(), stdin=subprocess.DEVNULL,
    )
    told = map(json.loads, re.findall(f"^{MARK}(.*)$", listing.stdout.decode(), re.MULTILINE))
    return [one["test"] for one in told if "test" in one]


# --- both sides ---


def verdict(test: str, host: Outcome | None, inside: Outcome, known: Listed | None) -> str:
    """Return what is wrong with a test, or nothing."""
    there = host.outcome if host else "not run"
    told = f"{test}: {there} on the host, {inside.outcome} inside"
    if known is None:
        if there == inside.outcome and there in OUTCOMES:
            return ""
        return f"{told}\n{(inside if inside.outcome != 'ok' or host is None else host).detail}".rstrip()
    if inside.outcome != known.inside or known.says not in inside.detail:
        return f"{told}; listed is: {known.inside}, {known.says!r} ({known.why})\n{inside.detail}".rstrip()
    # A skipped one may lack the same on the host, whoever's kernel that is.
    return f"{told}, but it is listed ({known.why})" if there == inside.outcome != "skipped" else ""


def batches(tests: Sequence[str]) -> Iterator[list[str]]:
    """Split tests among processes, with each class in as few as can be."""
    for at in range(0, len(tests), BATCH):
        yield list(tests[at:at + BATCH])


def compare(user: str, tests: dict[str, list[str]], jobs: int, verbose: bool = False) -> list[str]:
    """Run tests of each module on both sides; returns what is wrong."""
    host: dict[str, Outcome] = {}
    for module, names in tests.items():
        host |= on_host(user, module, names)
    pieces = [(module, batch) for module, names in tests.items() for batch in batches(names)]
    known, inside_, found = listed(), Side(True, user), []
    with ThreadPoolExecutor(jobs) as pool:
        for outcomes in pool.map(lambda piece: all_of(inside_, *piece), pieces):
            for test, inside in outcomes.items():
                wrong = verdict(test, host.get(test), inside, known.get(test))
                if wrong:
                    found.append(f"as {user} {wrong}")
                if verbose:
                    print(wrong or f"{test}: {inside.outcome}", flush=True)
    return found


def choose(modules: Iterable[str], count: int | None, seed: int, text: str = "") -> dict[str, list[str]]:
    """Return the tests of these modules that have text in their names, at most count of them, which seed picks."""
    tests = [(module, test) for module in modules for test in tests_of(module) if text in test]
    if count is not None and count < len(tests):
        picked = set(random.Random(seed).sample(range(len(tests)), count))  # noqa: S311 -- repeatable, not secret
        tests = [test for at, test in enumerate(tests) if at in picked]
    chosen: dict[str, list[str]] = {}
    for module, test in tests:
        chosen.setdefault(module, []).append(test)
    return chosen


def run(count: int | None = None, seed: int = 0, modules: Sequence[str] = MODULES, **options: str | int) -> Tried:
    """Run so many of the tests, or all, on both sides; where we are root, one half as somebody else."""
    began = time.monotonic()
    why = unavailable()
    if why:
        return Tried(f"CPython's own tests: {why}", 0, "tests")
    number, found = 0, []
    for turn, user in enumerate(users()):
        share = count if count is None else -(-(count - number) // (len(users()) - turn))
        tests = choose(modules, share, seed + turn, str(options.get("text", "")))
        number += sum(map(len, tests.values()))
        found += compare(user, tests, int(options.get("jobs", JOBS)), bool(options.get("verbose")))
    return Tried("CPython's own tests on the host and inside", number, "tests", found, time.monotonic() - began)


def main() -> None:
    """Print what was found; exit status 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=MODULES)
    parser.add_argument("-k", dest="text", default="", metavar="TEXT", help="only tests with that in their names")
    parser.add_argument("-v", dest="verbose", action="store_true", help="print each outcome")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N")
    options = parser.parse_args()
    tried = run(modules=options.modules, text=options.text, jobs=options.jobs, verbose=options.verbose)
    print(f"{tried.what}: {tried.count} {tried.unit} in {tried.seconds:.0f} s, {len(tried.found)} found")
    if not options.verbose:
        print(*tried.found, sep="\n")
    sys.exit(bool(tried.found))


if __name__ == "__main__":
    main()
