"""The tracepoints: an attribute per event, None while nobody listens. Made by scripts/tracepoints.py.

    if trace.sched_switch:
        trace.sched_switch(prev.comm, prev.pid, ...)

A tracepoint takes the event's own fields in order and hands the whole event to every listener.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from procession.include.linux.tracepoint import Listeners
from procession.include.trace.events import (
    HrtimerExpire,
    OomKill,
    PageFaultUser,
    SchedMigrateTask,
    SchedProcessExec,
    SchedProcessExit,
    SchedProcessFork,
    SchedProcessFree,
    SchedProcessReparent,
    SchedProcessWait,
    SchedSwitch,
    SchedWakeup,
    SchedWakeupNew,
    SignalDeliver,
    SignalGenerate,
    SignalLoseInfo,
    SignalOverflowFail,
    SysEnter,
    SysExit,
)

__all__ = ("Trace",)

_new: Final = tuple.__new__


class Trace(Listeners):
    """The tracepoints of one kernel."""

    __slots__ = (
        "hrtimer_expire",
        "oom_kill",
        "page_fault_user",
        "sched_migrate_task",
        "sched_process_exec",
        "sched_process_exit",
        "sched_process_fork",
        "sched_process_free",
        "sched_process_reparent",
        "sched_process_wait",
        "sched_switch",
        "sched_wakeup",
        "sched_wakeup_new",
        "signal_deliver",
        "signal_generate",
        "signal_lose_info",
        "signal_overflow_fail",
        "sys_enter",
        "sys_exit",
    )

    sched_switch: Callable[[str, int, int, str, str, int, int], None] | None
    sched_wakeup: Callable[[str, int, int, int, int], None] | None
    sched_wakeup_new: Callable[[str, int, int, int, int], None] | None
    sched_migrate_task: Callable[[str, int, int, int, int], None] | None
    sched_process_fork: Callable[[str, int, str, int], None] | None
    sched_process_exec: Callable[[str, int, int], None] | None
    sched_process_exit: Callable[[str, int, int, int, int], None] | None
    sched_process_wait: Callable[[str, int, int], None] | None
    sched_process_free: Callable[[str, int, int, int], None] | None
    sched_process_reparent: Callable[[str, int, int, int], None] | None
    signal_generate: Callable[[int, int, int, str, int, int, int, int, int, int, int, int, int, int], None] | None
    signal_deliver: Callable[[int, int, int, int, int, int, int, int, int, int, int, int, int, int], None] | None
    signal_overflow_fail: Callable[[int, int, int, int], None] | None
    signal_lose_info: Callable[[int, int, int, int], None] | None
    sys_enter: Callable[[int, str, tuple[Any, ...]], None] | None
    sys_exit: Callable[[int, str, int], None] | None
    page_fault_user: Callable[[int, int, int], None] | None
    hrtimer_expire: Callable[[int], None] | None
    oom_kill: Callable[[str, int], None] | None

    def _arm(self) -> None:
        to = self._listeners
        self.sched_switch = self._emit_sched_switch if to["sched_switch"] else None
        self.sched_wakeup = self._emit_sched_wakeup if to["sched_wakeup"] else None
        self.sched_wakeup_new = self._emit_sched_wakeup_new if to["sched_wakeup_new"] else None
        self.sched_migrate_task = self._emit_sched_migrate_task if to["sched_migrate_task"] else None
        self.sched_process_fork = self._emit_sched_process_fork if to["sched_process_fork"] else None
        self.sched_process_exec = self._emit_sched_process_exec if to["sched_process_exec"] else None
        self.sched_process_exit = self._emit_sched_process_exit if to["sched_process_exit"] else None
        self.sched_process_wait = self._emit_sched_process_wait if to["sched_process_wait"] else None
        self.sched_process_free = self._emit_sched_process_free if to["sched_process_free"] else None
        self.sched_process_reparent = self._emit_sched_process_reparent if to["sched_process_reparent"] else None
        self.signal_generate = self._emit_signal_generate if to["signal_generate"] else None
        self.signal_deliver = self._emit_signal_deliver if to["signal_deliver"] else None
        self.signal_overflow_fail = self._emit_signal_overflow_fail if to["signal_overflow_fail"] else None
        self.signal_lose_info = self._emit_signal_lose_info if to["signal_lose_info"] else None
        self.sys_enter = self._emit_sys_enter if to["sys_enter"] else None
        self.sys_exit = self._emit_sys_exit if to["sys_exit"] else None
        self.page_fault_user = self._emit_page_fault_user if to["page_fault_user"] else None
        self.hrtimer_expire = self._emit_hrtimer_expire if to["hrtimer_expire"] else None
        self.oom_kill = self._emit_oom_kill if to["oom_kill"] else None

    def _emit_sched_switch(
        self,
        prev_comm: str,
        prev_pid: int,
        prev_prio: int,
        prev_state: str,
        next_comm: str,
        next_pid: int,
        next_prio: int,
    ) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "sched_switch",
            prev_comm,
            prev_pid,
            prev_prio,
            prev_state,
            next_comm,
            next_pid,
            next_prio,
        )
        event = _new(SchedSwitch, fields)
        for listener in self._listeners["sched_switch"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_wakeup(self, comm: str, pid: int, prio: int, success: int, target_cpu: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "sched_wakeup", comm, pid, prio, success, target_cpu)
        event = _new(SchedWakeup, fields)
        for listener in self._listeners["sched_wakeup"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_wakeup_new(self, comm: str, pid: int, prio: int, success: int, target_cpu: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "sched_wakeup_new",
            comm,
            pid,
            prio,
            success,
            target_cpu,
        )
        event = _new(SchedWakeupNew, fields)
        for listener in self._listeners["sched_wakeup_new"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_migrate_task(self, comm: str, pid: int, prio: int, orig_cpu: int, dest_cpu: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "sched_migrate_task",
            comm,
            pid,
            prio,
            orig_cpu,
            dest_cpu,
        )
        event = _new(SchedMigrateTask, fields)
        for listener in self._listeners["sched_migrate_task"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_process_fork(self, parent_comm: str, parent_pid: int, child_comm: str, child_pid: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "sched_process_fork",
            parent_comm,
            parent_pid,
            child_comm,
            child_pid,
        )
        event = _new(SchedProcessFork, fields)
        for listener in self._listeners["sched_process_fork"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_process_exec(self, filename: str, pid: int, old_pid: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "sched_process_exec", filename, pid, old_pid)
        event = _new(SchedProcessExec, fields)
        for listener in self._listeners["sched_process_exec"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_process_exit(self, comm: str, pid: int, prio: int, exit_code: int, tgid: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "sched_process_exit",
            comm,
            pid,
            prio,
            exit_code,
            tgid,
        )
        event = _new(SchedProcessExit, fields)
        for listener in self._listeners["sched_process_exit"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_process_wait(self, comm: str, pid: int, prio: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "sched_process_wait", comm, pid, prio)
        event = _new(SchedProcessWait, fields)
        for listener in self._listeners["sched_process_wait"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_process_free(self, comm: str, pid: int, prio: int, reaper_pid: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "sched_process_free", comm, pid, prio, reaper_pid)
        event = _new(SchedProcessFree, fields)
        for listener in self._listeners["sched_process_free"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sched_process_reparent(self, comm: str, pid: int, old_parent: int, new_parent: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "sched_process_reparent",
            comm,
            pid,
            old_parent,
            new_parent,
        )
        event = _new(SchedProcessReparent, fields)
        for listener in self._listeners["sched_process_reparent"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_signal_generate(
        self,
        sig: int,
        errno: int,
        code: int,
        comm: str,
        pid: int,
        si_pid: int,
        si_uid: int,
        si_status: int,
        si_utime: int,
        si_stime: int,
        si_addr: int,
        si_value: int,
        si_timerid: int,
        si_overrun: int,
    ) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "signal_generate",
            sig,
            errno,
            code,
            comm,
            pid,
            si_pid,
            si_uid,
            si_status,
            si_utime,
            si_stime,
            si_addr,
            si_value,
            si_timerid,
            si_overrun,
        )
        event = _new(SignalGenerate, fields)
        for listener in self._listeners["signal_generate"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_signal_deliver(
        self,
        sig: int,
        errno: int,
        code: int,
        sa_handler: int,
        sa_flags: int,
        si_pid: int,
        si_uid: int,
        si_status: int,
        si_utime: int,
        si_stime: int,
        si_addr: int,
        si_value: int,
        si_timerid: int,
        si_overrun: int,
    ) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (
            k.clock.now_ns,
            cpu,
            current.pid,
            current.comm,
            "signal_deliver",
            sig,
            errno,
            code,
            sa_handler,
            sa_flags,
            si_pid,
            si_uid,
            si_status,
            si_utime,
            si_stime,
            si_addr,
            si_value,
            si_timerid,
            si_overrun,
        )
        event = _new(SignalDeliver, fields)
        for listener in self._listeners["signal_deliver"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_signal_overflow_fail(self, sig: int, group: int, errno: int, code: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "signal_overflow_fail", sig, group, errno, code)
        event = _new(SignalOverflowFail, fields)
        for listener in self._listeners["signal_overflow_fail"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_signal_lose_info(self, sig: int, group: int, errno: int, code: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "signal_lose_info", sig, group, errno, code)
        event = _new(SignalLoseInfo, fields)
        for listener in self._listeners["signal_lose_info"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sys_enter(self, nr: int, name: str, args: tuple[Any, ...]) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "sys_enter", nr, name, args)
        event = _new(SysEnter, fields)
        for listener in self._listeners["sys_enter"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_sys_exit(self, nr: int, name: str, ret: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "sys_exit", nr, name, ret)
        event = _new(SysExit, fields)
        for listener in self._listeners["sys_exit"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_page_fault_user(self, address: int, ip: int, error_code: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "page_fault_user", address, ip, error_code)
        event = _new(PageFaultUser, fields)
        for listener in self._listeners["page_fault_user"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_hrtimer_expire(self, expires: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "hrtimer_expire", expires)
        event = _new(HrtimerExpire, fields)
        for listener in self._listeners["hrtimer_expire"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)

    def _emit_oom_kill(self, comm: str, pid: int) -> None:
        k = self._kernel
        cpu = k.cpu
        current = k.sched.runqueues[cpu].curr
        fields = (k.clock.now_ns, cpu, current.pid, current.comm, "oom_kill", comm, pid)
        event = _new(OomKill, fields)
        for listener in self._listeners["oom_kill"]:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the listener's
                self._failed(listener, event, error)
