"""The user side of a task, as the kernel sees it (asm/processor.h, asm/entry).

Two architectures implement this: arch/x86 (an ELF image on a CPU of hw/) and arch/python (a coroutine).
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from procession.include.linux.bug import bug, bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import TIF_WORK_SYSCALL_EXIT

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo
    from procession.include.linux.types import UserPtr


class KernelStack:
    """What a task is in the middle of in the kernel: a coroutine that awaits schedule() again and again."""

    __slots__ = ("coro",)

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self.coro = coro

    def step(self) -> bool:
        """Go on until it sleeps again; returns whether it has come to its end."""
        try:
            self.coro.send(None)
        except StopIteration:
            return True
        return False


class SyscallStack(KernelStack):
    """The stack of a system call, whose result goes to where the program expects it, and to a tracer before.

    nr, name: what trace events call it; no name: there is none, as a tracer has had it left out.
    leaves: the result is there, and only the tracer is still to be told.
    """

    __slots__ = ("current", "leaves", "name", "nr")

    def __init__(self, current: Task, nr: int, name: str, coro: Coroutine[Any, Any, int]) -> None:
        super().__init__(coro)
        self.current = current
        self.nr = nr
        self.name = name
        self.leaves = False

    def step(self) -> bool:
        """Go on until it sleeps again; returns whether the call is done and its result is the program's."""
        try:
            self.coro.send(None)
        except StopIteration as done:
            if self.leaves:
                return True
            result = done.value or 0
        except LinuxError as error:
            bug_on(self.leaves, "a system call fails when it is over", self.current, error)
            result = -error.errno
        else:
            return False
        return self._finish(result)

    def _finish(self, result: int) -> bool:
        """Store the result, and go on as step() if a tracer wants to see it.

        execve(2) has put another thread into current meanwhile, and the tracer may have asked in an event's stop.
        """
        current = self.current
        current.thread.set_return(result)
        trace = current.kernel.trace
        if trace.sys_exit and self.name:
            trace.sys_exit(self.nr, self.name, result)
        if not current.ti_flags & TIF_WORK_SYSCALL_EXIT:
            return True
        self.leaves = True
        self.coro = current.thread.syscall_trace_leave(current)
        return self.step()


class Regset(Protocol):
    """A set of registers as a tracer reads and writes it, all or its beginning (struct user_regset).

    size: bytes in all.  unit: what a length has to be a multiple of.
    """

    size: int
    unit: int

    def get(self) -> bytes:
        """Return all of it; raises ENODEV, ENXIO where there is none."""
        ...

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Overwrite its beginning with current's memory; raises EFAULT, and what the registers refuse: EIO, ENODEV."""
        ...


class ThreadStruct(Protocol):
    """Task.thread: registers and the like. Kernel threads have kernel/kthread's, which never runs user code."""

    def run(self, current: Task, budget_ns: int) -> KernelStack | None:
        """Run user code until the kernel has to do something.

        Returns the kernel stack that does it (a system call that may sleep, a signal to deliver), which ends when
        the task may go back to user mode; or None when the budget is used up or Task.ti_flags asks for work.
        A budget of NEVER: nobody else is waiting and no timer is due.
        """
        ...

    def copy_thread(self, current: Task, clone_flags: int, usp: UserPtr, p: Task, tls: int) -> ThreadStruct:
        """Return the child's user side: as the parent's, but the call returns 0 there (spec 3.1 step 20).

        usp: new stack pointer, 0 to keep; a Python program's is a Stack of arch/python/buffer.py.
        Raises EPERM for a TLS address outside user space.
        """
        ...

    def set_return(self, value: int) -> None:
        """Set what the pending system call returns (negative: -errno)."""
        ...

    def syscall_nr(self) -> int:
        """Number of the system call in progress (orig_rax), -1 if none."""
        ...

    def syscall_get_arguments(self) -> tuple[int, ...]:
        """The six arguments of that call, as words; 0 for what is no number."""
        ...

    def syscall_pc(self) -> int:
        """Where current's program goes on behind the call that it is in, 0 if there is no instruction pointer."""
        ...

    def syscall_get_error(self) -> int:
        """What set_return was given last for the pending call if that was negative (a -errno), else 0.

        Restart codes included; a signal frame or a finished restart leaves 0 (syscall_get_error, asm/syscall.h).
        """
        ...

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        """Make the user side run ka.handler next; raises LinuxError(EFAULT) if the frame cannot be written."""
        ...

    def syscall_trace_leave(self, current: Task) -> Coroutine[Any, Any, int]:
        """Tell current's tracer of the end of the call in progress, whose result is set; returns 0."""
        ...

    def syscall_restart(self, current: Task, code: int) -> None:
        """Arrange for the interrupted call to be made again; code is an Errno restart code (spec 10.11)."""
        ...

    def user_pc(self) -> int:
        """Instruction pointer, 0 if there is none."""
        ...

    def set_user_pc(self, pc: int) -> None:
        """Go on at pc, in user mode."""
        ...

    def user_sp(self) -> int:
        """Stack pointer, 0 if there is none."""
        ...

    def user_regset_view(self) -> Sequence[tuple[int, bytes]]:
        """What a core file shows of the registers: type and contents of each note, the general ones first.

        The types are NT_PRSTATUS, NT_PRFPREG … (struct user_regset_view); empty where nobody sees registers.
        """
        ...

    def arch_ptrace(self, current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
        """Answer a request of child's tracer, which current is, that is about registers; child is stopped.

        Raises EIO for a request that there is not, and what spec ptrace-x86 5 says of each.
        """
        ...

    def find_regset(self, type: int) -> Regset | None:
        """Return a set of registers by the type of its note in a core file; None if there is no such set."""
        ...

    def get_tsc_mode(self) -> bool:
        """Whether the program may read the time stamp counter."""
        ...

    def set_tsc_mode(self, enable: bool) -> None:
        """Let the program read the time stamp counter, or not: SIGSEGV then (disable_TSC)."""
        ...

    def user_enable_single_step(self, child: Task) -> None:
        """Let child stop behind its next instruction; raises EIO if it has no instructions."""
        ...

    def user_enable_block_step(self, child: Task) -> None:
        """Let child stop behind the next branch that it takes; raises EIO if it has no instructions."""
        ...

    def user_disable_single_step(self, child: Task) -> None:
        """Let child run on."""
        ...

    def show_regs(self, current: Task) -> Sequence[str]:
        """The lines about the registers that the log shows after a fatal signal; none where there are no registers."""
        ...

    def exit_thread(self) -> None:
        """The task is ending: give up what the user side holds."""
        ...


class NoRegisters:
    """What a ThreadStruct says of registers and instructions where there are none."""

    __slots__ = ()

    def user_pc(self) -> int:
        """Return 0."""
        return 0

    def set_user_pc(self, pc: int) -> None:
        """Stop: who has no instructions cannot be sent to one."""
        bug("no instruction pointer", pc)

    def user_sp(self) -> int:
        """Return 0."""
        return 0

    def user_regset_view(self) -> tuple[()]:
        """Return nothing."""
        return ()

    def find_regset(self, type: int) -> None:
        """Return None."""
        return

    def get_tsc_mode(self) -> bool:
        """Return True: who has no instructions cannot be refused one."""
        return True

    def set_tsc_mode(self, enable: bool) -> None:
        """Agree."""

    def arch_ptrace(self, current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
        """Raise EIO: all that is asked here is about registers."""
        raise LinuxError(Errno.EIO, "no registers")

    def user_enable_single_step(self, child: Task) -> None:
        """Raise EIO: there are no instructions."""
        raise LinuxError(Errno.EIO, "no instructions")

    def user_enable_block_step(self, child: Task) -> None:
        """Raise EIO: there are no branches."""
        raise LinuxError(Errno.EIO, "no branches")

    def user_disable_single_step(self, child: Task) -> None:
        """Let it run on, as it does in any case."""

    def show_regs(self, current: Task) -> tuple[()]:
        """Return no lines."""
        return ()
