"""Sys: signals, timers, clocks, sleeping."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from procession.arch.python import checks, structs
from procession.arch.python.buffer import Handler, InBuffer, OutBuffer
from procession.arch.python.errors import SleepInterrupted
from procession.arch.python.traps import machine, trap
from procession.arch.python.wait_status import WaitStatus
from procession.include.linux.limits import LONG_MIN, ULONG_MAX
from procession.include.linux.signal import SA_RESTART, SA_RESTORER, SI_QUEUE, SIG_DFL, SIG_IGN
from procession.include.linux.time import CLOCK_MONOTONIC, NSEC_PER_SEC, USEC_PER_SEC

__all__ = ("SignalCalls",)

SignalSet = int | Iterable[int]


def _set(signals: SignalSet) -> InBuffer:
    return InBuffer(structs.mask_of(signals).to_bytes(8, "little"))


def _info(buffer: OutBuffer) -> structs.SignalInfo:
    return structs.siginfo(buffer.load(0, 128))


class SignalCalls(WaitStatus):
    """Signals and time."""

    __slots__ = ()

    async def sigaction(
        self, sig: int, handler: Callable[..., Any] | int | None = None, flags: int = 0, mask: SignalSet = 0
    ) -> Callable[..., Any] | int:
        """Set what a signal does and return what it did: SIG_DFL, SIG_IGN or a function; None only asks.

        The function gets the signal's number, with SA_SIGINFO also a SignalInfo. It may be `async def` and make
        system calls. What it raises comes out of the call that the signal has interrupted.
        """
        old = OutBuffer(32)
        new: InBuffer | int = 0
        bits, blocked = checks.bits("sigaction: flags", flags, 32, signed=False), structs.mask_of(mask)
        if handler is not None:
            if callable(handler):
                number = await machine("=handler", Handler(handler))
            elif handler in (SIG_DFL, SIG_IGN):
                number = int(handler)
            else:
                raise TypeError(f"sigaction: SIG_DFL, SIG_IGN or a function expected, not {handler!r:.80}")
            new = InBuffer(structs.SIGACTION.pack(number, bits | SA_RESTORER, 0, blocked))
        await trap("rt_sigaction", sig, new, old, 8)
        was = structs.SIGACTION.unpack(old.load(0, 32))[0]
        return await machine("=function", was) if was > 1 else was  # type: ignore[no-any-return]

    async def signal(self, sig: int, handler: Callable[..., Any] | int) -> Callable[..., Any] | int:
        """Set what a signal does, with SA_RESTART, as libc does."""
        return await self.sigaction(sig, handler, SA_RESTART)

    async def sigprocmask(self, how: int, signals: SignalSet | None = None) -> frozenset[int]:
        """Change the set of blocked signals; returns the old set. None only asks."""
        old = OutBuffer(8)
        await trap("rt_sigprocmask", how, 0 if signals is None else _set(signals), old, 8)
        return structs.set_of(int.from_bytes(old.load(0, 8), "little"))

    async def sigpending(self) -> frozenset[int]:
        """Return the signals that are blocked and pending."""
        pending = OutBuffer(8)
        await trap("rt_sigpending", pending, 8)
        return structs.set_of(int.from_bytes(pending.load(0, 8), "little"))

    async def sigsuspend(self, signals: SignalSet = 0) -> None:
        """Sleep with this set blocked until a handler has run; always raises InterruptedError."""
        await trap("rt_sigsuspend", _set(signals), 8)

    async def sigwaitinfo(self, signals: SignalSet, timeout_ns: int | None = None) -> structs.SignalInfo:
        """Wait for one of these (blocked) signals; raises BlockingIOError after the timeout."""
        info = OutBuffer(128)
        timeout = 0 if timeout_ns is None else InBuffer(structs.timespec("sigwaitinfo", timeout_ns))
        await trap("rt_sigtimedwait", _set(signals), info, timeout, 8)
        return _info(info)

    async def sigwait(self, signals: SignalSet) -> int:
        """Wait for one of these (blocked) signals and return its number; others do not end it (sigwait(3))."""
        while True:
            try:
                return (await self.sigwaitinfo(signals)).si_signo
            except InterruptedError:
                continue

    async def sigqueue(self, pid: int, sig: int, value: int = 0) -> None:
        """Send a signal with a value (sigqueue(3))."""
        value = checks.integer("sigqueue: value", value, LONG_MIN, ULONG_MAX) & ULONG_MAX
        number = checks.bits("sigqueue: sig", sig, 32, signed=True)
        me = await trap("getpid")
        uid = await trap("getuid")
        head = structs.SIGINFO.pack(number, 0, SI_QUEUE, 0, me, uid, 0)[:24]
        data = head + structs.SIGVAL.pack(value)
        await trap("rt_sigqueueinfo", pid, sig, InBuffer(data.ljust(128, b"\0")))

    async def raise_signal(self, sig: int) -> None:
        """Send a signal to the calling thread (raise(3))."""
        await trap("tgkill", await trap("getpid"), await trap("gettid"), sig)

    async def signalfd(self, fd: int, signals: SignalSet, flags: int = 0) -> int:
        """Make a descriptor that signals are read from."""
        return await trap("signalfd4", fd, _set(signals), 8, flags)

    # Time.

    async def nanosleep(self, ns: int) -> None:
        """Sleep for so many nanoseconds; raises SleepInterrupted, whose remaining_ns tells what is left."""
        left = OutBuffer(16)
        try:
            await trap("nanosleep", InBuffer(structs.timespec("nanosleep", ns)), left)
        except InterruptedError as error:
            seconds, nanoseconds = structs.TIMESPEC.unpack(left.load(0, 16))
            interrupted = SleepInterrupted(error.errno, error.strerror)
            interrupted.remaining_ns = seconds * NSEC_PER_SEC + nanoseconds
            raise interrupted from None

    async def sleep(self, seconds: float) -> None:
        """Sleep; as nanosleep()."""
        if not isinstance(seconds, int | float):
            raise TypeError(f"sleep: int or float expected, not {type(seconds).__name__} ({seconds!r:.80})")
        if not isfinite(seconds):
            raise ValueError(f"sleep: {seconds} is no number of seconds")
        await self.nanosleep(round(seconds * NSEC_PER_SEC))

    async def clock_gettime(self, clock: int = CLOCK_MONOTONIC) -> int:
        """Return a clock's time in nanoseconds; the monotonic one by default."""
        now = OutBuffer(16)
        await trap("clock_gettime", clock, now)
        seconds, nanoseconds = structs.TIMESPEC.unpack(now.load(0, 16))
        return seconds * NSEC_PER_SEC + nanoseconds  # type: ignore[no-any-return]

    async def clock_nanosleep(self, clock: int, flags: int, ns: int) -> None:
        """Sleep on a clock, until a time of it with TIMER_ABSTIME."""
        await trap("clock_nanosleep", clock, flags, InBuffer(structs.timespec("clock_nanosleep", ns)), 0)

    async def time(self) -> int:
        """Return seconds since 1970."""
        return await trap("time", 0)

    async def gettimeofday(self) -> tuple[int, int]:
        """Return seconds and microseconds since 1970."""
        now = OutBuffer(16)
        await trap("gettimeofday", now, 0)
        seconds, microseconds = structs.TIMEVAL.unpack(now.load(0, 16))
        return seconds, microseconds

    async def setitimer(self, which: int, value_us: int, interval_us: int = 0) -> tuple[int, int]:
        """Set an interval timer in microseconds, 0 to stop it; returns the old (value, interval)."""
        old = OutBuffer(32)
        for us in (value_us, interval_us):
            checks.bits("setitimer", us, 64, signed=True)
        new = structs.ITIMERVAL.pack(*divmod(interval_us, USEC_PER_SEC), *divmod(value_us, USEC_PER_SEC))
        await trap("setitimer", which, InBuffer(new), old)
        a, b, c, d = structs.ITIMERVAL.unpack(old.load(0, 32))
        return c * USEC_PER_SEC + d, a * USEC_PER_SEC + b

    async def getitimer(self, which: int) -> tuple[int, int]:
        """Return an interval timer's (value, interval) in microseconds."""
        now = OutBuffer(32)
        await trap("getitimer", which, now)
        a, b, c, d = structs.ITIMERVAL.unpack(now.load(0, 32))
        return c * USEC_PER_SEC + d, a * USEC_PER_SEC + b

    async def timerfd_settime(self, fd: int, value_ns: int, interval_ns: int = 0, flags: int = 0) -> None:
        """Arm a timer descriptor."""
        data = structs.timespec("timerfd_settime", interval_ns) + structs.timespec("timerfd_settime", value_ns)
        await trap("timerfd_settime", fd, flags, InBuffer(data), 0)
