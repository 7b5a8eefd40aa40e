"""rseq(2): restartable sequences (kernel/rseq.c, as of 6.18).

A thread tells where its struct rseq is. On its way back to user mode the kernel writes there which CPU it is on, and if
it was in a critical section when it left the CPU or was sent a signal, it goes on at the section's abort handler.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.printk import KERN_WARNING
from procession.include.linux.rseq import (
    ORIG_RSEQ_SIZE,
    RSEQ_ALIGN,
    RSEQ_CPU_ID_UNINITIALIZED,
    RSEQ_CS,
    RSEQ_CS_PTR,
    RSEQ_FLAG_UNREGISTER,
    RSEQ_FLAGS,
    RSEQ_NODE_ID,
    Rseq,
    RseqPtr,
    RseqWord,
)
from procession.include.linux.sched import CLONE_VM, PF_EXITING, TIF_NOTIFY_RESUME
from procession.include.linux.syscalls import later_syscall
from procession.kernel import signal_send
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("rseq_fork", "rseq_handle_notify_resume", "rseq_preempt", "rseq_signal_deliver", "sys_rseq")

_IDS: Final = struct.Struct("<II")
_SIG_BYTES: Final = 4


def rseq_fork(current: Task, p: Task, clone_flags: int) -> None:
    """Give a child the registration, unless it uses the same memory."""
    old = current.rseq
    assert old is not None
    if not clone_flags & CLONE_VM:
        p.rseq = Rseq(old.address, old.length, old.sig)
        rseq_preempt(p)


def rseq_preempt(t: Task) -> None:
    """T has left its CPU: it looks at its critical section before it goes on."""
    assert t.rseq is not None
    t.rseq.event = True
    t.ti_flags |= TIF_NOTIFY_RESUME


def rseq_signal_deliver(current: Task, sig: int) -> None:
    """A handler is about to run: its frame is to lead back to the abort handler."""
    assert current.rseq is not None
    current.rseq.event = True
    rseq_handle_notify_resume(current, sig)


def rseq_handle_notify_resume(current: Task, sig: int = 0) -> None:
    """Leave the critical section if need be, and write where current runs; SIGSEGV if what it has told is wrong.

    sig: whose handler is about to run, 0 for none.
    """
    rseq = current.rseq
    assert rseq is not None
    if current.flags & PF_EXITING:
        return
    try:
        _ip_fixup(current, rseq)
        _write_ids(current, rseq, current.cpu, current.cpu, current.cpu)
    except LinuxError:
        signal_send.force_sigsegv(sig, current)


def _ip_fixup(current: Task, rseq: Rseq) -> None:
    """Go to the abort handler if something has happened in a critical section; forget one that was left.

    Raises EFAULT, EINVAL (rseq_ip_fixup).
    """
    ptr = uaccess.get_user(current, rseq.address, 8, offset=RSEQ_CS_PTR)
    if not ptr:
        return
    flags, start, length, abort = _read_cs(current, rseq, ptr)
    if current.thread.user_pc() - start & ULONG_MAX >= length:
        _clear_cs(current, rseq.address)
        return
    if flags or uaccess.get_user(current, rseq.address, 4, offset=RSEQ_FLAGS):
        raise LinuxError(Errno.EINVAL, "rseq: flags")
    happened, rseq.event = rseq.event, False
    if happened:
        _clear_cs(current, rseq.address)
        current.thread.set_user_pc(abort)


def _read_cs(current: Task, rseq: Rseq, ptr: int) -> tuple[int, int, int, int]:
    """Return flags, start, length and abort handler of a critical section; raises EFAULT, EINVAL (rseq_get_rseq_cs)."""
    assert current.mm is not None
    limit = current.mm.task_size
    if ptr >= limit:
        raise LinuxError(Errno.EINVAL, "rseq: a critical section of the kernel's")
    version, flags, start, length, abort = RSEQ_CS.unpack(uaccess.copy_from_user(current, ptr, RSEQ_CS.size))
    if version or start >= limit or start + length >= limit or abort >= limit:
        raise LinuxError(Errno.EINVAL, "rseq: no critical section")
    if abort - start & ULONG_MAX < length:
        raise LinuxError(Errno.EINVAL, "rseq: the abort handler is in the critical section")
    sig = uaccess.get_user(current, abort - _SIG_BYTES & ULONG_MAX, _SIG_BYTES)
    if sig != rseq.sig:
        current.kernel.printk(
            f"Possible attack attempt. Unexpected rseq signature {sig:#x}, expecting {rseq.sig:#x} "
            f"(pid={current.pid}, addr={abort - _SIG_BYTES:016x}).",
            KERN_WARNING,
        )
        raise LinuxError(Errno.EINVAL, "rseq: signature")
    return flags, start, length, abort


def _clear_cs(current: Task, address: int) -> None:
    uaccess.put_user(current, address, 0, 8, offset=RSEQ_CS_PTR)


def _write_ids(current: Task, rseq: Rseq, start: int, cpu: int, mm_cid: int) -> None:
    """Write the CPU's number, that of its node and that of the thread among those that run; raises EFAULT."""
    uaccess.copy_to_user(current, rseq.address, _IDS.pack(start, cpu))
    uaccess.copy_to_user(current, rseq.address + RSEQ_NODE_ID, _IDS.pack(0, mm_cid))


@later_syscall
def sys_rseq(current: Task, rseq: RseqPtr, rseq_len: RseqWord, flags: RseqWord, sig: RseqWord) -> int:
    """Tell where the thread's struct rseq is, or that it is there no more (rseq(2)).

    Raises EINVAL, EPERM for another signature, EBUSY if it is told already, EFAULT; ENOSYS for a program without
    instructions.

    Differs: a thread's number among those of its memory that run, mm_cid, is that of its CPU.
    """
    if not current.thread.user_pc():
        raise LinuxError(Errno.ENOSYS, "rseq: of instructions")
    old = current.rseq
    if flags & RSEQ_FLAG_UNREGISTER:
        if flags & ~RSEQ_FLAG_UNREGISTER or old is None or (old.address, old.length) != (rseq, rseq_len):
            raise LinuxError(Errno.EINVAL, "rseq: not what is registered")
        if old.sig != sig:
            raise LinuxError(Errno.EPERM, "rseq: another signature")
        _write_ids(current, old, 0, RSEQ_CPU_ID_UNINITIALIZED, 0)
        current.rseq = None
        return 0
    if flags:
        raise LinuxError(Errno.EINVAL, "rseq: flags")
    if old is not None:
        if (old.address, old.length) != (rseq, rseq_len):
            raise LinuxError(Errno.EINVAL, "rseq: another one is registered")
        raise LinuxError(Errno.EPERM if old.sig != sig else Errno.EBUSY, "rseq: registered")
    if rseq_len < ORIG_RSEQ_SIZE or rseq % RSEQ_ALIGN:
        raise LinuxError(Errno.EINVAL, "rseq: size or place")
    if not uaccess.access_ok(rseq, rseq_len):
        raise LinuxError(Errno.EFAULT, "rseq: outside user space")
    if uaccess.get_user(current, rseq, 8, offset=RSEQ_CS_PTR):
        _clear_cs(current, rseq)  # of old libraries that use the place again
    current.rseq = Rseq(rseq, rseq_len, sig)
    current.ti_flags |= TIF_NOTIFY_RESUME
    return 0
