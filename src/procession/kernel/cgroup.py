"""Which task is in which group: css_sets, fork and exit, moving, making and removing groups (kernel/cgroup.c).

The files are in kernel/cgroup_fs.py, their lists of tasks in kernel/cgroup_procs.py, release agents in
kernel/cgroup_release.py.

Differs: there is no cgroup_mutex. All that it protects is done without sleeping.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from procession.include.linux.bug import bug_on
from procession.include.linux.cgroup import (
    CGRP_CLONE_CHILDREN,
    CGRP_NOTIFY_ON_RELEASE,
    CGRP_RELEASABLE,
    CGRP_REMOVED,
    CgCgroupLink,
    Cgroup,
    CgroupfsRoot,
    CssSet,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import (
    PF_EXITING,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_UNINTERRUPTIBLE,
    Task,
    threads_from,
)
from procession.include.linux.undo import Undo
from procession.kernel import rcupdate
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.cgroup import CgroupEvent, CgroupSubsys, CgroupSubsysState
    from procession.include.linux.kernel import Kernel

__all__ = (
    "cgroup_attach_proc",
    "cgroup_attach_task",
    "cgroup_create",
    "cgroup_exit",
    "cgroup_fork",
    "cgroup_fork_callbacks",
    "cgroup_fork_failed",
    "cgroup_init",
    "cgroup_is_removed",
    "cgroup_path",
    "cgroup_post_fork",
    "cgroup_rmdir",
    "cgroup_task_count",
    "cgroup_tasks",
    "cgroupstats_build",
    "check_for_release",
    "drop_root",
    "link_new_root",
    "rebind_subsystems",
    "remove_event",
    "task_cgroup",
    "task_cgroup_from_root",
)


def cgroup_init(k: Kernel, subsystems: Sequence[CgroupSubsys]) -> None:
    """Make the dummy hierarchy with all controllers in it, and the css_set of the boot task."""
    slab.kmem_cache_create(k, "css_set", 176)
    slab.kmem_cache_create(k, "cgroup", 352)
    state = k.cgroups
    root, top = state.rootnode, state.rootnode.top_cgroup
    states: list[CgroupSubsysState] = []
    for ss in subsystems:
        bug_on(ss.subsys_id != len(states), "controllers are numbered in order", ss.name)
        ss.root = root
        root.subsys_list.insert(0, ss)
        css = ss.create(top)
        top.subsys[ss.subsys_id] = css
        states.append(css)
        state.subsys.append(ss)
        state.need_forkexit_callback |= ss.has_fork or ss.has_exit
    state.init_css_set = CssSet(tuple(states))
    state.init_css_set.refcount += 1  # the boot task
    state.css_set_table[state.init_css_set.subsys] = [state.init_css_set]
    _link_css_set(state.init_css_set, top)


# css_sets.


def _link_css_set(cg: CssSet, cgrp: Cgroup) -> None:
    """Put the tasks of cg into cgrp, too (link_css_set)."""
    link = CgCgroupLink(cgrp, cg)
    cg.cg_links.append(link)
    cgrp.css_sets[link] = None
    cgrp.count += 1


def put_css_set(k: Kernel, cg: CssSet, *, taskexit: bool = False) -> None:
    """Drop a reference; without the last one its groups may have nobody in them (__put_css_set)."""
    cg.refcount -= 1
    if cg.refcount:
        return
    _unlink_css_set(k, cg)
    for link in cg.cg_links:
        cgrp = link.cgrp
        del cgrp.css_sets[link]
        cgrp.count -= 1
        if not cgrp.count and cgrp.flags & CGRP_NOTIFY_ON_RELEASE:
            if taskexit:
                cgrp.flags |= CGRP_RELEASABLE
            check_for_release(k, cgrp)
    cg.cg_links.clear()
    k.caches["css_set"].free()


def _unlink_css_set(k: Kernel, cg: CssSet) -> None:
    table = k.cgroups.css_set_table
    same = table[cg.subsys]
    same.remove(cg)
    if not same:
        del table[cg.subsys]


def _states_in(oldcg: CssSet, cgrp: Cgroup) -> tuple[CgroupSubsysState, ...]:
    """Return the states of a task that comes from oldcg to cgrp."""
    bits = cgrp.root.subsys_bits
    if not bits:
        return oldcg.subsys
    states = list(oldcg.subsys)
    for nr, css in enumerate(cgrp.subsys):
        if bits >> nr & 1:
            assert css is not None
            states[nr] = css
    return tuple(states)


def _find_existing_css_set(k: Kernel, oldcg: CssSet, cgrp: Cgroup) -> CssSet | None:
    """Return the css_set that is equal to oldcg but for cgrp's hierarchy, if there is one."""
    for cg in k.cgroups.css_set_table.get(_states_in(oldcg, cgrp), ()):
        for link, old in zip(cg.cg_links, oldcg.cg_links, strict=True):
            wanted = cgrp if link.cgrp.root is cgrp.root else old.cgrp
            if link.cgrp is not wanted:
                break
        else:
            return cg
    return None


def find_css_set(k: Kernel, oldcg: CssSet, cgrp: Cgroup) -> CssSet:
    """Return, with a reference, the css_set that is equal to oldcg but for cgrp's hierarchy; raises ENOMEM."""
    found = _find_existing_css_set(k, oldcg, cgrp)
    if found is not None:
        found.refcount += 1
        return found
    k.caches["css_set"].alloc()
    new = CssSet(_states_in(oldcg, cgrp))
    for link in oldcg.cg_links:
        _link_css_set(new, cgrp if link.cgrp.root is cgrp.root else link.cgrp)
    k.cgroups.css_set_table.setdefault(new.subsys, []).append(new)
    return new


def task_cgroup(p: Task, subsys_id: int) -> Cgroup:
    """Return the group of a task in a controller's hierarchy."""
    return p.cgroups.subsys[subsys_id].cgroup


def task_cgroup_from_root(p: Task, root: CgroupfsRoot) -> Cgroup:
    """Return the group of a task in a hierarchy."""
    if p.cgroups is p.kernel.cgroups.init_css_set:
        return root.top_cgroup
    return next(link.cgrp for link in p.cgroups.cg_links if link.cgrp.root is root)


def cgroup_path(cgrp: Cgroup) -> str:
    """Return the name of a group within its hierarchy."""
    names: list[str] = []
    while cgrp.parent is not None:
        names.append(cgrp.name)
        cgrp = cgrp.parent
    return "/" + "/".join(reversed(names))


def cgroup_is_removed(cgrp: Cgroup) -> bool:
    """Whether the group is gone, and only somebody's open file is left of it."""
    return bool(cgrp.flags & CGRP_REMOVED)


# The tasks in a group.


def cgroup_enable_task_cg_lists(k: Kernel) -> None:
    """Begin to keep the lists of tasks, which nobody has wanted to see before."""
    k.cgroups.use_task_css_set_links = True
    for leader in k.tasks:
        for p in threads_from(leader):
            # Who is exiting may have left its css_set already.
            if not p.flags & PF_EXITING and p not in p.cgroups.tasks:
                p.cgroups.tasks[p] = None


def cgroup_tasks(k: Kernel, cgrp: Cgroup) -> Iterator[Task]:
    """Go through the tasks in a group, which must not change meanwhile (cgroup_iter_next)."""
    if not k.cgroups.use_task_css_set_links:
        cgroup_enable_task_cg_lists(k)
    for link in reversed(cgrp.css_sets):
        yield from reversed(link.cg.tasks)


def cgroup_task_count(cgrp: Cgroup) -> int:
    """Return how many references to css_sets of the group there are."""
    return sum(link.cg.refcount for link in cgrp.css_sets)


def cgroupstats_build(k: Kernel, cgrp: Cgroup) -> tuple[int, int, int, int, int]:
    """Return how many tasks sleep, can run, are stopped, sleep whatever comes, and wait for a disk: none ever does."""
    counts = dict.fromkeys((TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_STOPPED, TASK_UNINTERRUPTIBLE), 0)
    for p in cgroup_tasks(k, cgrp):
        if p.state in counts:
            counts[p.state] += 1
    sleeping, running, stopped, uninterruptible = counts.values()
    return sleeping, running, stopped, uninterruptible, 0


# Fork and exit.


def cgroup_fork(p: Task) -> None:
    """A copy of current is where current is."""
    p.cgroups.refcount += 1


def cgroup_fork_callbacks(p: Task) -> None:
    """Tell the controllers that want to know that p is about to become visible."""
    k = p.kernel
    if p.cgroups is k.cgroups.init_css_set or not k.cgroups.need_forkexit_callback:
        return  # in the top groups none of them has anything to do
    for ss in k.cgroups.subsys:
        if ss.has_fork:
            ss.fork(p)


def cgroup_post_fork(p: Task) -> None:
    """List p with those of its css_set, if lists are kept."""
    if p.kernel.cgroups.use_task_css_set_links:
        p.cgroups.tasks[p] = None


def cgroup_fork_failed(p: Task) -> None:
    """Undo cgroup_fork, and what the controllers were told of (bad_fork_cleanup_cgroup).

    Differs: cgroup_exit() is called with exit callbacks or without; none of these has to undo anything.
    """
    put_css_set(p.kernel, p.cgroups)


def cgroup_exit(p: Task) -> None:
    """Take p out of its groups: from here on it is in the top ones, and counted nowhere."""
    k = p.kernel
    state = k.cgroups
    cg = p.cgroups
    if state.use_task_css_set_links:
        cg.tasks.pop(p, None)
    if cg is state.init_css_set:
        cg.refcount -= 1
        return
    p.cgroups = state.init_css_set
    if state.need_forkexit_callback:
        for ss in state.subsys:
            if ss.has_exit:
                ss.exit(p.cgroups.subsys[ss.subsys_id].cgroup, cg.subsys[ss.subsys_id].cgroup, p)
    put_css_set(k, cg, taskexit=True)


# Moving.


def _task_migrate(cgrp: Cgroup, oldcgrp: Cgroup, p: Task) -> CssSet:
    """Take p from one group to another; returns the css_set that it left. Raises ENOMEM, ESRCH."""
    k = p.kernel
    oldcg = p.cgroups
    newcg = find_css_set(k, oldcg, cgrp)
    if p.flags & PF_EXITING:
        put_css_set(k, newcg)
        raise LinuxError(Errno.ESRCH, "on its way out")
    p.cgroups = newcg
    if p in oldcg.tasks:
        del oldcg.tasks[p]
        newcg.tasks[p] = None
    for ss in cgrp.root.subsys_list:
        ss.attach_task(cgrp, oldcg, p)
    put_css_set(k, oldcg)
    # Behind the check of put_css_set(): so 3.2 does not tell of the first task that leaves.
    oldcgrp.flags |= CGRP_RELEASABLE
    return oldcg


def _may_attach(current: Task, cgrp: Cgroup, leader: Task, threads: Sequence[Task]) -> None:
    """Ask all controllers of a hierarchy whether tasks may come; those that agreed hear of another's refusal."""
    agreed: list[CgroupSubsys] = []
    try:
        for ss in cgrp.root.subsys_list:
            ss.can_attach(current, cgrp, leader)
            agreed.append(ss)
            for p in threads:
                ss.can_attach_task(cgrp, p)
    except LinuxError:
        for ss in agreed:
            ss.cancel_attach(cgrp, leader)
        raise


async def cgroup_attach_task(current: Task, cgrp: Cgroup, p: Task) -> None:
    """Move one thread to a group; raises ENOMEM, ESRCH, and what a controller has against it."""
    oldcgrp = task_cgroup_from_root(p, cgrp.root)
    if cgrp is oldcgrp:
        return
    _may_attach(current, cgrp, p, [p])
    try:
        for ss in cgrp.root.subsys_list:
            ss.pre_attach(cgrp)
        _task_migrate(cgrp, oldcgrp, p)
    except LinuxError:
        for ss in cgrp.root.subsys_list:
            ss.cancel_attach(cgrp, p)
        raise
    for ss in cgrp.root.subsys_list:
        await ss.attach(current, cgrp, oldcgrp, p)
    await rcupdate.synchronize_rcu(current)


async def cgroup_attach_proc(current: Task, cgrp: Cgroup, leader: Task) -> None:
    """Move all threads of a process to a group; raises ENOMEM, and what a controller has against it.

    Those that are on their way out stay where they are.
    """
    k = current.kernel
    threads = threads_from(leader)
    _may_attach(current, cgrp, leader, threads)
    oldcgrp = task_cgroup_from_root(leader, cgrp.root)
    moving = [p for p in threads if not p.flags & PF_EXITING and task_cgroup_from_root(p, cgrp.root) is not cgrp]
    sets: list[CssSet] = []
    try:
        # From here on nothing can fail: all css_sets are there.
        sets.extend(find_css_set(k, p.cgroups, cgrp) for p in moving)
        for ss in cgrp.root.subsys_list:
            ss.pre_attach(cgrp)
        for p in moving:
            _task_migrate(cgrp, task_cgroup_from_root(p, cgrp.root), p)
    except LinuxError:
        for ss in cgrp.root.subsys_list:
            ss.cancel_attach(cgrp, leader)
        raise
    finally:
        for cg in sets:
            put_css_set(k, cg)
    for ss in cgrp.root.subsys_list:
        await ss.attach(current, cgrp, oldcgrp, leader)
    await rcupdate.synchronize_rcu(current)


# Groups.


def cgroup_create(k: Kernel, parent: Cgroup, name: str) -> Cgroup:
    """Make a group; raises ENOMEM, ENOSPC."""
    root = parent.root
    cgrp = Cgroup(root, parent, name)
    cgrp.flags = parent.flags & (CGRP_NOTIFY_ON_RELEASE | CGRP_CLONE_CHILDREN)
    with Undo() as undo:
        k.caches["cgroup"].alloc()
        undo.push((k.caches["cgroup"].free,))
        for ss in root.subsys_list:
            cgrp.subsys[ss.subsys_id] = ss.create(cgrp)
            undo.push((ss.destroy, cgrp))
            if parent.flags & CGRP_CLONE_CHILDREN:
                ss.post_clone(cgrp)
    parent.children[name] = cgrp
    root.number_of_cgroups += 1
    return cgrp


def cgroup_rmdir(current: Task, cgrp: Cgroup) -> None:
    """Remove a group; raises EBUSY with tasks or groups in it, EINTR.

    Differs: nothing refers to a controller's state but its group, so there is nothing to wait for.
    """
    k = current.kernel
    parent = cgrp.parent
    if parent is None or cgrp.count or cgrp.children:
        raise LinuxError(Errno.EBUSY, "not empty")
    for ss in cgrp.root.subsys_list:
        ss.pre_destroy(current, cgrp)
    cgrp.flags |= CGRP_REMOVED
    if cgrp.release_queued:
        cgrp.release_queued = False
        k.cgroups.release_list.remove(cgrp)
    del parent.children[cgrp.name]
    parent.flags |= CGRP_RELEASABLE
    check_for_release(k, parent)
    for event in list(cgrp.event_list):
        remove_event(cgrp, event, signal=True)
    for ss in cgrp.root.subsys_list:
        ss.destroy(cgrp)
    cgrp.root.number_of_cgroups -= 1
    k.caches["cgroup"].free()


# Telling that there is nobody.


def check_for_release(k: Kernel, cgrp: Cgroup) -> None:
    """Have the release agent run if the group has become empty, and somebody wants to know."""
    wanted = CGRP_NOTIFY_ON_RELEASE | CGRP_RELEASABLE
    if cgrp.flags & wanted != wanted or cgrp.count or cgrp.children:
        return
    if cgrp.flags & CGRP_REMOVED or cgrp.release_queued:
        return
    cgrp.release_queued = True
    k.cgroups.release_list.insert(0, cgrp)
    assert k.cgroups.schedule_release is not None
    k.cgroups.schedule_release()


def remove_event(cgrp: Cgroup, event: CgroupEvent, *, signal: bool) -> None:
    """Forget that an eventfd wants to be told of something; signal: tell it that the group is gone."""
    cgrp.event_list.remove(event)
    assert event.cft.unregister_event is not None
    event.cft.unregister_event(cgrp, event.cft, event.eventfd)
    assert event.forget is not None
    event.forget(signal)
    event.forget = None


# Hierarchies.


def rebind_subsystems(k: Kernel, root: CgroupfsRoot, final_bits: int) -> None:
    """Let a hierarchy have exactly the controllers final_bits; raises EBUSY if one is in use, or it has groups."""
    state = k.cgroups
    removed = root.subsys_bits & ~final_bits
    added = final_bits & ~root.subsys_bits
    dummy = state.rootnode
    if any(added >> ss.subsys_id & 1 and ss.root is not dummy for ss in state.subsys):
        raise LinuxError(Errno.EBUSY, "the controller is in another hierarchy")
    if root.number_of_cgroups > 1:
        raise LinuxError(Errno.EBUSY, "there are groups")
    for ss in state.subsys:
        nr = ss.subsys_id
        if added >> nr & 1:
            _move_subsys(ss, dummy, root)
        elif removed >> nr & 1:
            _move_subsys(ss, root, dummy)
    root.subsys_bits = final_bits


def _move_subsys(ss: CgroupSubsys, frm: CgroupfsRoot, to: CgroupfsRoot) -> None:
    nr = ss.subsys_id
    css = frm.top_cgroup.subsys[nr]
    assert css is not None
    frm.top_cgroup.subsys[nr] = None if frm.sb is not None else css
    to.top_cgroup.subsys[nr] = css
    css.cgroup = to.top_cgroup
    frm.subsys_list.remove(ss)
    to.subsys_list.insert(0, ss)
    ss.root = to
    ss.bind(to)


def link_new_root(k: Kernel, root: CgroupfsRoot) -> None:
    """Put all tasks into the top group of a hierarchy that was just made."""
    k.cgroups.roots.append(root)
    for same in k.cgroups.css_set_table.values():
        for cg in same:
            _link_css_set(cg, root.top_cgroup)


def drop_root(k: Kernel, root: CgroupfsRoot) -> None:
    """A hierarchy without groups is not mounted any more: its controllers go back to the dummy (cgroup_kill_sb)."""
    bug_on(root.number_of_cgroups != 1 or bool(root.top_cgroup.children), "a hierarchy with groups goes", root.name)
    rebind_subsystems(k, root, 0)
    top = root.top_cgroup
    for link in top.css_sets:
        link.cg.cg_links.remove(link)
    top.css_sets.clear()
    top.count = 0
    top.flags |= CGRP_REMOVED
    k.cgroups.roots.remove(root)
    for event in list(top.event_list):
        remove_event(top, event, signal=False)
