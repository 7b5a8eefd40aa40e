"""The system calls of i386, by number (arch/x86/ia32/ia32entry.S); 3.2 ends at 348."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import arguments, seccomp, segment
from procession.arch.x86.ia32 import ipc32, sys_ia32
from procession.arch.x86.ia32.vdso32 import SYSENTER_RETURN
from procession.fs import compat as fs_compat
from procession.hw.costs import TRAP_NS
from procession.hw.cpu import X86_TRAP_UD
from procession.hw.unicorn_cpu import USER32_CS, USER_DS
from procession.include.asm.processor import SyscallStack
from procession.include.asm.processor_flags import X86_EFLAGS_TF
from procession.include.asm.ptrace import AX, BP, CX, DX, R8, R9, R10, R11, SP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX, ULONG_MAX
from procession.include.linux.sched import TIF_SINGLESTEP, TIF_SYSCALL_TRACEPOINT, TIF_WORK_SYSCALL_ENTRY
from procession.include.linux.seccomp import SECCOMP_MODE_STRICT
from procession.include.linux.signal import SIGKILL
from procession.include.linux.syscalls import COMPAT_SYSCALLS, SYSCALLS
from procession.ipc import compat_mq
from procession.kernel import compat, exit, futex_robust, tracehook, uid16
from procession.mm import uaccess
from procession.net import compat as net_compat

if TYPE_CHECKING:
    from procession.arch.x86.entry import Entry
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task
    from procession.include.linux.syscalls import Syscall

__all__ = ("IA32_NR_SYSCALLS", "IA32_SYSCALL_VECTOR", "ia32_syscall", "no_syscall", "sysenter")

IA32_SYSCALL_VECTOR: Final = 0x80
DECLARED_IN: Final = (ipc32, sys_ia32, fs_compat, compat, compat_mq, futex_robust, net_compat, uid16)

# ia32_sys_call_table: the functions in the order of their numbers. "-" is quiet_ni_syscall.
_TABLE: Final = """
    sys_restart_syscall sys_exit stub32_fork sys_read sys_write compat_sys_open sys_close sys32_waitpid sys_creat
    sys_link sys_unlink stub32_execve sys_chdir compat_sys_time sys_mknod sys_chmod sys_lchown16 - sys_stat
    sys32_lseek sys_getpid compat_sys_mount sys_oldumount sys_setuid16 sys_getuid16 compat_sys_stime
    compat_sys_ptrace sys_alarm sys_fstat sys_pause compat_sys_utime - - sys_access sys_nice - sys_sync sys32_kill
    sys_rename sys_mkdir sys_rmdir sys_dup sys_pipe compat_sys_times - sys_brk sys_setgid16 sys_getgid16
    sys_signal sys_geteuid16 sys_getegid16 sys_acct sys_umount - compat_sys_ioctl compat_sys_fcntl64 -
    sys_setpgid - sys_olduname sys_umask sys_chroot compat_sys_ustat sys_dup2 sys_getppid sys_getpgrp sys_setsid
    sys32_sigaction sys_sgetmask sys_ssetmask sys_setreuid16 sys_setregid16 sys32_sigsuspend
    compat_sys_sigpending sys_sethostname compat_sys_setrlimit compat_sys_old_getrlimit compat_sys_getrusage
    compat_sys_gettimeofday compat_sys_settimeofday sys_getgroups16 sys_setgroups16 compat_sys_old_select
    sys_symlink sys_lstat sys_readlink sys_uselib sys_swapon sys_reboot compat_sys_old_readdir sys32_mmap
    sys_munmap sys_truncate sys_ftruncate sys_fchmod sys_fchown16 sys_getpriority sys_setpriority -
    compat_sys_statfs compat_sys_fstatfs sys_ioperm compat_sys_socketcall sys_syslog compat_sys_setitimer
    compat_sys_getitimer compat_sys_newstat compat_sys_newlstat compat_sys_newfstat sys32_uname sys_iopl
    sys_vhangup - sys32_vm86_warning compat_sys_wait4 sys_swapoff compat_sys_sysinfo sys32_ipc sys_fsync
    stub32_sigreturn stub32_clone sys_setdomainname sys_newuname sys_modify_ldt compat_sys_adjtimex sys_mprotect
    compat_sys_sigprocmask - sys_init_module sys_delete_module - sys32_quotactl sys_getpgid sys_fchdir -
    sys_sysfs sys_personality - sys_setfsuid16 sys_setfsgid16 sys_llseek compat_sys_getdents compat_sys_select
    sys_flock sys_msync compat_sys_readv compat_sys_writev sys_getsid sys_fdatasync compat_sys_sysctl sys_mlock
    sys_munlock sys_mlockall sys_munlockall sys_sched_setparam sys_sched_getparam sys_sched_setscheduler
    sys_sched_getscheduler sys_sched_yield sys_sched_get_priority_max sys_sched_get_priority_min
    sys32_sched_rr_get_interval compat_sys_nanosleep sys_mremap sys_setresuid16 sys_getresuid16
    sys32_vm86_warning - sys_poll - sys_setresgid16 sys_getresgid16 sys_prctl stub32_rt_sigreturn
    sys32_rt_sigaction sys32_rt_sigprocmask sys32_rt_sigpending compat_sys_rt_sigtimedwait sys32_rt_sigqueueinfo
    sys_rt_sigsuspend sys32_pread sys32_pwrite sys_chown16 sys_getcwd sys_capget sys_capset stub32_sigaltstack
    sys32_sendfile - - stub32_vfork compat_sys_getrlimit sys_mmap_pgoff sys32_truncate64 sys32_ftruncate64
    sys32_stat64 sys32_lstat64 sys32_fstat64 sys_lchown sys_getuid sys_getgid sys_geteuid sys_getegid
    sys_setreuid sys_setregid sys_getgroups sys_setgroups sys_fchown sys_setresuid sys_getresuid sys_setresgid
    sys_getresgid sys_chown sys_setuid sys_setgid sys_setfsuid sys_setfsgid sys_pivot_root sys_mincore
    sys_madvise compat_sys_getdents64 compat_sys_fcntl64 - - sys_gettid sys32_readahead sys_setxattr
    sys_lsetxattr sys_fsetxattr sys_getxattr sys_lgetxattr sys_fgetxattr sys_listxattr sys_llistxattr
    sys_flistxattr sys_removexattr sys_lremovexattr sys_fremovexattr sys_tkill sys_sendfile64 compat_sys_futex
    compat_sys_sched_setaffinity compat_sys_sched_getaffinity sys_set_thread_area sys_get_thread_area
    compat_sys_io_setup sys_io_destroy compat_sys_io_getevents compat_sys_io_submit sys_io_cancel
    sys32_fadvise64 - sys_exit_group sys32_lookup_dcookie sys_epoll_create sys_epoll_ctl sys_epoll_wait
    sys_remap_file_pages sys_set_tid_address compat_sys_timer_create compat_sys_timer_settime
    compat_sys_timer_gettime sys_timer_getoverrun sys_timer_delete compat_sys_clock_settime
    compat_sys_clock_gettime compat_sys_clock_getres compat_sys_clock_nanosleep compat_sys_statfs64
    compat_sys_fstatfs64 sys_tgkill compat_sys_utimes sys32_fadvise64_64 - sys_mbind compat_sys_get_mempolicy
    sys_set_mempolicy compat_sys_mq_open sys_mq_unlink compat_sys_mq_timedsend compat_sys_mq_timedreceive
    compat_sys_mq_notify compat_sys_mq_getsetattr compat_sys_kexec_load compat_sys_waitid - sys_add_key
    sys_request_key sys_keyctl sys_ioprio_set sys_ioprio_get sys_inotify_init sys_inotify_add_watch
    sys_inotify_rm_watch sys_migrate_pages compat_sys_openat sys_mkdirat sys_mknodat sys_fchownat
    compat_sys_futimesat sys32_fstatat sys_unlinkat sys_renameat sys_linkat sys_symlinkat sys_readlinkat
    sys_fchmodat sys_faccessat compat_sys_pselect6 compat_sys_ppoll sys_unshare compat_sys_set_robust_list
    compat_sys_get_robust_list sys_splice sys32_sync_file_range sys_tee compat_sys_vmsplice
    compat_sys_move_pages sys_getcpu sys_epoll_pwait compat_sys_utimensat compat_sys_signalfd
    sys_timerfd_create sys_eventfd sys32_fallocate compat_sys_timerfd_settime compat_sys_timerfd_gettime
    compat_sys_signalfd4 sys_eventfd2 sys_epoll_create1 sys_dup3 sys_pipe2 sys_inotify_init1 compat_sys_preadv
    compat_sys_pwritev compat_sys_rt_tgsigqueueinfo sys_perf_event_open compat_sys_recvmmsg sys_fanotify_init
    sys32_fanotify_mark sys_prlimit64 sys_name_to_handle_at compat_sys_open_by_handle_at
    compat_sys_clock_adjtime sys_syncfs compat_sys_sendmmsg sys_setns compat_sys_process_vm_readv
    compat_sys_process_vm_writev
"""

# Functions that do no more than a native call: with arguments extended by zeros there is nothing to translate.
_NATIVE: Final = {
    "sys_umount": "umount2",
    "sys_newuname": "uname",
    "sys_sendfile64": "sendfile",
    "sys32_kill": "kill",
    "compat_sys_mount": "mount",
    "compat_sys_ioctl": "ioctl",  # those that there are have the same structures
    "compat_sys_signalfd": "signalfd",
    "compat_sys_signalfd4": "signalfd4",
}
# Calls of another meaning than the native one of the name: struct __old_kernel_stat.
_UNLIKE: Final = frozenset({"sys_stat", "sys_fstat", "sys_lstat"})

IA32_NAMES: Final[tuple[str, ...]] = tuple(_TABLE.split())
IA32_NR_SYSCALLS: Final = len(IA32_NAMES)
# What a task under seccomp mode 1 may still call: read, write, exit, sigreturn.
MODE1_SYSCALLS_32: Final = frozenset((3, 4, 1, 119))


def is_hole(nr: int) -> bool:
    """Whether 3.2 has nothing at a number."""
    return not 0 <= nr < IA32_NR_SYSCALLS or IA32_NAMES[nr] == "-"


def ia32_call(nr: int) -> tuple[str, Syscall | None]:
    """Return what traces call a call, and its declaration; None if there is none, in 3.2 or only here.

    A native call goes by its native name, others by that of the function in 3.2.
    """
    if is_hole(nr):
        return f"ia32_syscall_{nr:#x}", None
    function = IA32_NAMES[nr]
    call = COMPAT_SYSCALLS.get(function)
    if call is not None:
        return function, call
    name = _NATIVE.get(function, function.removeprefix("sys_"))
    call = None if function in _UNLIKE else SYSCALLS.get(name)
    return (name, call) if call is not None else (function, None)


def no_syscall(entry: Entry) -> None:
    """Answer SYSCALL where it is illegal, in code of 16 or 32 bits of whatever program: so it is on CPUs of Intel."""
    try:
        entry.charge(entry.spent())
        entry.thread.orig_ax = -1
        entry.trap(X86_TRAP_UD, 0)
        entry.q[entry.rip_q] = entry.q[entry.rip_q] - 2 & ULONG_MAX  # the engine goes on behind the instruction there
        entry.halt()
    except BaseException as bug:  # noqa: BLE001 -- comes out of run()
        entry.fail(bug)


def sysenter(entry: Entry) -> None:
    """Answer SYSENTER. The engine does not say where it is, and nobody has to know."""
    try:
        entry.charge(entry.spent())
        if entry.step is not None:
            entry.end_step()
        ia32_syscall(entry, entry.current, sysenter=True)
        entry.q[entry.rip_q] = entry.q[entry.rip_q] - 2 & ULONG_MAX
    except BaseException as bug:  # noqa: BLE001 -- comes out of run()
        entry.fail(bug)


def _enter(current: Task, thread: X86Thread) -> bool:
    """Do what SYSENTER leaves to software: where it returns to, the stack, and the argument that is there.

    Returns whether that could be read. A 64-bit program has nowhere to return to.
    """
    q = thread.q
    assert current.mm is not None
    sp = q[SP] = q[BP] & UINT_MAX
    q[thread.layout.rip_q] = current.mm.vdso + SYSENTER_RETURN if current.mm.vdso else 0
    if thread.ss != USER_DS:
        segment.load_ss(current, thread, USER_DS)
    thread.set_cs(USER32_CS)
    if thread.flags & X86_EFLAGS_TF:
        # The trap comes in the kernel, which goes on stepping.
        current.ti_flags |= TIF_SINGLESTEP
    try:
        q[BP] = uaccess.get_user(current, sp, 4)
    except LinuxError:
        return False
    return True


async def _badarg() -> int:
    raise LinuxError(Errno.EFAULT, "the argument on the stack")


async def _sysexit(current: Task, nr: int, name: str, call: Syscall | None) -> int:
    """Make a call that SYSEXIT returns from, if nothing else is to be done: where to is left in two registers."""
    result = await _do_call(current, nr, name, call)
    thread: Any = current.thread
    if not current.ti_flags and not name.startswith("stub32_"):
        thread.q[CX], thread.q[DX] = thread.user_sp(), thread.user_pc()
    return result


def ia32_syscall(entry: Entry, current: Task, *, sysenter: bool = False) -> None:
    """Make the call that INT 0x80, behind which the engine stands, asks for (ia32_syscall, ia32_tracesys).

    sysenter: it is SYSENTER (ia32_sysenter_target).
    """
    thread, q = entry.thread, entry.q
    entry.clock.now_ns += TRAP_NS
    current.stime += TRAP_NS
    entry.nr_calls += 1
    nr = thread.orig_ax = q[AX] & UINT_MAX
    thread.ts_compat = True
    q[R8] = q[R9] = q[R10] = q[R11] = 0
    name, call = ia32_call(nr)
    if sysenter and not _enter(current, thread):
        entry.stack = SyscallStack(current, nr, "", _badarg())
        entry.halt()
        return
    traced = current.ti_flags & TIF_WORK_SYSCALL_ENTRY
    if traced:
        q[AX] = -Errno.ENOSYS & ULONG_MAX
    if current.seccomp_mode == SECCOMP_MODE_STRICT and nr not in MODE1_SYSCALLS_32:
        entry.stack = SyscallStack(current, nr, "seccomp", exit.do_exit(current, SIGKILL))
    elif traced:
        entry.stack = SyscallStack(current, nr, name, _traced(current))
    else:
        do_call = _sysexit if sysenter and nr < IA32_NR_SYSCALLS else _do_call
        entry.stack = SyscallStack(current, nr, name, do_call(current, nr, name, call))
    entry.halt()


async def _do_call(current: Task, nr: int, name: str, call: Syscall | None) -> int:
    """Make a call; returns -ENOSYS if there is none."""
    thread: Any = current.thread
    k = current.kernel
    words = arguments.ia32_words(thread.q)
    args = words if call is None else call.decode(words)
    if k.trace.sys_enter:
        k.trace.sys_enter(nr, name, args)
    if current.seccomp_filter is not None:
        made, verdict = await seccomp.judge32(current, nr, words)
        if not made:
            return verdict
        nr = thread.orig_ax & UINT_MAX  # a tracer may have changed it, and the arguments
        name, call = ia32_call(nr)
        words = arguments.ia32_words(thread.q)
        args = words if call is None else call.decode(words)
    if call is not None:
        result = call.fn(current, *args)
        if call.is_async:
            result = await result
        return result or 0
    if is_hole(nr):
        k.not_in_linux(name)
    else:
        k.not_modelled(name)
    return -int(Errno.ENOSYS)


async def _traced(current: Task) -> int:
    """Do the same with a tracer looking at the beginning, who may have changed everything."""
    thread: Any = current.thread
    stack: Any = current.stack
    if current.ti_flags & TIF_SYSCALL_TRACEPOINT:
        await tracehook.choose_syscall_entry(current, stack.name, arguments.ia32_words(thread.q))
    emulated = await tracehook.tracehook_report_syscall_entry(current)
    nr = -1 if emulated else thread.orig_ax & UINT_MAX
    stack.nr, stack.name = nr, ""
    if not 0 <= nr < IA32_NR_SYSCALLS:
        value: int = thread.q[AX]
        return value - (1 << 64) if value >> 63 else value
    stack.name, call = ia32_call(nr)
    return await _do_call(current, nr, stack.name, call)
