"""The files of every group: tasks, and what is about the group itself (kernel/cgroup.c; spec cgroups A3, A4, A9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.fs import eventfd, file, namei
from procession.include.linux.cgroup import (
    CGRP_CLONE_CHILDREN,
    CGRP_NOTIFY_ON_RELEASE,
    CGRP_RELEASABLE,
    Cftype,
    CgroupEvent,
    CgroupPidlist,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import MAY_READ, POLLHUP, File
from procession.include.linux.limits import PATH_MAX, UINT_MAX
from procession.include.linux.sched import PF_EXITING, Task
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import cgroup, pid, rcupdate, wait
from procession.lib import string, vsprintf

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup
    from procession.include.linux.kernel import Kernel

__all__ = ("EventEntry", "base_files", "pidlist_open", "pidlist_release", "proc_cgroup_show", "proc_cgroupstats_show")

_PROCS: Final = "procs"


# Lists of tasks.


def pidlist_open(current: Task, cgrp: Cgroup, cft: Cftype) -> CgroupPidlist:
    """Return the list of what is in a group, as current's namespace numbers it; all who have it open see it anew."""
    ns = pid.task_active_pid_ns(current)
    found = cgrp.pidlists.get((cft.pids, ns))
    if found is None:
        found = cgrp.pidlists[cft.pids, ns] = CgroupPidlist()
    found.use_count += 1
    number = pid.task_tgid_nr_ns if cft.pids == _PROCS else pid.task_pid_nr_ns
    found.list = sorted({nr for p in cgroup.cgroup_tasks(current.kernel, cgrp) if (nr := number(p, ns)) > 0})
    return found


def pidlist_release(cgrp: Cgroup, pidlist: CgroupPidlist) -> None:
    """Somebody who had the list open has it no more."""
    pidlist.use_count -= 1
    if not pidlist.use_count:
        key = next(key for key, there in cgrp.pidlists.items() if there is pidlist)
        del cgrp.pidlists[key]


async def _tasks_write(current: Task, cgrp: Cgroup, cft: Cftype, nr: int) -> None:
    await attach_task_by_pid(current, cgrp, nr, threadgroup=False)


async def _procs_write(current: Task, cgrp: Cgroup, cft: Cftype, nr: int) -> None:
    await attach_task_by_pid(current, cgrp, nr, threadgroup=True)


async def attach_task_by_pid(current: Task, cgrp: Cgroup, nr: int, *, threadgroup: bool) -> None:
    """Move a thread, or the process that it is of, to a group; nr 0: current.

    Raises ENODEV, ESRCH, EACCES for another user's, and what cgroup_attach_task and cgroup_attach_proc do.
    """
    if cgroup.cgroup_is_removed(cgrp):
        raise LinuxError(Errno.ENODEV, "the group is gone")
    p = _task_to_move(current, nr, threadgroup=threadgroup) if nr else current
    if not threadgroup:
        await cgroup.cgroup_attach_task(current, cgrp, p)
    else:
        await cgroup.cgroup_attach_proc(current, cgrp, p.group_leader)


def _task_to_move(current: Task, nr: int, *, threadgroup: bool) -> Task:
    nr &= UINT_MAX
    p = pid.find_task_by_vpid(current, nr - (nr >> 31 << 32))
    if p is None:
        raise LinuxError(Errno.ESRCH, f"no task {nr}")
    if threadgroup:
        p = p.group_leader
    elif p.flags & PF_EXITING:
        raise LinuxError(Errno.ESRCH, "on its way out")
    # Capabilities do not count.
    euid, theirs = current.cred.euid, p.real_cred
    if euid and euid not in (theirs.uid, theirs.suid):
        raise LinuxError(Errno.EACCES, "another user's")
    return p


# Flags.


def _read_flag(cgrp: Cgroup, cft: Cftype) -> int:
    return int(cgrp.flags & cft.private != 0)


def _write_notify_on_release(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    cgrp.flags &= ~CGRP_RELEASABLE
    _write_flag(current, cgrp, cft, value)


def _write_flag(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if value:
        cgrp.flags |= cft.private
    else:
        cgrp.flags &= ~cft.private


def _release_agent_show(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    if cgroup.cgroup_is_removed(cgrp):
        raise LinuxError(Errno.ENODEV, "the hierarchy is gone")
    return f"{cgrp.root.release_agent_path}\n"


def _release_agent_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    cgrp.root.release_agent_path = string.to_text(text)


# Events.


def _write_event_control(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    """Have an eventfd told of what happens to a control file: "EVENTFD CONTROLFD ARGUMENTS".

    Raises EINVAL, EBADF, EACCES, and what the file's own function does.
    """
    efd, end = vsprintf.simple_strtoul(text, 10)
    if text[end : end + 1] != b" ":
        raise LinuxError(Errno.EINVAL, "no descriptor of an eventfd")
    text = text[end + 1 :]
    cfd, end = vsprintf.simple_strtoul(text, 10)
    if text[end : end + 1] not in (b" ", b""):
        raise LinuxError(Errno.EINVAL, "no descriptor of a control file")
    efile = file.fget_light(current, efd & UINT_MAX)
    if not isinstance(efile, eventfd.EventfdFile):
        raise LinuxError(Errno.EINVAL, "not an eventfd")
    cfile = file.fget_light(current, cfd & UINT_MAX)
    namei.inode_permission(current, cfile.inode, MAY_READ)
    watched = file_cft(cfile)
    if watched is None or watched.register_event is None:
        raise LinuxError(Errno.EINVAL, "nothing happens there")
    ctx: eventfd.EventfdCtx = efile.private_data
    watched.register_event(cgrp, watched, ctx, text[end + 1 :])
    _watch(current, cgrp, watched, ctx)


def file_cft(opened: File) -> Cftype | None:
    """Return the control file that is open, None if another kind of file is."""
    cft = opened.private_data
    return cft if isinstance(cft, Cftype) else None


class EventEntry(WaitQueueEntry):
    """What hears that an eventfd is closed, whoever asked for its events (the wait of struct cgroup_event)."""

    __slots__ = ("cgrp", "event")

    def __init__(self, current: Task, cgrp: Cgroup, event: CgroupEvent) -> None:
        super().__init__(current.kernel.init_task, func=event_wake)
        self.cgrp = cgrp
        self.event = event


def event_wake(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Forget an event whose eventfd is closed, in a moment: the lock of its queue is held (cgroup_event_wake)."""
    assert isinstance(entry, EventEntry)
    if isinstance(key, int) and key & POLLHUP:
        rcupdate.call_rcu(entry.task.kernel, _event_remove, entry)
    return False


def _event_remove(entry: EventEntry) -> None:
    # Its group may have been faster.
    if entry.event in entry.cgrp.event_list:
        cgroup.remove_event(entry.cgrp, entry.event, signal=False)


def _watch(current: Task, cgrp: Cgroup, cft: Cftype, ctx: eventfd.EventfdCtx) -> None:
    event = CgroupEvent(cft, ctx)
    entry = EventEntry(current, cgrp, event)
    event.forget = lambda signal: _forget(entry, ctx, signal=signal)
    wait.add_wait_queue(ctx.wqh, entry)
    cgrp.event_list.insert(0, event)


def _forget(entry: EventEntry, ctx: eventfd.EventfdCtx, *, signal: bool) -> None:
    if entry in ctx.wqh.task_list:
        ctx.wqh.task_list.remove(entry)
    if signal:
        ctx.signal(1)


_FILES: Final = (
    Cftype("tasks", mode=0o644, pids="tasks", write_u64_sleeping=_tasks_write),
    Cftype("cgroup.procs", mode=0o644, pids=_PROCS, write_u64_sleeping=_procs_write),
    Cftype(
        "notify_on_release", private=CGRP_NOTIFY_ON_RELEASE, read_u64=_read_flag, write_u64=_write_notify_on_release
    ),
    Cftype("cgroup.event_control", mode=0o222, write_string=_write_event_control),
    Cftype("cgroup.clone_children", private=CGRP_CLONE_CHILDREN, read_u64=_read_flag, write_u64=_write_flag),
)
_RELEASE_AGENT: Final = Cftype(
    "release_agent", max_write_len=PATH_MAX, read_seq=_release_agent_show, write_string=_release_agent_write
)


def base_files(cgrp: Cgroup) -> list[Cftype]:
    """Return the files that a group has whatever controllers there are."""
    return [*_FILES, _RELEASE_AGENT] if cgrp.parent is None else list(_FILES)


# /proc.


def proc_cgroup_show(p: Task) -> str:
    """Return /proc/PID/cgroup: a line for each hierarchy, the newest first."""
    lines = []
    for root in reversed(p.kernel.cgroups.roots):
        names = [ss.name for ss in root.subsys_list]
        if root.name:
            names.append(f"name={root.name}")
        path = cgroup.cgroup_path(cgroup.task_cgroup_from_root(p, root))
        lines.append(f"{root.hierarchy_id}:{','.join(names)}:{path}\n")
    return "".join(lines)


def proc_cgroupstats_show(k: Kernel) -> str:
    """Return /proc/cgroups: the controllers, with their hierarchy and how many groups it has."""
    lines = ["#subsys_name\thierarchy\tnum_cgroups\tenabled\n"]
    for ss in k.cgroups.subsys:
        root: Any = ss.root
        lines.append(f"{ss.name}\t{root.hierarchy_id}\t{root.number_of_cgroups}\t1\n")
    return "".join(lines)
