"""What a Python program passes to a system call where C passes a pointer.

All of it is compared by content, because a call made again (see reenact.py) must equal the recorded one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from procession.arch.python import checks
from procession.include.linux.binfmts import UserStrings
from procession.include.linux.errno import Errno, LinuxError

__all__ = ("Handler", "InBuffer", "OutBuffer", "Stack", "UserStrings", "path_of", "user_strings")


class _Pointer:
    """What makes a buffer behave like an address: it is never NULL and can be moved on."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True

    def __add__(self, offset: int) -> _Shifted:
        return _Shifted(self, offset)

    def load(self, offset: int, size: int) -> bytes:
        raise NotImplementedError

    def store(self, offset: int, data: bytes) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class _Shifted(_Pointer):
    """A pointer into a buffer."""

    __slots__ = ("base", "offset")

    def __init__(self, base: _Pointer, offset: int) -> None:
        self.base = base
        self.offset = offset

    def load(self, offset: int, size: int) -> bytes:
        return self.base.load(self.offset + offset, size)

    def store(self, offset: int, data: bytes) -> None:
        self.base.store(self.offset + offset, data)

    def __len__(self) -> int:
        return max(0, len(self.base) - self.offset)


class InBuffer(_Pointer):
    """Constant bytes, such as a path; writing to it is EFAULT, as to a string literal in C."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def load(self, offset: int, size: int) -> bytes:
        """Return size bytes; raises EFAULT beyond the end."""
        if offset < 0 or offset + size > len(self.data):
            raise LinuxError(Errno.EFAULT, "beyond the end of a program's buffer")
        return self.data[offset : offset + size]

    def store(self, offset: int, data: bytes) -> None:
        """Raise EFAULT."""
        raise LinuxError(Errno.EFAULT, "the buffer is constant")

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        return type(other) is InBuffer and other.data == self.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return repr(self.data)


def path_of(name: str | bytes) -> InBuffer:
    """Return a path as the C string it is to the kernel; raises ValueError for a NUL inside, TypeError."""
    if not isinstance(name, str | bytes):
        raise TypeError(f"str or bytes expected, not {type(name).__name__} ({name!r:.80})")
    data = checks.encode("a string", name) if isinstance(name, str) else name
    if 0 in data:
        raise ValueError(f"a NUL character in {name!r:.80}")
    return InBuffer(data + b"\0")


def user_strings(items: Iterable[str | bytes]) -> UserStrings:
    """Return strings as execve takes them; raises TypeError, ValueError."""
    if isinstance(items, str | bytes) or not isinstance(items, Iterable):
        raise TypeError(f"a list of strings expected, not {type(items).__name__} ({items!r:.80})")
    return UserStrings(tuple(path_of(item).data[:-1] for item in items))


class OutBuffer(_Pointer):
    """Memory of `size` bytes for the kernel to write to, beginning with `initial`, else zeros.

    Two are equal if they were at the time of the call: what the kernel wrote is its answer, not part of the
    question. Only the bytes written are kept, so that a log of reads takes no more room than what was read.
    """

    __slots__ = ("data", "initial", "size")

    def __init__(self, size: int, initial: bytes = b"") -> None:
        self.size = size
        self.initial = initial
        self.data: bytes | bytearray = initial

    def load(self, offset: int, size: int) -> bytes:
        """Return size bytes; raises EFAULT beyond the end."""
        if offset < 0 or offset + size > self.size:
            raise LinuxError(Errno.EFAULT, "beyond the end of a program's buffer")
        return bytes(self.data[offset : offset + size]).ljust(size, b"\0")

    def store(self, offset: int, data: bytes) -> None:
        """Write data at offset; raises EFAULT beyond the end."""
        end = offset + len(data)
        if offset < 0 or end > self.size:
            raise LinuxError(Errno.EFAULT, "beyond the end of a program's buffer")
        if offset == 0 and end >= len(self.data):
            self.data = bytes(data)
            return
        buffer = bytearray(self.data)
        if len(buffer) < end:
            buffer.extend(bytes(end - len(buffer)))
        buffer[offset:end] = data
        self.data = buffer

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return type(other) is OutBuffer and other.size == self.size and other.initial == self.initial

    def __hash__(self) -> int:
        return hash((self.size, self.initial))

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"


def _same_code(a: Any, b: Any) -> bool:
    """Whether two callables come from the same place of the program; a copy makes its own function objects."""
    code = getattr(a, "__code__", None)
    if code is not None:
        return code is getattr(b, "__code__", None)
    return type(a) is type(b)


class Stack(_Pointer):
    """A new thread's stack: holds the function to call and its arguments, as the one libc's clone() prepares.

    last: the system call made when the function returns.
    """

    __slots__ = ("args", "fn", "last")

    def __init__(self, fn: Any, args: tuple[Any, ...], last: str = "exit") -> None:
        self.fn = fn
        self.args = args
        self.last = last

    def __eq__(self, other: object) -> bool:
        return type(other) is Stack and len(other.args) == len(self.args) and _same_code(other.fn, self.fn)

    def __hash__(self) -> int:
        return len(self.args)

    def __repr__(self) -> str:
        return f"<stack of {getattr(self.fn, '__qualname__', self.fn)}>"


class Handler:
    """A function about to become a signal handler."""

    __slots__ = ("fn",)

    def __init__(self, fn: Any) -> None:
        self.fn = fn

    def __eq__(self, other: object) -> bool:
        return type(other) is Handler and _same_code(other.fn, self.fn)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<handler {getattr(self.fn, '__qualname__', self.fn)}>"
