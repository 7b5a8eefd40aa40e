"""All validators together, after every trap."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from procession.include.linux.bug import KernelBug
from procession.include.linux.kernel import Kernel
from procession.include.trace.events import PageFaultUser, SysEnter, SysExit, event_fields
from procession.tools.validate import (
    aio,
    cgroups,
    inet,
    ipc,
    keys,
    kthreads,
    locks,
    memory,
    mounts,
    mqueues,
    notify,
    pids,
    pipes,
    references,
    sched,
    signals,
    sockets,
    tasks,
    terminals,
    tracing,
)
from procession.tools.validate.census import Census

if TYPE_CHECKING:
    from procession.include.trace.events import Event

__all__ = ("AT_EVERY_TRAP", "OF_MEMORY", "Checker", "validate_all")

AT_EVERY_TRAP: Final = (
    tasks.validate_family,
    tasks.validate_threads,
    tasks.validate_dead,
    tasks.validate_task_counts,
    pids.validate_pidmaps,
    pids.validate_attached,
    pids.validate_reapers,
    signals.validate_pending,
    signals.validate_sigpending,
    signals.validate_jobctl,
    signals.validate_sigqueues,
    tracing.validate_tracing,
    sched.validate_runqueues,
    sched.validate_wait_queues,
    sched.validate_futexes,
    sched.validate_timers,
    sched.validate_locks,
    references.validate_task_references,
    references.validate_pid_counts,
    references.validate_namespace_counts,
    references.validate_cred_counts,
    references.validate_file_counts,
    references.validate_descriptors,
    references.validate_objects,
    references.validate_held,
    aio.validate_aio,
    keys.validate_keys,
    mounts.validate_mounts,
    mqueues.validate_mqueues,
    notify.validate_notify,
    locks.validate_file_locks,
    locks.validate_fasync,
    locks.validate_dnotify,
    pipes.validate_pipes,
    sockets.validate_local_sockets,
    inet.validate_inet,
    ipc.validate_ipc_tables,
    ipc.validate_semaphores,
    ipc.validate_messages,
    ipc.validate_segments,
    terminals.validate_terminals,
    terminals.validate_tty_buffers,
    kthreads.validate_works,
    kthreads.validate_kthreads,
    cgroups.validate_css_sets,
    cgroups.validate_cgroup_trees,
)
OF_MEMORY: Final = (memory.validate_memory, memory.validate_page_cache, cgroups.validate_memory_cgroups)
_EVENTS_KEPT: Final = 12
_FAULTS_AT_ONCE: Final = 8
_TASKS_AT_ONCE: Final = 24


class HasKernel(Protocol):
    """A machine (boot.Machine)."""

    @property
    def kernel(self) -> Kernel:
        """The kernel in it."""


def validate_all(k: Kernel | HasKernel) -> list[str]:
    """Return everything that is wrong with a kernel, in words; nobody may be inside it. A machine's is meant, too."""
    if not isinstance(k, Kernel):
        k = k.kernel
    seen = Census(k)
    return [text for validate in (*AT_EVERY_TRAP, *OF_MEMORY) for text in validate(seen)]


class Checker:
    """Runs the validators on a kernel after every trap; the first violation is a KernelBug that lists all it finds.

    Memory is looked at when something about it has changed, page by page of the page cache when that has grown or
    shrunk, and all of it once more at the end. Page faults that changed one page and nothing else are looked at eight
    at a time, or at the next trap of another kind. With many tasks, n/24 traps pass between two looks.

    dense: for long runs; after so many looks one trap passes between two of them, after as many more two, and so on.
    """

    def __init__(self, kernel: Kernel, *, dense: int | None = None) -> None:
        """Start checking; raises ValueError if somebody else's function is called after traps already."""
        if kernel.after_trap is not None:
            raise ValueError("the kernel is watched already")
        self._kernel = kernel
        self._dense = dense
        self._events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._order = tasks.ChildrensOrder()
        self._memory: tuple[int, ...] = ()
        self._cached = -1
        self._faults = self._rest = 0
        self.traps = 0  # how often the validators ran
        kernel.trace.subscribe(self._events.append, vital=True)
        kernel.after_trap = self.check

    def check(self) -> None:
        """Look at everything that may have changed; raises KernelBug."""
        k = self._kernel
        events = self._events
        if events and isinstance(events[-1], PageFaultUser) and not k.halted:
            # Nothing but one page has changed.
            self._faults += 1
            if self._faults % _FAULTS_AT_ONCE:
                return
        if self._rest:
            self._rest -= 1
            if not k.halted:
                return
        self.traps += 1
        seen = Census(k)
        self._rest = len(seen.tasks) // _TASKS_AT_ONCE
        if self._dense is not None:
            self._rest += self.traps // self._dense
        wrong: list[str] = []
        for validate in AT_EVERY_TRAP:
            wrong += validate(seen)
        wrong += self._order.validate(seen)
        now = memory.fingerprint(seen)
        if now != self._memory or k.halted:
            self._memory = now
            wrong += memory.validate_memory(seen)
            wrong += cgroups.validate_memory_cgroups(seen)
            if len(k.mm.page_cache) != self._cached or k.halted:
                self._cached = len(k.mm.page_cache)
                wrong += memory.validate_page_cache(seen)
        if wrong:
            self.stop()
            raise KernelBug(self._report(wrong))

    def finish(self) -> None:
        """Look at everything once more, after the run; raises KernelBug."""
        wrong = validate_all(self._kernel)
        if wrong:
            raise KernelBug(self._report(wrong))

    def stop(self) -> None:
        """Check no longer."""
        self._kernel.after_trap = None
        self._kernel.trace.unsubscribe(self._events.append)

    def _report(self, wrong: list[str]) -> str:
        call = next((event for event in reversed(self._events) if isinstance(event, SysEnter | SysExit)), None)
        lines = ["broken promises:", *(f"  {text}" for text in dict.fromkeys(wrong))]
        if call is not None:
            lines.append(f"the last call: {call.name} by <{call.common_comm}:{call.common_pid}>; the last events:")
        lines += [f"  {_line(event)}" for event in self._events]
        return "\n".join(lines)


def _line(event: Event) -> str:
    now, cpu, nr, comm, name, *fields = event
    named = " ".join(f"{field}={value!r}" for field, value in zip(event_fields(name), fields, strict=True))
    return f"{now} ns, CPU {cpu}, <{comm}:{nr}>: {name} {named}"
