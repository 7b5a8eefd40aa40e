"""Control groups: hierarchies, groups, and which groups a task is in (include/linux/cgroup.h; spec cgroups A1).

A hierarchy has controllers and a tree of groups, which are the directories of its file system. A css_set is what all
tasks with the same memberships share: one group of each hierarchy, and so one state of each controller. A link joins
a css_set and a group.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry, SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task

# The controllers, in the order of include/linux/cgroup_subsys.h.
CPUSET_SUBSYS_ID: Final = 0
DEBUG_SUBSYS_ID: Final = 1
CPU_CGROUP_SUBSYS_ID: Final = 2
CPUACCT_SUBSYS_ID: Final = 3
MEM_CGROUP_SUBSYS_ID: Final = 4
DEVICES_SUBSYS_ID: Final = 5
FREEZER_SUBSYS_ID: Final = 6
NET_CLS_SUBSYS_ID: Final = 7
BLKIO_SUBSYS_ID: Final = 8
CGROUP_SUBSYS_COUNT: Final = 9

# Cgroup.flags.
CGRP_REMOVED: Final = 1
CGRP_RELEASABLE: Final = 2
CGRP_NOTIFY_ON_RELEASE: Final = 4
CGRP_CLONE_CHILDREN: Final = 16

# CgroupfsRoot.flags.
ROOT_NOPREFIX: Final = 1

MAX_CGROUP_ROOT_NAMELEN: Final = 64


class CgroupSubsysState:
    """One controller's state in one group (struct cgroup_subsys_state); controllers have classes of their own."""

    __slots__ = ("cgroup",)  # derived

    def __init__(self, cgroup: Cgroup) -> None:
        self.cgroup: Cgroup = cgroup

    def cpus(self, active: int) -> int:
        """Return which of these CPUs, a mask, its tasks may use; never none (cpuset_cpus_allowed)."""
        return active

    def charge(self, p: Task) -> None:
        """Note what p, which is in the group, has used so far: it is about to move to another CPU."""


class CgCgroupLink:
    """That the tasks of a css_set are in a group (struct cg_cgroup_link)."""

    __slots__ = ("cgrp", "cg")  # derived

    def __init__(self, cgrp: Cgroup, cg: CssSet) -> None:
        self.cgrp: Cgroup = cgrp
        self.cg: CssSet = cg


class CssSet:
    """What tasks with the same memberships share (struct css_set).

    refcount: tasks that refer to it; those in init_css_set that have begun to exit are not counted, one is for itself.
    tasks: by the time they came; kept only once somebody has wanted to know (CgroupState.use_task_css_set_links).
    """

    __slots__ = ("refcount", "tasks", "cg_links", "subsys")  # derived

    def __init__(self, subsys: tuple[CgroupSubsysState, ...]) -> None:
        self.refcount: int = 1
        self.tasks: dict[Task, None] = {}
        self.cg_links: list[CgCgroupLink] = []  # one a hierarchy, in the order these were made
        self.subsys: tuple[CgroupSubsysState, ...] = subsys  # by number of the controller


class CgroupEvent:
    """That an eventfd is to be told of something (struct cgroup_event).

    forget: takes it off the eventfd; with True it is told once more, that the group is gone.
    """

    __slots__ = ("cft", "eventfd", "forget")  # derived

    def __init__(self, cft: Cftype, eventfd: object) -> None:
        self.cft: Cftype = cft
        self.eventfd: object = eventfd
        self.forget: Callable[[bool], None] | None = None


class CgroupPidlist:
    """The numbers in a group, of threads or of processes, as a namespace sees them (struct cgroup_pidlist)."""

    __slots__ = ("list", "use_count")  # derived

    def __init__(self) -> None:
        self.list: list[int] = []
        self.use_count: int = 0


class Cgroup:
    """A group: a directory (struct cgroup)."""

    __slots__ = (
        "root",
        "parent",
        "name",
        "dentry",
        "flags",
        "count",
        "children",
        "css_sets",
        "subsys",
        "pidlists",
        "event_list",
        "release_queued",
    )  # derived

    def __init__(self, root: CgroupfsRoot, parent: Cgroup | None, name: str = "") -> None:
        self.root: CgroupfsRoot = root
        self.parent: Cgroup | None = parent
        self.name: str = name
        self.dentry: Dentry | None = None  # ours: only the root's
        self.flags: int = 0
        self.count: int = 0  # css_sets whose tasks are in it
        self.children: dict[str, Cgroup] = {}  # the oldest first
        self.css_sets: dict[CgCgroupLink, None] = {}  # iterate reversed()
        self.subsys: list[CgroupSubsysState | None] = [None] * CGROUP_SUBSYS_COUNT
        self.pidlists: dict[tuple[str, PidNamespace], CgroupPidlist] = {}  # those that are open
        self.event_list: list[CgroupEvent] = []
        self.release_queued: bool = False  # its release agent is to be run


class CgroupfsRoot:
    """A hierarchy (struct cgroupfs_root).

    subsys_list: its controllers, those with high numbers first.
    """

    __slots__ = (
        "sb",
        "hierarchy_id",
        "subsys_bits",
        "subsys_list",
        "top_cgroup",
        "number_of_cgroups",
        "flags",
        "release_agent_path",
        "name",
    )  # derived

    def __init__(self) -> None:
        self.sb: SuperBlock | None = None  # None: the dummy, which has the controllers that no hierarchy has
        self.hierarchy_id: int = 0
        self.subsys_bits: int = 0
        self.subsys_list: list[CgroupSubsys] = []
        self.top_cgroup: Cgroup = Cgroup(self, None)
        self.number_of_cgroups: int = 1
        self.flags: int = 0
        self.release_agent_path: str = ""
        self.name: str = ""


class Cftype:
    """A control file (struct cftype); what it has no function for is EINVAL.

    read_text: text.  read_seq: the same, for who has it open readable even when the group is gone.  pids: not a text,
    but a list of numbers.
    register_event: (group, file, eventfd, arguments).
    """

    __slots__ = (
        "name",
        "mode",
        "private",
        "max_write_len",
        "pids",
        "read_u64",
        "read_s64",
        "read_text",
        "read_seq",
        "write_u64",
        "write_s64",
        "write_string",
        "write_u64_sleeping",
        "write_string_sleeping",
        "trigger",
        "register_event",
        "unregister_event",
    )  # derived

    def __init__(
        self,
        name: str,
        *,
        mode: int = 0,
        private: int = 0,
        max_write_len: int = 63,
        pids: str = "",
        read_u64: Callable[[Cgroup, Cftype], int] | None = None,
        read_s64: Callable[[Cgroup, Cftype], int] | None = None,
        read_text: Callable[[Cgroup, Cftype], str] | None = None,
        read_seq: Callable[[Task, Cgroup, Cftype], str] | None = None,
        write_u64: Callable[[Task, Cgroup, Cftype, int], None] | None = None,
        write_s64: Callable[[Task, Cgroup, Cftype, int], None] | None = None,
        write_string: Callable[[Task, Cgroup, Cftype, bytes], None] | None = None,
        write_u64_sleeping: Callable[[Task, Cgroup, Cftype, int], Coroutine[Any, Any, None]] | None = None,
        write_string_sleeping: Callable[[Task, Cgroup, Cftype, bytes], Coroutine[Any, Any, None]] | None = None,
        trigger: Callable[[Task, Cgroup, Cftype], None] | None = None,
        register_event: Callable[[Cgroup, Cftype, Any, bytes], None] | None = None,
        unregister_event: Callable[[Cgroup, Cftype, Any], None] | None = None,
    ) -> None:
        self.name: Final[str] = name
        self.mode: Final[int] = mode  # 0: by what can be done
        self.private: Final[int] = private
        self.max_write_len: Final[int] = max_write_len
        self.pids: Final[str] = pids  # "tasks", "procs"
        self.read_u64: Final = read_u64
        self.read_s64: Final = read_s64
        self.read_text: Final = read_text
        self.read_seq: Final = read_seq
        self.write_u64: Final = write_u64
        self.write_s64: Final = write_s64
        self.write_string: Final = write_string
        self.write_u64_sleeping: Final = write_u64_sleeping
        self.write_string_sleeping: Final = write_string_sleeping
        self.trigger: Final = trigger
        self.register_event: Final = register_event
        self.unregister_event: Final = unregister_event

    def file_mode(self) -> int:
        """Return the permissions of the file (cgroup_file_mode)."""
        if self.mode:
            return self.mode
        mode = 0
        if any(read is not None for read in (self.read_u64, self.read_s64, self.read_text, self.read_seq)):
            mode |= 0o444
        if self.can_be_written():
            mode |= 0o200
        return mode

    def can_be_written(self) -> bool:
        """Whether there is a function for what is written."""
        return (
            self.write_u64 is not None
            or self.write_s64 is not None
            or self.write_string is not None
            or self.write_u64_sleeping is not None
            or self.write_string_sleeping is not None
            or self.trigger is not None
        )


class CgroupSubsys:
    """A controller (struct cgroup_subsys): what is not overridden does nothing."""

    __slots__ = ("kernel", "name", "subsys_id", "root", "has_fork", "has_exit")  # derived

    def __init__(self, k: Kernel, name: str, subsys_id: int, *, has_fork: bool = False, has_exit: bool = False) -> None:
        self.kernel: Final[Kernel] = k
        self.name: Final[str] = name
        self.subsys_id: Final[int] = subsys_id
        self.root: CgroupfsRoot | None = None  # the hierarchy that it is bound to; the dummy at first
        self.has_fork: Final[bool] = has_fork
        self.has_exit: Final[bool] = has_exit

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return the state for a new group; raises ENOMEM, ENOSPC."""
        raise NotImplementedError

    def pre_destroy(self, current: Task, cgrp: Cgroup) -> None:
        """Let a group be removed; raises EBUSY, EINTR."""

    def destroy(self, cgrp: Cgroup) -> None:
        """Free a group's state."""

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the controller's files in a group (populate)."""
        return []

    def can_attach(self, current: Task, cgrp: Cgroup, p: Task) -> None:
        """Let a task, or the process that it leads, come to a group; raises what is against it."""

    def cancel_attach(self, cgrp: Cgroup, p: Task) -> None:
        """Another controller is against what can_attach was asked for."""

    def can_attach_task(self, cgrp: Cgroup, p: Task) -> None:
        """Let a thread come to a group; raises what is against it."""

    def pre_attach(self, cgrp: Cgroup) -> None:
        """Threads are about to come."""

    def attach_task(self, cgrp: Cgroup, old: CssSet, p: Task) -> None:
        """A thread has come to the group; old: where it was."""

    async def attach(self, current: Task, cgrp: Cgroup, old_cgrp: Cgroup, p: Task) -> None:
        """A task, or the process that it leads, has come to the group."""

    def fork(self, p: Task) -> None:
        """P is about to become visible."""

    def exit(self, cgrp: Cgroup, old_cgrp: Cgroup, p: Task) -> None:
        """P leaves its groups, and is in the top one from here on."""

    def post_clone(self, cgrp: Cgroup) -> None:
        """A group was made whose parent has clone_children."""

    def bind(self, root: CgroupfsRoot) -> None:
        """The controller has another hierarchy now."""


class CgroupState:
    """kernel/cgroup*.py."""

    __slots__ = (
        "init_css_set",
        "subsys",
        "rootnode",
        "roots",
        "css_set_table",
        "need_forkexit_callback",
        "use_task_css_set_links",
        "next_hierarchy_id",
        "release_list",
        "schedule_release",
        "devices_limited",
    )  # derived

    init_css_set: CssSet

    def __init__(self) -> None:
        self.subsys: list[CgroupSubsys] = []  # by number
        self.rootnode: CgroupfsRoot = CgroupfsRoot()  # the dummy hierarchy
        self.roots: list[CgroupfsRoot] = []  # the others, the newest last
        # By the states that they have; what is in one list differs in hierarchies without controllers.
        self.css_set_table: dict[tuple[CgroupSubsysState, ...], list[CssSet]] = {}
        self.need_forkexit_callback: bool = False
        self.use_task_css_set_links: bool = False
        self.next_hierarchy_id: int = 0
        self.release_list: list[Cgroup] = []  # whose agents are to be run, the newest first
        self.schedule_release: Callable[[], None] | None = None
        self.devices_limited: bool = False  # somebody's list of devices has been changed
