"""Which functions a sleeping task is in (kernel/stacktrace.c, arch/x86/kernel/stacktrace.c).

A kernel stack is a coroutine that awaits another, and so on down to schedule(). A compiled one does not tell which; so
what each refers to is searched for the one that has come to the end.

Differs: a function is a name, and has no code: its address is made of the name, it is 16 bytes large, and wherever it
is, it is at its beginning. Functions that do not wait are not there, however deep they are nested in 3.2.
"""

from __future__ import annotations

from gc import get_referents
import re
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Final
import zlib

from procession.arch.x86.syscall_table import SYSCALL_NAMES
from procession.include.linux.sched import PF_KTHREAD

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("function_address", "print_ip_sym", "save_stack_trace_tsk")

MAX_STACK_TRACE_DEPTH: Final = 64
TEXT_START: Final = 0xFFFFFFFF81000000
TEXT_END: Final = TEXT_START + 0x800000
_KTHREADD: Final = 2
# The scheduler's own functions, and how a call that may sleep is made: they are left out (in_sched_functions).
_LEFT_OUT: Final = frozenset(
    (
        "__await__",
        "_on_stack",
        "do_nanosleep",
        "schedule",
        "schedule_hrtimeout",
        "schedule_timeout",
        "sleep",
        "sleep_until",
    )
)
# A compiled method's coroutine is called method_Class_gen.
_COMPILED: Final = re.compile(r"(.+?)(?:__?[A-Z]\w*)?_gen")


def function_address(name: str) -> int:
    """Ours: the address in the kernel's text that stands for a function; the same name, the same address."""
    return TEXT_START + (zlib.crc32(name.encode()) & 0x7FFFF0) if name else 0


def print_ip_sym(name: str, *, hidden: bool = False) -> str:
    """Return how a function is shown; hidden: without its address."""
    return f"[<{0 if hidden else function_address(name):016x}>] {name}+0x0/0x10"


def save_stack_trace_tsk(tsk: Task) -> list[str]:
    """Return the functions that tsk is in, the innermost first; all that is known of a running one is its call."""
    names = [name for name in reversed(_coroutines(tsk)) if name not in _LEFT_OUT]
    if tsk.wchan and tsk.wchan not in names[:1]:
        names.insert(0, tsk.wchan)
    nr = tsk.thread.syscall_nr()
    if tsk.flags & PF_KTHREAD:
        names += ["kthread" if tsk.pid > _KTHREADD else "kthreadd", "kernel_thread_helper"]
    elif nr in SYSCALL_NAMES:
        names += [f"sys_{SYSCALL_NAMES[nr]}", "system_call_fastpath"]
    return list(dict.fromkeys(names))[:MAX_STACK_TRACE_DEPTH]


def _coroutines(tsk: Task) -> list[str]:
    """Return the names of the coroutines of tsk's kernel stack, the outermost first."""
    stack = tsk.stack
    if stack is None or tsk.kernel.current is tsk:
        return []
    names: list[str] = []
    _follow(stack.coro, names)
    return names


def _follow(awaited: object, names: list[str]) -> bool:
    """Add a coroutine, and what it awaits, to names; returns whether it awaits something in the end."""
    name = _name(awaited)
    if not name:
        return False
    names.append(name)
    if name == "__await__":
        return True
    depth = len(names)
    for each in get_referents(awaited):
        if _follow(each, names):
            return True
        del names[depth:]
    return False


def _name(awaited: object) -> str:
    """Return a coroutine's function, empty for everything else."""
    if isinstance(awaited, CoroutineType):
        return awaited.cr_code.co_name
    if isinstance(awaited, GeneratorType):
        return awaited.gi_code.co_name
    kind = type(awaited)
    if not kind.__module__.startswith("procession"):
        return ""
    compiled = _COMPILED.fullmatch(kind.__name__)
    return compiled[1] if compiled is not None else ""
