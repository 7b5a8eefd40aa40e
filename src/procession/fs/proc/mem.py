"""mem: a task's memory as a file (part of fs/proc/base.c; as from 3.2.2 on, spec proc-kthreads 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File, mem_lseek
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.proc_fs import PidInode
from procession.kernel import fork_mm, ptrace_access
from procession.mm import gup, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("MemFile", "MemInode")


class MemInode(PidInode):
    """/proc/PID/mem."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFREG | 0o600)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Take hold of the memory that the task has now; raises ESRCH, EACCES unless current may attach to it."""
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ESRCH, "the task is gone")
        mm = fork_mm.get_task_mm(task)
        if (
            mm is not None
            and mm is not current.mm
            and not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_ATTACH)
        ):
            fork_mm.mmput(current.kernel, mm)
            raise LinuxError(Errno.EACCES, "not to be traced by the opener")
        out = MemFile(path, flags, mode)
        out.mm = mm
        return out


class MemFile(File):
    """An open mem file; the position is the address.

    mm: what it shows, whatever becomes of the task: None of a kernel thread, or of the dead.
    """

    f_unsigned_offset = True
    mm: MmStruct | None = None

    def release(self, current: Task | None) -> None:
        """Let go of the memory."""
        if self.mm is not None:
            fork_mm.mmput(self.inode.i_sb.kernel, self.mm)
            self.mm = None

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy memory out up to the first page that is not there; raises EIO if that is the first one, EFAULT."""
        return self._transfer(current, buf, count, pos, write=False)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Overwrite memory, past its protection as a debugger does; raises as read."""
        return self._transfer(current, buf, count, pos, write=True)

    def _transfer(self, current: Task, buf: UserPtr, count: int, pos: int | None, *, write: bool) -> int:
        mm = self.mm
        if mm is None:
            return 0
        k = current.kernel
        address = start = self.f_pos if pos is None else pos
        try:
            while address - start < count:
                chunk = min(count - (address - start), PAGE_SIZE)
                if write:
                    data = uaccess.copy_from_user(current, buf, chunk, address - start)
                    moved = gup.access_remote_vm(k, mm, address, chunk, data)
                    assert isinstance(moved, int)
                else:
                    got = gup.access_remote_vm(k, mm, address, chunk)
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
        return mem_lseek(self, offset, whence)
