"""The life of every process of a run: who forked whom, what it executed, how it ended, who reaped it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.tree import Tree

from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.signal import signame

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
        self._kernel = kernel = machine.kernel
        self._roots: list[_Life] = []
        # The current bearer of each number; numbers are reused, lives are not.
        self._alive: dict[int, _Life] = {}
        kernel.trace.subscribe(self._on_event, *self.NAMES)

    def _on_event(self, event: Event) -> None:
        now, _cpu, _pid, _comm, name, *fields = event
        getattr(self, f"_{name}")(now, *fields)

    def _life(self, now: int, pid: int, comm: str) -> _Life:
        life = self._alive.get(pid)
        if life is None:
            life = self._alive[pid] = _Life(pid, comm, now)
            self._roots.append(life)
        return life

    def _sched_process_fork(self, now: int, parent_comm: str, parent_pid: int, child_comm: str, child_pid: int) -> None:
        parent = self._life(now, parent_pid, parent_comm)
        child = self._alive[child_pid] = _Life(child_pid, child_comm, now)
        task = _task(self._kernel, child_pid)
        child.tgid = task.tgid if task is not None else 0
        parent.children.append(child)

    def _sched_process_exec(self, now: int, filename: str, pid: int, old_pid: int) -> None:
        became = ""
        if old_pid != pid and old_pid in self._alive:
            # A thread has ended all others, and goes on under the number that its leader had.
            self._alive[pid] = self._alive.pop(old_pid)
            became = f"became {pid}, "
        self._life(now, pid, filename).events.append(f"{_time(now)} {became}exec {filename}")

    def _sched_process_exit(self, now: int, comm: str, pid: int, prio: int, exit_code: int, tgid: int) -> None:
        life = self._life(now, pid, comm)
        life.comm, life.tgid = comm, tgid
        life.events.append(f"{_time(now)} {_status(exit_code)}")

    def _sched_process_reparent(self, now: int, comm: str, pid: int, old_parent: int, new_parent: int) -> None:
        self._life(now, pid, comm).events.append(f"{_time(now)} orphaned by {old_parent}, adopted by {new_parent}")

    def _sched_process_free(self, now: int, comm: str, pid: int, prio: int, reaper_pid: int) -> None:
        life = self._alive.pop(pid, None)
        if life is not None:
            life.events.append(f"{_time(now)} " + ("reaped itself" if reaper_pid == pid else f"reaped by {reaper_pid}"))

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
    return f"{now // 1_000_000_000}.{now // 1000 % 1_000_000:06d}"


def _status(code: int) -> str:
    if not code & 0x7F:
        return f"exited with {code >> 8}"
    return f"killed by {signame(code & 0x7F)}" + (" (core dumped)" if code & 0x80 else "")
