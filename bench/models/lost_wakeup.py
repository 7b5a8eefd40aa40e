"""Look whether the signal has come, then sleep until it does: if it comes between the two, nobody wakes the sleeper.

The program says that it will sleep, so that there is a call between the look and the pause.
"""

from procession import Sys

OUTCOMES = {(0, "awake\n"), (0, "sleeping\nawake\n"), ("deadlock", "sleeping\n")}


async def main(linux: Sys) -> None:
    came: list[int] = []
    await linux.sigaction(linux.SIGUSR1, came.append)
    parent = await linux.getpid()
    if await linux.fork() == 0:
        await linux.kill(parent, linux.SIGUSR1)
        await linux.exit(0)
    if not came:
        await linux.print("sleeping")
        try:
            await linux.pause()
        except InterruptedError:
            pass
    await linux.print("awake")
    await linux.wait()
