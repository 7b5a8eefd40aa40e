"""The macros of <sys/wait.h> that take a wait status apart."""

from __future__ import annotations

from procession.arch.python._calls import PlainCalls
from procession.include.linux.wait import W_CONTINUED, WCOREFLAG, WSTOPPED_BYTE, WTERMSIG_MASK

__all__ = ("WaitStatus", "returncode_of")


class WaitStatus(PlainCalls):
    """They are no system calls and not awaited."""

    __slots__ = ()

    @staticmethod
    def WIFEXITED(status: int) -> bool:
        """Whether a wait status says that the child called exit."""
        return status & WTERMSIG_MASK == 0

    @staticmethod
    def WEXITSTATUS(status: int) -> int:
        """Return the exit code."""
        return status >> 8 & 0xFF

    @staticmethod
    def WIFSIGNALED(status: int) -> bool:
        """Whether a signal has killed the child."""
        return 0 < status & WTERMSIG_MASK < WSTOPPED_BYTE

    @staticmethod
    def WTERMSIG(status: int) -> int:
        """Return the signal that killed it."""
        return status & WTERMSIG_MASK

    @staticmethod
    def WCOREDUMP(status: int) -> bool:
        """Whether it has left a core file."""
        return bool(status & WCOREFLAG)

    @staticmethod
    def WIFSTOPPED(status: int) -> bool:
        """Whether the child is stopped."""
        return status & 0xFF == WSTOPPED_BYTE

    @staticmethod
    def WSTOPSIG(status: int) -> int:
        """Return the signal that stopped it."""
        return status >> 8 & 0xFF

    @staticmethod
    def WIFCONTINUED(status: int) -> bool:
        """Whether the child was continued."""
        return status == W_CONTINUED


def returncode_of(status: int) -> int:
    """Return a wait status as subprocess does: the exit code, or -n after signal n."""
    signr = status & WTERMSIG_MASK
    return -signr if signr else status >> 8 & 0xFF
