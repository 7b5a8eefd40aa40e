"""Three ways to run a batch of programs: on the host, as an ELF program inside, as a Python program inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import difflib
import hashlib
import os
from pathlib import Path
import shlex
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
JUDGE_SECONDS = 600
MEMORY = 256 << 20
CANNOT = {124, 125}     # exit codes of host32: out of time, namespaces not allowed


class HostRefuses(Exception):
    """The judge does not let us have namespaces or SCHED_FIFO, or does not run."""


def built(name: str, command: Sequence[str], source: Path) -> Path:
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
    return built(name, [*zig, "-fno-sanitize=undefined", "-Wall", "-Wextra", "-Werror"], HERE / f"{name}.c")


def build_interpreter() -> Path:
    """Compile interpreter.c."""
    return build_static("interpreter")


def build_host32() -> Path:
    """Compile the host as 3.2 with the system's compiler."""
    return built("host32", ["cc", "-O1", "-pthread"], ROOT / "tests" / "oracle" / "host32.c")


def _input(programs: Sequence[Program]) -> bytes:
    lines = []
    for number, program in enumerate(programs):
        encoded = program.encode()
        has = f"{encoded.terminal:d} {encoded.freely:d} {encoded.network:d}"
        lines += [f"program {number} {encoded.actors} {has}", *encoded.steps, "end"]
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


@dataclass(frozen=True)
class Judge:
    """Who says what 3.2 does: the host, playing it, or a command that runs a program on a real one.

    `COMMAND PROGRAM < INPUT > OUTPUT` runs the static x86-64 program of that path on a 3.2, without arguments: as root,
    with all capabilities, a devpts at /dev/pts and a /proc, able to make PID and mount namespaces and to be SCHED_FIFO,
    no signal ignored or blocked and no descriptor open but 0, 1 and 2. How the program gets there, INPUT to its
    standard input and its standard output back to OUTPUT, is the command's own; nothing else may be in OUTPUT. It exits
    with 124 or 125 if it cannot, within JUDGE_SECONDS. INPUT is a batch of up to 120 programs of ours: one boot serves
    them all.
    """

    command: tuple[str, ...] = ()

    @classmethod
    def parse(cls, command: str) -> Judge:
        """Understand a command line's option."""
        return cls(tuple(shlex.split(command)))

    @property
    def real(self) -> bool:
        """Whether it is a 3.2, so that nothing has to be left out."""
        return bool(self.command)

    def ask(self, program: Path, text: bytes) -> bytes:
        """Run a program with this input; returns its output; raises HostRefuses."""
        command, env = [*self.command, str(program)], None
        if not self.real:
            as_root = [] if os.geteuid() == 0 else ["-u"]      # of a user namespace of its own
            command, env = [str(build_host32()), *as_root, "-t", str(HOST_SECONDS), str(program)], {}
        seconds = JUDGE_SECONDS if self.real else HOST_SECONDS + 10
        result = subprocess.run(command, input=text, capture_output=True, env=env, timeout=seconds, check=False)
        if result.returncode in CANNOT or b"FAILED 24576" in result.stdout:    # exit code 96: no SCHED_FIFO
            raise HostRefuses(result.stderr.decode() or "no SCHED_FIFO")
        if self.real and not result.stdout.startswith(b"== "):
            raise HostRefuses(f"{command[0]} gives no transcripts: {result.stderr.decode()}")
        return result.stdout


HOST = Judge()


def run_host(programs: Sequence[Program], judge: Judge = HOST) -> list[str]:
    """Run on the host's kernel, playing 3.2, or on a real one; raises HostRefuses."""
    return split(judge.ask(build_interpreter(), _input(programs)), len(programs))


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
