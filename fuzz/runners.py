"""Three ways to run a batch of programs: on the host, as an ELF program inside, as a Python program inside."""

from __future__ import annotations

from collections.abc import Sequence
import difflib
import hashlib
import os
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any

from fuzz import interpreter
from fuzz.generator import Program
from procession import Machine

HERE = Path(__file__).parent
ROOT = HERE.parent
HOST_SECONDS = 120
MEMORY = 256 << 20
CANNOT = {124, 125}     # exit codes of host32: out of time, namespaces not allowed


class HostRefuses(Exception):
    """The host does not let us have namespaces or SCHED_FIFO."""


def _built(name: str, command: Sequence[str], source: Path) -> Path:
    """Path of a compiled program, kept for the next time."""
    key = hashlib.sha256("\0".join(command).encode() + source.read_bytes()).hexdigest()[:16]
    folder = ROOT / ".pytest_cache" / "d" / "fuzz" / key
    if not (folder / name).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        subprocess.run([*command, "-o", made / name, source], check=True, cwd=made)
        made.chmod(0o755)
        try:
            made.rename(folder)     # another one may have been faster: then its result stays
        except OSError:
            (made / name).unlink()
            made.rmdir()
    return folder / name


def build_static(name: str) -> Path:
    """Compile a program of this directory with the compiler from PyPI, static."""
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-static", "-O1", "-s"]
    return _built(name, [*zig, "-fno-sanitize=undefined", "-Wall", "-Wextra", "-Werror"], HERE / f"{name}.c")


def build_interpreter() -> Path:
    """Compile interpreter.c."""
    return build_static("interpreter")


def build_host32() -> Path:
    """Compile the host as 3.2 with the system's compiler."""
    return _built("host32", ["cc", "-O1", "-pthread"], ROOT / "tests" / "oracle" / "host32.c")


def _input(programs: Sequence[Program]) -> bytes:
    lines = []
    for number, program in enumerate(programs):
        encoded = program.encode()
        lines += [f"program {number} {encoded.actors} {encoded.terminal:d}", *encoded.steps, "end"]
    return "".join(f"{line}\n" for line in lines).encode()


def split(output: bytes, count: int) -> list[str]:
    """Cut the output of a batch into transcripts; what is missing is empty."""
    parts = [""] * count
    for part in output.decode(errors="backslashreplace").split("== ")[1:]:
        number, _, text = part.partition("\n")
        parts[int(number)] = text
    return parts


def diff(host: str, other: str, name: str) -> str:
    """Show where two transcripts part."""
    lines = difflib.unified_diff(host.splitlines(), other.splitlines(), "host", name, lineterm="", n=4)
    return "\n".join(lines)


def ask_host(program: Path, text: bytes) -> bytes:
    """Run a program with this input on the host's kernel, playing 3.2; returns its output; raises HostRefuses."""
    as_root = [] if os.geteuid() == 0 else ["-u"]      # of a user namespace of its own
    command = [str(build_host32()), *as_root, "-t", str(HOST_SECONDS), str(program)]
    result = subprocess.run(command, input=text, capture_output=True, env={}, timeout=HOST_SECONDS + 10, check=False)
    if result.returncode in CANNOT or b"FAILED 24576" in result.stdout:    # exit code 96: no SCHED_FIFO
        raise HostRefuses(result.stderr.decode() or "no SCHED_FIFO")
    return result.stdout


def run_host(programs: Sequence[Program]) -> list[str]:
    """Run on the host's kernel, playing 3.2; raises HostRefuses."""
    return split(ask_host(build_interpreter(), _input(programs)), len(programs))


def run_elf(programs: Sequence[Program], *, check: bool = False) -> list[str]:
    """Run the C interpreter inside; check: with the validators after every trap."""
    root = {"/interpreter": build_interpreter().read_bytes()}
    machine = Machine(root=root, stdin=_input(programs), memory=MEMORY, check=check or None)
    return ask_machine(machine, ["/interpreter"], len(programs))


def run_python(programs: Sequence[Program], *, check: bool = False) -> list[str]:
    """Run the Python interpreter inside; check: with the validators after every trap."""
    machine = Machine(programs={interpreter.ACTOR_PATH: interpreter.actor_main}, memory=MEMORY, check=check or None)
    main = interpreter.batch([program.encode() for program in programs])
    return ask_machine(machine, main, len(programs))


def ask_machine(machine: Machine, program: Any, count: int) -> list[str]:
    """Run a batch inside, and see that nothing is left behind."""
    result = machine.run(program)
    machine.check_baseline()
    return split(result.stdout + result.stderr, count)
