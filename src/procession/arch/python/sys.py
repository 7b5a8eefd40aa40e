"""The object a Python program talks to the kernel with.

    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.print("child", await sys.getpid())
            await sys.exit(3)
        _, status = await sys.waitpid(pid)
        await sys.print("child exited with", sys.WEXITSTATUS(status))

Every system call of the kernel is a method. Those with structs or buffers are in the classes below it and take and
return Python values; all others take what the C call takes, numbers, paths as str, buffers as bytes (to read from)
or bytearray (to write to). A failed call raises the OSError subclass CPython would raise (ChildProcessError, …); an
interrupted one raises InterruptedError and is not retried, unlike CPython's own os module.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from procession.arch.python.buffer import InBuffer, OutBuffer
from procession.arch.python.constants import Constants
from procession.arch.python.sys_file import FileCalls
from procession.arch.python.sys_plain import PlainCalls, path_of
from procession.arch.python.sys_process import ProcessCalls
from procession.arch.python.sys_signal import SignalCalls
from procession.arch.python.traps import NR, generic_trap
from procession.arch.x86.syscall_table import SYSCALL_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Sys",)


class Sys(ProcessCalls, FileCalls, SignalCalls, PlainCalls, Constants):
    """System calls, and argv and environ of the program, which never change.

    It holds nothing else: a task and its forked or cloned children use the same object.
    """

    __slots__ = ("argv", "environ")

    def __init__(self, argv: Sequence[bytes], envp: Sequence[bytes]) -> None:
        self.argv: tuple[str, ...] = tuple(text.decode("utf-8", "surrogateescape") for text in argv)
        variables = (text.decode("utf-8", "surrogateescape").partition("=") for text in envp)
        self.environ: Mapping[str, str] = MappingProxyType({name: value for name, _, value in variables})

    async def syscall(self, call: str | int, *args: Any) -> int:
        """Make any system call by name or number; an unknown one raises OSError with ENOSYS.

        Each argument is a number, None (NULL), str (a C string), bytes (read only) or a bytearray, into which the
        kernel's output is copied.
        """
        # A name with "=" is an instruction of process.py's, and no call.
        name = call.lstrip("=") if isinstance(call, str) else SYSCALL_NAMES.get(call, str(call))
        if not any(isinstance(arg, bytearray) for arg in args):
            return await generic_trap(name, *map(_pointer, args))  # type: ignore[no-any-return]
        outputs = [(arg, OutBuffer(len(arg), bytes(arg))) if isinstance(arg, bytearray) else None for arg in args]
        result = await generic_trap(
            name, *(_pointer(arg) if out is None else out[1] for arg, out in zip(args, outputs, strict=True))
        )
        for out in outputs:
            if out is not None:
                out[0][:] = out[1].load(0, len(out[0]))
        return result  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, int]]:
        if name not in NR:
            raise AttributeError(f"no system call {name!r}")

        async def call(*args: Any) -> int:
            return await self.syscall(name, *args)

        call.__name__ = call.__qualname__ = name
        return call

    def __repr__(self) -> str:
        return f"<sys of {self.argv[0] if self.argv else 'nobody'}>"


def _pointer(arg: Any) -> Any:
    if isinstance(arg, str):
        return path_of(arg)
    if isinstance(arg, bytes):
        return InBuffer(arg)
    return arg
