"""Python programs as executable files (ours).

A program is registered under a path in Kernel.programs, and a file at that path stands for it: a magic number and
the path it was registered by. The file can be renamed, linked, chmod-ed and executed like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.arch.python import process as python_process
from procession.arch.python.sys import Sys
from procession.fs import exec as fs_exec
from procession.fs import exec_cred, exec_mm
from procession.include.linux.binfmts import PYTHON_MAGIC, LinuxBinfmt
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import PF_FORKNOEXEC
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("init_python_binfmt", "load_python_binary")


async def load_python_binary(current: Task, bprm: LinuxBinprm) -> None:
    """Become the registered program; raises ENOEXEC if the file names none."""
    program = await _find(current, bprm)
    if program is None:
        raise LinuxError(Errno.ENOEXEC, f"{bprm.interp}: no Python program")

    await fs_exec.flush_old_exec(current, bprm)
    current.flags &= ~PF_FORKNOEXEC
    fs_exec.setup_new_exec(current, bprm)
    fs_exec.set_binfmt(current, PYTHON_FORMAT)
    exec_cred.install_exec_creds(current, bprm)
    current.flags &= ~PF_FORKNOEXEC

    mm = current.mm
    assert mm is not None
    # The strings live on the host's side, so that a process that touches no memory has none.
    exec_mm.drop_arg_pages(current, bprm)
    mm.host_args = b"".join(text + b"\0" for text in bprm.argv)
    mm.host_env = b"".join(text + b"\0" for text in bprm.envp)
    mm.start_brk = mm.brk = PYTHON_BRK
    sys = Sys(bprm.argv, bprm.envp)
    python_process.start_thread(current, sys, program)


# Where the heap of a program that uses brk(2) begins: where it would for a position-independent ELF program.
PYTHON_BRK: Final = 0x555555554000


async def _find(current: Task, bprm: LinuxBinprm) -> Any:
    if not bprm.buf.startswith(PYTHON_MAGIC):
        return None
    assert bprm.file is not None
    text = bprm.buf
    if b"\n" not in text[len(PYTHON_MAGIC) :]:
        text = await fs_exec.kernel_read(current, bprm.file, 0, 4096 + len(PYTHON_MAGIC) + 1)
    name = string.to_text(text[len(PYTHON_MAGIC) :].split(b"\n", 1)[0])
    return current.kernel.programs.get(name)


# What such a program has in memory means nothing to a debugger: no cores.
PYTHON_FORMAT: Final = LinuxBinfmt("python", load_python_binary)


def init_python_binfmt(k: Kernel) -> None:
    """Register the format."""
    fs_exec.register_binfmt(k, PYTHON_FORMAT)
