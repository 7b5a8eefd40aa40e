"""Which CPUs and memory the tasks of a group may use (kernel/cpuset.c; spec cgroups B4).

Differs: there is one memory node. What is asked of the page and slab allocators is kept, and does nothing; so is what
is asked of the balancing of CPUs, which all stay in one domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import CPUSET_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.cred import CAP_SYS_NICE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.sched import PF_THREAD_BOUND, Task, threads_from
from procession.kernel import capability, cgroup, sched_affinity
from procession.lib import bitmap

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup, CssSet
    from procession.include.linux.kernel import Kernel

__all__ = ("CpusetSubsys", "cpuset_print_task_mems_allowed")

# Cpuset.flags, and Cftype.private.
CS_CPU_EXCLUSIVE: Final = 1
CS_MEM_EXCLUSIVE: Final = 2
CS_MEM_HARDWALL: Final = 4
CS_MEMORY_MIGRATE: Final = 8
CS_SCHED_LOAD_BALANCE: Final = 16
CS_SPREAD_PAGE: Final = 32
CS_SPREAD_SLAB: Final = 64

_NR_CPUS_SMP: Final = 8
_ONLINE_NODES: Final = 1  # a mask
_MAX_NUMNODES: Final = 1
_SD_LEVEL_MAX: Final = 1


class Cpuset(CgroupSubsysState):
    """A group's state (struct cpuset); masks are ints. parent: None for the top one."""

    __slots__ = ("cpus_allowed", "flags", "mems_allowed", "parent", "relax_domain_level")

    def __init__(self, cgroup: Cgroup, parent: Cpuset | None) -> None:
        super().__init__(cgroup)
        self.parent = parent
        self.flags = CS_SCHED_LOAD_BALANCE
        self.cpus_allowed = 0
        self.mems_allowed = 0
        self.relax_domain_level = -1

    def cpus(self, active: int) -> int:
        """Return which of these CPUs are in the set, or in the nearest one above that has any of them."""
        cs: Cpuset | None = self
        while cs is not None and not cs.cpus_allowed & active:
            cs = cs.parent
        return active if cs is None else cs.cpus_allowed & active


def _cs(css: CgroupSubsysState | None) -> Cpuset:
    assert isinstance(css, Cpuset)
    return css


def _of(cgrp: Cgroup) -> Cpuset:
    return _cs(cgrp.subsys[CPUSET_SUBSYS_ID])


def cpu_active_mask(k: Kernel) -> int:
    """Return the CPUs that there are."""
    return (1 << k.nr_cpus) - 1


def cpuset_print_task_mems_allowed(p: Task) -> str:
    """Return the line about p's memory for the log of the OOM killer."""
    cgrp = cgroup.task_cgroup(p, CPUSET_SUBSYS_ID)
    nodes = bitmap.bitmap_scnlistprintf(_of(cgrp).mems_allowed)
    return f"{p.comm} cpuset={cgrp.name or '/'} mems_allowed={nodes}"


def is_cpuset_subset(p: Cpuset, q: Cpuset) -> bool:
    """Whether q has all that p has, and is exclusive where p is."""
    if p.cpus_allowed & ~q.cpus_allowed or p.mems_allowed & ~q.mems_allowed:
        return False
    return not p.flags & ~q.flags & (CS_CPU_EXCLUSIVE | CS_MEM_EXCLUSIVE)


def _trial(cs: Cpuset) -> Cpuset:
    """Return a copy, to see whether it would do (alloc_trial_cpuset)."""
    trial = Cpuset(cs.cgroup, cs.parent)
    trial.flags, trial.cpus_allowed, trial.mems_allowed = cs.flags, cs.cpus_allowed, cs.mems_allowed
    return trial


def validate_change(cur: Cpuset, trial: Cpuset) -> None:
    """Let cur become what trial is; raises EBUSY, EACCES, EINVAL, ENOSPC."""
    cgrp = cur.cgroup
    if not all(is_cpuset_subset(_of(child), trial) for child in cgrp.children.values()):
        raise LinuxError(Errno.EBUSY, "a group below has more")
    if cur.parent is None:
        return
    if not is_cpuset_subset(trial, cur.parent):
        raise LinuxError(Errno.EACCES, "the group above has less")
    assert cgrp.parent is not None
    for sibling in cgrp.parent.children.values():
        other = _of(sibling)
        either = trial.flags | other.flags
        if other is cur:
            continue
        if (either & CS_CPU_EXCLUSIVE and trial.cpus_allowed & other.cpus_allowed) or (
            either & CS_MEM_EXCLUSIVE and trial.mems_allowed & other.mems_allowed
        ):
            raise LinuxError(Errno.EINVAL, "exclusive, and shared")
    if cgroup.cgroup_task_count(cgrp) and not (trial.cpus_allowed and trial.mems_allowed):
        raise LinuxError(Errno.ENOSPC, "nothing would be left to its tasks")


# CPUs and memory.


async def _cpus_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    k, cs = current.kernel, _of(cgrp)
    if cs.parent is None:
        raise LinuxError(Errno.EACCES, "the top group has all")
    trial = _trial(cs)
    trial.cpus_allowed = bitmap.bitmap_parselist(text, 1 if k.nr_cpus == 1 else _NR_CPUS_SMP) if text else 0
    if trial.cpus_allowed & ~cpu_active_mask(k):
        raise LinuxError(Errno.EINVAL, "no such CPU")
    validate_change(cs, trial)
    if trial.cpus_allowed == cs.cpus_allowed:
        return
    cs.cpus_allowed = trial.cpus_allowed
    mask = cs.cpus(cpu_active_mask(k))
    tasks = list(cgroup.cgroup_tasks(k, cgrp))
    for p in tasks:
        p.cpus_allowed = mask
    await _move_away(current, tasks)


async def _move_away(current: Task, tasks: list[Task]) -> None:
    """Take tasks from the CPUs that they may not use any more; current is the last, for it sleeps meanwhile."""
    for p in tasks:
        if p is not current and not p.exit_state:
            await sched_affinity.set_cpus_allowed_ptr(current, p, p.cpus_allowed)
    if current in tasks:
        await sched_affinity.set_cpus_allowed_ptr(current, current, current.cpus_allowed)


def _mems_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    cs = _of(cgrp)
    if cs.parent is None:
        raise LinuxError(Errno.EACCES, "the top group has all")
    trial = _trial(cs)
    trial.mems_allowed = bitmap.bitmap_parselist(text, _MAX_NUMNODES) if text else 0
    if trial.mems_allowed & ~_ONLINE_NODES:
        raise LinuxError(Errno.EINVAL, "no such node")
    if trial.mems_allowed == cs.mems_allowed:
        return
    validate_change(cs, trial)
    cs.mems_allowed = trial.mems_allowed


def _cpus_read(cgrp: Cgroup, cft: Cftype) -> str:
    return f"{bitmap.bitmap_scnlistprintf(_of(cgrp).cpus_allowed)}\n"


def _mems_read(cgrp: Cgroup, cft: Cftype) -> str:
    return f"{bitmap.bitmap_scnlistprintf(_of(cgrp).mems_allowed)}\n"


# Flags.


def _flag_read(cgrp: Cgroup, cft: Cftype) -> int:
    return int(_of(cgrp).flags & cft.private != 0)


def _flag_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    cs = _of(cgrp)
    trial = _trial(cs)
    if value:
        trial.flags |= cft.private
    else:
        trial.flags &= ~cft.private
    validate_change(cs, trial)
    cs.flags = trial.flags


def _pressure_read(cgrp: Cgroup, cft: Cftype) -> int:
    return 0


def _pressure_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    raise LinuxError(Errno.EACCES, "it can only be read")


def _relax_read(cgrp: Cgroup, cft: Cftype) -> int:
    return _of(cgrp).relax_domain_level


def _relax_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if current.kernel.nr_cpus > 1 and not -1 <= value < _SD_LEVEL_MAX:
        raise LinuxError(Errno.EINVAL, "no such level")
    value &= UINT_MAX
    _of(cgrp).relax_domain_level = value - (value >> 31 << 32)


def _flag(name: str, bit: int) -> Cftype:
    return Cftype(name, private=bit, read_u64=_flag_read, write_u64=_flag_write)


class CpusetSubsys(CgroupSubsys):
    """The controller. memory_pressure_enabled: a file of the top group's."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "cpuset", CPUSET_SUBSYS_ID)
        self.memory_pressure_enabled = 0

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return a state with nothing in it; the top one has all."""
        if cgrp.parent is not None:
            parent = _of(cgrp.parent)
            cs = Cpuset(cgrp, parent)
            cs.flags |= parent.flags & (CS_SPREAD_PAGE | CS_SPREAD_SLAB)
            return cs
        top = Cpuset(cgrp, None)
        top.cpus_allowed = cpu_active_mask(self.kernel)
        top.mems_allowed = _ONLINE_NODES
        top.flags |= CS_CPU_EXCLUSIVE | CS_MEM_EXCLUSIVE
        return top

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of a group."""
        nr_cpus = 1 if self.kernel.nr_cpus == 1 else _NR_CPUS_SMP
        files = [
            Cftype("cpus", max_write_len=100 + 6 * nr_cpus, read_text=_cpus_read, write_string_sleeping=_cpus_write),
            Cftype("mems", max_write_len=100 + 6 * _MAX_NUMNODES, read_text=_mems_read, write_string=_mems_write),
            _flag("cpu_exclusive", CS_CPU_EXCLUSIVE),
            _flag("mem_exclusive", CS_MEM_EXCLUSIVE),
            _flag("mem_hardwall", CS_MEM_HARDWALL),
            _flag("sched_load_balance", CS_SCHED_LOAD_BALANCE),
            Cftype("sched_relax_domain_level", read_s64=_relax_read, write_s64=_relax_write),
            _flag("memory_migrate", CS_MEMORY_MIGRATE),
            Cftype("memory_pressure", mode=0o444, read_u64=_pressure_read, write_u64=_pressure_write),
            _flag("memory_spread_page", CS_SPREAD_PAGE),
            _flag("memory_spread_slab", CS_SPREAD_SLAB),
        ]
        if cgrp.parent is None:
            files.append(Cftype("memory_pressure_enabled", read_u64=self._enabled_read, write_u64=self._enabled_write))
        return files

    def _enabled_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        return self.memory_pressure_enabled

    def _enabled_write(self, current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
        self.memory_pressure_enabled = int(value != 0)

    def post_clone(self, cgrp: Cgroup) -> None:
        """Give the group what its parent has, unless a sibling has a part of that for itself."""
        assert cgrp.parent is not None
        exclusive = CS_CPU_EXCLUSIVE | CS_MEM_EXCLUSIVE
        if any(_of(sibling).flags & exclusive for sibling in cgrp.parent.children.values()):
            return
        cs, parent = _of(cgrp), _of(cgrp.parent)
        cs.cpus_allowed, cs.mems_allowed = parent.cpus_allowed, parent.mems_allowed

    def can_attach(self, current: Task, cgrp: Cgroup, p: Task) -> None:
        """Let nobody come where there is nothing to run on; raises ENOSPC, EINVAL for a thread bound to a CPU."""
        cs = _of(cgrp)
        if not cs.cpus_allowed or not cs.mems_allowed:
            raise LinuxError(Errno.ENOSPC, "no CPU, or no memory")
        if p.flags & PF_THREAD_BOUND:
            raise LinuxError(Errno.EINVAL, "a thread that belongs to a CPU")

    def can_attach_task(self, cgrp: Cgroup, p: Task) -> None:
        """Let only those be moved whose scheduling one may change; raises EPERM (cap_task_setscheduler)."""
        current = self.kernel.current
        if p.real_cred.cap_permitted & ~current.cred.cap_permitted and not capability.capable(current, CAP_SYS_NICE):
            raise LinuxError(Errno.EPERM, "a task with more capabilities")

    def attach_task(self, cgrp: Cgroup, old: CssSet, p: Task) -> None:
        """Let a thread use the group's CPUs, whatever it could use before."""
        cs = _of(cgrp)
        p.cpus_allowed = cpu_active_mask(self.kernel) if cs.parent is None else cs.cpus(cpu_active_mask(self.kernel))

    async def attach(self, current: Task, cgrp: Cgroup, old_cgrp: Cgroup, p: Task) -> None:
        """Move the threads that came to CPUs that they may use."""
        threads = [t for t in threads_from(p) if cgroup.task_cgroup(t, CPUSET_SUBSYS_ID) is cgrp]
        await _move_away(current, threads)
