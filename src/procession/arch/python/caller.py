"""What every program has: argv, environ, and any system call by its name or number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from procession.arch.python._constants import Constants
from procession.arch.python.buffer import InBuffer, OutBuffer, UserStrings, path_of, user_strings
from procession.arch.python.traps import generic_trap
from procession.arch.x86.syscall_table import LATER_CALLS, SYSCALL_NAMES
from procession.lib import string

__all__ = ("Caller", "Pointer")

# What stands for C's pointer: an address or NULL, a C string, constant memory, memory that the kernel may write to.
Pointer: TypeAlias = int | str | bytes | bytearray | None


class Caller(Constants):
    """argv and environ of the program, which never change, and the call that all others can be made by.

    It holds nothing else: a task and its forked or cloned children use the same object.
    """

    __slots__ = ("argv", "environ")

    def __init__(self, argv: Sequence[bytes], envp: Sequence[bytes]) -> None:
        for text in (*argv, *envp):
            if not isinstance(text, bytes):
                raise TypeError(f"Sys: bytes expected, not {type(text).__name__} ({text!r:.80})")
        self.argv: tuple[str, ...] = tuple(string.to_text(text) for text in argv)
        variables = (string.to_text(text).partition("=") for text in envp)
        self.environ: Mapping[str, str] = MappingProxyType({name: value for name, _, value in variables})

    async def syscall(self, call: str | int, *args: Any) -> int:
        """Make any system call by name or number; an unknown one raises OSError with ENOSYS.

        Each argument is a number, None (NULL), str (a C string), bytes (read only) or a bytearray, into which the
        kernel's output is copied.
        """
        if not isinstance(call, str | int):
            raise TypeError(f"syscall: a name or a number expected, not {type(call).__name__} ({call!r:.80})")
        # A name with "=" is an instruction of process.py's, and no call.
        if isinstance(call, str):
            name = call.lstrip("=")
        elif call in LATER_CALLS:
            name = LATER_CALLS[call][0]
        else:
            name = SYSCALL_NAMES.get(call, str(call))
        if not any(isinstance(arg, bytearray) for arg in args):
            return await generic_trap(name, *map(_pointer, args))
        outputs = [(arg, OutBuffer(len(arg), bytes(arg))) if isinstance(arg, bytearray) else None for arg in args]
        result = await generic_trap(
            name, *(_pointer(arg) if out is None else out[1] for arg, out in zip(args, outputs, strict=True))
        )
        for out in outputs:
            if out is not None:
                out[0][:] = out[1].load(0, len(out[0]))
        return result

    def envp_of(self, env: Mapping[str, str] | Sequence[str | bytes] | None) -> UserStrings:
        """Return an environment as execve takes it, None for the program's own; raises TypeError, ValueError."""
        if env is None:
            env = self.environ
        if isinstance(env, Mapping):
            env = [path_of(key).data[:-1] + b"=" + path_of(value).data[:-1] for key, value in env.items()]
        return user_strings(env)

    def __repr__(self) -> str:
        return f"<system calls of {self.argv[0] if self.argv else 'nobody'}>"


def _pointer(arg: Any) -> Any:
    if isinstance(arg, str):
        return path_of(arg)
    if isinstance(arg, bytes):
        return InBuffer(arg)
    return arg
