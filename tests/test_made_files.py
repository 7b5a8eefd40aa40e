"""What is made from declarations by scripts/ is up to date, and what Python programs have of it."""

from __future__ import annotations

import inspect
from pathlib import Path
import re
import runpy
import subprocess
import sys as host

import pytest

from procession import Machine
from procession.arch.python._constants import Constants
from procession.arch.python.sys import Sys
from procession.arch.x86.syscall_table import SYSCALL_NAMES
from procession.include.linux import fcntl, sched, signal

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.mark.parametrize("name", ["python_calls.py", "python_constants.py", "tracepoints.py"])
def test_what_is_made_is_up_to_date_and_laid_out_by_the_formatter(name):
    """Run `make generate` when this fails."""
    script = runpy.run_path(str(SCRIPTS / name))
    assert script["PATH"].read_text(encoding="utf-8") == script["text"]()
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [host.executable, "-m", "ruff", *command, script["PATH"]],
            capture_output=True, check=False, cwd=SCRIPTS.parent,
        )
        assert done.returncode == 0, done.stdout


def test_every_call_of_the_table_is_a_method():
    names = {"eventfd2", *SYSCALL_NAMES.values()}
    assert [name for name in names if not callable(getattr(Sys, name, None))] == []
    assert all(inspect.getdoc(getattr(Sys, name)) for name in names)


def test_there_is_one_line_of_classes():
    """A compiler takes no other."""
    assert all(len(cls.__bases__) == 1 for cls in Sys.__mro__[:-1])
    assert not hasattr(Sys, "__getattr__")


def test_constants_are_the_headers():
    assert (Sys.SIGCHLD, Sys.O_CREAT, Sys.CLONE_VM) == (signal.SIGCHLD, fcntl.O_CREAT, sched.CLONE_VM)
    kernels = [name for name in vars(Constants) if re.match("TIF_|PF_|TASK_|VM_|SIG_KERNEL|JOBCTL_", name)]
    assert kernels == []


def run(main, **options):
    result = Machine(**options).run(main)
    assert result.stderr == b""
    return result.output


def test_a_made_call_takes_what_cs_takes():
    """Numbers, paths as str or bytes, a bytearray to write to, NULL."""
    async def main(sys):
        fd = await sys.creat("/tmp/x", 0o600)
        await sys.fchmod(fd, 0o640)
        with pytest.raises(FileExistsError):
            await sys.mkdirat(sys.AT_FDCWD, b"/tmp/x", 0o700)
        address, vector = await sys.mmap(), bytearray(1)
        await sys.poke(address, b"x")
        await sys.mincore(address, 4096, vector)
        await sys.symlinkat("to", sys.AT_FDCWD, "/tmp/l")
        limit = bytearray(16)
        await sys.rt_sigprocmask(sys.SIG_BLOCK, None, limit, 8)
        await sys.print(await sys.readlink("/tmp/l"), vector[0], (await sys.stat("/tmp/x")).st_mode == 0o100640)

    assert run(main) == "to 1 True\n"


def test_a_call_that_is_missing_says_so():
    async def main(sys):
        for call in (sys.tuxcall, sys.afs_syscall, sys.rt_sigreturn):
            try:
                await call(1, 2, 3)
            except OSError as error:
                await sys.print(error.strerror)

    assert run(main) == "Function not implemented\n" * 3


@pytest.mark.parametrize("call", [
    lambda sys: sys.mkdir(5), lambda sys: sys.close("3"), lambda sys: sys.rename("a", None), lambda sys: sys.dup2(1),
    lambda sys: sys.close([3]), lambda sys: sys.mkdirat(sys.AT_FDCWD, 7, 0),
])
def test_a_mistake_is_a_type_error(call):
    async def main(sys):
        try:
            await call(sys)
        except TypeError as error:
            await sys.print(type(error).__name__)

    assert run(main) == "TypeError\n"
