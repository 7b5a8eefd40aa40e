"""What tests may count on, whoever runs them and wherever: programs, variables, signals, limits.

conftest.py calls `settle` before any test is looked at. Programs get `environment()`, on the host and inside.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import metadata
import os
from pathlib import Path
import re
import resource
import shutil
import signal
import tempfile

import pytest
from tests import packages

# Debian's programs come before what a person has installed beside them.
PATH = ":".join([*packages.directories(), "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"])
# Variables that are about running the tests; no program that they run sees them.
KEPT = re.compile(
    r"PYTEST_\w+|SLIPCOVER_\w+|PROCESSION_PURE|PYTHONPATH|PYTHONDONTWRITEBYTECODE|PYTHONPYCACHEPREFIX|TMPDIR"
)
NO_PROGRAM = re.compile(r"no (\S+) here(?: \(package (\S+)\))?")


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a program, with these added or replaced: nobody's home, no language, no time zone."""
    perl = packages.perl_library()
    return {
        "PATH": PATH, "HOME": "/nonexistent", "TERM": "linux", "LC_ALL": "C", "TZ": "UTC0", "INPUTRC": "/dev/null",
        **({"PERL5LIB": perl} if perl else {}), **more,
    }


def settle(cache: Path) -> None:
    """Make this process, and so all that it starts, independent of where it was started; cache: for compilers."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    zig = Path(os.environ.get("ZIG_GLOBAL_CACHE_DIR") or _zig_cache() or cache / "zig")
    os.environ.clear()
    os.environ.update(environment(LC_ALL="C.UTF-8", TERM="xterm", ZIG_GLOBAL_CACHE_DIR=str(zig), **kept))
    os.environ["ZIG_LIB_DIR"] = str(_zig_library(zig))
    os.umask(0o022)
    _settle_signals()
    _settle_limits()


def _zig_cache() -> Path | None:
    """Return where the user's own runs of zig keep what they have built, if we may.

    What lies there goes by its contents, and the first program for a C library takes it a minute or two.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/nonexistent")) / ".cache")
    return caches / "zig" if caches.is_absolute() and os.access(caches, os.W_OK | os.X_OK) else None


def _zig_library(cache: Path) -> Path:
    """Return where zig's own files lie for all environments: what it builds of them is known by their place as well."""
    home = cache / f"procession-lib-{metadata.version('ziglang')}"
    if home.exists():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=cache))
    theirs = Path(str(metadata.distribution("ziglang").locate_file("ziglang/lib")))
    try:
        shutil.copytree(theirs, made / "lib", copy_function=os.link)
    except shutil.Error:                    # on another file system
        shutil.copytree(theirs, made / "lib", dirs_exist_ok=True)
    with suppress(OSError):                 # another run may have been faster: then its result stays
        (made / "lib").rename(home)
    shutil.rmtree(made)
    return home


def _settle_signals() -> None:
    """Ignore and block no signal: what a background job or nohup ignores, programs would ignore, too."""
    pythons_own = {signal.SIGPIPE, signal.SIGXFSZ}      # which subprocess gives back
    for number in signal.valid_signals() - pythons_own:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _settle_limits() -> None:
    """No cores, 1024 files, as many microseconds as anybody: as far as we may."""
    for limit, soft in (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 1024):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    except PermissionError:
        pass        # we were started by nice, and are not root


def need(*programs: str) -> str:
    """Return the path of the first of these programs; the test is left out unless all are here."""
    for program in programs:
        if shutil.which(program) is None:
            package = packages.PACKAGE_OF.get(program)
            pytest.skip(f"no {program} here" + (f" (package {package})" if package else ""))
    return str(shutil.which(programs[0]))


def left_out(reasons: list[str]) -> str:
    """Say in one line how many tests were left out, and what would let them run."""
    found = [NO_PROGRAM.fullmatch(reason) for reason in reasons]
    packages_ = sorted({match[2] for match in found if match and match[2]})
    others = [reason for reason, match in zip(reasons, found, strict=True) if not match or not match[2]]
    parts = [f"{len(reasons)} test{'' if len(reasons) == 1 else 's'} left out"]
    if packages_:
        parts.append(f"{len(reasons) - len(others)} for want of these packages: {' '.join(packages_)}")
    parts += [f"{others.count(reason)}: {reason}" for reason in dict.fromkeys(others)]
    return "; ".join(parts)


def wait_for_the_command(pid):
    """Until SIGINT is no longer Python's, which would print a traceback.

    The command lets it go at first, and catches it again while a program runs: who looks too late sees that only.
    Python has it from 6 ms of computing on, the command lets it go after 20.
    """
    while True:
        text = Path(f"/proc/{pid}/status").read_text()
        if "State:\tZ" in text:
            return
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        computed = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        caught = int(re.search(r"SigCgt:\s+(\w+)", text)[1], 16) >> signal.SIGINT - 1 & 1
        if computed >= (0.2 if caught else 0.05):
            return
