"""Threads and memory of a program that executes another (fs/exec.c: de_thread, exec_mmap, setup_arg_pages)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file_table
from procession.include.asm.pgtable import PMD_SIZE
from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    STACK_TOP_MAX,
    VM_ACCOUNT,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_READ,
    VM_WRITE,
    VmArea,
)
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID, PIDTYPE_SID
from procession.include.linux.prctl import ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_STACK
from procession.include.linux.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    TASK_UNINTERRUPTIBLE,
    SighandStruct,
    set_task_state,
    signal_group_exit,
    thread_group_empty,
    thread_group_leader,
)
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.spinlock import SpinLock
from procession.kernel import exit, fork, fork_mm, pid, posix_timers, sched, signal_notify, signal_queue, signal_send
from procession.mm import memory, mmap, mremap

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.fs import File
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = (
    "EXSTACK_DEFAULT",
    "EXSTACK_DISABLE_X",
    "EXSTACK_ENABLE_X",
    "STACK_TOP_MAX",
    "acct_arg_size",
    "arch_pick_mmap_layout",
    "bprm_mm_drop",
    "bprm_mm_init",
    "de_thread",
    "drop_arg_pages",
    "exec_mmap",
    "flush_thread",
    "set_mm_exe_file",
    "setup_arg_pages",
)

EXSTACK_DEFAULT: Final = 0
EXSTACK_DISABLE_X: Final = 1
EXSTACK_ENABLE_X: Final = 2
STACK_EXPAND: Final = 131072
MIN_GAP: Final = 128 << 20
_STACK_FLAGS: Final = VM_GROWSDOWN | VM_READ | VM_WRITE | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT


def bprm_mm_init(current: Task, bprm: LinuxBinprm) -> None:
    """Make the new address space with nothing in it but one page of stack, at the highest place; raises ENOMEM."""
    mm = bprm.mm = fork_mm.mm_alloc(current.kernel)
    if current.mm is not None:
        mm.ldt = current.mm.ldt  # init_new_context() copies it
    vma = VmArea(mm, STACK_TOP_MAX - PAGE_SIZE, STACK_TOP_MAX, _STACK_FLAGS & ~VM_EXEC)
    try:
        with mm.mmap_sem.write():
            mmap.insert_vm_struct(current, mm, vma)
            mm.stack_vm = mm.total_vm = 1
    except LinuxError:
        bprm_mm_drop(current, bprm)
        raise
    bprm.vma = vma
    bprm.p = vma.vm_end - 8


def acct_arg_size(current: Task, bprm: LinuxBinprm, pages: int) -> None:
    """Let the pages of the new stack count as current's memory: else the OOM killer sees nobody who has them."""
    mm = current.mm
    if mm is not None:
        mm.rss_anon += pages - bprm.vma_pages
        bprm.vma_pages = pages


def bprm_mm_drop(current: Task, bprm: LinuxBinprm) -> None:
    """Throw the new address space away, if it has not become current's."""
    if bprm.mm is not None:
        acct_arg_size(current, bprm, 0)
        fork_mm.mmput(current.kernel, bprm.mm)
        bprm.mm = None


def set_mm_exe_file(mm: MmStruct, new: File | None) -> None:
    """Record what /proc/PID/exe shows."""
    if new is not None:
        file_table.get_file(new)
    old = mm.exe_file
    mm.exe_file = new
    if old is not None:
        file_table.fput(None, old)


async def de_thread(current: Task) -> None:
    """Make current the only thread of its process, and its leader, under the process's number (spec 7.2).

    Raises EAGAIN if the process is being killed or another thread is doing the same; ENOMEM.
    """
    sig = current.signal
    if not thread_group_empty(current):
        await _kill_others(current)
        if not thread_group_leader(current):
            await _become_leader(current)
        sig.group_exit_task = None
        sig.notify_count = 0

    if current.mm is not None:
        _setmax_mm_hiwater_rss(current, current.mm)
    posix_timers.exit_itimers(current)
    signal_queue.flush_itimer_signals(current)
    _unshare_sighand(current)
    bug_on(not thread_group_leader(current), "exec in a thread that leads no process", current)


async def _kill_others(current: Task) -> None:
    sig = current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        if signal_group_exit(sig):
            # Another exec or a group exit was first: SIGKILL is on its way to us.
            raise LinuxError(Errno.EAGAIN, "the process is being killed")
        sig.group_exit_task = current
        sig.notify_count = signal_send.zap_other_threads(current)
        # The leader stays a zombie until we have taken its number, so its going is not waited for here.
        if not thread_group_leader(current):
            sig.notify_count -= 1
    while sig.notify_count:
        await _sleep(current)


async def _become_leader(current: Task) -> None:
    k = current.kernel
    leader = current.group_leader
    current.signal.notify_count = -1  # exit_notify() of the leader wakes us
    while not leader.exit_state:
        await _sleep(current)

    with k.tasklist_lock.write_irq():
        # A monitor should see the process's age, not the thread's.
        current.start_time = leader.start_time
        bug_on(leader.tgid != current.tgid or current.pid == current.tgid, "not a thread of this leader", current)
        pid.detach_pid(current, PIDTYPE_PID)
        current.pid = leader.pid
        leader_pid = pid.task_pid(leader)
        assert leader_pid is not None
        pid.attach_pid(current, PIDTYPE_PID, leader_pid)
        pid.transfer_pid(leader, current, PIDTYPE_PGID)
        pid.transfer_pid(leader, current, PIDTYPE_SID)
        k.tasks = _replaced(k.tasks, leader, current)
        parent = leader.real_parent
        parent.children = _replaced(parent.children, leader, current)

        current.group_leader = leader.group_leader = current
        current.exit_signal = SIGCHLD
        leader.exit_signal = -1
        exit.advance_exit_state(leader, EXIT_ZOMBIE, EXIT_DEAD)
        if leader.ptrace:
            # Its tracer sleeps in wait4() and would not hear of it otherwise.
            signal_notify.wake_up_parent(leader, leader.parent)
    exit.release_task(leader)


def _replaced(tasks: dict[Task, None], old: Task, new: Task) -> dict[Task, None]:
    """Return tasks with new at old's place."""
    return {new if t is old else t: None for t in tasks}


async def _sleep(current: Task) -> None:
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    await sched.schedule(current, "de_thread")


def _unshare_sighand(current: Task) -> None:
    """Take a private copy of the signal actions from tasks of other processes (CLONE_SIGHAND without THREAD)."""
    k = current.kernel
    old = current.sighand
    assert old is not None
    if old.count == 1:
        return
    k.caches["sighand_cache"].alloc()
    new = SighandStruct(SpinLock(old.siglock.cls))
    with k.tasklist_lock.write_irq(), old.siglock:
        new.action = old.action.copy()
        current.sighand = new
    fork.put_sighand(k, old)


def _setmax_mm_hiwater_rss(current: Task, mm: MmStruct) -> None:
    sig = current.signal
    sig.maxrss = max(sig.maxrss, mm.hiwater_rss, mm.rss_anon + mm.rss_file)


def exec_mmap(current: Task, mm: MmStruct) -> None:
    """Leave the old address space for mm; raises EINTR if the old one is being dumped."""
    old = current.mm
    fork_mm.mm_release(current, old)
    if old is not None and old.core_state is not None:
        raise LinuxError(Errno.EINTR, "the address space is being dumped")
    with current.alloc_lock:
        active = current.active_mm
        current.mm = current.active_mm = mm
    current.kernel.sched.runqueues[current.cpu].active_mm = mm
    mm.owner = current
    if old is not None:
        bug_on(active is not old, "a user task runs on a borrowed mm", current)
        _setmax_mm_hiwater_rss(current, old)
        exit.mm_update_next_owner(current, old)
        fork_mm.mmput(current.kernel, old)
    elif active is not None:
        fork_mm.mmdrop(current.kernel, active)


def flush_thread(current: Task) -> None:
    """Give up what the old program's user side held; start_thread makes a new one."""
    current.thread.exit_thread()


def arch_pick_mmap_layout(current: Task, mm: MmStruct) -> None:
    """Choose where mmap() looks for room (arch/x86/mm/mmap.c).

    Differs: nothing is randomized.
    """
    gap = current.signal.rlim[RLIMIT_STACK][0]
    legacy = current.kernel.sysctls.get("legacy_va_layout", 0)
    if gap == RLIM_INFINITY or legacy or current.personality & ADDR_COMPAT_LAYOUT:
        mm.mmap_base = mmap.task_unmapped_base(mm)
        return
    mm.mmap_base = mm.task_size - min(max(gap, MIN_GAP), mm.task_size // 6 * 5) & PAGE_MASK


def drop_arg_pages(current: Task, bprm: LinuxBinprm) -> None:
    """Unmap the stack again: a Python program has its own (ours)."""
    mm = current.mm
    vma = bprm.vma
    assert mm is not None
    assert vma is not None
    with mm.mmap_sem.write():
        mmap.do_munmap(current, mm, vma.vm_start, vma.vm_end - vma.vm_start)
    bprm.vma = None


def shift_arg_pages(current: Task, bprm: LinuxBinprm, vma: VmArea, shift: int) -> None:
    """Move the stack, which is all there is, down by shift bytes; raises ENOMEM."""
    k = current.kernel
    mm = vma.vm_mm
    with mm.mmap_sem.write():
        old_start, old_end = min(vma.vm_start, bprm.p & PAGE_MASK), vma.vm_end
        mremap.move_page_tables(k, mm, old_start, old_start - shift, old_end - old_start)
        vma.vm_start -= shift
        vma.vm_end -= shift
        vma.vm_pgoff -= shift >> PAGE_SHIFT
        mm.mmap_cache = None
        memory.free_pgtables(k, mm, vma.vm_end, old_end + PMD_SIZE)
    bprm.p -= shift
    bprm.exec -= shift


def setup_arg_pages(current: Task, bprm: LinuxBinprm, executable_stack: int) -> None:
    """Give the new stack its final permissions and its first 128 KiB; raises EFAULT, ENOMEM.

    Differs: its top is not randomized.
    """
    mm = current.mm
    vma = bprm.vma
    assert mm is not None
    assert vma is not None
    if vma.vm_end != mm.task_size:
        shift_arg_pages(current, bprm, vma, vma.vm_end - mm.task_size)
    flags = _STACK_FLAGS
    if executable_stack == EXSTACK_DISABLE_X or (
        executable_stack == EXSTACK_DEFAULT and not current.personality & READ_IMPLIES_EXEC
    ):
        flags &= ~VM_EXEC
    with mm.mmap_sem.write():
        vma.vm_flags = flags | mm.def_flags
        # In Linux the strings have been written there already, page by page.
        start = min(vma.vm_start, bprm.p & PAGE_MASK)
        limit = current.signal.rlim[RLIMIT_STACK][0] & PAGE_MASK
        if vma.vm_end - start + STACK_EXPAND > limit:
            start = min(start, vma.vm_end - limit)
        else:
            start -= STACK_EXPAND
        mm.start_stack = bprm.p
        try:
            mmap.expand_stack(current, vma, start)
        except LinuxError:
            raise LinuxError(Errno.EFAULT, "no room for the stack") from None
