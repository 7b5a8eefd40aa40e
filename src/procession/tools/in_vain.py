"""Who has failed after asking for something that is not there: the first thing to look at, said without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.trace.events import SchedProcessExit

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.include.trace.events import Event

__all__ = ("ROUTINE", "InVain")

# Calls later than 3.2 that C libraries, shells, Python and coreutils try first, and know how to do without: a program
# that has asked for no more than these fails for another reason.
ROUTINE: Final = frozenset(
    {
        "clone3",
        "close_range",
        "copy_file_range",
        "epoll_pwait2",
        "faccessat2",
        "fchmodat2",
        "getrandom",
        "membarrier",
        "openat2",
        "renameat2",
        "rseq",
        "statx",
    }
)


class InVain:
    """Listens to a machine, from before it runs; looks at nobody until somebody asks for what is not there."""

    def __init__(self, machine: Machine) -> None:
        self._kernel = machine.kernel
        self._asked: dict[int, dict[str, str]] = {}  # by process: what, and the program's name then
        self._failed: dict[str, str] = {}  # what, and who; the latest last
        machine.kernel.in_vain = self._on_ask

    def _on_ask(self, what: str) -> None:
        if what in ROUTINE:
            return
        if not self._asked and not self._failed:
            self._kernel.trace.subscribe(self._on_exit, "sched_process_exit")
        current = self._kernel.current
        asked = self._asked.setdefault(current.tgid, {})
        asked.pop(what, None)
        asked[what] = current.comm

    def _on_exit(self, event: Event) -> None:
        assert isinstance(event, SchedProcessExit)
        if event.pid != event.tgid:
            return
        asked = self._asked.pop(event.tgid, {})
        if event.exit_code:
            self._fail(event.tgid, asked)

    def _fail(self, tgid: int, asked: dict[str, str]) -> None:
        for what, comm in asked.items():
            self._failed.pop(what, None)
            self._failed[what] = f"{comm}:{tgid}"

    def report(self) -> str | None:
        """Return a line about what those asked for who failed, the latest of it by name; None if there is nothing.

        To be called when the run has failed.
        """
        self._fail(1, self._asked.pop(1, {}))  # as the program: the end of PID 1 is no exit like others
        if not self._failed:
            return None
        what, who = next(reversed(self._failed.items()))
        more = f" ({len(self._failed) - 1} more)" if len(self._failed) > 1 else ""
        return f"{who} asked in vain for {what.replace(': ', ' ', 1)}{more}"
