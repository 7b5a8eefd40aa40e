"""The harness: programs are compiled once, run on the host's kernel as if it were 3.2, and run inside.

Where the host does not allow the namespaces that this takes, the recordings in programs/expected/ stand in for it
(`pytest --record` makes them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import faulthandler
import hashlib
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from types import FrameType
from typing import Any

import pytest

# Doubles and mutations, of which many tests are made, need classes and functions that can be replaced.
PURE = os.environ.setdefault("PROCESSION_PURE", "1") != "0"

from tests import starter  # noqa: E402 -- the build is picked first
from tests.surroundings import environment, left_out, need, settle  # noqa: E402

TESTS = Path(__file__).parent
PROGRAMS = TESTS / "programs"
HOST_SECONDS = 30
INSIDE_SECONDS = 180
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# Without symbols, all of them: for each set of options of this kind the compiler builds a C library first.
ZIG = [
    sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-fno-sanitize=undefined", "-static", "-s",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", action="store_true", help="write what the host's kernel says to tests/programs/expected/"
    )
    parser.addoption("--host-only", action="store_true", help="run the programs on the host alone, three times each")


OUTER = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave the surroundings that we were started in."""
    config.stash[OUTER] = getattr(config, "workerinput", {}).get("outer") or dict(os.environ)
    assert config.cache is not None
    settle(config.cache.mkdir("compilers"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let a parallel worker know what the surroundings were."""
    node.workerinput["outer"] = node.config.stash[OUTER]


def pytest_sessionfinish() -> None:
    """Let whoever starts commands for us say which of the sources they have reached, while that is put together."""
    starter.stop()


@pytest.fixture
def outer(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the variables of whoever started the tests."""
    return request.config.stash[OUTER]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line what was left out."""
    reports = terminalreporter.stats.get("skipped", [])
    if reports:
        terminalreporter.write_line(left_out([report.longrepr[2].removeprefix("Skipped: ") for report in reports]))


# --- which build is tested ---

# These run programs on machines as they are, without doubles: both builds have to pass them.
FOR_BOTH = {
    "test_bad_input.py", "test_cli.py", "test_determinism.py", "test_examples.py", "test_exec_headers.py",
    "test_fuzz.py", "test_host_programs.py", "test_programs.py", "test_python_facts.py", "test_python_programs.py",
    "test_replay.py", "test_strace.py", "test_tracefile.py",
}
FOR_COMPILED = {"test_builds.py", "test_kept.py"}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Collect for a compiled build what both have to pass, and what compares them."""
    name = collection_path.name
    if not name.startswith("test_"):
        return None
    return name in FOR_COMPILED if PURE else name not in FOR_BOTH | FOR_COMPILED  # in whatever directory


def pytest_report_header() -> str:
    """Say which build is tested."""
    return "procession: the pure build, since tests replace parts of it" if PURE else "procession: the compiled build"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A program that can be linked with both C libraries has musl in the pure build, glibc in the compiled one."""
    ours, others = ("-musl]", "-glibc]") if PURE else ("-glibc]", "-musl]")
    elsewhere = {item.name.replace(ours, others) for item in items if item.name.endswith(ours)}
    items[:] = [item for item in items if item.name not in elsewhere]


@dataclass(frozen=True)
class Outcome:
    """What a run showed to the world."""

    stdout: bytes
    stderr: bytes
    exit_code: int

    @property
    def text(self) -> str:
        """Output and exit code in the form of the recordings."""
        out = self.stdout.decode(errors="backslashreplace")
        newline = "" if not out or out.endswith("\n") else "\n[no newline]\n"
        return f"{out}{newline}[exit {self.exit_code}]\n"


class Cache:
    """Compiled programs, kept from one session to the next and shared by parallel workers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def build(self, name: str, command: Sequence[str], sources: Sequence[Path], version: str) -> Path:
        """Path of the program `command` makes; it is run, with `-o PATH` added, unless that was done before."""
        # A compiler is as good from one Python's packages as from another's.
        words = ["python" if word == sys.executable else word for word in command]
        key = hashlib.sha256("\0".join([*words, version]).encode())
        for source in sources:
            key.update(source.read_bytes())
        home = self.directory / key.hexdigest()[:24]
        if not (home / name).exists():
            made = Path(tempfile.mkdtemp(dir=self.directory))
            result = subprocess.run(
                [*command, "-o", str(made / name)], capture_output=True, text=True, cwd=made, check=False
            )
            if result.returncode:
                shutil.rmtree(made)
                pytest.fail(f"{' '.join(command)}\n{result.stderr}", pytrace=False)
            made.chmod(0o755)
            try:
                made.rename(home)  # another worker may have been faster: then its result stays
            except OSError:
                shutil.rmtree(made)
        return home / name


@pytest.fixture(scope="session")
def traces(request: pytest.FixtureRequest) -> Any:
    from tests.traces import Traces  # noqa: PLC0415 -- imports the package

    config_cache = request.config.cache
    assert config_cache is not None
    return Traces(config_cache.mkdir("traces"))


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Cache:
    config_cache = request.config.cache
    assert config_cache is not None
    return Cache(config_cache.mkdir("programs"))


# --- compilers ---


def _version(command: Sequence[str]) -> str | None:
    try:
        return subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


class Compilers:
    """The C libraries a program can be linked with, by name: musl, glibc (both static), dynamic; i386: musl again."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        gcc = ["gcc"]
        common = ["-std=gnu11", "-O1", *WARNINGS]
        self.commands = {
            "musl": [*ZIG, *common],
            "glibc": [*gcc, *common, "-static", "-pthread"],
            "dynamic": [*gcc, *common, "-pthread"],
            "i386": [word.replace("x86_64", "x86") for word in (*ZIG, *common)],
        }
        gcc_version = _version(gcc)
        self.versions = {
            "musl": _version(ZIG) or "",
            "glibc": gcc_version,
            "dynamic": gcc_version,
            "i386": _version(ZIG) or "",
        }
        self.missing: dict[str, str] = {}
        self.foreign: dict[str, bool] = {}

    def why_not(self, libc: str) -> str | None:
        """Say why nothing can be linked with libc here, or None."""
        if libc not in self.missing:
            self.missing[libc] = self._try(libc)
        return self.missing[libc] or None

    def need(self, libc: str) -> None:
        """Leave the test out if nothing can be linked with libc here."""
        why = self.why_not(libc)
        if why and libc not in {"musl", "i386"}:
            need("gcc")
        if why:
            pytest.skip(f"cannot compile with {why}")

    def host_runs(self, libc: str) -> bool:
        """Whether the host's kernel executes such programs: one of 64 bits may know no others."""
        if libc not in self.foreign:
            program = self.compile("runs_at_all", libc) if libc == "i386" else None
            try:
                self.foreign[libc] = program is None or subprocess.run([str(program)], check=False).returncode == 0
            except OSError:
                self.foreign[libc] = False
        return self.foreign[libc]

    def _try(self, libc: str) -> str:
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory) / "empty.c"
            source.write_text("int main(void) { return 0; }\n")
            try:
                result = subprocess.run(
                    [*self.commands[libc], str(source), "-o", str(source.with_suffix(""))],
                    capture_output=True,
                    text=True,
                    check=False,
                )
            except OSError as error:
                return f"{libc}: {error}"
            return "" if result.returncode == 0 else f"{libc}: {result.stderr.strip()[-300:]}"

    def compile(self, name: str, libc: str) -> Path:
        """Compile programs/NAME.c, or skip the test."""
        self.need(libc)
        source = PROGRAMS / f"{name}.c"
        if not source.exists():
            source = TESTS / f"{name}.c"
        included = re.findall(r'#include "(.*)"', source.read_text(encoding="utf-8"))
        headers = [PROGRAMS / name for name in sorted({"check.h", *included})]      # which all include check.h
        return self.cache.build(
            name, [*self.commands[libc], str(source)], [source, *headers], self.versions[libc] or ""
        )


@pytest.fixture(scope="session")
def compilers(cache: Cache) -> Compilers:
    return Compilers(cache)


@pytest.fixture(scope="session")
def deadlines(compilers: Compilers) -> str:
    """Path of deadlines.c."""
    compilers.need("musl")
    source = TESTS / "deadlines.c"
    command = [*compilers.commands["musl"], str(source)]
    return str(compilers.cache.build("deadlines", command, [source], compilers.versions["musl"]))


@pytest.fixture(scope="session")
def hostile(compilers: Compilers) -> Callable[[str], str]:
    """Path of a program of bad_input/."""
    def build(name: str) -> str:
        compilers.need("musl")
        source = TESTS / "bad_input" / f"{name}.c"
        command = [*compilers.commands["musl"], str(source)]
        return str(compilers.cache.build(name, command, [source], compilers.versions["musl"]))

    return build


# --- the host as 3.2 ---


class Oracle:
    """The host's kernel, alone with the program in namespaces, with the calls of 3.2."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.root = False  # may the program really change users?
        self.why_not: str | None = None
        self.command: list[str] = []
        self.scratch = "/mnt" if str(cache.directory).startswith("/tmp/") else "/tmp"
        # Empty inside, too, whatever lies in the host's own directory for such files.
        self.tmpdir = cache.directory / "empty"
        self.tmpdir.mkdir(exist_ok=True)
        self.tmpdir.chmod(0o1777)
        self.environment = environment(TMPDIR=str(self.tmpdir))
        self._find()

    def _find(self) -> None:
        source = TESTS / "oracle" / "host32.c"
        program = str(self.cache.build("host32", [*ZIG, "-O1", *WARNINGS, str(source)], [source], _version(ZIG) or ""))
        for options, root in ([], os.geteuid() == 0), (["-u"], False):
            try:
                result = subprocess.run(
                    [program, *options, "-p"], capture_output=True, text=True, timeout=HOST_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                continue
            if result.returncode == 0:
                self.command, self.root = [program, *options], root
                return
            self.why_not = result.stderr.strip() or f"host32 -p: exit {result.returncode}"

    def dumps_core(self) -> bool:
        """Whether a core goes to a file here, as in a fresh 3.2."""
        return Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii")[:1] not in "|/"

    def run(self, argv: Sequence[str], stdin: bytes = b"", *, later: bool = False) -> Outcome:
        """Run argv there; later: with all that the host's kernel has beyond 3.2."""
        options = ["-l"] if later else []
        result = subprocess.run(
            [*self.command, *options, "-s", self.scratch, "-s", str(self.tmpdir), "-t", str(HOST_SECONDS), *argv],
            input=stdin,
            capture_output=True,
            env=self.environment,
            timeout=HOST_SECONDS + 10,
            check=False,
        )
        if result.returncode in {124, 125}:
            pytest.fail(f"the host: {result.stderr.decode()} exit {result.returncode}", pytrace=False)
        return Outcome(result.stdout, result.stderr, result.returncode)


@pytest.fixture(scope="session")
def oracle(cache: Cache) -> Oracle:
    return Oracle(cache)


# --- inside ---


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the test; end the whole process if that does not help (the CPU is emulated in C)."""

    def expired(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not done after {seconds} s")

    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(2 * seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@pytest.fixture(autouse=True)
def checked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold all structures of every machine against each other after its traps, but in tests marked `unchecked`.

    The compiled kernel takes the same steps as the pure one (test_builds.py), so fewer of them are looked at.
    """
    if not request.node.get_closest_marker("unchecked"):
        monkeypatch.setattr("procession.boot.default_check", 100 if PURE else 10)


RunInside = Callable[..., Any]


@pytest.fixture
def inside(oracle: Oracle) -> RunInside:
    """Run argv in a fresh Procession over the host's files, and see that it left nothing behind."""
    procession = pytest.importorskip("procession")

    def run(argv: Sequence[str], *, stdin: bytes = b"", baseline: bool = True, **options: Any) -> Any:
        with time_limit(INSIDE_SECONDS):
            kernel = procession.Kernel(root="/", stdin=stdin, **options)
            result = kernel.run(list(argv), env=oracle.environment)
        if baseline:
            result.kernel.check_baseline()
        return result

    return run


@pytest.fixture
def same_as_host(oracle: Oracle, inside: RunInside) -> Callable[..., Any]:
    """Run argv in both worlds; output and exit code must agree. Skips where the host cannot take part."""

    def run(argv: Sequence[str], *, stdin: bytes = b"", stderr: bool = False) -> Any:
        if oracle.why_not and not oracle.command:
            pytest.skip(f"the host cannot play 3.2: {oracle.why_not}")
        host = oracle.run(argv, stdin)
        ours = inside(argv, stdin=stdin)
        assert Outcome(ours.stdout, b"", ours.exit_code).text == host.text, ours.stderr.decode(errors="replace")
        if stderr:
            assert ours.stderr == host.stderr
        return ours

    return run
