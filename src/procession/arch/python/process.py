"""Python programs as user code: a coroutine whose `await` is a system call (arch/…/kernel/process.c, entry.S).

The program is given a Sys object (sys.py). Each of its calls ends in trap() (traps.py), which yields a request to
PythonThread.run(): that is this architecture's SYSCALL instruction. Between two traps no time passes and nothing
else runs, so a program is a function of what its traps answer, and for fork() a copy can act it over again
(reenact.py).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
import reprlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from procession.arch.python import crash, reenact, structs
from procession.arch.python.buffer import Stack
from procession.arch.python.log import STARTED, Log
from procession.arch.x86.syscall_table import NI_SYSCALLS, NR
from procession.hw.costs import SIGRETURN_NS, TRAP_NS
from procession.include.asm.processor import NoRegisters, SyscallStack
from procession.include.linux.errno import MAX_ERRNO, Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.sched import (
    CLONE_SIGHAND,
    CLONE_VM,
    TIF_FORK,
    TIF_NEED_RESCHED,
    TIF_NOTIFY_RESUME,
    TIF_SIGPENDING,
    TIF_SYSCALL_TRACEPOINT,
    TIF_WORK_SYSCALL_ENTRY,
)
from procession.include.linux.signal import SA_SIGINFO, SEGV_MAPERR, SIG_KERNEL_ONLY_MASK, SIGSEGV, Siginfo
from procession.kernel import hrtimer, sched_account, signal_queue, signal_send, tracehook
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys
    from procession.include.asm.processor import KernelStack
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction
    from procession.include.linux.syscalls import Syscall
    from procession.include.linux.types import UserPtr

__all__ = ("NOT_HERE", "PythonThread", "close_programs", "start_thread")

ACCESS_NS: Final = 5  # a load or store
MAX_FRAMES: Final = 1000  # signal handlers that interrupt each other, before the stack counts as overrun

# PythonThread.todo: what run() does first.
START: Final = 0  # call the function of the top frame; request is None or (handle, arguments)
RESULT: Final = 1  # hand `result` to the coroutine
CALL: Final = 2  # make the call `request` (again)
RESTART: Final = 3  # make restart_syscall(2) in its place

# Calls that set registers of the other architecture.
NOT_HERE: Final = frozenset(
    {
        "arch_prctl",
        "clone3",
        "execveat",
        "get_thread_area",
        "ioperm",
        "iopl",
        "modify_ldt",
        "rt_sigreturn",
        "set_thread_area",
    }
)

_WORK: Final = TIF_SIGPENDING | TIF_NEED_RESCHED | TIF_FORK | TIF_NOTIFY_RESUME


class PythonThread(NoRegisters):
    """Task.thread of a Python program: the stack of coroutines and what the top one waits for.

    start: the function this thread began with.  coro: the coroutine that runs.  frames: those that a signal handler
    has interrupted, as (coro, request, result, todo, signal mask), the oldest first.  handlers: functions by the
    number sigaction(2) knows them by; shared like the actions themselves.
    """

    __slots__ = ("coro", "frames", "handlers", "log", "request", "result", "start", "sys", "todo")

    def __init__(self, sys: Sys, start: Stack) -> None:
        self.sys = sys
        self.start = start
        self.log = Log()
        self.todo = START
        self.coro: Any = None
        self.request: Any = None
        self.result: Any = 0
        self.frames: list[Frame] | None = None
        self.handlers: dict[int, Callable[..., Any]] | None = None

    def run(self, current: Task, budget_ns: int) -> KernelStack | None:
        """Run the program up to a call that sleeps, or until there is other work (see ThreadStruct.run)."""
        k = current.kernel
        clock = k.clock
        deadline = clock.now_ns + budget_ns
        if self.coro is reenact.UNBUILT:
            self._rebuild(current)
        entries = self.log.entries
        while True:
            calls = True
            if self.todo == RESULT:
                entries.append((self.request, self.result))
                try:
                    self.request = self.coro.send(self.result)
                    self.todo = CALL
                except BaseException as end:  # noqa: BLE001 -- _ended passes on what is not the program's
                    calls = self._ended(current, end)
            elif self.todo == START:
                if k.at_program is not None:
                    k.at_program()
                calls = self._begin(current)
            if calls:
                kstack = self._call(current)
                if kstack is not None:
                    return kstack
                if k.after_trap is not None:
                    k.after_trap()
            if current.ti_flags & _WORK or current.thread is not self:
                return None
            if clock.now_ns >= clock.next_event_ns:
                hrtimer.run_queues(k)
                if current.ti_flags & _WORK:
                    return None
            if clock.now_ns >= deadline:
                return None

    def _call(self, current: Task) -> KernelStack | None:
        """Answer the request; returns the call's kernel stack if it has gone to sleep."""
        try:
            name, args = self.request
        except Exception:  # noqa: BLE001 -- whatever it is, taking it apart is not what it was made for
            self._foreign_await(current)
            return None
        if self.todo == RESTART:
            name, args = "restart_syscall", ()
        call = current.kernel.syscalls.get(name)
        if call is None or name in NOT_HERE:
            self._machine(current, name, args)
            return None

        k = current.kernel
        if k.clock.realtime:
            current.utime += k.clock.sync()
        k.clock.now_ns += TRAP_NS
        current.stime += TRAP_NS
        if current.ti_flags & TIF_WORK_SYSCALL_ENTRY:
            kstack = SyscallStack(current, NR.get(name, -1), name, self._traced(current, call, name, args))
            return None if kstack.step() else kstack
        trace = k.trace
        if trace.sys_enter:
            trace.sys_enter(NR.get(name, -1), name, args)
        if call.is_async:
            kstack = SyscallStack(current, NR.get(name, -1), name, call.fn(current, *args))
            return None if kstack.step() else kstack

        try:
            result = call.fn(current, *args)
        except LinuxError as error:
            result = -error.errno
        self.result = result or 0
        self.todo = RESULT
        if trace.sys_exit:
            trace.sys_exit(NR.get(name, -1), name, self.result)
        return None

    async def _traced(self, current: Task, call: Syscall, name: str, args: tuple[Any, ...]) -> int:
        """Make a call with a tracer looking at its beginning; it does not see the arguments that are no numbers."""
        if current.ti_flags & TIF_SYSCALL_TRACEPOINT:
            await tracehook.choose_syscall_entry(current, name, args)
        emulated = await tracehook.tracehook_report_syscall_entry(current)
        trace = current.kernel.trace
        if trace.sys_enter:
            trace.sys_enter(NR.get(name, -1), name, args)
        if emulated:
            return -Errno.ENOSYS
        result = call.fn(current, *args)
        if call.is_async:
            result = await result
        return result or 0

    def _foreign_await(self, current: Task) -> None:
        """The program awaited something that is no system call, such as asyncio's sleep."""
        error = TypeError(f"a program can only await system calls, not {reprlib.repr(self.request)}")
        try:
            self.request = self.coro.throw(error)
        except BaseException as end:  # noqa: BLE001
            self._ended(current, end)

    def _machine(self, current: Task, name: str, args: tuple[Any, ...]) -> None:
        """Execute what is no system call: loads and stores, and the bookkeeping of handlers."""
        self.todo = RESULT
        if name in ("=load", "=store"):
            self._access(current, name, *args)
        elif name == "=handler":
            self.result = self._add_handler(args[0].fn)
        elif name == "=function":
            self.result = (self.handlers or {}).get(args[0], args[0])
        elif name == "=abort":
            crash.force_abort(current)
        else:
            # Not in 3.2, or only not here.
            k = current.kernel
            if name in NR and name not in NI_SYSCALLS:
                k.not_modelled(name)
            else:
                k.not_in_linux(name)
            self.result = -Errno.ENOSYS

    def _access(self, current: Task, name: str, address: int, what: Any) -> None:
        current.kernel.clock.advance(ACCESS_NS)
        current.utime += ACCESS_NS
        try:
            if name == "=load":
                self.result = uaccess.load(current, address, what)
            else:
                uaccess.store(current, address, what)
                self.result = 0
        except LinuxError:
            # As any instruction that faults, it runs again if a handler lets it.
            self.todo = CALL
            info = Siginfo(signo=SIGSEGV, code=SEGV_MAPERR, addr=address)
            signal_send.force_sig_info(SIGSEGV, info, current)

    def _add_handler(self, fn: Callable[..., Any]) -> int:
        """Return the number by which the kernel knows fn: never SIG_DFL or SIG_IGN."""
        handlers = self.handlers
        if handlers is None:
            handlers = self.handlers = {}
        for handle, known in handlers.items():
            if known is fn:
                return handle
        handle = len(handlers) + 2
        handlers[handle] = fn
        return handle

    # The beginning and the end of a coroutine.

    def _begin(self, current: Task) -> bool:
        """Call the thread's function, or a signal handler; see _ended for the result."""
        info = self.request
        if info is None:
            fn, args = self.start.fn, (self.sys, *self.start.args)
            self.log.entries.append(STARTED)
        else:
            assert self.handlers is not None
            fn, args = self.handlers[info[0]], info[1]
            self.log.entries.append((None, info))
        try:
            self.coro, self.request = reenact.begin(fn, args)
        except BaseException as end:  # noqa: BLE001
            return self._ended(current, end)
        self.todo = CALL
        return True

    def _ended(self, current: Task, end: BaseException) -> bool:
        """The top coroutine has ended. Returns whether there is a call to make; else a handler has returned.

        An exception in a handler comes out of the call that the handler interrupted, as in CPython.
        """
        while True:
            if crash.is_hosts(end):
                raise end
            self.coro = None
            if not self.frames:
                self._exit(current, end)
                return True
            self._sigreturn(current)
            if isinstance(end, StopIteration):
                return False
            if self.coro is None:
                continue  # interrupted before it began
            try:
                self.request = self.coro.throw(end)
            except BaseException as another:  # noqa: BLE001
                end = another
                continue
            self.todo = CALL
            return True

    def _exit(self, current: Task, end: BaseException) -> None:
        """The thread's first function has ended: exit as crt0 does after main()."""
        self.todo = CALL
        code = crash.exit_code(end)
        if code is not None:
            self.request = (self.start.last, (code & 0xFF,))
            return
        self.coro = crash.report(crash.describe(end), self.start.last)
        self.request = self.coro.send(None)

    def _rebuild(self, current: Task) -> None:
        """Build the coroutines of a forked child."""
        try:
            reenact.rebuild(self)
        except reenact.Diverged as diverged:
            self.frames = None
            self.todo = CALL
            self.coro = crash.diverged(current, str(diverged))
            self.request = self.coro.send(None)

    # Signals.

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        """Make the handler run next; raises EFAULT if its number is not a handler's, or handlers nest too deep."""
        if self.coro is reenact.UNBUILT:
            self._rebuild(current)
        if self.frames is None:
            self.frames = []
        if self.handlers is None or ka.handler not in self.handlers:
            raise LinuxError(Errno.EFAULT, "no function is registered by this number")
        if len(self.frames) >= MAX_FRAMES:
            raise LinuxError(Errno.EFAULT, "stack overflow")
        args = (sig, structs.signal_info(info)) if ka.flags & SA_SIGINFO else (sig,)
        self.frames.append((self.coro, self.request, self.result, self.todo, oldset))
        self.coro, self.request, self.result, self.todo = None, (ka.handler, args), 0, START

    def _sigreturn(self, current: Task) -> None:
        """A handler has returned: go on with what it interrupted (rt_sigreturn(2))."""
        assert self.frames
        self.coro, self.request, self.result, self.todo, oldset = self.frames.pop()
        k = current.kernel
        sched_account.account_system_time(current, TRAP_NS + SIGRETURN_NS)
        trace = k.trace
        if trace.sys_enter:
            trace.sys_enter(NR["rt_sigreturn"], "rt_sigreturn", ())
        current.restart_block = None
        signal_queue.set_current_blocked(current, oldset & ~SIG_KERNEL_ONLY_MASK)
        if trace.sys_exit:
            trace.sys_exit(NR["rt_sigreturn"], "rt_sigreturn", self.result if self.todo == RESULT else 0)

    # The rest of ThreadStruct.

    def copy_thread(self, current: Task, clone_flags: int, usp: UserPtr, p: Task, tls: int) -> PythonThread:
        """Return the child's user side: it starts in the function on its new stack, or where the parent is."""
        if isinstance(usp, Stack):
            child = PythonThread(self.sys, usp)
        else:
            child = PythonThread(self.sys, self.start)
            child.log = Log(self.log)
            child.coro, child.request, child.todo = reenact.UNBUILT, self.request, RESULT
            if self.frames:
                child.frames = [
                    (coro and reenact.UNBUILT, request, result, todo, mask)
                    for coro, request, result, todo, mask in self.frames
                ]
        if clone_flags & CLONE_SIGHAND:
            if self.handlers is None:
                self.handlers = {}
            child.handlers = self.handlers
        elif self.handlers:
            child.handlers = dict(self.handlers)
        if not clone_flags & CLONE_VM and p.mm is not None and current.mm is not None:
            p.mm.host_args, p.mm.host_env = current.mm.host_args, current.mm.host_env
        return child

    def set_return(self, value: int) -> None:
        """Set what the call in progress returns; a program that has just been executed expects nothing."""
        if self.todo != START:
            self.result = value
            self.todo = RESULT

    def syscall_get_error(self) -> int:
        """Return the -errno that the call in progress is about to return, 0 if it is none."""
        result = self.result
        return result if self.todo == RESULT and type(result) is int and -MAX_ERRNO <= result < 0 else 0

    def syscall_nr(self) -> int:
        """Return the number of the call in progress, -1 if there is none."""
        if self.todo == START or self.request is None:
            return -1
        return NR.get(self.request[0], -1)

    def syscall_get_arguments(self) -> tuple[int, ...]:
        """Return the arguments that are numbers, and 0 for buffers and the like, which have no address."""
        args = () if self.request is None else self.request[1]
        words = [arg & ULONG_MAX if isinstance(arg, int) else 0 for arg in args[:6]]
        return (*words, *(0,) * (6 - len(words)))

    def syscall_pc(self) -> int:
        """Return 0: there is no instruction pointer."""
        return 0

    async def syscall_trace_leave(self, current: Task) -> int:
        """Tell the tracer of the end of the call; returns 0."""
        await tracehook.tracehook_report_syscall_exit(current)
        return 0

    def syscall_restart(self, current: Task, code: int) -> None:
        """Make the interrupted call again."""
        self.todo = RESTART if code == Errno.ERESTART_RESTARTBLOCK else CALL

    def exit_thread(self) -> None:
        """Drop the coroutines; what they do in `finally` no longer reaches the kernel."""
        coro, frames = self.coro, self.frames
        self.coro = self.frames = self.handlers = None
        self.log = _FORGOTTEN
        if coro is not None and coro is not reenact.UNBUILT:
            _discard(coro)
        for frame in reversed(frames or ()):
            if frame[0] is not None and frame[0] is not reenact.UNBUILT:
                _discard(frame[0])


Frame: TypeAlias = tuple[Any, Any, Any, int, int]
_FORGOTTEN: Final = Log()  # of all that have ended; nothing is ever added to it


def _discard(coro: Coroutine[Any, Any, Any]) -> None:
    # Each call that a `finally` clause awaits makes close() fail, and the next close() then goes on behind it.
    for _ in range(MAX_FRAMES):
        try:
            coro.close()
        except RuntimeError:
            continue
        except BaseException as end:
            if crash.is_hosts(end):
                raise
        return


def close_programs(k: Kernel) -> None:
    """Close what programs have begun and nobody will go on with: the run is over.

    Else Python would close them when it frees them, and print that their `finally` clauses await something.
    """
    for leader in k.tasks:
        for t in leader.signal.threads:
            thread = t.thread
            if not isinstance(thread, PythonThread):
                continue
            for coro in [thread.coro, *(frame[0] for frame in reversed(thread.frames or ()))]:
                if coro is not None and coro is not reenact.UNBUILT:
                    _discard(coro)


def start_thread(current: Task, sys: Sys, program: Callable[..., Any]) -> None:
    """Make current begin program in user mode."""
    current.thread = PythonThread(sys, Stack(program, (), "exit_group"))
