"""A report of a fault to paste somewhere public: versions, the build, the host, and the end of a trace.

What is nobody else's business is left out: no environment, no file contents, no name of the user or the host, of paths
only those of the system. `text()` says all of it; nothing is sent anywhere.
"""

from __future__ import annotations

from collections import deque
from importlib import metadata
import json
import os
from pathlib import Path
import platform
import re
import shutil
import subprocess
import sys
from typing import Any, Final

from procession import _build

__all__ = ("text", "trace_end", "versions")

_PACKAGES: Final = ("unicorn", "typer", "rich", "numpy")
_TRY: Final = (sys.executable, "-m", "procession", "run", "--", "/bin/true")
_TRY_SECONDS: Final = 60
_LONGEST: Final = 4096  # characters of a trace's line
# Directories whose contents are the distribution's, and so no secret.
_SYSTEM: Final = re.compile(r"/(?:bin|sbin|lib\w*|usr/(?:bin|sbin|lib\w*|libexec|share)|proc|sys|dev)(?:/|$)")
_PATH: Final = re.compile(r"/[^\s\"':,;]*")
# What a trace's first line says of the run, but for the program, its environment and where its files are.
_RUN: Final = (
    "event",
    "format",
    "procession",
    "as_init",
    "seed",
    "cpus",
    "memory",
    "boot_time_ns",
    "realtime",
    "names",
    "cores",
    "fail",
    "closed",
    "tty",
    "winsize",
)


def text(trace: Path | None = None, lines: int = 50) -> str:
    """Return the report, with the last lines of a trace if there is one; raises OSError for a file it cannot read."""
    said = [f"{name + ':':<10} {value}" for name, value in (*versions(), *_host(), ("terminal", _terminal()))]
    said.append(f"{'a run:':<10} {_try()}")
    if trace is not None:
        said += ["", *trace_end(trace, lines)]
    return "\n".join(said) + "\n"


def versions() -> list[tuple[str, str]]:
    """Return what runs here: name, version."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    python = f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})"
    build = f"compiled: {_build.running.by}" if _build.running.compiled else "pure Python"
    return [
        ("procession", metadata.version("procession")),
        ("build", build),
        ("python", python),
        ("packages", ", ".join(found)),
    ]


def _host() -> list[tuple[str, str]]:
    libc = " ".join(platform.libc_ver()).strip() or "not glibc"
    cores = os.cpu_count() or 0
    page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    return [
        ("host", f"{platform.system()} {platform.release()} {platform.machine()}, {libc}"),
        ("cpu", f"{_cpu_model()}, {cores} CPUs, pages of {page >> 10} KiB, {page * pages >> 20:,} MiB of memory"),
    ]


def _cpu_model() -> str:
    """Return the CPU's name: Linux has it in a file, others tell less."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        found = re.search(r"^model name\s*: (.+)$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _terminal() -> str:
    """Return which standard files are terminals, of what kind and size."""
    which = [name for fd, name in enumerate(("stdin", "stdout", "stderr")) if os.isatty(fd)]
    if not which:
        return "none"
    size = shutil.get_terminal_size()
    return f"{'+'.join(which)}, {os.environ.get('TERM', 'no TERM')}, {size.columns} x {size.lines}"


def _try() -> str:
    """Return how the smallest run of all goes here."""
    try:
        done = subprocess.run(_TRY, capture_output=True, text=True, check=False, timeout=_TRY_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"/bin/true has not ended in {_TRY_SECONDS} seconds"
    last = done.stderr.strip().rpartition("\n")[2]
    return f"/bin/true ends with {done.returncode}" + (f": {_without_names(last)}" if last else "")


# The trace.


def trace_end(path: Path, lines: int) -> list[str]:
    """Return the first line of a trace and its last ones, without what is private; raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
        last: deque[tuple[int, str]] = deque(enumerate(file, 2), maxlen=lines)
    shown = [f"the trace, its first line and the last {len(last)}:", _line(first)]
    if last and last[0][0] > 2:
        shown.append(f"... {last[0][0] - 2} lines ...")
    return shown + [_line(line) for _, line in last]


def _line(line: str) -> str:
    """Return a trace's line without what is private."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return f"(no line of a trace: {len(line)} characters)"
    if found.get("event") == "run":
        kept = {name: value for name, value in found.items() if name in _RUN}
    elif line.startswith('{"time_ns":'):  # an event
        kept = {name: _seen(value) for name, value in found.items()}
    else:  # an answer from outside: what was typed, what a file holds
        kept = {name: value if name in ("event", "kind", "how") else _size(value) for name, value in found.items()}
    return json.dumps(kept, separators=(",", ":"))[:_LONGEST]


def _seen(value: Any) -> Any:
    """Return an event's value without names of the user's, nor what a Python program's call was given."""
    if isinstance(value, str):
        return _without_names(value)
    if isinstance(value, list):
        return [_size(item) for item in value]
    return value


def _size(value: Any) -> Any:
    """Return what may be told of content."""
    if isinstance(value, str):
        return f"{len(value)} characters"
    if isinstance(value, list | dict):
        return f"{len(value)} items"
    return value


def _without_names(words: str) -> str:
    """Return text with the user's and the host's name, and every path that is not the system's, left out."""
    words = _PATH.sub(lambda path: path[0] if _SYSTEM.match(path[0]) else "/...", words)
    for name in _names():
        words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "...", words)
    return words


def _names() -> list[str]:
    home = os.path.basename(os.path.expanduser("~"))  # noqa: PTH111, PTH119
    found = {home, os.environ.get("USER", ""), os.environ.get("LOGNAME", ""), platform.node()}
    return sorted(name for name in found if name and name != "root")
