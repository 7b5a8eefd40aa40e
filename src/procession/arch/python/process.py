"""Python programs as user code: a coroutine whose `await` is a system call (arch/…/kernel/process.c, entry.S).

The program is given a Sys object (sys.py). Each of its calls ends in trap(), which yields a request to
PythonThread.run(): that is this architecture's SYSCALL instruction. Between two traps no time passes and nothing
else runs, so a program is a function of what its traps answer, and fork() can copy it by replay (replay.py).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
import types
from typing import TYPE_CHECKING, Any

from procession.arch.python import crash, replay
from procession.arch.python.buffer import Handler, InBuffer, OutBuffer, Stack, UserStrings
from procession.arch.python.errors import oserror
from procession.arch.python.log import STARTED, Log, Request
from procession.arch.x86 import syscall_table
from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import CloneFlags
from procession.include.linux.signal import SEGV_MAPERR, SIG_KERNEL_ONLY_MASK, SaFlags, Sig, Siginfo
from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.kernel import hrtimer, signal
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction

__all__ = ("NR", "PythonThread", "flush_thread", "start_thread", "trap")

TRAP_NS = 100           # a system call's cost, as on the other architecture
ACCESS_NS = 5           # a load or store
MAX_FRAMES = 1000       # signal handlers that interrupt each other, before the stack counts as overrun

NR: dict[str, int] = {name: nr for nr, name in syscall_table.SYSCALL_NAMES.items()}

# PythonThread.todo: what run() does first.
START = 0               # call the function of the top frame; request is None or (handle, arguments)
RESULT = 1              # hand `result` to the coroutine
CALL = 2                # make the call `request` (again)
RESTART = 3             # make restart_syscall(2) in its place
REPLAY = 4              # just forked: build the coroutines first
DEAD = 5

_SIGHAND, _VM = int(CloneFlags.SIGHAND), int(CloneFlags.VM)
_SIGINFO = int(SaFlags.SIGINFO)

_POINTERS = (InBuffer, OutBuffer, Stack, UserStrings)
_INTEGER_KINDS = frozenset({"int", "fd", "uid", "mode"})
# Call name -> for each argument (mask, sign bit), or None where a pointer may stand.
_decoders: dict[str, tuple[tuple[int, int] | None, ...]] = {}


# The program's side of a trap.


@types.coroutine
def trap(name: str, *args: Any) -> Generator[Request, Any, Any]:
    """Make a system call; raises the OSError it answers, TypeError for arguments no register can hold."""
    result = yield name, _decode(name, args)
    if -4096 < result < 0:
        raise oserror(-result)
    return result


@types.coroutine
def machine(name: str, *args: Any) -> Generator[Request, Any, Any]:
    """Execute one of the instructions at the end of this file."""
    result = yield name, args
    return result


def _decode(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return args as registers would deliver them; most need no change."""
    decoder = _decoders.get(name)
    if decoder is None:
        decoder = _make_decoder(name)
    if len(args) != len(decoder):
        args = (*args, 0, 0, 0, 0, 0, 0)[:len(decoder)]
    for value, register in zip(args, decoder, strict=False):
        if type(value) is int:
            if 0 <= value < 0x80000000:
                continue
        elif register is None and type(value) in _POINTERS:
            continue
        return tuple(map(_decode_one, args, decoder))
    return args


def _decode_one(value: Any, register: tuple[int, int] | None) -> Any:
    if isinstance(value, _POINTERS):
        if register is None or isinstance(value, Stack):
            return value
        raise TypeError("a number is expected here, not a buffer")
    if value is None:
        return 0
    if not isinstance(value, int):
        raise TypeError(f"a system call takes numbers and buffers, not {type(value).__name__}")
    mask, sign = register or (0xFFFFFFFFFFFFFFFF, 0)
    number = int(value) & mask
    return number - mask - 1 if number & sign else number


def _make_decoder(name: str) -> tuple[tuple[int, int] | None, ...]:
    call = SYSCALLS.get(name)
    if call is None:
        return ()
    decoder = tuple(
        ((1 << p.arg.bits) - 1, (1 << (p.arg.bits - 1)) if p.arg.signed else 0)
        if p.arg.kind in _INTEGER_KINDS or p.arg.bits == 32
        else None
        for p in call.params
    )
    _decoders[name] = decoder
    return decoder


# The kernel's side.


class PythonThread:
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

    def run(self, current: Task, budget_ns: int | None) -> Coroutine[Any, Any, None] | None:
        """Run the program up to a call that sleeps, or until there is other work (see ThreadStruct.run)."""
        k = current.kernel
        clock = k.clock
        deadline = clock.now_ns + budget_ns if budget_ns is not None else None
        entries = self.log.entries
        while True:
            if self.todo == RESULT:
                entries.append((self.request, self.result))
                try:
                    self.request = self.coro.send(self.result)
                except BaseException as end:  # noqa: BLE001 -- sorted out by _ended
                    self._ended(current, end)
            elif self.todo != CALL:
                self._prepare(current)
            if self.todo <= RESULT:
                # Unless a handler has just returned to something that is not a new call.
                self.todo = CALL
            ...
