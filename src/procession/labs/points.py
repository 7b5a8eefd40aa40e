"""Where a task may lose its CPU, or sleeps, in the midst of a system call, in kernels that a lab has changed (ours).

A step of this machine is a call up to its end or its next sleep. On a real one the task may be preempted in the midst
of it, wait for memory, or meet another CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.bug import bug_on
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT
from procession.include.linux.sched import (
    TASK_TRACED_BIT,
    TASK_UNINTERRUPTIBLE,
    TASK_WAKEKILL,
    fatal_signal_pending,
    set_task_state,
)
from procession.kernel import hrtimer, ptrace, sched, sched_choose
from procession.labs.patch import Patch
from procession.mm import gup, memory, mmap

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = (
    "IN_FORK",
    "at_once",
    "may_lose_cpu",
    "serve",
    "serve_frozen",
    "touch",
    "wait_for_memory",
    "write_mem",
    "write_mem_cow",
)

Answer = Callable[["Task", "Task", int, int, int], int]

LARGE_PAGES: Final = 256  # a process that takes long to copy has so many pages
COPY_NS: Final = 50_000_000  # and that is how long


async def may_lose_cpu(current: Task) -> None:
    """Ask whether somebody else shall go first, as before a system call."""
    k = current.kernel
    if not k.chooser.exploring or current.mm is None:
        return
    # No call is called so: what comes behind this point may touch everything.
    if sched_choose.choose_before_call(current, "may_lose_cpu", ()):
        await sched.schedule(current, "may_lose_cpu")


def touch(p: Task) -> None:
    """Do what a CPU does with the memory of a task; oopses if that is somebody else's by now."""
    bug_on(not p.usage, "use of the memory of a task that was freed", p)


async def wait_for_memory(current: Task) -> None:
    """Sleep for as long as a copy of much memory takes, if current has much; if not, it may lose its CPU."""
    if current.mm is None or current.mm.total_vm < LARGE_PAGES:
        await may_lose_cpu(current)
        return
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    await hrtimer.schedule_timeout(current, COPY_NS, "wait_for_memory")


async def serve(current: Task, child: Task, request: int, addr: int, data: int, answer: Answer) -> int:
    """Answer a tracer's request; the CPU may be lost before, and it is a bug if the tracee does not stand still."""
    await may_lose_cpu(current)
    bug_on(not ptrace.task_is_traced(child), "the registers of a task that has not stopped are written", child)
    return answer(current, child, request, addr, data)


async def serve_frozen(current: Task, child: Task, request: int, addr: int, data: int, answer: Answer) -> int:
    """As serve; not even SIGKILL wakes the tracee meanwhile (ptrace_freeze_traced, ptrace_unfreeze_traced)."""
    child.state &= ~TASK_WAKEKILL
    try:
        return await serve(current, child, request, addr, data, answer)
    finally:
        child.state |= TASK_WAKEKILL
        if fatal_signal_pending(child):
            sched.wake_up_state(child, TASK_TRACED_BIT)


async def write_mem(current: Task, mm: MmStruct, address: int, data: bytes) -> int:
    """Write to one page past its protection, as to /proc/PID/mem: break copy-on-write, then look up what is there.

    The CPU may be lost between the two, and the second look is as for reading.
    """
    k = current.kernel
    _page(k, mm, address, write=True)
    await may_lose_cpu(current)
    return _store(k, _page(k, mm, address, write=False), address, data)


async def write_mem_cow(current: Task, mm: MmStruct, address: int, data: bytes) -> int:
    """As write_mem; but if the page is not the process's own any more, all of it is done again (FOLL_COW)."""
    k = current.kernel
    while True:
        pfn = _page(k, mm, address, write=True)
        await may_lose_cpu(current)
        if memory.follow_page(k, mm, address) == pfn:
            return _store(k, pfn, address, data)


def _page(k: Kernel, mm: MmStruct, address: int, *, write: bool) -> int:
    with mm.mmap_sem.read():
        vma = mmap.find_vma(mm, address)
        assert vma is not None
        return gup.get_user_page(k, mm, vma, address, write, force=True)


def _store(k: Kernel, pfn: int, address: int, data: bytes) -> int:
    at = (pfn << PAGE_SHIFT) + (address & ~PAGE_MASK)
    k.frames.phys[at : at + len(data)] = data
    return len(data)


def at_once(call: Coroutine[Any, Any, Task]) -> Task:
    """Return what a call that does not sleep returns."""
    try:
        call.send(None)
    except StopIteration as done:
        p: Task = done.value
        return p
    raise RuntimeError("it sleeps")


# Fork, which may lose the CPU while it copies, before the newborn has a number.
IN_FORK: Final = (
    Patch("kernel.fork:do_fork", "p = copy_process(", "p = await copy_process("),
    Patch("kernel.fork:copy_process", "def copy_process(", "async def copy_process("),
    Patch(
        "kernel.fork:copy_process",
        "        _copy_resources(current, p, clone_flags, undo)\n",
        "        _copy_resources(current, p, clone_flags, undo)\n"
        "        from procession.labs import points\n"
        "        await points.wait_for_memory(current)\n",
    ),
    # Kernel threads have no memory to copy, and need not wait.
    Patch(
        "init.kthreads:_make",
        "    try:\n        p = fork.copy_process(parent, _CLONE, 0, 0, 0)\n",
        "    from procession.labs import points\n"
        "    try:\n        p = points.at_once(fork.copy_process(parent, _CLONE, 0, 0, 0))\n",
    ),
)
