"""What strace says of descriptors: -y and -yy; which files a call is about: -P; what went through them: -e read=."""

from __future__ import annotations

from collections.abc import Iterator
import posixpath
from typing import TYPE_CHECKING, Final

from procession.fs import dcache
from procession.fs.proc.fd import fd_file
from procession.include.linux.fcntl import AT_FDCWD
from procession.include.linux.fs import S_IFBLK, S_IFCHR, S_IFMT
from procession.include.linux.socket import SOCK_STREAM
from procession.lib import string
from procession.net.unix.sock import UnixSock
from procession.tools.strace_args import c_string, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task
    from procession.tools.strace_structs import Shown

__all__ = ("Paths", "describe", "dump", "dumped")

_DELETED: Final = " (deleted)"


def _path(task: Task | None, fd: int) -> str | None:
    """Return the name of what is open as fd in task, AT_FDCWD included; None if nothing is."""
    if task is None or task.fs is None:
        return None
    if fd == AT_FDCWD:
        return dcache.d_path(task.fs.pwd, task.fs.root)
    file = fd_file(task, fd)
    return dcache.d_path(file.f_path, task.fs.root) if file is not None else None


def describe(task: Task | None, fd: int, details: frozenset[str], hexed: str = "") -> str:
    """Return a descriptor as strace prints it.

    details: "path": what is open there; "socket": both ends of a connection; "dev": a device's number.
    """
    number = "AT_FDCWD" if fd == AT_FDCWD else str(fd)
    path = _path(task, fd) if details else None
    if path is None:
        return number
    file = fd_file(task, fd)
    sk = file.private_data if file is not None else None
    if "socket" in details and isinstance(sk, UnixSock):
        return f"{number}<{_unix(sk, hexed)}>"
    device = _device(file) if "dev" in details and file is not None else ""
    if not device and "path" not in details:
        return number
    gone = path.endswith(_DELETED)
    text = escaped(string.to_bytes(path.removesuffix(_DELETED)), hexed, b"<>")
    return f"{number}<{text}{device}>" + (_DELETED.strip() if gone else "")


def _unix(sk: UnixSock, hexed: str) -> str:
    name = "UNIX-STREAM" if sk.type == SOCK_STREAM else "UNIX"
    peer = sk.peer.i_ino if sk.peer is not None else 0
    other = f"->{peer}" if peer else ""
    bound = ""
    if sk.addr[:1] == b"\0":
        bound = f',@"{escaped(sk.addr[1:], hexed)}"'
    elif sk.addr:
        bound = f',"{escaped(sk.addr.split(bytes(1))[0], hexed)}"'
    return f"{name}:[{sk.i_ino}{other}{bound}]"


def _device(file: File) -> str:
    kind = {S_IFCHR: "char", S_IFBLK: "block"}.get(file.inode.i_mode & S_IFMT)
    dev = file.inode.i_rdev
    return f"<{kind} {dev >> 8 & 0xFFF}:{dev & 0xFF | dev >> 12 & 0xFFF00}>" if kind is not None else ""


class Paths:
    """The files of -P: as they were named, and as they turn out to be called when they have been opened."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    def settle(self, task: Task | None) -> list[tuple[str, str]]:
        """Add what the names mean in task's directory; returns those that mean another one, with it."""
        cwd = _path(task, AT_FDCWD) or "/"
        found = [(name, posixpath.normpath(posixpath.join(cwd, name))) for name in self._names]
        changed = [(name, path) for name, path in found if name != path]
        self._names.update(dict.fromkeys(path for _, path in changed))
        return changed

    def has(self, name: str) -> bool:
        """Whether it is the name of one of them."""
        return name in self._names

    def concern(self, shown: Shown, task: Task | None) -> bool:
        """Whether a call is about one of them."""
        return any(path in self._names for path in self._paths(shown, task))

    def learn(self, shown: Shown, task: Task | None) -> None:
        """Take in how a file that such a call has opened is called: it may have been named by a link."""
        if any(path in self._names for path in _named(shown)):
            path = _path(task, shown.ret if shown.ret is not None else -1)
            if path is not None:
                self._names[path] = None

    @staticmethod
    def _paths(shown: Shown, task: Task | None) -> Iterator[str]:
        yield from _named(shown)
        for fd in _descriptors(shown):
            path = _path(task, fd) if fd >= 0 else None
            if path is not None:
                yield path


def _named(shown: Shown) -> Iterator[str]:
    for at, param in enumerate(shown.params):
        if param.arg.kind == "path":
            found = c_string(shown.peek, shown.args[at], 4096)
            if found is not None:
                yield string.to_text(found[0])


def _descriptors(shown: Shown) -> Iterator[int]:
    for at, param in enumerate(shown.params):
        arg, value = param.arg, shown.args[at]
        if arg.kind in ("descriptor", "fd"):
            yield value
        elif arg.kind == "pollfd[]":
            for n in range(min(shown.args[at + 1], 1024)):
                raw = shown.peek(value, 8 * n, 4) if value else None
                if raw is None:
                    break
                yield int.from_bytes(raw, "little", signed=True)
        elif arg.kind == "fd_set" and value:
            raw = shown.peek(value, 0, (min(shown.args[0], 1024) + 63) // 64 * 8)
            bits = int.from_bytes(raw or b"", "little")
            yield from (fd for fd in range(bits.bit_length()) if bits >> fd & 1)


# Dumps.


def dump(data: bytes) -> str:
    """Return bytes as lines of sixteen, in hex and as they are."""
    out = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        out.append(f" | {at:05x}  {left:<23}  {right:<23}  {text:<16} |\n")
    return "".join(out)


def dumped(shown: Shown, *, out: bool) -> str:
    """Return the dump of what a call has read (out) or was to write, empty if it moves no data."""
    if not shown.params or shown.params[0].arg.kind != "descriptor" or (out and (shown.ret or 0) <= 0):
        return ""
    for at, param in enumerate(shown.params):
        if param.arg.out != out:
            continue
        if param.arg.kind in ("buf", "outbuf"):
            size = shown.ret if out else shown.args[at + 1]
            return dump(shown.peek(shown.args[at], 0, min(size or 0, _MOST)) or b"")
        if param.arg.kind == "iovec":
            return _pieces(shown, at, shown.ret if out else None)
    return ""


_MOST: Final = 1 << 24


def _pieces(shown: Shown, at: int, size: int | None) -> str:
    text = ""
    left = _MOST if size is None else size
    for n in range(min(shown.args[at + 1], 1024)):
        raw = shown.peek(shown.args[at], 16 * n, 16)
        if raw is None or left <= 0:
            break
        base, length = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")
        length = min(length, left)
        left -= length
        text += f" * {length} bytes in buffer {n}\n" + dump(shown.peek(base, 0, length) or b"")
    return text
