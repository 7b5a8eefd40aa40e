"""What a task has used, as listeners are told (include/linux/taskstats.h, struct task_delay_info of sched.h)."""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.net.netlink.genetlink import GenlFamily
    from procession.net.netlink.sock import NetlinkSock

TASKSTATS_VERSION: Final = 8
TASKSTATS_GENL_NAME: Final = b"TASKSTATS"
TASKSTATS_GENL_VERSION: Final = 1

TASKSTATS_CMD_GET: Final = 1
TASKSTATS_CMD_NEW: Final = 2
CGROUPSTATS_CMD_GET: Final = 4
CGROUPSTATS_CMD_NEW: Final = 5

TASKSTATS_TYPE_PID: Final = 1
TASKSTATS_TYPE_TGID: Final = 2
TASKSTATS_TYPE_STATS: Final = 3
TASKSTATS_TYPE_AGGR_PID: Final = 4
TASKSTATS_TYPE_AGGR_TGID: Final = 5

TASKSTATS_CMD_ATTR_PID: Final = 1
TASKSTATS_CMD_ATTR_TGID: Final = 2
TASKSTATS_CMD_ATTR_REGISTER_CPUMASK: Final = 3
TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK: Final = 4
TASKSTATS_CMD_ATTR_MAX: Final = 4
CGROUPSTATS_CMD_ATTR_FD: Final = 1
CGROUPSTATS_TYPE_CGROUP_STATS: Final = 1

# version, exit code, flags, nice; CPU, block I/O, swapping in: each how often waited for and how long; CPU time, real
# and virtual; comm, policy; ids; begin; times, faults, memory, I/O, switches, scaled times, reclaim.
TASKSTATS: Final = struct.Struct("<H2xIBB6x8Q32sB7x5I4x23Q")


class TaskstatsState:
    """kernel/taskstats.c's variables. listeners: by CPU, netlink address -> socket; seqnum: of messages, by CPU.

    exit: tells of a thread's end, and whether its process ends with it.
    """

    __slots__ = ("exit", "family", "listeners", "seqnum")

    def __init__(self, family: GenlFamily, nr_cpus: int, exit: Callable[[Task, bool], None]) -> None:
        self.family = family
        self.listeners: list[dict[int, NetlinkSock]] = [{} for _ in range(nr_cpus)]
        self.seqnum = [0] * nr_cpus
        self.exit = exit


class Taskstats:
    """struct taskstats. Delays in ns, ac_ times in us, memory in MiB-us, hiwater in KiB, I/O in bytes."""

    __slots__ = (
        "ac_btime",
        "ac_comm",
        "ac_etime",
        "ac_exitcode",
        "ac_flag",
        "ac_gid",
        "ac_majflt",
        "ac_minflt",
        "ac_nice",
        "ac_pid",
        "ac_ppid",
        "ac_sched",
        "ac_stime",
        "ac_uid",
        "ac_utime",
        "coremem",
        "cpu_count",
        "cpu_delay_total",
        "cpu_run_real_total",
        "cpu_run_virtual_total",
        "hiwater_rss",
        "hiwater_vm",
        "io",
        "nivcsw",
        "nvcsw",
        "version",
        "virtmem",
    )

    def __init__(self) -> None:
        """Be all zeros."""
        self.version = 0
        self.ac_exitcode = self.ac_flag = self.ac_nice = 0
        self.cpu_count = self.cpu_delay_total = 0
        self.cpu_run_real_total = self.cpu_run_virtual_total = 0
        self.ac_comm = b""
        self.ac_sched = self.ac_uid = self.ac_gid = self.ac_pid = self.ac_ppid = 0
        self.ac_btime = self.ac_etime = self.ac_utime = self.ac_stime = 0
        self.ac_minflt = self.ac_majflt = 0
        self.coremem = self.virtmem = self.hiwater_rss = self.hiwater_vm = 0
        self.io = (0, 0, 0, 0, 0, 0, 0)  # characters, calls, bytes: each read and written; and bytes never written
        self.nvcsw = self.nivcsw = 0

    def pack(self) -> bytes:
        """Return the structure as programs see it. Nobody waits for blocks, pages of swap, or reclaim: these are 0."""
        return TASKSTATS.pack(
            self.version,
            self.ac_exitcode & 0xFFFFFFFF,
            self.ac_flag,
            self.ac_nice & 0xFF,
            self.cpu_count,
            self.cpu_delay_total,
            0,
            0,
            0,
            0,
            self.cpu_run_real_total,
            self.cpu_run_virtual_total,
            self.ac_comm,
            self.ac_sched,
            self.ac_uid,
            self.ac_gid,
            self.ac_pid,
            self.ac_ppid,
            self.ac_btime & 0xFFFFFFFF,
            self.ac_etime,
            self.ac_utime,
            self.ac_stime,
            self.ac_minflt,
            self.ac_majflt,
            self.coremem,
            self.virtmem,
            self.hiwater_rss,
            self.hiwater_vm,
            *self.io,
            self.nvcsw,
            self.nivcsw,
            self.ac_utime,
            self.ac_stime,
            self.cpu_run_real_total,
            0,
            0,
        )
