"""Repeatability: a run has the same trace, output and status each time, whatever process and Python it runs in.

    python -m fuzz.repeat [N] [--seed S]      N different runs: twice in one process, once on each other Python there is

Every difference is a find. Worker processes read runs as JSON on standard input and print a hash for each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import redirect_stdout
import hashlib
import io
import itertools
import json
import os
from pathlib import Path
import random
import re
import runpy
import shutil
import subprocess
import sys
import time
import tomllib
from typing import Any

from fuzz.tried import Tried
from procession import boot
from procession.tools.tracefile import trace_hash

HOME = Path(__file__).parent.parent
CACHE = HOME / ".pytest_cache" / "d"
EXAMPLES = sorted(path.stem for path in (HOME / "examples").glob("*.py"))
SCRIPTS = (
    "for i in 1 2 3; do (sleep 0.0$i; echo $i $$) & done; seq 1 100 | sort -R | head -n 5; wait; date; ls /proc",
    "head -c 64 /dev/urandom | od -x; mktemp -u; cat /proc/self/maps /proc/self/stat /proc/self/auxv | od -x",
    "ls -l /usr /etc | head -n 50; cat /proc/meminfo /proc/stat /proc/cpuinfo /proc/mounts; df; id; umask; env; locale",
    "cat /proc/[0-9]*/status /proc/sys/kernel/random/uuid; uname -a; ulimit -a; stat /usr /bin/sh",
    "trap 'echo usr1' USR1; kill -USR1 $$; (kill -9 $$ & wait) & sleep 1; echo never",
    "seq 1 3000 | while read x; do case $x in *77) echo $x;; esac; done | sort | uniq -c | wc -l",
    "mkfifo /tmp/p; cat /tmp/p | wc & seq 1 5000 > /tmp/p; wait; find /etc -name 'p*' | head",
    "i=0; while [ $i -lt 20 ]; do (exit $i) & i=$((i+1)); done; wait; awk 'BEGIN { srand(); print rand() }'",
)
MEMORY = (64 << 20, 256 << 20, 1 << 30)

Run = dict[str, Any]


def table(count: int, seed: int) -> list[Run]:
    """Return that many different runs: C programs, shell scripts, Python programs, on one to three CPUs."""
    rng = random.Random(seed)  # noqa: S311
    scripts = [(script, cpus) for cpus in (1, 2, 3) for script in SCRIPTS]
    runs: list[Run] = [{"example": name} for name in EXAMPLES]
    runs += [{"argv": ["/bin/sh", "-c", script], "cpus": cpus} for script, cpus in scripts]
    rng.shuffle(runs)
    del runs[max(count // 5, 1):]
    names = sorted(path.stem for path in (HOME / "tests" / "programs").glob("*.c"))
    rng.shuffle(names)
    for turn in itertools.count():
        for at, name in enumerate(names):
            if len(runs) >= count:
                return [_with_options(run, rng) for run in runs]
            runs.append({"program": name, "cpus": 1 + (at + turn) % 3})
    raise AssertionError


def _with_options(run: Run, rng: random.Random) -> Run:
    if "example" in run:
        return run
    return {**run, "seed": rng.randrange(1 << 32), "memory": rng.choice(MEMORY)}


def later(name: str) -> list[str]:
    """Return what a program needs of what came after 3.2."""
    text = (HOME / "tests" / "programs" / f"{name}.c").read_text("utf-8")
    return [word for line in re.findall(r"^// later: (.*)$", text, re.MULTILINE) for word in line.split(",")]


def compiled(runs: Sequence[Run]) -> list[Run]:
    """Replace the names of C programs by what they are compiled to."""
    # pytest is not where the workers are.
    from tests.conftest import Cache, Compilers  # noqa: PLC0415
    from tests.test_programs import libraries  # noqa: PLC0415

    directory = CACHE / "programs"
    directory.mkdir(parents=True, exist_ok=True)
    compilers = Compilers(Cache(directory))

    def argv(name: str) -> list[str]:
        return [str(compilers.compile(name, libraries(name)[0]))]

    return [{**run, "argv": argv(run["program"])} if "program" in run else run for run in runs]


# In the worker.


def fingerprint(run: Run) -> str:
    """Make the run, and return a hash of all there is to see of it."""
    results: list[boot.Result] = []
    if "example" in run:
        _run_example(run["example"], results)
    else:
        machine = boot.Machine(
            root="/", trace=True, cpus=run["cpus"], seed=run["seed"], memory=run["memory"], stdin=b"input\n" * 9,
            later=later(run["program"]) if "program" in run else (),
        )
        results.append(machine.run(run["argv"]))
    digest = hashlib.sha256()
    for result in results:
        seen = (trace_hash(result.trace), result.status, result.stdout, result.stderr)
        digest.update(repr((*seen, result.kernel.clock.now_ns)).encode())
    return digest.hexdigest()


def _run_example(name: str, results: list[boot.Result]) -> None:
    real = boot.Machine

    class Traced(real):  # type: ignore[misc, valid-type]
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "trace": True})

        def run(self, *args: Any, **options: Any) -> boot.Result:
            results.append(super().run(*args, **options))
            return results[-1]

    boot.Machine = Traced  # type: ignore[misc]
    try:
        with redirect_stdout(io.StringIO()):
            runpy.run_path(str(HOME / "examples" / f"{name}.py"), run_name="__main__")
    finally:
        boot.Machine = real  # type: ignore[misc]


def worker() -> None:
    """Read runs, print a hash a line."""
    for run in json.load(sys.stdin):
        print(fingerprint(run), flush=True)


# Other Pythons.


def other_pythons() -> list[str]:
    """Return interpreters of other versions that are supported, one each: along PATH, and those of pyenv."""
    found = {}
    for minor in range(11, 20):
        name = f"python3.{minor}"
        places = [shutil.which(name), *sorted(map(str, Path.home().glob(f".pyenv/versions/*/bin/{name}")))]
        for place in places:
            if place is not None and sys.version_info[:2] != (3, minor) and _works(place, minor):
                found[minor] = place
                break
    return list(found.values())


def _works(python: str, minor: int) -> bool:
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, {minor}))"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def _version(python: str) -> bytes:
    return subprocess.run([python, "-VV"], capture_output=True, check=True).stdout


def environment_for(python: str) -> Path:
    """Return the Python of an environment with all that Procession needs, of this tree or made on first use.

    Raises CalledProcessError.
    """
    needs = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    version = _version(python)
    for ready in sorted(HOME.glob(".venv*/.ready")):
        ours = ready.parent / "bin" / "python"
        if ours.exists() and _version(str(ours)) == version:
            return ours
    key = hashlib.sha256("\0".join([python, version.decode(), *needs]).encode()).hexdigest()[:16]
    home = CACHE / "pythons" / key
    if not (home / "ready").exists():
        made = home.with_name(f"{key}.{os.getpid()}")
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, "-m", "venv", str(made)], check=True, capture_output=True)
        subprocess.run([str(made / "bin" / "pip"), "install", "-q", *needs], check=True, capture_output=True)
        (made / "ready").touch()
        try:
            made.rename(home)       # its python still works: it finds itself by where it stands
        except OSError:
            shutil.rmtree(made)     # somebody was faster
    return home / "bin" / "python"


def _start(python: str | Path, runs: Sequence[Run], number: int) -> subprocess.Popen[bytes]:
    """Start a worker whose surroundings differ from those of any other."""
    surroundings = {
        "PATH": os.environ.get("PATH", ""), "PYTHONPATH": f"{HOME / 'src'}:{HOME}", "PYTHONHASHSEED": str(number * 17),
        "TZ": ("UTC", "Asia/Tokyo", "America/New_York")[number % 3], "LC_ALL": ("C", "C.UTF-8")[number % 2],
        "NUMBER": "x" * 100 * number, "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.Popen(
        [str(python), "-m", "fuzz.repeat", "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=surroundings, cwd=("/", "/tmp", "/usr")[number % 3], umask=(0o22, 0o77, 0)[number % 3],  # noqa: S108
        start_new_session=bool(number % 2),
    )


def hashes(python: str | Path, runs: Sequence[Run], number: int) -> list[str]:
    """Make the runs in a process of that Python, with the number-th surroundings; returns their fingerprints."""
    process = _start(python, runs, number)
    out, _ = process.communicate(json.dumps(list(runs)).encode())
    return out.decode().split()


def run(count: int = 200, seed: int = 0) -> Tried:
    """Make `count` runs, each twice here and once on every other Python; what differs is a find."""
    began = time.monotonic()
    runs = compiled(table(count, seed))
    twice = hashes(sys.executable, [*runs, *reversed(runs)], 1)
    first, again = twice[:count], twice[count:][::-1]
    columns = {"the second time": again}
    pythons = other_pythons()
    for number, python in enumerate(pythons, 2):
        columns[f"on {Path(python).name}"] = hashes(environment_for(python), runs, number)
    found = [
        f"{name}: {json.dumps(run)}"
        for name, column in columns.items()
        for run, one, other in itertools.zip_longest(runs, first, column)
        if one is None or one != other
    ]
    where = ", ".join(Path(python).name for python in pythons) or "no other Python found"
    return Tried(f"repeatability (twice, and {where})", count, "runs", found, time.monotonic() - began)


def main() -> None:
    """Print what was found; exit status 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker()
        return
    tried = run(options.count, options.seed)
    print(f"{tried.what}: {tried.count} {tried.unit} in {tried.seconds:.0f} s, {len(tried.found)} found")
    for line in tried.found:
        print(line)
    sys.exit(bool(tried.found))


if __name__ == "__main__":
    main()
