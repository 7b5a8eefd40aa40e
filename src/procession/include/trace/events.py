"""Tracepoints (include/trace/events/). One attribute per event: None while nobody listens.

    if trace.sched_switch:
        trace.sched_switch(prev, next)

An event reaches the listeners as one tuple: (time_ns, cpu, pid, comm, event name, *fields), made of ints and strings
only, so that it can be kept, compared and written as text later. EVENTS gives the fields' names and TP_printk's
wording. sys_enter and sys_exit also hand the raw arguments on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel


Event = tuple[Any, ...]
Listener = Callable[[Event], None]

_SIGINFO: Final = (
    "si_pid",
    "si_uid",
    "si_status",
    "si_utime",
    "si_stime",
    "si_addr",
    "si_value",
    "si_timerid",
    "si_overrun",
)

# name -> (field names, how TP_printk words them).
EVENTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "sched_switch": (
        ("prev_comm", "prev_pid", "prev_prio", "prev_state", "next_comm", "next_pid", "next_prio"),
        "prev_comm={} prev_pid={} prev_prio={} prev_state={} ==> next_comm={} next_pid={} next_prio={}",
    ),
    "sched_wakeup": (
        ("comm", "pid", "prio", "success", "target_cpu"),
        "comm={} pid={} prio={} success={} target_cpu={}",
    ),
    "sched_wakeup_new": (
        ("comm", "pid", "prio", "success", "target_cpu"),
        "comm={} pid={} prio={} success={} target_cpu={}",
    ),
    "sched_migrate_task": (
        ("comm", "pid", "prio", "orig_cpu", "dest_cpu"),
        "comm={} pid={} prio={} orig_cpu={} dest_cpu={}",
    ),
    "sched_process_fork": (
        ("parent_comm", "parent_pid", "child_comm", "child_pid"),
        "comm={} pid={} child_comm={} child_pid={}",
    ),
    # Ours: 3.2 has no exec event yet; name and fields are those of 3.4.
    "sched_process_exec": (("filename", "pid", "old_pid"), "filename={} pid={} old_pid={}"),
    "sched_process_exit": (("comm", "pid", "prio", "exit_code", "tgid"), "comm={} pid={} prio={}"),
    "sched_process_wait": (("comm", "pid", "prio"), "comm={} pid={} prio={}"),
    # release_task: reaper_pid is the task that let it go.
    "sched_process_free": (("comm", "pid", "prio", "reaper_pid"), "comm={} pid={} prio={}"),
    # Ours: a child was given another parent.
    "sched_process_reparent": (("comm", "pid", "old_parent", "new_parent"), "comm={} pid={} from={} to={}"),
    # Ours: the fields from si_pid on.
    "signal_generate": (("sig", "errno", "code", "comm", "pid", *_SIGINFO), "sig={} errno={} code={} comm={} pid={}"),
    "signal_deliver": (
        ("sig", "errno", "code", "sa_handler", "sa_flags", *_SIGINFO),
        "sig={} errno={} code={} sa_handler={:x} sa_flags={:x}",
    ),
    "signal_overflow_fail": (("sig", "group", "code"), "sig={} group={} code={}"),
    "signal_lose_info": (("sig", "group", "code"), "sig={} group={} code={}"),
    "sys_enter": (("nr", "name", "args"), "NR {} ({})"),
    "sys_exit": (("nr", "name", "ret"), "NR {} = {}"),
    "page_fault_user": (("address", "ip", "error_code"), "address={:#x} ip={:#x} error_code={:#x}"),
    "hrtimer_expire": (("expires",), "expires={}"),
    "oom_kill": (("comm", "pid"), "comm={} pid={}"),
}


class Trace:
    """The tracepoints of one kernel. Attribute = event name; None, or a function that emits the event.

    Emitters take the event's fields in order, already reduced to ints and strings: the call sites below the guard do
    that, so the stream has one shape for everybody.
    """

    __slots__ = (*EVENTS, "_kernel", "_listeners")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._listeners: dict[str, list[Listener]] = {name: [] for name in EVENTS}
        for name in EVENTS:
            setattr(self, name, None)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def subscribe(self, listener: Listener, *names: str) -> None:
        """Send the named events (all if none is named) to listener, in the order they happen."""
        for name in names or tuple(EVENTS):
            self._listeners[name].append(listener)
            setattr(self, name, self._emitter(name))

    def unsubscribe(self, listener: Listener) -> None:
        """Stop sending events to listener."""
        for name, listeners in self._listeners.items():
            if listener in listeners:
                listeners.remove(listener)
                setattr(self, name, self._emitter(name) if listeners else None)

    def _emitter(self, name: str) -> Callable[..., None]:
        kernel = self._kernel
        listeners = tuple(self._listeners[name])

        def emit(*fields: object) -> None:
            current = kernel.current
            event = (kernel.clock.now_ns, kernel.cpu, current.pid, current.comm, name, *fields)
            for listener in listeners:
                listener(event)

        return emit
