"""What a run leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.arch.python.wait_status import returncode_of
from procession.include.linux.wait import WTERMSIG_MASK

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.include.linux.kernel import Kernel as LinuxKernel
    from procession.include.linux.tracepoint import ListenerError
    from procession.include.trace.events import Event

__all__ = ("Result",)


class Result:
    """What a run left behind.

    status: wait status of the program, as wait4(2) reports it.  stdout, stderr: what it wrote, empty when the
    console was the host's.  machine: what it ran on, stopped.
    """

    __slots__ = ("status", "stdout", "stderr", "machine")  # derived

    def __init__(self, status: int, stdout: bytes, stderr: bytes, machine: Machine) -> None:
        self.status: int = status
        self.stdout: bytes = stdout
        self.stderr: bytes = stderr
        self.machine: Machine = machine

    def __repr__(self) -> str:
        return f"Result(status={self.status!r}, stdout={self.stdout!r}, stderr={self.stderr!r})"

    @property
    def exit_code(self) -> int:
        """The status as a shell gives it: the exit code, or 128 + the signal."""
        signr = self.status & WTERMSIG_MASK
        return 128 + signr if signr else self.status >> 8

    @property
    def output(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are shown escaped."""
        return self.stdout.decode(errors="backslashreplace")

    @property
    def lines(self) -> list[str]:
        """The lines of output, without their ends."""
        return self.output.removesuffix("\n").split("\n") if self.stdout else []

    def check(self) -> Result:
        """Return this result; raises ProgramFailed unless the program has ended with 0.

        That is a subprocess.CalledProcessError, whose text has the end of standard error as well.
        """
        if self.status:
            from procession.arch.python.completed import ProgramFailed  # noqa: PLC0415 -- most programs need none

            command = self.machine.command
            assert command is not None
            raise ProgramFailed(returncode_of(self.status), command.argv, self.stdout, self.stderr)
        return self

    @property
    def trace(self) -> list[Event]:
        """The events that were asked for by trace=."""
        return self.machine.events

    @property
    def listener_errors(self) -> list[ListenerError]:
        """What trace listeners have raised, who were taken out for it."""
        return self.machine.trace.errors

    @property
    def kernel(self) -> LinuxKernel:
        """The kernel's structures, as the run left them."""
        return self.machine.kernel

    def check_baseline(self) -> None:
        """Raise KernelBug unless everything the run made has been given back (Machine.check_baseline)."""
        self.machine.check_baseline()
