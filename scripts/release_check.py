"""Try what is published as a user would: `python scripts/release_check.py`, or make release-check.

Makes an sdist and a wheel, installs each with each Python from 3.11 to 3.14 in an environment of its own, runs the
command and the library there, with extras and without, and takes it out again. One line for each; exit status 1 if any
fails. A Python that is not found is one line, too, and no failure.

    --python PATH   one more Python; may be repeated
    --debian        fetch the versions that are not found from Debian's next release, and run them in bubblewrap
    --aarch64       also replay the tests' recorded run on an aarch64 Python, of Debian, under qemu-aarch64
    --dist DIR      try what is there already
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile
import time

HOME = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
UPGRADE = HOME / "tests" / "upgrade"
HELLO = "echo hello; true | true; exit 3"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The trace of a format that this version reads: the same run on every host.
TRACE = max(UPGRADE.glob("format*.jsonl"))

APT_CONF = """\
APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};
Dir::State "{work}/state"; Dir::State::status "{work}/status"; Dir::Cache "{work}/cache";
Dir::Etc::sourcelist "{work}/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::parts "/dev/null";
Debug::NoLocking "true"; APT::Sandbox::User "root"; APT::Install-Recommends "false"; Acquire::Languages "none";
Acquire::http::Timeout "20"; Acquire::Check-Valid-Until "false";
"""

LIBRARY = """
import sys
from procession import Machine
async def main(linux):
    pid = await linux.fork()
    if pid == 0:
        await linux.exit(7)
    assert await linux.waitpid(-1) == (pid, 7 << 8)
assert Machine().run(main).exit_code == 0
assert "numpy" not in sys.modules
"""
CHECKED = "from procession import Machine; assert Machine(root='/', check=True).run(['/bin/true']).exit_code == 0"


class Wrong(Exception):
    """What did not go as it should."""


def run(command: Sequence[str | Path], *, status: int | None = 0, **env: str) -> str:
    """Run a command; returns what it says. Raises Wrong if its status is another one."""
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={**os.environ, **env}, cwd=tempfile.gettempdir(),
    )  # fmt: skip
    if status is not None and done.returncode != status:
        last = " | ".join(done.stdout.strip().splitlines()[-3:])
        raise Wrong(f"{' '.join(map(str, command))}: status {done.returncode}: {last}")
    return done.stdout


def must(condition: object, what: str) -> None:
    """Raise Wrong unless it is so."""
    if not condition:
        raise Wrong(what)


# --- one Python, one file ---


def try_one(published: Path) -> None:
    """Install a file with the Python that runs this, and use it; raises Wrong."""
    with tempfile.TemporaryDirectory() as work:
        venv = Path(work) / "venv"
        run([sys.executable, "-m", "venv", venv])
        python, pip = venv / "bin/python", [venv / "bin/python", "-m", "pip", "-q", "--disable-pip-version-check"]
        before = set(venv.rglob("*"))
        run([*pip, "install", published])
        run([*pip, "check"])
        try_command(venv)
        run([python, "-I", "-W", "error", "-c", LIBRARY])
        said = run([venv / "bin/procession", "run", "--check", "--", "/bin/true"], status=None)
        must("pip install 'procession[check]'" in said, f"--check without NumPy says {said!r}")
        run([*pip, "install", f"{published}[check]"])
        run([python, "-I", "-c", CHECKED])
        run([*pip, "uninstall", "-y", "procession"])
        left = [path for path in set(venv.rglob("*")) - before if "procession" in path.name]
        must(not left, f"pip uninstall leaves {left[:3]}")


def try_command(venv: Path) -> None:
    """Use the command; raises Wrong."""
    command = venv / "bin/procession"
    version = run([command, "--version"])
    must(re.match(r"procession \d+\.\d+\.\d+ \(", version), f"--version says {version!r}")
    must(run([command, "run", "--", "/bin/sh", "-c", HELLO], status=3) == "hello\n", "run")
    must("clone_flags" in run([command, "syscalls"]), "syscalls")
    must("Usage" in run([command, "--help"]), "--help")
    must("execve(" in run([command, "run", "--strace", "--", "/bin/true"]), "--strace")
    must(run([command, "replay", "--root", UPGRADE / "root", TRACE]).startswith("identical: "), "replay")
    must("a run:     /bin/true ends with 0" in run([command, "bug-report"]), "bug-report")
    must((venv / "share/man/man1/procession.1").is_file(), "there is no manual page")
    for name in ("LICENSE", "THIRD_PARTY.md", "mypyc.txt", "zig.txt"):
        must(list(venv.glob(f"lib/python*/site-packages/procession-*.dist-info/licenses/**/{name}")), f"no {name}")
    must((next(venv.glob("lib/python*/site-packages/procession")) / "py.typed").exists(), "no py.typed")


# --- which Pythons ---


def pythons(more: Sequence[Path]) -> Iterator[tuple[str, list[str]]]:
    """Yield version and command of what is found here: in PATH, of pyenv, and what was named."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for path in more:
        yield version_of(path), [str(path)]
    told = {version_of(path) for path in more}
    for version in VERSIONS:
        if version in told:
            continue
        found = [*sorted(pyenv.glob(f"{version}.*/bin/python{version}")), shutil.which(f"python{version}")]
        working = [str(path) for path in found if path and version_of(path) == version]
        if working:
            yield version, working[:1]


def version_of(python: str | Path) -> str:
    """Return a Python's version, empty if it does not run (pyenv's stand-ins do not always)."""
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def unpack(work: Path, architecture: str, suite: str, packages: Sequence[str]) -> Path:
    """Unpack packages of Debian and all that they need into a folder of its own; returns it. Raises Wrong."""
    root = work / "root"
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n")
    (work / "apt.conf").write_text(APT_CONF.format(work=work, architecture=architecture))
    apt = {"APT_CONFIG": str(work / "apt.conf")}
    run(["apt-get", "update"], **apt)
    run(["apt-get", "install", "-y", "--download-only", *packages], **apt)
    for package in sorted(work.glob("cache/archives/*.deb")):
        run(["dpkg-deb", "-x", package, root])
    return root


def of_debian(work: Path, version: str) -> list[str]:
    """Return the command of a Python from Debian's next release, with its own libraries; raises Wrong."""
    root = unpack(work, "amd64", "forky", ["base-files", f"python{version}-venv", "libstdc++6", "dash", "coreutils"])
    shared = [("--bind", path, path) for path in ("/tmp", str(HOME))]  # noqa: S108 -- where the environments are made
    hosts = ["/etc/resolv.conf", "/etc/ssl", "/etc/pip.conf", "/etc/xdg", "/opt"]
    shared += [("--ro-bind-try", path, path) for path in hosts]
    mounts = [word for words in shared for word in words]
    return ["bwrap", "--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", *mounts, f"/usr/bin/python{version}"]


# --- another processor ---


def try_aarch64(work: Path) -> str:
    """Replay the recorded run on an aarch64 Python under qemu's user mode; returns what it says. Raises Wrong."""
    must(shutil.which("qemu-aarch64"), "there is no qemu-aarch64: apt install qemu-user")
    root = unpack(work, "arm64", "bookworm", ["python3.11", "libstdc++6"])
    site = work / "site"
    platforms = [f"--platform=manylinux{tag}_aarch64" for tag in ("2014", "_2_17", "_2_27", "_2_28")]
    wanted = [*platforms, "--python-version=3.11", "--only-binary=:all:", "--target", site]
    run([sys.executable, "-m", "pip", "install", "-q", *wanted, "unicorn>=2.1.4,<2.2", "typer", "rich"])
    emulated = ["qemu-aarch64", "-L", root, root / "usr/bin/python3.11", "-m", "procession"]
    site_and_sources = {"PYTHONPATH": f"{site}:{HOME / 'src'}", "PROCESSION_PURE": "1"}
    # Two metadata files stand in for an installation: what runs here are the sources.
    version = json.loads(TRACE.read_text(encoding="utf-8").partition("\n")[0])["procession"]
    made = site / f"procession-{version}.dist-info"
    made.mkdir()
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: procession\nVersion: {version}\n")
    said = run([*emulated, "replay", "--root", UPGRADE / "root", TRACE], **site_and_sources)
    must(said.startswith("identical: "), said)
    return said.strip()


# --- all of it ---


def build(dist: Path) -> None:
    """Make the sdist, and the pure wheel from it; raises Wrong."""
    run([sys.executable, "-m", "build", "--outdir", dist, HOME], PROCESSION_WHEEL="pure")


def attempt(what: str, function: object, *arguments: object) -> bool:
    """Call a function and say how it went; returns whether all was well."""
    began = time.monotonic()
    try:
        said = function(*arguments)  # type: ignore[operator]
    except Wrong as wrong:
        print(f"FAILED  {what}: {wrong}", flush=True)
        return False
    print(f"ok      {what} ({time.monotonic() - began:.0f} s){': ' + said if said else ''}", flush=True)
    return True


def try_all(dist: Path, found: dict[str, list[str]]) -> bool:
    """Try each file with each Python; returns whether all is well."""
    good = True
    script = [str(Path(__file__).resolve()), "--one"]
    for version, command in found.items():
        for path in sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")]):
            tag = re.search(r"-cp3(\d+)-", path.name)
            if tag and tag[1] != version.partition(".")[2]:
                continue  # compiled for another Python
            good &= attempt(f"Python {version}, {path.name}", lambda *all: run(all) and "", *command, *script, path)
    return good


def main() -> int:
    """Enter from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make release-check", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--python", type=Path, action="append", default=[], metavar="PATH")
    parser.add_argument("--dist", type=Path, metavar="DIR")
    parser.add_argument("--debian", action="store_true", help="fetch versions that are missing")
    parser.add_argument("--aarch64", action="store_true", help="try that, under qemu-aarch64")
    options = parser.parse_args()
    if options.one is not None:
        try:
            try_one(options.one)
        except Wrong as wrong:
            print(wrong)
            return 1
        return 0
    with tempfile.TemporaryDirectory(prefix="procession-release-") as folder:
        work = Path(folder)
        dist = options.dist or work / "dist"
        good = options.dist is not None or attempt("sdist and wheel", build, dist)
        found = dict(pythons(options.python))
        for version in VERSIONS:
            if version not in found and options.debian:
                command: list[str] = []
                fetch = lambda version=version, into=command: into.extend(of_debian(work / version, version))  # noqa: E731
                if attempt(f"Python {version} of Debian", fetch):
                    found[version] = command
            if version not in found:
                print(f"        Python {version}: not found here; --python PATH names one", flush=True)
        good &= try_all(dist.resolve(), found)
        if options.aarch64:
            good &= attempt("aarch64", try_aarch64, work / "aarch64")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
