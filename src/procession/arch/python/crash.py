"""What happens when a Python program's code ends: exit codes, tracebacks, and the end of a copy that went astray."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from dis import opmap
import traceback
from typing import TYPE_CHECKING, Any, Final

from procession.arch.python import traps
from procession.arch.python.buffer import InBuffer
from procession.include.linux.signal import DEFAULT_ACTION, SIGABRT
from procession.kernel import signal_send
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("describe", "diverged", "exit_code", "force_abort", "is_hosts", "report")

_RAISE: Final = opmap["RAISE_VARARGS"]
# Where this architecture's frames are: here, and where they were when they were compiled.
_PACKAGE: Final = (__file__.rpartition("/")[0], "src/procession/arch/python")


def is_hosts(end: BaseException) -> bool:
    """Whether an exception that came out of a program's code is Ctrl-C on the host: the program did not raise it."""
    if not isinstance(end, KeyboardInterrupt):
        return False
    tb = end.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return tb is None or tb.tb_frame.f_code.co_code[tb.tb_lasti] != _RAISE


def exit_code(end: BaseException) -> int | None:
    """Return the exit code for a function that ended so, None if it is an error to report."""
    if isinstance(end, StopIteration):
        return end.value if isinstance(end.value, int) else 0
    if isinstance(end, SystemExit) and (end.code is None or isinstance(end.code, int)):
        return end.code or 0
    return None


def describe(end: BaseException) -> str:
    """Return what CPython prints to stderr, without the frames that are not the program's."""
    if isinstance(end, SystemExit):
        return f"{end.code}\n"
    if isinstance(end, RuntimeError) and str(end) == "no running event loop":
        end.add_note("A program can only await system calls: linux.sleep(), not asyncio.sleep().")
    report = traceback.TracebackException.from_exception(end)
    seen: traceback.TracebackException | None = report
    while seen is not None:
        frames = [frame for frame in seen.stack if not frame.filename.startswith(_PACKAGE)]
        seen.stack = traceback.StackSummary.from_list(frames)
        seen = seen.__cause__ or seen.__context__
    return "".join(report.format())


async def report(text: str, last: str) -> None:
    """Write text to standard error and exit with status 1."""
    data = text.encode("utf-8", "backslashreplace")  # as CPython's stderr does
    with suppress(OSError):
        while data:
            data = data[await traps.trap("write", 2, InBuffer(data), len(data)) :]
    await traps.trap(last, 1)


def diverged(current: Task, why: str) -> Coroutine[Any, Any, None]:
    """Return the coroutine that ends a forked copy which is no copy: a line to standard error, then SIGABRT."""
    line = (
        f"{current.comm}[{current.pid}]: fork: this program is not a function of its system calls and cannot be "
        f"copied: {why}\n"
    )
    current.kernel.printk(line.rstrip())

    async def end() -> None:
        data = string.to_bytes(line)
        with suppress(OSError):
            await traps.trap("write", 2, InBuffer(data), len(data))
        await traps.machine("=abort")

    return end()


def force_abort(current: Task) -> None:
    """Kill current with SIGABRT, whatever it has arranged for that signal."""
    assert current.sighand is not None
    current.sighand.action[SIGABRT - 1] = DEFAULT_ACTION
    signal_send.force_sig(SIGABRT, current)
