"""Signal numbers, sets, actions, queue entries (include/linux/signal.h, asm/signal.h, asm/siginfo.h).

A signal set is one int: bit n-1 stands for signal n (`sigmask(n)`).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.include.linux.sched import Task, UserStruct


NSIG: Final = 64
SIGRTMAX: Final = NSIG
SIGRTMIN: Final = 32
SIG_DFL: Final = 0
SIG_IGN: Final = 1
MINSIGSTKSZ: Final = 2048


# The standard signals; real-time ones are plain ints from SIGRTMIN on.
SIGHUP: Final = 1
SIGINT: Final = 2
SIGQUIT: Final = 3
SIGILL: Final = 4
SIGTRAP: Final = 5
SIGABRT: Final = 6
SIGBUS: Final = 7
SIGFPE: Final = 8
SIGKILL: Final = 9
SIGUSR1: Final = 10
SIGSEGV: Final = 11
SIGUSR2: Final = 12
SIGPIPE: Final = 13
SIGALRM: Final = 14
SIGTERM: Final = 15
SIGSTKFLT: Final = 16
SIGCHLD: Final = 17
SIGCONT: Final = 18
SIGSTOP: Final = 19
SIGTSTP: Final = 20
SIGTTIN: Final = 21
SIGTTOU: Final = 22
SIGURG: Final = 23
SIGXCPU: Final = 24
SIGXFSZ: Final = 25
SIGVTALRM: Final = 26
SIGPROF: Final = 27
SIGWINCH: Final = 28
SIGIO: Final = 29
SIGPWR: Final = 30
SIGSYS: Final = 31


class Sig(IntEnum):
    """The standard signals; real-time ones are plain ints from SIGRTMIN on."""

    SIGHUP = SIGHUP
    SIGINT = SIGINT
    SIGQUIT = SIGQUIT
    SIGILL = SIGILL
    SIGTRAP = SIGTRAP
    SIGABRT = SIGABRT
    SIGBUS = SIGBUS
    SIGFPE = SIGFPE
    SIGKILL = SIGKILL
    SIGUSR1 = SIGUSR1
    SIGSEGV = SIGSEGV
    SIGUSR2 = SIGUSR2
    SIGPIPE = SIGPIPE
    SIGALRM = SIGALRM
    SIGTERM = SIGTERM
    SIGSTKFLT = SIGSTKFLT
    SIGCHLD = SIGCHLD
    SIGCONT = SIGCONT
    SIGSTOP = SIGSTOP
    SIGTSTP = SIGTSTP
    SIGTTIN = SIGTTIN
    SIGTTOU = SIGTTOU
    SIGURG = SIGURG
    SIGXCPU = SIGXCPU
    SIGXFSZ = SIGXFSZ
    SIGVTALRM = SIGVTALRM
    SIGPROF = SIGPROF
    SIGWINCH = SIGWINCH
    SIGIO = SIGIO
    SIGPWR = SIGPWR
    SIGSYS = SIGSYS


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


SIG_KERNEL_ONLY_MASK: Final = sigmask(9, 19)
SIG_KERNEL_STOP_MASK: Final = sigmask(19, 20, 21, 22)
SIG_KERNEL_IGNORE_MASK: Final = sigmask(18, 17, 28, 23)
SIG_KERNEL_COREDUMP_MASK: Final = sigmask(3, 4, 5, 6, 8, 11, 7, 31, 24, 25)
SIGKILL_MASK: Final = sigmask(SIGKILL)
SYNCHRONOUS_MASK: Final = sigmask(11, 7, 4, 5, 8)


# sa_flags, in the order strace prints them.
SA_RESTORER: Final = 0x04000000
SA_ONSTACK: Final = 0x08000000
SA_RESTART: Final = 0x10000000
SA_NODEFER: Final = 0x40000000
SA_RESETHAND: Final = 0x80000000
SA_SIGINFO: Final = 4
SA_NOCLDSTOP: Final = 1
SA_NOCLDWAIT: Final = 2


class SaFlags(IntFlag):
    """sa_flags, in the order strace prints them."""

    RESTORER = SA_RESTORER
    ONSTACK = SA_ONSTACK
    RESTART = SA_RESTART
    NODEFER = SA_NODEFER
    RESETHAND = SA_RESETHAND
    SIGINFO = SA_SIGINFO
    NOCLDSTOP = SA_NOCLDSTOP
    NOCLDWAIT = SA_NOCLDWAIT


# First argument of rt_sigprocmask.
SIG_BLOCK: Final = 0
SIG_UNBLOCK: Final = 1
SIG_SETMASK: Final = 2


class SigHow(IntEnum):
    """First argument of rt_sigprocmask."""

    BLOCK = SIG_BLOCK
    UNBLOCK = SIG_UNBLOCK
    SETMASK = SIG_SETMASK


# struct sigaltstack.
SS_ONSTACK: Final = 1
SS_DISABLE: Final = 2


class SsFlags(IntFlag):
    """struct sigaltstack."""

    ONSTACK = SS_ONSTACK
    DISABLE = SS_DISABLE


# si_code values; those of one signal may share numbers, hence the prefixes.
SI_USER: Final = 0
SI_KERNEL: Final = 0x80
SI_QUEUE: Final = -1
SI_TIMER: Final = -2
SI_MESGQ: Final = -3
SI_ASYNCIO: Final = -4
SI_SIGIO: Final = -5
SI_TKILL: Final = -6


# si_code of SIGIO, and of what F_SETSIG sends instead.
POLL_IN: Final = 1
POLL_OUT: Final = 2
POLL_MSG: Final = 3
POLL_ERR: Final = 4
POLL_PRI: Final = 5
POLL_HUP: Final = 6


# si_code of SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP.
CLD_EXITED: Final = 1
CLD_KILLED: Final = 2
CLD_DUMPED: Final = 3
CLD_TRAPPED: Final = 4
CLD_STOPPED: Final = 5
CLD_CONTINUED: Final = 6
SEGV_MAPERR: Final = 1
SEGV_ACCERR: Final = 2
BUS_ADRALN: Final = 1
BUS_ADRERR: Final = 2
BUS_OBJERR: Final = 3
FPE_INTDIV: Final = 1
FPE_INTOVF: Final = 2
FPE_FLTDIV: Final = 3
ILL_ILLOPN: Final = 2
TRAP_BRKPT: Final = 1
TRAP_TRACE: Final = 2
TRAP_HWBKPT: Final = 4


class KSigaction:
    """What to do with one signal (struct k_sigaction). Immutable, so that tables can share entries.

    handler: SIG_DFL, SIG_IGN, a user address, or what a Python program registered (an int handle chosen by
    arch/python, never 0 or 1).  mask: signals blocked meanwhile.
    """

    __slots__ = ("handler", "flags", "restorer", "mask")  # derived

    def __init__(self, handler: int = SIG_DFL, flags: int = 0, restorer: int = 0, mask: int = 0) -> None:
        self.handler: Final[int] = handler
        self.flags: Final[int] = flags
        self.restorer: Final[int] = restorer
        self.mask: Final[int] = mask

    def reset(self) -> KSigaction:
        """Return the same with the default action."""
        return KSigaction(SIG_DFL, self.flags, self.restorer, self.mask)


DEFAULT_ACTION: Final = KSigaction()


class Siginfo:
    """siginfo_t: the fields of the union that the code in question fills are meaningful.

    pid is already the number in the receiver's pid namespace.
    """

    __slots__ = (
        "signo",
        "errno",
        "code",
        "pid",
        "uid",
        "status",
        "utime",
        "stime",
        "addr",
        "value",
        "tid",
        "overrun",
        "band",
        "fd",
        "raw",
    )  # derived

    def __init__(
        self,
        *,
        signo: int,
        errno: int = 0,
        code: int = 0,
        pid: int = 0,
        uid: int = 0,
        status: int = 0,
        utime: int = 0,
        stime: int = 0,
        addr: int = 0,
        value: int = 0,
        tid: int = 0,
        overrun: int = 0,
        band: int = 0,
        fd: int = 0,
        raw: bytes = b"",
    ) -> None:
        self.signo: int = signo
        self.errno: int = errno
        self.code: int = code
        self.pid: int = pid
        self.uid: int = uid
        self.status: int = status
        self.utime: int = utime  # clock ticks (USER_HZ)
        self.stime: int = stime
        self.addr: int = addr  # faults
        self.value: int = value  # sigqueue, timers: sigval as 64 bits
        self.tid: int = tid  # POSIX timers: timer id
        self.overrun: int = overrun
        self.band: int = band
        self.fd: int = fd
        self.raw: bytes = raw  # rt_sigqueueinfo: the 128 bytes the sender gave

    def is_timers(self) -> bool:
        """Whether a timer sends it: 3.2's SI_TIMER has a class that user space cannot give."""
        return self.code == SI_TIMER and not self.raw

    def has_class(self) -> bool:
        """Whether 3.2's code is positive within the kernel, though negative outside: no user's, whoever caused it."""
        return self.code in (SI_TIMER, SI_MESGQ) and not self.raw

    def copy(self) -> Siginfo:
        """Return another one like it."""  # derived
        return Siginfo(
            signo=self.signo,
            errno=self.errno,
            code=self.code,
            pid=self.pid,
            uid=self.uid,
            status=self.status,
            utime=self.utime,
            stime=self.stime,
            addr=self.addr,
            value=self.value,
            tid=self.tid,
            overrun=self.overrun,
            band=self.band,
            fd=self.fd,
            raw=self.raw,
        )


Requeue: TypeAlias = "Callable[[Task, Siginfo], None]"


class Sigqueue:
    """One queued signal (struct sigqueue).

    user: whose sigpending count it is charged to.  requeue: whom dequeue_signal() tells that the signal was taken,
    with what its receiver is about to see (3.2 knows by si_sys_private that it is do_schedule_next_timer()).
    """

    __slots__ = ("info", "user", "preallocated", "requeue")  # derived

    def __init__(self, info: Siginfo, user: UserStruct | None = None) -> None:
        self.info: Siginfo = info
        self.user: UserStruct | None = user
        self.preallocated: bool = False
        self.requeue: Requeue | None = None


class Sigpending:
    """A set of pending signals and the queue entries of those that have one (struct sigpending)."""

    __slots__ = ("signal", "list")  # derived

    def __init__(self) -> None:
        self.signal: int = 0
        self.list: list[Sigqueue] = []


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
