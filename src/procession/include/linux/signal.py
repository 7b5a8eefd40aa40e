"""Signal numbers, sets, actions, queue entries (include/linux/signal.h, asm/signal.h, asm/siginfo.h).

A signal set is one int: bit n-1 stands for signal n (`sigmask(n)`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.sched import UserStruct

__all__ = (
    "DEFAULT_ACTION",
    "MINSIGSTKSZ",
    "NSIG",
    "SIGRTMIN",
    "SIG_DFL",
    "SIG_IGN",
    "SIG_KERNEL_COREDUMP_MASK",
    "SIG_KERNEL_IGNORE_MASK",
    "SIG_KERNEL_ONLY_MASK",
    "SIG_KERNEL_STOP_MASK",
    "SYNCHRONOUS_MASK",
    "ActionIn",
    "ActionOut",
    "InfoIn",
    "InfoOut",
    "KSigaction",
    "SaFlags",
    "SiCode",
    "Sig",
    "SigAltStack",
    "SigHow",
    "SigHowArg",
    "Sigevent",
    "Siginfo",
    "Sigpending",
    "Sigqueue",
    "SigsetIn",
    "SigsetOut",
    "SsFlags",
    "StackIn",
    "StackOut",
    "sigmask",
    "signame",
)

NSIG = 64
SIGRTMIN = 32
SIG_DFL = 0
SIG_IGN = 1
MINSIGSTKSZ = 2048


class Sig(IntEnum):
    """The standard signals; real-time ones are plain ints from SIGRTMIN on."""

    SIGHUP = 1
    SIGINT = 2
    SIGQUIT = 3
    SIGILL = 4
    SIGTRAP = 5
    SIGABRT = 6
    SIGBUS = 7
    SIGFPE = 8
    SIGKILL = 9
    SIGUSR1 = 10
    SIGSEGV = 11
    SIGUSR2 = 12
    SIGPIPE = 13
    SIGALRM = 14
    SIGTERM = 15
    SIGSTKFLT = 16
    SIGCHLD = 17
    SIGCONT = 18
    SIGSTOP = 19
    SIGTSTP = 20
    SIGTTIN = 21
    SIGTTOU = 22
    SIGURG = 23
    SIGXCPU = 24
    SIGXFSZ = 25
    SIGVTALRM = 26
    SIGPROF = 27
    SIGWINCH = 28
    SIGIO = 29
    SIGPWR = 30
    SIGSYS = 31


def sigmask(*sigs: int) -> int:
    """Return the set that holds just these signals."""
    mask = 0
    for sig in sigs:
        mask |= 1 << (sig - 1)
    return mask


def signame(sig: int) -> str:
    """Return the name as strace prints it: SIGCHLD, SIGRTMIN, SIGRT_3."""
    if 1 <= sig < SIGRTMIN:
        return Sig(sig).name
    if sig == SIGRTMIN:
        return "SIGRTMIN"
    if SIGRTMIN < sig <= NSIG:
        return f"SIGRT_{sig - SIGRTMIN}"
    return str(sig)


SIG_KERNEL_ONLY_MASK = sigmask(9, 19)
SIG_KERNEL_STOP_MASK = sigmask(19, 20, 21, 22)
SIG_KERNEL_IGNORE_MASK = sigmask(18, 17, 28, 23)
SIG_KERNEL_COREDUMP_MASK = sigmask(3, 4, 5, 6, 8, 11, 7, 31, 24, 25)
SYNCHRONOUS_MASK = sigmask(11, 7, 4, 5, 8)


class SaFlags(IntFlag):
    """sa_flags, in the order strace prints them."""

    RESTORER = 0x04000000
    ONSTACK = 0x08000000
    RESTART = 0x10000000
    NODEFER = 0x40000000
    RESETHAND = 0x80000000
    SIGINFO = 4
    NOCLDSTOP = 1
    NOCLDWAIT = 2


class SigHow(IntEnum):
    """First argument of rt_sigprocmask."""

    BLOCK = 0
    UNBLOCK = 1
    SETMASK = 2


class SsFlags(IntFlag):
    """struct sigaltstack."""

    ONSTACK = 1
    DISABLE = 2


class SiCode(IntEnum):
    """si_code values; those of one signal may share numbers, hence the prefixes."""

    USER = 0
    KERNEL = 0x80
    QUEUE = -1
    TIMER = -2
    MESGQ = -3
    ASYNCIO = -4
    SIGIO = -5
    TKILL = -6


# si_code of SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP.
CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED = range(1, 7)
SEGV_MAPERR, SEGV_ACCERR = 1, 2
BUS_ADRALN, BUS_ADRERR, BUS_OBJERR = 1, 2, 3
FPE_INTDIV, FPE_INTOVF, FPE_FLTDIV = 1, 2, 3
ILL_ILLOPN = 2
TRAP_BRKPT, TRAP_TRACE = 1, 2


@dataclass(frozen=True, slots=True)
class KSigaction:
    """What to do with one signal (struct k_sigaction). Immutable, so that tables can share entries.

    handler: SIG_DFL, SIG_IGN, a user address, or what a Python program registered (an int handle chosen by
    arch/python, never 0 or 1).  mask: signals blocked meanwhile.
    """

    handler: int = SIG_DFL
    flags: int = 0
    restorer: int = 0
    mask: int = 0


DEFAULT_ACTION = KSigaction()


@dataclass(slots=True, kw_only=True)
class Siginfo:
    """siginfo_t: the fields of the union that the code in question fills are meaningful.

    pid is already the number in the receiver's pid namespace.
    """

    signo: int
    errno: int = 0
    code: int = 0
    pid: int = 0
    uid: int = 0
    status: int = 0
    utime: int = 0  # clock ticks (USER_HZ)
    stime: int = 0
    addr: int = 0  # faults
    value: int = 0  # sigqueue, timers: sigval as 64 bits
    tid: int = 0  # POSIX timers: timer id
    overrun: int = 0
    band: int = 0
    fd: int = 0
    raw: bytes = b""  # rt_sigqueueinfo: the 128 bytes the sender gave


@dataclass(eq=False, slots=True)
class Sigqueue:
    """One queued signal (struct sigqueue); user is whose sigpending count it is charged to."""

    info: Siginfo
    user: UserStruct | None = None
    preallocated: bool = False


@dataclass(eq=False, slots=True)
class Sigpending:
    """A set of pending signals and the queue entries of those that have one (struct sigpending)."""

    signal: int = 0
    list: list[Sigqueue] = field(default_factory=list)


@dataclass(slots=True)
class SigAltStack:
    """stack_t as user space gives it."""

    sp: UserPtr = 0
    flags: int = 0
    size: int = 0


SigHowArg = Annotated[int, Arg("int", 32, signed=True, values=SigHow, prefix="SIG_")]
SigsetIn = Annotated[UserPtr, Arg("sigset_t")]
SigsetOut = Annotated[UserPtr, Arg("sigset_t", out=True)]
ActionIn = Annotated[UserPtr, Arg("struct sigaction")]
ActionOut = Annotated[UserPtr, Arg("struct sigaction", out=True)]
InfoIn = Annotated[UserPtr, Arg("siginfo_t")]
InfoOut = Annotated[UserPtr, Arg("siginfo_t", out=True)]
StackIn = Annotated[UserPtr, Arg("stack_t")]
StackOut = Annotated[UserPtr, Arg("stack_t", out=True)]
Sigevent = Annotated[UserPtr, Arg("struct sigevent")]
