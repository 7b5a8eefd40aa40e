"""Real-time signals queue, in the order they are sent; of an ordinary signal sent twice one is left."""

from procession import Sys

OUTCOMES = {(0, "1 2 and one SIGUSR1\n"), (0, "2 1 and one SIGUSR1\n")}


async def main(linux: Sys) -> None:
    queued = linux.SIGRTMIN
    await linux.sigprocmask(linux.SIG_BLOCK, {queued, linux.SIGUSR1})
    parent = await linux.getpid()
    for value in 1, 2:
        if await linux.fork() == 0:
            await linux.kill(parent, linux.SIGUSR1)
            await linux.sigqueue(parent, queued, value)
            await linux.exit(0)
    await linux.wait()
    await linux.wait()
    values = [(await linux.sigwaitinfo({queued})).si_value for _ in range(2)]
    await linux.sigwaitinfo({linux.SIGUSR1})
    more = await linux.sigpending()
    await linux.print(*values, "and", "more" if more else "one SIGUSR1")
