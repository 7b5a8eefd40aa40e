"""The right way to sleep until a signal has come: blocked from before the fork, let in by sigsuspend alone.

One outcome, whatever the order: lost_wakeup.py is the wrong way.
"""

from procession import Sys

OUTCOMES = {(0, "sleeping\nawake\n")}


async def main(linux: Sys) -> None:
    came: list[int] = []
    await linux.sigaction(linux.SIGUSR1, came.append)
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    parent = await linux.getpid()
    if await linux.fork() == 0:
        await linux.kill(parent, linux.SIGUSR1)
        await linux.exit(0)
    if not came:
        await linux.print("sleeping")
        try:
            await linux.sigsuspend()
        except InterruptedError:
            pass
    await linux.print("awake")
    await linux.wait()
