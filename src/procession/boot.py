"""The assembler: a kernel and a machine around it from a configuration, run until the program ends.

result = Machine(root="/").run(["/bin/sh", "-c", "echo hello"])
result.exit_code, result.stdout
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
import gc
from pathlib import Path
import threading
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
import warnings

from procession.arch.python import process as python_process
from procession.arch.python.forgotten import watching_awaits
from procession.arch.x86 import entry as x86_entry
from procession.arch.x86 import interrupt
from procession.arguments import (
    check_flags,
    check_kind,
    check_memory,
    check_out,
    check_range,
    check_text,
    checked_argv,
    checked_closed,
    checked_console,
    checked_env,
    checked_hostname,
    checked_input,
    checked_later,
    checked_programs,
    checked_release,
    checked_root,
    checked_winsize,
    event_names,
    provider,
    published_ports,
)
from procession.fs import overlay
from procession.fs.hostfs import volumes as hostfs_volumes
from procession.hw.chooser import MAX_SEED, Choice, Chooser, Provider, RunEnded
from procession.hw.clock import Clock
from procession.hw.console import BufferConsole, Console, HostConsole
from procession.hw.core_store import CoreStore
from procession.hw.memory import Frames
from procession.include.linux.bug import bug
from procession.include.linux.kernel import Kernel as LinuxKernel
from procession.include.linux.syscalls import system_calls
from procession.include.linux.threads import NR_CPUS
from procession.include.linux.time import KTIME_MAX, NSEC_PER_SEC
from procession.include.linux.tracepoint import ListenerWarning
from procession.include.trace.events import Event
from procession.include.trace.tracepoints import Trace
from procession.init import main as init_main
from procession.init import vmlinux  # noqa: F401 -- links everything in
from procession.init.login import user_text
from procession.kernel import entry, lockdep, rcupdate
from procession.mm import page_alloc, slab
from procession.net.ipv4 import published
from procession.net.unix import af_unix
from procession.result import Result

if TYPE_CHECKING:
    from collections import Counter

    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task
    from procession.tools.ps import ProcessTable
    from procession.tools.validate import Checker

__all__ = (
    "DEFAULT_ENV",
    "DEFAULT_WINSIZE",
    "AtProgram",
    "Command",
    "Kernel",
    "Machine",
    "Result",
    "check_machine",
    "check_out",
    "make_command",
)

# A run begins at this moment unless it is told another: 2012-01-05, when 3.2 had just come out.
BOOT_TIME_NS: Final = 1_325_721_600 * NSEC_PER_SEC
DEFAULT_WINSIZE: Final = (24, 80)
DEFAULT_ENV: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "TERM": "linux",
}
DEFAULT_HOSTNAME: Final = "procession"
CORES_OUTSIDE: Final = b"|core.%e.%p"  # core_pattern of a machine whose cores go to the host
MAX_DENSE: Final = 1 << 62

PythonProgram: TypeAlias = Callable[..., Awaitable[Any]]
RootSpec: TypeAlias = str | Path | Mapping[str, bytes | str] | None

# What check= is where it is not given; a test suite sets it for all the machines that its tests make.
default_check: bool | int = False


class Command(NamedTuple):
    """What a machine was booted to run."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    as_init: bool
    user: str | None = None


def make_command(
    program: PythonProgram | Sequence[str],
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    *,
    as_init: bool = False,
    user: str | int | None = None,
) -> Command:
    """Return what Machine.run()'s arguments ask for; raises TypeError, ValueError for those that cannot be."""
    check_text("cwd", cwd)
    check_flags(as_init=as_init)
    if user is not None:
        check_kind("user", user, str, int)
        user = user_text(user)
        check_text("user", user)
    if env is None:
        env = {name: value for name, value in DEFAULT_ENV.items() if user is None or name != "HOME"}
    return Command(checked_argv(program, args), checked_env(env), cwd, as_init, user)


class AtProgram(RunEnded):
    """The machine has booted up to where the program's own code begins."""


class Machine:
    """A computer with a kernel in it, to be booted once.

    kernel: all the kernel's structures (include/linux/kernel.py).  events: those that trace= asked for, so far.
    root, memory: as they were given.  command: what run() was called for, None before.  at_end: told once how the run
    has ended, by its Result or by the exception that leaves run().
    """

    __slots__ = ("_checker", "at_end", "command", "events", "kernel", "memory", "root")

    def __init__(
        self,
        *,
        root: RootSpec = None,
        volumes: Mapping[str, hostfs_volumes.VolumeSpec] | None = None,
        memory: int = 1 << 30,
        cpus: int = 1,
        seed: int = 0,
        choices: Sequence[Choice] | Provider | None = None,
        boot_time_ns: int = BOOT_TIME_NS,
        stdin: bytes = b"",
        console: Console | None = None,
        tty: bool = False,
        winsize: tuple[int, int] = DEFAULT_WINSIZE,
        programs: Mapping[str, PythonProgram] | None = None,
        trace: bool | Iterable[str] = False,
        check: bool | int | None = None,
        lockdep_on: bool = True,
        realtime: bool = False,
        cores: str | Path | None = None,
        closed: Collection[int] = (),
        hostname: str = DEFAULT_HOSTNAME,
        publish: Mapping[int, int] | None = None,
        later: str | Collection[str] = (),
        release: str | None = None,
        replay: Sequence[Choice] | None = None,
    ) -> None:
        """Put the machine together; nothing runs yet. Raises TypeError, ValueError for what cannot be.

        root: a host directory or tar archive to run on (read only, changes stay in memory), a dict of path to
        contents, or None for an empty root.  volumes: directories or files of the host by the path where they appear:
        {"/data": "/srv/data"} to be read, {"/out": ("./out", "rw")} to be written as well, there on the host; OSError
        if there is none.  memory: bytes of physical memory.  programs: Python programs by the path they can be executed
        at.  trace: True for all events, or their names.  realtime: the guest's clock goes with the host's.
        boot_time_ns: the time of day at boot, since 1970.
        tty: let the console be a terminal, /dev/hvc0, of winsize (rows, columns), and the program its session's leader.
        seed: 0 for the order that 3.2 has by itself, another number for another one.  choices: those of an earlier run
        (its chooser.record), to be made again whatever the seed, or who makes them; replay: their older name.
        check: hold all structures against each other after every trap; a number: for long runs, after so many looks
        let one trap pass between two of them, after twice as many two, and so on; None: default_check.
        cores: a directory of the host for the core files of programs that a signal ends (core_store.written lists
        them); OSError if it is none.  closed: which of the descriptors 0, 1 and 2 the program does not have.
        hostname: the machine's name, which uname(2) gives as nodename.
        publish: ports of the host's 127.0.0.1 that lead to ports inside, {8080: 80}; OSError if one is in use.
        later: what it shall have that came after 3.2: "all", or names of include/linux/later.py; release: what uname(2)
        gives as that, "5.10.0", if not 3.2's.
        """
        if replay is not None:
            choices = _by_its_older_name(replay, choices)
        names = event_names(trace)
        every = default_check if check is None else check
        if not isinstance(every, bool):
            check_range("check", every, 1, MAX_DENSE)
        check_flags(tty=tty, lockdep_on=lockdep_on, realtime=realtime)
        check_memory(memory)
        check_range("cpus", cpus, 1, NR_CPUS)
        check_range("seed", seed, 0, MAX_SEED)
        check_range("boot_time_ns", boot_time_ns, 0, KTIME_MAX)
        self.kernel = _empty_kernel(cpus, Clock(realtime=realtime), lockdep_on=lockdep_on)
        self.root = checked_root(root)
        self.memory = memory
        self.command: Command | None = None
        self.at_end: list[Callable[[Result | BaseException], None]] = []
        self.events: list[Event] = []
        k = self.kernel
        k.frames = Frames(memory)
        k.chooser = Chooser(seed, provider(choices))
        k.console = checked_console(console) or BufferConsole(checked_input(stdin))
        k.tty.is_console = tty
        k.tty.winsize = checked_winsize(winsize)
        k.closed_fds = checked_closed(closed)
        k.boot_time_ns = boot_time_ns
        k.hostname = checked_hostname(hostname)
        _be_later(k, later, release)
        k.programs = checked_programs(programs)
        k.check_baseline = self.check_baseline
        k.vfs.volumes = hostfs_volumes.open_volumes(volumes)
        k.net.published = published_ports(publish)
        if cores is not None:
            _put_cores(k, cores)
        if names is not None:
            k.trace.subscribe(self.events.append, *names, vital=True)
        self._checker = _checker(k, every)
        if k.chooser.active or k.chooser.exploring:
            k.after_trap = _asking_after_traps(k)

    # What there is to see of the kernel, before, after and during a run; kernel has the rest.

    @property
    def tasks(self) -> dict[Task, None]:
        """The processes (thread group leaders), oldest first."""
        return self.kernel.tasks

    @property
    def current(self) -> Task:
        """The task that runs."""
        return self.kernel.current

    @property
    def runqueues(self) -> list[Any]:
        """The run queues, one per CPU (kernel/sched.py's Rq)."""
        return self.kernel.sched.runqueues

    @property
    def init_pid_ns(self) -> PidNamespace:
        """The first pid namespace: init_pid_ns.pids has every struct pid by its number."""
        return self.kernel.init_pid_ns

    @property
    def clock(self) -> Clock:
        """The clock: clock.now_ns is the virtual time since boot."""
        return self.kernel.clock

    @property
    def frames(self) -> Frames:
        """Physical memory."""
        return self.kernel.frames

    @property
    def chooser(self) -> Chooser:
        """All that was free to choose: chooser.record."""
        return self.kernel.chooser

    @property
    def console(self) -> Console:
        """Where output goes and input comes from."""
        return self.kernel.console

    @property
    def core_store(self) -> CoreStore | None:
        """Where core files go: core_store.written lists them; None without cores=."""
        return self.kernel.vfs.core_store

    @property
    def trace(self) -> Trace:
        """The tracepoints, to subscribe to."""
        return self.kernel.trace

    @property
    def printk_log(self) -> list[tuple[int, str]]:
        """The kernel's log: (time in ns, text)."""
        return self.kernel.printk_log

    @property
    def unsupported(self) -> Counter[str]:
        """What programs asked for that 3.2 has and this kernel lacks."""
        return self.kernel.unsupported

    @property
    def enosys(self) -> Counter[str]:
        """Calls that programs made and 3.2 does not have."""
        return self.kernel.enosys

    def ps(self) -> ProcessTable:
        """Return the processes there are at this moment, during the run or after it; print() shows a table."""
        from procession.tools.ps import process_table  # noqa: PLC0415 -- most machines need none

        return process_table(self.kernel)

    # Running.

    def run(
        self,
        program: PythonProgram | Sequence[str],
        *args: str,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        as_init: bool = False,
        user: str | int | None = None,
    ) -> Result:
        """Boot, run program until it ends, and shut down.

        program: argv of a file in the root, or `async def main(linux)`.  as_init: the program is PID 1 itself.
        user: whom it runs as, root if None: NAME, UID, or one of them with :GROUP or :GID behind it, looked up in the
        root's /etc/passwd and /etc/group; HOME, USER, LOGNAME and SHELL are then that user's where env lacks them.
        Raises LinuxError if there is no such user or the program cannot be executed, Deadlock if it can never end,
        KernelPanic if it makes the kernel panic, KernelBug for a bug of ours; TypeError, ValueError for arguments that
        cannot be. Warns with a ListenerWarning of each trace listener that has raised something.
        """
        return self._run_once(make_command(program, args, env, cwd, as_init=as_init, user=user), program)

    def run_command(self, command: Command, program: PythonProgram | Sequence[str]) -> Result:
        """As run(), for whoever runs the same on many machines; command: what make_command() says of program."""
        return self._run_once(command, program)

    def boot_to_program(self, command: Command, program: PythonProgram) -> None:
        """Boot, up to where the program's own code would begin; go_on() is the rest of run_command().

        Raises what run() does.
        """
        k = self.kernel
        self._set_command(command, program)
        k.at_program = self._at_program
        with _seldom_collecting():
            self._boot(command)
            try:
                entry.run(k)
            except AtProgram:
                return
            except BaseException:
                self._shut_down()
                raise
        bug("the program was over before it began")

    def _at_program(self) -> None:
        self.kernel.at_program = None
        raise AtProgram

    def go_on(self) -> Result:
        """Run to the end what boot_to_program() has booted; raises what run() does.

        As often as everything is put back to where that has left it, the machine's other listeners included. It tells
        at_end nothing, as it may not be the end, and warns of no listener: trace.errors has what they have raised.
        """
        with _seldom_collecting():
            return self._run(entry.resume)

    def _set_command(self, command: Command, program: PythonProgram | Sequence[str]) -> None:
        if self.command is not None:
            raise RuntimeError("a machine runs once: make another one")
        self.command = command
        if callable(program):
            self.kernel.programs[command.argv[0]] = program

    def _run_once(self, command: Command, program: PythonProgram | Sequence[str]) -> Result:
        self._set_command(command, program)
        try:
            with _seldom_collecting():
                self._boot(command)
                result = self._run(entry.run)
        except BaseException as error:
            self._ended(error)
            raise
        self._ended(result)
        return result

    def _ended(self, how: Result | BaseException) -> None:
        for tell in self.at_end:
            tell(how)
        # Not at once: with the filter "error" this raises, which it may not do within the kernel.
        for error in self.trace.errors:
            warnings.warn(str(error), ListenerWarning, stacklevel=4)

    def _boot(self, command: Command) -> None:
        k = self.kernel
        init_main.start_kernel(k, self.root)
        envp = [f"{key}={value}" for key, value in command.env.items()]
        init_main.set_init_program(k, command.argv, envp, command.cwd, as_init=command.as_init, user=command.user)

    def _run(self, loop: Callable[[LinuxKernel], object]) -> Result:
        k = self.kernel
        try:
            with self._interruptible(), self._watching(), watching_awaits():
                loop(k)
                published.publish_drain(k)
        finally:
            self._shut_down()
        rcupdate.rcu_barrier(k)
        k.chooser.provider.finish()
        if self._checker is not None:
            self._checker.finish()
        return Result(k.exit_code, k.console.stdout, k.console.stderr, self)

    def _shut_down(self) -> None:
        k = self.kernel
        _close_unbegun(k)
        python_process.close_programs(k)
        x86_entry.machine_shutdown(k)
        overlay.machine_shutdown(k)
        hostfs_volumes.machine_shutdown(k)
        published.publish_shutdown(k)

    def _interruptible(self) -> AbstractContextManager[None]:
        """Let Ctrl-C stop even a guest that never leaves its loop; only the main thread hears of it."""
        if threading.current_thread() is threading.main_thread():
            return interrupt.install_interrupt(self.kernel)
        return nullcontext()

    def _watching(self) -> AbstractContextManager[None]:
        """Watch the host's input for a program that makes no calls.

        Not if the console is being recorded: where input cuts in must then be a moment that a replay finds again.
        """
        k = self.kernel
        if k.tty.is_console and isinstance(k.console, HostConsole):
            k.tty.hvc_live = True
            return interrupt.watch_input(k, k.console.fileno())
        return nullcontext()

    def check_baseline(self) -> None:
        """Stop with a KernelBug unless everything the run made has been given back.

        Raises RuntimeError if the program was PID 1 itself, which nobody reaps, or was never started.
        """
        k = self.kernel
        if k.slab_baseline is None:
            raise RuntimeError("check_baseline: there is no baseline before the program, nor when it is PID 1")
        af_unix.unix_gc(k, due=True)  # which the next close of a local socket would do
        slabs = slab.slab_report(k, k.slab_baseline)
        frames = page_alloc.nr_used_pages(k) - k.frames_baseline
        if slabs or frames:
            bug(f"leak: objects by cache: {slabs}, page frames: {frames}")


Kernel = Machine  # the name it had first


def _by_its_older_name(replay: Sequence[Choice], choices: Sequence[Choice] | Provider | None) -> Sequence[Choice]:
    warnings.warn("replay= is called choices= now", DeprecationWarning, stacklevel=3)
    if choices is not None:
        raise TypeError("replay: the same as choices, which is given too")
    return replay


def _be_later(k: LinuxKernel, later: str | Collection[str], release: str | None) -> None:
    """Give a kernel what came after 3.2, as far as it is wanted, and another release to tell."""
    k.later = checked_later(later)
    k.syscalls = system_calls(k.later)
    if release is not None:
        k.release = checked_release(release)


def _close_unbegun(k: LinuxKernel) -> None:
    """Close the kernel stacks that nobody has entered: the end came while their CPU waited for its turn.

    Python warns of a coroutine that was never begun, and of no other.
    """
    for leader in k.tasks:
        for t in leader.signal.threads:
            coro = None if t.stack is None else t.stack.coro
            if isinstance(coro, CoroutineType) and not coro.cr_suspended:
                coro.close()


def _empty_kernel(cpus: int, clock: Clock, *, lockdep_on: bool) -> LinuxKernel:
    """Return a kernel in which nothing has happened; start_kernel() fills in the rest."""
    k = LinuxKernel()
    k.nr_cpus = cpus
    k.clock = clock
    k.lockdep = lockdep.LockdepState(k, enabled=lockdep_on)
    k.trace = Trace(k)
    return k


def _put_cores(k: LinuxKernel, cores: str | Path) -> None:
    """Have core files written to a directory of the host; raises TypeError, ValueError, OSError."""
    check_kind("cores", cores, str, Path)
    check_text("cores", str(cores))
    k.vfs.core_store = CoreStore(Path(cores))
    k.vfs.core_pattern = CORES_OUTSIDE


def _checker(k: LinuxKernel, check: bool | int) -> Checker | None:
    """Return what holds k's structures against each other after every trap, None if nothing shall."""
    if check is False:
        return None
    from procession.tools.validate import Checker  # noqa: PLC0415 -- most machines need none

    return Checker(k, dense=None if check is True else check)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Let more objects gather before Python looks for cycles: a kernel makes none, and looking takes 5 %."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(max(young, 100_000) if young else 0, middle, old)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


def check_machine(who: str, machine: object) -> None:
    """Raise TypeError unless machine is one: who looks at machines asks this first."""
    if not isinstance(machine, Machine):
        raise TypeError(f"{who}: a Machine expected, not {machine!r:.80}")


def _asking_after_traps(k: LinuxKernel) -> Callable[[], None]:
    """Return what is to be done after a trap where the chooser wants to be asked, what is done anyway included."""
    check = k.after_trap

    def after_trap() -> None:
        if check is not None:
            check()
        if k.chooser.active:
            entry.choose_after_trap(k)
        elif k.chooser.exploring:
            entry.choose_after_call(k)

    return after_trap
