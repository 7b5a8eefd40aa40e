"""The object a Python program talks to the kernel with.

    async def main(linux):
        pid = await linux.fork()
        if pid == 0:
            await linux.print("child", await linux.getpid())
            await linux.exit(3)
        _, status = await linux.waitpid(pid)
        await linux.print("child exited with", linux.WEXITSTATUS(status))

Every system call of the kernel is a method. Those with structs or buffers are written by hand, in the classes between
this one and PlainCalls, and take and return Python values; all others take what the C call takes, numbers, paths as
str, buffers as bytes (to read from) or bytearray (to write to), and are made from the declarations
(scripts/python_calls.py). A failed call raises the OSError subclass CPython would raise (ChildProcessError, …); an
interrupted one raises InterruptedError and is not retried, unlike CPython's own os module.
"""

from __future__ import annotations

from types import FunctionType

from procession.arch.python.sys_run import RunCalls

__all__ = ("Sys",)


class Sys(RunCalls):
    """All system calls, all constants, argv and environ.

    One class on top of the other, for a compiler that knows no other inheritance: Constants (made), Caller,
    PlainCalls (made), WaitStatus, SignalCalls, FileCalls, SocketCalls, ProcessCalls, RunCalls.
    """

    __slots__ = ()


def _name_methods() -> None:
    """Let Python's own messages, of a forgotten `await` or a missing argument, say Sys.kill, as users write it."""
    for cls in Sys.__mro__:
        for name, method in vars(cls).items():
            if isinstance(method, FunctionType) and not name.startswith("_"):
                method.__qualname__ = f"Sys.{name}"


_name_methods()
