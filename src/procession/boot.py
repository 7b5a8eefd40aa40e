"""The assembler: a kernel and a machine from a configuration, run until the program ends.

result = Kernel(root="/").run(["/bin/sh", "-c", "echo hello"])
result.exit_code, result.stdout
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
import gc
from pathlib import Path
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from procession.arch.x86 import entry as x86_entry
from procession.arch.x86 import interrupt
from procession.hw.chooser import Choice, Chooser
from procession.hw.clock import Clock
from procession.hw.console import BufferConsole, HostConsole
from procession.hw.core_store import CoreStore
from procession.hw.memory import Frames
from procession.include.linux import kernel as linux_kernel
from procession.include.linux.bug import bug
from procession.include.trace.events import EVENTS, Event, Trace
from procession.init import main as init_main
from procession.init import vmlinux  # noqa: F401 -- links everything in
from procession.kernel import entry, lockdep, rcupdate
from procession.mm import page_alloc, slab

if TYPE_CHECKING:
    from procession.hw.console import Console

__all__ = ("DEFAULT_ENV", "DEFAULT_WINSIZE", "Command", "Kernel", "Result")

# A run begins at this moment unless it is told another: 2012-01-05, when 3.2 had just come out.
BOOT_TIME_NS: Final = 1_325_721_600 * 1_000_000_000
DEFAULT_WINSIZE: Final = (24, 80)
DEFAULT_ENV: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "TERM": "linux",
}

PythonProgram: TypeAlias = Callable[..., Awaitable[Any]]
RootSpec: TypeAlias = str | Path | Mapping[str, bytes | str] | None


@dataclass(slots=True)
class Result:
    """What a run left behind.

    status: wait status of the program, as wait4(2) reports it.  stdout, stderr: what it wrote, empty when the
    console was the host's.  trace: the events asked for.  kernel: the machine, stopped, to look at.
    """

    status: int
    stdout: bytes
    stderr: bytes
    kernel: Kernel
    trace: list[Event] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The status as a shell gives it: the exit code, or 128 + the signal."""
        return self.status >> 8 if not self.status & 0x7F else 128 + (self.status & 0x7F)

    @property
    def output(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are shown escaped."""
        return self.stdout.decode(errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Command:
    """What a kernel was booted to run."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    as_init: bool


class Kernel(linux_kernel.Kernel):
    """A bootable kernel: all state in its base class, the machine around it made here.

    root, memory: as they were given.  command: what run() was called for.  at_end: told once how
    the run has ended, by its Result or by the exception that leaves run().
    """

    command: Command

    def __init__(
        self,
        *,
        root: RootSpec = None,
        memory: int = 1 << 30,
        cpus: int = 1,
        seed: int = 0,
        boot_time_ns: int = BOOT_TIME_NS,
        stdin: bytes = b"",
        console: Console | None = None,
        tty: bool = False,
        winsize: tuple[int, int] = DEFAULT_WINSIZE,
        programs: Mapping[str, PythonProgram] | None = None,
        trace: bool | Iterable[str] = False,
        lockdep_on: bool = True,
        realtime: bool = False,
        replay: Sequence[Choice] = (),
        cores: str | Path | None = None,
    ) -> None:
        """Put the machine together; nothing runs yet.

        root: a host directory or tar archive to run on (read only, changes stay in memory), a dict of path to
        contents, or None for an empty root.  memory: bytes of physical memory.  programs: Python programs by the path
        they can be executed at.  trace: True for all events, or their names.  realtime: sleep when the guest sleeps.
        tty: let the console be a terminal, /dev/hvc0, of winsize (rows, columns), and the program its session's leader.
        replay: the choices of an earlier run (its kernel.chooser.record), to be made again.  cores: a directory of the
        host for the core files of programs that a signal ends (core_store.written lists them); OSError if it is none.
        """
        if memory < MIN_MEMORY:
            raise ValueError(f"memory: at least {MIN_MEMORY >> 20} MiB")
        if memory > MAX_MEMORY:
            raise ValueError(f"memory: at most {MAX_MEMORY >> 30} GiB")
        if not 1 <= cpus <= MAX_CPUS:
            raise ValueError(f"cpus: 1 to {MAX_CPUS}")
        super().__init__()
        self.frames = Frames(memory)
        self.clock = Clock(realtime=realtime)
        self.lockdep = lockdep.LockdepState(self, enabled=lockdep_on)
        self.trace = Trace(self)
        self.chooser = Chooser(seed, replay)
        self.console = console if console is not None else BufferConsole(stdin)
        self.tty.is_console = tty
        self.tty.winsize = winsize
        self.nr_cpus = cpus
        self.memory = memory
        self.boot_time_ns = boot_time_ns
        self.programs = dict(programs or {})
        if cores is not None:
            self.vfs.core_store = CoreStore(Path(cores))
            self.vfs.core_pattern = CORES_OUTSIDE
        self.root = root
        self.at_end: list[Callable[[Result | BaseException], None]] = []
        self._started = False
        self.events: list[Event] = []
        if trace:
            names = () if trace is True else tuple(trace)
            unknown = [name for name in names if name not in EVENTS]
            if unknown:
                raise ValueError(f"trace: no event {', '.join(unknown)}")
            self.trace.subscribe(self.events.append, *names)

    def run(
        self,
        program: PythonProgram | Sequence[str],
        *args: str,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        as_init: bool = False,
    ) -> Result:
        """Boot, run program until it ends, and shut down.

        program: argv of a file in the root, or `async def main(sys)`.  as_init: the program is PID 1 itself.
        Raises LinuxError if the program cannot be executed, Deadlock if it can never end, KernelPanic if it makes
        the kernel panic, KernelBug for a bug of ours.
        """
        if self._started:
            raise RuntimeError("a kernel runs once: make another one")
        self._started = True
        if callable(program):
            name = getattr(program, "__name__", "main")
            path = f"/bin/{name}"
            self.programs[path] = program
            argv = [path, *args]
        else:
            argv = [*program, *args]
        if not argv:
            raise ValueError("program: an empty argv")
        self.command = Command(argv, dict(DEFAULT_ENV if env is None else env), cwd, as_init)
        try:
            result = self._run()
        except BaseException as error:
            for tell in self.at_end:
                tell(error)
            raise
        for tell in self.at_end:
            tell(result)
        return result

    def _run(self) -> Result:
        init_main.start_kernel(self, self.root)
        command = self.command
        envp = [f"{key}={value}" for key, value in command.env.items()]
        init_main.set_init_program(self, command.argv, envp, command.cwd, as_init=command.as_init)
        try:
            with self._interruptible(), self._watching(), _seldom_collecting():
                entry.run(self)
        finally:
            x86_entry.machine_shutdown(self)
        rcupdate.rcu_barrier(self)
        return Result(self.exit_code, self.console.stdout, self.console.stderr, self, self.events)

    def _interruptible(self) -> AbstractContextManager[None]:
        """Let Ctrl-C stop even a guest that never leaves its loop; only the main thread hears of it."""
        if threading.current_thread() is threading.main_thread():
            return interrupt.install_interrupt(self)
        return nullcontext()

    def _watching(self) -> AbstractContextManager[None]:
        """Watch the host's input for a program that makes no calls.

        Not if the console is being recorded: where input cuts in must then be a moment that a replay finds again.
        """
        if self.tty.is_console and isinstance(self.console, HostConsole):
            self.tty.hvc_live = True
            return interrupt.watch_input(self, self.console.fileno())
        return nullcontext()

    def check_baseline(self) -> None:
        """Stop with a KernelBug unless everything the run made has been given back.

        Raises RuntimeError if the program was PID 1 itself, which nobody reaps, or was never started.
        """
        if self.slab_baseline is None:
            raise RuntimeError("check_baseline: there is no baseline before the program, nor when it is PID 1")
        slabs = slab.slab_report(self, self.slab_baseline)
        frames = page_alloc.nr_used_pages(self) - self.frames_baseline
        if slabs or frames:
            bug(f"leak: objects by cache: {slabs}, page frames: {frames}")


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Let more objects gather before Python looks for cycles: a kernel's go by their counts, and looking takes 3 %."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(max(young, 20_000) if young else 0, middle, old)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


CORES_OUTSIDE: Final = "|core.%e.%p"  # core_pattern of a machine whose cores go to the host
MIN_MEMORY: Final = 4 << 20
MAX_MEMORY: Final = 64 << 30
MAX_CPUS: Final = 64
