"""Sys: other programs run to their end, with redirections, as subprocess does it (see spawn.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from procession.arch.python import checks, spawn
from procession.arch.python.spawn import Process, Words
from procession.arch.python.sys_process import ProcessCalls
from procession.include.linux.fcntl import O_CLOEXEC
from procession.lib import string

if TYPE_CHECKING:
    from procession.arch.python.completed import CompletedPipeline, CompletedProcess

__all__ = ("RunCalls",)


class RunCalls(ProcessCalls):
    """Programs run by a program."""

    __slots__ = ()

    PIPE: Final = spawn.PIPE
    STDOUT: Final = spawn.STDOUT
    DEVNULL: Final = spawn.DEVNULL

    async def spawn(
        self,
        args: Words,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        cwd: str | bytes | None = None,
        env: Mapping[str, str] | Words | None = None,
    ) -> Process:
        """Start a program as a child, looked for along PATH if its name has no slash (subprocess.Popen).

        stdin, stdout, stderr: a descriptor, PIPE, DEVNULL, for stderr also STDOUT; None: as they are here. Other
        descriptors are passed on unless they are closed on exec. Raises the OSError for which it could not be done.
        """
        return await spawn.spawn(self, args, (stdin, stdout, stderr), cwd, env)

    async def run(
        self,
        args: Words,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        input: bytes | str | None = None,
        capture_output: bool = False,
        check: bool = False,
        cwd: str | bytes | None = None,
        env: Mapping[str, str] | Words | None = None,
        text: bool = False,
        timeout: float | None = None,
    ) -> CompletedProcess[Any]:
        """Run a program to its end (subprocess.run); timeout in seconds of virtual time.

        Raises subprocess.CalledProcessError with check unless it has returned 0, subprocess.TimeoutExpired, after which
        it is killed, and the OSError for which it could not be started.
        """
        files = _files(stdin, stdout, stderr, input, capture_output)
        done = await _run_all(self, [args], files, input, cwd, env, text, timeout)
        from procession.arch.python.completed import CompletedProcess  # noqa: PLC0415 -- most programs need none

        completed = CompletedProcess(args, done.returncode, done.stdout, done.stderr)
        if check:
            completed.check_returncode()
        return completed

    async def pipeline(
        self,
        *commands: Words,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        input: bytes | str | None = None,
        capture_output: bool = False,
        check: bool = False,
        cwd: str | bytes | None = None,
        env: Mapping[str, str] | Words | None = None,
        text: bool = False,
        timeout: float | None = None,
    ) -> CompletedPipeline:
        """Run programs, each reading what the one before it writes; as run(), and returncodes has the end of each.

        stdin is the first one's, stdout the last one's, stderr that of all. As in a shell, returncode, which check goes
        by, is the last one's.
        """
        if not commands:
            raise ValueError("pipeline: no commands")
        files = _files(stdin, stdout, stderr, input, capture_output)
        completed = await _run_all(self, commands, files, input, cwd, env, text, timeout)
        if check:
            completed.check_returncode()
        return completed


def _files(
    stdin: int | None, stdout: int | None, stderr: int | None, input: bytes | str | None, capture_output: bool
) -> tuple[int | None, int | None, int | None]:
    """Return the standard files that are asked for; raises TypeError, ValueError for what cannot be together."""
    if input is not None:
        if stdin is not None:
            raise ValueError("stdin and input may not both be given")
        checks.data_of("input", input)
        stdin = spawn.PIPE
    if capture_output:
        if stdout is not None or stderr is not None:
            raise ValueError("stdout and stderr may not be given with capture_output")
        stdout = stderr = spawn.PIPE
    spawn.check_files((stdin, stdout, stderr))
    return stdin, stdout, stderr


async def _run_all(
    linux: ProcessCalls,
    commands: Sequence[Words],
    files: tuple[int | None, int | None, int | None],
    input: bytes | str | None,
    cwd: str | bytes | None,
    env: Mapping[str, str] | Words | None,
    text: bool,
    timeout: float | None,
) -> CompletedPipeline:
    for args in commands:
        spawn.argv_of(args)
    data = b"" if input is None else checks.data_of("input", input)
    deadline = None if timeout is None else await spawn.deadline_of(linux, timeout)
    pipes: list[int | None] = [None, None, None]
    theirs: list[int] = []
    processes: list[Process] = []
    try:
        source, sink, errors = await spawn.open_files(linux, files, pipes, theirs)
        for number, args in enumerate(commands):
            reader, writer = (None, sink) if number == len(commands) - 1 else await linux.pipe(O_CLOEXEC)
            if reader is not None and writer is not None:
                theirs += [reader, writer]
            stderr = files[2] if files[2] == spawn.STDOUT else errors
            processes.append(await spawn.spawn(linux, args, (source, writer, stderr), cwd, env))
            source = reader
        while theirs:
            await linux.close(theirs.pop())
        out, err = await spawn.exchange(linux, pipes, data, deadline)
        returncodes = [await process.wait_until(deadline) for process in processes]
    except BaseException as error:
        # As subprocess.run() does; what is closed first lets nobody wait for it.
        while theirs:
            await linux.close(theirs.pop())
        for number in range(len(pipes)):
            await spawn.close_pipe(linux, pipes, number)
        for process in processes:
            await process.kill()
            await process.wait()
        if isinstance(error, spawn.Late) and timeout is not None:
            raise spawn.expired(commands[0] if len(commands) == 1 else commands, timeout, error) from None
        raise
    from procession.arch.python.completed import CompletedPipeline  # noqa: PLC0415 -- most programs need none

    if text:
        return CompletedPipeline(
            commands, returncodes, *(None if got is None else string.to_text(got) for got in (out, err))
        )
    return CompletedPipeline(commands, returncodes, out, err)
