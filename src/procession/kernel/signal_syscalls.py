"""The system calls of kernel/signal.c (spec 10.3), and kill(2)'s relatives."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state, signal_pending
from procession.include.linux.signal import (
    MINSIGSTKSZ,
    NSIG,
    SI_TKILL,
    SI_USER,
    SIG_KERNEL_ONLY_MASK,
    SS_DISABLE,
    SS_ONSTACK,
    ActionIn,
    ActionOut,
    InfoIn,
    InfoOut,
    KSigaction,
    SigHowArg,
    Siginfo,
    SigsetIn,
    SigsetOut,
    StackIn,
    StackOut,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import TimespecIn
from procession.include.linux.types import PidNr, SigNr, SizeT, UserPtr
from procession.include.linux.uidgid import uid_here
from procession.kernel import hrtimer, pid, rcupdate, sched, siginfo, signal, signal_queue, signal_send, time
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "do_sigaction",
    "do_sigaltstack",
    "sys_kill",
    "sys_pause",
    "sys_restart_syscall",
    "sys_rt_sigaction",
    "sys_rt_sigpending",
    "sys_rt_sigprocmask",
    "sys_rt_sigqueueinfo",
    "sys_rt_sigsuspend",
    "sys_rt_sigtimedwait",
    "sys_rt_tgsigqueueinfo",
    "sys_sigaltstack",
    "sys_tgkill",
    "sys_tkill",
)

_SET_SIZE: Final = 8
_FULL_SET: Final = (1 << NSIG) - 1
_ALLOWED: Final = _FULL_SET & ~SIG_KERNEL_ONLY_MASK
_SIGACTION: Final = struct.Struct("<QQQQ")  # handler, flags, restorer, mask
_STACK_T: Final = struct.Struct("<Qi4xQ")  # sp, flags, size


def _check_set_size(sigsetsize: int) -> None:
    if sigsetsize != _SET_SIZE:
        raise LinuxError(Errno.EINVAL, "size of a signal set")


# Sending.


def _sender_info(current: Task, sig: int, code: int) -> Siginfo:
    """Return what kill(2) and tkill(2) tell the receiver: current's number and user."""
    return Siginfo(
        signo=sig, code=code, pid=pid.task_tgid_vnr(current, current), uid=uid_here(current, current.cred.uid)
    )


@syscall
def sys_kill(current: Task, pid: PidNr, sig: SigNr) -> int:
    """Send to a process, a group (0, -pgid) or everybody (-1); raises ESRCH before EINVAL, EPERM (kill(2))."""
    signal_send.kill_something_info(current, sig, _sender_info(current, sig, SI_USER), pid)
    return 0


def do_send_specific(current: Task, tgid: int, nr: int, sig: int, info: Siginfo) -> None:
    """Send to one thread; raises ESRCH, also if it belongs to another process than tgid says (0: any)."""
    p = pid.find_task_by_vpid(current, nr)
    if p is None or (tgid > 0 and pid.task_tgid_vnr(current, p) != tgid):
        raise LinuxError(Errno.ESRCH, f"no thread {nr}")
    with rcupdate.rcu_read_lock(current.kernel):
        signal_send.check_kill_permission(current, sig, info, p)
        # One that was there a moment ago and is gone now might as well have got it.
        if sig and p.sighand is not None:
            signal_send.do_send_sig_info(sig, info, p, group=False)


@syscall
def sys_tgkill(current: Task, tgid: PidNr, pid: PidNr, sig: SigNr) -> int:
    """Send to one thread of a given process; raises EINVAL, ESRCH, EPERM, EAGAIN (tgkill(2))."""
    if pid <= 0 or tgid <= 0:
        raise LinuxError(Errno.EINVAL, "tgkill wants positive numbers")
    do_send_specific(current, tgid, pid, sig, _sender_info(current, sig, SI_TKILL))
    return 0


@syscall
def sys_tkill(current: Task, pid: PidNr, sig: SigNr) -> int:
    """Send to one thread; raises EINVAL, ESRCH, EPERM, EAGAIN (tkill(2))."""
    if pid <= 0:
        raise LinuxError(Errno.EINVAL, "tkill wants a positive number")
    do_send_specific(current, 0, pid, sig, _sender_info(current, sig, SI_TKILL))
    return 0


def _copy_siginfo_from_user(current: Task, sig: int, uinfo: UserPtr) -> Siginfo:
    info = siginfo.siginfo_from_user(uaccess.copy_from_user(current, uinfo, siginfo.SIGINFO_SIZE))
    info.signo = sig
    return info


def _check_user_code(info: Siginfo) -> None:
    """Refuse to impersonate the kernel or tgkill(2), even towards oneself."""
    if info.code >= 0 or info.code == SI_TKILL:
        raise LinuxError(Errno.EPERM, f"si_code {info.code} is the kernel's")


@syscall
def sys_rt_sigqueueinfo(current: Task, pid: PidNr, sig: SigNr, uinfo: InfoIn) -> int:
    """Send to a process with a siginfo of one's own; raises EFAULT, EPERM, ESRCH, EINVAL, EAGAIN (sigqueue(3))."""
    info = _copy_siginfo_from_user(current, sig, uinfo)
    _check_user_code(info)
    signal_send.kill_proc_info(current, sig, info, pid)
    return 0


@syscall
def sys_rt_tgsigqueueinfo(current: Task, tgid: PidNr, pid: PidNr, sig: SigNr, uinfo: InfoIn) -> int:
    """As rt_sigqueueinfo, to one thread; raises EFAULT, EINVAL, EPERM, ESRCH, EAGAIN."""
    info = _copy_siginfo_from_user(current, sig, uinfo)
    if pid <= 0 or tgid <= 0:
        raise LinuxError(Errno.EINVAL, "rt_tgsigqueueinfo wants positive numbers")
    _check_user_code(info)
    do_send_specific(current, tgid, pid, sig, info)
    return 0


# Actions and masks.


def do_sigaction(current: Task, sig: int, act: KSigaction | None) -> KSigaction:
    """Set and return the action of a signal; raises EINVAL. What becomes ignored is no longer pending (spec 10.3)."""
    if not 1 <= sig <= NSIG or (act is not None and SIG_KERNEL_ONLY_MASK >> (sig - 1) & 1):
        raise LinuxError(Errno.EINVAL, f"no action for signal {sig}")
    sighand = current.sighand
    assert sighand is not None
    action = sighand.action
    with sighand.siglock.irq():
        old = action[sig - 1]
        if act is not None:
            action[sig - 1] = act
            if signal_queue.sig_handler_ignored(act.handler, sig):
                bit = 1 << (sig - 1)
                k = current.kernel
                signal_queue.rm_from_queue(k, bit, current.signal.shared_pending)
                for t in current.signal.threads:
                    signal_queue.rm_from_queue(k, bit, t.pending)
    return old


@syscall
def sys_rt_sigaction(current: Task, sig: SigNr, act: ActionIn, oact: ActionOut, sigsetsize: SizeT) -> int:
    """Set what a signal does, return what it did; raises EINVAL, EFAULT (sigaction(2))."""
    _check_set_size(sigsetsize)
    new = None
    if act:
        handler, flags, restorer, mask = _SIGACTION.unpack(uaccess.copy_from_user(current, act, _SIGACTION.size))
        new = KSigaction(handler, flags, restorer, mask & _ALLOWED)
    old = do_sigaction(current, sig, new)
    if oact:
        uaccess.copy_to_user(current, oact, _SIGACTION.pack(old.handler, old.flags, old.restorer, old.mask))
    return 0


@syscall
def sys_rt_sigprocmask(current: Task, how: SigHowArg, nset: SigsetIn, oset: SigsetOut, sigsetsize: SizeT) -> int:
    """Change the set of blocked signals, return the old one; raises EINVAL, EFAULT (sigprocmask(2))."""
    if sigsetsize != _SET_SIZE:
        raise LinuxError(Errno.EINVAL, "size of a signal set")
    old = current.blocked
    if nset:
        signal_queue.sigprocmask(current, how, uaccess.get_user(current, nset, _SET_SIZE) & _ALLOWED)
    if oset:
        uaccess.put_user(current, oset, old, _SET_SIZE)
    return 0


@syscall
def sys_rt_sigpending(current: Task, set: SigsetOut, sigsetsize: SizeT) -> int:
    """Return which blocked signals are pending; a shorter set is allowed. Raises EINVAL, EFAULT (sigpending(2))."""
    if sigsetsize > _SET_SIZE:
        raise LinuxError(Errno.EINVAL, "size of a signal set")
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        pending = (current.pending.signal | current.signal.shared_pending.signal) & current.blocked
    uaccess.copy_to_user(current, set, pending.to_bytes(_SET_SIZE, "little")[:sigsetsize])
    return 0


def do_sigaltstack(current: Task, uss: UserPtr, uoss: UserPtr, sp: int) -> None:
    """Set and return the alternate stack; raises EFAULT, EPERM while on it, EINVAL, ENOMEM if it is too small."""
    old = _STACK_T.pack(current.sas_ss_sp, signal.sas_ss_flags(current, sp), current.sas_ss_size)
    if uss:
        ss_sp, ss_flags, ss_size = _STACK_T.unpack(uaccess.copy_from_user(current, uss, _STACK_T.size))
        if signal.on_sig_stack(current, sp):
            raise LinuxError(Errno.EPERM, "running on the alternate stack")
        if ss_flags not in (0, SS_ONSTACK, SS_DISABLE):
            raise LinuxError(Errno.EINVAL, "ss_flags")
        if ss_flags == SS_DISABLE:
            ss_sp = ss_size = 0
        elif ss_size < MINSIGSTKSZ:
            raise LinuxError(Errno.ENOMEM, "alternate stack below MINSIGSTKSZ")
        current.sas_ss_sp, current.sas_ss_size = ss_sp, ss_size
    if uoss:
        uaccess.copy_to_user(current, uoss, old)


@syscall
def sys_sigaltstack(current: Task, uss: StackIn, uoss: StackOut) -> int:
    """Set and return the stack of SA_ONSTACK handlers; raises EFAULT, EPERM, EINVAL, ENOMEM (sigaltstack(2))."""
    do_sigaltstack(current, uss, uoss, current.thread.user_sp())
    return 0


# Waiting.


@syscall
async def sys_pause(current: Task) -> int:
    """Sleep until a signal has run a handler; always ends with ERESTARTNOHAND (pause(2))."""
    while not signal_pending(current):
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, "sys_pause")
    raise LinuxError(Errno.ERESTARTNOHAND, "pause")


@syscall
async def sys_rt_sigsuspend(current: Task, unewset: SigsetIn, sigsetsize: SizeT) -> int:
    """Sleep with another mask until a handler has run; raises EINVAL, EFAULT, ERESTARTNOHAND (sigsuspend(2))."""
    _check_set_size(sigsetsize)
    newset = uaccess.get_user(current, unewset, _SET_SIZE) & _ALLOWED
    current.saved_sigmask = current.blocked
    signal_queue.set_current_blocked(current, newset)
    set_task_state(current, TASK_INTERRUPTIBLE)
    await sched.schedule(current, "sys_rt_sigsuspend")
    # The handler runs with the new mask, and the old one comes back after it.
    signal_queue.set_restore_sigmask(current)
    raise LinuxError(Errno.ERESTARTNOHAND, "sigsuspend")


@syscall
async def sys_rt_sigtimedwait(
    current: Task, uthese: SigsetIn, uinfo: InfoOut, uts: TimespecIn, sigsetsize: SizeT
) -> SigNr:
    """Take a signal of a set, waiting for one; raises EINVAL, EFAULT, EAGAIN at the timeout, EINTR (sigwaitinfo(2)).

    Differs: the timeout is not rounded up to ticks.
    """
    _check_set_size(sigsetsize)
    these = uaccess.get_user(current, uthese, _SET_SIZE)
    timeout_ns: int | None = None
    if uts:
        timeout_ns = time.get_timespec(current, uts)
    info = await do_sigtimedwait(current, these & _ALLOWED, timeout_ns)
    if uinfo:
        siginfo.copy_siginfo_to_user(current, uinfo, info)
    return info.signo


async def do_sigtimedwait(current: Task, these: int, timeout_ns: int | None) -> Siginfo:
    mask = _FULL_SET & ~these
    sighand = current.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        info = signal_queue.dequeue_signal(current, mask)
        if info is not None:
            return info
        if timeout_ns == 0:
            raise LinuxError(Errno.EAGAIN, "no signal")
        # What we wait for must be able to wake us; real_blocked keeps it from being handled or lost.
        current.real_blocked = current.blocked
        current.blocked &= mask
        signal_queue.recalc_sigpending(current)

    set_task_state(current, TASK_INTERRUPTIBLE)
    left_ns = await hrtimer.schedule_timeout(current, timeout_ns, "sys_rt_sigtimedwait")

    with sighand.siglock.irq():
        signal_queue.set_task_blocked_locked(current, current.real_blocked)
        current.real_blocked = 0
        info = signal_queue.dequeue_signal(current, mask)
    if info is not None:
        return info
    raise LinuxError(Errno.EINTR if left_ns else Errno.EAGAIN, "sigtimedwait")


@syscall
async def sys_restart_syscall(current: Task) -> int:
    """Go on with an interrupted call that knows how; raises EINTR if there is none."""
    block = current.restart_block
    if block is None:
        raise LinuxError(Errno.EINTR, "nothing to restart")
    result: int = await block(current)
    return result
