"""Sys: processes, their identity, their end, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from procession.arch.python import checks, structs
from procession.arch.python.buffer import InBuffer, OutBuffer, Stack, path_of, user_strings
from procession.arch.python.sys_socket import SocketCalls
from procession.arch.python.traps import machine, trap
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import MAP_ANONYMOUS, PROT_READ, PROT_WRITE
from procession.include.linux.mman import MAP_PRIVATE
from procession.include.linux.prctl import PR_SET_NAME
from procession.include.linux.resource import PRIO_PROCESS, RUSAGE_SELF
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.threads import NR_CPUS

__all__ = ("ProcessCalls",)


def _rlimit(what: str, limits: tuple[int, int]) -> InBuffer:
    if not isinstance(limits, tuple | list) or len(limits) != len(("soft", "hard")):
        raise TypeError(f"{what}: (soft, hard) expected, not {limits!r:.80}")
    return InBuffer(checks.packed(what, structs.RLIMIT, *limits))


class ProcessCalls(SocketCalls):
    """fork, exec, exit, wait and who one is."""

    __slots__ = ()

    async def fork(self) -> int:
        """Return the child's pid in the parent, 0 in the child, which has its own copy of everything."""
        return await trap("fork")

    async def vfork(self) -> int:
        """As fork(); the parent sleeps until the child execs or exits; they share the memory of peek() and poke()."""
        return await trap("vfork")

    async def clone(
        self,
        fn: Callable[..., Any] | None,
        *args: Any,
        flags: int = SIGCHLD,
        parent_tid: Any = 0,
        child_tid: Any = 0,
        tls: int = 0,
    ) -> int:
        """Start `fn(linux, *args)` in a new task and return its number (clone(3) of libc).

        fn is called, not copied: what it refers to is shared with the parent, as between threads. When it returns,
        the task exits with that status. fn None: the child continues here, with result 0 (the bare system call).
        """
        if fn is None:
            return await trap("clone", flags, 0, parent_tid, child_tid, tls)
        if not callable(fn):
            raise TypeError(f"clone: a function and its arguments expected, not {fn!r:.80}")
        return await trap("clone", flags, Stack(fn, args), parent_tid, child_tid, tls)

    async def execve(
        self,
        path: str | bytes,
        argv: Sequence[str | bytes],
        env: Mapping[str, str] | Sequence[str | bytes] | None = None,
    ) -> NoReturn:
        """Become another program; env None: keep the environment this program was given."""
        await trap("execve", path_of(path), user_strings(argv), self.envp_of(env))
        raise AssertionError("execve returned")

    async def exit(self, code: int = 0) -> NoReturn:
        """End this thread (exit(2)); the last one ends the process."""
        await trap("exit", code)
        raise AssertionError("exit returned")

    async def exit_group(self, code: int = 0) -> NoReturn:
        """End the process (exit(3) without atexit handlers)."""
        await trap("exit_group", code)
        raise AssertionError("exit_group returned")

    async def waitpid(self, pid: int = -1, options: int = 0) -> tuple[int, int]:
        """Wait for a child; returns (pid, status), (0, 0) with WNOHANG if none has changed."""
        status = OutBuffer(4)
        nr = await trap("wait4", pid, status, options, 0)
        return nr, int.from_bytes(status.data, "little")

    async def wait(self) -> tuple[int, int]:
        """Wait for any child."""
        status = OutBuffer(4)
        nr = await trap("wait4", -1, status, 0, 0)
        return nr, int.from_bytes(status.data, "little")

    async def wait4(self, pid: int = -1, options: int = 0) -> tuple[int, int, structs.Rusage]:
        """Wait for a child; returns (pid, status, what it and its children used)."""
        status, usage = OutBuffer(4), OutBuffer(144)
        nr = await trap("wait4", pid, status, options, usage)
        return nr, int.from_bytes(status.data, "little"), structs.rusage(usage.load(0, 144))

    async def waitid(self, which: int, id: int, options: int) -> structs.WaitidResult | None:
        """Wait for a child's exit, stop or continuation; None with WNOHANG if there is none."""
        info = OutBuffer(128)
        await trap("waitid", which, id, info, options, 0)
        return structs.waitid_result(info.load(0, 128))

    async def getgroups(self) -> list[int]:
        """Return the supplementary groups."""
        count = await trap("getgroups", 0, 0)
        groups = OutBuffer(count * 4)
        await trap("getgroups", count, groups)
        return memoryview(groups.load(0, count * 4)).cast("I").tolist()

    async def setgroups(self, groups: Sequence[int]) -> None:
        """Set the supplementary groups."""
        if not isinstance(groups, Sequence) or isinstance(groups, str | bytes):
            raise TypeError(f"setgroups: a list of ints expected, not {type(groups).__name__} ({groups!r:.80})")
        data = b"".join(checks.packed("setgroups", structs.UID, group) for group in groups)
        await trap("setgroups", len(groups), InBuffer(data))

    async def getresuid(self) -> tuple[int, int, int]:
        """Return real, effective and saved user id."""
        return await self._three("getresuid")

    async def getresgid(self) -> tuple[int, int, int]:
        """Return real, effective and saved group id."""
        return await self._three("getresgid")

    async def _three(self, name: str) -> tuple[int, int, int]:
        buffers = OutBuffer(4), OutBuffer(4), OutBuffer(4)
        await trap(name, *buffers)
        real, effective, saved = (int.from_bytes(buffer.data, "little") for buffer in buffers)
        return real, effective, saved

    async def getrusage(self, who: int = RUSAGE_SELF) -> structs.Rusage:
        """Return the resources used by this process, its children or this thread."""
        usage = OutBuffer(144)
        await trap("getrusage", who, usage)
        return structs.rusage(usage.load(0, 144))

    async def getrlimit(self, resource: int) -> tuple[int, int]:
        """Return the soft and the hard limit."""
        limits = OutBuffer(16)
        await trap("getrlimit", resource, limits)
        soft, hard = structs.RLIMIT.unpack(limits.load(0, 16))
        return soft, hard

    async def setrlimit(self, resource: int, limits: tuple[int, int]) -> None:
        """Set the soft and the hard limit."""
        await trap("setrlimit", resource, _rlimit("setrlimit", limits))

    async def prlimit64(self, pid: int, resource: int, limits: tuple[int, int] | None = None) -> tuple[int, int]:
        """Set the limits of a process if limits are given; returns the old ones."""
        old = OutBuffer(16)
        new = 0 if limits is None else _rlimit("prlimit64", limits)
        await trap("prlimit64", pid, resource, new, old)
        soft, hard = structs.RLIMIT.unpack(old.load(0, 16))
        return soft, hard

    async def uname(self) -> structs.Uname:
        """Return the kernel's names."""
        names = OutBuffer(390)
        await trap("uname", names)
        return structs.uname(names.load(0, 390))

    async def sethostname(self, name: str) -> None:
        """Set the host's name in this UTS namespace."""
        data = checks.data_of("sethostname", name)
        await trap("sethostname", InBuffer(data), len(data))

    async def sysinfo(self) -> structs.SysInfo:
        """Return figures about the whole machine."""
        info = OutBuffer(112)
        await trap("sysinfo", info)
        return structs.sysinfo(info.load(0, 112))

    async def times(self) -> structs.Tms:
        """Return CPU time used, in clock ticks of 10 ms."""
        buffer = OutBuffer(32)
        elapsed = await trap("times", buffer)
        utime, stime, cutime, cstime = structs.TMS.unpack(buffer.load(0, 32))
        return structs.Tms(utime, stime, cutime, cstime, elapsed)

    async def getcpu(self) -> int:
        """Return the number of the CPU this runs on."""
        cpu = OutBuffer(4)
        await trap("getcpu", cpu, 0, 0)
        return int.from_bytes(cpu.data, "little")

    async def sched_setaffinity(self, pid: int, cpus: set[int] | frozenset[int] | Sequence[int]) -> None:
        """Let a task run on these CPUs only."""
        mask = checks.mask("sched_setaffinity", cpus, 0, NR_CPUS - 1)
        await trap("sched_setaffinity", pid, 8, InBuffer(mask.to_bytes(8, "little")))

    async def sched_getaffinity(self, pid: int = 0) -> frozenset[int]:
        """Return the CPUs a task may run on."""
        buffer = OutBuffer(128)
        size = await trap("sched_getaffinity", pid, len(buffer), buffer)
        mask = int.from_bytes(buffer.load(0, size), "little")
        return frozenset(n for n in range(mask.bit_length()) if mask >> n & 1)

    async def sched_setscheduler(self, pid: int, policy: int, priority: int = 0) -> None:
        """Set a task's policy and real-time priority."""
        data = checks.packed("sched_setscheduler", structs.INT, priority)
        await trap("sched_setscheduler", pid, policy, InBuffer(data))

    async def set_name(self, name: str) -> None:
        """Set this thread's comm (PR_SET_NAME)."""
        await trap("prctl", PR_SET_NAME, path_of(name), 0, 0, 0)

    async def nice(self, increment: int) -> int:
        """Change the nice value as the C library does, by setpriority(2); returns 0."""
        increment = checks.bits("nice", increment, 32, signed=True)
        now = 20 - await trap("getpriority", PRIO_PROCESS, 0)
        return await trap("setpriority", PRIO_PROCESS, 0, now + increment)

    # Memory: real pages behind this process's own page tables.

    async def mmap(
        self,
        addr: int = 0,
        length: int = 4096,
        prot: int = PROT_READ | PROT_WRITE,
        flags: int = MAP_PRIVATE | MAP_ANONYMOUS,
        fd: int = -1,
        offset: int = 0,
    ) -> int:
        """Map memory and return its address; use peek() and poke() to get at it."""
        return await trap("mmap", addr, length, prot, flags, fd, offset)

    async def peek(self, address: int, size: int) -> bytes:
        """Load bytes from memory; an address that is not mapped is a SIGSEGV."""
        checks.integer("peek: address", address, 0, ULONG_MAX)
        checks.size("peek: size", size)
        return await machine("=load", address, size)  # type: ignore[no-any-return]

    async def poke(self, address: int, data: bytes) -> None:
        """Store bytes to memory; an address that may not be written is a SIGSEGV."""
        checks.integer("poke: address", address, 0, ULONG_MAX)
        await machine("=store", address, checks.data_of("poke", data))

    async def futex(
        self, address: int, op: int, value: int, timeout: int = 0, address2: int = 0, value3: int = 0
    ) -> int:
        """Wait or wake (futex(2)) on memory from mmap(); timeout and address2 are addresses."""
        return await trap("futex", address, op, value, timeout, address2, value3)
