"""Signals: a SIGCHLD handler that reaps, and calls that a signal interrupts.

SIGCHLD does not queue: two children that end while it is blocked make one signal, so the handler waits until nobody
is left. A handler runs at the end of a system call; the call it interrupts fails with EINTR, or is made again if the
handler was installed with SA_RESTART.

Prints:
    one signal, reaped [(18, 'exit 1'), (19, 'signal 15')]
    sleep interrupted by SIGALRM with 5.0 s left
    read restarted after SIGUSR1: b'data'
"""

from procession import Machine, SleepInterrupted, Sys


async def reap(linux: Sys) -> None:
    """Have two children end while SIGCHLD is blocked."""
    calls: list[int] = []
    reaped: list[tuple[int, str]] = []

    async def handler(sig: int) -> None:
        calls.append(sig)
        try:
            while True:
                pid, status = await linux.waitpid(-1, linux.WNOHANG)
                if pid == 0:
                    return
                exited, sig = linux.WIFEXITED(status), linux.WTERMSIG(status)
                how = f"exit {linux.WEXITSTATUS(status)}" if exited else f"signal {sig}"
                reaped.append((pid, how))
        except ChildProcessError:
            return

    await linux.sigaction(linux.SIGCHLD, handler)
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGCHLD})
    if await linux.fork() == 0:
        await linux.exit(1)
    sleeper = await linux.fork()
    if sleeper == 0:
        await linux.pause()
    await linux.sleep(1)
    await linux.kill(sleeper, linux.SIGTERM)
    await linux.sleep(1)
    await linux.sigprocmask(linux.SIG_UNBLOCK, {linux.SIGCHLD})
    await linux.print(f"{'one signal' if len(calls) == 1 else calls}, reaped {reaped}")
    await linux.signal(linux.SIGCHLD, linux.SIG_DFL)


async def interrupt(linux: Sys) -> None:
    """Sleep for longer than the alarm clock allows."""
    await linux.sigaction(linux.SIGALRM, lambda _sig: None)
    await linux.alarm(5)
    try:
        await linux.sleep(10)
    except SleepInterrupted as error:
        await linux.print(f"sleep interrupted by SIGALRM with {error.remaining_ns / 1e9:.1f} s left")


async def restart(linux: Sys) -> None:
    """Read from a pipe through a signal."""
    seen: list[int] = []
    await linux.sigaction(linux.SIGUSR1, seen.append, linux.SA_RESTART)
    reader, writer = await linux.pipe()
    parent = await linux.getpid()
    if await linux.fork() == 0:
        await linux.sleep(1)
        await linux.kill(parent, linux.SIGUSR1)
        await linux.sleep(1)
        await linux.write(writer, b"data")
        await linux.exit(0)
    data = await linux.read(reader, 100)
    await linux.print(f"read restarted after {'SIGUSR1' if seen == [linux.SIGUSR1] else seen}: {data!r}")
    await linux.wait()


async def main(linux: Sys) -> None:
    """Show all three."""
    await reap(linux)
    await interrupt(linux)
    await restart(linux)


if __name__ == "__main__":
    result = Machine().run(main)
    print(result.output, end="")
