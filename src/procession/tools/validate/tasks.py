"""Families, thread groups, the life and death of tasks: what kernel/fork.py, exit.py and exec promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import EXIT_DEAD, EXIT_ZOMBIE, PF_EXITING, PF_EXITPIDONE, TASK_DEAD, Task
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid

__all__ = ("ChildrensOrder", "validate_dead", "validate_family", "validate_task_counts", "validate_threads")


def validate_family(seen: Census) -> list[str]:
    """Return where parents and children disagree, and who has no way up to the boot task."""
    k = seen.k
    wrong: list[str] = []
    reached = 0
    queue: list[Task] = [seen.idle[0]]
    tasks = k.tasks
    for father in queue:
        for p in father.children:
            reached += 1
            if p not in tasks:
                wrong.append(f"{p!r} is a child of {father!r}, but leads no process")
                continue
            if p.real_parent is not father:
                wrong.append(f"{p!r} is a child of {father!r}, but its parent is {p.real_parent!r}")
            queue.extend(p.signal.threads)
        if reached > len(tasks):
            wrong.append(f"a family that runs in a circle: {father!r}")
            return wrong
    if reached != len(tasks):
        found = dict.fromkeys(queue)
        lost = [p for p in tasks if p not in found]
        wrong += [f"no way leads from {k.init_task!r} to {p!r}, child of {p.real_parent!r}" for p in lost]
    for p in seen.hashed:
        if p.exit_state and p.children:
            wrong.append(f"{p!r} is dead and has children: {list(p.children)}")
        if p.group_leader is p and p not in p.real_parent.children:
            wrong.append(f"{p!r} is no child of its parent {p.real_parent!r}")
        if p.parent is not p.real_parent and not p.ptrace:
            wrong.append(f"{p!r} is not traced, but its parents differ: {p.parent!r}, {p.real_parent!r}")
        if p.real_parent.exit_state:
            wrong.append(f"{p!r} has a dead parent {p.real_parent!r}")
    return wrong


class ChildrensOrder:
    """What no single look can see: children keep their places, those born and those adopted go behind them.

    Adopted together they stay in order. They are told apart by their struct pid: an exec that takes over the leader's
    takes its place, too.
    """

    def __init__(self) -> None:
        self._before: dict[Task, list[Pid | None]] = {}

    def validate(self, seen: Census) -> list[str]:
        """Return whose children are in another order than they were at the look before."""
        before = self._before
        self._before = {p: [child.pids[PIDTYPE_PID] for child in p.children] for p in seen.tasks if p.children}
        wrong: list[str] = []
        for father, children in self._before.items():
            old = before.get(father, [])
            if children == old:
                continue
            there = set(children)
            stayed = [child for child in old if child in there]
            if children[: len(stayed)] != stayed:
                wrong.append(f"children of {father!r}: {children}, were {old}")
                continue
            place = {child: at for at, child in enumerate(children[len(stayed) :])}
            for family in before.values():
                adopted = [place[child] for child in family if child in place]
                if adopted != sorted(adopted):
                    wrong.append(f"children of {father!r}: {children}, adopted from among {family}")
        return wrong


def validate_threads(seen: Census) -> list[str]:
    """Return what does not hold within thread groups."""
    k = seen.k
    wrong: list[str] = []
    for leader in k.tasks:
        sig = leader.signal
        threads = sig.threads
        if next(iter(threads), None) is not leader:
            wrong.append(f"{leader!r} leads a process whose threads are {list(threads)}")
        if leader.exit_signal < 0:
            wrong.append(f"{leader!r} is on the task list with the exit signal of a thread")
        live = 0
        parent = leader.real_parent
        sighand, tgid = leader.sighand, leader.tgid
        if leader.pid != tgid:
            wrong.append(f"{leader!r} leads process {tgid}")
        for p in threads:
            if not p.flags & PF_EXITING:
                live += 1
            if p is leader:
                if p.group_leader is not p:
                    wrong.append(f"{p!r} is on the task list, but its leader is {p.group_leader!r}")
                continue
            if p.group_leader is not leader or p.tgid != tgid or p.signal is not sig or p.sighand is not sighand:
                wrong.append(f"{p!r} is not what a thread of {leader!r} is: leader {p.group_leader!r}, tgid {p.tgid}")
            if p.real_parent is not parent:
                wrong.append(f"{p!r} has the parent {p.real_parent!r}, its leader {parent!r}")
            if p.exit_signal != -1:
                wrong.append(f"{p!r} is a thread with exit signal {p.exit_signal}")
            if p.exit_state and not p.ptrace:
                wrong.append(f"{p!r} is a dead thread and was not released")
        if sig.nr_threads != len(threads):
            wrong.append(f"{leader!r}: nr_threads {sig.nr_threads}, found {len(threads)}")
        if sig.live != live:
            wrong.append(f"{leader!r}: live {sig.live}, found {live}")
        if sig.curr_target not in threads:
            wrong.append(f"{leader!r}: curr_target {sig.curr_target!r} is none of its threads")
        if sig.group_exit_task is not None and sig.group_exit_task not in threads:
            wrong.append(f"{leader!r}: group_exit_task {sig.group_exit_task!r} is none of its threads")
    return wrong


def validate_dead(seen: Census) -> list[str]:
    """Return what the dying hold that they must have given up, and what of zombies is missing."""
    k = seen.k
    wrong: list[str] = []
    on_cpu = [(rq.curr, rq.dead) for rq in k.sched.runqueues]
    for p in seen.hashed:
        exit_state = p.exit_state
        if (p.state == TASK_DEAD) != bool(exit_state):
            wrong.append(f"{p!r}: state {p.state}, exit_state {exit_state}")
        if p.mm is None and p.active_mm is not None:
            wrong.append(f"{p!r} borrows an mm that it has not counted")
        if p.sighand is None:
            wrong.append(f"{p!r} is hashed, but has no sighand")
        if not exit_state:
            if p.flags & PF_EXITPIDONE:
                wrong.append(f"{p!r} is through with exiting, but neither a zombie nor dead")
            continue
        if exit_state != EXIT_ZOMBIE:
            wrong.append(f"{p!r} is dead and not released (exit_state {exit_state})")
        if p.flags & (PF_EXITING | PF_EXITPIDONE) != PF_EXITING | PF_EXITPIDONE:
            wrong.append(f"{p!r} is a zombie with flags {p.flags:#x}")
        _holds_nothing(p, any(p in pair for pair in on_cpu), wrong)
    for p in seen.gone:
        if p.exit_state != EXIT_DEAD:
            wrong.append(f"{p!r} was released with exit_state {p.exit_state}")
        if p.sighand is not None or p.pids[PIDTYPE_PID] is not None:
            wrong.append(f"{p!r} was released, but has a sighand or a number")
        _holds_nothing(p, any(p in pair for pair in on_cpu), wrong)
    return wrong


def _holds_nothing(p: Task, on_cpu: bool, wrong: list[str]) -> None:
    parts = {
        "mm": p.mm,
        "files": p.files,
        "fs": p.fs,
        "nsproxy": p.nsproxy,
        "vfork_done": p.vfork_done,
        "waiting_on": p.waiting_on,
        "ptraced": p.ptraced,
        "stack": None if on_cpu else p.stack,
        "held": p.held,
    }
    if any(parts.values()):
        wrong += [f"{p!r} is dead and still has its {name}" for name, part in parts.items() if part]
    sig = p.signal
    if not sig.live and (sig.it_real_timer is not None or sig.posix_timers):
        wrong.append(f"{p!r} is dead and still has timers")


def validate_task_counts(seen: Census) -> list[str]:
    """Return which counts of tasks differ from what the walk finds: the machine's, each user's, the cache's."""
    k = seen.k
    wrong: list[str] = []
    for what, count, found in (
        ("nr_threads", k.nr_threads, len(seen.hashed)),
        ("process_counts", k.process_counts, len(k.tasks)),
        ("task_struct objects", k.caches["task_struct"].nr_active, len(seen.tasks) - 1),
        ("signal_cache objects", k.caches["signal_cache"].nr_active, len(seen.signals) - 1),
    ):
        if count != found:
            wrong.append(f"{what}: {count}, found {found}")
    processes = tally([p.real_cred.user for p in seen.hashed], {k.users.root_user: 1})  # the boot task
    for user in dict.fromkeys((*k.users.uidhash.values(), *processes)):
        if user.processes != processes.get(user, 0):
            wrong.append(f"user {user.uid}: processes {user.processes}, found {processes.get(user, 0)}")
    return wrong
