"""Scripts: files that name their interpreter in the first line (fs/binfmt_script.c; spec 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import exec as fs_exec
from procession.fs import exec_args, file_table
from procession.include.linux.binfmts import BINPRM_BUF_SIZE, BINPRM_MAX_RECURSION, LinuxBinfmt
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import allow_write_access
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.binfmts import LinuxBinprm
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("init_script_binfmt", "load_script")


async def load_script(current: Task, bprm: LinuxBinprm) -> None:
    """Start again with the interpreter in the script's place; raises ENOEXEC and what opening it raises."""
    if bprm.buf[:2] != b"#!" or bprm.recursion_depth > BINPRM_MAX_RECURSION:
        raise LinuxError(Errno.ENOEXEC, f"{bprm.interp}: not a script, or too many of them")
    bprm.recursion_depth += 1
    assert bprm.file is not None
    allow_write_access(bprm.file)
    file_table.fput(current, bprm.file)
    bprm.file = None

    interpreter, argument = parse_line(bprm.buf)
    if not interpreter:
        raise LinuxError(Errno.ENOEXEC, f"{bprm.interp}: no interpreter is named")
    if bprm.path_inaccessible:
        raise LinuxError(Errno.ENOENT, f"{bprm.interp}: closed by this exec")
    # The script's path replaces argv[0]; before it stand the interpreter and its one argument.
    exec_args.remove_arg_zero(bprm)
    strings = [interpreter, *([argument] if argument else []), string.to_bytes(bprm.interp)]
    exec_args.copy_strings_kernel(current, bprm, strings)
    bprm.interp = string.to_text(interpreter)

    bprm.file = await fs_exec.open_exec(current, bprm.interp)
    await fs_exec.prepare_binprm(current, bprm)
    await fs_exec.search_binary_handler(current, bprm)


def parse_line(buf: bytes) -> tuple[bytes, bytes]:
    """Return the interpreter's path and its argument: all that follows, inner blanks included.

    A line that does not fit in the buffer is cut there, silently.
    """
    line = buf[2 : BINPRM_BUF_SIZE - 1].split(b"\0", 1)[0].split(b"\n", 1)[0].strip(b" \t")
    for at, byte in enumerate(line):
        if byte in b" \t":
            return line[:at], line[at:].lstrip(b" \t")
    return line, b""


def init_script_binfmt(k: Kernel) -> None:
    """Register the format."""
    fs_exec.register_binfmt(k, LinuxBinfmt("script", load_script))
