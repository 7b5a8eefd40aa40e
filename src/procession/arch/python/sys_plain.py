"""Sys: the calls that take and return plain numbers, and paths."""
# ruff: noqa: D402 -- the docstrings name manual pages

from __future__ import annotations

from collections.abc import Awaitable

from procession.arch.python.buffer import InBuffer
from procession.arch.python.traps import trap

__all__ = ("PlainCalls", "path_of")


def path_of(name: str | bytes) -> InBuffer:
    """Return a path as the C string it is to the kernel; raises ValueError for a NUL inside, TypeError."""
    data = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else bytes(name)
    if 0 in data:
        raise ValueError("embedded null character")
    return InBuffer(data + b"\0")


class PlainCalls:
    """System calls as they are; the manual page of the same name says what they do."""

    __slots__ = ()

    # Who am I.

    def getpid(self) -> Awaitable[int]:
        """getpid(2)."""
        return trap("getpid")

    def gettid(self) -> Awaitable[int]:
        """gettid(2)."""
        return trap("gettid")

    def getppid(self) -> Awaitable[int]:
        """getppid(2)."""
        return trap("getppid")

    def getuid(self) -> Awaitable[int]:
        """getuid(2)."""
        return trap("getuid")

    def geteuid(self) -> Awaitable[int]:
        """geteuid(2)."""
        return trap("geteuid")

    def getgid(self) -> Awaitable[int]:
        """getgid(2)."""
        return trap("getgid")

    def getegid(self) -> Awaitable[int]:
        """getegid(2)."""
        return trap("getegid")

    def setuid(self, uid: int) -> Awaitable[int]:
        """setuid(2)."""
        return trap("setuid", uid)

    def setgid(self, gid: int) -> Awaitable[int]:
        """setgid(2)."""
        return trap("setgid", gid)

    def getpgrp(self) -> Awaitable[int]:
        """getpgrp(2)."""
        return trap("getpgrp")

    def getpgid(self, pid: int = 0) -> Awaitable[int]:
        """getpgid(2)."""
        return trap("getpgid", pid)

    def setpgid(self, pid: int = 0, pgid: int = 0) -> Awaitable[int]:
        """setpgid(2)."""
        return trap("setpgid", pid, pgid)

    def getsid(self, pid: int = 0) -> Awaitable[int]:
        """getsid(2)."""
        return trap("getsid", pid)

    def setsid(self) -> Awaitable[int]:
        """setsid(2)."""
        return trap("setsid")

    def unshare(self, flags: int) -> Awaitable[int]:
        """unshare(2)."""
        return trap("unshare", flags)

    def umask(self, mask: int) -> Awaitable[int]:
        """umask(2)."""
        return trap("umask", mask)

    # Signals.

    def kill(self, pid: int, sig: int) -> Awaitable[int]:
        """kill(2)."""
        return trap("kill", pid, sig)

    def tkill(self, tid: int, sig: int) -> Awaitable[int]:
        """tkill(2)."""
        return trap("tkill", tid, sig)

    def tgkill(self, tgid: int, tid: int, sig: int) -> Awaitable[int]:
        """tgkill(2)."""
        return trap("tgkill", tgid, tid, sig)

    def pause(self) -> Awaitable[int]:
        """pause(2); only ever ends with InterruptedError."""
        return trap("pause")

    def alarm(self, seconds: int) -> Awaitable[int]:
        """alarm(2)."""
        return trap("alarm", seconds)

    # Scheduling.

    def sched_yield(self) -> Awaitable[int]:
        """sched_yield(2)."""
        return trap("sched_yield")

    def nice(self, increment: int) -> Awaitable[int]:
        """Change the nice value by setpriority(2), as nice(3) does; returns 0."""
        return self._nice(increment)

    async def _nice(self, increment: int) -> int:
        now = 20 - await trap("getpriority", 0, 0)
        return await trap("setpriority", 0, 0, now + increment)  # type: ignore[no-any-return]

    def setpriority(self, which: int, who: int, nice: int) -> Awaitable[int]:
        """setpriority(2)."""
        return trap("setpriority", which, who, nice)

    def getpriority(self, which: int = 0, who: int = 0) -> Awaitable[int]:
        """getpriority(2), the bare call: 20 minus the nice value."""
        return trap("getpriority", which, who)

    def sched_getscheduler(self, pid: int = 0) -> Awaitable[int]:
        """sched_getscheduler(2)."""
        return trap("sched_getscheduler", pid)

    # Descriptors.

    def close(self, fd: int) -> Awaitable[int]:
        """close(2)."""
        return trap("close", fd)

    def dup(self, fd: int) -> Awaitable[int]:
        """dup(2)."""
        return trap("dup", fd)

    def dup2(self, old: int, new: int) -> Awaitable[int]:
        """dup2(2)."""
        return trap("dup2", old, new)

    def dup3(self, old: int, new: int, flags: int) -> Awaitable[int]:
        """dup3(2)."""
        return trap("dup3", old, new, flags)

    def fcntl(self, fd: int, cmd: int, arg: int = 0) -> Awaitable[int]:
        """fcntl(2) with a number."""
        return trap("fcntl", fd, cmd, arg)

    def lseek(self, fd: int, offset: int, whence: int = 0) -> Awaitable[int]:
        """lseek(2)."""
        return trap("lseek", fd, offset, whence)

    def ftruncate(self, fd: int, length: int) -> Awaitable[int]:
        """ftruncate(2)."""
        return trap("ftruncate", fd, length)

    def fchdir(self, fd: int) -> Awaitable[int]:
        """fchdir(2)."""
        return trap("fchdir", fd)

    def eventfd(self, value: int = 0, flags: int = 0) -> Awaitable[int]:
        """eventfd2(2)."""
        return trap("eventfd2", value, flags)

    def epoll_create(self, flags: int = 0) -> Awaitable[int]:
        """epoll_create1(2)."""
        return trap("epoll_create1", flags)

    def timerfd_create(self, clock: int = 1, flags: int = 0) -> Awaitable[int]:
        """timerfd_create(2)."""
        return trap("timerfd_create", clock, flags)

    # Paths.

    def access(self, path: str | bytes, mode: int) -> Awaitable[int]:
        """access(2)."""
        return trap("access", path_of(path), mode)

    def chdir(self, path: str | bytes) -> Awaitable[int]:
        """chdir(2)."""
        return trap("chdir", path_of(path))

    def chmod(self, path: str | bytes, mode: int) -> Awaitable[int]:
        """chmod(2)."""
        return trap("chmod", path_of(path), mode)

    def chown(self, path: str | bytes, uid: int, gid: int) -> Awaitable[int]:
        """chown(2)."""
        return trap("chown", path_of(path), uid, gid)

    def chroot(self, path: str | bytes) -> Awaitable[int]:
        """chroot(2)."""
        return trap("chroot", path_of(path))

    def mkdir(self, path: str | bytes, mode: int = 0o777) -> Awaitable[int]:
        """mkdir(2)."""
        return trap("mkdir", path_of(path), mode)

    def mknod(self, path: str | bytes, mode: int, dev: int = 0) -> Awaitable[int]:
        """mknod(2); mkfifo(3) is this with S_IFIFO."""
        return trap("mknod", path_of(path), mode, dev)

    def mkfifo(self, path: str | bytes, mode: int = 0o666) -> Awaitable[int]:
        """mkfifo(3)."""
        return trap("mknod", path_of(path), mode | 0o010000, 0)

    def rmdir(self, path: str | bytes) -> Awaitable[int]:
        """rmdir(2)."""
        return trap("rmdir", path_of(path))

    def truncate(self, path: str | bytes, length: int) -> Awaitable[int]:
        """truncate(2)."""
        return trap("truncate", path_of(path), length)

    def unlink(self, path: str | bytes) -> Awaitable[int]:
        """unlink(2)."""
        return trap("unlink", path_of(path))

    # Memory.

    def brk(self, address: int = 0) -> Awaitable[int]:
        """brk(2), the bare call: the end of the heap as it is now."""
        return trap("brk", address)

    def munmap(self, address: int, length: int) -> Awaitable[int]:
        """munmap(2)."""
        return trap("munmap", address, length)

    def mprotect(self, address: int, length: int, prot: int) -> Awaitable[int]:
        """mprotect(2)."""
        return trap("mprotect", address, length, prot)

    def futex(
        self, address: int, op: int, value: int, timeout: int = 0, address2: int = 0, value3: int = 0
    ) -> Awaitable[int]:
        """futex(2) on memory from mmap(); timeout and address2 are addresses."""
        return trap("futex", address, op, value, timeout, address2, value3)
