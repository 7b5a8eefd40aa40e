"""mem: a task's memory as a file (part of fs/proc/base.c; 3.2.0's rules, spec 14.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.proc_fs import PidInode
from procession.include.linux.sched import TASK_STOPPED_BIT, TASK_TRACED_BIT
from procession.kernel import ptrace_access
from procession.mm import gup, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("MemFile", "MemInode")

_STOPPED_OR_TRACED: Final = TASK_STOPPED_BIT | TASK_TRACED_BIT


class MemInode(PidInode):
    """/proc/PID/mem."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFREG | 0o600)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Remember as which program the opener runs: another one gets nothing."""
        out = MemFile(path, flags, mode)
        out.private_data = current.self_exec_id
        return out


class MemFile(File):
    """An open mem file; the position is the address."""

    f_unsigned_offset = True

    def _check_mem_permission(self, current: Task) -> Task:
        """Return the task if it is current, or stopped with current as its tracer.

        Raises ESRCH, EINVAL without memory, EPERM, EIO if current has changed its program.
        """
        inode = self.inode
        assert isinstance(inode, MemInode)
        task = inode.task()
        if task is None:
            raise LinuxError(Errno.ESRCH, "the task is gone")
        if task.mm is None:
            raise LinuxError(Errno.EINVAL, "no memory")
        if task is not current:
            traced_by_us = bool(task.ptrace) and task.parent is current and bool(task.state & _STOPPED_OR_TRACED)
            if not traced_by_us or not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_ATTACH):
                raise LinuxError(Errno.EPERM, "not stopped by us")
        if self.private_data != current.self_exec_id:
            raise LinuxError(Errno.EIO, "opened by another program")
        return task

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy memory out up to the first page that is not there; raises EIO if that is the first one."""
        return self._transfer(current, buf, count, pos, write=False)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Overwrite memory, past its protection as a debugger does; raises as read."""
        return self._transfer(current, buf, count, pos, write=True)

    def _transfer(self, current: Task, buf: UserPtr, count: int, pos: int | None, *, write: bool) -> int:
        task = self._check_mem_permission(current)
        address = start = self.f_pos if pos is None else pos
        try:
            while address - start < count:
                chunk = min(count - (address - start), PAGE_SIZE)
                if write:
                    data = uaccess.copy_from_user(current, buf, chunk, address - start)
                    moved = gup.access_process_vm(task, address, chunk, data)
                    assert isinstance(moved, int)
                else:
                    got = gup.access_process_vm(task, address, chunk)
                    assert isinstance(got, bytes)
                    moved = len(got)
                    if moved:
                        uaccess.copy_to_user(current, buf, got, address - start)
                if not moved:
                    if address == start:
                        raise LinuxError(Errno.EIO, f"no memory at {address:#x}")
                    break
                address += moved
        finally:
            # A bad buffer is EFAULT, whatever was moved before; that has moved the position nevertheless.
            if pos is None:
                self.f_pos = address
        return address - start

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Set the address; raises EINVAL for SEEK_END."""
        if whence not in (0, 1):
            raise LinuxError(Errno.EINVAL, "mem: no seek from the end")
        self.f_pos = (offset + (self.f_pos if whence else 0)) & (1 << 64) - 1
        return self.f_pos
