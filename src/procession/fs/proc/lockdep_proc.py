"""/proc/lockdep, lockdep_chains, lockdep_stats and lock_stat (kernel/lockdep_proc.c).

A class's key is an address made of its name.

Differs: there is one interrupt state, shown as that of hardirqs. How long a lock is held is known only with several
CPUs, without which no time passes meanwhile. A lock that was waited for is one that came from another CPU. Where locks
are taken is not remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.spinlock import LockChain, LockClass
from procession.kernel import stacktrace
from procession.kernel.lockdep import (
    ENABLED_IRQ,
    ENABLED_IRQ_READ,
    USED_IN_IRQ,
    USED_IN_IRQ_READ,
    LockdepState,
    LockTime,
)
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("lock_stat_show", "lock_stat_write", "lockdep_chains_show", "lockdep_show", "lockdep_stats_show")

MAX_LOCKDEP_KEYS: Final = 8191
MAX_LOCKDEP_ENTRIES: Final = 16384
MAX_LOCKDEP_CHAINS: Final = 32768
MAX_LOCKDEP_CHAIN_HLOCKS: Final = 5 * MAX_LOCKDEP_CHAINS
MAX_STACK_TRACE_ENTRIES: Final = 262144
_WIDTH: Final = 40 + 1 + 10 * (14 + 1)
_HEADS: Final = (
    "con-bounces",
    "contentions",
    "waittime-min",
    "waittime-max",
    "waittime-total",
    "acq-bounces",
    "acquisitions",
    "holdtime-min",
    "holdtime-max",
    "holdtime-total",
)


def _state(current: Task) -> LockdepState:
    state = current.kernel.lockdep
    assert isinstance(state, LockdepState)
    return state


def _key(cls: LockClass) -> str:
    return f"{stacktrace.function_address(f'lock class {cls.name}'):016x}"


def _usage_char(cls: LockClass, used: int, enabled: int) -> str:
    """Return + for a lock taken with interrupts on, - for one taken in them, ? for both."""
    if cls.usage & used:
        return "?" if cls.usage & enabled else "-"
    return "+" if cls.usage & enabled else "."


def _reach(start: LockClass, edges: dict[LockClass, list[LockClass]]) -> int:
    """Return how many classes are come to from start, itself among them."""
    seen = {start: None}
    queue = [start]
    for cls in queue:
        for following in edges.get(cls, ()):
            if following not in seen:
                seen[following] = None
                queue.append(following)
    return len(queue)


def _edges(state: LockdepState) -> tuple[dict[LockClass, list[LockClass]], dict[LockClass, list[LockClass]]]:
    """Return which classes were taken after each, and before each."""
    after = {cls: list(following) for cls, following in state.edges.items()}
    before: dict[LockClass, list[LockClass]] = {}
    for cls, following in after.items():
        for each in following:
            before.setdefault(each, []).append(cls)
    return after, before


def lockdep_show(current: Task) -> bytes:
    """Return the lock classes, and for each those that were taken right under it."""
    state = _state(current)
    after, before = _edges(state)
    ops = state.ops()
    direct: dict[LockClass, dict[LockClass, None]] = {}
    for node in state.nodes():
        if node.cls is not None and node.parent.cls is not None:
            direct.setdefault(node.parent.cls, {})[node.cls] = None
    lines = ["all lock classes:\n"]
    for cls in state.classes:
        usage = _usage_char(cls, USED_IN_IRQ, ENABLED_IRQ) + _usage_char(cls, USED_IN_IRQ_READ, ENABLED_IRQ_READ)
        count = ops.get((cls, False), 0) + ops.get((cls, True), 0)
        counts = f"OPS:{count:8d} FD:{_reach(cls, after):5d} BD:{_reach(cls, before):5d}"
        lines.append(f"{_key(cls)} {counts} {usage}....: {cls.name}\n")
        lines += [f" -> [{_key(each)}] {each.name}\n" for each in direct.get(cls, ())]
        lines.append("\n")
    return "".join(lines).encode()


def lockdep_chains_show(current: Task) -> bytes:
    """Return the sequences in which locks were held."""
    lines = ["all lock chains:\n"]
    for node in _state(current).nodes():
        lines.append(f"irq_context: {2 if node.in_irq else 0}\n")
        lines += [f"[{_key(cls)}] {cls.name}\n" for cls in _sequence(node)]
        lines.append("\n")
    return "".join(lines).encode()


def _sequence(node: LockChain) -> list[LockClass]:
    out = []
    while node.cls is not None:
        out.append(node.cls)
        node = node.parent
    out.reverse()
    return out


def _having(state: LockdepState, bit: int) -> int:
    return sum(cls.usage & bit != 0 for cls in state.classes)


def _by_context(how: str, safe: int, unsafe: int) -> list[tuple[str, int, int]]:
    rows = []
    for context, ours in (("hardirq", True), ("softirq", False), ("irq", True)):
        rows.append((f"{context}{how}-safe locks", safe if ours else 0, 0))
        rows.append((f"{context}{how}-unsafe locks", unsafe if ours else 0, 0))
    return rows


def lockdep_stats_show(current: Task) -> bytes:
    """Return how much the validator knows."""
    state = _state(current)
    after, _ = _edges(state)
    nodes = state.nodes()
    in_irq = sum(node.in_irq for node in nodes)
    depths = [len(_sequence(node)) for node in nodes]
    direct = sum(map(len, after.values()))
    safe, unsafe = _having(state, USED_IN_IRQ), _having(state, ENABLED_IRQ)
    unused = len(current.kernel.lock_classes) - len(state.classes)
    rows: tuple[tuple[str, int, int], ...] = (
        ("lock-classes", len(state.classes), MAX_LOCKDEP_KEYS),
        ("direct dependencies", direct, MAX_LOCKDEP_ENTRIES),
        ("indirect dependencies", sum(_reach(cls, after) for cls in state.classes), 0),
        ("all direct dependencies", 2 * safe * unsafe + direct, 0),
        ("dependency chains", len(nodes), MAX_LOCKDEP_CHAINS),
        ("dependency chain hlocks", sum(depths), MAX_LOCKDEP_CHAIN_HLOCKS),
        ("in-hardirq chains", in_irq, 0),
        ("in-softirq chains", 0, 0),
        ("in-process chains", len(nodes) - in_irq, 0),
        ("stack-trace entries", 0, MAX_STACK_TRACE_ENTRIES),
        ("combined max dependencies", (in_irq + 1) * (len(nodes) - in_irq + 1), 0),
        *_by_context("", safe, unsafe),
        *_by_context("-read", _having(state, USED_IN_IRQ_READ), _having(state, ENABLED_IRQ_READ)),
        ("uncategorized locks", sum(not cls.usage for cls in state.classes), 0),
        ("unused locks", unused, 0),
        ("max locking depth", max(depths, default=0), 0),
        ("max bfs queue depth", 0, 0),
        ("debug_locks", int(state.enabled), 0),
    )
    lines = [f" {name + ':':<30} {value:11d}{f' [max: {most}]' if most else ''}\n" for name, value, most in rows]
    return "".join(lines).encode()


# lock_stat.


def _time(ns: int) -> str:
    ns += 5  # rounded to what is shown
    return f" {f'{ns // 1000}.{ns % 1000 // 10:02d}':>14}"


def _lock_time(count: int, time: LockTime | None) -> str:
    if time is None:
        time = LockTime()
    return f"{count:14d}{_time(time.min_ns)}{_time(time.max_ns)}{_time(time.total_ns)}"


def _stats(state: LockdepState, cls: LockClass, taken: dict[tuple[LockClass, bool], int]) -> str:
    """Return the rows of a class: one for who has it alone, and one for readers."""
    lines = []
    for read in (False, True):
        key = cls, read
        count = taken.get(key, 0)
        if not count:
            continue
        other = taken.get((cls, not read), 0)
        name = f"{cls.name[:37]:>38}-{'R' if read else 'W'}" if read or other else f"{cls.name[:37]:>40}"
        wait = state.waits.get(key)
        waited = wait.nr if wait is not None else 0
        held = _lock_time(count, state.holds.get(key))
        lines.append(f"{name}:{waited:14d} {_lock_time(waited, wait)} {waited:14d} {held}\n")
    return "".join(lines)


def lock_stat_show(current: Task) -> bytes:
    """Return for each class how often its locks were taken and waited for, and how long; the most wanted first."""
    state = _state(current)
    base = state.base
    taken = {key: count - base.get(key, 0) for key, count in state.ops().items()}
    waited = {
        cls: sum(state.waits[cls, read].nr for read in (False, True) if (cls, read) in state.waits)
        for cls in current.kernel.lock_classes.values()
    }
    head = f"{'class name':>40} " + " ".join([f"{name:>14}" for name in _HEADS])
    lines = ["lock_stat version 0.3\n"]
    if not state.enabled:
        lines.append("*WARNING* lock debugging disabled!! - possibly due to a lockdep warning\n")
    lines += [f"{'-' * _WIDTH}\n", f"{head}\n", f"{'-' * _WIDTH}\n", "\n"]
    lines += [_stats(state, cls, taken) for cls in sorted(waited, key=lambda cls: -waited[cls])]
    return "".join(lines).encode()


def lock_stat_write(current: Task, buf: UserPtr, count: int) -> int:
    """Begin anew if what is written begins with a 0; raises EFAULT."""
    if count and uaccess.copy_from_user(current, buf, 1) == b"0":
        _state(current).clear_lock_stats()
    return count
