"""What i386 has in place of native system calls, or besides (arch/x86/ia32/sys_ia32.c, ia32_signal.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import ptrace, tls
from procession.fs import compat as fs_compat
from procession.fs import exec as fs_exec
from procession.fs import namei, namespace_mount, read_write, stat, sync
from procession.fs import open as fs_open
from procession.fs.notify.fanotify import fanotify_user
from procession.include.asm.ptrace import DI, DX, SP
from procession.include.linux.binfmts import CompatStrings
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.sched import CLONE_VFORK, CLONE_VM, TASK_INTERRUPTIBLE, set_task_state
from procession.include.linux.signal import SIG_KERNEL_ONLY_MASK, SIGCHLD, KSigaction
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.types import DirFd, Fd, Int, Path, PidNr, SigNr, UInt, UserPtr
from procession.kernel import (
    capability,
    compat,
    exit_wait,
    fork,
    sched,
    sched_prio,
    siginfo,
    signal_queue,
    signal_syscalls,
    sys,
)
from procession.mm import fadvise, mmap, uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ()

_ALLOWED: Final = ~SIG_KERNEL_ONLY_MASK & (1 << 64) - 1
_SIGACTION32: Final = struct.Struct("<IIIQ")  # handler, flags, restorer, mask
_OLD_SIGACTION32: Final = struct.Struct("<IIII")  # handler, mask, flags, restorer
_STACK_IA32: Final = struct.Struct("<IiI")
_STACK: Final = struct.Struct("<Qi4xQ")
_SA_ONESHOT_NOMASK: Final = 0xC0000000
_STAT_SIZE: Final = 144
_UTS_FIELD: Final = 65
_OLD_UTS_FIELD: Final = 9


def _s64(low: int, high: int) -> int:
    return (high << 32 | low) - (high >> 31 << 64)


# Processes.


@compat_syscall
async def stub32_fork(current: Task) -> int:
    """fork(2)."""
    return await fork.do_fork(current, SIGCHLD, 0, 0, 0)


@compat_syscall
async def stub32_vfork(current: Task) -> int:
    """vfork(2)."""
    return await fork.do_fork(current, CLONE_VFORK | CLONE_VM | SIGCHLD, 0, 0, 0)


@compat_syscall
async def stub32_clone(current: Task, clone_flags: UInt, newsp: UInt) -> int:
    """clone(2): where the numbers go is taken from the whole registers, the base of fs from r8, which is 0.

    Of the parent's stack pointer, in place of none, the child gets the lower half.
    """
    thread: Any = current.thread
    newsp = newsp or thread.q[SP] & UINT_MAX
    return await fork.do_fork(current, clone_flags, newsp, thread.q[DX], thread.q[DI], 0)


@compat_syscall
async def stub32_execve(current: Task, filename: Path, argv: UInt, envp: UInt) -> int:
    """execve(2), with pointers of 4 bytes."""
    name = namei.getname(current, filename)
    await fs_exec.do_execve(current, name, CompatStrings(argv), CompatStrings(envp))
    return 0


@compat_syscall
async def sys32_waitpid(current: Task, pid: PidNr, stat_addr: UserPtr, options: Int) -> int:
    """waitpid(2)."""
    return await exit_wait.sys_wait4(current, pid, stat_addr, options, 0)


@compat_syscall
def sys_nice(current: Task, increment: Int) -> int:
    """Change one's nice value by at most 40; raises EPERM (nice(2))."""
    nice = max(-20, min(19, sched.task_nice(current) + max(-40, min(40, increment))))
    if increment < 0 and not capability.can_nice(current, current, nice):
        raise LinuxError(Errno.EPERM, "a lower nice value")
    sched_prio.set_user_nice(current, nice)
    return 0


@compat_syscall
def sys32_vm86_warning(current: Task) -> int:
    """Raise ENOSYS, and say so for each program in a row once (vm86(2))."""
    k = current.kernel
    if k.x86.vm86_comm != current.comm:
        k.printk(f"{current.comm}: vm86 mode not supported on 64 bit kernel", KERN_INFO)
        k.x86.vm86_comm = current.comm
    raise LinuxError(Errno.ENOSYS, "vm86")


@compat_syscall
def sys_set_thread_area(current: Task, u_info: UserPtr) -> int:
    """Set a slot of the GDT, the first empty one for -1; EFAULT, EINVAL, ESRCH as an int (set_thread_area(2))."""
    thread: Any = current.thread
    try:
        tls.do_set_thread_area(current, thread, -1, u_info)
    except LinuxError as error:
        return -error.errno & UINT_MAX
    ptrace.change_segments(thread)
    return 0


@compat_syscall
def sys_get_thread_area(current: Task, u_info: UserPtr) -> int:
    """Read a slot of the GDT; EFAULT, EINVAL as an int (get_thread_area(2))."""
    thread: Any = current.thread
    try:
        tls.do_get_thread_area(current, thread, uaccess.get_user(current, u_info, 4), u_info)
    except LinuxError as error:
        return -error.errno & UINT_MAX
    return 0


@compat_syscall
def sys32_uname(current: Task, name: UserPtr) -> int:
    """uname(2) without the domain."""
    native = uaccess.KernelBuffer(bytes(6 * _UTS_FIELD))
    sys.sys_uname(current, native)
    uaccess.copy_to_user(current, name, native.load(0, 5 * _UTS_FIELD))
    return 0


@compat_syscall
def sys_olduname(current: Task, name: UserPtr) -> int:
    """uname(2) with names of 8 bytes."""
    native = uaccess.KernelBuffer(bytes(6 * _UTS_FIELD))
    sys.sys_uname(current, native)
    fields = [native.load(i * _UTS_FIELD, _OLD_UTS_FIELD - 1) + b"\0" for i in range(5)]
    uaccess.copy_to_user(current, name, b"".join(fields))
    return 0


# Signals.


@compat_syscall
def sys32_rt_sigaction(current: Task, sig: SigNr, act: UserPtr, oact: UserPtr, sigsetsize: UInt) -> int:
    """rt_sigaction(2)."""
    if sigsetsize != compat.SIGSET_SIZE:
        raise LinuxError(Errno.EINVAL, "size of a signal set")
    new = None
    if act:
        data = uaccess.copy_from_user(current, act, _SIGACTION32.size)
        handler, flags, restorer, mask = _SIGACTION32.unpack(data)
        new = KSigaction(handler, flags, restorer, mask & _ALLOWED)
    _put_action(current, oact, signal_syscalls.do_sigaction(current, sig, new), old=False)
    return 0


@compat_syscall
def sys32_sigaction(current: Task, sig: SigNr, act: UserPtr, oact: UserPtr) -> int:
    """sigaction(2) of old: the mask has 32 signals."""
    new = None
    if act:
        data = uaccess.copy_from_user(current, act, _OLD_SIGACTION32.size)
        handler, mask, flags, restorer = _OLD_SIGACTION32.unpack(data)
        new = KSigaction(handler, flags, restorer, mask & _ALLOWED)
    _put_action(current, oact, signal_syscalls.do_sigaction(current, sig, new), old=True)
    return 0


def _put_action(current: Task, ptr: UserPtr, ka: KSigaction, *, old: bool) -> None:
    if not ptr:
        return
    handler, flags, restorer = ka.handler & UINT_MAX, ka.flags & UINT_MAX, ka.restorer & UINT_MAX
    if old:
        uaccess.copy_to_user(current, ptr, _OLD_SIGACTION32.pack(handler, ka.mask & UINT_MAX, flags, restorer))
    else:
        uaccess.copy_to_user(current, ptr, _SIGACTION32.pack(handler, flags, restorer, ka.mask))


@compat_syscall
def sys_signal(current: Task, sig: SigNr, handler: UInt) -> int:
    """Set a handler that is forgotten when it runs; returns the old one (signal(2)); raises EINVAL."""
    old = signal_syscalls.do_sigaction(current, sig, KSigaction(handler, _SA_ONESHOT_NOMASK, 0, 0))
    return old.handler


@compat_syscall
def sys_sgetmask(current: Task) -> int:
    """Return the blocked signals."""
    return current.blocked


@compat_syscall
def sys_ssetmask(current: Task, newmask: Int) -> int:
    """Set the blocked signals; returns those before."""
    old = current.blocked
    signal_queue.set_current_blocked(current, newmask & _ALLOWED)
    return old


@compat_syscall
def sys32_rt_sigprocmask(current: Task, how: Int, set: UserPtr, oset: UserPtr, sigsetsize: UInt) -> int:
    """rt_sigprocmask(2)."""
    return signal_syscalls.sys_rt_sigprocmask(current, how, set, oset, sigsetsize)


@compat_syscall
def sys32_rt_sigpending(current: Task, set: UserPtr, sigsetsize: UInt) -> int:
    """rt_sigpending(2)."""
    return signal_syscalls.sys_rt_sigpending(current, set, sigsetsize)


@compat_syscall
def sys32_rt_sigqueueinfo(current: Task, pid: PidNr, sig: SigNr, uinfo: UserPtr) -> int:
    """rt_sigqueueinfo(2)."""
    return signal_syscalls.sys_rt_sigqueueinfo(current, pid, sig, siginfo.native_siginfo(current, uinfo))


@compat_syscall
async def sys32_sigsuspend(current: Task, history0: Int, history1: Int, mask: UInt) -> int:
    """sigsuspend(2) of old, with the mask itself as an argument."""
    current.saved_sigmask = current.blocked
    signal_queue.set_current_blocked(current, mask & _ALLOWED)
    set_task_state(current, TASK_INTERRUPTIBLE)
    await sched.schedule(current, "sys32_sigsuspend")
    signal_queue.set_restore_sigmask(current)
    raise LinuxError(Errno.ERESTARTNOHAND, "sigsuspend")


@compat_syscall
def stub32_sigaltstack(current: Task, uss: UserPtr, uoss: UserPtr) -> int:
    """sigaltstack(2)."""
    new: UserPtr = 0
    if uss:
        sp, flags, size = _STACK_IA32.unpack(uaccess.copy_from_user(current, uss, _STACK_IA32.size))
        new = uaccess.KernelBuffer(_STACK.pack(sp, flags, size))
    old = uaccess.KernelBuffer(bytes(_STACK.size))
    signal_syscalls.do_sigaltstack(current, new, old, current.thread.user_sp())
    if uoss:
        sp, flags, size = _STACK.unpack(bytes(old.data))
        uaccess.copy_to_user(current, uoss, _STACK_IA32.pack(sp & UINT_MAX, flags, size & UINT_MAX))
    return 0


# Memory.


@compat_syscall
def sys32_mmap(current: Task, arg: UserPtr) -> int:
    """mmap(2) of old, whose arguments are in memory; raises EFAULT, EINVAL for an offset within a page."""
    addr, length, prot, flags, fd, offset = struct.unpack("<IIIIiI", uaccess.copy_from_user(current, arg, 24))
    if offset & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "an offset within a page")
    return mmap.sys_mmap(current, addr, length, prot, flags, fd, offset)


@compat_syscall
def sys_mmap_pgoff(current: Task, addr: UInt, length: UInt, prot: UInt, flags: UInt, fd: Int, pgoff: UInt) -> int:
    """mmap(2) with an offset in pages (mmap2)."""
    return mmap.sys_mmap(current, addr, length, prot, flags, fd, pgoff << PAGE_SHIFT)


# Files: 64-bit numbers come as two arguments.


@compat_syscall
def sys32_lseek(current: Task, fd: Fd, offset: Int, whence: UInt) -> int:
    """lseek(2)."""
    return read_write.sys_lseek(current, fd, offset, whence)


@compat_syscall
def sys_llseek(current: Task, fd: Fd, offset_high: UInt, offset_low: UInt, result: UserPtr, whence: UInt) -> int:
    """lseek(2) with 64 bits, the new position being stored; raises what lseek does, and EFAULT."""
    pos = read_write.sys_lseek(current, fd, _s64(offset_low, offset_high), whence)
    uaccess.put_user(current, result, pos, 8)
    return 0


@compat_syscall
async def sys32_pread(current: Task, fd: Fd, ubuf: UserPtr, count: UInt, poslo: UInt, poshi: UInt) -> int:
    """pread(2)."""
    return await read_write.sys_pread64(current, fd, ubuf, count, _s64(poslo, poshi))


@compat_syscall
async def sys32_pwrite(current: Task, fd: Fd, ubuf: UserPtr, count: UInt, poslo: UInt, poshi: UInt) -> int:
    """pwrite(2)."""
    return await read_write.sys_pwrite64(current, fd, ubuf, count, _s64(poslo, poshi))


@compat_syscall
async def sys32_truncate64(current: Task, filename: Path, offset_low: UInt, offset_high: UInt) -> int:
    """truncate(2)."""
    return await fs_open.sys_truncate(current, filename, _s64(offset_low, offset_high))


@compat_syscall
async def sys32_ftruncate64(current: Task, fd: Fd, offset_low: UInt, offset_high: UInt) -> int:
    """ftruncate(2)."""
    return await fs_open.sys_ftruncate(current, fd, _s64(offset_low, offset_high))


@compat_syscall
def sys32_fallocate(
    current: Task, fd: Fd, mode: Int, offset_lo: UInt, offset_hi: UInt, len_lo: UInt, len_hi: UInt
) -> int:
    """fallocate(2)."""
    return fs_open.sys_fallocate(current, fd, mode, _s64(offset_lo, offset_hi), _s64(len_lo, len_hi))


@compat_syscall
def sys32_readahead(current: Task, fd: Fd, off_lo: UInt, off_hi: UInt, count: UInt) -> int:
    """readahead(2)."""
    return fadvise.sys_readahead(current, fd, _s64(off_lo, off_hi), count)


@compat_syscall
def sys32_fadvise64(current: Task, fd: Fd, offset_lo: UInt, offset_hi: UInt, length: UInt, advice: Int) -> int:
    """posix_fadvise(2) of old."""
    return fadvise.sys_fadvise64(current, fd, _s64(offset_lo, offset_hi), length, advice)


@compat_syscall
def sys32_fadvise64_64(
    current: Task, fd: Fd, offset_low: UInt, offset_high: UInt, len_low: UInt, len_high: UInt, advice: Int
) -> int:
    """posix_fadvise(2)."""
    return fadvise.sys_fadvise64(current, fd, _s64(offset_low, offset_high), _s64(len_low, len_high), advice)


@compat_syscall
def sys32_fanotify_mark(
    current: Task, fanotify_fd: Fd, flags: UInt, mask_lo: UInt, mask_hi: UInt, fd: Int, pathname: UserPtr
) -> int:
    """fanotify_mark(2)."""
    return fanotify_user.sys_fanotify_mark(current, fanotify_fd, flags, mask_hi << 32 | mask_lo, fd, pathname)


@compat_syscall
def sys32_sync_file_range(
    current: Task, fd: Fd, off_low: UInt, off_hi: UInt, n_low: UInt, n_hi: UInt, flags: UInt
) -> int:
    """sync_file_range(2)."""
    return sync.sys_sync_file_range(current, fd, _s64(off_low, off_hi), _s64(n_low, n_hi), flags)


@compat_syscall
async def sys32_sendfile(current: Task, out_fd: Fd, in_fd: Fd, offset: UserPtr, count: UInt) -> int:
    """sendfile(2), the offset being of 32 bits."""
    return await read_write.sys_sendfile(current, out_fd, in_fd, compat.wide(current, offset), count)


@compat_syscall
def sys_oldumount(current: Task, name: Path) -> int:
    """umount(2) without flags."""
    return namespace_mount.sys_umount2(current, name, 0)


@compat_syscall
def sys32_stat64(current: Task, filename: Path, statbuf: UserPtr) -> int:
    """stat(2)."""
    return fs_compat.with_stat(current, stat.sys_stat, filename, statbuf, fs_compat.cp_stat64)


@compat_syscall
def sys32_lstat64(current: Task, filename: Path, statbuf: UserPtr) -> int:
    """lstat(2)."""
    return fs_compat.with_stat(current, stat.sys_lstat, filename, statbuf, fs_compat.cp_stat64)


@compat_syscall
def sys32_fstat64(current: Task, fd: Fd, statbuf: UserPtr) -> int:
    """fstat(2)."""
    return fs_compat.with_stat(current, stat.sys_fstat, fd, statbuf, fs_compat.cp_stat64)


@compat_syscall
def sys32_fstatat(current: Task, dfd: DirFd, filename: Path, statbuf: UserPtr, flag: Int) -> int:
    """fstatat(2)."""
    native = uaccess.KernelBuffer(bytes(_STAT_SIZE))
    stat.sys_newfstatat(current, dfd, filename, native, flag)
    fs_compat.cp_stat64(current, native, statbuf)
    return 0
