"""Nobody looks at what fork() returned: both processes go on, and what should happen once happens twice."""

from procession import Sys

GOOD = {(0, "paid 10\n")}
BAD = {(0, "paid 10\npaid 10\n")}


async def broken(linux: Sys) -> None:
    await linux.fork()
    await linux.print("paid 10")
    try:
        await linux.wait()
    except ChildProcessError:
        pass


async def fixed(linux: Sys) -> None:
    if await linux.fork() == 0:
        await linux.exit(0)
    await linux.print("paid 10")
    await linux.wait()
