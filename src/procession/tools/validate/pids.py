"""Process numbers: every struct pid is found by each of its numbers, and every number taken is somebody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.pid import BITS_PER_PAGE, PIDTYPE_PID, PIDTYPE_SID, Pid, PidType
from procession.tools.validate.census import Census

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("validate_attached", "validate_pidmaps", "validate_reapers")

_ROLES: Final = [kind.name for kind in PidType]


def validate_pidmaps(seen: Census) -> list[str]:
    """Return where bitmap, hash and struct pid disagree: in each namespace a bit is set exactly for each number."""
    wrong: list[str] = []
    for ns in seen.pid_namespaces:
        level = ns.level
        pidmap = ns.pidmap
        for nr, pid in ns.pids.items():
            if level > pid.level or pid.numbers[level].nr != nr or pid.numbers[level].ns is not ns:
                wrong.append(f"level {level}: number {nr} leads to {pid!r}")
            page = ns.pidmap_of(nr // BITS_PER_PAGE).page
            offset = nr % BITS_PER_PAGE
            if page is None or not page[offset >> 3] >> (offset & 7) & 1:
                wrong.append(f"level {level}: number {nr} is in use, but its bit is clear")
        used = 0
        for pages in pidmap:
            if pages.page is None:
                continue
            bits = int.from_bytes(pages.page, "little").bit_count()
            used += bits
            if pages.nr_free != BITS_PER_PAGE - bits:
                wrong.append(f"level {level}: nr_free {pages.nr_free}, found {BITS_PER_PAGE - bits}")
        # Number 0 is nobody's and always taken.
        if used != len(ns.pids) + 1:
            wrong.append(f"level {level}: {used} bits are set, for {len(ns.pids)} numbers and 0")
    return wrong


def validate_attached(seen: Census) -> list[str]:
    """Return where tasks and the struct pids they use disagree, and which pid nobody uses."""
    k = seen.k
    wrong: list[str] = []
    pids: dict[Pid, None] = dict.fromkeys(k.init_pid_ns.pids.values())
    for p in seen.hashed:
        own = p.pids[PIDTYPE_PID]
        if own is None:
            wrong.append(f"{p!r} is hashed, but has no number")
        elif own.numbers[0].nr != p.pid:
            wrong.append(f"{p!r} has {own!r}")
        leads = p.group_leader is p
        for kind, pid in enumerate(p.pids):
            if pid is None:
                if leads:
                    wrong.append(f"{p!r} leads a process and has no {_ROLES[kind]}")
            elif kind and not leads:
                wrong.append(f"{p!r} is a thread and has a {_ROLES[kind]}")
            elif p not in (pid.tasks[kind] or ()):
                wrong.append(f"{p!r} has {pid!r} as its {_ROLES[kind]}, which does not know")
            elif pid not in pids and pid is not k.init_struct_pid:
                wrong.append(f"{p!r} has {pid!r} as its {_ROLES[kind]}, which is not hashed")
        if leads:
            _leader(p, wrong)
    for p in seen.gone:
        # A leader that an exec has replaced keeps its pointers, but not its place among the users (transfer_pid).
        for kind, pid in enumerate(p.pids):
            if pid is not None and (not kind or p in (pid.tasks[kind] or ())):
                wrong.append(f"{p!r} was released as a user of {pid!r}")
    for pid in (*pids, k.init_struct_pid):
        _users(pid, wrong)
    for pid in pids:
        for upid in pid.numbers:
            if upid.ns.pids.get(upid.nr) is not pid:
                wrong.append(f"{pid!r} is not found by number {upid.nr} in its namespace of level {upid.ns.level}")
    return wrong


def _leader(p: Task, wrong: list[str]) -> None:
    if p.signal.leader_pid is not p.pids[PIDTYPE_PID]:
        wrong.append(f"{p!r}: leader_pid is {p.signal.leader_pid!r}")
    if p.signal.leader and p.pids[PIDTYPE_SID] is not p.pids[PIDTYPE_PID]:
        wrong.append(f"{p!r} leads a session that is not its own: {p.pids[PIDTYPE_SID]!r}")


def _users(pid: Pid, wrong: list[str]) -> None:
    own, group, session = pid.tasks
    if own and len(own) > 1:
        wrong.append(f"{pid!r} is the number of {list(own)}")
    if not (own or group or session):
        wrong.append(f"{pid!r} is hashed, but nobody uses it")
    for kind, users in enumerate(pid.tasks):
        for p in users or ():
            if p.pids[kind] is not pid:
                wrong.append(f"{pid!r} has {p!r} as a {_ROLES[kind]}, whose is {p.pids[kind]!r}")
    if group and len(group) > 1 and len({p.pids[PIDTYPE_SID] for p in group}) > 1:
        wrong.append(f"{pid!r} is a process group of several sessions: {[(p, p.pids[PIDTYPE_SID]) for p in group]}")


def validate_reapers(seen: Census) -> list[str]:
    """Return which namespaces in use have nobody who could adopt an orphan."""
    k = seen.k
    wrong: list[str] = []
    for ns in seen.pid_namespaces:
        reaper = ns.child_reaper
        if not ns.pids or (reaper is None and ns is k.init_pid_ns):
            continue
        if reaper is None or reaper.exit_state or reaper not in reaper.signal.threads:
            wrong.append(f"level {ns.level}: child_reaper is {reaper!r}")
    return wrong
