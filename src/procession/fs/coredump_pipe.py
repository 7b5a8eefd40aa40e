"""Core files that a program is given: core_pattern with a | (fs/exec.c; spec files 13).

The program is run as root outside of all namespaces, with the core on its standard input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import coredump, file, file_table
from procession.fs import pipe as fs_pipe
from procession.include.linux.binfmts import CoredumpParams
from procession.include.linux.errno import LinuxError
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE
from procession.include.linux.kmod import UMH_WAIT_EXEC
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_CORE
from procession.include.linux.sched import signal_pending
from procession.kernel import kmod, pid, wait
from procession.lib import string

if TYPE_CHECKING:
    from procession.fs.pipe import PipeFile
    from procession.include.linux.binfmts import CoreDump
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.kmod import SubprocessInfo
    from procession.include.linux.sched import Task

__all__ = ("coredump_pipe_init",)


def coredump_pipe_init(k: Kernel) -> None:
    """Let fs/coredump.py, which fork and exit are built on, find this file, which is built on them."""
    k.vfs.dump_to_pipe = dump_to_pipe


class CorePipe:
    """Where a core goes that a program reads; file is the end that the dumping process has."""

    __slots__ = ("current", "file", "written")

    def __init__(self, current: Task) -> None:
        self.current = current
        self.file: PipeFile | None = None
        self.written = 0

    async def write(self, pos: int, data: bytes) -> None:
        """Write data, before it zeros for what was left out: a pipe has no holes (dump_seek)."""
        assert self.file is not None
        while self.written < pos:
            await self._put(bytes(min(PAGE_SIZE, pos - self.written)))
        await self._put(data)

    async def _put(self, data: bytes) -> None:
        assert self.file is not None
        await coredump.dump_write(self.current, self.file, 0, data)
        self.written += len(data)


def umh_pipe_setup(current: Task, info: SubprocessInfo, new: Cred) -> None:
    """In the new process: make the pipe, with the reading end as its descriptor 0; it is to leave no core itself.

    Raises ENFILE, EMFILE.
    """
    pipe: CorePipe = info.data
    fr, fw = fs_pipe.create_pipe_files(pipe.current, 0)
    try:
        fd = file.alloc_fd(current, 0, 0)
    except LinuxError:
        file_table.fput(current, fr)
        file_table.fput(current, fw)
        raise
    file.fd_install(current, fd, fr)
    pipe.file = fw
    pipe.current.held.append(fw)
    current.signal.rlim[RLIMIT_CORE] = (1, 1)


async def wait_for_dump_helpers(current: Task, core: PipeFile) -> None:
    """Wait until the program has closed its end, or a signal comes: until then /proc shows who has crashed."""
    pipe = core.pipe
    # Who reads sees the end of the file: the dumping process counts as a reader meanwhile.
    core.f_mode ^= FMODE_READ | FMODE_WRITE
    pipe.readers += 1
    pipe.writers -= 1
    while pipe.readers > 1 and not signal_pending(current):
        wait.wake_up_interruptible_sync(pipe.wait)
        await fs_pipe.pipe_wait(current, pipe)
    core.f_mode ^= FMODE_READ | FMODE_WRITE
    pipe.readers -= 1
    pipe.writers += 1


async def dump_to_pipe(current: Task, core_dump: CoreDump, signr: int, name: bytes) -> None:
    """Have a program run that reads the core, and write it; name: the program and its arguments, behind a |."""
    k = current.kernel
    k.vfs.core_dump_count += 1
    pipe = CorePipe(current)
    try:
        limit = k.vfs.core_pipe_limit & UINT_MAX
        if limit and limit < k.vfs.core_dump_count:
            k.printk(f"Pid {pid.task_tgid_vnr(current, current)}({current.comm}) over core_pipe_limit")
            k.printk("Skipping core dump")
            return
        await _run_helper(current, pipe, name)
        if pipe.file is None:
            return
        await coredump.write_core(current, core_dump, CoredumpParams(signr, pipe.write, RLIM_INFINITY))
        if k.vfs.core_pipe_limit:
            await wait_for_dump_helpers(current, pipe.file)
    finally:
        _close(current, pipe)
        k.vfs.core_dump_count -= 1


def _close(current: Task, pipe: CorePipe) -> None:
    if pipe.file is not None:
        current.held.remove(pipe.file)
        file.filp_close(current, pipe.file, None)
        pipe.file = None


async def _run_helper(current: Task, pipe: CorePipe, name: bytes) -> None:
    """Start the program that name says; pipe has no file if it cannot be."""
    # 3.2 falls over a pattern without a name; here it is a program that is not there.
    argv = name[1:].split() or [b"/"]
    path = string.to_text(argv[0])
    try:
        await kmod.call_usermodehelper_fns(current, path, argv, (), UMH_WAIT_EXEC, umh_pipe_setup, None, pipe)
    except LinuxError:
        current.kernel.printk(f"Core dump to {string.to_text(name)} pipe failed", KERN_INFO)
        _close(current, pipe)
