"""Descriptors of processes (the parts of kernel/pid.c, fork.c, signal.c and fs/pidfs.c, as of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import anon_inodes
from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC, O_RDWR
from procession.include.linux.fs import POLLHUP, POLLIN, POLLRDNORM, File
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.pidfd import (
    PIDFD_NONBLOCK,
    PIDFD_SIGNAL_PROCESS_GROUP,
    PIDFD_SIGNAL_THREAD,
    PIDFD_SIGNAL_THREAD_GROUP,
    PIDFD_THREAD,
    PidfdArg,
    PidfdSignalArg,
)
from procession.include.linux.sched import Task, thread_group_empty, thread_group_leader
from procession.include.linux.signal import SI_TKILL, SI_USER, InfoIn, Siginfo
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import Fd, Int, PidNr, SigNr, UInt
from procession.include.linux.uidgid import uid_here
from procession.kernel import pid as kernel_pid
from procession.kernel import ptrace_access, rcupdate, siginfo, signal_send
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.pid import Pid, PidNamespace

__all__ = (
    "PidfdFile",
    "pidfd_file",
    "pidfd_get_pid",
    "pidfd_of",
    "sys_pidfd_getfd",
    "sys_pidfd_open",
    "sys_pidfd_send_signal",
)

_SCOPES: Final = (0, PIDFD_SIGNAL_THREAD, PIDFD_SIGNAL_THREAD_GROUP, PIDFD_SIGNAL_PROCESS_GROUP)


class PidfdFile(File):
    """An open file that means a process, or a thread with PIDFD_THREAD; private_data: its struct pid, counted."""

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable once it has ended, hung up once it has been waited for (pidfd_poll)."""
        pid: Pid = self.private_data
        if table is not None:
            table.wait(pid.pidfd_queue(current.kernel))
        task = kernel_pid.pid_task(pid, PIDTYPE_PID)
        if task is None:
            return POLLIN | POLLRDNORM | POLLHUP
        alone = self.f_flags & PIDFD_THREAD or thread_group_empty(task)
        return POLLIN | POLLRDNORM if task.exit_state and alone else 0

    def release(self, current: Task | None) -> None:
        """Let the struct pid go."""
        kernel_pid.put_pid(self.inode.i_sb.kernel, self.private_data)

    def show_fdinfo(self, ns: PidNamespace) -> bytes:
        """Return what /proc/PID/fdinfo says, in a pid namespace, beside position and flags (pidfd_show_fdinfo)."""
        pid: Pid = self.private_data
        if kernel_pid.pid_task(pid, PIDTYPE_PID) is None:
            return b"Pid:\t-1\nNSpid:\t-1\n"
        nr = kernel_pid.pid_nr_ns(pid, ns)
        below = [str(upid.nr) for upid in pid.numbers[ns.level :]] if nr else ["0"]
        return f"Pid:\t{nr}\nNSpid:\t{chr(9).join(below)}\n".encode()


def pidfd_file(current: Task, pid: Pid, flags: int) -> File:
    """Return a new open file that means pid; raises ENFILE (pidfs_alloc_file)."""
    file = anon_inodes.anon_inode_getfile(current, "[pidfd]", PidfdFile, pid, O_RDWR | flags & PIDFD_NONBLOCK)
    file.f_flags |= flags & PIDFD_THREAD
    pid.pidfd_queue(current.kernel)
    kernel_pid.get_pid(pid)
    return file


def pidfd_of(file: File) -> Pid:
    """Return the struct pid that an open file means; raises EBADF for another kind of file (pidfd_pid)."""
    if not isinstance(file, PidfdFile):
        raise LinuxError(Errno.EBADF, "no pidfd")
    pid: Pid = file.private_data
    return pid


def pidfd_get_pid(current: Task, fd: int) -> tuple[Pid, int]:
    """Return what a descriptor means, with a reference, and its file's flags; raises EBADF."""
    file = fs_file.fget_light(current, fd)
    return kernel_pid.get_pid(pidfd_of(file)), file.f_flags


@later_syscall
def sys_pidfd_open(current: Task, pid: PidNr, flags: PidfdArg) -> Fd:
    """Return a descriptor of a process, closed by exec (pidfd_open(2)).

    Raises EINVAL, ESRCH, ENOENT for a thread that leads no process unless flags has PIDFD_THREAD, EMFILE, ENFILE.
    """
    if flags & ~(PIDFD_NONBLOCK | PIDFD_THREAD):
        raise LinuxError(Errno.EINVAL, "pidfd_open: unknown flags")
    if pid <= 0:
        raise LinuxError(Errno.EINVAL, f"pidfd_open: {pid}")
    found = kernel_pid.find_vpid(current, pid)
    task = kernel_pid.pid_task(found, PIDTYPE_PID)
    if found is None or task is None:
        raise LinuxError(Errno.ESRCH, f"no process {pid}")
    if not flags & PIDFD_THREAD and not thread_group_leader(task):
        raise LinuxError(Errno.ENOENT, f"{pid} is a thread")
    fd = fs_file.alloc_fd(current, 0, O_CLOEXEC)
    try:
        file = pidfd_file(current, found, flags)
    except LinuxError:
        fs_file.put_unused_fd(current, fd)
        raise
    fs_file.fd_install(current, fd, file)
    return fd


# Signals.


def _sees(current: Task, pid: Pid) -> bool:
    """Whether pid is of current's pid namespace or one below it (access_pidfd_pidns)."""
    active = kernel_pid.task_active_pid_ns(current)
    return active.level <= pid.level and pid.numbers[active.level].ns is active


@later_syscall
def sys_pidfd_send_signal(current: Task, pidfd: Int, sig: SigNr, info: InfoIn, flags: PidfdSignalArg) -> int:
    """Send to whom a descriptor means (pidfd_send_signal(2)).

    Raises EINVAL, EBADF, ESRCH, EPERM, EFAULT, EAGAIN. flags choose the thread, the process or its group.
    """
    if flags not in _SCOPES:
        raise LinuxError(Errno.EINVAL, "pidfd_send_signal: unknown flags")
    file = fs_file.fget_light(current, pidfd)
    pid = pidfd_of(file)
    if not _sees(current, pid):
        raise LinuxError(Errno.EINVAL, "pidfd_send_signal: outside the pid namespace")
    if not flags:
        flags = PIDFD_SIGNAL_THREAD if file.f_flags & PIDFD_THREAD else PIDFD_SIGNAL_THREAD_GROUP
    if info:
        told = siginfo.siginfo_from_user(uaccess.copy_from_user(current, info, siginfo.SIGINFO_SIZE))
        if told.signo != sig:
            raise LinuxError(Errno.EINVAL, "pidfd_send_signal: another signal in the siginfo")
        itself = pid is kernel_pid.task_pid(current) and flags != PIDFD_SIGNAL_PROCESS_GROUP
        if not itself and (told.code >= 0 or told.code == SI_TKILL):
            raise LinuxError(Errno.EPERM, "a code that only the kernel uses")
    else:
        code = SI_TKILL if flags == PIDFD_SIGNAL_THREAD else SI_USER
        me = kernel_pid.task_tgid_vnr(current, current)
        told = Siginfo(signo=sig, code=code, pid=me, uid=uid_here(current, current.cred.uid))
    _send(current, pid, sig, told, flags)
    return 0


def _send(current: Task, pid: Pid, sig: int, info: Siginfo, flags: int) -> None:
    if flags == PIDFD_SIGNAL_PROCESS_GROUP:
        with current.kernel.tasklist_lock.read():
            signal_send.kill_pgrp_info_locked(sig, info, pid)
        return
    if flags == PIDFD_SIGNAL_THREAD_GROUP:
        signal_send.kill_pid_info(sig, info, pid)
        return
    p = kernel_pid.pid_task(pid, PIDTYPE_PID)
    if p is None:
        raise LinuxError(Errno.ESRCH, "no such thread")
    with rcupdate.rcu_read_lock(current.kernel):
        signal_send.check_kill_permission(current, sig, info, p)
        if sig and p.sighand is not None:
            signal_send.do_send_sig_info(sig, info, p, group=False)


# Other processes' files.


@later_syscall
def sys_pidfd_getfd(current: Task, pidfd: Int, fd: Int, flags: UInt) -> Fd:
    """Return a descriptor, closed by exec, of a file that another process has open (pidfd_getfd(2)).

    Raises EINVAL, EBADF for either descriptor, ESRCH, EPERM for one that current may not trace, EMFILE.
    """
    if flags:
        raise LinuxError(Errno.EINVAL, "pidfd_getfd: unknown flags")
    pid = pidfd_of(fs_file.fget_light(current, pidfd))
    task = kernel_pid.pid_task(pid, PIDTYPE_PID)
    if task is None:
        raise LinuxError(Errno.ESRCH, "the process is gone")
    if not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_ATTACH):
        raise LinuxError(Errno.EPERM, "may not trace the process")
    files = task.files
    if files is None:
        raise LinuxError(Errno.ESRCH, "the process has ended")
    file = files.fd[fd] if 0 <= fd < len(files.fd) else None
    if file is None:
        raise LinuxError(Errno.EBADF, f"its descriptor {fd}")
    new = fs_file.alloc_fd(current, 0, O_CLOEXEC)
    file.f_count += 1
    fs_file.fd_install(current, new, file)
    return new
