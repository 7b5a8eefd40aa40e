"""What must not happen to any program, whatever the order: looked for at the end of every run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from procession.include.linux.sched import PF_KTHREAD
from procession.include.linux.signal import SIGCHLD

if TYPE_CHECKING:
    from procession.explorer.subject import Run
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("PROPERTIES", "Property", "Violation", "violations")


class Violation(NamedTuple):
    """A property that did not hold.

    name: of the property.  sentence: what is wrong, in words.  nr: the process that it is about, 0 if none is.
    """

    name: str
    sentence: str
    nr: int = 0


# Of one's own: is given a run, and returns what is wrong in words; "" or None if nothing is.
Property: TypeAlias = Callable[["Run"], "str | None"]


def _who(comm: str, nr: int) -> str:
    return f"{comm} ({nr})"


def deadlock(run: Run) -> Iterator[Violation]:
    """Everybody sleeps, and nothing will ever wake anybody."""
    if run.outcome is None or run.outcome.how != "deadlock":
        return
    k = run.machine.kernel
    reasons = [*_lost_children(k), *_kept_open(k)]
    if reasons:
        yield from reasons
        return
    sleepers = [_who(p.comm, p.pid) + f" in {p.wchan}" for p in _threads(k) if not p.exit_state]
    yield Violation("deadlock", f"everybody sleeps for ever: {', '.join(sleepers)}", _first(k))


def _first(k: Kernel) -> int:
    return next((p.pid for p in _threads(k) if not p.exit_state), 0)


def _threads(k: Kernel) -> list[Task]:
    """Return the program's threads, zombies included."""
    return [t for p in k.tasks if p.pid != 1 and not p.flags & PF_KTHREAD for t in p.signal.threads]


def _lost_children(k: Kernel) -> Iterator[Violation]:
    """A death that the parent waits for in vain: it sleeps, and was told, or did not want to be."""
    for p in _threads(k):
        parent = p.real_parent
        if not p.exit_state or parent.pid == 1 or parent.exit_state:
            continue
        pending = parent.signal.shared_pending.signal | parent.pending.signal
        told = "its SIGCHLD has come and gone"
        if pending >> (SIGCHLD - 1) & 1:
            told = "SIGCHLD is pending and blocked there"
        yield Violation(
            "lost-child",
            f"nobody can reap {_who(p.comm, p.pid)}: its parent {_who(parent.comm, parent.pid)} sleeps in "
            f"{parent.wchan} for ever, and {told}",
            p.pid,
        )


def _kept_open(k: Kernel) -> Iterator[Violation]:
    """A reader who waits for an end of file that a forgotten descriptor keeps away."""
    for p in _threads(k):
        if p.exit_state or p.wchan != "pipe_wait":
            continue
        for q in _threads(k):
            if q.files is None or q.exit_state:
                continue
            for fd, file in enumerate(q.files.fd):
                inode = None if file is None else file.f_path.dentry.d_inode
                if file is None or inode is None or inode.i_pipe is None or not file.f_mode & 2:
                    continue
                if inode.i_pipe.wait is p.waiting_on and not inode.i_pipe.bufs:
                    whose = "itself" if q is p else _who(q.comm, q.pid)
                    yield Violation(
                        "end-of-file",
                        f"{_who(p.comm, p.pid)} waits for the end of a pipe that {whose} keeps open, as its descriptor "
                        f"{fd}",
                        p.pid,
                    )
                    return


def left_behind(run: Run) -> Iterator[Violation]:
    """A process goes on, or a zombie stays, when the program has ended and nobody has anything left to do."""
    for one in run.recorder.survivors or ():
        who = _who(one.comm, one.nr)
        if one.stopped:
            yield Violation("stopped", f"{who} is stopped, and nobody is left to continue it", one.nr)
        elif one.zombie:
            yield Violation("zombie", f"nobody reaps {who}, a child of {one.parent}", one.nr)
        else:
            yield Violation("left-behind", f"{who} is still there when the program has ended, in {one.where}", one.nr)


def no_end(run: Run) -> Iterator[Violation]:
    """The program goes on and on."""
    if run.outcome is not None and run.outcome.how == "endless":
        yield Violation("endless", f"no end is in sight: {run.detail}")


def kernel_bug(run: Run) -> Iterator[Violation]:
    """An invariant of the kernel is broken, or the order of its locks."""
    if run.outcome is not None and run.outcome.how in ("oops", "panic"):
        yield Violation(run.outcome.how, run.detail.split("\n", 1)[0])


PROPERTIES: Final[dict[str, Callable[[Run], Iterator[Violation]]]] = {
    "deadlock": deadlock,
    "left-behind": left_behind,
    "endless": no_end,
    "oops": kernel_bug,
}


def violations(run: Run, own: tuple[Property, ...], off: frozenset[str]) -> list[Violation]:
    """Return all that is wrong with a run; off: properties that are not looked at."""
    found = []
    for name, look in PROPERTIES.items():
        if name not in off:
            found += [one for one in look(run) if one.name not in off]
    for number, one in enumerate(own):
        says = one(run)
        if says:
            found.append(Violation(getattr(one, "__name__", f"property {number + 1}"), str(says)))
    return found
