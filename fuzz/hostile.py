"""Guests that mean harm, by the million: `python -m fuzz.hostile KIND COUNT [SEED]`.

Kinds: calls (system calls with hostile arguments, from several processes at once), files (damaged executables), code
(random machine code), frames (damaged signal frames), tracers (processes that trace one another at random), groups
(tasks that move between control groups), pages (that go through pipes, files and rings of events), sockets (of all
families, and what goes through them), opcodes (every encoding on a bare engine), short (the same as code of 32 bits).
Each batch is a process of its own, so that nothing that happens to it stops the others: it may not die, nor hang, nor
raise, nor leak, nor use more memory than a limit, nor touch a file of the host. A new kind is a function in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import hashlib
from itertools import count
import json
import os
from pathlib import Path
from random import Random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from fuzz import opcodes
from fuzz.mutations import damaged, damaged_script
from fuzz.tried import Tried
from procession import Machine
from procession.arch.x86.syscall_table import NR_SYSCALLS
from procession.tools.validate import Checker

__all__ = ("KINDS", "Kind", "one_batch", "program", "run", "touched")

SOURCES = Path(__file__).parents[1] / "tests" / "bad_input"
MEMORY = 64 << 20               # of a machine
MEMORY_LIMIT = 400 << 20        # of the process it runs in
SECONDS = 1800                  # a batch may take, on a machine that is busy with other things
CPU_SECONDS = 120               # of which it may compute
PROGRAMS = (
    "wild_syscalls", "wild_code", "wild_frames", "wild_tracers", "wild_pages", "wild_sockets", "exec_all", "churn",
)
COMMAND = ["-m", "fuzz.hostile", "--batch"]


@dataclass(frozen=True, slots=True)
class Kind:
    """unit: what is counted.  size: how many are one batch.  batch(seed, size): try so many; returns how many."""

    what: str
    unit: str
    size: int
    batch: Callable[[int, int], int]


def run(kind: str, wanted: int, seed: int = 0) -> Tried:
    """Try at least so many of a kind; what is found names the batch to see it again with."""
    start = time.monotonic()
    tried = Tried(KINDS[kind].what, 0, KINDS[kind].unit)
    while tried.count < wanted and len(tried.found) < _ENOUGH:
        size = min(KINDS[kind].size, wanted - tried.count)
        done, problem = one_batch(kind, seed, size)
        tried.count += done
        if problem:
            tried.found.append(f"python -m fuzz.hostile --batch {kind} {seed} {size}: {problem}")
        seed += 1
    tried.seconds = time.monotonic() - start
    return tried


_ENOUGH = 20


def one_batch(kind: str, seed: int, size: int) -> tuple[int, str]:
    """Run a batch in a process of its own; returns how many it tried, and what went wrong."""
    command = [sys.executable, *COMMAND, kind, str(seed), str(size)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=SOURCES.parents[1])  # noqa: S603 -- our own
        alarm = threading.Timer(SECONDS, process.kill)
        alarm.start()
        process.wait()
        hung = not alarm.is_alive()
        alarm.cancel()
        out.seek(0)
        err.seek(0)
        lines, errors = out.read().splitlines(), err.read()
    if hung:
        return size, f"not done after {SECONDS} s"
    if process.returncode:
        return size, f"exit status {process.returncode}: {errors[-2000:]}"
    answer = json.loads(lines[-1])
    if answer["memory"] > MEMORY_LIMIT:
        return answer["tried"], f"{answer['memory'] >> 20} MB of memory"
    return answer["tried"], "; ".join(answer["touched"])


def most_memory() -> int:
    """Return the most bytes that were resident at once; getrusage would count the parent's, from before the exec."""
    line = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def touched() -> list[str]:
    """From now on, note in the list that is returned what this process does to the host's files and processes."""
    found: list[str] = []

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in _DEEDS or (event == "open" and isinstance(args[2], int) and args[2] & _WRITES):
            found.append(f"{event} {args!r}")

    sys.addaudithook(audit)
    return found


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEEDS = frozenset({
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.setxattr", "os.symlink",
    "os.truncate", "os.utime", "os.kill", "os.killpg", "os.fork", "os.exec", "os.posix_spawn", "os.system",
    "subprocess.Popen", "socket.connect", "socket.bind", "os.removexattr", "os.chflags",
})


def workshop() -> Path:
    """Return the directory for what is made once and kept."""
    home = Path(tempfile.gettempdir()) / f"procession-hostile-{os.getuid()}"
    if not home.exists():
        home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise PermissionError(f"{home} is somebody else's")
    return home


def program(name: str) -> str:
    """Return the path of a program of tests/bad_input, compiled unless it is there."""
    source = SOURCES / f"{name}.c"
    key = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    path = workshop() / f"{name}-{key}"
    if not path.exists():
        made = path.with_suffix(f".{os.getpid()}")
        options = ["-target", "x86_64-linux-musl", "-std=gnu11", "-O1", "-static", "-s", "-fno-sanitize=undefined"]
        compiler = [sys.executable, "-m", "ziglang", "cc"]
        subprocess.run([*compiler, *options, str(source), "-o", str(made)], check=True)  # noqa: S603 -- our own
        made.rename(path)
    return str(path)


# The kinds.


def _machine(root: Any, argv: list[str], *, cpus: int = 1, check: bool = False) -> tuple[str, Machine]:
    """Run a hostile program to its end; returns its output."""
    machine = Machine(root=root, memory=MEMORY, cpus=cpus)
    if check:
        _check(machine)
    result = machine.run(argv)
    if result.exit_code or not result.output.endswith("survived\n"):
        raise AssertionError(f"{argv}: status {result.status}: {result.output[-500:]} {result.stderr[-500:]!r}")
    machine.check_baseline()
    return result.output, machine


def _check(machine: Machine) -> None:
    """Hold all structures against each other, not after every trap, for that takes long."""
    kernel = machine.kernel
    checker = Checker(kernel)
    traps = count()

    def after_trap() -> None:
        if next(traps) % _SELDOM == 0 or kernel.halted:
            checker.check()

    kernel.after_trap = after_trap


_SELDOM = 997


def _calls(seed: int, size: int) -> int:
    width, mix = 1 + seed * 7 % 16, 20
    machine = Machine(root="/", memory=MEMORY, cpus=1 + seed % 3)
    if seed % 8 == 0:
        _check(machine)
    made = count()
    machine.trace.subscribe(lambda _event: next(made), "sys_enter")
    rounds = max(1, size // (NR_SYSCALLS * (3 + mix)))
    last = NR_SYSCALLS - 1 if size >= NR_SYSCALLS * (3 + mix) else size // (3 + mix)
    argv = [program("wild_syscalls"), str(seed), str(rounds), "0", str(last), str(mix), str(width)]
    result = machine.run(argv)
    if result.exit_code or result.output != "survived\n":
        raise AssertionError(f"status {result.status}: {result.output[-500:]}")
    machine.check_baseline()
    return next(made)


def _code(seed: int, size: int) -> int:
    _machine("/", [program("wild_code"), str(seed), str(size)], cpus=1 + seed % 2, check=seed % 8 == 0)
    return size


def _frames(seed: int, size: int) -> int:
    _machine("/", [program("wild_frames"), str(seed), str(size)], check=seed % 8 == 0)
    return size


def _tracers(seed: int, size: int) -> int:
    argv = [program("wild_tracers"), str(seed), str(size), str(2 + seed % 9)]
    output, _ = _machine("/", argv, cpus=1 + seed % 3, check=seed % 4 == 0)
    assert output == "survived\n", output
    return size


def _groups(seed: int, size: int) -> int:
    argv = ["/wild_groups", str(seed), str(size), str(2 + seed % 9)]
    root: dict[str, bytes | str] = {argv[0]: Path(program("wild_groups")).read_bytes()}
    output, _ = _machine(root, argv, cpus=1 + seed % 2, check=seed % 4 == 0)
    assert output == "survived\n", output
    return size


def _pages(seed: int, size: int) -> int:
    argv = ["/wild_pages", str(seed), str(size), str(seed % 4)]
    root: dict[str, bytes | str] = {argv[0]: Path(program("wild_pages")).read_bytes()}
    output, _ = _machine(root, argv, cpus=1 + seed % 2, check=seed % 4 == 0)
    assert output == "survived\n", output
    return size


def _sockets(seed: int, size: int) -> int:
    argv = ["/wild_sockets", str(seed), str(size), str(1 + seed % 6)]
    root: dict[str, bytes | str] = {argv[0]: Path(program("wild_sockets")).read_bytes()}
    output, _ = _machine(root, argv, cpus=1 + seed % 3, check=seed % 4 == 0)
    assert output == "survived\n", output
    return size


def originals() -> Iterator[bytes]:
    """What to damage: static and dynamic programs, a loader, whatever of these the host has."""
    yield Path(program("churn")).read_bytes()
    for name in ("/bin/true", "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"):
        if Path(name).exists() and Path(name).read_bytes()[:4] == b"\x7fELF":
            yield Path(name).read_bytes()


def _files(seed: int, size: int) -> int:
    rng = Random(seed)  # noqa: S311 -- repeatable
    whole = list(originals())
    root: dict[str, bytes | str] = {"/exec_all": Path(program("exec_all")).read_bytes(), "/sh": whole[0]}
    for name in ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
        if Path(name).exists():
            root[name] = Path(name).read_bytes()
    for i in range(size):
        root[f"/m/{i}"] = damaged_script(rng) if i % 5 == 0 else damaged(rng, whole[i % len(whole)])
    output, _ = _machine(root, ["/exec_all", "/m", str(size)], check=seed % 8 == 0)
    assert output.count("\n") == size + 1
    return size


KINDS = {
    "calls": Kind("system calls with hostile arguments", "calls", NR_SYSCALLS * 23, _calls),
    "files": Kind("damaged executables", "files", 400, _files),
    "code": Kind("random machine code", "snippets", 1000, _code),
    "tracers": Kind("processes that trace one another", "families", 40, _tracers),
    "groups": Kind("tasks that move between groups, some of them frozen", "rounds", 20, _groups),
    "pages": Kind("pages that go through pipes, files and rings of events", "rounds", 20, _pages),
    "sockets": Kind("programs of calls on sockets", "programs", 25, _sockets),
    "frames": Kind("damaged signal frames", "frames", 1000, _frames),
    "opcodes": Kind("encodings on a bare engine", "encodings", 20_000, opcodes.batch),
    "short": Kind("the same as code of 32 bits", "encodings", 20_000, opcodes.short_batch),
}


def main(argv: list[str]) -> int:
    """Run from the command line; returns the exit status."""
    if argv[:1] == ["--batch"]:
        kind, seed, size = argv[1], int(argv[2]), int(argv[3])
        for name in PROGRAMS:
            program(name)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        deeds = touched()
        tried = KINDS[kind].batch(seed, size)
        print(json.dumps({"tried": tried, "touched": deeds, "memory": most_memory()}))
        return 0
    if len(argv) not in (2, 3) or argv[0] not in KINDS:
        print(f"usage: python -m fuzz.hostile {{{','.join(KINDS)}}} COUNT [SEED]", file=sys.stderr)
        return 2
    tried = run(argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else 0)
    print(f"{tried.what}: {tried.count} {tried.unit} in {tried.seconds:.0f} s, {len(tried.found)} found")
    print(*tried.found, sep="\n")
    return bool(tried.found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
