"""Copying between the memories of processes (mm/process_vm_access.c; spec 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UIO_MAXIOV
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import IoVec, IoVecOut, IoVecRemote, PidNr, ULong, UserPtr
from procession.kernel import fork_mm, pid, ptrace
from procession.mm import gup, uaccess

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct

__all__ = ("sys_process_vm_readv", "sys_process_vm_writev")

SSIZE_MAX: Final = (1 << 63) - 1


@syscall
def sys_process_vm_readv(
    current: Task, pid: PidNr, lvec: IoVecOut, liovcnt: ULong, rvec: IoVecRemote, riovcnt: ULong, flags: ULong
) -> int:
    """Copy from another process (process_vm_readv(2)); raises EINVAL, EFAULT, ESRCH, EPERM, ENOMEM."""
    return process_vm_rw(current, pid, (lvec, liovcnt), (rvec, riovcnt), flags, False)


@syscall
def sys_process_vm_writev(
    current: Task, pid: PidNr, lvec: IoVec, liovcnt: ULong, rvec: IoVecRemote, riovcnt: ULong, flags: ULong
) -> int:
    """Copy to another process (process_vm_writev(2)); raises EINVAL, EFAULT, ESRCH, EPERM, ENOMEM."""
    return process_vm_rw(current, pid, (lvec, liovcnt), (rvec, riovcnt), flags, True)


def process_vm_rw(
    current: Task, nr: int, lvec: tuple[UserPtr, int], rvec: tuple[UserPtr, int], flags: int, vm_write: bool
) -> int:
    """Copy as the vectors say; returns bytes copied, short if the other memory ends early."""
    if flags:
        raise LinuxError(Errno.EINVAL, "no flags are defined")
    local = read_iovec(current, *lvec)
    if not sum(length for _, length in local):
        return 0
    remote = read_iovec(current, *rvec)
    if not any(length for _, length in remote):
        return 0
    task = pid.find_task_by_vpid(current, nr)
    if task is None:
        raise LinuxError(Errno.ESRCH, f"no process {nr}")
    mm = mm_access(current, task)
    try:
        return _copy(current, mm, local, remote, vm_write)
    finally:
        fork_mm.mmput(current.kernel, mm)


def read_iovec(current: Task, vec: UserPtr, count: int) -> list[tuple[int, int]]:
    """Return (address, length) of a user's iovec array; raises EINVAL, EFAULT (rw_copy_check_uvector)."""
    if count > UIO_MAXIOV:
        raise LinuxError(Errno.EINVAL, "too many vectors")
    if not count:
        return []
    words = memoryview(uaccess.copy_from_user(current, vec, count * 16)).cast("Q").tolist()
    vectors = list(zip(words[::2], words[1::2], strict=True))
    if any(length > SSIZE_MAX for _, length in vectors):
        raise LinuxError(Errno.EINVAL, "a length is negative")
    return vectors


def mm_access(current: Task, task: Task) -> MmStruct:
    """Return another task's memory with a user added, if current may trace it; raises EPERM, ESRCH."""
    mm = fork_mm.get_task_mm(task)
    if mm is None:
        raise LinuxError(Errno.ESRCH, "no address space")
    if mm is not current.mm and not ptrace.ptrace_may_access(current, task, ptrace.PTRACE_MODE_ATTACH):
        fork_mm.mmput(current.kernel, mm)
        raise LinuxError(Errno.EPERM, "not allowed to trace it")
    return mm


def _copy(
    current: Task, mm: MmStruct, local: list[tuple[int, int]], remote: list[tuple[int, int]], vm_write: bool
) -> int:
    k = current.kernel
    total = 0
    at, room = local[0]
    i = 0
    for address, length in remote:
        while length:
            while not room:
                i += 1
                if i == len(local):
                    return total
                at, room = local[i]
            part = min(length, room, 65536)
            try:
                if vm_write:
                    data = uaccess.copy_from_user(current, at, part)
                    done = gup.access_remote_vm(k, mm, address, part, data, force=False)
                    assert isinstance(done, int)
                else:
                    got = gup.access_remote_vm(k, mm, address, part, force=False)
                    assert isinstance(got, bytes)
                    done = len(got)
                    uaccess.copy_to_user(current, at, got)
            except LinuxError:
                if total:
                    return total
                raise
            total += done
            if done < part:
                if total:
                    return total
                raise LinuxError(Errno.EFAULT, f"bad address {address + done:#x} in the other process")
            address, length = address + done, length - done
            at, room = at + done, room - done
    return total
