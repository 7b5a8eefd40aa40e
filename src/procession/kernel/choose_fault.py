"""What goes wrong in an explored program because it was chosen: refused memory, EINTR, short transfers, reused numbers.

Each is asked only while somebody wants it (Chooser.optional), of the program's own threads, in their system calls. All
of it happens to programs on a real machine, if seldom. As Linux's fault injection does, an answer decides one request
(lib/fault-inject.c); strace's inject=…:error=EINTR is the nearest that a tracer has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.chooser import GETS_NUMBER, INTERRUPT, IS_INTERRUPTED, IS_REFUSED, MEMORY, PID, SHORT, TRANSFERS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fault_inject import Fault, FaultAttr
from procession.include.linux.sched import PF_FORKNOEXEC, TASK_INTERRUPTIBLE, TIF_SIGPENDING, TIF_SYSCALL_TRACEPOINT
from procession.include.linux.socket import SOCK_STREAM

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.net.core.sock import Sock

__all__ = (
    "ChosenFaults",
    "choose_bytes",
    "choose_count",
    "choose_interrupt",
    "choose_number",
    "is_explored",
    "was_interrupted",
)

# usercopy is left out: a pointer of the program's is good or bad by itself.
_KINDS: Final = ("slab", "page", "pid")
_EINTR: Final = int(Errno.EINTR)


def is_explored(current: Task) -> bool:
    """Whether current is a thread of the program's, which has begun, and in a system call."""
    program = current.kernel.init_program
    if program is None or not current.ti_flags & TIF_SYSCALL_TRACEPOINT or current.mm is None:
        return False
    if current.pid == 1 and not program.as_init:
        return False
    if current.flags & PF_FORKNOEXEC and current.pid == program.nr:
        return False  # what fails before the first program runs is nobody's fault but the user's
    return current.thread.syscall_nr() >= 0


class ChosenFaults(FaultAttr):
    """Asks the machine's chooser whether a request is refused, of each that a call of an explored program makes."""

    def __init__(self) -> None:
        super().__init__(_KINDS)

    def ask(self, k: Kernel, kind: str, what: str, errno: Errno) -> None:
        """Raise errno if that is chosen."""
        if MEMORY not in k.chooser.optional or kind not in self.kinds or k.init_program is None:
            return
        if not is_explored(k.current):
            return
        if k.chooser.choose(IS_REFUSED, (0, int(errno))):
            error = LinuxError(errno, f"no memory for {what}, as was chosen")
            fault = Fault(kind, what, k.current.comm, k.current.pid, error)
            self.hits.append(fault)
            raise error


def choose_interrupt(current: Task) -> bool:
    """Ask whether current, about to sleep in a call, is interrupted: as by a handler that does not restart calls.

    The call sees what it sees when a signal has come, and gives EINTR even if it would be restarted otherwise: as it
    would have been after a handler of a signal without SA_RESTART (signal(7), "Interruption of system calls").
    """
    k = current.kernel
    if INTERRUPT not in k.chooser.optional or current.state != TASK_INTERRUPTIBLE or not is_explored(current):
        return False
    if not k.chooser.choose(IS_INTERRUPTED, (0, _EINTR)):
        return False
    k.sched.interrupted.add(current.pid)
    current.ti_flags |= TIF_SIGPENDING
    return True


def was_interrupted(current: Task) -> bool:
    """Whether current's call has ended because it was chosen that it shall, which it hears once."""
    interrupted = current.kernel.sched.interrupted
    if current.pid not in interrupted:
        return False
    interrupted.discard(current.pid)
    return True


def choose_count(current: Task, count: int) -> int:
    """Ask how many bytes are moved of count: all, or one. Asked of pipes, streams and terminals, which may do so."""
    k = current.kernel
    if SHORT not in k.chooser.optional or count < 2 or not is_explored(current):
        return count
    return 1 if k.chooser.choose(TRANSFERS, (count, 1)) else count


def choose_bytes(current: Task, sk: Sock, count: int) -> int:
    """Ask the same of a socket: a stream may move fewer, a message is moved as a whole."""
    return choose_count(current, count) if current.kernel.chooser.optional and sk.type == SOCK_STREAM else count


def choose_number(current: Task, nr: int, gone: list[int]) -> int:
    """Ask whether a new process gets its number, or one of those of processes that are gone, as after a wrap."""
    k = current.kernel
    if PID not in k.chooser.optional or not gone or not is_explored(current):
        return nr
    numbers = (nr, *gone)
    return numbers[k.chooser.choose(GETS_NUMBER, numbers)]
