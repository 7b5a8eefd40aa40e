"""Copying between the memories of processes (mm/process_vm_access.c; spec 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import read_write
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SIZE
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import IoVec, IoVecOut, IoVecRemote, PidNr, ULong, UserPtr
from procession.kernel import fork_mm, pid, ptrace_access
from procession.mm import gup, mmap, uaccess

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct

__all__ = ("sys_process_vm_readv", "sys_process_vm_writev")

_PAGES_PER_LOOP: Final = 1024


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
    local = read_write.rw_copy_check_uvector(current, *lvec)
    if not sum(length for _, length in local):
        return 0
    remote = read_write.rw_copy_check_uvector(current, *rvec, check_access=False)
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


def mm_access(current: Task, task: Task) -> MmStruct:
    """Return another task's memory with a user added, if current may trace it; raises EPERM, EINVAL if it has none."""
    if not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_ATTACH):
        raise LinuxError(Errno.EPERM, "not allowed to trace it")
    mm = fork_mm.get_task_mm(task)
    if mm is None:
        raise LinuxError(Errno.EINVAL, "no address space")
    return mm


def _copy(
    current: Task, mm: MmStruct, local: list[tuple[int, int]], remote: list[tuple[int, int]], vm_write: bool
) -> int:
    """Copy until one of the sides is used up or a bad address is met; raises EFAULT if that is at the first byte."""
    segments = [(base, length) for base, length in local if length]
    buf = uaccess.IovBuffer(current, segments, sum([length for _, length in segments]))
    done = 0
    for address, length in remote:
        end = address + length
        while address < end and done < buf.total:
            stop = min(end, (address & PAGE_MASK) + _PAGES_PER_LOOP * PAGE_SIZE)
            want = min(stop - address, buf.total - done)
            moved = _copy_pages(current, mm, address, stop, buf, done, want, vm_write)
            done += moved
            if moved < want:
                if not done:
                    raise LinuxError(Errno.EFAULT, "bad address")
                return done
            address += moved
    return done


def _copy_pages(
    current: Task, mm: MmStruct, address: int, stop: int, buf: uaccess.IovBuffer, done: int, want: int, vm_write: bool
) -> int:
    """Copy want bytes at address; returns how many before a bad one (process_vm_rw_pages).

    The other side's pages up to stop must all be there before the first byte is copied, wanted or not.
    """
    if not _present(current, mm, address, stop, vm_write):
        return 0
    k = current.kernel
    moved = 0
    while moved < want:
        part = min(PAGE_SIZE - (address & ~PAGE_MASK), want - moved)
        try:
            if vm_write:
                data = uaccess.copy_from_user_partial(current, buf, part, done + moved)
                gup.access_remote_vm(k, mm, address, len(data), data, force=False)
                copied = len(data)
            else:
                got = gup.access_remote_vm(k, mm, address, part, force=False)
                assert isinstance(got, bytes)
                copied = uaccess.copy_to_user_partial(current, buf, got, done + moved)
        except LinuxError:
            break
        moved += copied
        if copied < part:
            break
        address += part
    return moved


def _present(current: Task, mm: MmStruct, start: int, end: int, write: bool) -> bool:
    """Fault in the pages of [start, end); returns whether all could be had (get_user_pages)."""
    k = current.kernel
    with mm.mmap_sem.read():
        for address in range(start & PAGE_MASK, end, PAGE_SIZE):
            vma = mmap.find_extend_vma(current, mm, address)
            if vma is None:
                return False
            try:
                gup.get_user_page(k, mm, vma, address, write, False)
            except LinuxError:
                return False
    return True
