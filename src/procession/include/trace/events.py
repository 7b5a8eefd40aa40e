"""The trace events (include/trace/events/*.h): a tuple a kind, of ints and strings, the fields with C's names.

All begin with time_ns, cpu, common_pid and common_comm (virtual time, and who was current, as ftrace calls it) and
event, the event's own name. print(event) is a line as ftrace writes it, worded as by TP_printk: those of 3.2's events
that have no field added here can be compared with a log of ftrace as they stand.

Names and paths (comm, filename) are str as they are in Task and in Python's os: bytes that are no UTF-8 stand in
them as os.fsdecode() leaves them, and os.fsencode() gives them back.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from procession.include.linux.time import NSEC_PER_SEC, NSEC_PER_USEC
from procession.lib import string


class SchedSwitch(NamedTuple):
    """Another task gets the CPU."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    prev_comm: str
    prev_pid: int
    prev_prio: int
    prev_state: str
    next_comm: str
    next_pid: int
    next_prio: int

    def __str__(self) -> str:
        return _line(
            self,
            f"prev_comm={self.prev_comm} prev_pid={self.prev_pid} prev_prio={self.prev_prio} "
            f"prev_state={self.prev_state} ==> "
            f"next_comm={self.next_comm} next_pid={self.next_pid} next_prio={self.next_prio}",
        )


class SchedWakeup(NamedTuple):
    """A sleeper becomes runnable."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    prio: int
    success: int
    target_cpu: int

    def __str__(self) -> str:
        return _line(
            self,
            f"comm={self.comm} pid={self.pid} prio={self.prio} success={self.success} target_cpu={self.target_cpu:03d}",
        )


class SchedWakeupNew(NamedTuple):
    """A newborn becomes runnable."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    prio: int
    success: int
    target_cpu: int

    def __str__(self) -> str:
        return _line(
            self,
            f"comm={self.comm} pid={self.pid} prio={self.prio} success={self.success} target_cpu={self.target_cpu:03d}",
        )


class SchedMigrateTask(NamedTuple):
    """A task moves to another CPU."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    prio: int
    orig_cpu: int
    dest_cpu: int

    def __str__(self) -> str:
        return _line(
            self, f"comm={self.comm} pid={self.pid} prio={self.prio} orig_cpu={self.orig_cpu} dest_cpu={self.dest_cpu}"
        )


class SchedProcessFork(NamedTuple):
    """A task was made: fork, vfork, clone, kernel threads."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    parent_comm: str
    parent_pid: int
    child_comm: str
    child_pid: int

    def __str__(self) -> str:
        return _line(
            self,
            f"comm={self.parent_comm} pid={self.parent_pid} child_comm={self.child_comm} child_pid={self.child_pid}",
        )


class SchedProcessExec(NamedTuple):
    """A program has been executed; 3.2 has no such event, name and fields are those of 3.4."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    filename: str
    pid: int
    old_pid: int

    def __str__(self) -> str:
        return _line(self, f"filename={self.filename} pid={self.pid} old_pid={self.old_pid}")


class SchedProcessExit(NamedTuple):
    """A thread ends; exit_code (as a wait status) and tgid are ours."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    prio: int
    exit_code: int
    tgid: int

    def __str__(self) -> str:
        return _line(self, f"comm={self.comm} pid={self.pid} prio={self.prio}")


class SchedProcessWait(NamedTuple):
    """A task begins to wait for a child."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    prio: int

    def __str__(self) -> str:
        return _line(self, f"comm={self.comm} pid={self.pid} prio={self.prio}")


class SchedProcessFree(NamedTuple):
    """A dead task's number is given back; reaper_pid, which is ours, let it go."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    prio: int
    reaper_pid: int

    def __str__(self) -> str:
        return _line(self, f"comm={self.comm} pid={self.pid} prio={self.prio}")


class SchedProcessReparent(NamedTuple):
    """A child was given another parent; ours."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int
    old_parent: int
    new_parent: int

    def __str__(self) -> str:
        return _line(self, f"comm={self.comm} pid={self.pid} old_parent={self.old_parent} new_parent={self.new_parent}")


class SignalGenerate(NamedTuple):
    """A signal is sent; the fields from si_pid on are ours."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    sig: int
    errno: int
    code: int
    comm: str
    pid: int
    si_pid: int
    si_uid: int
    si_status: int
    si_utime: int
    si_stime: int
    si_addr: int
    si_value: int
    si_timerid: int
    si_overrun: int

    def __str__(self) -> str:
        return _line(self, f"sig={self.sig} errno={self.errno} code={self.code} comm={self.comm} pid={self.pid}")


class SignalDeliver(NamedTuple):
    """A signal takes effect; the fields from si_pid on are ours."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    sig: int
    errno: int
    code: int
    sa_handler: int
    sa_flags: int
    si_pid: int
    si_uid: int
    si_status: int
    si_utime: int
    si_stime: int
    si_addr: int
    si_value: int
    si_timerid: int
    si_overrun: int

    def __str__(self) -> str:
        return _line(
            self,
            f"sig={self.sig} errno={self.errno} code={self.code} "
            f"sa_handler={self.sa_handler:x} sa_flags={self.sa_flags:x}",
        )


class SignalOverflowFail(NamedTuple):
    """A real-time signal does not fit into the queue: the sender gets EAGAIN."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    sig: int
    group: int
    errno: int
    code: int

    def __str__(self) -> str:
        return _line(self, f"sig={self.sig} group={self.group} errno={self.errno} code={self.code}")


class SignalLoseInfo(NamedTuple):
    """An ordinary signal does not fit into the queue: it arrives without its siginfo."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    sig: int
    group: int
    errno: int
    code: int

    def __str__(self) -> str:
        return _line(self, f"sig={self.sig} group={self.group} errno={self.errno} code={self.code}")


class SysEnter(NamedTuple):
    """A system call begins.

    args: the registers. Of a Python program a buffer stands where C has its address. Printed as a call, where ftrace
    has numbers alone.
    """

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    nr: int
    name: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return _line(self, f"{self.name}({', '.join(map(str, self.args))})")


class SysExit(NamedTuple):
    """A system call ends; ret: what it returns, or -errno. Printed with its name, where ftrace has its number."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    nr: int
    name: str
    ret: int

    def __str__(self) -> str:
        return _line(self, f"{self.name} = {self.ret}")


class PageFaultUser(NamedTuple):
    """The CPU faults in user mode."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    address: int
    ip: int
    error_code: int

    def __str__(self) -> str:
        return _line(self, f"address={self.address:#x} ip={self.ip:#x} error_code={self.error_code:#x}")


class HrtimerExpire(NamedTuple):
    """A timer is due, at `expires` ns."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    expires: int

    def __str__(self) -> str:
        return _line(self, f"expires={self.expires}")


class OomKill(NamedTuple):
    """Memory is used up, and this process has to go; ours."""

    time_ns: int
    cpu: int
    common_pid: int
    common_comm: str
    event: str
    comm: str
    pid: int

    def __str__(self) -> str:
        return _line(self, f"comm={self.comm} pid={self.pid}")


Event: TypeAlias = (
    SchedSwitch
    | SchedWakeup
    | SchedWakeupNew
    | SchedMigrateTask
    | SchedProcessFork
    | SchedProcessExec
    | SchedProcessExit
    | SchedProcessWait
    | SchedProcessFree
    | SchedProcessReparent
    | SignalGenerate
    | SignalDeliver
    | SignalOverflowFail
    | SignalLoseInfo
    | SysEnter
    | SysExit
    | PageFaultUser
    | HrtimerExpire
    | OomKill
)

EVENTS: Final[dict[str, type[Event]]] = {
    "sched_switch": SchedSwitch,
    "sched_wakeup": SchedWakeup,
    "sched_wakeup_new": SchedWakeupNew,
    "sched_migrate_task": SchedMigrateTask,
    "sched_process_fork": SchedProcessFork,
    "sched_process_exec": SchedProcessExec,
    "sched_process_exit": SchedProcessExit,
    "sched_process_wait": SchedProcessWait,
    "sched_process_free": SchedProcessFree,
    "sched_process_reparent": SchedProcessReparent,
    "signal_generate": SignalGenerate,
    "signal_deliver": SignalDeliver,
    "signal_overflow_fail": SignalOverflowFail,
    "signal_lose_info": SignalLoseInfo,
    "sys_enter": SysEnter,
    "sys_exit": SysExit,
    "page_fault_user": PageFaultUser,
    "hrtimer_expire": HrtimerExpire,
    "oom_kill": OomKill,
}
COMMON_FIELDS: Final = 5  # that all events begin with


def event_fields(name: str) -> tuple[str, ...]:
    """Return the names of an event's own fields; raises KeyError."""
    return EVENTS[name]._fields[COMMON_FIELDS:]


def printable(text: str) -> str:
    """Return text with bytes that are no UTF-8 shown escaped: it can be written anywhere."""
    return text if text.isascii() else string.to_bytes(text).decode("utf-8", "backslashreplace")


def _line(event: Event, text: str) -> str:
    """Return an event as ftrace prints it (trace_print_context of kernel/trace/trace_output.c)."""
    seconds, ns = divmod(event.time_ns, NSEC_PER_SEC)
    who = f"{event.common_comm:>16}-{event.common_pid:<5} [{event.cpu:03d}]"
    return printable(f"{who} {seconds:5d}.{ns // NSEC_PER_USEC:06d}: {event.event}: {text}")
