"""Sys: files, pipes, directories, polling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from procession.arch.python import checks, structs
from procession.arch.python.buffer import InBuffer, OutBuffer, path_of
from procession.arch.python.sys_signal import SignalCalls
from procession.arch.python.traps import trap
from procession.include.asm.ioctls import TIOCGPGRP, TIOCGPTN, TIOCSPGRP, TIOCSPTLCK
from procession.include.linux.fcntl import O_CREAT, O_DIRECTORY, O_NOCTTY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY
from procession.include.linux.fs import S_IFIFO
from procession.include.linux.limits import PATH_MAX
from procession.include.linux.socket import AF_UNIX, SOCK_STREAM
from procession.lib import string

__all__ = ("FileCalls",)


class FileCalls(SignalCalls):
    """Everything with a descriptor or a path."""

    __slots__ = ()

    async def open(self, path: str | bytes, flags: int = O_RDONLY, mode: int = 0o666) -> int:
        """Open a file and return its descriptor."""
        return await trap("open", path_of(path), flags, mode)

    async def openat(self, dirfd: int, path: str | bytes, flags: int = O_RDONLY, mode: int = 0o666) -> int:
        """Open a file relative to a directory."""
        return await trap("openat", dirfd, path_of(path), flags, mode)

    async def read(self, fd: int, n: int) -> bytes:
        """Read up to n bytes, b"" at the end."""
        buffer = OutBuffer(checks.size("read", n))
        got = await trap("read", fd, buffer, n)
        return bytes(buffer.data[:got])

    async def pread(self, fd: int, n: int, offset: int) -> bytes:
        """Read up to n bytes at offset."""
        buffer = OutBuffer(checks.size("pread", n))
        got = await trap("pread64", fd, buffer, n, offset)
        return bytes(buffer.data[:got])

    async def write(self, fd: int, data: bytes | bytearray | memoryview | str) -> int:
        """Write bytes, or text as UTF-8; returns how many bytes were written."""
        data = checks.data_of("write", data)
        return await trap("write", fd, InBuffer(data), len(data))

    async def pwrite(self, fd: int, data: bytes | str, offset: int) -> int:
        """Write at offset."""
        data = checks.data_of("pwrite", data)
        return await trap("pwrite64", fd, InBuffer(data), len(data), offset)

    async def print(self, *args: object, sep: str = " ", end: str = "\n", fd: int = 1) -> None:
        """Write args as text, like the built-in function, until all of it is written."""
        data = checks.encode("print", sep.join(map(str, args)) + end)
        while data:
            data = data[await trap("write", fd, InBuffer(data), len(data)) :]

    async def pipe(self, flags: int = 0) -> tuple[int, int]:
        """Make a pipe; returns (read end, write end)."""
        fds = OutBuffer(8)
        await (trap("pipe2", fds, flags) if flags else trap("pipe", fds))
        reader, writer = memoryview(fds.load(0, 8)).cast("i")
        return reader, writer

    async def socketpair(self, domain: int = AF_UNIX, type: int = SOCK_STREAM, protocol: int = 0) -> tuple[int, int]:
        """Make a pair of connected sockets."""
        fds = OutBuffer(8)
        await trap("socketpair", domain, type, protocol, fds)
        a, b = memoryview(fds.load(0, 8)).cast("i")
        return a, b

    async def stat(self, path: str | bytes) -> structs.Stat:
        """Return what is known about a file; links are followed."""
        buffer = OutBuffer(144)
        await trap("stat", path_of(path), buffer)
        return structs.stat(buffer.load(0, 144))

    async def lstat(self, path: str | bytes) -> structs.Stat:
        """Return what is known about a file, itself a link perhaps."""
        buffer = OutBuffer(144)
        await trap("lstat", path_of(path), buffer)
        return structs.stat(buffer.load(0, 144))

    async def fstat(self, fd: int) -> structs.Stat:
        """Return what is known about an open file."""
        buffer = OutBuffer(144)
        await trap("fstat", fd, buffer)
        return structs.stat(buffer.load(0, 144))

    async def getcwd(self) -> str:
        """Return the working directory."""
        buffer = OutBuffer(PATH_MAX)
        size = await trap("getcwd", buffer, PATH_MAX)
        return string.to_text(bytes(buffer.data[:size]).rstrip(b"\0"))

    async def readlink(self, path: str | bytes) -> str:
        """Return where a symbolic link points."""
        buffer = OutBuffer(PATH_MAX)
        size = await trap("readlink", path_of(path), buffer, PATH_MAX)
        return string.to_text(bytes(buffer.data[:size]))

    async def symlink(self, target: str | bytes, path: str | bytes) -> None:
        """Make a symbolic link."""
        await trap("symlink", path_of(target), path_of(path))

    async def link(self, old: str | bytes, new: str | bytes) -> None:
        """Give a file another name."""
        await trap("link", path_of(old), path_of(new))

    async def rename(self, old: str | bytes, new: str | bytes) -> None:
        """Move a file."""
        await trap("rename", path_of(old), path_of(new))

    async def mount(self, source: str, target: str, fstype: str, flags: int = 0, data: str = "") -> None:
        """Mount a file system."""
        await trap("mount", path_of(source), path_of(target), path_of(fstype), flags, path_of(data))

    async def getdents(self, fd: int, size: int = 32768) -> list[structs.DirEntry]:
        """Return the next entries of an open directory, [] at its end."""
        buffer = OutBuffer(checks.size("getdents", size))
        got = await trap("getdents64", fd, buffer, size)
        return structs.dirents(bytes(buffer.data[:got]))

    async def listdir(self, path: str | bytes = ".") -> list[str]:
        """Return the names in a directory without . and .., in the file system's order."""
        fd = await trap("open", path_of(path), O_RDONLY | O_DIRECTORY, 0)
        names: list[str] = []
        while entries := await self.getdents(fd):
            names += [entry.d_name for entry in entries if entry.d_name not in (".", "..")]
        await trap("close", fd)
        return names

    async def read_file(self, path: str | bytes) -> bytes:
        """Return a file's contents."""
        fd = await trap("open", path_of(path), O_RDONLY, 0)
        parts: list[bytes] = []
        while part := await self.read(fd, 65536):
            parts.append(part)
        await trap("close", fd)
        return b"".join(parts)

    async def write_file(self, path: str | bytes, data: bytes | str, mode: int = 0o666) -> None:
        """Replace a file's contents."""
        left = checks.data_of("write_file", data)
        fd = await trap("open", path_of(path), O_WRONLY | O_CREAT | O_TRUNC, mode)
        while left:
            left = left[await self.write(fd, left) :]
        await trap("close", fd)

    async def poll(self, fds: Sequence[tuple[int, int]], timeout_ms: int = -1) -> list[tuple[int, int]]:
        """Wait for events on (fd, events) pairs; returns those that have some, [] after the timeout."""
        for pair in fds:
            if not isinstance(pair, tuple | list) or len(pair) != len(("fd", "events")):
                raise TypeError(f"poll: (fd, events) expected, not {pair!r:.80}")
        asked = b"".join(checks.packed("poll", structs.POLLFD, fd, events, 0) for fd, events in fds)
        buffer = OutBuffer(len(asked), asked)
        await trap("poll", buffer, len(fds), timeout_ms)
        found = structs.POLLFD.iter_unpack(buffer.load(0, 8 * len(fds)))
        return [(fd, revents) for fd, _events, revents in found if revents]

    async def epoll_ctl(self, epfd: int, op: int, fd: int, events: int = 0, data: int | None = None) -> None:
        """Add, change or remove a descriptor; data is what epoll_wait() returns for it, fd itself by default."""
        event = InBuffer(checks.packed("epoll_ctl", structs.EPOLL_EVENT, events, fd if data is None else data))
        await trap("epoll_ctl", epfd, op, fd, event)

    async def epoll_wait(self, epfd: int, maxevents: int = 64, timeout_ms: int = -1) -> list[tuple[int, int]]:
        """Wait for events; returns (data, events) pairs."""
        buffer = OutBuffer(12 * max(checks.bits("epoll_wait", maxevents, 32, signed=True), 0))
        count = await trap("epoll_wait", epfd, buffer, maxevents, timeout_ms)
        found = structs.EPOLL_EVENT.iter_unpack(buffer.load(0, 12 * count))
        return [(data, events) for events, data in found]

    async def ioctl(self, fd: int, request: int, arg: Any = 0) -> int:
        """Control a device; arg is a number or a bytearray that is changed in place."""
        return await self.syscall("ioctl", fd, request, arg)

    async def openpty(self) -> tuple[int, int]:
        """Make a pseudo-terminal; returns (master, slave)."""
        master = await self.open("/dev/ptmx", O_RDWR | O_NOCTTY)
        await trap("ioctl", master, TIOCSPTLCK, InBuffer(bytes(4)))
        number = OutBuffer(4)
        await trap("ioctl", master, TIOCGPTN, number)
        slave = await self.open(f"/dev/pts/{int.from_bytes(number.data, 'little')}", O_RDWR | O_NOCTTY)
        return master, slave

    async def tcgetpgrp(self, fd: int) -> int:
        """Return the terminal's foreground process group."""
        pgrp = OutBuffer(4)
        await trap("ioctl", fd, TIOCGPGRP, pgrp)
        return int.from_bytes(pgrp.data, "little", signed=True)

    async def tcsetpgrp(self, fd: int, pgrp: int) -> None:
        """Set the terminal's foreground process group."""
        await trap("ioctl", fd, TIOCSPGRP, InBuffer(checks.packed("tcsetpgrp", structs.INT, pgrp)))

    # Other names than the call's, or other arguments.

    async def mkfifo(self, path: str | bytes, mode: int = 0o666) -> int:
        """Make a FIFO (mkfifo(3))."""
        return await trap("mknod", path_of(path), mode | S_IFIFO, 0)

    async def fcntl(self, fd: int, cmd: int, arg: int = 0) -> int:
        """Ask or change something about a descriptor (fcntl(2)) with a number."""
        return await trap("fcntl", fd, cmd, arg)

    async def eventfd(self, value: int = 0, flags: int = 0) -> int:
        """Make a counter (eventfd2(2))."""
        return await trap("eventfd2", value, flags)

    async def epoll_create(self, flags: int = 0) -> int:
        """Make an epoll object (epoll_create1(2))."""
        return await trap("epoll_create1", flags)
