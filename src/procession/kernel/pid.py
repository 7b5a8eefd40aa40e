"""Process identifiers: allocation, lookup, attachment (kernel/pid.c; spec 4, 5).

The pid hash is a dict per namespace (`PidNamespace.pids`). A number is free again as soon as free_pid() has run; the
struct pid itself lives until the RCU grace period has passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.costs import BITMAP_WORD_NS
from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import (
    BITS_PER_PAGE,
    PID_MAX_LIMIT,
    PIDTYPE_PGID,
    PIDTYPE_PID,
    PIDTYPE_SID,
    RESERVED_PIDS,
    Pid,
    Pidmap,
    PidNamespace,
    PidType,
    Upid,
)
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.spinlock import SpinLock
from procession.kernel import choose_fault, rcupdate, sched_account, ucount, user
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "alloc_pid",
    "attach_pid",
    "change_pid",
    "detach_pid",
    "find_get_pid",
    "find_task_by_pid_ns",
    "find_task_by_vpid",
    "find_vpid",
    "free_pid",
    "get_pid",
    "get_task_pid",
    "pid_nr",
    "pid_nr_ns",
    "pid_task",
    "pid_vnr",
    "pidmap_init",
    "put_pid",
    "put_pid_ns",
    "task_active_pid_ns",
    "task_pgrp",
    "task_pgrp_nr_ns",
    "task_pgrp_vnr",
    "task_pid",
    "task_pid_nr_ns",
    "task_pid_vnr",
    "task_session",
    "task_session_nr_ns",
    "task_session_vnr",
    "task_tgid_nr_ns",
    "task_tgid_vnr",
    "transfer_pid",
)

_BITS_PER_BYTE: Final = 8
_FULL: Final = 0xFF
MAX_SIBLINGS: Final = 99  # of those whose numbers tell whose children they are


def pidmap_init(k: Kernel) -> None:
    """Set up the initial namespace and PID 0 (pidmap_init)."""
    k.pid_max = min(PID_MAX_LIMIT, max(BITS_PER_PAGE, 1024 * k.nr_cpus))
    k.pid_max_min = max(RESERVED_PIDS + 1, 8 * k.nr_cpus)
    k.pidmap_lock = SpinLock(k.lock_class("pidmap_lock"))
    k.printk(f"pid_max: default: {k.pid_max} minimum: {k.pid_max_min}", KERN_INFO)
    slab.kmem_cache_create(k, "pid", 112)

    ns = PidNamespace(level=0, parent=None)
    first = ns.pidmap_of(0)
    first.page = bytearray(BITS_PER_PAGE // _BITS_PER_BYTE)
    first.page[0] = 1  # PID 0 belongs to the idle task
    first.nr_free -= 1
    k.init_pid_ns = ns
    # Static in Linux, and in no hash: nobody finds PID 0.
    k.init_struct_pid = Pid(0, [Upid(0, ns)])


def alloc_pid(k: Kernel, ns: PidNamespace, set_tid: tuple[int, ...] = ()) -> Pid:
    """Make a struct pid with a number in ns and in each of its ancestors; set_tid: the first of them, from ns outwards.

    Raises ENOMEM when memory or numbers are used up: 3.2 does not tell the two apart (spec 2.2, row 22). Raises EEXIST
    for a number of set_tid that is in use.
    """
    k.caches["pid"].alloc()
    numbers: list[Upid] = []
    level_ns: PidNamespace | None = ns
    try:
        while level_ns is not None:
            if len(numbers) < len(set_tid):
                nr = take_pidmap(level_ns, set_tid[len(numbers)])
            else:
                nr = alloc_pidmap(k, level_ns)
            numbers.append(Upid(nr, level_ns))
            level_ns = level_ns.parent
    except LinuxError:
        for upid in numbers:
            free_pidmap(upid)
        k.caches["pid"].free()
        raise

    ns.count += 1
    numbers.reverse()
    pid = Pid(ns.level, numbers)
    with k.pidmap_lock.irq():
        for upid in reversed(numbers):
            upid.ns.pids[upid.nr] = pid
    return pid


def alloc_pidmap(k: Kernel, ns: PidNamespace) -> int:
    """Return the next free number after the last one given out; raises ENOMEM if there is none.

    The first page is visited twice if the scan began inside it, as in 3.2.
    """
    if k.fault_attr is not None:
        k.fault_attr.ask(k, "pid", "pid", Errno.ENOMEM)
    if k.chooser.exploring and not ns.level:
        nr = _number_by_ancestry(k, ns)
        if nr:
            return nr
    nr = ns.last_pid + 1
    if nr >= k.pid_max:
        nr = RESERVED_PIDS
    index, offset = divmod(nr, BITS_PER_PAGE)
    max_scan = (k.pid_max + BITS_PER_PAGE - 1) // BITS_PER_PAGE - (0 if offset else 1)
    for _ in range(max_scan + 1):
        found = _scan_page(k, ns.pidmap_of(index), index * BITS_PER_PAGE, offset)
        if found is not None:
            ns.last_pid = found
            return found
        index, offset = index + 1, 0
        if index * BITS_PER_PAGE >= k.pid_max:
            index, offset = 0, RESERVED_PIDS
            if ns.last_pid == RESERVED_PIDS:
                break  # as in 3.2: that is where the scan has begun, behind it
    raise LinuxError(Errno.ENOMEM, "no free pid")


def _number_by_ancestry(k: Kernel, ns: PidNamespace) -> int:
    """Return the number of current's next child while orders are explored, 0 for whoever has the next free one.

    It does not depend on who else has forked before, so that two forks can change places: the first program's n-th
    child has its number + n, and this one's m-th child the program's + 100 n + m. Those beyond have what is left.
    """
    program = k.init_program
    first = 0 if program is None else program.nr
    last = first + MAX_SIBLINGS * (MAX_SIBLINGS + 2)
    parent = k.current.pid
    if not first or not first <= parent <= first + MAX_SIBLINGS or last >= k.pid_max:
        return 0
    if ns.last_pid < first:
        return 0  # it is a kernel thread of boot that is made, with a number of its own
    ns.last_pid = max(ns.last_pid, last)
    nth = k.sched.nr_forks[parent] = k.sched.nr_forks.get(parent, 0) + 1
    if nth > MAX_SIBLINGS:
        return 0
    nr = first + (parent - first) * (MAX_SIBLINGS + 1) + nth
    if k.chooser.optional:
        nr = choose_fault.choose_number(k.current, nr, _gone(k, ns, first))
    return _scan_page(k, ns.pidmap_of(0), 0, nr) or 0


def _gone(k: Kernel, ns: PidNamespace, first: int) -> list[int]:
    """Return the numbers by ancestry that some process has had, and nobody has now."""
    given = [
        first + (parent - first) * (MAX_SIBLINGS + 1) + nth
        for parent, count in k.sched.nr_forks.items()
        for nth in range(1, min(count, MAX_SIBLINGS) + 1)
    ]
    return sorted(nr for nr in given if nr not in ns.pids)


def take_pidmap(ns: PidNamespace, nr: int) -> int:
    """Take number nr, and return it; raises EEXIST if it is in use."""
    index, offset = divmod(nr, BITS_PER_PAGE)
    pidmap = ns.pidmap_of(index)
    if pidmap.page is None:
        pidmap.page = bytearray(BITS_PER_PAGE // _BITS_PER_BYTE)
    bit = 1 << (offset & 7)
    if pidmap.page[offset >> 3] & bit:
        raise LinuxError(Errno.EEXIST, f"number {nr} is in use")
    pidmap.page[offset >> 3] |= bit
    pidmap.nr_free -= 1
    return nr


def _scan_page(k: Kernel, pidmap: Pidmap, base: int, offset: int) -> int | None:
    """Set and return the first clear bit at or after offset, as a pid; None if the page has none below pid_max."""
    page = pidmap.page
    if page is None:
        page = pidmap.page = bytearray(BITS_PER_PAGE // _BITS_PER_BYTE)
    if pidmap.nr_free == 0:
        return None
    limit = min(BITS_PER_PAGE, k.pid_max - base)
    start = offset
    while offset < limit:
        byte = page[offset >> 3]
        if byte == _FULL:
            offset = (offset | 7) + 1
            continue
        if not byte >> (offset & 7) & 1:
            _charge_look(k, start, offset)
            page[offset >> 3] = byte | 1 << (offset & 7)
            pidmap.nr_free -= 1
            return base + offset
        offset += 1
    _charge_look(k, start, offset)
    return None


def _charge_look(k: Kernel, start: int, end: int) -> None:
    words = (end >> 6) - (start >> 6)
    if words > 0:
        sched_account.account_system_time(k.current, words * BITMAP_WORD_NS)


def free_pidmap(upid: Upid) -> None:
    """Make a number available again."""
    index, offset = divmod(upid.nr, BITS_PER_PAGE)
    pidmap = upid.ns.pidmap[index]
    page = pidmap.page
    bit = 1 << (offset & 7)
    if page is None or not page[offset >> 3] & bit:
        bug("freeing a free pid", upid.nr)
    page[offset >> 3] &= ~bit
    pidmap.nr_free += 1


def free_pid(k: Kernel, pid: Pid) -> None:
    """Unhash a pid and free its numbers at once; the struct follows after a grace period."""
    with k.pidmap_lock.irq():
        for upid in pid.numbers:
            del upid.ns.pids[upid.nr]
    for upid in pid.numbers:
        free_pidmap(upid)
    rcupdate.call_rcu(k, delayed_put_pid, (k, pid))


def delayed_put_pid(arg: tuple[Kernel, Pid]) -> None:
    put_pid(*arg)


def get_pid(pid: Pid) -> Pid:
    """Take a reference for somebody outside the task lists."""
    pid.count += 1
    return pid


def put_pid(k: Kernel, pid: Pid | None) -> None:
    """Drop a reference; the last one frees the struct and lets its namespace go."""
    if pid is None:
        return
    pid.count -= 1
    if pid.count < 0:
        bug("struct pid put once too often", pid)
    if pid.count == 0:
        k.caches["pid"].free()
        put_pid_ns(k, pid.numbers[pid.level].ns)


# Tasks and their pids.


def attach_pid(task: Task, type: PidType | int, pid: Pid) -> None:
    """Make task a user of pid, ahead of those already there. Takes no reference (spec 4, 5)."""
    task.pids[type] = pid
    users = pid.tasks[type]
    if users is None:
        pid.tasks[type] = {task: None}
    else:
        users[task] = None


def detach_pid(task: Task, type: PidType | int) -> None:
    """End task's use of its pid; a pid nobody uses in any role is freed."""
    change_pid_link(task, type, None)


def change_pid(task: Task, type: PidType | int, pid: Pid) -> None:
    """Exchange task's pid in one role."""
    change_pid_link(task, type, pid)
    attach_pid(task, type, pid)


def change_pid_link(task: Task, type: PidType | int, new: Pid | None) -> None:
    """Unlink task from its pid and point the link to new (__change_pid)."""
    pid = task.pids[type]
    assert pid is not None
    users = pid.tasks[type]
    assert users is not None
    del users[task]
    task.pids[type] = new

    a, b, c = pid.tasks
    if not (a or b or c):
        free_pid(task.kernel, pid)


def transfer_pid(old: Task, new: Task, type: PidType | int) -> None:
    """Put new in old's place among the users of old's pid; the place in the list is kept."""
    pid = old.pids[type]
    assert pid is not None
    users = pid.tasks[type]
    assert users is not None
    pid.tasks[type] = {new if user is old else user: None for user in users}
    new.pids[type] = pid


def pid_task(pid: Pid | None, type: PidType | int) -> Task | None:
    """Return the task that attached last to pid in this role, None if there is none."""
    if pid is None:
        return None
    users = pid.tasks[type]
    return next(reversed(users)) if users else None


def find_vpid(current: Task, nr: int) -> Pid | None:
    """Return the struct pid with this number in the caller's namespace."""
    assert current.nsproxy is not None
    ns = current.nsproxy.pid_ns
    found = ns.pids.get(nr)
    if found is None and not ns.level:
        current.kernel.kthreads.look_for(current.kernel, nr)
        found = ns.pids.get(nr)
    return found


def find_get_pid(current: Task, nr: int) -> Pid | None:
    """Look up as find_vpid and take a reference."""
    pid = find_vpid(current, nr)
    return None if pid is None else get_pid(pid)


def find_task_by_pid_ns(nr: int, ns: PidNamespace) -> Task | None:
    """Return the task with this number (a tid) in ns."""
    return pid_task(ns.pids.get(nr), 0)


def find_task_by_vpid(current: Task, nr: int) -> Task | None:
    """Return the task with this number (a tid) in the caller's namespace."""
    return pid_task(find_vpid(current, nr), PIDTYPE_PID)


def get_task_pid(task: Task, type: PidType | int) -> Pid | None:
    """Return a counted reference to task's pid; PGID and SID are the leader's."""
    pid = (task if type == 0 else task.group_leader).pids[type]
    return None if pid is None else get_pid(pid)


def task_pid(p: Task) -> Pid | None:
    """Return p's own struct pid, None once it is unhashed."""
    return p.pids[PIDTYPE_PID]


def task_pgrp(p: Task) -> Pid | None:
    """Return the struct pid of p's process group."""
    return p.group_leader.pids[PIDTYPE_PGID]


def task_session(p: Task) -> Pid | None:
    """Return the struct pid of p's session."""
    return p.group_leader.pids[PIDTYPE_SID]


# Numbers.


def pid_nr(pid: Pid | None) -> int:
    """Return the global number, 0 for no pid."""
    return 0 if pid is None else pid.numbers[0].nr


def pid_nr_ns(pid: Pid | None, ns: PidNamespace) -> int:
    """Return the number seen from ns, 0 if pid is not visible there."""
    if pid is None or ns.level > pid.level:
        return 0
    upid = pid.numbers[ns.level]
    return upid.nr if upid.ns is ns else 0


def pid_vnr(viewer: Task, pid: Pid | None) -> int:
    """Return the number seen by viewer, who is current or a task that is told of something."""
    nsproxy = viewer.nsproxy
    assert nsproxy is not None
    ns = nsproxy.pid_ns
    # pid_nr_ns(), here because getpid(2) is.
    if pid is None or ns.level > pid.level:
        return 0
    upid = pid.numbers[ns.level]
    return upid.nr if upid.ns is ns else 0


def task_pid_vnr(viewer: Task, p: Task) -> int:
    """Return p's thread id seen by viewer."""
    return pid_vnr(viewer, p.pids[PIDTYPE_PID])


def task_tgid_vnr(viewer: Task, p: Task) -> int:
    """Return p's process id seen by viewer."""
    return pid_vnr(viewer, p.group_leader.pids[PIDTYPE_PID])


def task_pgrp_vnr(viewer: Task, p: Task) -> int:
    """Return p's process group id seen by viewer."""
    return pid_vnr(viewer, task_pgrp(p))


def task_session_vnr(viewer: Task, p: Task) -> int:
    """Return p's session id seen by viewer."""
    return pid_vnr(viewer, task_session(p))


def task_pid_nr_ns(p: Task, ns: PidNamespace) -> int:
    """Return p's thread id seen from ns."""
    return pid_nr_ns(p.pids[PIDTYPE_PID], ns)


def task_tgid_nr_ns(p: Task, ns: PidNamespace) -> int:
    """Return p's process id seen from ns."""
    return pid_nr_ns(p.group_leader.pids[PIDTYPE_PID], ns)


def task_pgrp_nr_ns(p: Task, ns: PidNamespace) -> int:
    """Return p's process group id seen from ns."""
    return pid_nr_ns(p.group_leader.pids[PIDTYPE_PGID], ns)


def task_session_nr_ns(p: Task, ns: PidNamespace) -> int:
    """Return p's session id seen from ns."""
    return pid_nr_ns(p.group_leader.pids[PIDTYPE_SID], ns)


def task_active_pid_ns(p: Task) -> PidNamespace:
    """Return the namespace that p, which must be hashed, was born into (ns_of_pid)."""
    pid = p.pids[PIDTYPE_PID]
    assert pid is not None
    return pid.numbers[pid.level].ns


def put_pid_ns(k: Kernel, ns: PidNamespace) -> None:
    """Drop a reference; the last one frees the namespace and drops its parent's."""
    gone: PidNamespace | None = ns
    while gone is not None and gone is not k.init_pid_ns:
        gone.count -= 1
        if gone.count > 0:
            return
        k.caches["pid_namespace"].free()
        ucount.dec_ucount(k, gone.ucounts, ucount.MAX_PID_NAMESPACES)
        user.put_user_ns(k, gone.user_ns)
        gone = gone.parent
    if gone is k.init_pid_ns:
        gone.count -= 1
