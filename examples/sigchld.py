"""Signals: a SIGCHLD handler that reaps, and calls that a signal interrupts.

SIGCHLD does not queue: two children that end while it is blocked make one signal, so the handler waits until nobody
is left. A handler runs at the end of a system call; the call it interrupts fails with EINTR, or is made again if the
handler was installed with SA_RESTART.

Prints:
    one signal, reaped [(4, 'exit 1'), (5, 'signal 15')]
    sleep interrupted by SIGALRM with 5.0 s left
    read restarted after SIGUSR1: b'data'
"""

from procession import Kernel


async def reap(sys):
    """Have two children end while SIGCHLD is blocked."""
    calls, reaped = [], []

    async def handler(sig):
        calls.append(sig)
        try:
            while True:
                pid, status = await sys.waitpid(-1, sys.WNOHANG)
                if pid == 0:
                    return
                how = f"exit {sys.WEXITSTATUS(status)}" if sys.WIFEXITED(status) else f"signal {sys.WTERMSIG(status)}"
                reaped.append((pid, how))
        except ChildProcessError:
            return

    await sys.sigaction(sys.SIGCHLD, handler)
    await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGCHLD})
    if await sys.fork() == 0:
        await sys.exit(1)
    sleeper = await sys.fork()
    if sleeper == 0:
        await sys.pause()
    await sys.sleep(1)
    await sys.kill(sleeper, sys.SIGTERM)
    await sys.sleep(1)
    await sys.sigprocmask(sys.SIG_UNBLOCK, {sys.SIGCHLD})
    await sys.print(f"{'one signal' if len(calls) == 1 else calls}, reaped {reaped}")
    await sys.signal(sys.SIGCHLD, sys.SIG_DFL)


async def interrupt(sys):
    """Sleep for longer than the alarm clock allows."""
    await sys.sigaction(sys.SIGALRM, lambda _sig: None)
    await sys.alarm(5)
    try:
        await sys.sleep(10)
    except InterruptedError as error:
        await sys.print(f"sleep interrupted by SIGALRM with {error.remaining_ns / 1e9:.1f} s left")


async def restart(sys):
    """Read from a pipe through a signal."""
    seen = []
    await sys.sigaction(sys.SIGUSR1, seen.append, sys.SA_RESTART)
    reader, writer = await sys.pipe()
    parent = await sys.getpid()
    if await sys.fork() == 0:
        await sys.sleep(1)
        await sys.kill(parent, sys.SIGUSR1)
        await sys.sleep(1)
        await sys.write(writer, b"data")
        await sys.exit(0)
    data = await sys.read(reader, 100)
    await sys.print(f"read restarted after {'SIGUSR1' if seen == [sys.SIGUSR1] else seen}: {data}")
    await sys.wait()


async def main(sys):
    """Show all three."""
    await reap(sys)
    await interrupt(sys)
    await restart(sys)


if __name__ == "__main__":
    result = Kernel().run(main)
    print(result.output, end="")
