"""Faults on purpose in programs of the host: whatever is refused them, the kernel stays whole and gets all back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import random
import shlex
import shutil
import time

from fuzz.tried import Tried
from procession import Deadlock, KernelBug, LinuxError, Machine
from procession.tools.fault_inject import FaultSpec, Injector
from procession.tools.validate import validate_all

__all__ = ("run",)

# What a program does with an errno is its own affair, so all that is asked of it is that it ends or can go no further.
PROGRAMS = [
    ["/bin/sh", "-c", "true | cat; (exit 3); /bin/true & wait; echo $(echo a | tr a b)"],
    ["/bin/sh", "-c", "trap 'echo caught' USR1; kill -USR1 $$; sh -c 'kill -9 $$'; kill -SEGV $$"],
    ["/bin/bash", "-c", "for i in 1 2 3; do (echo $i | cat) & done; wait; exec /bin/echo {1..200}"],
    ["/bin/bash", "-c", "sleep 1 & kill %1; wait; time true; coproc cat; exec 3>&-; kill $COPROC_PID; wait"],
    ["/usr/bin/env", "-i", "A=1", "timeout", "1", "sleep", "5"],
    ["/usr/bin/xargs", "-a", "/etc/passwd", "-P2", "-n4", "echo"],
    ["/usr/bin/strace", "-fo/dev/null", "/bin/sh", "-c", "true | cat; kill -STOP $$ & kill -CONT $$; (exit 3)"],
    ["/usr/bin/gdb", "-batch", "-nx", "-ex", "catch fork", "-ex", "run", "-ex", "stepi", "-ex", "kill", "/bin/bash"],
]
CALLS = (
    "%fork", "execve", "exit", "signal", "wait4", "kill", "pipe", "pipe2", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "ptrace", "timer_create", "setpgid", "dup2", "open", "mmap", "brk", "nanosleep", "poll",
)
CALLS_TRIED = 3         # of each kind, the first so many of a run


def sweep(argv: list[str], call: str, at: int, memory: int) -> Iterator[tuple[str, str]]:
    """Refuse each request of a program's at-th such call in turn; yields (how to see it again, what is wrong or "")."""
    nth = 1
    while True:
        spec = FaultSpec(call, at, nth=nth)
        machine = Machine(root="/", memory=memory)
        injector = Injector(machine, spec)
        wrong = []
        try:
            machine.run(argv)
            machine.check_baseline()
            wrong = validate_all(machine.kernel)
        except (Deadlock, LinuxError):
            pass        # the program has lost what it waited for, or could not even begin
        except KernelBug as error:
            wrong = [str(error)]
        if not injector.hits:
            return
        yield f"procession run --fail {spec} -- {shlex.join(argv)}", "; ".join(wrong)
        nth += 1


def run(seconds: float, seed: int = 0, memory: int = 256 << 20) -> Tried:
    """Sweep calls of programs in an order that seed decides, for so many seconds."""
    began = time.monotonic()
    tried = Tried("faults on purpose in programs of the host", 0, "refusals")
    jobs = [
        (argv, call, at)
        for argv in PROGRAMS if shutil.which(argv[0]) and Path(argv[0]).exists()
        for call in CALLS for at in range(1, CALLS_TRIED + 1)
    ]
    random.Random(seed).shuffle(jobs)  # noqa: S311 -- repeatable, not secret
    for argv, call, at in jobs:
        for how, wrong in sweep(argv, call, at, memory):
            tried.count += 1
            if wrong:
                tried.found.append(f"{how}: {wrong}")
            if time.monotonic() - began > seconds:
                tried.seconds = time.monotonic() - began
                return tried
    tried.seconds = time.monotonic() - began
    return tried
