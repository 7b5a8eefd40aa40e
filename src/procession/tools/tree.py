"""The life of every process of a run: who forked whom, what it executed, how it ended, who reaped it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.tree import Tree

from procession.boot import check_machine
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.signal import signame
from procession.include.linux.time import NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC
from procession.include.trace.events import (
    SchedProcessExec,
    SchedProcessExit,
    SchedProcessFork,
    SchedProcessFree,
    SchedProcessReparent,
)

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.trace.events import Event

__all__ = ("ProcessTree",)


@dataclass(eq=False, slots=True)
class _Life:
    """One task, as the trace events told of it. Times in ns; tgid 0: not known yet."""

    pid: int
    comm: str
    born_ns: int
    tgid: int = 0
    children: list[_Life] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


class ProcessTree:
    """A listener that collects lives while the kernel runs and draws them afterwards."""

    NAMES = (
        "sched_process_fork",
        "sched_process_exec",
        "sched_process_exit",
        "sched_process_free",
        "sched_process_reparent",
    )

    def __init__(self, machine: Machine) -> None:
        """Start listening."""
        check_machine("ProcessTree", machine)
        self._kernel = kernel = machine.kernel
        self._roots: list[_Life] = []
        # The current bearer of each number; numbers are reused, lives are not.
        self._alive: dict[int, _Life] = {}
        kernel.trace.subscribe(self._on_event, *self.NAMES)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SchedProcessFork):
            self._on_fork(event)
        elif isinstance(event, SchedProcessExec):
            self._on_exec(event)
        elif isinstance(event, SchedProcessExit):
            self._on_exit(event)
        elif isinstance(event, SchedProcessFree):
            self._on_free(event)
        elif isinstance(event, SchedProcessReparent):
            self._on_reparent(event)

    def _life(self, now: int, pid: int, comm: str) -> _Life:
        life = self._alive.get(pid)
        if life is None:
            life = self._alive[pid] = _Life(pid, comm, now)
            self._roots.append(life)
        return life

    def _note(self, now: int, pid: int, comm: str, text: str) -> _Life:
        life = self._life(now, pid, comm)
        life.events.append(f"{_time(now)} {text}")
        return life

    def _on_fork(self, event: SchedProcessFork) -> None:
        parent = self._life(event.time_ns, event.parent_pid, event.parent_comm)
        child = self._alive[event.child_pid] = _Life(event.child_pid, event.child_comm, event.time_ns)
        task = _task(self._kernel, event.child_pid)
        child.tgid = task.tgid if task is not None else 0
        parent.children.append(child)

    def _on_exec(self, event: SchedProcessExec) -> None:
        became, pid = "", event.pid
        if event.old_pid != pid and event.old_pid in self._alive:
            # A thread has ended all others, and goes on under the number that its leader had.
            self._alive[pid] = self._alive.pop(event.old_pid)
            became = f"became {pid}, "
        self._note(event.time_ns, pid, event.filename, f"{became}exec {event.filename}")

    def _on_exit(self, event: SchedProcessExit) -> None:
        life = self._note(event.time_ns, event.pid, event.comm, _status(event.exit_code))
        life.comm, life.tgid = event.comm, event.tgid

    def _on_reparent(self, event: SchedProcessReparent) -> None:
        text = f"orphaned by {event.old_parent}, adopted by {event.new_parent}"
        self._note(event.time_ns, event.pid, event.comm, text)

    def _on_free(self, event: SchedProcessFree) -> None:
        if event.pid in self._alive:
            how = "reaped itself" if event.reaper_pid == event.pid else f"reaped by {event.reaper_pid}"
            self._note(event.time_ns, event.pid, event.comm, how)
            del self._alive[event.pid]

    def render(self) -> Tree:
        """Return the tree for rich to print."""
        # Those still there may have got their names since they were born: init and the kernel's threads.
        for life in self._alive.values():
            task = _task(self._kernel, life.pid)
            if task is not None:
                life.comm, life.tgid = task.comm, task.tgid
        top = Tree("processes", hide_root=True)
        for root in self._roots:
            _draw(top, root)
        return top


def _task(k: Kernel, nr: int) -> Task | None:
    """Return the task with that number; 0 is the idle task."""
    if not nr:
        return k.init_task
    found = k.init_pid_ns.pids.get(nr)
    users = found.tasks[PIDTYPE_PID] if found is not None else None
    return next(reversed(users)) if users else None


def _draw(branch: Tree, life: _Life) -> None:
    kind = f", thread of {life.tgid}" if life.tgid and life.tgid != life.pid else ""
    label = [f"[bold]{life.pid} {escape(life.comm)}[/bold]{kind}"]
    label += [f"  {escape(line)}" for line in (f"{_time(life.born_ns)} born", *life.events)]
    node = branch.add("\n".join(label))
    for child in life.children:
        _draw(node, child)


def _time(now: int) -> str:
    return f"{now // NSEC_PER_SEC}.{now // NSEC_PER_USEC % USEC_PER_SEC:06d}"


def _status(code: int) -> str:
    if not code & 0x7F:
        return f"exited with {code >> 8}"
    return f"killed by {signame(code & 0x7F)}" + (" (core dumped)" if code & 0x80 else "")
