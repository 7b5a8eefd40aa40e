"""Page faults (arch/x86/mm/fault.c; spec ptrace-x86 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.asm.traps import PF_INSTR, PF_PROT, PF_WRITE
from procession.include.linux.errno import LinuxError
from procession.include.linux.mm_types import (
    TASK_SIZE,
    VM_EXEC,
    VM_FAULT_ERROR,
    VM_FAULT_MAJOR,
    VM_FAULT_OOM,
    VM_GROWSDOWN,
    VM_READ,
    VM_WRITE,
)
from procession.include.linux.printk import KERN_EMERG, KERN_INFO, pointer
from procession.include.linux.sched import TIF_MEMCG_OOM
from procession.include.linux.signal import BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGSEGV, Siginfo
from procession.kernel import signal_queue, signal_send
from procession.mm import memory, mmap, oom_kill, text, vma_addr

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.sched import Task

__all__ = ("do_page_fault", "force_sig_info_fault")

_TRAP_NO: Final = 14
# ENTER may push so much below sp before it moves sp.
_BELOW_SP: Final = 65536 + 32 * 8
_ACCESS: Final = VM_READ | VM_WRITE | VM_EXEC


def do_page_fault(current: Task, address: int, error_code: int) -> None:
    """Make the page present, or send current the signal it deserves; the instruction then runs again."""
    k = current.kernel
    trace = k.trace
    if trace.page_fault_user:
        trace.page_fault_user(address, current.thread.user_pc(), error_code)
    mm = current.mm
    if address >= TASK_SIZE or mm is None:
        bad_area(current, address, error_code, SEGV_MAPERR)
        return

    write = error_code & PF_WRITE
    with mm.mmap_sem.read():
        vma = mm.mmap_cache
        if vma is None or not vma.vm_start <= address < vma.vm_end:
            vma = _find_area(current, mm, address)
        if vma is None:
            code = SEGV_MAPERR
        elif not vma.vm_flags & VM_WRITE if write else error_code & PF_PROT or not vma.vm_flags & _ACCESS:
            code = SEGV_ACCERR
        else:
            code = 0
            if k.mm.memcg is not None:
                k.mm.memcg.may_oom = True
            result = memory.handle_mm_fault(k, mm, vma, address, write != 0)
            if k.mm.memcg is not None:
                k.mm.memcg.may_oom = False
            if error_code & PF_INSTR and not result & VM_FAULT_ERROR:
                text.allow_exec(k, mm, vma, address)
    if code:
        bad_area(current, address, error_code, code)
    elif result & VM_FAULT_ERROR:
        mm_fault_error(current, address, error_code, result)
    elif result & VM_FAULT_MAJOR:
        current.maj_flt += 1
        current.kernel.mm.pgmajfault += 1
    else:
        current.min_flt += 1
        current.kernel.mm.pgminfault += 1


def _find_area(current: Task, mm: MmStruct, address: int) -> VmArea | None:
    """Return the area of address, having grown a stack down to it if it is near sp; else None."""
    vma = mmap.find_vma(mm, address)
    if vma is None or vma.vm_start <= address:
        return vma
    if not vma.vm_flags & VM_GROWSDOWN or address + _BELOW_SP < current.thread.user_sp():
        return None
    try:
        mmap.expand_stack(current, vma, address)
    except LinuxError:
        return None
    return vma


def mm_fault_error(current: Task, address: int, error_code: int, result: int) -> None:
    """There is an area, but no page to be had."""
    if result & VM_FAULT_OOM:
        if current.ti_flags & TIF_MEMCG_OOM:
            return  # it waits on its way to user mode, or somebody is killed there
        # If somebody else is killed, the fault repeats and finds memory.
        oom_kill.pagefault_out_of_memory(current)
        return
    force_sig_info_fault(current, SIGBUS, BUS_ADRERR, address, _TRAP_NO, error_code)


def bad_area(current: Task, address: int, error_code: int, si_code: int) -> None:
    """The program has no right to this access."""
    show_signal_msg(current, address, error_code)
    # No program can tell what the kernel half has mapped.
    mm = current.mm
    error_code |= address >= (TASK_SIZE if mm is None else mm.task_size)
    force_sig_info_fault(current, SIGSEGV, si_code, address, _TRAP_NO, error_code)


def show_signal_msg(current: Task, address: int, error_code: int) -> None:
    """Log an access that is going to end current."""
    k = current.kernel
    if not k.show_unhandled_signals or not signal_queue.unhandled_signal(current, SIGSEGV):
        return
    if not k.printk_ratelimit("show_signal_msg"):
        return
    ip, sp = current.thread.user_pc(), current.thread.user_sp()
    k.printk(
        f"{current.comm}[{current.pid}]: segfault at {address:x} ip {pointer(ip)} sp {pointer(sp)} "
        f"error {error_code:x}{vma_addr.print_vma_addr(current, ' in ', ip)}",
        KERN_INFO if current.pid > 1 else KERN_EMERG,
    )


def force_sig_info_fault(current: Task, sig: int, si_code: int, address: int, trap_no: int, error_code: int) -> None:
    """Send a signal about a memory access, and remember the exception for its frame."""
    thread = current.thread
    thread.trap_no = trap_no  # type: ignore[attr-defined]  # only X86Thread has page faults
    thread.error_code = error_code  # type: ignore[attr-defined]
    thread.cr2 = address  # type: ignore[attr-defined]
    signal_send.force_sig_info(sig, Siginfo(signo=sig, code=si_code, addr=address), current)
